"""The model card of a fine-tuned model: README.md of its directory, from the facts of its run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ...config import Recipe
from ...models import Architecture
from ...tasks import Task
from ...tasks.task import head_labels
from .heads import NO_WEIGHTS, HeadForm
from .settings import ModelSettings
from .usage_snippets import usage

PAPER = (
    "Tinn R, Cheng H, Gu Y, Usuyama N, Liu X, Naumann T, Gao J, Poon H. Fine-tuning large neural language models for "
    "biomedical natural language processing. 2021, arXiv:2112.07869; Patterns 4(4), 2023."
)
TASK_WORDS = {
    "ner": "finds mentions of entities in text, word by word",
    "pico": "marks the words of trial abstracts that tell of participants, interventions and outcomes",
    "relation": "gives a sentence one label",
    "question": "gives a pair of texts one label",
    "document": "gives a text any number of labels",
    "similarity": "gives a pair of texts a score",
}
SHOWN_LABELS = 40  # in the card; config.json holds all
UNCITED = "none"  # of a task of one's own that says nothing of it

CARD = """---
{front}
---

# {title}

A {encoder}, fine-tuned on {task}: it {does}.

Made by blurbstudy, {seeds} of one recipe; this is seed {seed}, {why}.
{banner}
## Scores

{metric}, times 100.

{scores}

{notes}

## Runs

{runs}

{failed}

## Data

{data}

## Recipe

{recipe_note}

| setting | value |
| --- | --- |
{recipe}

Made with {versions}.

## Use

{use}

With blurbstudy, which also reads files, keeps character offsets and cuts long texts into windows:

```
blurbstudy predict --model {place} FILE
```

`blurbstudy.json` beside this file holds what that needs: the task, how text is cut, and the facts on this page.

## Limits

{limits}

## Citation

{paper}

Data: {data_citation}
"""


def model_card(task: Task, settings: ModelSettings, form: HeadForm, run: Mapping[str, Any], *, place: str) -> str:
    """The card, as Markdown.

    Args:
        form: of the model, as it is written.
        run: results.model_facts.run_facts.
        place: the directory's name, for commands.
    """
    labels = head_labels(task, settings.tagging)
    return CARD.format(
        front=_front(task, run, form),
        title=_named(f"{task.name}: {run['encoder']['name']}, fine-tuned"),
        encoder=_named(_encoder(run, form.architecture)),
        task=_named(task.name),
        does=TASK_WORDS[task.task_type] + (f" ({_listed(labels)})" if labels else f" ({_range(task)})"),
        seeds=f"{len(run['seeds'])} run{'s' * (len(run['seeds']) != 1)}",
        seed=run["seed"],
        why=run["chosen"],
        banner=_banner(run),
        metric=_plain(task.metric),
        scores=_scores(run),
        notes=_notes(run),
        runs=_runs(run),
        failed=_failed(run),
        data=_data(task, run),
        recipe_note=_recipe_note(run),
        recipe="\n".join(f"| {name} | {_cell(_said(value))} |" for name, value in _recipe(task, run)),
        versions=", ".join(f"{name} {value}" for name, value in run["versions"].items()) or "unknown versions",
        use=usage(task, settings, form, labels, place=place),
        place=shlex.quote(place),
        limits="\n".join(f"- {line}" for line in _limits(task, run)),
        paper=PAPER,
        data_citation="write here how they are cited" if task.citation == UNCITED else _named(task.citation),
    )


def _front(task: Task, run: Mapping[str, Any], form: HeadForm) -> str:
    """The lines that the Hub reads; of one's own texts nobody knows here in which language they are, or of what."""
    pipe, library = "token-classification" if task.output == "token_labels" else "text-classification", "transformers"
    if form.has == NO_WEIGHTS:
        pipe, library = "sentence-similarity", "sentence-transformers"
    lines = [f"library_name: {library}", f"pipeline_tag: {pipe}"]
    lines += ["tags: [blurbstudy]"] if task.custom else ["tags: [biomedical, blurbstudy]", "language: en"]
    return "\n".join(lines + ([f"base_model: {run['encoder']['hub']}"] if run["encoder"].get("hub") else []))


def _encoder(run: Mapping[str, Any], architecture: Architecture) -> str:
    shape = f"{architecture.title}, {architecture.n_layers} layers, width {architecture.width}"
    return f"{run['encoder']['name']} ({shape})"


def _banner(run: Mapping[str, Any]) -> str:
    if not run["generated"]:
        return ""
    return (
        "\n**This model was trained on generated, invented text (mini-BLURB). It shows that the machinery works. Its "
        "scores are no finding, and it is of no use on real text.**\n"
    )


def _scores(run: Mapping[str, Any]) -> str:
    rows = [["", "score", "95% over examples", "95% over seeds"], ["---"] * 4]
    for split, summaries in run["summary"].items():
        own, seeds = summaries["model"], summaries["seeds"]
        rows.append([f"{split}, this model", _score(own["mean"]), _interval(own["interval_over_examples"]), ""])
        over = [_interval(seeds["interval_over_examples"]), _interval(seeds["interval_over_seeds"])]
        rows.append([f"{split}, mean of {seeds['scored']} seeds", _score(seeds["mean"]), *over])
        rows.append([f"{split}, what reads nothing scores", _score(seeds["trivial"]), "", ""])
    return _table(rows)


def _notes(run: Mapping[str, Any]) -> str:
    lines = []
    if "dev" in run["summary"]:
        lines.append(
            "This model was chosen by its dev score among the seeds, so that score flatters it; expect from it what "
            "test says, or else the mean of the seeds."
        )
    if "test" not in run["summary"]:
        lines.append("There is no test set: no score here is of text that played no part in choosing the model.")
    methods = {
        split: f"{summaries['seeds']['interval_over_examples_by']}; over seeds {summaries['seeds']['seeds_by']}"
        for split, summaries in run["summary"].items()
    }
    lines += [f"Intervals ({split}): over examples {method}." for split, method in methods.items()]
    if run.get("again"):
        again = run["again"]
        lines.append(
            "These weights were trained again from the run's configuration, and are not exactly the run's: "
            f"{_plain(again['difference'])}. Their own scores: "
            + ", ".join(f"{split} {_score(value)}" for split, value in again["scores"].items() if value is not None)
            + "."
        )
    if run["precision"] != "float32":
        lines.append(
            f"The runs were trained and scored in {run['precision']}, the weights here are float32: single predictions "
            "may differ."
        )
    return "\n\n".join(lines)


def _runs(run: Mapping[str, Any]) -> str:
    rows = [["seed", "dev", "test", "failed", "run"], ["---"] * 5]
    for one in run["seeds"]:
        mark = " (this one)" if one["id"] == run["id"] else ""
        scores = [_score(one["dev"]), _score(one["test"])]
        rows.append([f"{one['seed']}{mark}", *scores, one["failed"] or "no", one["id"]])
    return _table(rows)


def _failed(run: Mapping[str, Any]) -> str:
    failed = sum(one["failed"] is not None for one in run["seeds"])
    said = f"{failed} of {len(run['seeds'])} runs failed."
    meaning = (
        " A run has failed if its loss left the finite numbers, its predictions are all the same, or its dev score is "
        "not surely above what reads nothing scores (one-sided 95% bound)."
    )
    all_of_them = " All of them did, so this is only the best of failed runs: do not rely on it."
    return said + meaning + (all_of_them if failed == len(run["seeds"]) else "")


def _data(task: Task, run: Mapping[str, Any]) -> str:
    sizes = ", ".join(f"{split} {count:,}" for split, count in run["data"]["examples"].items())
    terms = _named(task.terms)
    if task.custom:
        terms += " (write here under which terms the data, and so this model, may be used)"
    return "\n".join(
        [
            f"- Task: {_named(task.name)} ({task.task_type}); fingerprint of the files: {run['data']['fingerprint']}",
            f"- Examples: {sizes}" + ("; dev was split off train" if task.custom and task.custom.dev_share else ""),
            f"- Source: {_named(task.source)}",
            f"- Terms: {terms}",
            f"- Encoder: {_named(run['encoder']['name'])}, fingerprint {run['encoder']['fingerprint']}",
        ]
    )


def _recipe_note(run: Mapping[str, Any]) -> str:
    return _plain(run["recipe_source"]) if run.get("recipe_source") else "Every setting that acts on this task."


def _recipe(task: Task, run: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The settings, those that this task makes no use of left out."""
    idle = set() if task.task_type == "ner" else {"tagging"}
    idle |= {"head"} if task.output == "token_labels" else set()
    idle |= {"segment_ids"} if len(task.text_columns) < 2 else set()
    default = Recipe()
    values = {name: value for name, value in run["recipe"].items() if name not in idle}
    values["stabilizers"] = values.get("stabilizers") or "none"
    told = [(name.replace("_", " "), value) for name, value in values.items() if hasattr(default, name)]
    return [*told, ("precision", run["precision"])]


def _said(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else value


def _limits(task: Task, run: Mapping[str, Any]) -> list[str]:
    shown = "generated text" if run["generated"] else f"text like that of {_named(task.name)}"
    lines = [
        f"It was tested on {shown} alone. Other kinds of text (other journals, clinical notes, full articles, other "
        "languages) were not tested, and scores there may be far lower.",
        "It is not meant for clinical decisions, nor for any use where a wrong prediction harms somebody.",
        "How it treats groups of people, and what bias it takes from its data and encoder, was not tested.",
        "Its probabilities were not calibrated.",
    ]
    if task.output == "token_labels":
        lines.append("It marks no overlapping or discontinuous mentions, and links nothing to a database.")
    if run["encoder"].get("generated"):
        lines.append("Its encoder was pretrained on generated or very little text: it knows word forms, little else.")
    return lines


def _range(task: Task) -> str:
    return "no bounds known" if task.bounds is None else f"from {task.bounds[0]:g} to {task.bounds[1]:g}"


def _listed(labels: Sequence[str]) -> str:
    shown = ", ".join(_named(label) for label in labels[:SHOWN_LABELS])
    return shown + (f" and {len(labels) - SHOWN_LABELS} more" if len(labels) > SHOWN_LABELS else "")


def _score(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f}"


def _interval(bounds: Sequence[float] | None) -> str:
    return "–" if bounds is None else f"[{100 * bounds[0]:.2f}, {100 * bounds[1]:.2f}]"


def _table(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in rows)


def _cell(value: Any) -> str:
    return _plain(str(value)).replace("|", "\\|")


def _plain(text: str) -> str:
    """On one line, and no HTML."""
    return " ".join(str(text).split()).replace("<", "&lt;")


def _named(text: str) -> str:
    """What somebody named, a label or a task, as it is written: no HTML, link, image or code."""
    return re.sub(r"[\\\[\]`*]", r"\\\g<0>", _plain(text.replace("&", "&amp;")))
