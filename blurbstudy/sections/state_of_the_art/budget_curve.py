"""The expected best of a search by its budget (Dodge et al. 2019): a curve per encoder, a panel per task."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from ...search.search import N_STARTUP_TRIALS, SearchResult
from ...stats.seeds.best_of import MIN_BAND, best_of
from ...study.study import Study
from ...tables.figure import (
    BLUE,
    GREEN,
    GREY,
    VERMILION,
    Figure,
    as_svg,
    canvas_grid,
    hide_unused,
    style_axes,
    without_mathtext,
)
from ...tables.score_table import PERCENT
from ..parameters.state_of_the_art import Parameters
from .searches import Searched
from .tables8_9 import search_caption

STYLES = ((BLUE, "-"), (VERMILION, "--"), (GREEN, "-."), (GREY, ":"))  # of encoders, in order


@without_mathtext
def expected_figure(
    study: Study[Parameters], searched: Searched, *, title: str = "Expected best dev score by the number of trials"
) -> Figure:
    """Expected maximum by number of trials, with its 95% band; trials as points on the right."""
    panels = panels_of(searched)
    columns = min(2, max(len(panels), 1))
    rows = max(1, math.ceil(len(panels) / columns))
    drawing, plots = canvas_grid(width=4.6 * columns + 0.4, height=0.7 + 3.0 * rows, rows=rows, cols=columns)
    for axes, (task, by_encoder) in zip(plots, panels.items(), strict=False):
        for (colour, style), (encoder, result) in zip(STYLES, by_encoder.items(), strict=False):
            _draw(axes, result, label=encoder, colour=colour, style=style)
        axes.set_title(task, fontsize=10, loc="left", fontweight="bold")
        axes.set_xlabel("trials", fontsize=9)
        axes.set_ylabel("dev score × 100", fontsize=9)
        style_axes(axes)
        axes.set_xticks(_trial_ticks(max(len(result.values) for result in by_encoder.values())))
        axes.legend(frameon=False, fontsize=8.5, loc="best")
    hide_unused(plots[len(panels) :])
    notes = [
        "Line: the mean of the best of k trials, over all subsets of those that were run, up to half of them; band: "
        f"its 95% interval over trials (bootstrap), from {MIN_BAND} on. Points: the trials; cross: the standard "
        f"recipe. The formula assumes random trials, but after the first {N_STARTUP_TRIALS} the sampler favours "
        "recipes like earlier good ones. The curve therefore describes these recipes, not the speed of the search."
    ]
    return Figure(
        title=title, alt=_describe(panels), svg=as_svg(drawing), caption=search_caption(study, searched), notes=notes
    )


def panels_of(searched: Searched) -> dict[str, dict[str, SearchResult]]:
    """Task -> encoder -> search, of those that have at least one trial with a value."""
    panels: dict[str, dict[str, SearchResult]] = {}
    for (encoder, task), result in searched.items():
        if result.values:
            panels.setdefault(task, {})[encoder] = result
    return panels


def _draw(axes: Axes, result: SearchResult, *, label: str, colour: str, style: str) -> None:
    values = [value * PERCENT for value in result.values]
    found = best_of(values)
    budgets = range(1, len(found.dev) + 1)
    axes.fill_between(budgets, found.dev - found.half, found.dev + found.half, color=colour, alpha=0.13, lw=0)
    axes.plot(budgets, found.dev, color=colour, ls=style, lw=1.8, label=label, marker="" if len(budgets) > 1 else "_")
    right = [len(values) + 0.5] * len(values)
    axes.scatter(right, values, s=12, color=colour, alpha=0.6, lw=0)
    axes.scatter(right[:1], values[:1], s=34, color=colour, marker="x", lw=1.6)


def _trial_ticks(n_trials: int) -> list[int]:
    return list(range(1, n_trials + 1, max(1, n_trials // 8)))


def _describe(panels: Mapping[str, Mapping[str, SearchResult]]) -> str:
    sentences: Sequence[str] = [
        f"{task}, {encoder}: expected {best_of(result.values).dev[0] * PERCENT:.1f} from one trial, "
        f"{max(result.values) * PERCENT:.1f} the best of {len(result.values)}."
        for task, by_encoder in panels.items()
        for encoder, result in by_encoder.items()
    ]
    return "Curves of the expected best dev score by the number of trials. " + " ".join(
        sentences or ["No trial has been run."]
    )
