"""What a search can be expected to find, by its budget (Dodge et al. 2019): a curve per encoder, a panel per task."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...search.search import N_STARTUP_TRIALS, SearchResult
from ...study.study import Study
from ...tables.figure import BLUE, GREEN, GREY, VERMILION, Figure, as_svg, canvas, without_mathtext
from ...tables.score_table import PERCENT
from .searches import Searched
from .tables8_9 import search_caption

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS = ((BLUE, "-"), (VERMILION, "--"), (GREEN, "-."), (GREY, ":"))  # of encoders, in order


@without_mathtext
def expected_figure(
    study: Study, searched: Searched, *, title: str = "Expected best dev score by the number of trials"
) -> Figure:
    """Expected maximum of so many trials, with a band of one standard deviation; each trial a point at the right."""
    panels = panels_of(searched)
    columns = min(2, max(len(panels), 1))
    rows = max(1, math.ceil(len(panels) / columns))
    drawing, grid = canvas(width=4.6 * columns + 0.4, height=0.7 + 3.0 * rows, rows=rows, cols=columns)
    flat = [axes for row in grid for axes in row]
    for axes, (task, found) in zip(flat, panels.items(), strict=False):
        for (colour, style), (encoder, one) in zip(LOOKS, found.items(), strict=False):
            _draw(axes, one, label=encoder, colour=colour, style=style)
        axes.set_title(task, fontsize=10, loc="left", fontweight="bold")
        axes.set_xlabel("trials", fontsize=9)
        axes.set_ylabel("dev score × 100", fontsize=9)
        axes.grid(axis="y", color="#e5e7eb", lw=0.7)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xticks(_whole_ticks(max(len(one.values) for one in found.values())))
        axes.legend(frameon=False, fontsize=8.5, loc="best")
    for axes in flat[len(panels) :]:
        axes.set_axis_off()
    notes = [
        "Line: the mean of the highest of so many trials, drawn with replacement from those that were run; band: one "
        "standard deviation of it. Points: the trials themselves, a cross the standard recipe. The formula is that of "
        f"trials drawn at random; after the first {N_STARTUP_TRIALS}, ours were asked for where earlier ones had done "
        "well, so the curve says what these recipes hold, not how fast the search was."
    ]
    return Figure(
        title=title, alt=_in_words(panels), svg=as_svg(drawing), caption=search_caption(study, searched), notes=notes
    )


def panels_of(searched: Searched) -> dict[str, dict[str, SearchResult]]:
    """Task -> encoder -> search, of those that have at least one trial with a value."""
    panels: dict[str, dict[str, SearchResult]] = {}
    for (encoder, task), found in searched.items():
        if found.values:
            panels.setdefault(task, {})[encoder] = found
    return panels


def _draw(axes: Axes, found: SearchResult, *, label: str, colour: str, style: str) -> None:
    values = [value * PERCENT for value in found.values]
    mean, spread = expected_maximum(values)
    budgets = range(1, len(values) + 1)
    axes.fill_between(budgets, mean - spread, mean + spread, color=colour, alpha=0.13, lw=0)
    axes.plot(budgets, mean, color=colour, ls=style, lw=1.8, label=label)
    right = [len(values) + 0.5] * len(values)
    axes.scatter(right, values, s=12, color=colour, alpha=0.6, lw=0)
    axes.scatter(right[:1], values[:1], s=34, color=colour, marker="x", lw=1.6)


def _whole_ticks(most: int) -> list[int]:
    """A few numbers of trials, from 1 on."""
    return list(range(1, most + 1, max(1, most // 8)))


def _in_words(panels: Mapping[str, Mapping[str, SearchResult]]) -> str:
    sentences: Sequence[str] = [
        f"{task}, {encoder}: expected {expected_maximum(found.values)[0][0] * PERCENT:.1f} from one trial, "
        f"{max(found.values) * PERCENT:.1f} the best of {len(found.values)}."
        for task, own in panels.items()
        for encoder, found in own.items()
    ]
    return "Curves of the expected best dev score by the number of trials. " + " ".join(sentences or ["None was run."])


def expected_maximum(values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the highest of 1, 2, ... len(values) draws: each (len(values),)."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ordered)
    draws = np.arange(1, n + 1)[:, None]  # (budgets, 1)
    below = (np.arange(n + 1) / n)[None, :] ** draws  # (budgets, n + 1): P(no draw is above the k lowest values)
    chances = np.diff(below, axis=1)  # (budgets, n): P(the highest draw is the k-th value)
    mean = chances @ ordered
    spread = np.sqrt(np.maximum(chances @ ordered**2 - mean**2, 0.0))
    return mean, spread
