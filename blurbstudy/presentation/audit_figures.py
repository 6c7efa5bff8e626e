"""The audit's figure: how long the examples of each task are, beside the limits that encoders and recipes set."""

from __future__ import annotations

from ..tasks.audit import ALL, LIMITS
from .audit import Audit
from .figures import BLUE, GREY, VERMILION, Figure, as_svg, canvas, verbatim


@verbatim
def length_figure(audit: Audit) -> Figure:
    """One line per task: the middle half of its examples thick, 5% to 95% thin, the longest a mark; limits dashed."""
    from matplotlib.lines import Line2D

    vocabulary = audit.vocabularies[0] if audit.vocabularies else None
    spreads = {}
    for task in audit.known:
        found = audit.of(task, vocabulary) if vocabulary else None
        spreads[task.name] = found["lengths"][ALL] if found else audit.data[task.name]["words"]
    drawing, axes = canvas(width=9.6, height=1.5 + 0.34 * max(1, len(spreads)))
    for y, spread in enumerate(spreads.values()):
        axes.plot([spread["q05"], spread["q95"]], [y, y], color=BLUE, lw=1.6, zorder=2)
        axes.plot([spread["q25"], spread["q75"]], [y, y], color=BLUE, lw=7, solid_capstyle="butt", zorder=3)
        axes.plot(spread["q50"], y, marker="|", ms=13, mew=2, color="white", zorder=4)
        axes.plot(spread["max"], y, marker="X", ms=6, mew=0, color=VERMILION, zorder=3)
    for limit in LIMITS:
        axes.axvline(limit, ls="--", lw=1, color=GREY, zorder=1)
    longest = max((spread["max"] for spread in spreads.values()), default=0)
    axes.set_xscale("log", base=2)
    ticks = [tick for tick in (8, 16, 32, *LIMITS, 1024, 2048, 4096) if tick < 2 * max(LIMITS[-1], longest)]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(spreads)), list(spreads))
    axes.set_ylim(len(spreads) - 0.4, -0.6)
    unit = f"sub-words, vocabulary of {vocabulary.name}" if vocabulary else "words"
    axes.set_xlabel(f"length of an example ({unit})", fontsize=9)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    marks = [
        Line2D([], [], color=BLUE, lw=7, label="middle half, median white"),
        Line2D([], [], color=BLUE, lw=1.6, label="5% to 95%"),
        Line2D([], [], marker="X", ls="", mew=0, color=VERMILION, label="longest"),
        Line2D([], [], ls="--", lw=1, color=GREY, label="usual limits"),
    ]
    drawing.legend(handles=marks, loc="outside lower center", ncols=4, frameon=False, fontsize=8.5)
    said = [f"{name}: median {s['q50']:.0f}, 95% at most {s['q95']:.0f}, longest {s['max']:.0f}." for name, s in
            spreads.items()]  # fmt: skip
    return Figure(
        title="Lengths of examples, and the usual limits",
        alt=f"Length of an example in {unit}, one line per task. " + " ".join(said),
        svg=as_svg(drawing),
        caption=audit.origin,
        notes=audit.notes,
    )
