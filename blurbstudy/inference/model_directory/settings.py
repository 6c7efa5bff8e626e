"""The settings of a model besides its weights: how texts become its input, and the labels of its outputs."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from ...config import JsonMapping, JsonObject, Recipe
from ...errors import CheckpointError, flat_message, typed_message
from ...metrics import METRICS
from ...tasks import Task, task_from_dict, task_to_dict
from ...tasks.text.words import WORD_SPLITTERS
from .check import METADATA_FILE, check_metadata_file
from .heads import HEADS

FORMAT = 2  # of blurbstudy.json
RESTORE = "restore the complete directory"  # remedy of errors


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


def read_metadata(folder: Path) -> tuple[Task, ModelSettings, JsonObject]:
    """The task, the settings and the metadata of the run in blurbstudy.json.

    Raises:
        CheckpointError: there is none, or it is invalid.
    """
    check_metadata_file(folder)
    path = folder / METADATA_FILE
    values = read_json(path)
    if values.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: format {values.get('format')!r}, expected {FORMAT}; use the version of blurbstudy that wrote it"
        )
    try:
        task = task_from_dict(values["task"])
        values.setdefault("threshold", 0.5)
        settings = ModelSettings(**{field.name: values[field.name] for field in dataclasses.fields(ModelSettings)})
        run = dict(values["run"])
        if settings.head not in HEADS or (settings.head == "token") != (task.output == "token_labels"):
            raise ValueError(f"head {settings.head!r} does not fit a {task.task_type} task")
        if settings.words not in (WORD_SPLITTERS if task.output == "token_labels" else ("",)):
            raise ValueError(f"words {settings.words!r}")
        if not all(isinstance(label, str) for label in task.labels) or task.metric not in METRICS:
            raise ValueError(f"labels or metric {task.metric!r}")
        if isinstance(settings.max_length, bool) or not isinstance(settings.max_length, int) or settings.max_length < 4:
            raise ValueError(f"max_length {settings.max_length!r}")
        if not isinstance(settings.threshold, float) or not 0 < settings.threshold < 1:
            raise ValueError(f"threshold {settings.threshold!r}")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path}: invalid ({typed_message(error)}); {RESTORE}") from None
    return task, settings, run


def read_json(path: Path) -> JsonObject:
    """The object in a JSON file.

    Raises:
        CheckpointError: there is none.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: cannot be read ({flat_message(error)[:200]}); {RESTORE}") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: expected a JSON object, got {type(values).__name__}; {RESTORE}")
    return values
