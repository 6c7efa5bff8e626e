"""The status of a run: whether its training worked, and whether its score is shown to be better than trivial.

A collapsed run diverged, predicts a constant, or ends with the training loss of a constant. A failed run collapsed or
scores no better than the trivial baseline on dev (Mosbach et al. 2021, a point estimate). A run whose score is above
the trivial one, but whose bound is not, is *not shown* to be better: that says as much about the size of dev as about
the run, so it is never called failed.

The status describes the weights of the last step; the score may be of others (`checkpoint_selection: best_dev`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..training.run_record import RunRecord
from .intervals import binomial_lower_bound, fisher_interval, student_lower_bound, wilson_interval
from .references import Reference, SplitScore, is_constant, is_unscored, with_gold

# Final training loss / that of the best constant prediction, from which on nothing was learned. Of tags, whose loss is
# mostly that of words outside mentions, a run at 0.91 had a dev F1 of 73.
NOT_TRAINED_RATIO = 0.9
NOT_TRAINED_RATIO_OF_TAGS = 1.0
COLLAPSED_NOTE = (
    f"Collapsed: the run diverged, predicts a constant, or ends with at least {NOT_TRAINED_RATIO:g} times "
    f"({NOT_TRAINED_RATIO_OF_TAGS:g} time for word tags) the training loss of the best constant prediction."
)
UNDERTRAINED_RATIO = 0.5  # above it, a run may need more steps; a remark, no status
MIN_UNITS = 5  # below it nothing is said about a score's bound
MIN_JACKKNIFE_UNITS = 10  # below it Student's t of a jackknife is no bound


class RunStatus(StrEnum):
    """In the order in which they are decided."""

    DIVERGED = "diverged"  # the loss or an output became NaN or infinite
    CONSTANT = "constant predictions"
    NOT_TRAINED = "not trained"  # final training loss at least NOT_TRAINED_RATIO that of the best constant prediction
    TRIVIAL = "no better than trivial"  # dev score at or below the trivial score
    NOT_JUDGED = "not judged"  # above it, but without a bound
    NOT_SHOWN = "not shown better than trivial"  # above it, but its 95% bound is not
    SHOWN = "better than trivial"

    @property
    def collapsed(self) -> bool:
        return self in (RunStatus.DIVERGED, RunStatus.CONSTANT, RunStatus.NOT_TRAINED)

    @property
    def failed(self) -> bool:
        """Whether the run collapsed or is no better than the trivial baseline."""
        return self.collapsed or self is RunStatus.TRIVIAL


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A run's status, with what it rests on."""

    status: RunStatus
    reason: str = ""  # of NOT_JUDGED: why there is no bound
    loss_ratio: float | None = None  # final training loss / loss of the best constant prediction

    def __str__(self) -> str:
        return f"{self.status.value}: {self.reason}" if self.reason else self.status.value


def judge_run(record: RunRecord, reference: Reference) -> Judgement:
    """The status of a run, judged by its training loss and on dev.

    Without dev scores (`train_on_dev`) constant predictions are looked for on test, and nothing is said about the
    score: dev was trained on, and test must not decide.
    Raises StudyError: the record is of another task or other data.
    """
    reference.check(record)
    reference = reference.of_run(record)
    ratio = loss_ratio(record)
    published = reference.published_status(record)
    if published is not None:
        return Judgement(status=RunStatus(published[0]), reason=published[1], loss_ratio=ratio)
    reference = with_gold(reference)
    joined = record.config.recipe.train_on_dev
    split = "test" if joined else "dev"
    if is_unscored(record, split):
        return Judgement(status=RunStatus.DIVERGED, loss_ratio=ratio)
    predicted = last_predictions(record, split)
    limit = NOT_TRAINED_RATIO_OF_TAGS if reference.task.output == "token_labels" else NOT_TRAINED_RATIO
    trained = ratio is not None and ratio < limit
    # Where the gold labels are constant too, only the training loss tells whether the run learned anything.
    says_nothing = trained and not reference.varies(split)
    if is_constant(predicted, reference.task) and not says_nothing:
        return Judgement(status=RunStatus.CONSTANT, loss_ratio=ratio)
    if ratio is not None and ratio >= limit:
        return Judgement(status=RunStatus.NOT_TRAINED, loss_ratio=ratio)
    if joined:
        return Judgement(status=RunStatus.NOT_JUDGED, reason="dev was trained on", loss_ratio=ratio)
    trivial = reference.trivial_score(split)
    scored = reference.score_of(predicted, split=split)
    if scored.score <= trivial:
        return Judgement(status=RunStatus.TRIVIAL, loss_ratio=ratio)
    if record.final_loss is None or record.constant_loss is None:
        return Judgement(status=RunStatus.NOT_JUDGED, reason="its final training loss is unknown")
    bound, reason = score_lower_bound(scored, reference, split=split)
    if bound is None:
        return Judgement(status=RunStatus.NOT_JUDGED, reason=reason, loss_ratio=ratio)
    status = RunStatus.SHOWN if bound > trivial else RunStatus.NOT_SHOWN
    return Judgement(status=status, loss_ratio=ratio)


def loss_ratio(record: RunRecord) -> float | None:
    """Final training loss over that of the best constant prediction; None if unknown, or if a constant is perfect."""
    if record.final_loss is None or not record.constant_loss:
        return None
    return record.final_loss / record.constant_loss


def last_predictions(record: RunRecord, split: str) -> Sequence[str | float]:
    """Predictions of the last step's weights on a split, if they were kept; otherwise of the selected weights."""
    return record.last_predictions.get(split) or record.predictions[split]


def score_lower_bound(scored: SplitScore, reference: Reference, *, split: str) -> tuple[float | None, str]:
    """One-sided 95% lower bound of a score over test examples, and if there is none, why.

    Accuracy of independent examples: Clopper and Pearson's exact bound. Correlation: Fisher's z. Otherwise Student's t
    of the variance over units (delete-one jackknife, from 40 units on bootstrap); where all replicates agree, Wilson's
    bound of the units that count.
    """
    metric, n_units = reference.task.metric, reference.n_units(split)
    if n_units < MIN_UNITS:
        return None, f"{split} is {count_units(n_units, reference, split)}, too few for a bound"
    value = scored.score
    if metric == "pearson" and reference.is_independent(split):
        return fisher_interval(value, n_units, confidence=0.9)[0], ""
    if metric == "accuracy" and reference.is_independent(split):
        return binomial_lower_bound(round(value * n_units), n_units), ""
    counting = scored.n_counting_units
    if counting < MIN_JACKKNIFE_UNITS:
        return None, f"only {count_units(counting, reference, split)} of {split} can be right or wrong"
    replicates = scored.replicates()
    assert replicates is not None
    variance = scored.resampling.variance(replicates)
    if variance <= 1e-18:
        wilson = wilson_interval(counting, counting, confidence=0.9) if value == 1.0 else None
        return (None, "all examples agree") if wilson is None else (wilson[0], "")
    return student_lower_bound(value, error=math.sqrt(variance), df=n_units - 1), ""


def count_units(n: int, reference: Reference, split: str) -> str:
    """`1 document`, `4 sentences`."""
    return f"{n} {reference.resampling_unit(split) if n == 1 else reference.resampling_units(split)}"
