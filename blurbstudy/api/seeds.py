"""What several seeds of one configuration tell: agreement, ensembles, the best by dev, and a learning curve."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..config import JsonObject, RunConfig
from ..engine.engine import LocalEngine
from ..engine.sources.sources import Sources
from ..engine.sweep import run_missing
from ..stats.references import GoldReference, is_unscored
from ..stats.seeds.best_of import BestOf, best_of
from ..stats.seeds.consistency import MIN_RUNS, Agreement, agreement
from ..stats.seeds.ensembles import Ensembles, ensembles
from ..stats.seeds.learning_curve import LearningCurve, learning_curve
from ..store.run_store import RunStore
from ..tables.seeds import agreement_line, best_of_line, ensemble_lines
from ..tasks import Task
from ..tasks.subsets import check_draws, check_subsets, subset_indices
from ..training.run_record import RunRecord
from .model_facts import summary_values

CURVE_SHARES = (0.125, 0.25, 0.5, 1.0)  # of train


@dataclass(frozen=True, kw_only=True)
class SeedsReport:
    """Agreement, ensembles and choice of the runs of one configuration on one split."""

    split: str
    agreement: Agreement
    ensembles: Ensembles
    best_of: BestOf | None  # None: dev has no scores

    def to_dict(self) -> JsonObject:
        """JSON values; scores are fractions."""
        best = self.best_of
        return {
            "split": self.split,
            "agreement": dataclasses.asdict(self.agreement),
            "ensembles": dataclasses.asdict(self.ensembles),
            "best_of": None
            if best is None
            else {"dev": best.dev.tolist(), "test": None if best.test is None else best.test.tolist()},
        }

    def lines(self) -> list[str]:
        """One line each; scores times 100."""
        chosen = best_of_line(self.best_of) if self.best_of else ""
        return [agreement_line(self.agreement), *ensemble_lines(self.ensembles), *filter(None, [chosen])]


def seeds_report(records: Sequence[RunRecord], reference: GoldReference, *, split: str) -> SeedsReport | None:
    """The report on at least three runs with different seeds; None below.

    Args:
        split: test, or dev without a test set.
    """
    if len(records) < MIN_RUNS:
        return None
    scored = [record for record in records if not is_unscored(record, split)]
    dev = [record.scores["dev"] for record in scored if record.scores["dev"] is not None]
    test = [record.scores["test"] for record in scored if record.scores["test"] is not None]
    both = len(test) == len(dev) == len(scored)
    return SeedsReport(
        split=split,
        agreement=agreement(records, reference, split=split),
        ensembles=ensembles(records, reference, split=split),
        best_of=best_of(dev, test if both else None) if dev else None,
    )


def curve_configs(configs: Sequence[RunConfig], task: Task, store: RunStore) -> dict[float, list[RunConfig]]:
    """Share of train -> the runs of a learning curve, one per seed.

    Raises:
        ParameterError: too few seeds, or a recipe that trains on dev.
        DataError: too few documents.
    """
    check_draws(len(configs))
    train = store.gold(task.name, configs[0].data_fingerprint, "train")
    check_subsets(task, train, share=min(CURVE_SHARES))
    return {share: [dataclasses.replace(one, train_share=share) for one in configs] for share in CURVE_SHARES}


def train_curve(
    configs: Mapping[float, Sequence[RunConfig]],
    reference: GoldReference,
    *,
    sources: Sources,
    store: RunStore,
    device: str,
    progress: str,
) -> LearningCurve:
    """The learning curve of `curve_configs`, on test or else on dev; runs that the store has are not repeated."""
    task, gold = reference.task, reference.gold
    every = [config for of_share in configs.values() for config in of_share]
    engine, label = LocalEngine(device=device), f"{task.name}, learning curve"
    runs = run_missing(every, store, sources=sources, engine=engine, progress=progress, label=label)
    sizes = {
        share: [len(subset_indices(task, gold["train"], share=share, seed=config.seed)) for config in of_share]
        for share, of_share in configs.items()
    }
    return learning_curve(
        {share: runs.select(of_share) for share, of_share in configs.items()},
        {share: float(np.mean(of_share)) for share, of_share in sizes.items()},
        {task.name: reference},
        split="test" if "test" in gold else "dev",
    )


def curve_values(curve: LearningCurve) -> JsonObject:
    """A learning curve as JSON values; scores are fractions."""
    found = curve.doubling
    return {
        "split": curve.split,
        "sizes": [
            {"share": point.share, "examples": point.n_train, **summary_values(point.summary)} for point in curve.points
        ],
        "doubling": None
        if found is None
        else {
            "difference": found.difference,
            "interval": found.interval,
            "p": found.p,
            "detectable": found.detectable,
            "reason": found.reason,
        },
        "power_law": None if curve.law is None else dataclasses.asdict(curve.law),
        "forecast_of_doubling": curve.forecast,
        "forecast_interval": curve.forecast_interval,
        "forecast_reason": curve.reason,
    }
