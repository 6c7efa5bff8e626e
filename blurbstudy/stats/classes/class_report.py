"""What predictions for a split tell of single classes: scores by class, of probabilities, and confusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...config import JsonObject
from ...metrics.confusions import Confusions
from ...training.run_record import RunRecord
from ..references import GoldReference, is_unscored, with_gold
from ..status import judge_run
from .class_scores import ClassScores, Labels, class_scores, confusions
from .ranking_scores import RankingScores, Rows, ranking_scores


@dataclass(frozen=True, kw_only=True)
class ClassReport:
    """Scores are means over runs; confusions are of one run."""

    split: str
    whose: str  # what the scores are of, such as "mean of 5 seeds"
    classes: Mapping[str, ClassScores]  # {} where scores are predicted
    ranking: RankingScores | None  # None without probabilities
    confusions: Confusions = field(default_factory=dict)  # (gold, predicted) -> number
    confusions_of: str = ""  # the run, such as "seed 3"; "" if it is the one that is scored

    def to_dict(self) -> JsonObject:
        """JSON values; scores are fractions."""
        return {
            "classes": {name: scores.to_dict() for name, scores in self.classes.items()},
            "ranking": None if self.ranking is None else self.ranking.to_dict(),
            "confusions": [[*pair, count] for pair, count in self.confusions.items()],
        }


def class_report(reference: GoldReference, predicted: Labels, probabilities: Rows | None, *, split: str) -> ClassReport:
    """The report on one set of predictions, and on their probabilities if there are any."""
    return ClassReport(
        split=split,
        whose="",
        classes=class_scores(reference, [predicted], split=split),
        ranking=ranking_scores(reference, [] if probabilities is None else [probabilities], split=split),
        confusions=confusions(reference.task, reference.gold[split].gold, predicted),
    )


def class_report_of_runs(
    records: Sequence[RunRecord], reference: GoldReference, *, split: str, chosen: RunRecord | None
) -> ClassReport:
    """The report on the runs of one configuration that did not collapse, or on all if none is left.
    `chosen`: whose confusions are counted.
    """
    runs = usual_runs(records, reference, split=split)
    compared = chosen if chosen is not None and not is_unscored(chosen, split) else None
    gold = reference.gold[split].gold
    without = " without a collapsed run" if len(runs) < len(records) else ""
    return ClassReport(
        split=split,
        whose=f"mean of {len(runs)} seed{'s' * (len(runs) != 1)}{without}",
        classes=class_scores(reference, [record.predictions[split] for record in runs], split=split),
        ranking=ranking_scores(reference, _probabilities(runs, split), split=split),
        confusions={} if compared is None else confusions(reference.task, gold, compared.predictions[split]),
        confusions_of="" if compared is None else f"seed {compared.config.seed}",
    )


def class_report_of_run(record: RunRecord, reference: GoldReference, *, split: str) -> ClassReport:
    """The report on one run."""
    probabilities = _probabilities([record], split)
    fold_reference = with_gold(reference.of_run(record))
    return class_report(
        fold_reference, record.predictions[split], probabilities[0] if probabilities else None, split=split
    )


def _probabilities(records: Sequence[RunRecord], split: str) -> list[Rows]:
    """Of each run; [] unless all have them."""
    rows = [record.probabilities.get(split) for record in records]
    return [row for row in rows if row] if all(rows) else []


def usual_runs(records: Sequence[RunRecord], reference: GoldReference, *, split: str) -> list[RunRecord]:
    """The runs with a score that did not collapse, or all with a score if none is left."""
    scored = [record for record in records if not is_unscored(record, split)]
    return [record for record in scored if not judge_run(record, reference).status.collapsed] or scored
