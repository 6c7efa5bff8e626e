"""Code snippets of the model card: how other libraries load the model."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ...tasks import Task
from .heads import FULL, NONE, HeadLayout, missing_in_transformers
from .settings import ModelSettings


def usage(
    task: Task, settings: ModelSettings, layout: HeadLayout, labels: Sequence[str], *, directory_name: str
) -> str:
    """How to use the model with transformers or sentence-transformers, as Markdown.

    Args:
        labels: in the order of the head's outputs.
    """
    if layout.coverage == FULL:
        return (
            _fenced("With transformers:", _pipeline_code(task, directory_name))
            + f"\n\n{_use_note(task, settings, labels)}"
        )
    name = json.dumps(directory_name)
    if layout.coverage == NONE:
        low, high = task.bounds or (0.0, 1.0)
        code = f"from sentence_transformers import SentenceTransformer, util\n\nmodel = SentenceTransformer({name})\n"
        code += 'first, second = model.encode(["The first text.", "The second text."])\nutil.cos_sim(first, second)'
        note = (
            "Each text is encoded separately, as the mean over its sub-words. blurbstudy maps the cosine to the scale "
            f"of the task, so that 0 becomes {low:g} and 1 becomes {high:g}. {_truncation(settings)}"
        )
        return _fenced("With sentence-transformers:", code) + f"\n\n{note}"
    code = f"from transformers import AutoModel\n\nencoder = AutoModel.from_pretrained({name})  # without the head"
    missing = missing_in_transformers(layout, settings.head)
    return _fenced(f"{missing[0].upper()}{missing[1:]}. To load the encoder:", code)


def _fenced(lead: str, code: str) -> str:
    return f"{lead}\n\n```python\n{code}\n```"


def _pipeline_code(task: Task, directory_name: str) -> str:
    name = json.dumps(directory_name)
    if task.output == "token_labels":
        load = f'pipeline("token-classification", model={name}, aggregation_strategy="first")'
        call = 'model("Aspirin inhibits cyclooxygenase.")'
    else:
        options = {"multi_label": ", top_k=None", "score": ', function_to_apply="none"'}.get(task.output, "")
        load = f'pipeline("text-classification", model={name}{options}, truncation=True)'
        pair = len(task.text_columns) > 1
        call = 'model({"text": "The first text.", "text_pair": "The second text."})' if pair else 'model("A text.")'
    return f"from transformers import pipeline\n\nmodel = {load}\n{call}"


def _use_note(task: Task, settings: ModelSettings, labels: Sequence[str]) -> str:
    if task.output == "multi_label":
        chosen = "" if settings.threshold == 0.5 else ", the threshold chosen on dev"
        return (
            f"A label is predicted if its probability exceeds {settings.threshold:g}{chosen}. {_truncation(settings)}"
        )
    if task.output != "token_labels":
        return _truncation(settings)
    notes = [
        f"The label of a word is that of its first sub-word. Sequences have at most {settings.max_length} sub-words."
    ]
    if "B" in labels:
        notes.append(
            "The labels B and I have no type, so the pipeline does not merge B with a following I; blurbstudy does."
        )
    if settings.words == "joined":
        notes.append(
            "The training data treat words such as IL-2 as one word. So does blurbstudy; the pipeline splits them."
        )
    return " ".join(notes)


def _truncation(settings: ModelSettings) -> str:
    return f"Longer texts are truncated to {settings.max_length} sub-words."
