"""What Tables 10 and 11 say, here and beside the paper; and both tables in one picture."""

from __future__ import annotations

from ...baselines import MODELS
from ...study.grid import Condition, Results
from ...tables.figure import BLUE, GREEN, GREY, VERMILION, Figure, as_svg, canvas, without_mathtext
from ...tables.paper import paper_number
from ...tables.score_table import PERCENT, percents
from ...tables.table import KeyFinding, describe_intervals, format_number, format_signed
from .grids import FINE_TUNED, MEAN
from .scores import RELAXED, STRICT, Baselines, Gap, by_table, gap, is_released, paper_column
from .tables10_11 import models_in_words

QUESTION = "How far is fine-tuning ahead of an off-the-shelf tool?"
Pair = tuple[float | None, float | None]  # by exact boundaries, and by overlap; in percent


def scispacy_answer(baselines: Baselines, results: Results) -> KeyFinding:
    """The gap by exact boundaries, and what is left of it where overlap counts."""
    sentences = [_which(baselines)] if baselines.found else []
    for encoder in results.grid.groups:
        parts = _parts_of(baselines, results, encoder)
        for part in [MEAN] if MEAN in parts else parts:
            exact, overlap = _gaps(baselines, results, encoder, part)
            change = "shrinks" if abs(overlap.difference) < abs(exact.difference) else "does not shrink"
            sets = part if part != MEAN else "mean of the five sets"
            sentences.append(
                f"{encoder} against the better of scispaCy's models, {sets}: by exact boundaries "
                f"{_in_words(exact)}. Where overlap counts {_in_words(overlap)}. The difference {change}."
            )
    return KeyFinding(question=QUESTION, sentences=sentences or ["Nothing has been run yet."])


def _which(baselines: Baselines) -> str:
    released = [name for name, found in baselines.found.items() if is_released(found)]
    retrained = [name for name in baselines.found if name not in released]
    said = [f"{' and '.join(released)} as released"] if released else []
    if retrained:
        said.append(f"{' and '.join(retrained)} retrained by the published configuration, without word vectors")
    return f"scispaCy stands here for its models {'; '.join(said)}."


def _parts_of(baselines: Baselines, results: Results, encoder: str) -> list[str]:
    return [part for part in baselines.parts if None not in _gaps(baselines, results, encoder, part)]


def _gaps(baselines: Baselines, results: Results, encoder: str, part: str) -> tuple[Gap | None, Gap | None]:
    tables = by_table(results)
    return tuple(gap(baselines, tables[t], table=t, encoder=encoder, part=part) for t in (STRICT, RELAXED))


def _in_words(one: Gap) -> str:
    word = {"same": "better", "other": "worse"}.get(_direction(one, 1.0), "neither surely better nor worse")
    if one.over_seeds is None:
        word = "not yet to be called better or worse"
    both = describe_intervals(percents(one.over_seeds), percents(one.over_examples))
    return f"{word}, {format_signed(one.difference * PERCENT)} ({both})"


def _direction(one: Gap, printed: float) -> str:
    """same | other | undecided; a difference points somewhere only where neither interval holds 0."""
    bounds = (one.over_seeds, one.over_examples)
    if any(bound is None or bound[0] <= 0 <= bound[1] for bound in bounds):
        return "undecided"
    return "same" if printed * one.difference > 0 else "other"


def scispacy_against_paper(baselines: Baselines, results: Results) -> KeyFinding:
    """scispaCy's columns and the gap beside the paper's."""
    sentences = []
    for model in MODELS:
        for table, how in ((STRICT, "exact"), (RELAXED, "overlap")):
            differences = _to_paper(baselines, model.name, table)
            if differences:
                listed = ", ".join(f"{part} {format_signed(value)}" for part, value in differences.items())
                sentences.append(f"scispaCy {model.name}, {how}: here less the paper: {listed}.")
    for encoder in results.grid.groups:
        for part in _parts_of(baselines, results, encoder):
            told = [_beside_paper(one) for one in _gaps(baselines, results, encoder, part) if one.paper is not None]
            if len(told) == 2:
                sentences.append(f"{encoder} less scispaCy max, {part}: exact {told[0]}; overlap {told[1]}.")
    sentences += [f"The paper has no column for {name}." for name in _unprinted(results)]
    return KeyFinding(question="Against the paper", sentences=sentences or ["No comparison has both numbers yet."])


def _beside_paper(one: Gap) -> str:
    same = {"same": "same direction", "other": "opposite direction"}.get(_direction(one, one.paper), "undecided here")
    return f"{format_signed(one.paper)} in the paper, {format_signed(one.difference * PERCENT)} here, {same}"


def _to_paper(baselines: Baselines, name: str, table: str) -> dict[str, float]:
    found = {}
    for part in baselines.parts:
        judged, printed = baselines.judged(table, name, part), paper_number(table, f"scispaCy {name}", part)
        if judged is not None and printed is not None:
            found[part] = judged.score * PERCENT - printed
    return found


def _unprinted(results: Results) -> list[str]:
    return [name for name in results.grid.groups if paper_number(STRICT, paper_column(name), MEAN) is None]


@without_mathtext
def overlap_figure(baselines: Baselines, results: Results, *, title: str) -> Figure:
    """Every system on every set: from exact boundaries (full) to overlap (hollow), the paper's two numbers below."""
    from matplotlib.lines import Line2D

    tables = by_table(results)
    systems = [f"scispaCy {model.name}" for model in MODELS] + list(results.grid.groups)
    parts = baselines.parts
    drawing, axes = canvas(width=8.6, height=1.4 + 0.27 * len(parts) * (len(systems) + 1))
    places, names, said = [], [], []
    for row, (part, system) in enumerate((part, system) for part in parts for system in systems):
        y = row + row // len(systems)
        ours, theirs = _pair(baselines, tables, system, part), _printed(system, part)
        colour = VERMILION if system.startswith("scispaCy") else BLUE
        _draw_pair(axes, ours, y - 0.12, colour, marker="o")
        _draw_pair(axes, theirs, y + 0.24, GREEN, marker="D")
        places, names = [*places, y], [*names, system]
        if ours[0] is not None:
            said.append(f"{part}, {system}: {format_number(ours[0])} exact, {format_number(ours[1])} overlap.")
        if row % len(systems) == 0:
            axes.text(0.0, y - 0.75, part, fontsize=9, fontweight="bold", va="center")
    axes.set_yticks(places, names, fontsize=8.5)
    axes.set_ylim(places[-1] + 0.8, -1.2)
    axes.set_xlim(-1, 101)
    axes.set_xlabel("test F1 × 100", fontsize=9)
    axes.grid(axis="x", color="#e5e7eb", lw=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    marks = [
        Line2D([], [], marker="o", color=VERMILION, label="scispaCy"),
        Line2D([], [], marker="o", color=BLUE, label="fine-tuned, mean over seeds"),
        Line2D([], [], marker="D", ms=4, color=GREEN, label="the paper"),
        Line2D([], [], marker="o", ls="", color=GREY, label="exact"),
        Line2D([], [], marker="o", ls="", color=GREY, mfc="white", label="overlap"),
    ]
    drawing.legend(handles=marks, loc="outside lower center", ncols=5, frameon=False, fontsize=8.5)
    return Figure(
        title=title, alt="F1 by exact boundaries and by overlap. " + " ".join(said), svg=as_svg(drawing),
        caption=f"{results.caption} · {models_in_words(baselines)}",
    )  # fmt: skip


def _pair(baselines: Baselines, tables: dict[str, Results], system: str, part: str) -> Pair:
    if system.startswith("scispaCy "):
        judged = [baselines.judged(table, system.removeprefix("scispaCy "), part) for table in tables]
        return tuple(None if one is None else one.score * PERCENT for one in judged)
    summaries = [own.summaries.get(Condition(system, FINE_TUNED, part)) for own in tables.values()]
    return tuple(None if one is None or one.mean is None else one.mean * PERCENT for one in summaries)


def _printed(system: str, part: str) -> Pair:
    return tuple(paper_number(table, paper_column(system), part) for table in (STRICT, RELAXED))


def _draw_pair(axes: object, pair: Pair, y: float, colour: str, *, marker: str) -> None:
    if None in pair:
        return
    size = 5 if marker == "o" else 3.5
    axes.plot(pair, (y, y), color=colour, lw=1.6, zorder=2)
    axes.plot(pair[0], y, marker=marker, ms=size, color=colour, zorder=3)
    axes.plot(pair[1], y, marker=marker, ms=size, color=colour, mfc="white", zorder=3)
