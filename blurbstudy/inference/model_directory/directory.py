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

import numpy as np
import torch
from torch import Tensor

from ...config import JsonMapping, JsonObject
from ...errors import CheckpointError
from ...models import Checkpoint, Classifier, FinetunedWeights
from ...models.checkpoint import checkpoint_of
from ...models.state_dict_names import to_hugging_face
from ...models.weight_files import read_weights, weight_files, write_weights
from ...tasks import Task
from ...tasks.features import Features
from ...tasks.task import head_labels
from ...training.decoding import OutputFunction
from ...training.evaluation import evaluation_batches, predict
from ...training.provenance import pick_device
from .check import CARD, METADATA_FILE
from .heads import NONE, HeadLayout, head_layout
from .settings import RESTORE, ModelSettings, metadata, read_json, read_metadata
from .tokenizer import write_sentence_transformer_files, write_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SCORE = "score"  # the only label of a regression
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

    @property
    def fingerprint(self) -> str:
        """A digest of configuration, weights and tokenizer."""
        return self.checkpoint.fingerprint

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The fast tokenizer (transformers)."""
        return self.checkpoint.tokenizer()

    def load(self, device: str) -> OutputFunction:
        """The model on a device (auto, cpu or cuda)."""
        chosen = pick_device(device)
        model = load_classifier(self, device=chosen).eval()
        n_heads = model.architecture.n_heads

        def outputs(features: Features, batch_tokens: int) -> np.ndarray:
            batches = evaluation_batches(features, members=1, n_heads=n_heads, tokens=batch_tokens)
            with torch.inference_mode():  # faster than no_grad
                return predict(model, batches, device=chosen, autocast=False)[0]

        return outputs


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
    task, settings, run = read_metadata(folder)
    config = read_json(folder / "config.json")
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
            f"encoder; {RESTORE}"
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


def _check_head(folder: Path, config: JsonMapping, layout: HeadLayout, task: Task, settings: ModelSettings) -> None:
    """Refuse a config.json that contradicts blurbstudy.json."""
    if config.get("architectures") != [layout.class_name]:
        raise CheckpointError(
            f"{folder}: config.json has the class {config.get('architectures')}, {METADATA_FILE} {layout.class_name}; "
            f"{RESTORE}"
        )
    expected = label_config(task, settings.tag_scheme)["id2label"]
    if config.get("id2label") != expected:
        raise CheckpointError(
            f"{folder}: config.json has the labels {str(config.get('id2label'))[:100]}, {METADATA_FILE} has "
            f"{str(expected)[:100]}; {RESTORE}"
        )


def _head(folder: Path, state: Mapping[str, Tensor], layout: HeadLayout, *, outputs: int) -> dict[str, Tensor]:
    width = layout.architecture.width
    shapes = {"head.weight": (outputs, width), "head.bias": (outputs,)}
    shapes |= {"pooler.dense.weight": (width, width), "pooler.dense.bias": (width,)}
    head = {}
    for ours, theirs in layout.names.items():
        if theirs not in state:
            raise CheckpointError(f"{folder}: weights lack {theirs!r}; {RESTORE}")
        if tuple(state[theirs].shape) != shapes[ours]:
            raise CheckpointError(
                f"{folder}: {theirs} has shape {tuple(state[theirs].shape)}, but the labels need {shapes[ours]}; "
                f"{RESTORE}"
            )
        head[ours] = state[theirs].float()
    return head


def _write_json(path: Path, values: JsonMapping) -> None:
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
