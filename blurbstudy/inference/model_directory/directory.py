"""A model directory: a fine-tuned model as Hugging Face's files, which transformers loads with its head and labels, and
blurbstudy.json, which says what else our own predictions need.

Weights are safetensors alone: nothing in a directory that somebody sends is ever executed.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import CheckpointError
from ...metrics import METRICS
from ...models import Checkpoint, Classifier, TrainedWeights
from ...models.checkpoint import checkpoint_of
from ...models.state_dict_names import to_hugging_face
from ...models.weight_files import read_weights, weight_files, write_weights
from ...tasks import Task, task_from_dict, task_to_dict
from ...tasks.task import head_labels
from ...tasks.text.words import WORD_RULES
from .heads import HEADS, NO_WEIGHTS, HeadForm, head_form
from .settings import ModelSettings
from .tokenizer import write_sentence_files, write_tokenizer

FORMAT = 1  # of blurbstudy.json
FACTS = "blurbstudy.json"
CARD = "README.md"
SCORE = "score"  # the one label of a regression
PROBLEMS = {
    "single_label": "single_label_classification",
    "multi_label": "multi_label_classification",
    "score": "regression",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class ModelDirectory:
    """A model directory that was read."""

    folder: Path
    task: Task  # without files
    settings: ModelSettings
    checkpoint: Checkpoint  # the encoder; its tokenizer is the directory's
    head: Mapping[str, Tensor]  # head.weight, head.bias; pooler.dense.* where there is one
    run: Mapping[str, Any]  # facts of the run that it is of

    @property
    def labels(self) -> tuple[str, ...]:
        """Classes in the order of the head's outputs, () for a score."""
        return head_labels(self.task, self.settings.tagging)


def write_model_files(
    folder: Path,
    trained: TrainedWeights,
    *,
    task: Task,
    settings: ModelSettings,
    tokenizer: Any,
    run: Mapping[str, Any],
    card: str = "",
) -> None:
    """Writes all files of a model directory into a folder that is there and empty.

    Args:
        tokenizer: the encoder's own fast tokenizer of transformers.
        run: plain values.
        card: the model card; "": none.

    """
    trained = in_scores(trained, task)
    form = head_form(trained.architecture, settings.head)
    architecture = form.architecture
    config = architecture.to_config() | {
        "architectures": [form.class_name],
        **form.settings,
        **label_config(task, settings.tagging),
    }
    _write_json(folder / "config.json", config)
    write_weights(_state(trained, form), folder)
    write_tokenizer(tokenizer, folder, settings=settings, pad_id=architecture.pad_id, segments=architecture.n_segments)
    if form.has == NO_WEIGHTS:
        write_sentence_files(folder, width=architecture.width, max_length=settings.max_length)
    if card:
        (folder / CARD).write_text(card, encoding="utf-8")
    _write_json(folder / FACTS, facts(task, settings, run))


def in_scores(trained: TrainedWeights, task: Task) -> TrainedWeights:
    """A head that was trained on scores in another scale (`to_scale`) as one that gives the scores themselves."""
    if task.custom is None or task.custom.scale == 1 or not trained.head:  # a cosine has no weights
        return trained
    scale, center = task.custom.scale, task.custom.center
    head = {name: tensor * scale if name.startswith("head.") else tensor for name, tensor in trained.head.items()}
    return dataclasses.replace(trained, head=head | {"head.bias": head["head.bias"] + center})


def facts(task: Task, settings: ModelSettings, run: Mapping[str, Any]) -> dict[str, Any]:
    """The contents of blurbstudy.json. No path of the machine that trained it is among them."""
    custom = (
        None if task.custom is None else dataclasses.replace(task.custom, center=0.0, scale=1.0)
    )  # the head's output is it
    portable = dataclasses.replace(task, files={}, fallback_files={}, folder=".", custom=custom)
    return {"format": FORMAT, "task": task_to_dict(portable), **settings.to_dict(), "run": dict(run)}


def label_config(task: Task, tagging: str) -> dict[str, Any]:
    """What config.json says of the head's outputs."""
    labels = head_labels(task, tagging) or (SCORE,)
    problem = PROBLEMS.get(task.output)
    return {
        "id2label": {str(place): label for place, label in enumerate(labels)},
        "label2id": {label: place for place, label in enumerate(labels)},
    } | ({"problem_type": problem} if problem else {})


def read_model_directory(folder: Path | str) -> ModelDirectory:
    """A model directory, whole and checked.

    Raises:
        CheckpointError: it is something else, torn, or its weights are pickled; one line that says what to do.
    """
    folder = Path(folder)
    if not (folder / FACTS).is_file():
        raise CheckpointError(what_it_is(folder))
    task, settings, run = _read_facts(folder / FACTS)
    config = _read_json(folder / "config.json")
    files = weight_files(folder)
    if pickled := [file.name for file in files if file.suffix != ".safetensors"]:
        raise CheckpointError(
            f"{folder}: {pickled[0]} is pickled, which may hold code, and is not read; use a directory with "
            "model.safetensors"
        )
    state = read_weights(folder)
    checkpoint = checkpoint_of(folder, state)
    if settings.max_length > (most := checkpoint.architecture.max_positions):
        raise CheckpointError(
            f"{folder}: {FACTS} has max_length {settings.max_length}, above the {most} positions of the encoder; take "
            "the whole directory as it was written"
        )
    form = head_form(checkpoint.architecture, settings.head)
    _check_head(folder, config, form, task, settings)
    head = _head(folder, state, form, outputs=max(1, len(head_labels(task, settings.tagging))))
    return ModelDirectory(folder=folder, task=task, settings=settings, checkpoint=checkpoint, head=head, run=run)


def load_classifier(directory: ModelDirectory, *, device: torch.device | str = "cpu") -> Classifier:
    """The model of a directory: a Classifier of one member with all its weights and the whole table of words."""
    outputs = max(1, len(directory.labels))
    architecture = directory.checkpoint.architecture
    model = Classifier(architecture, members=1, outputs=outputs, head=directory.settings.head)
    model.put_weights(0, directory.checkpoint.weights, directory.head)
    return model.to(device).requires_grad_(False)


def _state(trained: TrainedWeights, form: HeadForm) -> dict[str, Tensor]:
    """Every tensor by the name that transformers' class has for it."""
    encoder = {name: tensor for name, tensor in trained.encoder.items() if not name.startswith("pooler.")}
    state = to_hugging_face(encoder, form.architecture)
    named = {f"{form.prefix}{name}": tensor for name, tensor in state.items()}
    return named | {form.names[ours]: tensor.contiguous() for ours, tensor in trained.head.items()}


def _read_facts(path: Path) -> tuple[Task, ModelSettings, dict[str, Any]]:
    values = _read_json(path)
    if values.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: format {values.get('format')!r} is another than {FORMAT}; use the blurbstudy that wrote it"
        )
    try:
        task = task_from_dict(values["task"])
        settings = ModelSettings(**{field.name: values[field.name] for field in dataclasses.fields(ModelSettings)})
        run = dict(values["run"])
        if settings.head not in HEADS or (settings.head == "words") != (task.output == "token_labels"):
            raise ValueError(f"head {settings.head!r} does not fit a {task.task_type} task")
        if settings.words not in (WORD_RULES if task.output == "token_labels" else ("",)):
            raise ValueError(f"words {settings.words!r}")
        if not all(isinstance(label, str) for label in task.labels) or task.metric not in METRICS:
            raise ValueError(f"labels or metric {task.metric!r}")
        if isinstance(settings.max_length, bool) or not isinstance(settings.max_length, int) or settings.max_length < 4:
            raise ValueError(f"max_length {settings.max_length!r}")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise CheckpointError(f"{path}: does not describe a model ({said}); take the whole directory again") from None
    return task, settings, run


def _check_head(folder: Path, config: Mapping[str, Any], form: HeadForm, task: Task, settings: ModelSettings) -> None:
    """Refuses a config.json that is not of this task's head."""
    if config.get("architectures") != [form.class_name]:
        raise CheckpointError(
            f"{folder}: config.json is of {config.get('architectures')}, {FACTS} of {form.class_name}; take the whole "
            "directory as it was written"
        )
    wanted = label_config(task, settings.tagging)["id2label"]
    if config.get("id2label") != wanted:
        raise CheckpointError(
            f"{folder}: config.json has the labels {str(config.get('id2label'))[:100]}, {FACTS} has "
            f"{str(wanted)[:100]}; take the whole directory as it was written"
        )


def _head(folder: Path, state: Mapping[str, Tensor], form: HeadForm, *, outputs: int) -> dict[str, Tensor]:
    width = form.architecture.width
    shapes = {"head.weight": (outputs, width), "head.bias": (outputs,)}
    shapes |= {"pooler.dense.weight": (width, width), "pooler.dense.bias": (width,)}
    found = {}
    for ours, theirs in form.names.items():
        if theirs not in state:
            raise CheckpointError(f"{folder}: weights lack {theirs!r}; take the whole directory again")
        if tuple(state[theirs].shape) != shapes[ours]:
            raise CheckpointError(
                f"{folder}: {theirs} has shape {tuple(state[theirs].shape)}, its labels need {shapes[ours]}; take the "
                "whole directory again"
            )
        found[ours] = state[theirs].float()
    return found


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path}: cannot be read ({said}); take the whole directory again") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: holds no object; take the whole directory again")
    return values


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


CHECKPOINT = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")


def what_it_is(folder: Path) -> str:
    """The line for a directory without blurbstudy.json."""
    if not folder.exists():
        return f"{folder}: no such directory; name one that `blurbstudy finetune` or `blurbstudy export` wrote"
    if not folder.is_dir():
        return f"{folder}: is a file; name the model directory that it lies in"
    if (folder / "runs").is_dir():
        return f"{folder}: is a run store, no model; use `blurbstudy export RUN_ID --store {folder} --to DIR` first"
    if not (folder / "config.json").is_file():
        return f"{folder}: holds no model (no config.json, no blurbstudy.json); name a model directory"
    if (folder / "pytorch_model.bin").is_file() and not list(folder.glob("model*.safetensors")):
        kind = "a checkpoint with pickled weights (pytorch_model.bin), which may hold code and are not read here"
    else:
        kind = _kind(folder / "config.json")
    return (
        f"{folder}: is {kind}, without the blurbstudy.json of a model directory; fine-tune it first (blurbstudy "
        f"finetune --task TASK --encoder {folder}), or use it with the library that made it"
    )


def _kind(config: Path) -> str:
    """What config.json says that the model is."""
    try:
        values = json.loads(config.read_text(encoding="utf-8"))
        name = (values.get("architectures") or [f"a model of type {values.get('model_type')!r}"])[0]
    except (OSError, ValueError, AttributeError, IndexError, TypeError, KeyError, RecursionError):
        return "a directory whose config.json cannot be read"
    return f"a Hugging Face directory ({str(name)[:80]})"
