"""The model card (README.md) of a fine-tuned model, from the metadata of its run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ...config import JsonMapping, recipe_from_dict
from ...metrics import METRICS
from ...models import Architecture
from ...stabilizers import inactive_fields
from ...tasks import Task
from ...tasks.task import describe_scoring, head_labels
from .card_calibration import markdown as calibration_section
from .card_classes import class_sections
from .card_results import (
    caveat_notes,
    escape_cell,
    escape_text,
    model_score,
    run_rows,
    score_notes,
    score_rows,
    status_lines,
)
from .heads import NONE, HeadLayout
from .settings import ModelSettings
from .usage_snippets import usage

TEMPLATE = Path(__file__).with_name("model_card.md.j2")
PAPER = (
    "Tinn R, Cheng H, Gu Y, Usuyama N, Liu X, Naumann T, Gao J, Poon H. Fine-tuning large neural language models for "
    "biomedical natural language processing. 2021, arXiv:2112.07869; Patterns 4(4), 2023."
)
PURPOSES = {
    "ner": "tags entity mentions (token classification)",
    "pico": "tags the words in abstracts of clinical trials that describe participants, interventions and outcomes",
    "relation": "assigns one label to a sentence",
    "question": "assigns one label to a pair of texts",
    "document": "assigns any number of labels to a text",
    "similarity": "scores the similarity of two texts",
}
METRIC_TYPES = {"accuracy": "accuracy", "pearson": "pearsonr"}  # metric -> name on the Hub; the others are f1
MAX_LABELS = 40  # listed in the card; config.json has all
NO_CITATION = "none"  # Task.citation of a custom task without one


def model_card(
    task: Task, settings: ModelSettings, layout: HeadLayout, run: JsonMapping, *, directory_name: str
) -> str:
    """The card as Markdown, with the Hub's metadata and evaluation results (`model-index`) as front matter.

    Args:
        layout: of the model as saved.
        run: metadata of the run (api.model_facts.run_facts).
        directory_name: for commands.
    """
    labels = head_labels(task, settings.tag_scheme)
    n_runs = len(run["seeds"])
    card = ModelCard.from_template(
        _card_data(task, run, layout),
        template_path=str(TEMPLATE),
        title=_escape_markdown(_title(task, run)),
        encoder=_escape_markdown(_encoder(run, layout.architecture)),
        task_name=_escape_markdown(task.name),
        purpose=f"{PURPOSES[task.task_type]} ({_list_labels(labels) if labels else _score_range(task)})",
        n_runs=f"{n_runs} run{'s' * (n_runs != 1)} with different seeds" if n_runs != 1 else "1 run",
        seed=run["seed"],
        selection=escape_text(run["chosen"]),
        synthetic=run["generated"],
        metric=escape_text(METRICS[task.metric].title),
        scores=score_rows(run),
        notes=[*caveat_notes(run), *_scored_on(task, run), *score_notes(run)],
        classes=class_sections(run),
        runs=run_rows(run),
        statuses=status_lines(run),
        calibration=calibration_section(run) if "calibration" in run else "",
        data=_data(task, run),
        recipe_source=escape_text(run.get("recipe_source") or "All settings that affect this task."),
        recipe=[[name, escape_cell(_format_value(value))] for name, value in _recipe(task, run, layout.architecture)],
        versions=", ".join(f"{name} {value}" for name, value in run["versions"].items()) or "unknown",
        usage=usage(task, settings, layout, labels, directory_name=directory_name),
        shell_name=shlex.quote(directory_name),
        limitations=_limitations(task, run),
        paper=PAPER,
        data_citation="(add how to cite your data)"
        if task.citation == NO_CITATION
        else _escape_markdown(task.citation),
    )
    return str(card).rstrip() + "\n"


def _card_data(task: Task, run: JsonMapping, layout: HeadLayout) -> ModelCardData:
    """Front matter for the Hub; language and domain only for BLURB's tasks, since those of custom tasks are unknown."""
    pipeline, library = (
        "token-classification" if task.output == "token_labels" else "text-classification",
        "transformers",
    )
    if layout.coverage == NONE:
        pipeline, library = "sentence-similarity", "sentence-transformers"
    metric_type = METRIC_TYPES.get(task.metric, "f1")
    results = [
        EvalResult(
            task_type=pipeline,
            dataset_type="custom" if task.custom else task.name.lower().replace(" ", "-"),
            dataset_name=f"{task.name} (synthetic)" if run["generated"] else task.name,
            dataset_split=split,
            metric_type=metric_type,
            metric_name=METRICS[task.metric].title,
            metric_value=round(value, 4),
        )
        for split in run["summary"]
        if (value := model_score(run, split)) is not None
    ]
    return ModelCardData(
        language=None if task.custom else "en",
        library_name=library,
        pipeline_tag=pipeline,
        tags=["blurbstudy"] if task.custom else ["biomedical", "blurbstudy"],
        base_model=run["encoder"].get("hub") or None,
        metrics=[metric_type],
        model_name=_title(task, run),
        eval_results=results or None,
    )


def _scored_on(task: Task, run: JsonMapping) -> list[str]:
    return [f"{line[:1].upper()}{line[1:]}." for line in describe_scoring(task, [*run["summary"]])]


def _title(task: Task, run: JsonMapping) -> str:
    return " ".join(f"{run['encoder']['name']} fine-tuned on {task.name}".split())


def _encoder(run: JsonMapping, architecture: Architecture) -> str:
    shape = f"{architecture.title}, {architecture.n_layers} layers, width {architecture.width}"
    return f"{run['encoder']['name']} ({shape})"


def _data(task: Task, run: JsonMapping) -> list[str]:
    sizes = ", ".join(f"{split} {count:,}" for split, count in run["data"]["examples"].items())
    split_off = "; dev was split off train" if task.custom and task.custom.dev_share else ""
    terms = _escape_markdown(task.terms)
    if task.custom:
        terms += " (add the terms of use of your data, which also apply to this model)"
    return [
        f"Task: {_escape_markdown(task.name)} ({_kind(task)}); data fingerprint {run['data']['fingerprint']}",
        f"Examples: {sizes}{split_off}",
        f"Source: {_escape_markdown(task.source)}",
        f"Terms of use: {terms}",
        f"Encoder: {_escape_markdown(run['encoder']['name'])}; fingerprint {run['encoder']['fingerprint']}",
    ]


def _kind(task: Task) -> str:
    """The kind of task as the user names it."""
    return task.custom.task_type_alias if task.custom and task.custom.task_type_alias else task.task_type


def _recipe(task: Task, run: JsonMapping, architecture: Architecture) -> list[tuple[str, object]]:
    """The settings that affect this task."""
    recipe = recipe_from_dict(run["recipe"])
    inactive = inactive_fields(recipe, task, n_segments=architecture.n_segments)
    values = {name: value for name, value in recipe.to_dict().items() if name not in inactive}
    values["stabilizers"] = values["stabilizers"] or "none"
    if isinstance(weights := recipe.class_weights, Mapping):
        values["class_weights"] = ", ".join(f"{_escape_markdown(label)} {value:g}" for label, value in weights.items())
    return [(name.replace("_", " "), value) for name, value in values.items()] + [("precision", run["precision"])]


def _format_value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _limitations(task: Task, run: JsonMapping) -> list[str]:
    tested = "synthetic text" if run["generated"] else f"text like that of {_escape_markdown(task.name)}"
    lines = [
        f"The model was evaluated on {tested} only. Scores may be much lower on other text, such as other journals, "
        "full articles, clinical notes, or other languages.",
        "It is not intended for clinical decisions or for any use in which a wrong prediction can cause harm.",
        "It was not evaluated for bias, such as different performance across groups of people.",
    ]
    if task.output == "score":
        lines.append("Its scores are not probabilities, so they have no calibration.")
    elif not (run.get("calibration") or {}).get("fit"):
        lines.append("Its probabilities are not calibrated.")
    if task.output == "token_labels":
        lines.append(
            "It does not predict overlapping or discontinuous mentions, and does not link mentions to a database."
        )
    if run["encoder"].get("generated"):
        lines.append("Its encoder was pretrained on synthetic or very little text.")
    return lines


def _score_range(task: Task) -> str:
    return "unbounded" if task.bounds is None else f"{task.bounds[0]:g} to {task.bounds[1]:g}"


def _list_labels(labels: Sequence[str]) -> str:
    listed = ", ".join(_escape_markdown(label) for label in labels[:MAX_LABELS])
    return f"labels: {listed}" + (f" and {len(labels) - MAX_LABELS} more" if len(labels) > MAX_LABELS else "")


def _escape_markdown(text: str) -> str:
    """A user's text, such as a label or a name, without HTML, links, images and code."""
    return re.sub(r"[\\\[\]`*]", r"\\\g<0>", escape_text(text.replace("&", "&amp;")))
