"""Parameters of a notebook: their types and meanings (a pydantic model per section), and the files that set them."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath
from typing import Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .. import paths
from ..config import SCALES, JsonMapping, JsonObject
from ..errors import ParameterError, check_choice, did_you_mean
from . import parameter_types as types
from .parameter_errors import describe_error

HUB_ENCODERS = "hub_encoders.yaml"  # in the parameters folder: short names of encoders on the Hugging Face Hub
HUB_PREFIX = "hub:"
NOTEBOOK_METADATA = "notebook"  # kind of metadata in a run store: the parameters that a notebook's page is made with
BY_HAND_METADATA = "notebook-by-hand"  # kind of metadata: notebook@label -> parameters of executions by hand, and runs
RUNTIME = (
    "store",
    "train_missing",
    "engine",
    "device",
    "workers",
    "population",
    "search_database",
)  # do not change results

M = TypeVar("M", bound="Model")


class Model(BaseModel):
    """Strict, closed and immutable: an unknown name or a value of another type is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Pretraining(Model):
    """How encoders given as pretrain:OBJECTIVE are made."""

    config: str
    corpus: list[str] | None
    tokens: int = Field(ge=0)
    precision: types.Precision


def parse_parameters(model: type[M], values: JsonMapping, *, origin: str = "") -> M:
    """The model with these values.
    `origin`: where the values come from, for errors.
    Raises ParameterError: a name is unknown or missing, or a value is of another type or out of bounds.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise ParameterError(describe_error(error, model, origin)) from None


class CommonParameters(Model):
    """The parameters that every notebook of the study has."""

    scale: types.Scale = Field(
        description="mini, small or paper: names the parameters folder, default store and report"
    )
    data: str | None = Field(
        description='folder of the BLURB datasets; "mini": generated; None: the folder named by BLURBSTUDY_DATA'
    )
    store: str | None = Field(description="folder of the run store; None: runs/<scale>")
    train_missing: bool = Field(default=True, description="train the runs that the store lacks; False: only read it")
    encoders: types.Encoders = Field(
        description="name: directory, Hub id, hub:NAME, pretrain:OBJECTIVE, or None (empty row)"
    )
    encoder_remarks: dict[str, str] = Field(description="name: a remark shown with every number of that encoder")
    tasks: types.TaskNames = Field(description="BLURB datasets; each notebook uses those that its question needs")
    seeds: types.Seeds = Field(description="number of runs per condition (seeds 1 to n), or a list of seeds")
    engine: types.EngineName = Field(
        default="local", description="local; ray: a Ray cluster trains the runs; worker: `blurbstudy work` does"
    )
    device: types.Device = Field(description="auto (cuda, then cpu), cpu or cuda")
    workers: int = Field(ge=0, le=1024, description="processes on a CPU; 0: one per core")
    population: int = Field(ge=0, le=4096, description="runs trained at once; 0: as many as suit the device")
    pretraining: Pretraining = Field(
        description="of pretrain:OBJECTIVE: configuration, text files (None: the data's own), tokens (0: as configured)"
    )
    precision: types.Precision = Field(description="float32, or bfloat16 (float32 master weights)")
    show_paper: bool = Field(default=True, description="show the paper's numbers beside ours")

    @classmethod
    def parse(cls, values: JsonMapping, *, origin: str = "") -> Self:
        """The parameters with these values.
        `origin`: where the values come from, for errors.
        Raises ParameterError: a name is unknown or missing, or a value is of another type or out of bounds.
        """
        return parse_parameters(cls, values, origin=origin)

    @property
    def encoder_specs(self) -> dict[str, str | None]:
        """Display name -> spec of each encoder that the notebook uses; None where it is not given."""
        return dict(self.encoders)


P = TypeVar("P", bound=CommonParameters)


class TrainingParameters(CommonParameters):
    """Parameters of a notebook whose runs share a learning rate and a batch size."""

    learning_rate: types.LearningRate = Field(description="peak learning rate; of the head where rates decay by layer")
    batch_size: types.BatchSize = Field(description="sequences per optimizer step")
    n_evaluations: types.Evaluations = Field(description="dev evaluations per run")

    @property
    def shared_fields(self) -> JsonObject:
        return {"learning_rate": self.learning_rate, "batch_size": self.batch_size, "n_evaluations": self.n_evaluations}


class SimilarityParameters(CommonParameters):
    """Parameters of a notebook that fine-tunes on sentence similarity."""

    similarity_head: types.Head = Field(
        description="head on sentence similarity: pooler, gelu, or cosine (the two texts encoded apart)"
    )

    def head_of(self, task_type: str) -> JsonObject:
        """The fields of `Recipe` that name the head of a type of task."""
        return {"head": self.similarity_head} if task_type == "similarity" else {}


class QuestionParameters(CommonParameters):
    """Parameters of a notebook whose question answering may take fewer runs than its sentence similarity."""

    qa_encoders: types.Names | None = Field(description="encoders that are run on question answering; None: all")
    qa_seeds: types.Seeds | None = Field(description="seeds on question answering, as `seeds`; None: the same")


class ResampledParameters(CommonParameters):
    """Parameters of a notebook whose small tasks may be resampled."""

    splits: types.Splits = Field(
        description="official, or KxR: also K test folds, R repeats of BIOSSES, PubMedQA, BioASQ; or {task: KxR}"
    )


class TrainSizeParameters(CommonParameters):
    """Parameters of a notebook whose larger tasks may be trained on a part of their examples."""

    max_train_examples: int = Field(
        ge=0,
        description="0: all; n: tasks with more train on the largest half, quarter, ... of them that has at most n",
    )


class LowResourceTask(Model):
    """How a larger task is trained on few of its examples."""

    max_train_examples: int = Field(ge=1)
    epochs: types.Epochs
    learning_rate: types.LearningRate
    max_length: types.MaxLength


class LowResourceParameters(TrainingParameters):
    """Parameters of a notebook that also trains larger tasks on few examples: their test sets can decide."""

    low_resource: dict[str, LowResourceTask] = Field(
        default={},
        description="larger tasks with few examples: {task: {max_train_examples, epochs, learning_rate, max_length}}",
    )


class TaskTypeParameters(TrainingParameters, SimilarityParameters, TrainSizeParameters):
    """Parameters of a notebook over all tasks: epochs and sequence lengths by task type."""

    epochs: types.EpochsByType = Field(description="passes over the training split, by task type")
    max_lengths: types.MaxLengthByType = Field(
        description="sub-words per sequence, special tokens included, by task type"
    )


class LayerParameters(CommonParameters):
    """Settings of the layer-specific techniques."""

    freeze: types.FrozenLayers = Field(description='lowest layers frozen (and the embeddings), or "embeddings" alone')
    decay: types.Decay = Field(description="factor on the learning rate from one depth to the next lower one")
    reinit_layers: types.LayerCount = Field(description="top layers that are re-initialized")
    reinit_pooler: bool = Field(description="whether the pooler is re-initialized with them")


def scale_parameters(scale: str, notebook: str) -> JsonObject:
    """Values of parameters/<scale>/common.yaml, then of the notebook's own file; a missing file adds none.
    Raises ParameterError: unknown scale, or a file that is not a mapping.
    """
    check_choice("scale", scale, SCALES)
    values: JsonObject = {}
    for path in parameter_files(scale, notebook):
        values |= read_mapping(path)
    return values


def parameter_files(scale: str, notebook: str) -> tuple[Path, ...]:
    folder = paths.PARAMETERS / scale
    return tuple(path for path in (folder / "common.yaml", folder / f"{notebook}.yaml") if path.is_file())


def stored_parameters(model: type[P], values: JsonMapping, *, store: Path) -> P:
    """The parameters of a notebook's last execution, as a run store has them; they only read that store.
    Raises ParameterError: they are no longer valid.
    """
    known = {name: value for name, value in values.items() if name in model.model_fields}
    return model.parse({**known, "store": str(store), "train_missing": False}, origin=f"stored in {store}")


def describe_origin(scale: str, notebook: str, values: JsonMapping) -> str:
    """The parameters files of a notebook, and the values that differ from theirs."""
    changed = changed_parameters(scale, notebook, values)
    changes = f" (changed: {'; '.join(changed)})" if changed else ""
    return f"parameters/{scale}/{notebook}.yaml and common.yaml{changes} · scale {scale}"


def changed_parameters(scale: str, notebook: str, values: JsonMapping) -> list[str]:
    """The values that differ from those of the parameters files: `seeds 3`."""
    defaults = scale_parameters(scale, notebook)
    return [
        f"{name} {format_value(value)}"
        for name, value in values.items()
        if name in defaults and value != defaults[name] and name not in (*RUNTIME, "encoder_remarks")
    ]


def format_value(value: object) -> str:
    """A value for a caption; of a path only the last name."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {format_value(entry)}" for name, entry in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(format_value, value))
    if isinstance(value, str) and ("/" in value or "\\" in value):
        return PureWindowsPath(value).name or value  # splits at both kinds of slash
    if isinstance(value, bool):
        return "on" if value else "off"
    return "null" if value is None else str(value)


def read_mapping(path: Path) -> JsonObject:
    """A YAML file of `name: value` lines. Raises ParameterError: unreadable, invalid YAML, or not a mapping."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise ParameterError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except yaml.YAMLError as error:
        raise ParameterError(f"{path}: invalid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(values, dict):
        raise ParameterError(f"{path}: expected lines of `name: value`")
    return values


def hub_id(spec: str | None) -> str | None:
    """`hub:NAME` looked up in parameters/hub_encoders.yaml; any other spec is returned as it is.
    Raises ParameterError: the file has no such name.
    """
    if spec is None or not spec.startswith(HUB_PREFIX):
        return spec
    known = read_mapping(paths.PARAMETERS / HUB_ENCODERS)
    name = spec.removeprefix(HUB_PREFIX)
    if name not in known:
        advice = did_you_mean(name, known, otherwise=f"use {HUB_PREFIX} and one of {', '.join(known)}")
        raise ParameterError(f"encoder {spec!r} is unknown; {advice}")
    return str(known[name])
