"""One list of caveats stands next to a score wherever it is shown, with the score without what leaked."""

import json
import random

import pytest

from blurbstudy import Task, evaluate, finetune, predict
from blurbstudy.api.score import score_run
from blurbstudy.store.run_store import RunStore

RECIPE = {"epochs": 4, "learning_rate": 3e-3, "max_length": 24, "n_evaluations": 1}
LEAKED = 8


def row(draw, *, noise):
    label = draw.choice(["yes", "no"])
    cue = label if draw.random() > noise else draw.choice(["yes", "no"])
    words = draw.choices(["study", "of", "gene", "cell", "drug", "with", "risk", "in"], k=draw.randint(8, 14))
    words.insert(draw.randrange(len(words)), {"yes": "increased", "no": "normal"}[cue])
    return {"text": " ".join(words), "label": label}


def write(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_encoder):
    folder, draw = tmp_path_factory.mktemp("caveats"), random.Random(3)
    train = [row(draw, noise=0.1) for _ in range(80)]
    test = [*train[:LEAKED], *(row(draw, noise=0.5) for _ in range(30))]
    test[20]["text"] += " and a very long ending" * 4
    write(folder / "train.jsonl", train)
    write(folder / "test.jsonl", test)
    write(folder / "dev.jsonl", [row(draw, noise=0.1) for _ in range(60)])
    task = Task.from_files("classification", **{split: folder / f"{split}.jsonl" for split in ("train", "dev", "test")})
    options = {"recipe": RECIPE, "device": "cpu", "progress": "silent"}
    return folder, task, test, finetune(task, tiny_encoder, seeds=2, store=folder / "store", **options)


def accuracy(rows, labels):
    return sum(row["label"] == label for row, label in zip(rows, labels, strict=True)) / len(rows)


def test_every_output_shows_every_caveat(trained, tiny_encoder):
    folder, task, _, result = trained
    caveats = json.loads(json.dumps(result.to_dict()))["caveats"]
    of_test = {caveat["kind"]: caveat["text"] for caveat in caveats if caveat["split"] == "test"}
    assert list(of_test) == ["leakage", "few", "truncated"]
    assert of_test["leakage"].startswith(f"{LEAKED} of 38 examples of test are also in train ({LEAKED} verbatim, none")
    card = (result.model / "README.md").read_text()
    for text in of_test.values():
        assert f"\ncaveat: {text}\n" in result.text() and f"caveat: {text}" in result._repr_html_()
    for text in (*of_test.values(), f"{LEAKED} of 38 examples of test are also in train"):
        assert f"**Caveat:** {text[:1].upper()}{text[1:]}" in card or "without them" in text  # a mean over seeds
    again = finetune(task, tiny_encoder, seeds=2, store=folder / "store", recipe=RECIPE, export_model=False)
    assert again.caveats == result.caveats and again.sweep.trained == 0


def test_the_score_without_what_leaked_is_that_of_the_other_examples(trained):
    folder, task, test, result = trained
    best = result.best.record
    labels = [prediction.label for prediction in predict(result.model, folder / "test.jsonl", device="cpu")]
    with_leaked, without = accuracy(test, labels), accuracy(test[LEAKED:], labels[LEAKED:])
    assert with_leaked == best.scores["test"] and with_leaked > without
    for scored in (score_run(best.id, RunStore(folder / "store")), evaluate(result, task, device="cpu")):
        leak = next(caveat for caveat in scored.caveats if caveat.kind == "leakage")
        assert (leak.score, leak.score_without) == (with_leaked, without)
        assert f"without them {100 * without:.2f}, with them {100 * with_leaked:.2f}" in scored.text()
    card = (result.model / "README.md").read_text()
    assert f"| test, this model, without the {LEAKED} examples that are also in train | {100 * without:.2f} |" in card
    (leak,) = [caveat for caveat in result.caveats if caveat.kind == "leakage" and caveat.split == "test"]
    records = list(result.sweep.values())
    scores = [accuracy(test[LEAKED:], record.predictions["test"][LEAKED:]) for record in records]
    assert leak.score == pytest.approx(result.test.mean) and leak.score_without == pytest.approx(sum(scores) / 2)
