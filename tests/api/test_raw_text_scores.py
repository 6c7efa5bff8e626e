"""The scores of raw text are those of what `predict` writes, against every span of the files."""

import json
import random

import pytest

from blurbstudy import Task, evaluate, finetune, predict
from blurbstudy.api.score import score_run
from blurbstudy.store.run_store import RunStore

RECIPE = {"epochs": 6, "learning_rate": 3e-3, "max_length": 24, "n_evaluations": 1}
DRUGS, DISEASES = ("aspirin", "naltrexone", "heparin"), ("flu", "lung cancer", "asthma")


def documents(n, *, seed):
    """Texts of one to three sentences, some longer than a sequence, with spans inside words and nested."""
    draw = random.Random(seed)
    for i in range(n):
        text, spans = "", []
        for _ in range(draw.randint(1, 3)):
            drug, disease = draw.choice(DRUGS), draw.choice(DISEASES)
            filler = " ".join(draw.choices(["of", "patient", "with", "the", "x-ray"], k=draw.randint(1, 25)))
            ending = draw.choice(["", "s", "-like"])
            text += f"Case {i} {filler} of {disease} got {drug}{ending}. "
            at = text.rindex(disease), text.rindex(drug)
            spans += [[at[0], at[0] + len(disease), "Disease"], [at[1], at[1] + len(drug), "Drug"]]
            if disease == "lung cancer":
                spans.append([at[0], at[0] + 4, "Organ"])
        yield {"id": f"{seed}-{i}", "text": text, "entities": spans}


def write(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_encoder):
    folder = tmp_path_factory.mktemp("raw-text")
    for split, n in (("train", 60), ("test", 30)):
        write(folder / f"{split}.jsonl", documents(n, seed=n))
    task = Task.from_files("ner", train=folder / "train.jsonl", test=folder / "test.jsonl")
    options = {"recipe": RECIPE, "device": "cpu", "progress": "silent"}
    return folder, task, finetune(task, tiny_encoder, seeds=1, store=folder / "store", **options)


def independent_score(rows, predictions):
    gold = {(row["id"], *span) for row in rows for span in row["entities"]}
    predicted = {(p.id, e.start, e.end, e.type) for p in predictions for e in p.entities}
    right = len(gold & predicted)
    precision, recall = right / len(predicted), right / len(gold)
    return 2 * precision * recall / (precision + recall)


def test_the_test_score_of_a_run_is_that_of_predict_to_the_last_digit(trained):
    folder, task, result = trained
    (record,) = result.sweep.values()
    predictions = predict(result.model, folder / "test.jsonl", device="cpu")
    expected = independent_score(list(documents(30, seed=30)), predictions)
    assert 0.2 < expected < 0.9
    assert record.scores["test"] == expected
    assert score_run(record.id, RunStore(folder / "store")).score == expected
    assert evaluate(result, task, device="cpu").score == expected


def test_a_dev_split_is_scored_as_raw_text_too(trained):
    folder, task, result = trained
    (record,) = result.sweep.values()
    units = set(RunStore(folder / "store").gold(task.name, record.config.data_fingerprint, "dev").units)
    rows = [row for row in documents(60, seed=60) if row["id"] in units]
    assert 8 < len(rows) < 16
    write(folder / "dev.jsonl", rows)
    assert record.scores["dev"] == independent_score(rows, predict(result.model, folder / "dev.jsonl", device="cpu"))
