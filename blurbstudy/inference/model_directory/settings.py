"""What a model must be told beside its weights: how texts become its input, and which labels its outputs have."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from ...config import Recipe
from ...tasks import Task


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """What decides how texts become the model's input, and its output labels."""

    max_length: int  # sub-words per sequence, special tokens included
    tagging: str  # bio | io
    head: str  # words | pooler | gelu | cosine: one of heads.HEADS
    segment_ids: str  # pair | single
    words: str = ""  # key of WORD_RULES by which text is split as train was; "": it is not split

    @property
    def layout(self) -> str:
        """How two texts enter the encoder: together as `segment_ids` says, or apart; see config.Recipe."""
        return "bi_encoder" if self.head == "cosine" else self.segment_ids

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return dataclasses.asdict(self)


def settings_of(task: Task, recipe: Recipe, *, words: str = "basic") -> ModelSettings:
    """The settings of a model that was trained by a recipe; words: the rule that train was split by, of tagged text."""
    tags = task.output == "token_labels"
    return ModelSettings(
        max_length=recipe.max_length,
        tagging=recipe.tagging,
        head="words" if tags else recipe.head,
        segment_ids=recipe.segment_ids,
        words=words if tags else "",
    )
