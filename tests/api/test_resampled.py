"""`finetune --splits`: all examples of a task in test folds, with both intervals and no model."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from typer.testing import CliRunner

from blurbstudy import Task, evaluate, finetune
from blurbstudy.api.export_model import export_run
from blurbstudy.api.retrain import ensure_weights
from blurbstudy.api.score import export_predictions, score_run
from blurbstudy.cli.app import app
from blurbstudy.errors import ParameterError, StudyError
from blurbstudy.stats.references import load_gold
from blurbstudy.store.run_store import RunStore
from blurbstudy.tasks import read_split

LABELS = ("mild", "severe", "unknown")
RECIPE = {"epochs": 6, "learning_rate": 5e-3, "max_length": 48, "n_evaluations": 1}


def write_reports(path, n):
    """Texts with a label; four of each document."""
    rows = ["document\ttext\tlabel"]
    rows += [f"doc{i // 4}\tcase {i} of {('flu', 'fever')[i % 2]}\t{LABELS[(i + i // 5) % 3]}" for i in range(n)]
    path.write_text("\n".join(rows) + "\n")


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    """A task without a test file, whose documents have four examples each."""
    folder = tmp_path_factory.mktemp("reports")
    write_reports(folder / "train.tsv", 120)
    columns = {"text": "text", "label": "label", "document": "document"}
    return Task.from_files("classification", train=folder / "train.tsv", columns=columns)


@pytest.fixture(scope="module")
def result(task, tmp_path_factory, tiny_encoder):
    store = tmp_path_factory.mktemp("store")
    return finetune(task, tiny_encoder, splits="3x2", recipe=RECIPE, store=store, device="cpu", progress="silent")


def test_a_task_without_test_file_is_tested_on_all_of_its_examples(result):
    """30 documents in 3 folds, whole; both intervals around the mean; the status of every run."""
    store = RunStore(result.store)
    values = result.to_dict()
    assert [(run["repeat"], run["fold"], run["seed"]) for run in values["runs"]] == [
        (1, 1, 1), (1, 2, 2), (1, 3, 3), (2, 1, 4), (2, 2, 5), (2, 3, 6)
    ]  # fmt: skip
    assert sum(values["sizes"].values()) == 120 and abs(values["sizes"]["test"] - 40) <= 4
    for repeat in (0, 1):
        runs = [record for record in map(store.get, store.ids()) if record.config.repeat == repeat]
        assert sum(len(run.predictions["test"]) for run in runs) == 120
    assert values["model"] is result.model is None
    tests = [run["test"] for run in values["runs"]]
    assert values["mean"] == pytest.approx(sum(tests) / 6) and values["repeats"] == 2
    for name in ("interval", "nadeau_bengio_interval"):
        assert values[name] is None or values[name][0] <= values["mean"] <= values[name][1]
    assert sum(values["statuses"].values()) == 6
    text = result.text()
    assert "no model is exported: each run was tested on examples that the other folds train on" in text
    assert "Nadeau and Bengio's over folds" in text and text.count("\n") >= 12
    assert "<table" in result._repr_html_()


def test_scores_by_class_are_of_the_predictions_on_all_test_folds(result):
    gold = load_gold(RunStore(result.store), list(result.sweep.values()))[result.task.name]
    right = {label: {0: [], 1: []} for label in LABELS}
    for record in result.sweep.values():
        for label, guess in zip(gold.of_run(record).gold["test"].gold, record.predictions["test"], strict=True):
            right[label][record.config.repeat].append(label == guess)
    classes = result.to_dict()["classes"]
    for label in LABELS:
        assert classes[label]["gold"] == len(right[label][0]) == len(right[label][1])
        recalls = [sum(found) / len(found) for found in right[label].values()]
        assert classes[label]["recall"] == pytest.approx(sum(recalls) / 2)
    assert "by class, on all splits, mean of 2 repeats:" in result.text() and "Scores by class" in result._repr_html_()
    assert "intervals over examples, not over trainings" in result.text()


def test_the_command_prints_the_same_and_trains_nothing_again(task, result, tiny_encoder, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(json.dumps(RECIPE))
    command = [
        "finetune", "--task", "classification", "--train", task.files["train"], "--encoder", str(tiny_encoder),
        "--columns", "text=text,label=label,document=document", "--recipe", str(recipe),
        "--store", str(result.store), "--splits", "3x2", "--device", "cpu",
    ]  # fmt: skip
    done = CliRunner().invoke(app, [*command, "--json"])
    assert done.exit_code == 0, done.output
    values = json.loads(done.stdout)
    assert (values["trained"], values["reused"]) == (0, 6)
    ours = result.to_dict() | {"trained": 0, "reused": 6}
    assert values == json.loads(json.dumps(ours))
    refused = CliRunner().invoke(app, [*command, "--model-dir", str(tmp_path / "model")])
    assert isinstance(refused.exception, ParameterError) or "no model is exported" in refused.output


def test_a_run_of_a_fold_is_scored_as_such_and_not_exported(result, tmp_path):
    store, run = RunStore(result.store), next(iter(result.sweep))
    scored = score_run(run, store)
    assert scored.score == pytest.approx(result.sweep[run].scores["test"]) and "fold 1 of 3, repeat 1" in scored.origin
    with pytest.raises(StudyError, match="no file of predictions"):
        export_predictions(run, store, folder=tmp_path, file=tmp_path / "out.tsv")
    with pytest.raises(ParameterError, match="one fold of resampled splits, which estimate a score"):
        export_run(store, result.sweep[run], tmp_path / "model")
    with pytest.raises(ParameterError, match="one fold of resampled splits"):
        ensure_weights(store, result.sweep[run], sources=None, device="cpu")
    with pytest.raises(ParameterError, match="in 3x2 folds: no model is exported"):
        evaluate(result, result.task)


def test_other_tasks_and_splits_are_refused(tiny_encoder, tmp_path):
    with pytest.raises(ParameterError, match="DDI has no resampled splits"):
        finetune("DDI", tiny_encoder, splits="5x2", data="mini", store=tmp_path)
    with pytest.raises(ParameterError, match="use official, or FOLDSxREPEATS"):
        finetune("BIOSSES", tiny_encoder, splits="five", data="mini", store=tmp_path)


def test_texts_of_several_documents_are_told_with_the_mean_without_them(tmp_path, tiny_encoder):
    write_reports(tmp_path / "train.tsv", 64)
    rows = (tmp_path / "train.tsv").read_text().splitlines()
    rows += ["\t".join((f"other{i}", *rows[4 * i + 1].split("\t")[1:])) for i in range(6)]
    (tmp_path / "train.tsv").write_text("\n".join(rows) + "\n")
    columns = {"text": "text", "label": "label", "document": "document"}
    task = Task.from_files("classification", train=tmp_path / "train.tsv", columns=columns)
    options = {"recipe": RECIPE | {"epochs": 1}, "device": "cpu", "progress": "silent"}
    result = finetune(task, tiny_encoder, splits="2x1", store=tmp_path / "store", **options)
    (leak,) = result.to_dict()["caveats"]
    assert (leak["count"], leak["total"]) == (12, 70) and f"\ncaveat: {leak['text']}\n" in result.text()
    examples = {example.id: example for example in read_split(task, split="train") + read_split(task, split="dev")}
    texts = Counter(example.texts for example in examples.values())
    without = []
    for record in result.sweep.values():
        gold = load_gold(RunStore(result.store), [record])[task.name].of_run(record).gold["test"]
        pairs = list(zip(gold.ids, gold.gold, record.predictions["test"], strict=True))
        kept = [label == guess for name, label, guess in pairs if texts[examples[name.split(":")[1]].texts] == 1]
        without.append(sum(kept) / len(kept))
    assert leak["score_without"] == pytest.approx(sum(without) / 2) and leak["score"] == pytest.approx(result.mean.mean)
