"""Two settings side by side: the paired test over seeds, the paired bootstrap over examples, and what they say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape

from ...stats.summary import Comparison, compare
from ...tables.comparison_table import p_value
from ...tables.figure import Figure, Points, points_figure
from ...tables.score_table import percent, percents
from ...tables.table import Table, interval, signed
from .catalog import Explored, Notice, Setting
from .runs import setting_points

ALPHA = 0.05


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What two settings show beside each other."""

    verdict: str  # one sentence
    table: Table
    figure: Figure

    def _repr_html_(self) -> str:
        return f'<p class="verdict">{escape(self.verdict)}</p>{self.table._repr_html_()}{self.figure._repr_html_()}'


def comparable(explored: Explored, first: Setting) -> list[Setting]:
    """Settings that may stand against another: of the same task and data, with a seed in common."""
    return [
        setting
        for setting in explored.settings
        if setting.key != first.key
        and (setting.task, setting.data) == (first.task, first.data)
        and set(setting.runs) & set(first.runs)
    ]


def default_pair(explored: Explored) -> tuple[Setting, Setting] | tuple[None, None]:
    """Two settings to begin with: of one encoder if there are such, with the most seeds in common."""
    best = None
    for first in explored.settings:
        for second in comparable(explored, first):
            rank = (first.encoder == second.encoder, len(set(first.runs) & set(second.runs)))
            if best is None or rank > best[0]:
                best = (rank, first, second)
    return (None, None) if best is None else best[1:]


def compared_pair(explored: Explored, first: Setting | None, second: Setting | None) -> Pair | Notice:
    """The second setting minus the first."""
    if not explored.settings:
        return explored.empty
    if first is None or second is None:
        return Notice(text="No two settings of this store share a task and a seed, so nothing can be paired.")
    if second not in comparable(explored, first):
        return Notice(text=f"{first.title} and {second.title} share no task and seed; choose two that do.")
    records = [explored.records(setting) for setting in (second, first)]
    comparison = compare(*records, explored.references(first))
    failed = [sum(reason is not None for reason in explored.failures(one).values()) for one in (second, first)]
    hopeless = failed == [len(second.runs), len(first.runs)]
    name = "against".join([f"{second.encoder}, {second.name} ", f" {first.encoder}, {first.name}"])
    columns = ("Difference", "over seeds", "p", "over examples", "pairs", "failed")
    row = (
        signed(percent(comparison.difference)),
        interval(percents(comparison.seed_interval)),
        p_value(comparison.p_seeds),
        interval(percents(comparison.example_interval)),
        str(comparison.n_pairs),
        f"{failed[0]} of {len(second.runs)} against {failed[1]} of {len(first.runs)}",
    )
    return Pair(
        verdict=verdict(comparison, hopeless=hopeless),
        table=Table(
            title=f"{first.task.name}: {name}",
            columns=columns,
            rows=[row],
            caption=explored.caption([first, second]),
            notes=[
                "Test scores times 100, paired by seed; positive: the second is better. 95% intervals. p: paired "
                "t-test over seeds, of this one comparison. Whoever tries many pairs and keeps the best has no "
                "p-value: the study's own tables correct for it (Holm)."
            ],
        ),
        figure=points_figure(
            {f"{first.task.name}": [_points(explored, setting, both=(first, second)) for setting in (first, second)]},
            title="The two settings, seed by seed",
            caption=explored.caption([first, second]),
        ),
    )


def _points(explored: Explored, setting: Setting, *, both: tuple[Setting, Setting]) -> Points:
    """Named with its encoder where the two settings are of different ones."""
    points = setting_points(explored, setting)
    same = both[0].encoder == both[1].encoder
    return points if same else replace(points, setting=f"{setting.encoder}, {setting.name}")


def verdict(comparison: Comparison, *, hopeless: bool = False) -> str:
    """Better or worse where both uncertainties say so; else what is missing."""
    if comparison.difference is None:
        return "Undecided: no seed has a score on both sides."
    if hopeless:
        return "Undecided: every run of both settings collapsed, so neither is called better than the other."
    if comparison.p_seeds is None:
        return "Undecided: a single pair of seeds tells nothing about other seeds; run more."
    bounds = comparison.example_interval
    over_seeds, over_examples = comparison.p_seeds < ALPHA, bounds is not None and (bounds[0] > 0 or bounds[1] < 0)
    word = "better" if comparison.difference > 0 else "worse"
    by = f"by {signed(percent(abs(comparison.difference))).lstrip('+')}"
    if over_seeds and over_examples:
        return f"The second setting is {word} {by}: clear over seeds and over test examples."
    if over_seeds or over_examples:
        clear, unclear = ("seeds", "test examples") if over_seeds else ("test examples", "seeds")
        return f"Undecided: the second is {word} {by}, clear over {clear} but not over {unclear}."
    return f"Undecided: a difference of {signed(percent(comparison.difference))} is within both uncertainties."
