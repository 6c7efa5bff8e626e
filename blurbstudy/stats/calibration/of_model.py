"""The calibration of a model: its maps fitted on dev, and its errors on test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...config import JsonObject
from ...inference.calibration import ALL, ISOTONIC, PLATT, TEMPERATURE, Calibration
from ...inference.predictor import Prediction
from ...metrics.entities import decode_tags, gold_mentions
from ...tasks import Task, split_labels
from .fit import (
    MIN_EACH,
    MIN_EACH_ISOTONIC,
    MIN_ISOTONIC,
    fit_binary_temperature,
    fit_isotonic,
    fit_platt,
    fit_temperature,
)
from .reliability import Outcomes, changes, coverage_rows, error_values


@dataclass(frozen=True, kw_only=True)
class PredictedSplit:
    """The predictions of a model for a split, with the probabilities that it computes, and the gold labels."""

    task: Task
    predictions: Sequence[Prediction]
    gold: Sequence[str]  # in the form of Example.label
    units: Sequence[str]  # the resampling unit of each example
    unit_noun: str  # in the plural

    @property
    def rows(self) -> np.ndarray:
        """(examples, labels) probabilities."""
        values = [[row.probabilities[label] for label in self.task.labels] for row in self.predictions]
        return np.array(values, np.float64)

    @property
    def truth(self) -> np.ndarray:
        """(examples, labels) booleans: the gold labels."""
        sets = self.task.output == "multi_label"
        label_sets = [split_labels(label) if sets else [label] for label in self.gold]
        return np.array([[label in labels for label in self.task.labels] for labels in label_sets])

    def outcomes(self, calibration: Calibration | None = None) -> Outcomes:
        """Of entities: each predicted one, and whether it is right. Of sets: each label of each text, and whether the
        text carries it. Of labels: the predicted one of each text, and whether it is right.
        """
        units = np.unique(np.asarray(self.units), return_inverse=True)[1]
        example, n_units = np.arange(len(self.gold)), int(units.max()) + 1
        if self.task.output == "token_labels":
            events = [event for i in example for event in self._entities(int(i))]
            p, right = np.array([p for p, _, _ in events]), np.array([right for _, right, _ in events], bool)
            example, predicted = np.array([i for _, _, i in events], int), np.ones(len(events), bool)
            p = calibration.binary(p) if calibration else p
        elif self.task.output == "multi_label":
            rows = calibration.label_sets(self.rows, self.task.labels) if calibration else self.rows
            chosen = [[label in (row.labels or ()) for label in self.task.labels] for row in self.predictions]
            p, right, predicted = rows.ravel(), self.truth.ravel(), np.array(chosen).ravel()
            example = np.repeat(example, len(self.task.labels))
        else:
            rows = calibration.distributions(self.rows) if calibration else self.rows
            chosen = np.array([self.task.labels.index(str(row.label)) for row in self.predictions])
            p, right, predicted = rows[example, chosen], self.truth[example, chosen], np.ones(len(example), bool)
        return Outcomes(probability=p, happened=right, unit=units[example], n_units=n_units, predicted=predicted)

    def _entities(self, i: int) -> list[tuple[float, bool, int]]:
        """(probability, whether it is right, i) of each entity of an example."""
        gold = set(gold_mentions(self.gold[i], scheme="default"))
        mentions = [
            m for sentence in self.predictions[i].sentences for m in decode_tags(sentence.tags, scheme="default")
        ]
        return [
            (entity.probability, mention in gold, i)
            for entity, mention in zip(self.predictions[i].entities, mentions, strict=True)
        ]

    @property
    def n_gold(self) -> int | None:
        """Mentions, or labels of sets; None: one label each."""
        if self.task.output == "token_labels":
            return sum(len(gold_mentions(label, scheme="default")) for label in self.gold)
        return int(self.truth.sum()) if self.task.output == "multi_label" else None


def calibrate(dev: PredictedSplit, test: PredictedSplit | None) -> JsonObject:
    """Fit on dev and evaluate on test, as JSON values: `fit` (a Calibration, or None), `reason` (why there is none),
    `test` (None without a test set, or without a prediction on it).
    """
    calibration, reason = fit_on(dev)
    fit, evaluation = None if calibration is None else calibration.to_dict(), None
    if test is not None and len((before := test.outcomes()).unit):
        after = test.outcomes(calibration)
        evaluation = {
            "units": f"{before.n_units:,} {test.unit_noun}",
            "before": error_values(before),
            "after": error_values(after) if fit else None,
            "change": changes(before, after) if fit else None,
            "coverage": coverage_rows(after, n_gold=test.n_gold),
        }
    return {"fit": fit, "reason": reason, "test": evaluation}


def fit_on(dev: PredictedSplit) -> tuple[Calibration | None, str]:
    """Labels: one temperature. Sets: one for each label with enough wrong decisions; the other labels stay as computed,
    since a temperature that frequent labels share does rare ones no good. Entities: isotonic regression if dev is
    large, else Platt's scaling. None where dev is too small, and why.
    """
    output, labels, events = dev.task.output, dev.task.labels, dev.outcomes()
    p, happened = events.probability, events.happened
    right = events.predicted == happened  # a prediction, or the decision on a label of a set
    noun = {"token_labels": "predicted entities", "multi_label": "decisions on labels"}.get(output, "predictions")
    counts = f"{len(p):,} {noun}, {int((~right).sum()):,} of them wrong"
    needed, method = MIN_EACH, TEMPERATURE
    maps: dict[str, np.ndarray] = {}
    if output == "token_labels":
        needed = 2 * MIN_EACH
        large = len(p) >= MIN_ISOTONIC and _enough(right, MIN_EACH_ISOTONIC)
        method, fit = (ISOTONIC, fit_isotonic) if large else (PLATT, fit_platt)
        maps = {ALL: fit(p, happened)} if _enough(right, needed) else {}
    elif output == "multi_label":
        for i, label in enumerate(labels):
            column = slice(i, None, len(labels))
            if _enough(right[column], needed) and (t := fit_binary_temperature(p[column], happened[column])):
                maps[label] = np.array([t])
        if maps and (n := len(labels) - len(maps)):
            counts += f"; {n} of {len(labels)} labels stay as computed: dev tells too little of them"
    elif _enough(right, needed):
        temperature = fit_temperature(dev.rows, dev.truth.argmax(-1))
        if temperature is None:
            return None, f"the probabilities tell nothing of dev's labels: no temperature fits ({counts})"
        maps = {ALL: np.array([temperature])}
    if not maps:
        of = " of a label" if output == "multi_label" else ""
        return None, f"dev is too small ({counts}; {needed} right and {needed} wrong ones{of} are needed)"
    return Calibration(method=method, maps=maps, fitted_on=f"{len(dev.gold):,} dev examples ({counts})"), ""


def _enough(right: np.ndarray, each: int) -> bool:
    return min(right.sum(), (~right).sum()) >= each
