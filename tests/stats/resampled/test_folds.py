"""Means over resampled splits: pseudo-values by an explicit loop, scores and statuses per repeat and run, and coverage
by simulation.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy.stats import t as student

from blurbstudy.config import Recipe, RunConfig
from blurbstudy.errors import StudyError
from blurbstudy.metrics import score
from blurbstudy.stats.contrasts import Comparison
from blurbstudy.stats.references import GoldReference
from blurbstudy.stats.resampled.folds import resampled_cell
from blurbstudy.stats.resampled.intervals import ONE_REPEAT, nadeau_bengio, resampled_mean
from blurbstudy.stats.status import RunStatus
from blurbstudy.stats.summary import collapse_strata, compare, summarize
from blurbstudy.store.run_store import Gold
from blurbstudy.tasks import get_task
from blurbstudy.training.run_record import RunRecord

DATA, SIZES = "d" * 20, (64, 16, 20)


def reference_of(values, *, task="BIOSSES", units=None, sizes=SIZES) -> GoldReference:
    """The values in file order: train, dev, test."""
    gold, start = {}, 0
    for split, size in zip(("train", "dev", "test"), sizes, strict=True):
        ids = tuple(f"{i:03d}" for i in range(size))
        own = ids if units is None else tuple(units[start : start + size])
        gold[split] = Gold(ids=ids, units=own, gold=tuple(values[start : start + size]))
        start += size
    return GoldReference(task=get_task(task), data=DATA, gold=gold)


def runs_of(reference, predict, *, n_folds=5, n_repeats=2, rate=1e-5) -> list[RunRecord]:
    """A run per fold; `predict` gets the run's seed and a split of its fold."""
    records = []
    for repeat in range(n_repeats):
        for fold in range(n_folds):
            config = RunConfig(
                task=reference.task.name,
                data_fingerprint=DATA,
                encoder_fingerprint="e" * 20,
                recipe=Recipe(learning_rate=rate),
                seed=repeat * n_folds + fold + 1,
                n_folds=n_folds,
                fold=fold,
                repeat=repeat,
            )
            gold = reference.fold(n_folds, fold, repeat).gold
            records.append(
                RunRecord(
                    config=config,
                    status="finished",
                    stopped_at_step=1,
                    selected_step=1,
                    scores={"dev": 0.5, "test": 0.5},
                    curve={},
                    predictions={split: predict(config.seed, gold[split]) for split in ("dev", "test")},
                    seconds=1.0,
                    peak_bytes=1,
                    final_loss=0.1,
                    constant_loss=1.0,
                )
            )
    return records


def noisy(sd, *, salt=0):
    """Predictions by example, with noise of the example and the seed."""

    def predict(seed, truth):
        return [
            value + sd * np.random.default_rng([salt, seed, *name.encode()]).standard_normal()
            for name, value in zip(truth.ids, truth.gold, strict=True)
        ]

    return predict


@pytest.fixture
def similarity():
    return reference_of(np.random.default_rng(2).uniform(0, 4, 100).tolist())


@pytest.mark.parametrize("task", ["BIOSSES", "BioASQ"])
def test_variance_is_that_of_the_mean_pseudo_value_by_an_explicit_loop(task, similarity):
    """Of n s - (n - 1) s(-i), on Fisher's z scale for correlations."""
    forward = math.atanh if task == "BIOSSES" else float
    reference, predict = similarity, noisy(1.0)
    if task == "BioASQ":
        rng = np.random.default_rng(4)
        reference = reference_of(rng.choice(["yes", "no"], size=100, p=[0.7, 0.3]).tolist(), task=task)

        def predict(seed, truth):
            draws = [np.random.default_rng([seed, *name.encode()]).random() for name in truth.ids]
            return [
                label if draw < 0.8 else {"yes": "no", "no": "yes"}[label]
                for label, draw in zip(truth.gold, draws, strict=True)
            ]

    records = runs_of(reference, predict, n_repeats=1)
    cell = resampled_cell(records, {task: reference}, clusters={})
    assert cell is not None
    pseudo, scores = [], []
    for record in records:
        truth = reference.of_run(record).gold["test"].gold
        predicted, n = record.predictions["test"], len(truth)
        whole = forward(score(reference.task.metric, truth, predicted))
        scores.append(whole)
        for i in range(n):
            left = forward(
                score(reference.task.metric, [*truth[:i], *truth[i + 1 :]], [*predicted[:i], *predicted[i + 1 :]])
            )
            pseudo.append(n * whole - (n - 1) * left)
    scored = cell.group.tasks[task]
    rows = cell.scale.forward(scored.replicates[1])
    assert len(pseudo) == len(rows) == 100 and not scored.resampling.is_bootstrap
    assert scored.resampling.variance(rows) == pytest.approx(np.var(pseudo, ddof=1) / 100, rel=1e-9)
    assert scored.scores[1] == pytest.approx(math.tanh(np.mean(scores)) if task == "BIOSSES" else np.mean(scores))


def test_repeats_have_their_units_in_one_order(similarity):
    """A pair has the same prediction in every repeat, though its fold differs: its part in the variance is alike."""
    records = runs_of(similarity, lambda seed, truth: noisy(1.0)(0, truth))
    cell = resampled_cell(records, {"BIOSSES": similarity}, clusters={})
    assert cell is not None
    first, second = cell.group.tasks["BIOSSES"].replicates.values()
    assert np.corrcoef(first, second)[0, 1] > 0.8


def test_the_estimate_is_the_mean_over_folds_of_uneven_documents():
    """Accuracy; folds count alike, and the variance is that of the folds' jackknives."""
    rng = np.random.default_rng(8)
    units = [f"doc{d}" for d in range(40) for _ in range(rng.integers(1, 6))]
    n = len(units)
    sizes = (n - 40, 20, 20)
    reference = reference_of(rng.choice(["yes", "no"], size=n).tolist(), task="BioASQ", units=units, sizes=sizes)

    def predict(seed, truth):
        return ["yes"] * len(truth.gold)

    records = runs_of(reference, predict, n_folds=4, n_repeats=1)
    cell = resampled_cell(records, {"BioASQ": reference}, clusters={})
    assert cell is not None
    found = resampled_mean(cell)
    shares = [np.mean([g == "yes" for g in reference.of_run(r).gold["test"].gold]) for r in records]
    assert found is not None and found.mean == pytest.approx(np.mean(shares))
    assert ONE_REPEAT in found.method and found.interval is not None
    assert found.interval[0] < found.mean < found.interval[1]


def test_summary_has_repeats_as_seeds_and_a_status_per_run(similarity):
    """One run of ten is constant on dev: it counts as collapsed, and its score counts too."""

    def predict(seed, truth):
        return [2.0] * len(truth.gold) if seed == 3 else noisy(1.0)(seed, truth)

    records = runs_of(similarity, predict)
    summary = summarize(records, {"BIOSSES": similarity})
    assert (summary.n, summary.runs, summary.collapsed, summary.n_scored) == (2, 10, 1, 2)
    assert summary.statuses[RunStatus.CONSTANT] == 1 and sum(summary.statuses.values()) == 10
    assert summary.collapse_interval is not None
    z = [[math.atanh(score("pearson", similarity.of_run(r).gold["test"].gold, r.predictions["test"])) for r in half]
         for half in (records[:5], records[5:])]  # fmt: skip
    assert summary.scores == pytest.approx([math.tanh(np.mean(row)) for row in z])
    assert summary.mean == summary.noncollapsed_mean == pytest.approx(math.tanh(np.mean(z)))
    assert [judgement.status.collapsed for judgement in summary.judgements] == [True, False]
    assert (summary.seed_interval, summary.example_interval) == (
        summary.resampled.nadeau_bengio,
        summary.resampled.interval,
    )


def test_a_repeat_without_a_score_on_every_fold_is_left_out(similarity):
    records = runs_of(similarity, noisy(1.0), n_repeats=3)
    diverged = dataclasses.replace(records[7], status="diverged", predictions={}, final_loss=None)
    summary = summarize([*records[:7], diverged, *records[8:-1]], {"BIOSSES": similarity})
    assert (summary.n, summary.runs, summary.n_scored) == (3, 14, 1)
    assert summary.statuses[RunStatus.DIVERGED] == 1
    assert [value is None for value in summary.scores] == [False, True, True]
    alone = summarize([diverged], {"BIOSSES": similarity})
    assert (alone.mean, alone.resampled, alone.collapsed) == (None, None, 1)


def test_in_a_difference_a_diverged_run_counts_as_the_trivial_baseline(similarity):
    """A correlation of 0 on its fold, instead of a repeat that is left out."""
    records = runs_of(similarity, noisy(1.0), n_repeats=2)
    diverged = dataclasses.replace(records[7], status="diverged", predictions={}, final_loss=None)
    lost = [diverged if record is records[7] else record for record in records]
    cell, whole = (resampled_cell(rows, {"BIOSSES": similarity}, clusters={}) for rows in (lost, records))
    assert len(cell.scored) == 1 and len(cell.with_trivial_scores.scored) == 2
    compared = compare([[lost, records]], {"BIOSSES": similarity})
    key = next(key for key, run in zip(whole.fold_scores, records, strict=True) if run is records[7])
    assert compared.length == pytest.approx(-whole.fold_scores[key] / 10)


def test_nadeau_bengio_by_its_formula(similarity):
    cell = resampled_cell(runs_of(similarity, noisy(1.0)), {"BIOSSES": similarity}, clusters={})
    assert cell is not None
    z = list(cell.fold_scores.values())
    assert nadeau_bengio(z, cell) == pytest.approx((np.var(z, ddof=1) * (1 / 10 + 20 / 64), 9))


def test_comparison_pairs_the_folds_of_both_sides(similarity):
    """The same pairs in the same folds: a difference far below the spread of folds is decided; and one repeat leaves
    the variance over test pairs.
    """
    references = {"BIOSSES": similarity}

    def side(extra, salt):
        common, own = noisy(1.2), noisy(extra, salt=salt)

        def predict(seed, truth):
            zero = dataclasses.replace(truth, gold=(0.0,) * len(truth.gold))
            return [a + b for a, b in zip(common(0, truth), own(seed, zero), strict=True)]

        return predict

    better = runs_of(similarity, side(0.1, 1), n_repeats=4)
    worse = runs_of(similarity, side(1.6, 2), n_repeats=4, rate=1e-4)
    compared = compare([[better, worse]], references)
    assert compared.paired and compared.n == 4 and compared.difference is not None and compared.difference > 0
    assert compared.p is not None and compared.p < 0.05
    assert compared.interval is not None and compared.nadeau_bengio is not None
    alone = [summarize(side, references).example_interval for side in (better, worse)]
    assert width(compared.interval) < 0.9 * math.hypot(*(width(one) for one in alone if one is not None))
    first = [[record for record in side if record.config.repeat == 0] for side in (better, worse)]
    alone = compare([first], references)
    assert alone.n == 1 and alone.p is not None and alone.seed_interval is None
    assert alone.interval == alone.example_interval
    both = compare([[better, worse], [better, worse]], references)
    assert both.nadeau_bengio == pytest.approx(compared.nadeau_bengio)


def width(interval):
    return interval[1] - interval[0]


def test_counts_of_collapsed_runs_are_kept_apart_from_the_official_split(similarity):
    records = runs_of(similarity, noisy(1.0))
    official = [
        dataclasses.replace(
            record,
            config=record.config.on_official_split(),
            predictions={s: noisy(1.0)(1, similarity.gold[s]) for s in ("dev", "test")},
        )
        for record in records
    ]
    strata = collapse_strata([(records, records), (official, official)], {"BIOSSES": similarity})
    assert [(stratum.n, stratum.n_others) for stratum in strata] == [(10, 10), (10, 10)]


def test_cells_of_several_kinds_of_splits_are_refused(similarity):
    records, other = runs_of(similarity, noisy(1.0)), runs_of(similarity, noisy(1.0), n_folds=4)
    with pytest.raises(StudyError, match="several tasks or kinds of splits"):
        summarize([*records, *other], {"BIOSSES": similarity})
    with pytest.raises(StudyError, match="two runs of fold 0 of repeat 1"):
        summarize([*records, records[0]], {"BIOSSES": similarity})


def test_coverage_of_the_joint_interval_and_of_the_naive_one():
    """100 examples, ridge regression trained on each fold with a random perturbation as the seed, 5 x 4 runs. The truth
    is the algorithm's expected score over data sets. The joint interval and Nadeau and Bengio's cover it, Student's t
    over the 20 runs does not; and the difference between an algorithm and itself is decided in 5% of cases.
    """
    simulations, covered, decided = [Ridge(seed) for seed in range(120)], [], []
    truth = float(np.mean([s.mean_z for s in simulations]))
    for simulation in simulations:
        mean = simulation.mean
        assert mean.interval is not None and mean.nadeau_bengio is not None
        z = simulation.z
        half = student.ppf(0.975, len(z) - 1) * np.std(z, ddof=1) / math.sqrt(len(z))
        naive = (math.tanh(np.mean(z) - half), math.tanh(np.mean(z) + half))
        covered.append([low <= math.tanh(truth) <= high for low, high in (mean.interval, mean.nadeau_bengio, naive)])
        decided.append([compared.p is not None and compared.p < 0.05 for compared in simulation.nulls])
    joint, corrected, naive = np.mean(covered, axis=0)
    assert 0.87 <= joint <= 0.99
    assert corrected >= 0.92
    assert naive < 0.8
    for errors in np.mean(decided, axis=0):  # of two and of four repeats
        assert errors <= 0.12


class Ridge:
    """A data set, and the runs of a ridge regression on its folds."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([7, seed])
        self.features = rng.standard_normal((100, 10))
        self.values = self.features @ np.full(10, 0.3) + 0.6 * rng.standard_normal(100)
        self.reference = reference_of(self.values.tolist())
        self.rows = {
            f"{split}:{i:03d}": start + i
            for split, start, size in (("train", 0, 64), ("dev", 64, 16), ("test", 80, 20))
            for i in range(size)
        }
        references = {"BIOSSES": self.reference}
        first, second = self.runs(salt=1), self.runs(salt=2)
        cell = resampled_cell(first, references, clusters={})
        assert cell is not None
        found = resampled_mean(cell)
        assert found is not None
        self.mean, self.z = found, list(cell.fold_scores.values())
        self.mean_z = float(np.mean(self.z))
        self.nulls: list[Comparison] = [
            compare([[[r for r in side if r.config.repeat < repeats] for side in (first, second)]], references)
            for repeats in (2, 4)
        ]

    def runs(self, *, salt: int) -> list[RunRecord]:
        records = runs_of(self.reference, lambda seed, truth: [0.0] * len(truth.gold), n_repeats=4, rate=salt * 1e-5)
        return [self.trained(record, salt) for record in records]

    def trained(self, record: RunRecord, salt: int) -> RunRecord:
        config, rng = record.config, np.random.default_rng([salt, record.config.seed])
        gold = self.reference.of_run(record).gold
        x, y = self.of(gold["train"])
        fitted = np.linalg.solve(x.T @ x + 5 * np.eye(10), x.T @ y) + 0.15 * rng.standard_normal(10)
        assert config.n_folds == 5
        predicted = {split: (self.of(gold[split])[0] @ fitted).tolist() for split in ("dev", "test")}
        return dataclasses.replace(record, predictions=predicted)

    def of(self, truth: Gold) -> tuple[np.ndarray, np.ndarray]:
        rows = [self.rows[name] for name in truth.ids]
        return self.features[rows], self.values[rows]
