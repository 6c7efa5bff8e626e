"""The properties of a task and an encoder that recommendations depend on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ...engine.sources.sources import EncoderSource
from ...engine.zero_shot import ZeroShotScore
from ...models import Architecture
from ...store.run_store import Gold
from ...tasks import Task
from ...tasks.task import example_size

MIN_LARGE_LAYERS = 20  # the paper's LARGE encoders have 24
# Parameters of all layers: BASE has 85 million, LARGE 302 million. Embeddings depend too much on the vocabulary.
MIN_LARGE_PARAMETERS, MIN_BASE_PARAMETERS = 200_000_000, 40_000_000
SENTENCE_TRANSFORMER_FILES = ("modules.json", "config_sentence_transformers.json", "sentence_bert_config.json")
KINDS = {  # kind of task -> description
    "ner": "entities",
    "pico": "PICO elements",
    "relation": "classification of sentences",
    "question": "classification of pairs",
    "similarity": "similarity",
    "document": "multi-label classification",
}
PRETRAININGS = {"mlm": "masked language modeling", "electra": "ELECTRA"}


@dataclass(frozen=True, kw_only=True)
class TaskProfile:
    """The properties of a task and an encoder that the rules depend on."""

    kind: str  # of Task
    train: int  # examples
    size_in_units: int  # size of train as in BLURB's table: mentions, PICO words, or examples
    size: str  # SMALL | BASE | LARGE
    family: str  # key of PRETRAININGS
    layers: int
    positions: int  # maximum sub-words of a sequence
    sentence_tuned: bool
    mean_pooled: bool = True  # False: the encoder's files name another pooling
    zero_shot: ZeroShotScore | None = None  # on train and dev, for similarity tasks


def profile_of(
    task: Task,
    train: Gold,
    encoder: EncoderSource,
    *,
    sentence_tuned: bool | None = None,
    zero_shot: ZeroShotScore | None = None,
) -> TaskProfile:
    """The profile of a task and an encoder.

    Args:
        train: gold labels.
        sentence_tuned: whether the encoder was trained to compare sentences; None: detected from its files.
    """
    shape = encoder.architecture
    folder = Path(encoder.path or "")
    detected = bool(encoder.path) and any((folder / name).is_file() for name in SENTENCE_TRANSFORMER_FILES)
    return TaskProfile(
        kind=task.task_type,
        train=len(train.gold),
        size_in_units=sum(example_size(task, label) for label in train.gold),
        size=size_of(shape),
        family=family_of(shape),
        layers=shape.n_layers,
        positions=shape.max_positions,
        sentence_tuned=detected if sentence_tuned is None else sentence_tuned,
        mean_pooled=_is_mean_pooled(folder / "1_Pooling" / "config.json"),
        zero_shot=zero_shot,
    )


def size_of(shape: Architecture) -> str:
    """SMALL, BASE or LARGE, from the depth and the parameters of the layers."""
    width, layers = shape.width, shape.n_layers
    parameters = layers * (4 * width * width + 2 * width * shape.intermediate)
    if layers >= MIN_LARGE_LAYERS or parameters >= MIN_LARGE_PARAMETERS:
        return "LARGE"
    return "BASE" if parameters >= MIN_BASE_PARAMETERS else "SMALL"


def family_of(shape: Architecture) -> str:
    """The pretraining objective: a key of PRETRAININGS."""
    return "electra" if shape.family == "electra" else "mlm"


def _is_mean_pooled(path: Path) -> bool:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True
    return not isinstance(config, dict) or bool(config.get("pooling_mode_mean_tokens", True))
