"""Scored predictions agree with seqeval, scikit-learn and scipy, on invented files of every kind and on real ones."""

from __future__ import annotations

import dataclasses
import json
import random
import warnings
from pathlib import Path

import numpy as np
import pytest

from blurbstudy import paths
from blurbstudy.api.score import export_predictions, score_file, score_run
from blurbstudy.engine.sources.resolve import resolve_sources
from blurbstudy.errors import DataError, ParameterError, StoreError, StudyError
from blurbstudy.stats.references import UNMARKED_DOCUMENTS
from blurbstudy.store.run_store import RunStore
from blurbstudy.tasks import data_fingerprint, get_task, read_split, split_labels, split_tags
from blurbstudy.tasks.prediction_files import read_predictions
from tests.fixtures.invented_files import invented, perturbed, scored, write

KINDS = ("NCBI-disease", "JNLPBA", "EBM PICO", "ChemProt", "GAD", "HoC", "BIOSSES", "BioASQ")


def oracle(task, gold, predicted):
    """The task's metric by seqeval, scikit-learn or scipy."""
    from scipy.stats import pearsonr
    from seqeval.metrics import f1_score as entity_f1
    from seqeval.scheme import IOB2
    from sklearn.metrics import accuracy_score, f1_score

    if task.metric == "entity_f1":
        typed = [
            [[f"{tag}-x" if tag != "O" else tag for tag in split_tags(s)] for s in side] for side in (gold, predicted)
        ]
        return entity_f1(*typed, mode="strict", scheme=IOB2)
    if task.metric == "pico_f1":
        words = [[tag for sentence in side for tag in split_tags(sentence)] for side in (gold, predicted)]
        return f1_score(*words, labels=list(task.positive_labels), average="macro", zero_division=0)
    if task.metric == "micro_f1":
        return f1_score(gold, predicted, labels=list(task.positive_labels), average="micro", zero_division=0)
    if task.metric == "document_f1":
        sets = [[[name in split_labels(s) for name in task.labels] for s in side] for side in (gold, predicted)]
        return f1_score(*map(np.array, sets), average="micro", zero_division=0)
    return pearsonr(gold, predicted).statistic if task.metric == "pearson" else accuracy_score(gold, predicted)


def check(found, task, gold, predicted):
    assert found.score == pytest.approx(oracle(task, gold, predicted), abs=1e-12)
    assert found.n == len(gold)
    low, high = found.interval
    assert low < found.score < high and found.trivial < found.score
    units = "blocks of 10 sentences" if task.name in UNMARKED_DOCUMENTS and len(gold) >= 100 else f"{task.unit}s"
    assert found.method == ("Fisher's z" if task.metric == "pearson" else f"bootstrap over {units}")


@pytest.mark.parametrize("name", KINDS)
def test_scores_agree_with_other_libraries(tmp_path, name):
    task = get_task(name)
    folder = invented(tmp_path, task)
    found, gold, predicted = scored(folder, tmp_path / "preds.tsv", task)
    check(found, task, gold, predicted)
    assert found.units == len({example.unit for example in read_split(task, folder, split="test")})
    assert (found.units < found.n) == (name in ("JNLPBA", "EBM PICO", "ChemProt"))


@pytest.mark.data
@pytest.mark.skipif(paths.data_folder() is None, reason=f"{paths.DATA_ENV} names no folder of BLURB's files")
@pytest.mark.parametrize("name", ["NCBI-disease", "EBM PICO", "DDI", "HoC", "BIOSSES", "PubMedQA"])
def test_scores_on_the_real_test_sets_agree_with_other_libraries(tmp_path, name):
    task = get_task(name)
    found, gold, predicted = scored(paths.data_folder(), tmp_path / "preds.tsv", task)
    check(found, task, gold, predicted)


def test_precision_recall_and_conventions_of_entities_agree_with_seqeval(tmp_path):
    from seqeval.metrics import f1_score, precision_score, recall_score
    from seqeval.scheme import IOB2

    task = get_task("NCBI-disease")
    found, *sides = scored(invented(tmp_path, task), tmp_path / "preds.tsv", task)
    gold, predicted = ([[f"{t}-x" if t != "O" else t for t in split_tags(s)] for s in side] for side in sides)
    strict = {"mode": "strict", "scheme": IOB2}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert found.precision_recall.precision == pytest.approx(precision_score(gold, predicted, **strict))
        assert found.precision_recall.recall == pytest.approx(recall_score(gold, predicted, **strict))
        by_name = {convention.name: convention for convention in found.conventions}
        assert by_name["seqeval default"].f1 == pytest.approx(f1_score(gold, predicted))
    assert found.conventions[0].f1 == found.score
    text = found.text()
    assert all(name in text for name in by_name) and "precision" in text


def test_pico_shows_every_class(tmp_path):
    from sklearn.metrics import f1_score

    task = get_task("EBM PICO")
    found, *sides = scored(invented(tmp_path, task), tmp_path / "preds.tsv", task)
    words = [[tag for sentence in side for tag in split_tags(sentence)] for side in sides]
    expected = f1_score(*words, labels=list(task.positive_labels), average=None)
    assert [found.by_class.classes[name].f1 for name in task.positive_labels] == pytest.approx(list(expected))
    assert found.precision_recall is None and found.conventions == ()
    lines = found.text().splitlines()
    heading = next(i for i, line in enumerate(lines) if line.startswith("Class "))
    assert [line.split()[0] for line in lines[heading + 1 : heading + 4]] == list(task.positive_labels)


def test_documents_show_the_example_based_f1_as_another_metric(tmp_path):
    task = get_task("HoC")
    found, gold, predicted = scored(invented(tmp_path, task), tmp_path / "preds.tsv", task)
    pairs = [(set(split_labels(g)), set(split_labels(p))) for g, p in zip(gold, predicted, strict=True) if g]
    precision = np.mean([len(g & p) / len(p) if p else 0 for g, p in pairs])
    recall = np.mean([len(g & p) / len(g) for g, p in pairs])
    assert found.others.keys() == {"example_based_f1", "label_macro_f1"}
    assert found.others["example_based_f1"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert "example-based F1 (BLUE) (additional metric): " in found.text()


def test_the_plain_values_are_json_and_the_text_is_times_100(tmp_path):
    for name in KINDS:
        task = get_task(name)
        (tmp_path / name).mkdir()
        found, *_ = scored(invented(tmp_path / name, task), tmp_path / "preds.tsv", task)
        values = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert values["score"] == found.score and values["task"] == name and values["n"] == found.n
        assert f"score {100 * found.score:.2f}, 95% CI [" in found.text()


def test_gold_scores_100_and_the_trivial_prediction_its_own_score(tmp_path):
    task = get_task("GAD")
    folder = invented(tmp_path, task)
    examples = read_split(task, folder, split="test")
    write(tmp_path / "p.tsv", task, examples, [example.label for example in examples])
    assert score_file(tmp_path / "p.tsv", task, folder).score == 1.0
    train = [example.label for example in read_split(task, folder, split="train")]
    majority = max("01", key=train.count)
    write(tmp_path / "p.tsv", task, examples, [majority] * len(examples))
    found = score_file(tmp_path / "p.tsv", task, folder)
    assert found.score == found.trivial


def test_tagged_sentences_need_no_training_file_to_be_scored(tmp_path):
    task = get_task("NCBI-disease")
    folder = invented(tmp_path, task)
    (folder / task.folder / "train.tsv").unlink()
    assert scored(folder, tmp_path / "preds.tsv", task)[0].trivial == 0.0


def test_another_split_and_an_unknown_one(tmp_path):
    task = get_task("BioASQ")
    folder = invented(tmp_path, task)
    examples = read_split(task, folder, split="dev")
    write(tmp_path / "p.tsv", task, examples, ["yes"] * len(examples))
    assert score_file(tmp_path / "p.tsv", task, folder, split="dev").split == "dev"
    with pytest.raises(ParameterError, match="split='all' is unknown; use train, dev or test"):
        score_file(tmp_path / "p.tsv", task, folder, split="all")
    examples = read_split(task, folder, split="test")
    write(tmp_path / "p.tsv", task, examples[3:], ["yes"] * (len(examples) - 3))
    with pytest.raises(DataError, match="3 of 60 predictions are missing, the first for id 'e0'"):
        score_file(tmp_path / "p.tsv", task, folder)


@pytest.fixture
def run(tmp_path, make_results):
    """A store with two runs on BioASQ: 80 of 100 answers right, and one whose loss diverged."""
    results = make_results({"one": [80, None]})
    store = RunStore(tmp_path / "store")
    reference = results.references["BioASQ"]
    for split, gold in reference.gold.items():
        store.put_gold("BioASQ", reference.data, split, ids=gold.ids, units=gold.units, gold=gold.gold)
    for record in results.records.values():
        store.put(record)
    return store, [record.id for record in results.records.values()]


def test_a_run_is_scored_from_its_store_alone(run):
    store, (good, failed) = run
    found = score_run(good, store)
    assert (found.score, found.n, found.trivial, found.origin) == (0.8, 100, 0.6, f"run {good}")
    assert score_run(good, store, split="dev", task=get_task("BioASQ")).split == "dev"
    with pytest.raises(StudyError, match=f"run {failed} has no score on test: its loss or a prediction became NaN"):
        score_run(failed, store)
    with pytest.raises(
        StudyError, match=f"run {good} has no score on train: stores have predictions on dev and test only"
    ):
        score_run(good, store, split="train")
    with pytest.raises(ParameterError, match=f"run {good} is on BioASQ, not HoC; remove --task"):
        score_run(good, store, task=get_task("HoC"))


@pytest.mark.parametrize("run_id", ["0" * 20, "../../x", ""])
def test_a_run_that_is_not_there_is_one_line(run, run_id):
    with pytest.raises(StoreError, match="no run"):
        score_run(run_id, run[0])
    with pytest.raises(StoreError, match="no run"):
        score_run(run_id, RunStore(Path("nowhere")))


@pytest.mark.parametrize("name", KINDS)
def test_an_exported_run_is_scored_as_in_its_store(tmp_path, make_results, name):
    task, store = get_task(name), RunStore(tmp_path / "store")
    folder = invented(tmp_path, task)
    resolve_sources(store, tasks=[name], encoders={}, data=str(folder))
    draw = random.Random(3)
    predicted = {
        split: [perturbed(task, example.label, draw) for example in read_split(task, folder, split=split)]
        for split in ("dev", "test")
    }
    (any_run,) = make_results({"one": [80]}).records.values()
    config = dataclasses.replace(any_run.config, task=name, data_fingerprint=data_fingerprint(task, folder))
    record = dataclasses.replace(any_run, config=config, predictions=predicted)
    store.put(record)
    for split in predicted:
        file = tmp_path / f"{split}.tsv"
        export_predictions(record.id, store, folder=folder, file=file, split=split)
        again, kept = score_file(file, task, folder, split=split), score_run(record.id, store, split=split)
        assert kept.caveats is None and "caveats: not looked for" in kept.text()
        assert dataclasses.replace(again, origin="", caveats=None) == dataclasses.replace(kept, origin="")
        assert read_predictions(file, task, read_split(task, folder, split=split)) == predicted[split]
    written = (tmp_path / "test.tsv").read_bytes()
    with pytest.raises(ParameterError, match="test.tsv: exists; name another file"):
        export_predictions(record.id, store, folder=folder, file=tmp_path / "test.tsv")
    assert (tmp_path / "test.tsv").read_bytes() == written


def test_a_run_is_exported_with_its_own_data_alone(run, tmp_path):
    store, (good, failed) = run
    folder = invented(tmp_path, get_task("BioASQ"))
    with pytest.raises(StudyError, match=f"run {good} used BioASQ with fingerprint d{{20}}, but .* has "):
        export_predictions(good, store, folder=folder, file=tmp_path / "p.tsv")
    with pytest.raises(StudyError, match=f"run {failed} has no score on test"):
        export_predictions(failed, store, folder=folder, file=tmp_path / "p.tsv")
    assert not (tmp_path / "p.tsv").exists()
