"""What a model card says of single classes: scores, those of probabilities, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence

from ...config import JsonMapping
from ...metrics import RANKINGS
from ...metrics.confusions import MAX_CLASSES, MAX_LISTED, NO_ENTITY
from .card_calibration import weighting
from .card_results import escape_cell, escape_text

MEASURES = ("precision", "recall", "f1")
INTERVALS = (
    "Scores of this model, times 100, with 95% confidence intervals over examples: bootstrap, or Wilson's where all or "
    "nothing is right; – where fewer than 10 units can be right or wrong, or all are scored alike."
)


def class_sections(run: JsonMapping) -> str:
    """Scores by class and confusions as Markdown; "" if the run has none, as for scores."""
    found = run.get("by_class")
    if not found or not found["classes"]:
        return ""
    rows = [
        [escape_cell(name), *(_with_bounds(scores, m) for m in MEASURES), scores["gold"], round(scores["predicted"])]
        for name, scores in found["classes"].items()
    ]
    head = ["Class", "Precision", "Recall", "F1", "Gold", "Predicted"]
    parts = [f"## Scores by class ({found['split']})", INTERVALS, _table(head, rows), *_ranking(run)]
    return "\n\n".join([*parts, *_confusions(found)])


def _ranking(run: JsonMapping) -> list[str]:
    ranking = run["by_class"]["ranking"]
    if ranking is None:
        return []
    values = [f"{title} {_with_bounds(ranking, name)}" for name, title in RANKINGS.items()]
    text = f"{', '.join(values)} ({ranking['of']}; 95% CI: {ranking['intervals_by']})."
    left_out = ", ".join(ranking["left_out"])
    text += f" Without {left_out}, which all or no examples have." if left_out else ""
    trained = weighting(run["recipe"])
    return [escape_text(text + (f" The probabilities are of a model trained with {trained}." if trained else ""))]


def _confusions(found: JsonMapping) -> list[str]:
    counts = {(gold, predicted): n for gold, predicted, n in found["confusions"]}
    names = [*found["classes"], *([NO_ENTITY] if any(NO_ENTITY in pair for pair in counts) else [])]
    if not counts:
        return []
    if len(found["classes"]) > MAX_CLASSES:
        wrong = [[escape_cell(g), escape_cell(p), n] for (g, p), n in counts.items() if g != p][:MAX_LISTED]
        return ["## Most frequent confusions", _table(["Gold", "Predicted", "Number"], wrong)]
    rows = []
    for gold in names:
        row = [counts.get((gold, name), 0) for name in names]
        rows.append([f"**{escape_cell(gold)}**", *(f"{n} ({100 * n / max(1, sum(row)):.0f}%)" for n in row)])
    note = "Rows are gold classes, columns predicted ones; per cent of the row."
    if NO_ENTITY in names:
        note += f" {NO_ENTITY}: no mention with exactly these words on that side."
    return ["## Confusion matrix", note, _table(["", *map(escape_cell, names)], rows)]


def _with_bounds(scores: JsonMapping, name: str) -> str:
    bounds = scores["intervals"][name]
    return f"{100 * scores[name]:.2f} {'–' if bounds is None else f'[{100 * bounds[0]:.1f}, {100 * bounds[1]:.1f}]'}"


def _table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
