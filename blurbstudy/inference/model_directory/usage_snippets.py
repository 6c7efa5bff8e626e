"""How a model directory is used with other libraries, for its model card."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ...tasks import Task
from .heads import NO_WEIGHTS, WHOLE, HeadForm, lack
from .settings import ModelSettings


def usage(task: Task, settings: ModelSettings, form: HeadForm, labels: Sequence[str], *, place: str) -> str:
    """How transformers, or sentence-transformers, is called, as Markdown.

    Args:
        labels: in the order of the head's outputs.
        place: the directory's name.
    """
    if form.has == WHOLE:
        return _fenced("With transformers:", _code(task, place)) + f"\n\n{_use_note(task, settings, labels)}"
    name = json.dumps(place)
    if form.has == NO_WEIGHTS:
        low, high = task.bounds or (0.0, 1.0)
        code = f"from sentence_transformers import SentenceTransformer, util\n\nmodel = SentenceTransformer({name})\n"
        code += 'first, second = model.encode(["The first text.", "The second text."])\nutil.cos_sim(first, second)'
        scale = f"blurbstudy gives a score of {low:g} for a cosine of 0 and of {high:g} for a cosine of 1"
        apart = f"The two texts are encoded apart, each as the mean of its sub-words; {scale}."
        cut = f"Longer texts are cut at {settings.max_length} sub-words."
        return _fenced("With sentence-transformers:", code) + f"\n\n{apart} {cut}"
    code = f"from transformers import AutoModel\n\nencoder = AutoModel.from_pretrained({name})  # without the head"
    said = lack(form, settings.head)
    return _fenced(f"{said[0].upper()}{said[1:]}. For its hidden states:", code)


def _fenced(lead: str, code: str) -> str:
    return f"{lead}\n\n```python\n{code}\n```"


def _code(task: Task, place: str) -> str:
    name = json.dumps(place)
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
    if task.output == "token_labels":
        untyped = "B" in labels
        joined = (
            " Its labels B and I carry no type, so the pipeline joins no B with the I after it; blurbstudy does."
            if untyped
            else ""
        )
        longest = f"Sequences hold {settings.max_length} sub-words at most."
        marks = (
            " It was trained on words with marks inside them (IL-2), which blurbstudy reads as one word, the pipeline "
            "as several."
            if settings.words == "joined"
            else ""
        )
        return f"A word has the label of its first sub-word. {longest}{joined}{marks}"
    cut = f"Longer texts are cut at {settings.max_length} sub-words."
    if task.output == "multi_label":
        return f"A label is given where its probability is above 1/2. {cut}"
    return cut
