"""Calibration as a reliability diagram and a table."""

from __future__ import annotations

from ..config import JsonMapping
from ..inference.model_directory.card_calibration import (
    COLUMNS,
    COVERAGE_COLUMNS,
    INTERVALS,
    SELECTION,
    coverage_rows,
    error_rows,
    notes,
    summary,
)
from .chart import BLUE, GREY, SOFT, Key, Panel
from .figure import Figure
from .formatting import format_count
from .scale import Scale
from .table import Table

SIDES = (("before", "as computed", GREY, "square"), ("after", "calibrated", BLUE, "dot"))


def reliability_figure(run: JsonMapping) -> Figure:
    """By bin of equal mass: how often what a probability states happens on test, with 95% intervals."""
    test = run["calibration"]["test"]
    panel = Panel(title="", x=Scale(0, 1), y=Scale(0, 1), width=360, height=360)
    panel.axis_across("probability")
    panel.axis_up("share that is right on test")
    panel.line([(panel.across(0), panel.up(0)), (panel.across(1), panel.up(1))], SOFT, dash="5 4", width=1.2)
    sides = [side for side in SIDES if test[side[0]]]
    for name, _, color, shape in sides:
        for row in test[name]["reliability"]:
            x = panel.across(row["probability"])
            if row["interval"]:
                panel.line([(x, panel.up(bound)) for bound in row["interval"]], color, width=1.4)
            tip = f"{row['n']} of probability {row['probability']:.3f}: {row['happened']:.3f}"
            panel.mark(shape, x, panel.up(row["happened"]), color, tip=tip)
    described = "; ".join(
        f"{title}: ECE {100 * test[name]['ece'][0]:.2f} in {format_count(test[name]['bins'], 'bin')}"
        for name, title, _, _ in sides
    )
    return Figure(
        title="Reliability",
        alt=f"Share that is right by stated probability. {described}.",
        panels=[panel],
        keys=[Key(title, color, shape) for _, title, color, shape in sides] + [Key("perfect", SOFT, dash="5 4")],
        notes=[f"{described}, times 100; bars are 95% intervals over {test['units']} ({INTERVALS})"],
    )


def calibration_html(run: JsonMapping) -> str:
    """The figure and the tables, for a page."""
    if not run["calibration"]["test"]:
        return ""
    errors = Table(
        title="Calibration",
        columns=COLUMNS,
        rows=error_rows(run),
        caption=f"Probabilities are {summary(run)}.",
        notes=notes(run),
    )
    coverage = Table(title="Error by coverage", columns=COVERAGE_COLUMNS, rows=coverage_rows(run))
    return "".join(part._repr_html_() for part in (errors, reliability_figure(run), coverage))


def calibration_lines(run: JsonMapping) -> list[str]:
    """Lines for the terminal."""
    lines = [f"probabilities are {summary(run)}"]
    if (test := run["calibration"]["test"]) is None:
        return lines
    rows = error_rows(run)
    for row in rows[:2]:
        line = f"{row[0]} on test, times 100: {row[1]}"
        lines.append(line if not test["after"] else f"{line}; calibrated {row[2]}; change {row[3]}")
    bins = (test["after"] or test["before"])["bins"]
    perfect = rows[2][2 if test["after"] else 1]
    lines.append(
        f"ECE has {format_count(bins, 'bin')} of equal mass; of perfect calibration, {perfect} would be expected"
    )
    return [*lines, f"{SELECTION[:1].lower()}{SELECTION[1:-1]}"] if test["after"] else lines
