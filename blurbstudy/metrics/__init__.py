"""The metrics of the study, one file each. Scores are fractions (0.93, not 93)."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ParameterError, check_choice, count_of
from .accuracy import ACCURACY
from .class_scores import BALANCED_ACCURACY, KAPPA, LABEL_MACRO_F1, MACRO_F1, MCC, counts_by_class
from .conventions import Convention, scoring_conventions
from .counts import PrecisionRecallF1, f1_from_counts, scores_from_counts
from .document_f1 import DOCUMENT_F1, EXAMPLE_BASED_F1
from .entities import Mention, bio_to_io, decode_tags, io_to_bio
from .entity_f1 import ENTITY_F1, ENTITY_F1_DEFAULT, entity_f1, entity_terms_by_type, io_ceiling
from .metric import Metric
from .micro_f1 import MICRO_F1
from .pearson import PEARSON, is_correlated, pearson
from .pico_f1 import PICO_F1, pico_terms
from .ranking import RANKINGS, Ranking
from .relaxed import RELAXED_F1, RELAXED_F1_ONE_TO_ONE

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        ACCURACY,
        PEARSON,
        ENTITY_F1,
        ENTITY_F1_DEFAULT,
        RELAXED_F1,
        RELAXED_F1_ONE_TO_ONE,
        PICO_F1,
        MICRO_F1,
        DOCUMENT_F1,
        EXAMPLE_BASED_F1,
        MACRO_F1,
        LABEL_MACRO_F1,
        BALANCED_ACCURACY,
        MCC,
        KAPPA,
    )
}
BY_CLASS = ("macro_f1", "label_macro_f1", "balanced_accuracy", "mcc", "kappa")  # positives are their classes
# Metrics with one precision and recall.
COUNTING = tuple(name for name, metric in METRICS.items() if metric.from_sums is f1_from_counts)


def score(metric: str, gold: Sequence, predicted: Sequence, *, positives: Sequence[str] = ()) -> float:
    """The score of predictions by the metric of that name, a fraction.

    Args:
        gold: labels in the form of Example.label; predicted likewise.
        positives: the classes that an F1 counts.

    Raises:
        ParameterError: the metric is unknown or lacks its positives, the sequences are empty or differ in length, or
            a sentence has a different number of predicted tags.
    """
    return _checked(metric, gold, predicted).score(gold, predicted, positives=positives)


def precision_recall_f1(
    metric: str, gold: Sequence, predicted: Sequence, *, positives: Sequence[str] = ()
) -> PrecisionRecallF1:
    """Precision, recall, F1 and their counts, by a metric that pools counts over all examples (COUNTING).
    Raises ParameterError: as `score`, or the metric has no single precision (accuracy, pearson, pico_f1,
    example_based_f1).
    """
    chosen = _checked(metric, gold, predicted)
    if metric not in COUNTING:
        raise ParameterError(f"metric={metric!r} has no single precision and recall; use {', '.join(COUNTING)}")
    return scores_from_counts(chosen.terms(gold, predicted, positives).sum(axis=0))


def _checked(metric: str, gold: Sequence, predicted: Sequence) -> Metric:
    check_choice("metric", metric, METRICS)
    if len(gold) != len(predicted) or not len(gold):
        raise ParameterError(
            f"{count_of(len(predicted), 'prediction')} for {count_of(len(gold), 'example')}; "
            "give one per example, at least one"
        )
    return METRICS[metric]
