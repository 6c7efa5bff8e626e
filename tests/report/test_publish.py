"""Published records: the same tables as from the full store, and nothing by which gold labels could be read."""

import dataclasses
import json
import re
import shutil
import zipfile

import numpy as np
import pytest

from blurbstudy.cli.notebook_options import notebook_parameters
from blurbstudy.errors import StoreError
from blurbstudy.report.make_runs import make_studies
from blurbstudy.report.publish import publish_store
from blurbstudy.report.published_archive import ARCHIVE, FACTS, README, RECORDS, unpack_archive
from blurbstudy.stats.references import UNIT_ORDER, load_references
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
                [2.0] * len(labels) if constant else [float(v + 2 * (1 - quality) * e) for v, e in zip(labels, noise)]
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
        "encoders": {"BERT": str(tiny_encoder), "ELECTRA": str(tiny_encoder)},
        "tasks": list(TASKS),
        "seeds": 3,
        "store": str(folder / "runs" / "mini"),
        "freeze": 1,
        "splits": "2x2",
        "pretraining_seeds": 1,
    }
    plan = notebook_parameters(scale="mini", only=list(NOTEBOOKS), overrides=overrides)
    index = 0
    for study in make_studies(plan):
        study.save_parameters()
        references = load_references(study.store, study.sources.fingerprints)
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


def tables(html):
    """Every table, figure and finding of a page."""
    return re.findall(r"<main.*</main>", html, flags=re.S) or [html]


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
        ours, theirs = ((tmp_path / kind / f"{notebook}.html").read_text() for kind in ("full", "published"))
        assert len(re.findall("<table", ours)) >= 5
        assert tables(ours) == tables(theirs)
