"""The scores of raw text are those of what `predict` writes, against every span of the files."""

import json
import random

import pytest

from blurbstudy import Task, evaluate, finetune, predict
from blurbstudy.api.score import score_run
from blurbstudy.store.run_store import RunStore
from blurbstudy.tasks.text.sentences import sentence_words

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


def test_every_output_tells_what_is_scored(trained):
    _, task, result = trained
    scored = evaluate(result, task, device="cpu")
    assert result.to_dict()["scored_on"] == {"dev": "raw text", "test": "raw text"}
    assert scored.to_dict()["scored_on"] == "raw text"
    assert [c.name for c in scored.conventions][0] == "exact spans" and scored.conventions[0].f1 == scored.score
    card = (result.model / "README.md").read_text()
    of_test = [scored.text(), scored._repr_html_()]
    assert all("test scored on raw text: words and sentences are split as" in shown for shown in of_test)
    for shown in (result.text(), card, result._repr_html_()):
        assert "ev and test scored on raw text: words and sentences are split as" in shown


def test_the_conll_output_of_predict_is_scored_as_its_spans(trained, command):
    folder, task, result = trained
    code, _, _ = command("predict", folder / "test.jsonl", "--model", result.model, "--to", folder / "test.conll")
    assert code == 0
    assert evaluate(folder / "test.conll", task).score == result.best.record.scores["test"]


def test_a_dev_split_is_scored_as_raw_text_too(trained):
    folder, task, result = trained
    (record,) = result.sweep.values()
    units = set(RunStore(folder / "store").gold(task.name, record.config.data_fingerprint, "dev").units)
    rows = [row for row in documents(60, seed=60) if row["id"] in units]
    assert 8 < len(rows) < 16
    write(folder / "dev.jsonl", rows)
    assert record.scores["dev"] == independent_score(rows, predict(result.model, folder / "dev.jsonl", device="cpu"))


def test_pico_words_are_scored_as_predicted_in_raw_text(trained, tiny_encoder):
    folder, _, _ = trained
    task = Task.from_files("pico", train=folder / "train.jsonl", test=folder / "test.jsonl")
    options = {"recipe": RECIPE | {"epochs": 3}, "device": "cpu", "progress": "silent"}
    result = finetune(task, tiny_encoder, seeds=1, store=folder / "pico", **options)
    predictions = predict(result.model, folder / "test.jsonl", device="cpu")
    f1 = {}
    for kind in ("Disease", "Drug", "Organ"):
        right = gold = predicted = 0
        for row, prediction in zip(documents(30, seed=30), predictions, strict=True):
            for start, end in (word for sentence in sentence_words(row["text"], "basic") for word in sentence):
                spans = [(a, b) for a, b, of in row["entities"] if of == kind and a < end and start < b]
                is_right = any(a <= start and end <= b for a, b in spans)
                is_predicted = any(e.start <= start and end <= e.end for e in prediction.entities if e.type == kind)
                right += is_right and is_predicted
                gold, predicted = gold + bool(spans), predicted + is_predicted
        precision, recall = right / max(1, predicted), right / gold
        f1[kind] = 2 * precision * recall / (precision + recall) if right else 0.0
    assert result.best.record.scores["test"] == pytest.approx(sum(f1.values()) / 3, abs=1e-12)
    assert sum(f1.values()) > 0.6


def test_folds_of_raw_text_have_the_gold_of_all_spans(trained, tiny_encoder):
    folder, task, _ = trained
    store = RunStore(folder / "folds")
    options = {"recipe": RECIPE | {"epochs": 1}, "device": "cpu", "progress": "silent"}
    runs = finetune(task, tiny_encoder, splits="2x1", store=store.folder, **options).sweep
    scored = [score_run(run, store) for run in runs]
    n_spans = sum(len(row["entities"]) for n in (60, 30) for row in documents(n, seed=n))
    assert sum(of_fold.precision_recall.gold for of_fold in scored) == n_spans
    assert [record.scores["test"] for record in runs.values()] == [of_fold.score for of_fold in scored]
