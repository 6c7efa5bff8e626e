"""What a model card says of probabilities: their calibration, its errors on test, and risk by coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...config import JsonMapping
from ...errors import count_of
from ..calibration import calibration_of
from .card_results import escape_cell, escape_text

DIAGRAM = "reliability.svg"
COLUMNS = ("", "As computed", "Calibrated", "Change")
COVERAGE_COLUMNS = ("Minimum confidence", "Coverage in %", "Error in %", "Found in %")
INTERVALS = "bootstrap over these; Wilson's, over those with such a probability, where all or none are right"
FAR = 5.0  # a caveat of temperatures above, or below its inverse; the search ends at 20
SELECTION = "If dev also selected the run or its step, calibrated probabilities may be a little too high."


def weighting(recipe: JsonMapping) -> str:
    """What of a recipe moves probabilities away from the frequencies of labels; "" if nothing does."""
    weights, gamma = recipe.get("class_weights", "none"), recipe.get("focal_gamma", 0)
    parts = ["class_weights" if isinstance(weights, Mapping) else f"class_weights {weights}"] * (weights != "none")
    return " and ".join(parts + [f"focal_gamma {gamma:g}"] * (gamma > 0))


def summary(run: JsonMapping) -> str:
    """How probabilities are calibrated, or why they are not, and what else they depend on."""
    trained = weighting(run.get("recipe") or {})
    more = f"; those of a model trained with {trained} are not the labels' frequencies" if trained else ""
    if (calibration := calibration_of(run)) is None:
        return f"not calibrated: {run['calibration']['reason']}{more}"
    far = [t for t in calibration.temperatures if not 1 / FAR <= t <= FAR]
    if far:
        listed = ", ".join(f"{t:.2f}" for t in sorted(far))
        more = f"; a temperature so far from 1 ({listed}) may be a chance of dev: do not rely on it{more}"
    return f"calibrated by {calibration.describe()}{more}"


def error_rows(run: JsonMapping) -> list[list[str]]:
    """ECE and Brier score times 100, with their intervals, by COLUMNS."""
    test, rows = run["calibration"]["test"], []
    for key, name in (("ece", "ECE"), ("brier", "Brier score")):
        sides = [test[side][key] if test[side] else None for side in ("before", "after", "change")]
        rows.append([name, *(_with_interval(value) for value in sides)])
    sides = [test[side] and [test[side]["ece_of_perfect"], None] for side in ("before", "after")]
    return [*rows, ["ECE expected of perfect calibration", *(_with_interval(value) for value in sides), ""]]


def coverage_rows(run: JsonMapping) -> list[list[str]]:
    """A row per minimum of confidence that some prediction has, by COVERAGE_COLUMNS."""
    return [
        [
            f"{row['minimum']:g}",
            f"{100 * row['coverage']:.1f}",
            _with_interval([row["error"], row["interval"]]),
            "" if row["found"] is None else f"{100 * row['found']:.1f}",
        ]
        for row in run["calibration"]["test"]["coverage"]
    ]


def notes(run: JsonMapping) -> list[str]:
    """What a reader must know, as sentences."""
    values = run["calibration"]
    found = []
    if values["fit"]:
        found.append(SELECTION)
        found.append(
            "Calibration changes neither labels nor entities, only the probabilities beside them: labels of sets have "
            "the model's threshold before calibration."
        )
    test = values["test"]
    if test is None:
        return [*found, "Its error is not known: there is no test set with predictions, and dev fitted it."]
    side = test["after"] or test["before"]
    found += [
        f"On test, {count_of(side['n'], 'probability')} of {test['units']}; 95% intervals by {INTERVALS}. "
        f"Values times 100. ECE has {count_of(side['bins'], 'bin')} of equal mass and is too high where these are "
        "small, and so is its interval: perfect calibration would show the value in the last row.",
        "Coverage: the share of predictions that have the minimum; error: the share of these that is wrong"
        + (
            "."
            if not test["coverage"] or test["coverage"][0]["found"] is None
            else "; found: right ones among all that are to be found."
        ),
    ]
    return found


def markdown(run: JsonMapping) -> str:
    """The section of the card."""
    values = run["calibration"]
    parts = [f"Probabilities are {escape_text(summary(run))}.", *notes(run)]
    if values["fit"]:
        parts.append(
            "`blurbstudy predict` applies the calibration (not with `--raw-confidence`); transformers does not."
        )
    if values["test"]:
        parts += [_table(COLUMNS, error_rows(run)), f"![Reliability diagram]({DIAGRAM})"]
        parts.append(_table(COVERAGE_COLUMNS, coverage_rows(run)))
    return "\n\n".join(parts)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *([escape_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _with_interval(value: Sequence | None) -> str:
    """A fraction, times 100, with its interval if it has one."""
    if value is None:
        return "–"
    number, bounds = value
    text = f"{100 * number:.2f}" + ("" if bounds is None else f" [{100 * bounds[0]:.2f}, {100 * bounds[1]:.2f}]")
    return text.replace("-", "−")
