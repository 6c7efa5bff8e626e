"""The settings of a model besides its weights: how texts become its input, and the labels of its outputs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ...config import JsonMapping, JsonObject, Recipe
from ...tasks import Task, task_to_dict

FORMAT = 2  # of blurbstudy.json


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """How texts are tokenized and which head reads the encoder."""

    max_length: int  # sub-words per sequence, including special tokens
    tag_scheme: str  # bio | io
    head: str  # token | pooler | gelu | cosine: one of heads.HEADS
    segment_ids: str  # pair | single
    words: str = ""  # key of WORD_SPLITTERS that splits text into words as in training; "": no word splitting
    threshold: float = 0.5  # probability above which a label of a set is predicted; another one was chosen on dev

    @property
    def layout(self) -> str:
        """How the encoder reads two texts: in one sequence (`segment_ids`) or separately ("bi_encoder"); see Recipe."""
        return "bi_encoder" if self.head == "cosine" else self.segment_ids

    def to_dict(self) -> JsonObject:
        """JSON values; without the threshold if it is the usual one."""
        values = dataclasses.asdict(self)
        return {name: value for name, value in values.items() if name != "threshold" or value != 0.5}


def settings_of(task: Task, recipe: Recipe, *, words: str = "basic", threshold: float = 0.5) -> ModelSettings:
    """The settings of a model trained with a recipe.

    Args:
        words: key of WORD_SPLITTERS that matches the words of the training data; ignored unless the task tags words.
        threshold: of label sets.
    """
    tags = task.output == "token_labels"
    return ModelSettings(
        max_length=recipe.max_length,
        tag_scheme=recipe.tag_scheme,
        head="token" if tags else recipe.head,
        segment_ids=recipe.segment_ids,
        words=words if tags else "",
        threshold=threshold,
    )


def metadata(task: Task, settings: ModelSettings, run: JsonMapping) -> JsonObject:
    """The contents of blurbstudy.json, without paths of the training machine."""
    # The scale is folded into the head.
    unscaled = None if task.custom is None else dataclasses.replace(task.custom, center=0.0, scale=1.0)
    portable = dataclasses.replace(task, files={}, fallback_files={}, folder=".", custom=unscaled)
    return {"format": FORMAT, "task": task_to_dict(portable), **settings.to_dict(), "run": dict(run)}
