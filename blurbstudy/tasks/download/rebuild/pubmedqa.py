"""PubMedQA's splits from ori_pqal.json, by the random split of its repository (Jin et al. 2019): 500 questions for
test and ten folds of the rest, of which BLURB uses fold 0 as dev and the others as train.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from random import Random

from ....config import JsonObject
from ...formats.lines import raise_data_error, read_text

ALL = "ori_pqal.json"
ANSWERS = ("yes", "no", "maybe")  # the order in which their questions are shuffled
FOLDS = 10
SEED = 0

Questions = JsonObject  # PMID -> record; the order matters


def rebuild_pubmedqa(folder: Path, name: str) -> bytes:
    """`pqal_fold0_train.json`, `pqal_fold0_dev.json` or `test_set.json` from `ori_pqal.json`.

    Raises:
        DataError: the file is missing or malformed.
    """
    path = folder / ALL
    try:
        questions = json.loads(read_text(path))
        answers = {record["final_decision"] for record in questions.values()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise_data_error(str(path), "invalid JSON or records", "records with final_decision", "get the file again")
    if answers - {*ANSWERS} or len(questions) < 2 * FOLDS:
        expected = f"at least {2 * FOLDS}, answered {', '.join(ANSWERS)}"
        raise_data_error(str(path), f"{len(questions)} questions", expected, "get the file again")
    return json.dumps(split_questions(questions)[name], indent=4).encode()


def split_questions(questions: Questions) -> dict[str, Questions]:
    """File name -> its questions, with random seed 0."""
    random = Random(SEED)
    rest, test = _stratified(questions, 2, random)
    dev, *others = _stratified(rest, FOLDS, random)
    train = {pmid: record for fold in others for pmid, record in fold.items()}
    return {"pqal_fold0_train.json": train, "pqal_fold0_dev.json": dev, "test_set.json": test}


def _stratified(questions: Questions, n: int, random: Random) -> list[Questions]:
    """n parts of equal size with the same distribution of answers."""
    parts: list[Questions] = [{} for _ in range(n)]
    for answer in ANSWERS:
        pmids = [pmid for pmid, record in questions.items() if record["final_decision"] == answer]
        random.shuffle(pmids)
        size = math.ceil(len(pmids) / n)
        for i, part in enumerate(parts):
            part.update((pmid, questions[pmid]) for pmid in pmids[i * size : (i + 1) * size])
    if len(parts[-1]) != len(parts[0]):  # rounding up leaves the last part short, so every other part gives it one
        for part in parts[:-1]:
            pmid = random.choice(list(part))
            parts[-1][pmid] = part.pop(pmid)
    return parts
