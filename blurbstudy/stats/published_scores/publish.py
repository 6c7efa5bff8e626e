"""What is published of a dataset: scores of runs by resampling unit, without gold labels, predictions or names.

Of each run: its status, its dev score and the additive terms of its test score by unit. Units are in an order that only
the publishing store knows (`UNIT_ORDER`): the terms of a run that always predicts one label equal the gold labels, and
then tell how often a label occurs, but not where.

Of a correlation, terms or delete-one scores by unit would not do. Up to a line, n gold scores are n - 2 unknowns, and
the predictions of each run as many more; r and the n delete-one values of a run are n + 1 equations. So each run adds
three more equations than unknowns, and (n - 2) / 3 runs give enough to solve for the gold scores. But the statistics
only take variances of sums of runs. So vectors are published whose inner products are the covariances between runs
(`covariance_factor`). They are the same for every order of the pairs and for every line through the gold scores: which
pair has which score cannot be found from them, nor the scores themselves; at the very most, from a hundred runs or so,
the shape of the distribution of all scores.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from ...config import JsonObject, fold_of
from ...errors import StoreError
from ...training.run_record import RunRecord
from ..references import GoldReference, is_unscored
from ..resampled.folds import MIN_UNITS, weighted_values
from ..resampling import Resampling
from ..scale import Scale
from ..seeds.cells import seeds_of
from ..split_scores import SplitScore
from ..status import judge_run
from .reference import FORMAT, OFFICIAL, TRIVIAL, Arrays, FoldKey, array_name, cell_key, fold_name

FURTHER_METRICS = {"entity_f1": ("relaxed_f1",)}  # by which test is scored too: Table 11


def publish_dataset(
    reference: GoldReference,
    records: Sequence[RunRecord],
    *,
    cells: Sequence[Sequence[RunRecord]] = (),
    systems: Mapping[str, Mapping[str, SplitScore]] | None = None,
) -> tuple[JsonObject, Arrays]:
    """The numbers and arrays of a dataset and the runs on it; see `PublishedReference`.

    Args:
        cells: sets of runs whose agreement and ensembles, which need their predictions, are computed.
        systems: name of a system without runs -> metric -> its score on test.

    Raises:
        StoreError: the reference has no secret order, or terms are not whole numbers.
        StudyError: a record is of other data.
    """
    if not reference.unit_order:
        raise StoreError(
            f"{reference.task.name}: its units have no secret order; publish by `blurbstudy store publish`"
        )
    by_fold: dict[FoldKey, list[RunRecord]] = defaultdict(list)
    by_fold[OFFICIAL] = []
    for record in records:
        reference.check(record)
        by_fold[fold_of(record.config)].append(record)
        if record.config.n_folds:
            by_fold.setdefault((record.config.n_folds, 0, 0), [])  # where sizes are taken from
    folds: JsonObject = {}
    arrays: dict[str, np.ndarray] = {}
    scored: dict[FoldKey, list[SplitScore]] = {}  # of correlations, the trivial baseline first
    for key, runs in sorted(by_fold.items()):
        of_fold = reference if key == OFFICIAL else reference.fold(*key)
        tested = [run for run in runs if "test" in of_fold.splits and not is_unscored(run, "test")]
        others = (systems or {}) if key == OFFICIAL else {}
        folds[fold_name(key)] = _describe(of_fold) | {"rows": [TRIVIAL, *(run.id for run in tested), *others]}
        if "test" not in of_fold.splits:
            continue
        for metric in (reference.task.metric, *FURTHER_METRICS.get(reference.task.metric, ())):
            by_metric = of_fold.with_metric(metric)
            scores = [by_metric.trivial("test"), *(by_metric.scored(run, "test") for run in tested)]
            scores += [by_metrics[metric] for by_metrics in others.values()]
            if metric == "pearson":
                scored[key] = scores
            else:
                arrays[array_name(metric, key)] = _whole_numbers(np.stack([_sums(score) for score in scores]))
    if scored:
        arrays |= _covariances(reference, scored)
    values = {
        "format": FORMAT,
        "task": reference.task.name,
        "data": reference.data,
        "trivial_label": "" if reference.task.output in ("score", "token_labels") else reference.trivial_label(),
        "folds": folds,
        "runs": {record.id: _describe_run(reference, record) for record in records},
        "seeds": {cell_key(cell): [asdict(part) for part in seeds_of(cell, reference)] for cell in cells},
    }
    return values, arrays


def covariance_factor(rows: np.ndarray) -> np.ndarray:
    """Vectors (runs, k) with the same inner products as these rows (runs, n): a function of the products alone."""
    left, sizes, _ = np.linalg.svd(rows, full_matrices=False)
    left *= np.sign(left[np.abs(left).argmax(axis=0), np.arange(left.shape[1])])  # the svd's signs depend on the rows
    rank = max(1, int((sizes > 1e-13 * max(sizes[0], 1e-300)).sum()))
    # Turned, so that no single value is far from the others: replicates stay near the score.
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((rank, rank)))
    return (left[:, :rank] * sizes[:rank]) @ turn


def _describe(reference: GoldReference) -> JsonObject:
    splits = {
        split: {
            "examples": reference.n_examples(split),
            "units": reference.n_units(split),
            "unit": reference.resampling_unit(split),
            "varies": reference.varies(split),
            "trivial": reference.trivial_score(split),
        }
        for split in reference.splits
    }
    if reference.fold_key == OFFICIAL or reference.task.metric == "pearson":
        return {"splits": splits}
    return {"splits": splits, "numbers": reference.unit_numbers("test").tolist()}


def _describe_run(reference: GoldReference, record: RunRecord) -> JsonObject:
    judgement = judge_run(record, reference)
    splits = [split for split in ("dev", "test") if split in reference.splits and not is_unscored(record, split)]
    scores = {split: reference.scored(record, split) for split in splits}
    return {
        "status": judgement.status.value,
        "reason": judgement.reason,
        "scores": {split: scored.score for split, scored in scores.items()},
        "defined": all(scored.is_defined for split, scored in scores.items() if split == "test"),
    }


def _sums(scored: SplitScore) -> np.ndarray:
    assert scored.sums is not None
    return scored.sums


def _whole_numbers(sums: np.ndarray) -> np.ndarray:
    """Terms as small integers. Raises StoreError: they are none."""
    integers = sums.astype(np.int32)
    if not np.array_equal(integers, sums):
        raise StoreError("terms of a score are not whole numbers; its runs cannot be published")
    return integers.astype(np.int16) if integers.max(initial=0) < 2**15 else integers


def _covariances(reference: GoldReference, scored: dict[FoldKey, list[SplitScore]]) -> dict[str, np.ndarray]:
    """Of a correlation: array name -> vectors (rows, k) of the trivial baseline and of each run; those of all folds of
    one kind belong together.
    """
    arrays: dict[str, np.ndarray] = {}
    official = scored[OFFICIAL]
    resampling = official[0].resampling
    if resampling.n_units > 1:
        for is_z in (False, True):
            rows = [Scale(is_z=is_z).forward(_replicates(split_score)) for split_score in official]
            arrays[array_name("pearson", OFFICIAL, is_z=is_z)] = covariance_factor(_centered(rows, resampling))
    for n_folds in sorted({key[0] for key in scored if key != OFFICIAL}):
        keys = [
            key
            for key in scored
            if key[0] == n_folds and all(split_score.resampling.n_units >= MIN_UNITS for split_score in scored[key])
        ]
        pooled = reference.fold(n_folds, 0, 0)
        n_units = sum(pooled.n_units(split) for split in pooled.splits)
        rows = []
        for key in keys:
            numbers = reference.fold(*key).unit_numbers("test")
            for split_score in scored[key]:
                row = np.zeros(n_units)
                row[numbers] = weighted_values(split_score, n_units / n_folds, Scale(is_z=True))
                rows.append(row)
        if not rows:
            continue
        values = np.stack(rows)
        centered = values - values.mean(axis=1, keepdims=True)
        factor = covariance_factor(centered / np.sqrt(n_units * (n_units - 1)))
        ends = np.cumsum([len(scored[key]) for key in keys])
        for key, part in zip(keys, np.split(factor, ends[:-1]), strict=True):
            arrays[array_name("pearson", key, is_z=True)] = part
    return arrays


def _replicates(scored: SplitScore) -> np.ndarray:
    replicates = scored.replicates()
    assert replicates is not None
    return replicates


def _centered(rows: Sequence[np.ndarray], resampling: Resampling) -> np.ndarray:
    """Rows whose inner products are the covariances that `Resampling.variance` gives."""
    values = np.stack(rows)
    values = values - values.mean(axis=1, keepdims=True)
    n = values.shape[1]
    return values / np.sqrt(n - 1) if resampling.is_bootstrap else values * np.sqrt((n - 1) / n)
