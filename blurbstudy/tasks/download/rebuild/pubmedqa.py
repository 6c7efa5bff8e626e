"""PubMedQA's splits from ori_pqal.json, as the repository's own script draws them (Jin et al. 2019): 500 for test, the
rest in ten folds, of which BLURB takes fold 0 as dev and the others as train.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from random import Random
from typing import Any

from ...formats.lines import fail, text_of

ALL = "ori_pqal.json"
ANSWERS = ("yes", "no", "maybe")  # in this order their questions are shuffled
FOLDS = 10
SEED = 0

Questions = dict[str, Any]  # PMID -> record, in a meaningful order


def rebuild_pubmedqa(folder: Path, name: str) -> bytes:
    """`pqal_fold0_train.json`, `pqal_fold0_dev.json` or `test_set.json` from `ori_pqal.json`.

    Raises:
        DataError: that file is missing or not what it should be.
    """
    path = folder / ALL
    try:
        questions = json.loads(text_of(path))
        answers = {record["final_decision"] for record in questions.values()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        fail(str(path), "no JSON of questions", "records with final_decision", "get the file again")
    if answers - {*ANSWERS} or len(questions) < 2 * FOLDS:
        expected = f"at least {2 * FOLDS}, answered {', '.join(ANSWERS)}"
        fail(str(path), f"{len(questions)} questions", expected, "get the file again")
    return json.dumps(split_questions(questions)[name], indent=4).encode()


def split_questions(questions: Questions) -> dict[str, Questions]:
    """File name -> its questions; the draws of seed 0."""
    random = Random(SEED)
    rest, test = _stratified(questions, 2, random)
    dev, *others = _stratified(rest, FOLDS, random)
    train = {pmid: record for fold in others for pmid, record in fold.items()}
    return {"pqal_fold0_train.json": train, "pqal_fold0_dev.json": dev, "test_set.json": test}


def _stratified(questions: Questions, n: int, random: Random) -> list[Questions]:
    """n parts with the same share of each answer, of equal size."""
    parts: list[Questions] = [{} for _ in range(n)]
    for answer in ANSWERS:
        pmids = [pmid for pmid, record in questions.items() if record["final_decision"] == answer]
        random.shuffle(pmids)
        size = math.ceil(len(pmids) / n)
        for i, part in enumerate(parts):
            part.update((pmid, questions[pmid]) for pmid in pmids[i * size : (i + 1) * size])
    if len(parts[-1]) != len(parts[0]):  # rounding up leaves the last part short: each other gives it one
        for part in parts[:-1]:
            pmid = random.choice(list(part))
            parts[-1][pmid] = part.pop(pmid)
    return parts
