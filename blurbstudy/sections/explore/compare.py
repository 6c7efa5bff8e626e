"""Two groups of runs compared: the paired test over seeds and the paired bootstrap over test examples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape

from ...stats.summary import Comparison, compare
from ...tables.comparison_table import format_p_value
from ...tables.figure import Figure, SeedScores, points_figure
from ...tables.formatting import format_interval, format_signed
from ...tables.score_table import percent, percents
from ...tables.table import Table, figures_bundle
from .catalog import Message, RunGroup, StoreCatalog
from .runs import group_points

ALPHA = 0.05


@dataclass(frozen=True, kw_only=True)
class PairComparison:
    """The comparison of two groups."""

    verdict: str  # one sentence
    table: Table
    figure: Figure

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        return figures_bundle(self._repr_html_(), self.table.info, self.figure.info)

    def _repr_html_(self) -> str:
        return f'<p class="verdict">{escape(self.verdict)}</p>{self.table._repr_html_()}{self.figure._repr_html_()}'


def comparable_groups(catalog: StoreCatalog, first: RunGroup) -> list[RunGroup]:
    """Groups that can be compared with `first`: same task and data, at least one common seed."""
    return [
        group
        for group in catalog.groups
        if group.key != first.key
        and (group.task, group.data) == (first.task, first.data)
        and set(group.runs) & set(first.runs)
    ]


def default_pair(catalog: StoreCatalog) -> tuple[RunGroup, RunGroup] | tuple[None, None]:
    """The initial pair: of one encoder if possible, with the most common seeds."""
    pairs = [(first, second) for first in catalog.groups for second in comparable_groups(catalog, first)]
    if not pairs:
        return None, None
    return max(pairs, key=lambda pair: (pair[0].encoder == pair[1].encoder, len(set(pair[0].runs) & set(pair[1].runs))))


def compare_groups(catalog: StoreCatalog, first: RunGroup | None, second: RunGroup | None) -> PairComparison | Message:
    """The second group minus the first."""
    if not catalog.groups:
        return catalog.empty
    if first is None or second is None:
        return Message(text="No two settings of this store share a task and a seed, so there is nothing to compare.")
    if second not in comparable_groups(catalog, first):
        return Message(text=f"{first.title} and {second.title} share no task and seed. Select two that do.")
    comparison = compare(catalog.records(second), catalog.records(first), catalog.references(first))
    failed = [sum(reason is not None for reason in catalog.failures(group).values()) for group in (second, first)]
    all_failed = failed == [len(second.runs), len(first.runs)]
    title = f"{first.task.name}: {second.encoder}, {second.name} against {first.encoder}, {first.name}"
    columns = ("Difference", "95% CI (seeds)", "p", "95% CI (test examples)", "Pairs", "Failed")
    row = (
        format_signed(percent(comparison.difference)),
        format_interval(percents(comparison.seed_interval)),
        format_p_value(comparison.p_seeds),
        format_interval(percents(comparison.example_interval)),
        str(comparison.n_pairs),
        f"{failed[0]} of {len(second.runs)} against {failed[1]} of {len(first.runs)}",
    )
    return PairComparison(
        verdict=verdict(comparison, all_failed=all_failed),
        table=Table(
            title=title,
            columns=columns,
            rows=[row],
            caption=catalog.caption([first, second]),
            notes=[
                "Test scores times 100, paired by seed; positive: the second is better. p: paired "
                "t-test over seeds, for this one comparison. It is not valid if you try many pairs and report the "
                "best; the tables of the study correct for that (Holm)."
            ],
        ),
        figure=points_figure(
            {f"{first.task.name}": [_points(catalog, group, both=(first, second)) for group in (first, second)]},
            title="The two settings, seed by seed",
            caption=catalog.caption([first, second]),
        ),
    )


def _points(catalog: StoreCatalog, group: RunGroup, *, both: tuple[RunGroup, RunGroup]) -> SeedScores:
    """Labelled with the encoder where the two groups differ in it."""
    points = group_points(catalog, group)
    same = both[0].encoder == both[1].encoder
    return points if same else replace(points, label=f"{group.encoder}, {group.name}")


def verdict(comparison: Comparison, *, all_failed: bool = False) -> str:
    """Better or worse where both intervals exclude 0; otherwise why it is undecided."""
    if comparison.difference is None:
        return "Undecided: no seed has a score on both sides."
    if all_failed:
        return "Undecided: every run of both settings failed."
    if comparison.p_seeds is None:
        return "Undecided: one pair of seeds says nothing about other seeds. Run more seeds."
    bounds = comparison.example_interval
    over_seeds, over_examples = comparison.p_seeds < ALPHA, bounds is not None and (bounds[0] > 0 or bounds[1] < 0)
    word = "better" if comparison.difference > 0 else "worse"
    by = f"by {format_signed(percent(abs(comparison.difference))).lstrip('+')}"
    if over_seeds and over_examples:
        return f"The second setting is {word} {by}: significant over seeds and over test examples."
    if over_seeds or over_examples:
        certain, uncertain = ("seeds", "test examples") if over_seeds else ("test examples", "seeds")
        return f"Undecided: the second is {word} {by}, significant over {certain} but not over {uncertain}."
    return f"Undecided: a difference of {format_signed(percent(comparison.difference))} is within both uncertainties."
