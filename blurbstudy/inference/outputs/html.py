"""A page of predictions: displaCy highlights entities in their texts, above a legend; labels and scores form a table.

All text from data is escaped, nothing is loaded from elsewhere, and colours are legible in light and dark mode.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from ...tasks import Task
from ...tasks.task import OUTSIDE

if TYPE_CHECKING:
    from ..predictor import Prediction

# One per entity type: background in light mode, in dark mode; the contrast with the text is at least 7 to 1 (WCAG AAA).
COLOURS = (
    ("#ffd8a8", "#6b3d00"),
    ("#a5d8ff", "#0b4a80"),
    ("#b2f2bb", "#195a28"),
    ("#eebefa", "#6a2382"),
    ("#ffc9c9", "#842029"),
    ("#ffec99", "#5c4a00"),
    ("#99e9f2", "#0b5560"),
    ("#d0bfff", "#4a2f94"),
    ("#d8f5a2", "#3c5800"),
    ("#ced4da", "#495057"),
)
_STYLE = """
:root { color-scheme: light dark; --ground: #fff; --ink: #1a1a1a; --faint: #595959; --line: #d0d0d0; }
@media (prefers-color-scheme: dark) { :root { --ground: #16181c; --ink: #f0f0f0; --faint: #b0b0b0; --line: #44484f; } }
body { background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto;
  max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1rem; margin: 2rem 0 .3rem; overflow-wrap: anywhere; }
p.about { color: var(--faint); }
.legend { display: flex; flex-wrap: wrap; gap: .5rem 1rem; list-style: none; padding: 0; }
.entities { line-height: 2.2 !important; overflow-wrap: anywhere; }
.entities .part { white-space: pre-wrap; }
mark { border-radius: .3em; color: var(--ink); padding: .15em .35em; box-decoration-break: clone;
  -webkit-box-decoration-break: clone; }
mark small { font-size: .7em; font-weight: 600; margin-left: .4em; text-transform: none; white-space: nowrap; }
table { border-collapse: collapse; width: 100%; } th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem;
  text-align: left; vertical-align: top; overflow-wrap: anywhere; } td:first-child { min-width: 2rem; }
th { white-space: nowrap; } meter { width: 6rem; }
"""
_MARK = '<mark class="entity" style="background: {bg}" title="{title}">{text}<small>{label}</small></mark>'


def html_begin(task: Task) -> str:
    """The page up to the first document."""
    name = html.escape(task.name)
    about = {
        "token_labels": "Predicted entities. Hover over an entity to see its probability (the mean over its words).",
        "single_label": "The most probable label of each text, and the probabilities of all labels.",
        "multi_label": "The labels with a probability above the model's threshold, and all probabilities.",
        "score": "The predicted score of each pair.",
    }[task.output]
    light = "".join(f"--type-{i}: {colour};" for i, (colour, _) in enumerate(COLOURS))
    dark = "".join(f"--type-{i}: {colour};" for i, (_, colour) in enumerate(COLOURS))
    colours = f":root {{{light}}}\n@media (prefers-color-scheme: dark) {{ :root {{{dark}}} }}\n"
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Predictions: {name}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_STYLE}{colours}</style>\n</head>\n<body>\n<h1>Predictions: {name}</h1>\n"
        f'<p class="about">{about}</p>\n' + (_legend(task) if task.output == "token_labels" else _table_head(task))
    )


def html_document(prediction: Prediction, task: Task) -> str:
    """One document."""
    return _highlighted_text(prediction, task) if task.output == "token_labels" else _table_row(prediction)


def html_end(task: Task) -> str:
    """The page after the last document."""
    return ("" if task.output == "token_labels" else "</table>\n") + "</body>\n</html>\n"


def type_names(task: Task) -> list[str]:
    """The entity types of a task, as in predictions."""
    return list(dict.fromkeys(label[2:] or task.name for label in task.labels if label != OUTSIDE))


def _colour(task: Task, kind: str) -> str:
    return f"var(--type-{type_names(task).index(kind) % len(COLOURS)})"


def _legend(task: Task) -> str:
    items = "".join(
        f'<li><mark style="background: {_colour(task, kind)}">{html.escape(kind)}</mark></li>'
        for kind in type_names(task)
    )
    return f'<ul class="legend">{items}</ul>\n'


def _highlighted_text(prediction: Prediction, task: Task) -> str:
    from spacy.displacy.render import EntityRenderer

    # displaCy escapes texts, but neither labels nor titles.
    escaped = {kind: html.escape(kind) for kind in type_names(task)}
    colours = {label: _colour(task, kind) for kind, label in escaped.items()}
    renderer = EntityRenderer({"template": _MARK, "colors": colours})
    spans = [
        {
            "start": entity.start,
            "end": entity.end,
            "label": escaped[entity.type],
            "params": {"title": f"{entity.probability:.2f}"},
        }
        for entity in prediction.entities
    ]
    text = renderer.render([{"text": prediction.text, "ents": spans, "title": None}]).strip()
    withheld = f'\n<p class="about">{prediction.withheld} withheld</p>' if prediction.withheld else ""
    return f"<section>\n<h2>{html.escape(prediction.id)}</h2>\n{text}{withheld}\n</section>\n"


def _table_head(task: Task) -> str:
    last = [] if task.output == "score" else ["probabilities"]
    names = [
        "id",
        *task.text_columns,
        {"multi_label": "labels", "single_label": "label"}.get(task.output, task.output),
        *last,
    ]
    return f"<table>\n<tr>{''.join(f'<th>{html.escape(name)}</th>' for name in names)}</tr>\n"


def _table_row(prediction: Prediction) -> str:
    cells = [html.escape(text) for text in (prediction.id, *prediction.document.texts)]
    if prediction.score is not None:
        cells.append(f"{prediction.score:.2f}")
    else:
        labels = [prediction.label or "(abstained)"] if prediction.labels is None else prediction.labels
        withheld = f" ({prediction.withheld} withheld)" if prediction.labels is not None and prediction.withheld else ""
        cells.append(html.escape(", ".join(labels)) + withheld)
        ranked = sorted(prediction.probabilities.items(), key=lambda pair: -pair[1])
        cells.append(
            "<br>".join(
                f'<meter value="{value:.4f}"></meter> {value:.2f} {html.escape(label)}' for label, value in ranked
            )
        )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>\n"
