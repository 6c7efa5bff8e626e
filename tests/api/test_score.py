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
from blurbstudy.tasks.prediction_files import read_predictions, write_predictions

KINDS = ("NCBI-disease", "JNLPBA", "EBM PICO", "ChemProt", "GAD", "HoC", "BIOSSES", "BioASQ")


def invented(folder, task, *, n=60):
    """Files of a task with n examples a split, drawn at random."""
    (folder / task.folder).mkdir()
    for split, name in task.files.items():
        draw = random.Random(f"{task.name} {split}")
        text = "".join(LINES[task.reader](task, draw, i) for i in range(n))
        header = "\t".join(task.columns) + "\n" if task.reader in ("tsv_with_header", "labelled_sentences") else ""
        (folder / task.folder / name).write_text(header + text)
    return folder


def _sentence(task, draw, i):
    tags = draw.choices(task.labels, k=draw.randint(1, 8))
    legal = [t if t != "I" or (k and tags[k - 1] != "O") else "B" for k, t in enumerate(tags)]
    document = f"-DOCSTART- {i // 4}\n\n" if task.unit == "document" and i % 4 == 0 else ""
    return document + "".join(f"w{k}\t{tag}\n" for k, tag in enumerate(legal)) + "\n"


def _fields(task, draw, i):
    name = f"d{i // 3}.T1.T{i}" if task.unit_id_prefix else f"e{i}"
    label = f"{draw.uniform(*task.bounds):.1f}" if task.is_regression else draw.choice(task.labels)
    return "\t".join((name, *("Some text." for _ in task.columns[1:-1]), label)) + "\n"


def _labelled(task, draw, i):
    marks = ",".join(f"{k}_{int(draw.random() < 0.15)}" for k in range(len(task.labels)))
    return f"{marks}\tA sentence .\t{i // 2}_s{i % 2}\n"


LINES = {"conll": _sentence, "tsv": _fields, "tsv_with_header": _fields, "labelled_sentences": _labelled}


def perturbed(task, gold, draw):
    """Gold with errors, ill-formed tags among them."""
    if task.output == "token_labels":
        return " ".join(draw.choice(task.labels) if draw.random() < 0.1 else tag for tag in split_tags(gold))
    if task.output == "score":
        return gold + draw.gauss(0, 1)
    if task.output == "multi_label":
        return ",".join(name for name in task.labels if (name in split_labels(gold)) != (draw.random() < 0.1))
    return draw.choice(task.labels) if draw.random() < 0.3 else gold


def scored(folder, path, task):
    """(what score_file says of perturbed gold, gold, predictions)."""
    draw = random.Random(7)
    examples = read_split(task, folder, split="test")
    gold = [example.label for example in examples]
    predicted = [perturbed(task, label, draw) for label in gold]
    write(path, task, examples, predicted)
    return score_file(path, task, folder), gold, predicted


def write(path, *of):
    """Write predictions in the place of those of a test's part before."""
    path.unlink(missing_ok=True)
    write_predictions(path, *of)


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
    assert [found.classes[name].f1 for name in task.positive_labels] == pytest.approx(list(expected))
    assert found.precision_recall is None and found.conventions == ()
    lines = found.text().splitlines()
    heading = next(i for i, line in enumerate(lines) if line.startswith("class "))
    assert [line.split()[0] for line in lines[heading + 1 :]] == list(task.positive_labels)


def test_documents_show_the_example_based_f1_as_another_metric(tmp_path):
    task = get_task("HoC")
    found, gold, predicted = scored(invented(tmp_path, task), tmp_path / "preds.tsv", task)
    pairs = [(set(split_labels(g)), set(split_labels(p))) for g, p in zip(gold, predicted, strict=True) if g]
    precision = np.mean([len(g & p) / len(p) if p else 0 for g, p in pairs])
    recall = np.mean([len(g & p) / len(g) for g, p in pairs])
    assert found.others == {"example_based_f1": pytest.approx(2 * precision * recall / (precision + recall))}
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


def without_documents(folder, task):
    """The same files with no document marked."""
    for name in task.files.values():
        path = folder / task.folder / name
        path.write_text("".join(part for part in path.read_text().splitlines(True) if not part.startswith("-DOC")))


def test_the_caption_names_what_the_files_let_the_bootstrap_draw(tmp_path):
    task = get_task("JNLPBA")
    folder = invented(tmp_path, task)
    found, *_ = scored(folder, tmp_path / "preds.tsv", task)
    assert (found.unit, found.units, found.method) == ("document", 15, "bootstrap over documents")
    assert "(bootstrap over documents), n = 60, 15 documents\n" in found.text()
    without_documents(folder, task)
    found, *_ = scored(folder, tmp_path / "preds.tsv", task)
    assert (found.unit, found.units, found.method) == ("sentence", 60, "bootstrap over sentences")
    assert "(bootstrap over sentences), n = 60\n" in found.text() and found.to_dict()["unit"] == "sentence"
    entities = get_task("NCBI-disease")
    sentences = "".join(f"-DOCSTART- {i // 5}\n\nw{i}\tB\n\n" for i in range(60))
    (tmp_path / entities.folder).mkdir()
    (tmp_path / entities.folder / "test.tsv").write_text(sentences)
    assert scored(folder, tmp_path / "preds.tsv", entities)[0].method == "bootstrap over documents"


def test_below_ten_documents_there_is_no_interval(tmp_path):
    task = get_task("JNLPBA")
    for n, said in ((4, "1 document"), (36, "9 documents")):
        (tmp_path / str(n)).mkdir()
        found, *_ = scored(invented(tmp_path / str(n), task, n=n), tmp_path / "preds.tsv", task)
        assert found.interval is None and found.to_dict()["interval"] is None
        assert f", 95% CI none: only {said}, n = {n}, {said}\n" in found.text()
    (tmp_path / "more").mkdir()
    found, *_ = scored(invented(tmp_path / "more", task, n=40), tmp_path / "preds.tsv", task)
    assert found.interval[0] < found.interval[1] and found.method == "bootstrap over documents"


def test_a_perfect_score_is_as_sure_as_the_sentences_that_hold_a_mention(tmp_path):
    task = get_task("BC2GM")
    (tmp_path / task.folder).mkdir()
    gold = "".join(f"w{i}\t{'B' if i < 15 else 'O'}\n\n" for i in range(300))
    (tmp_path / task.folder / task.files["test"]).write_text(gold)
    (tmp_path / "p.tsv").write_text(gold)
    found = score_file(tmp_path / "p.tsv", task, tmp_path)
    assert found.interval == pytest.approx((0.7961, 1.0), abs=1e-4)  # Wilson, 15 of 15; of 300: 0.9873
    assert found.method == "Wilson over sentences, all of which are right"
    (tmp_path / "p.tsv").write_text(gold.replace("\tB", "\tO"))
    found = score_file(tmp_path / "p.tsv", task, tmp_path)
    assert found.interval == pytest.approx((0.0, 1 - 0.7961), abs=1e-4)
    assert found.method == "Wilson over sentences, none of which is right"
    few = "".join(f"w{i}\t{'B' if i < 5 else 'O'}\n\n" for i in range(300))
    (tmp_path / task.folder / task.files["test"]).write_text(few)
    (tmp_path / "p.tsv").write_text(few.replace("w0\tB", "w0\tO"))
    found = score_file(tmp_path / "p.tsv", task, tmp_path)
    assert (found.interval, found.method) == (None, "none: only 5 sentences that can be right or wrong")


def test_an_undefined_correlation_has_no_interval(tmp_path):
    task = get_task("BIOSSES")
    folder = invented(tmp_path, task)
    examples = read_split(task, folder, split="test")
    write(tmp_path / "p.tsv", task, examples, [2.5] * len(examples))
    found = score_file(tmp_path / "p.tsv", task, folder)
    assert found.score == 0.0 and json.loads(json.dumps(found.to_dict()))["interval"] is None
    assert "95% CI none: r is undefined if all predictions are equal, n = 60\n" in found.text()


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
    with pytest.raises(ParameterError, match="split='all' is unknown; use train or dev or test"):
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
        assert dataclasses.replace(again, origin="") == dataclasses.replace(kept, origin="")
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
