"""Runs on resampled splits: one population per fold, trained and scored on that fold's examples, and checked so."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from blurbstudy.config import Recipe
from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.estimates.measurements import profile_key
from blurbstudy.engine.inputs import InputReader
from blurbstudy.engine.populations import plan_populations, run_steps
from blurbstudy.engine.sources.resolve import resolve_sources
from blurbstudy.engine.sweep import run_missing
from blurbstudy.errors import ParameterError, StoreError, StudyError
from blurbstudy.stats.references import load_references
from blurbstudy.stats.status import judge_run
from blurbstudy.stats.summary import compare, summarize
from blurbstudy.store.archive import export_store, import_store
from blurbstudy.store.folds import fold_gold
from blurbstudy.store.run_store import RunStore
from blurbstudy.tasks import read_task
from blurbstudy.tasks.features import Features
from blurbstudy.tasks.folds import ResampledSplits
from blurbstudy.training.decoding import gold_of

RECIPE = Recipe(epochs=2, batch_size=16, learning_rate=1e-3, max_length=48, n_evaluations=1)


@pytest.fixture
def sources(store, make_sources):
    return make_sources(store)


@pytest.fixture
def configs(sources):
    return sources.resampled_configs("BIOSSES", "tiny", recipe=RECIPE, splits=ResampledSplits(2, 1))


def test_populations_are_of_one_fold_and_need_the_same_memory(sources):
    configs = [
        config
        for rate in (1e-3, 1e-4)
        for config in sources.resampled_configs(
            "BIOSSES", "tiny", recipe=RECIPE.replace(learning_rate=rate), splits=ResampledSplits(5, 2)
        )
    ]
    populations = plan_populations(configs, sources=sources, device="cpu", workers=1)
    assert sorted(len(population) for population in populations) == [2] * 10
    assert all(len({(c.fold, c.repeat) for c in population}) == 1 for population in populations)
    official = sources.run_config("BIOSSES", "tiny", recipe=RECIPE, seed=1)
    assert len({profile_key(config, sources=sources, device="cpu") for config in (*configs, official)}) == 1
    assert len({config.id for config in (*configs, official)}) == 21


@pytest.mark.parametrize("task", ["BIOSSES", "NCBI-disease"])
def test_features_of_a_fold_are_those_of_its_examples(store, mini_data, tiny_encoder, task):
    """The targets are the fold's gold labels, and the tokens of an example those that it has in its own split; tagged
    sentences are cut into windows.
    """
    sources = resolve_sources(store, tasks=[task], encoders={"tiny": str(tiny_encoder)}, data="mini")
    official = sources.run_config(task, "tiny", recipe=RECIPE.replace(max_length=16), seed=1)
    config = dataclasses.replace(official, n_folds=3, fold=1)
    reader = InputReader(store, sources)
    known, chosen = sources.task(task), [reader.read(c).features for c in (official, config)]
    examples = read_task(known, mini_data)
    gold = {split: store.gold(known.name, config.data_fingerprint, split) for split in known.splits}
    fold = fold_gold(known, gold, n_folds=3, fold=1, repeat=0)
    assert task == "BIOSSES" or len(chosen[0]["train"]) > len(gold["train"].ids)  # windows
    pieces = {
        f"{split}:{example.id}": chosen[0][split].selected(np.array([i]))
        for split, of_split in examples.items()
        for i, example in enumerate(of_split)
    }
    for split, features in chosen[1].items():
        assert gold_of(features, known) == [
            label if isinstance(label, str) else pytest.approx(label, rel=1e-6) for label in fold[split].gold
        ]
        for i, name in enumerate(fold[split].ids):
            assert_equal(features.selected(np.array([i])), pieces[name])


def assert_equal(ours: Features, theirs: Features):
    for field in dataclasses.fields(Features):
        one, other = getattr(ours, field.name), getattr(theirs, field.name)
        assert (one is None) == (other is None)
        assert one is None or np.array_equal(one, other)


def test_time_is_estimated_by_the_size_of_a_fold(sources, configs):
    """BIOSSES-mini has 64, 16 and 20 pairs; of 2 folds train has 40 of 100, 3 steps in an epoch instead of 4."""
    official = sources.run_config("BIOSSES", "tiny", recipe=RECIPE, seed=1)
    sizes = sources.sizes["BIOSSES"]
    assert run_steps(official, sources=sources) == 2 * -(-sizes["train"] // 16)
    half = sum(sizes.values()) - round(sum(sizes.values()) / 2)
    train = half - round(half * sizes["dev"] / (sizes["train"] + sizes["dev"]))
    assert run_steps(configs[0], sources=sources) == 2 * -(-train // 16)


def test_two_folds_are_trained_scored_judged_exported_and_imported(store, sources, configs, tmp_path):
    """The stored score is that of the fold's gold labels, and an archive with another score is rejected."""
    official = [sources.run_config("BIOSSES", "tiny", recipe=RECIPE, seed=seed) for seed in (1, 2)]
    engine = LocalEngine(device="cpu", workers=1)
    records = run_missing([*configs, *official], store, sources=sources, engine=engine, progress="silent").records
    references = load_references(store, sources.fingerprints)
    reference = references["BIOSSES"]
    tested = []
    for config in configs:
        record = store.get(config.id)
        assert record is not None and record.config == config
        fold = reference.of_run(record)
        for split in ("dev", "test"):
            scored = fold.score(fold.gold[split].gold, record.predictions[split])
            assert record.scores[split] == pytest.approx(scored, abs=1e-6)
        assert judge_run(record, reference) == judge_run(record, fold)
        tested += fold.gold["test"].ids
    assert len(tested) == len(set(tested)) == sum(sources.sizes["BIOSSES"].values())
    of_folds = [records[config.id] for config in configs]
    summary = summarize(of_folds, references)
    assert (summary.n, summary.runs, summary.resampled is not None) == (1, 2, True)
    with pytest.raises(StudyError, match="runs on one kind of splits"):
        summarize([*of_folds, records[official[0].id]], references)
    with pytest.raises(StudyError):
        compare([[of_folds, [records[config.id] for config in official]]], references)
    export_store(store, tmp_path / "runs.zip")
    other = RunStore(tmp_path / "other")
    assert import_store(tmp_path / "runs.zip", other).unscored == 0
    assert other.get(configs[1].id) == store.get(configs[1].id)


def test_an_archive_with_a_wrong_score_of_a_fold_is_rejected(store, sources, configs, tmp_path):
    run_missing(configs[:1], store, sources=sources, engine=LocalEngine(device="cpu", workers=1), progress="silent")
    record, wrong = store.get(configs[0].id), RunStore(tmp_path / "wrong")
    assert record is not None
    for split in ("train", "dev", "test"):
        truth = store.gold("BIOSSES", configs[0].data_fingerprint, split)
        named = dict(ids=truth.ids, units=truth.units, gold=truth.gold)
        wrong.put_gold("BIOSSES", configs[0].data_fingerprint, split, **named)
    wrong.put(dataclasses.replace(record, config=dataclasses.replace(configs[0], fold=1)))  # of another fold
    export_store(wrong, tmp_path / "wrong.zip")
    with pytest.raises(StoreError, match="1 runs have wrong scores; first: run"):
        import_store(tmp_path / "wrong.zip", RunStore(tmp_path / "other"))


def test_only_some_tasks_have_resampled_splits(store, tiny_encoder):
    sources = resolve_sources(store, tasks=["DDI"], encoders={"tiny": str(tiny_encoder)}, data="mini")
    with pytest.raises(ParameterError, match="DDI has no resampled splits"):
        sources.resampled_configs("DDI", "tiny", recipe=RECIPE, splits=ResampledSplits(2, 1))
