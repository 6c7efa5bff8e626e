"""What a recommendation hangs on: the kind and size of a task, the size and pretraining of an encoder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...engine.sources.sources import EncoderSource
from ...engine.zero_shot import ZeroShotScore
from ...store.run_store import Gold
from ...tasks import Task
from ...tasks.task import example_size

LARGE_LAYERS = 20  # the paper's LARGE encoders have 24
# Weights of all layers: BASE has 85 million, LARGE 302; tables of words differ too much to tell sizes by.
LARGE_WEIGHTS, BASE_WEIGHTS = 200_000_000, 40_000_000
OF_SENTENCES = ("modules.json", "config_sentence_transformers.json", "sentence_bert_config.json")
KINDS = {  # kind of task -> in words
    "ner": "entities", "pico": "PICO elements", "relation": "classification of sentences",
    "question": "classification of pairs", "similarity": "similarity", "document": "sets of labels",
}  # fmt: skip
PRETRAININGS = {"mlm": "masked words", "electra": "ELECTRA"}


@dataclass(frozen=True, kw_only=True)
class Situation:
    """A task and an encoder, as the rules of recommendations.yaml see them."""

    kind: str  # of Task
    train: int  # examples
    counted: int  # the same in the unit of BLURB's table: mentions, PICO words, or examples
    size: str  # SMALL | BASE | LARGE
    family: str  # key of PRETRAININGS
    layers: int
    positions: int  # sub-words of a sequence at most
    sentence_tuned: bool
    mean_pooled: bool = True  # False: its own files say that it was tuned with another pooling
    plain: ZeroShotScore | None = None  # on train and dev, of similarity tasks


def situation_of(
    task: Task,
    train: Gold,
    encoder: EncoderSource,
    *,
    sentence_tuned: bool | None = None,
    plain: ZeroShotScore | None = None,
) -> Situation:
    """The situation of a task and an encoder.

    Args:
        train: gold labels.
        sentence_tuned: as somebody says; None: as the encoder's files do.
    """
    shape = encoder.architecture
    folder = Path(encoder.path or "")
    told = bool(encoder.path) and any((folder / name).is_file() for name in OF_SENTENCES)
    return Situation(
        kind=task.task_type,
        train=len(train.gold),
        counted=sum(example_size(task, label) for label in train.gold),
        size=size_of(shape),
        family=family_of(shape),
        layers=shape["n_layers"],
        positions=shape["max_positions"],
        sentence_tuned=told if sentence_tuned is None else sentence_tuned,
        mean_pooled=_is_mean_pooled(folder / "1_Pooling" / "config.json"),
        plain=plain,
    )


def size_of(shape: Mapping[str, Any]) -> str:
    """SMALL, BASE or LARGE, of the fields of an architecture."""
    width, layers = shape["width"], shape["n_layers"]
    weights = layers * (4 * width * width + 2 * width * shape["intermediate"])
    if layers >= LARGE_LAYERS or weights >= LARGE_WEIGHTS:
        return "LARGE"
    return "BASE" if weights >= BASE_WEIGHTS else "SMALL"


def family_of(shape: Mapping[str, Any]) -> str:
    """How it was pretrained: with masked words, or as ELECTRA's discriminator."""
    return "electra" if shape["family"] == "electra" else "mlm"


def _is_mean_pooled(path: Path) -> bool:
    """What sentence-transformers' file says; True where there is none."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True
    return not isinstance(told, dict) or bool(told.get("pooling_mode_mean_tokens", True))
