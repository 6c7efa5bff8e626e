"""What a table of levels against a baseline decides: two families of tests, each at 0.05.

Means: first the effect of each level on each column, averaged over groups (encoders), with Holm's correction; then,
where an effect is decided, its groups one by one, with Holm's correction among them. Averages have the power.
Counts: the rate of collapse of each level over all groups and columns, with Holm's correction over levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from ..stats.contrasts import Comparison
from ..stats.counts import RateComparison
from ..stats.intervals import holm
from .grid import Condition, Results

LEVEL = 0.05  # of each family
ALL_GROUPS = ""  # group of an effect that is averaged over several


class Outcome(StrEnum):
    """What a contrast decides."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "undecided"
    NOT_JUDGED = "not judged"
    BOTH_COLLAPSED = "both collapsed"

    @property
    def decided(self) -> bool:
        return self in (Outcome.BETTER, Outcome.WORSE)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One contrast with the baseline."""

    condition: Condition  # group ALL_GROUPS: averaged over several groups
    comparison: Comparison
    p: float | None  # after Holm's correction; None: not tested
    outcome: Outcome
    groups: int = 1

    @property
    def is_average(self) -> bool:
        return self.groups > 1


def decide(comparison: Comparison, p: float | None) -> Outcome:
    """The outcome of a contrast with this corrected p."""
    if comparison.p is None or comparison.difference is None:
        return Outcome.NOT_JUDGED
    if p is None or p >= LEVEL:
        return Outcome.UNDECIDED
    return Outcome.BETTER if comparison.difference > 0 else Outcome.WORSE


def decide_family(comparisons: Mapping[Condition, Comparison]) -> dict[Condition, Decision]:
    """The decisions of one family of contrasts, with Holm's correction over all of them."""
    corrected = holm([comparison.p for comparison in comparisons.values()])
    return {
        condition: Decision(condition=condition, comparison=comparison, p=p, outcome=decide(comparison, p))
        for (condition, comparison), p in zip(comparisons.items(), corrected, strict=True)
    }


def decide_levels(results: Results, *, baseline: str) -> list[Decision]:
    """Every level against the baseline: each effect over groups, followed by its groups.

    Cells with the baseline's own runs are left out, and those without a score on either side; of cells with the same
    runs only the first is tested. Groups with fewer than two scored seeds are in no average.
    """
    effects: dict[Condition, dict[Condition, Comparison]] = {}
    for condition in tested_conditions(results, baseline=baseline)[0]:
        change = results.compare(condition, condition._replace(level=baseline))
        if change is not None and change.n:
            effects.setdefault(condition._replace(group=ALL_GROUPS), {})[condition] = change
    averages: dict[Condition, Comparison] = {}
    for effect, members in effects.items():
        used = [condition for condition, change in members.items() if change.n > 1] or list(members)
        average = results.average_comparison([(condition, condition._replace(level=baseline)) for condition in used])
        assert average is not None  # its cells have runs
        averages[effect] = average
    decisions = decide_effects(averages, effects)
    return [
        replace(decision, outcome=Outcome.BOTH_COLLAPSED)
        if all(
            results.summaries[c].all_collapsed
            for condition in (effects[decision.condition] if decision.is_average else [decision.condition])
            for c in (condition, condition._replace(level=baseline))
        )
        else decision
        for decision in decisions
    ]


def decide_effects(
    averages: Mapping[Condition, Comparison], effects: Mapping[Condition, Mapping[Condition, Comparison]]
) -> list[Decision]:
    """The averages with Holm's correction; within each that is decided, its groups with Holm's correction.

    Args:
        averages: effect -> its average over groups.
        effects: effect -> condition -> comparison, by group. Of an effect with one group, only the group is given back.
    """
    corrected = holm([average.p for average in averages.values()])
    decisions: list[Decision] = []
    for (effect, average), p in zip(averages.items(), corrected, strict=True):
        outcome, members = decide(average, p), effects[effect]
        tested = sum(change.n > 1 for change in members.values())
        if tested > 1:
            decisions.append(Decision(condition=effect, comparison=average, p=p, outcome=outcome, groups=tested))
            p_values = [change.p for change in members.values()]
            within = holm(p_values) if outcome.decided else [None] * len(p_values)
        else:
            within = [None if change.p is None else p for change in members.values()]
        decisions += [
            Decision(condition=condition, comparison=change, p=p_within, outcome=decide(change, p_within))
            for (condition, change), p_within in zip(members.items(), within, strict=True)
        ]
    return decisions


def tested_conditions(results: Results, *, baseline: str) -> tuple[list[Condition], list[str]]:
    """Conditions to compare with the baseline, and a note on each that has the runs of another."""
    tested: dict[tuple[frozenset[str], frozenset[str]], Condition] = {}
    notes = []
    cells = results.grid.cells
    for level in results.grid.levels:
        for column in results.grid.columns:
            for group in results.grid.groups:
                condition = Condition(group, level, column.label)
                if level == baseline or condition not in cells:
                    continue
                ids, baseline_ids = (
                    frozenset(config.id for config in cells.get(k, ()))
                    for k in (condition, condition._replace(level=baseline))
                )
                if ids == baseline_ids:
                    notes.append(f"{condition.name}: the same settings as {baseline}, so the same runs; not tested.")
                elif (ids, baseline_ids) in tested:
                    notes.append(f"{condition.name}: the same runs as {tested[ids, baseline_ids].name}; counted once.")
                else:
                    tested[ids, baseline_ids] = condition
    return list(tested.values()), notes


def decide_collapse(results: Results, *, baseline: str) -> dict[str, tuple[RateComparison, float]]:
    """Level -> its rate of collapse less the baseline's over all groups and columns, and p after Holm's correction."""
    compared = {level: results.compare_collapse(level, baseline) for level in results.grid.levels if level != baseline}
    return decide_rates({level: change for level, change in compared.items() if change is not None})


def decide_rates(compared: Mapping[str, RateComparison]) -> dict[str, tuple[RateComparison, float]]:
    """Level -> its comparison, and p after Holm's correction over levels."""
    corrected = holm([change.p for change in compared.values()])
    return {
        level: (change, 1.0 if p is None else p) for (level, change), p in zip(compared.items(), corrected, strict=True)
    }
