"""Published records: the same tables as from the full store, and nothing by which gold labels could be read."""

import base64
import dataclasses
import json
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from blurbstudy.cli.notebook_options import notebook_parameters
from blurbstudy.errors import StoreError
from blurbstudy.report.make_runs import make_studies
from blurbstudy.report.publish import publish_store, stored_scale
from blurbstudy.report.published_archive import ARCHIVE, README, RECORDS, unpack_archive
from blurbstudy.stats.cells import contrast_group, group_by_task
from blurbstudy.stats.published_scores.publish import publish_dataset
from blurbstudy.stats.published_scores.reference import PublishedReference
from blurbstudy.stats.references import UNIT_ORDER, load_gold, load_references
from blurbstudy.stats.summary import compare, summarize
from blurbstudy.store.run_store import RunStore
from blurbstudy.tasks import get_task, read_task
from blurbstudy.tasks.mini_blurb import mini_blurb_folder
from blurbstudy.training.run_record import RunRecord

NOTEBOOKS = ("01_pretraining_ablation", "02_optimization_ablation", "03_layer_adaptation")
TASKS = ("BC5-chem", "EBM PICO", "ChemProt", "GAD", "BIOSSES", "HoC", "PubMedQA", "BioASQ")


def made_up(config, gold, *, index):
    """A record with predictions made from gold labels: of varying quality, some constant, some diverged."""
    rng = np.random.default_rng(index)
    task, quality = get_task(config.task), rng.uniform(0.5, 0.95)
    diverged, constant = index % 17 == 3, index % 13 == 5

    def predicted(labels):
        if task.output == "score":
            noise = rng.standard_normal(len(labels))
            return (
                [2.0] * len(labels)
                if constant
                else [float(v + 2 * (1 - quality) * e) for v, e in zip(labels, noise, strict=True)]
            )
        if task.output == "token_labels":
            tags = [[tag if rng.random() < quality else "O" for tag in label.split()] for label in labels]
            return [" ".join("O" if constant else tag for tag in sentence) for sentence in tags]
        others = sorted(set(labels))
        return [others[0] if constant else label if rng.random() < quality else rng.choice(others) for label in labels]

    splits = () if diverged else ("test",) if config.recipe.train_on_dev else ("dev", "test")
    predictions = {split: [str(v) if task.output != "score" else v for v in predicted(gold[split])] for split in splits}
    return RunRecord(
        config=config,
        status="diverged" if diverged else "finished",
        stopped_at_step=10,
        selected_step=None if diverged else 10,
        scores={split: 0.5 if split in splits else None for split in ("dev", "test")},
        curve={"step": [10], "train_loss": [0.25], "dev_score": [0.5]},
        predictions=predictions,
        seconds=1.0,
        peak_bytes=1000,
        final_loss=None if diverged else float(rng.uniform(0.1, 1.0)),
        constant_loss=None if diverged else 1.0,
        environment={"device": "cpu", "commit": "abcdef1"},
    )


@pytest.fixture(scope="module")
def full(tmp_path_factory, tiny_encoder):
    """A store of made-up runs of three notebooks on mini-BLURB, one task on resampled splits, and published."""
    folder = tmp_path_factory.mktemp("published")
    overrides = {
        "encoders": {"BERT": str(tiny_encoder)},
        "tasks": list(TASKS),
        "seeds": 3,
        "store": str(folder / "runs" / "mini"),
        "freeze": 1,
        "splits": "2x2",
        "pretraining_seeds": 1,
        "brief_tokens": 0,
    }
    plan = notebook_parameters(scale="mini", only=list(NOTEBOOKS), overrides=overrides)
    index = 0
    for study in make_studies(plan):
        study.save_parameters()
        references = load_gold(study.store, study.sources.fingerprints)
        for grid in study.section.grids(study).values():
            for config in grid.configs:
                reference = references[config.task]
                if config.n_folds:
                    reference = reference.fold(config.n_folds, config.fold, config.repeat)
                gold = {split: truth.gold for split, truth in reference.gold.items()}
                study.store.put(made_up(config, gold, index=(index := index + 1)))
    publish_store(study.store, folder / "studies" / "mini", scale="mini")
    return folder


@pytest.fixture(scope="module")
def archive(full):
    return full / "studies" / "mini" / ARCHIVE


def without_downloads(html):
    """The main part of a page, and the numbers of its downloads (all digits)."""
    (main,) = re.findall(r"<main.*</main>", html, flags=re.S)
    download = re.compile(r"data:text/csv;charset=utf-8;base64,([\w+/=]*)")
    files = [base64.b64decode(text).decode() for text in download.findall(main)]
    return download.sub("", main), re.split(r"[,\n]", "\n".join(files))


def test_the_pages_of_three_notebooks_are_the_same_from_published_records(full, tmp_path, command, monkeypatch):
    """Accuracy, F1 of mentions, words, documents and relations, Pearson's r; official and resampled splits; collapsed
    and diverged runs.
    """
    monkeypatch.chdir(full)
    assert command("report", "--store", full / "runs" / "mini", "--report", tmp_path / "full")[0] == 0
    monkeypatch.chdir(tmp_path)
    shutil.copytree(full / "studies", tmp_path / "studies")
    code, _, error = command("report", "--scale", "mini", "--report", tmp_path / "published")
    assert code == 0 and "published records" in error
    for notebook in NOTEBOOKS:
        pages = [(tmp_path / kind / f"{notebook}.html").read_text() for kind in ("full", "published")]
        (ours, numbers), (theirs, others) = map(without_downloads, pages)
        assert len(re.findall("<table", ours)) >= 5 and ours == theirs
        assert len(numbers) == len(others)
        for number, other in zip(numbers, others, strict=True):
            assert number == other or float(number) == pytest.approx(float(other), rel=1e-9)


def test_means_over_tasks_that_mix_a_correlation_with_other_metrics_are_the_same(full, archive):
    """Whose errors are then not on Fisher's z scale; and relaxed F1, the second metric of entity sets."""
    found = []
    for store in (RunStore(full / "runs" / "mini"), RunStore(unpack_archive(archive))):
        by_recipe = {}  # task -> recipe -> runs
        for record in store.records():
            if record.config.task in ("BIOSSES", "PubMedQA") and not record.config.n_folds:
                by_recipe.setdefault(record.config.task, {}).setdefault(record.config.recipe, []).append(record)
        chosen = [sorted(cells.items(), key=lambda pair: repr(pair[0])) for _, cells in sorted(by_recipe.items())]
        sides = [[run for cells in chosen for run in cells[side][1]] for side in (0, -1)]
        references = load_references(store, sides[0])
        weights = {"BIOSSES": 0.25, "PubMedQA": 0.75}
        entities = [record for record in store.records() if record.config.task == "BC5-chem"]
        relaxed = {name: one.with_metric("relaxed_f1") for name, one in load_references(store, entities).items()}
        found.append(
            [
                *(summarize(side, references, weights=weights) for side in sides),
                compare([sides], references, weights=weights),
                contrast_group(group_by_task(entities, relaxed, {}, None), relaxed, split="test").tasks["BC5-chem"],
            ]
        )
    for ours, theirs in zip(*found, strict=True):
        values, others = (list(flat(dataclasses.asdict(one))) for one in (ours, theirs))
        numbers = [isinstance(value, float) for value in values]
        assert any(numbers) and len(values) == len(others)
        for value, other, is_number in zip(values, others, numbers, strict=True):
            assert other == (pytest.approx(value, rel=1e-9, abs=1e-12) if is_number else value)


def flat(values):
    """All numbers and texts of nested values."""
    if isinstance(values, dict):
        for value in values.values():
            yield from flat(value)
    elif isinstance(values, (list, tuple, np.ndarray)):
        for value in values:
            yield from flat(value)
    else:
        yield values


def test_a_system_without_runs_scores_the_same_by_both_metrics(full):
    """scispaCy's models, whose tags are not published."""
    store = RunStore(full / "runs" / "mini")
    task, data = next(pair for pair in datasets(store) if pair[0] == "BC5-chem")
    reference = load_gold(store, {task: data})[task]
    gold = list(map(str, reference.gold["test"].gold))
    tags = [label.replace("I", "O") for label in gold[:-60]] + [re.sub("[BI]", "O", label) for label in gold[-60:]]
    metrics = ("entity_f1", "relaxed_f1")
    scores = {metric: reference.with_metric(metric).score_of(tags, split="test") for metric in metrics}
    values, arrays = publish_dataset(reference, [], systems={"model": scores})
    published = PublishedReference(task=get_task(task), data=data, values=values, arrays=arrays)
    assert 0 < scores["entity_f1"].score < scores["relaxed_f1"].score < 1
    for metric, ours in scores.items():
        theirs = published.with_metric(metric).system("model")
        assert theirs and theirs.score == ours.score and (theirs.bootstrap() == ours.bootstrap()).all()
    assert published.system("another") is None


def test_the_archive_holds_no_sentence_no_id_no_list_by_example_and_no_secret(full, archive):
    store = RunStore(full / "runs" / "mini")
    with zipfile.ZipFile(archive) as stored:
        members = {name: stored.read(name) for name in stored.namelist()}
    content = b"\n".join(members.values())
    assert b"BIOSSES" in content  # what is searched for could be found
    for name in TASKS:
        task = get_task(name)
        for split, examples in read_task(task, mini_blurb_folder()).items():
            names = {text for one in examples for text in (one.id, one.unit) if len(text) > 6}
            texts = {text for one in examples for text in (" ".join(one.texts), *one.texts) if len(text) > 12}
            found = {text for text in names | texts if text.encode() in content}
            assert not found, (name, split, found)
    for line in members[RECORDS].decode().splitlines():
        values = json.loads(line)
        assert values["predictions"] == values["probabilities"] == values["last_predictions"] == {}
    sizes = min(len(store.gold(task, data, "test").gold) for task, data in datasets(store))
    for name, member in members.items():
        for line in member.decode().splitlines() if not name.endswith("npz") else ():
            long = {key for key, value in lists(json.loads(line)) if len(value) >= sizes}
            assert long <= {"rows", "numbers"}, (name, long)  # run ids and numbers of the units of a fold
    secret = (store.metadata(UNIT_ORDER, UNIT_ORDER) or {})["secret"]
    assert secret.encode() not in content and str(full).encode() not in content


def datasets(store):
    return {(one.config.task, one.config.data_fingerprint) for one in store.records()}


def lists(values, key=""):
    """(key, list) of all lists in nested values."""
    if isinstance(values, dict):
        for name, value in values.items():
            yield from lists(value, name)
    elif isinstance(values, list):
        yield key, values
        for value in values:
            yield from lists(value, key)


def test_the_terms_of_a_constant_run_are_gold_labels_in_an_order_that_only_the_secret_gives(full, archive):
    """The attack on a task of labels: a run that always answers `yes` is right where the gold label is `yes`. Published
    are as many right answers; that they are those of the first, second, ... question is prevented by the order.
    """
    store, published = RunStore(full / "runs" / "mini"), RunStore(unpack_archive(archive))
    ((task, data),) = {pair for pair in datasets(store) if pair[0] == "BioASQ"}
    gold, reference = store.gold(task, data, "test"), load_references(published, {task: data})[task]
    right = terms(reference)[:, 0]
    label = reference.trivial_label()
    in_file_order = np.array([one == label for one in gold.gold])
    by_name = in_file_order[np.argsort(gold.units)]
    assert right.sum() == in_file_order.sum()
    assert (right != in_file_order).any() and (right != by_name).any()
    known = load_gold(store, {task: data})[task]
    assert (right == terms(known)[:, 0]).all()
    assert (right != terms(dataclasses.replace(known, unit_order="another secret"))[:, 0]).any()


def terms(reference):
    """Of the trivial baseline on test, by unit."""
    sums = reference.trivial("test").sums
    assert sums is not None
    return sums


def test_published_correlations_do_not_tell_the_gold_scores(make_reference, make_record):
    """Other gold scores, with other predictions, lead to the same published numbers, so no method can solve for them:
    the pairs in any order, and any line through the scores.

    The delete-one values of r by pair would not do. Up to a line, n gold scores are n - 2 unknowns, and the predictions
    of each run as many more; r and the n delete-one values of a run are n + 1 equations. So each run adds three more
    equations than unknowns, and from (n - 2) / 3 runs on there are enough to determine the gold scores of every pair.
    """
    rng, n = np.random.default_rng(0), 20  # pairs of BIOSSES's test split
    truth = rng.uniform(0, 4, n)
    predicted = [truth + rng.standard_normal(n) for _ in range(12)]
    order = rng.permutation(n)

    def publish(gold, rows, secret):
        reference = dataclasses.replace(make_reference("BIOSSES", gold.tolist()), unit_order=secret)
        records = [make_record(seed, test=row.tolist()) for seed, row in enumerate(rows, 1)]
        return publish_dataset(reference, records)

    (numbers, arrays), (others, other_arrays) = (
        publish(truth, predicted, "one secret"),
        publish(3.0 - 0.5 * truth[order], [-row[order] for row in predicted], "another"),
    )
    assert arrays.keys() == other_arrays.keys() and all(array.ndim == 2 for array in arrays.values())
    for name, array in arrays.items():
        assert array @ array.T == pytest.approx(other_arrays[name] @ other_arrays[name].T, rel=1e-8, abs=1e-14)
        assert array.shape[1] <= len(predicted) + 1  # of many pairs no more than there are runs
    for run, other in zip(numbers["runs"].values(), others["runs"].values(), strict=True):
        assert run["scores"] == pytest.approx(other["scores"]) and run.keys() == other.keys()
    assert (truth != 3.0 - 0.5 * truth[order]).all()


def test_runs_of_another_revision_are_left_out_and_counted(full, tmp_path):
    store = copy_of(full, tmp_path)
    (first, *_) = store.record_files().values()
    values = json.loads(Path(first).read_text()) | {"trainer_revision": 0}
    Path(first).write_text(json.dumps(values))
    summary = publish_store(store, tmp_path / "out", scale="mini")
    assert (summary.other_revision, summary.runs) == (1, len(store) - 1)
    assert "1 runs of other revisions" in (tmp_path / "out" / README).read_text()


def test_a_store_whose_runs_lack_gold_labels_is_not_published(full, tmp_path):
    store = copy_of(full, tmp_path)
    next(store.folder.glob("gold/BioASQ.*.test.json")).unlink()
    with pytest.raises(StoreError, match=r"the gold labels of BioASQ \(test\) are not in the store"):
        publish_store(store, tmp_path / "out", scale="mini")
    assert not (tmp_path / "out").exists()


def copy_of(full, tmp_path):
    shutil.copytree(full / "runs" / "mini", tmp_path / "mini")
    return RunStore(tmp_path / "mini")


def test_published_records_are_not_published_again_and_a_damaged_archive_is_refused(archive, tmp_path):
    with pytest.raises(StoreError, match="holds published records"):
        publish_store(RunStore(unpack_archive(archive)), tmp_path, scale="mini")
    (tmp_path / ARCHIVE).write_bytes(archive.read_bytes()[:5000])
    with pytest.raises(StoreError, match="no archive of published records"):
        unpack_archive(tmp_path / ARCHIVE)
    content = bytearray(archive.read_bytes())
    content[200:250] = bytes(50)
    (tmp_path / ARCHIVE).write_bytes(content)
    with pytest.raises(StoreError, match="no archive of published records"):
        unpack_archive(tmp_path / ARCHIVE)


def test_metadata_of_other_data_other_encoders_and_single_sentences_are_left_out(full, tmp_path):
    store = copy_of(full, tmp_path)
    theirs = {"data": "/home/someone/hospital", "fingerprint": "f" * 20, "sizes": {"train": 1}}
    store.put_metadata("data", "notes from /home/someone/hospital", theirs | {"task": "notes"})
    store.put_metadata("data", "GAD from ~/elsewhere", theirs | {"task": "GAD", "data": "~/elsewhere"})
    store.put_metadata("encoders", "Mine from /home/someone/encoder", {"name": "Mine"})
    store.put_metadata("audit", "GAD x limits", {"limits": {"test": {"128": {"longer": 1, "kept": [[17, 5]]}}}})
    publish_store(store, tmp_path / "out", scale="mini")
    published = RunStore(unpack_archive(tmp_path / "out" / ARCHIVE))
    said = json.dumps([published.all_metadata(kind) for kind in ("data", "encoders", "audit", "notebook")])
    assert all(text not in said for text in ("hospital", "elsewhere", "someone", "kept", str(tmp_path)))
    assert published.all_metadata("audit")["GAD x limits"] == {"limits": {"test": {"128": {"longer": 1}}}}
    assert published.all_metadata("data") and published.all_metadata("encoders")


def test_publishing_twice_writes_the_same_file(full, archive, tmp_path):
    publish_store(RunStore(full / "runs" / "mini"), tmp_path, scale="mini")
    assert (tmp_path / ARCHIVE).read_bytes() == archive.read_bytes()


def test_a_dataset_without_runs_yet_is_published_without_terms(full, tmp_path, command, monkeypatch):
    """As in a study that goes on: its pages are the same from the archive, with `not run` in the empty cells."""
    part = tmp_path / "part" / "runs" / "mini"
    shutil.copytree(full / "runs" / "mini", part)
    store = RunStore(part)
    for record in store.records():
        if record.config.task != "GAD":
            (part / "runs" / record.id[:2] / f"{record.id}.json").unlink()
    store = RunStore(part)
    assert stored_scale(store) == "mini"
    summary = publish_store(store, tmp_path / "studies" / "mini", scale="mini")
    assert summary.datasets == 1 and summary.runs == len(store)
    with zipfile.ZipFile(summary.file) as archive:
        sizes = {name: archive.getinfo(name).file_size for name in archive.namelist() if name.endswith(".npz")}
    assert len(sizes) == len(TASKS) and sum(size > 22 for size in sizes.values()) == 1  # 22 bytes: an empty zip
    only = ("--only", "01_pretraining_ablation")
    assert command("report", "--store", part, "--report", tmp_path / "full", *only)[0] == 0
    monkeypatch.chdir(tmp_path)
    assert command("report", "--scale", "mini", "--report", tmp_path / "archive", *only)[0] == 0
    pages = [(tmp_path / name / "01_pretraining_ablation.html").read_text() for name in ("full", "archive")]
    assert without_downloads(pages[0])[0] == without_downloads(pages[1])[0] and "not run" in pages[0]


def test_the_scale_of_a_store_is_that_of_its_notebooks(tmp_path):
    with pytest.raises(StoreError, match="no notebook was executed"):
        stored_scale(RunStore(tmp_path))
