"""The expected best of a search by its budget (Dodge et al. 2019): a curve per encoder, a panel per task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

from ...search.search import N_STARTUP_TRIALS, SearchResult
from ...stats.seeds.best_of import MIN_BAND, BestOf, best_of
from ...study.study import Study
from ...tables.chart import COLORS, DASHES, SOFT, WIDE, Key, Panel
from ...tables.figure import Figure
from ...tables.scale import Scale
from ...tables.score_table import PERCENT
from ..parameters import StateOfTheArtParameters as Parameters
from .searches import Searched
from .tables8_9 import search_caption


def expected_figure(study: Study[Parameters], searched: Searched) -> Figure:
    """Expected maximum by number of trials, with its 95% band; trials as points on the right."""
    panels = panels_of(searched)
    encoders = dict.fromkeys(encoder for by_encoder in panels.values() for encoder in by_encoder)
    styles = dict(zip(encoders, zip(cycle(COLORS), cycle(DASHES)), strict=False))
    figure_panels = []
    for task, by_encoder in panels.items():
        best = {
            encoder: best_of([value * PERCENT for value in result.values]) for encoder, result in by_encoder.items()
        }
        values = [value * PERCENT for result in by_encoder.values() for value in result.values]
        values += [
            float(edge) for curve in best.values() for edge in (*(curve.dev - curve.half), *(curve.dev + curve.half))
        ]
        n_trials = max(len(result.values) for result in by_encoder.values())
        up, right = Scale.around(values, otherwise=(0, 100)), 14 * (len(by_encoder) + 1)
        panel = Panel(title=task, x=Scale(0.5, n_trials + 0.2), y=up, width=WIDE, right=right)
        panel.axis_across("trials", {n: str(n) for n in range(1, n_trials + 1, max(1, n_trials // 8))})
        panel.axis_up("dev score × 100")
        for index, (encoder, result) in enumerate(by_encoder.items()):
            _draw(panel, result, best[encoder], *styles[encoder], at=panel.box_right + 10 + 14 * index)
        figure_panels.append(panel)
    keys = [Key(encoder, color, dash=dash) for encoder, (color, dash) in styles.items()]
    keys += [Key("a trial", SOFT, "dot"), Key("the default recipe", SOFT, "cross")] if panels else []
    notes = [
        "Line: the mean of the best of k trials, over all subsets of those that were run, up to half of them; band: "
        f"its 95% interval over trials (bootstrap), from {MIN_BAND} on. At the right: the trials. The formula assumes "
        f"random trials, but after the first {N_STARTUP_TRIALS} the sampler favours recipes like earlier good ones. "
        "The curve therefore describes these recipes, not the speed of the search."
    ]
    return Figure(
        title="Expected best dev score by the number of trials",
        alt=_describe(panels),
        panels=figure_panels,
        keys=keys,
        columns=2,
        caption=search_caption(study, searched),
        notes=notes,
    )


def panels_of(searched: Searched) -> dict[str, dict[str, SearchResult]]:
    """Task -> encoder -> search, of those that have at least one trial with a value."""
    panels: dict[str, dict[str, SearchResult]] = {}
    for (encoder, task), result in searched.items():
        if result.values:
            panels.setdefault(task, {})[encoder] = result
    return panels


def _draw(panel: Panel, result: SearchResult, best: BestOf, color: str, dash: str, *, at: float) -> None:
    """The expected best with its band, and the trials as points `at` px from the left."""
    low, middle, high = (
        list(enumerate((best.dev + sign * best.half if sign else best.dev).tolist(), 1)) for sign in (-1, 0, 1)
    )
    panel.band([*low, *high[::-1]], color)
    panel.curve(middle if len(middle) > 1 else [(0.7, middle[0][1]), (1.3, middle[0][1])], color, dash=dash)
    for index, value in enumerate(result.values):
        tip = f"trial {index + 1}: {value * PERCENT:.2f}"
        panel.mark("dot" if index else "cross", at, panel.up(value * PERCENT), color, tip=tip)


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
