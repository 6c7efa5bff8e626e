"""Read and write model directories: a fine-tuned model in Hugging Face's file layout, which transformers loads with its
head and labels, plus blurbstudy.json with the metadata that our own predictions need.

Weights are safetensors only: loading a directory from someone else never executes code.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...config import JsonMapping, JsonObject
from ...errors import CheckpointError, flat_message, typed_message
from ...metrics import METRICS
from ...models import Checkpoint, Classifier, FinetunedWeights
from ...models.checkpoint import checkpoint_of
from ...models.state_dict_names import to_hugging_face
from ...models.weight_files import read_weights, weight_files, write_weights
from ...tasks import Task, task_from_dict
from ...tasks.task import head_labels
from ...tasks.text.words import WORD_SPLITTERS
from .check import CARD, METADATA_FILE, check_metadata_file
from .heads import HEADS, NONE, HeadLayout, head_layout
from .settings import FORMAT, ModelSettings, metadata
from .tokenizer import write_sentence_transformer_files, write_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SCORE = "score"  # the only label of a regression
_RESTORE = "restore the complete directory"  # remedy of errors
PROBLEM_TYPES = {
    "single_label": "single_label_classification",
    "multi_label": "multi_label_classification",
    "score": "regression",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class ModelDirectory:
    """A model directory as read."""

    folder: Path
    task: Task  # without data files
    settings: ModelSettings
    checkpoint: Checkpoint  # the encoder; its tokenizer is the directory's
    head: Mapping[str, Tensor]  # head.weight, head.bias; pooler.dense.* if the head has a pooler
    run: JsonMapping  # metadata of the training run (api.model_facts)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels in the order of the head's outputs; () for a score."""
        return head_labels(self.task, self.settings.tag_scheme)


def write_model_files(
    folder: Path,
    trained: FinetunedWeights,
    *,
    task: Task,
    settings: ModelSettings,
    tokenizer: PreTrainedTokenizerFast,
    run: JsonMapping,
    card: str = "",
) -> None:
    """Write all files of a model directory into an existing, empty folder.

    Args:
        tokenizer: the encoder's fast tokenizer from transformers.
        run: metadata of the training run, JSON values.
        card: the model card; "": none.
    """
    trained = fold_output_scale(trained, task)
    layout = head_layout(trained.architecture, settings.head)
    architecture = layout.architecture
    config = architecture.to_config() | {
        "architectures": [layout.class_name],
        **layout.settings,
        **label_config(task, settings.tag_scheme),
    }
    _write_json(folder / "config.json", config)
    write_weights(_state_dict(trained, layout), folder)
    write_tokenizer(tokenizer, folder, settings=settings, pad_id=architecture.pad_id, segments=architecture.n_segments)
    if layout.coverage == NONE:
        write_sentence_transformer_files(folder, width=architecture.width, max_length=settings.max_length)
    if card:
        (folder / CARD).write_text(card, encoding="utf-8")
    _write_json(folder / METADATA_FILE, metadata(task, settings, run))


def fold_output_scale(trained: FinetunedWeights, task: Task) -> FinetunedWeights:
    """Fold the scaling of training targets (`to_scale`) into the head, so that it outputs the task's scores."""
    if task.custom is None or task.custom.scale == 1 or not trained.head:  # a cosine head has no weights
        return trained
    scale, center = task.custom.scale, task.custom.center
    head = {name: tensor * scale if name.startswith("head.") else tensor for name, tensor in trained.head.items()}
    return dataclasses.replace(trained, head=head | {"head.bias": head["head.bias"] + center})


def label_config(task: Task, tag_scheme: str) -> JsonObject:
    """The entries of config.json on the head's outputs."""
    labels = head_labels(task, tag_scheme) or (SCORE,)
    problem = PROBLEM_TYPES.get(task.output)
    return {
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
    } | ({"problem_type": problem} if problem else {})


def read_model_directory(folder: Path | str) -> ModelDirectory:
    """Read a model directory and check it.

    Raises:
        CheckpointError: it is not a model directory, is corrupt or inconsistent, or has pickled weights.
    """
    folder = Path(folder)
    check_metadata_file(folder)
    task, settings, run = _read_metadata(folder / METADATA_FILE)
    config = _read_json(folder / "config.json")
    files = weight_files(folder)
    if pickled := [file.name for file in files if file.suffix != ".safetensors"]:
        raise CheckpointError(
            f"{folder}: {pickled[0]} is pickled and may contain code, so it is not loaded; use a directory with "
            "model.safetensors"
        )
    state = read_weights(folder)
    checkpoint = checkpoint_of(folder, state)
    if settings.max_length > (limit := checkpoint.architecture.max_positions):
        raise CheckpointError(
            f"{folder}: max_length {settings.max_length} in {METADATA_FILE} exceeds the {limit} positions of the "
            f"encoder; {_RESTORE}"
        )
    layout = head_layout(checkpoint.architecture, settings.head)
    _check_head(folder, config, layout, task, settings)
    head = _head(folder, state, layout, outputs=max(1, len(head_labels(task, settings.tag_scheme))))
    return ModelDirectory(folder=folder, task=task, settings=settings, checkpoint=checkpoint, head=head, run=run)


def load_classifier(directory: ModelDirectory, *, device: torch.device | str = "cpu") -> Classifier:
    """The model of a directory as a Classifier with one member and frozen parameters."""
    outputs = max(1, len(directory.labels))
    architecture = directory.checkpoint.architecture
    model = Classifier(architecture, members=1, outputs=outputs, head=directory.settings.head)
    model.load_weights(0, directory.checkpoint.weights, directory.head)
    return model.to(device).requires_grad_(False)


def _state_dict(trained: FinetunedWeights, layout: HeadLayout) -> dict[str, Tensor]:
    """All tensors under the parameter names of transformers' class."""
    encoder = {name: tensor for name, tensor in trained.encoder.items() if not name.startswith("pooler.")}
    state = to_hugging_face(encoder, layout.architecture)
    named = {f"{layout.prefix}{name}": tensor for name, tensor in state.items()}
    return named | {layout.names[ours]: tensor.contiguous() for ours, tensor in trained.head.items()}


def _read_metadata(path: Path) -> tuple[Task, ModelSettings, JsonObject]:
    values = _read_json(path)
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
        raise CheckpointError(f"{path}: invalid ({typed_message(error)}); {_RESTORE}") from None
    return task, settings, run


def _check_head(folder: Path, config: JsonMapping, layout: HeadLayout, task: Task, settings: ModelSettings) -> None:
    """Refuse a config.json that contradicts blurbstudy.json."""
    if config.get("architectures") != [layout.class_name]:
        raise CheckpointError(
            f"{folder}: config.json has the class {config.get('architectures')}, {METADATA_FILE} {layout.class_name}; "
            f"{_RESTORE}"
        )
    expected = label_config(task, settings.tag_scheme)["id2label"]
    if config.get("id2label") != expected:
        raise CheckpointError(
            f"{folder}: config.json has the labels {str(config.get('id2label'))[:100]}, {METADATA_FILE} has "
            f"{str(expected)[:100]}; {_RESTORE}"
        )


def _head(folder: Path, state: Mapping[str, Tensor], layout: HeadLayout, *, outputs: int) -> dict[str, Tensor]:
    width = layout.architecture.width
    shapes = {"head.weight": (outputs, width), "head.bias": (outputs,)}
    shapes |= {"pooler.dense.weight": (width, width), "pooler.dense.bias": (width,)}
    head = {}
    for ours, theirs in layout.names.items():
        if theirs not in state:
            raise CheckpointError(f"{folder}: weights lack {theirs!r}; {_RESTORE}")
        if tuple(state[theirs].shape) != shapes[ours]:
            raise CheckpointError(
                f"{folder}: {theirs} has shape {tuple(state[theirs].shape)}, but the labels need {shapes[ours]}; "
                f"{_RESTORE}"
            )
        head[ours] = state[theirs].float()
    return head


def _read_json(path: Path) -> JsonObject:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: cannot be read ({flat_message(error)[:200]}); {_RESTORE}") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: expected a JSON object, got {type(values).__name__}; {_RESTORE}")
    return values


def _write_json(path: Path, values: JsonMapping) -> None:
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
