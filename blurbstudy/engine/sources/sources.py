"""Data and encoders of a study and their fingerprints, from disk (to train) or from a store's metadata (to report)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from ...config import JsonMapping, JsonObject, Recipe, RunConfig
from ...errors import ParameterError, StoreError, StudyError, any_of
from ...models import Architecture, Checkpoint
from ...paths import MINI as MINI
from ...stabilizers import canonical, inactive_fields
from ...store.run_store import RunStore
from ...tasks import Task, get_task, task_from_dict
from ...tasks.folds import ResampledSplits, check_resampled
from ...tasks.mini_blurb import mini_blurb_folder
from .encoder_spec import PRETRAIN

PENDING_ENCODERS = "unfinished"  # kind of metadata: an encoder whose pretraining the deadline interrupted


@dataclass(frozen=True, kw_only=True)
class EncoderSource:
    """One encoder of a study."""

    name: str  # display name
    spec: str  # as given: a directory, a Hub id, or 'pretrain:bert'
    path: str | None  # checkpoint directory; None in report mode
    fingerprint: str
    architecture: Architecture
    description: str  # one line for captions
    pretraining: JsonMapping | None = None  # pretraining.json of an encoder that blurbstudy pretrained

    def to_dict(self) -> JsonObject:
        """For the store's metadata and other processes; the path is omitted, since it holds on this machine alone."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "path"}
        return values | {"architecture": self.architecture.to_dict()}

    @classmethod
    def from_dict(cls, values: JsonMapping, *, path: str | None = None) -> EncoderSource:
        """The inverse of to_dict."""
        return cls(**(dict(values) | {"architecture": Architecture(**values["architecture"]), "path": path}))


@dataclass(frozen=True, kw_only=True)
class PretrainingPlan:
    """How encoders given as pretrain:OBJECTIVE are pretrained."""

    config: str = "mini"  # a name among pretraining's configurations, or a YAML file
    corpus: tuple[str, ...] = ()  # files; none: that of the data, or mini-BLURB's
    tokens: int = 0  # to train on; 0: the configuration's steps
    precision: str = "float32"
    device: str = "cpu"  # with Ray auto as well
    engine: str = "local"  # local | ray

    def label(self) -> str:
        """Distinguishes encoders with the same spec in a store; '' for the default."""
        parts = [self.config, *(Path(file).name for file in self.corpus), f"{self.tokens} tokens", self.precision]
        return "" if self == PretrainingPlan(device=self.device, engine=self.engine) else f" by {', '.join(parts)}"


class SourceRequest(TypedDict):
    """What `resolve_sources` and `sources_from_store` look up."""

    tasks: list[str]
    encoders: dict[str, str]  # display name -> spec
    data: str  # 'mini' or the folder of the datasets
    pretraining: PretrainingPlan


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The data and encoders of a notebook's runs."""

    data: str  # as given: 'mini' or a folder
    data_folder: str | None  # with one folder per dataset; None in report mode
    fingerprints: Mapping[str, str]  # task -> fingerprint of its files
    sizes: Mapping[str, Mapping[str, int]]  # task -> split -> examples
    encoders: Mapping[str, EncoderSource]  # by display name
    custom_tasks: Mapping[str, Task] = field(default_factory=dict)  # by name; all others are BLURB's

    @property
    def can_train(self) -> bool:
        """Whether data and encoders are available; False in report mode."""
        return self.data_folder is not None

    def task(self, name: str) -> Task:
        """The custom or BLURB task of that name.

        Raises:
            ParameterError: there is none.
        """
        return self.custom_tasks.get(name) or get_task(name)

    def run_config(
        self,
        task: str,
        encoder: str,
        *,
        recipe: Recipe,
        seed: int,
        precision: str = "float32",
        train_share: float = 1.0,
    ) -> RunConfig:
        """The run of a task (by name) with an encoder (by display name).

        Args:
            train_share: the part of train that the seed draws; the recipe's epochs are passes over it.

        Raises:
            ParameterError: a task or encoder that is not among these sources.
        """
        known_task = self.task(task)
        task = known_task.name
        recipe = recipe.replace(epochs=recipe.epochs * train_share)
        for kind, name, known in (("task", task, self.fingerprints), ("encoder", encoder, self.encoders)):
            if name not in known:
                raise ParameterError(f"{kind}={name!r} is not among this study's; use {any_of(list(known))}")
        return RunConfig(
            task=task,
            data_fingerprint=self.fingerprints[task],
            encoder_fingerprint=self.encoders[encoder].fingerprint,
            recipe=canonical(_drop_inactive_fields(recipe, known_task, self.encoders[encoder])),
            seed=seed,
            precision=precision,
            encoder_name=encoder,
            train_share=train_share,
        )

    def resampled_configs(
        self, task: str, encoder: str, *, recipe: Recipe, splits: ResampledSplits, precision: str = "float32"
    ) -> list[RunConfig]:
        """The runs of all folds of resampled splits, repeat by repeat.

        Raises:
            ParameterError: as `run_config`, or the task has no resampled splits.
        """
        check_resampled(self.task(task))
        official = self.run_config(task, encoder, recipe=recipe, seed=0, precision=precision)
        return [
            dataclasses.replace(
                official, seed=splits.seed(fold, repeat), n_folds=splits.n_folds, fold=fold, repeat=repeat
            )
            for fold, repeat in splits.folds()
        ]

    def encoder_of(self, config: RunConfig) -> EncoderSource:
        """The encoder of a run, by its fingerprint.

        Raises:
            StudyError: the run is of data or an encoder that is not among these sources.
        """
        encoder = next((e for e in self.encoders.values() if e.fingerprint == config.encoder_fingerprint), None)
        if encoder is None:
            raise StudyError(
                f"run {config.id}: encoder {config.encoder_name!r} ({config.encoder_fingerprint}) is not among these"
            )
        if self.fingerprints.get(config.task) != config.data_fingerprint:
            raise StudyError(
                f"run {config.id}: its data ({config.task}, {config.data_fingerprint}) are not among these sources"
            )
        return encoder


def sources_from_store(
    store: RunStore,
    *,
    tasks: Sequence[str],
    encoders: Mapping[str, str | None],
    data: str = MINI,
    pretraining: PretrainingPlan | None = None,
) -> Sources:
    """The same sources from a store's metadata alone: no data and no encoder is read. Encoders whose pretraining is
    unfinished are left out.

    Raises:
        StoreError: the store was never used with this data or this encoder.
    """
    remedy = "execute the notebook with these parameters first (blurbstudy run), then report"
    datasets = {}
    for name in (get_task(task).name for task in tasks):
        values = store.metadata("data", data_key(name, data))
        if values is None:
            raise StoreError(f"{store.folder}: has no runs on {name} from data={str(data)!r}; {remedy}")
        datasets[name] = values
    resolved = {}
    for name, spec in encoders.items():
        if spec is None:
            continue
        key = encoder_key(name, spec, data, pretraining or PretrainingPlan())
        values = store.metadata("encoders", key)
        if values is not None:
            resolved[name] = EncoderSource.from_dict(values)
        elif store.metadata(PENDING_ENCODERS, key) is None:
            raise StoreError(f"{store.folder}: has no runs of encoder {name!r} ({spec}); {remedy}")
    return Sources(
        data=str(data),
        data_folder=None,
        fingerprints={name: values["fingerprint"] for name, values in datasets.items()},
        sizes={name: values["sizes"] for name, values in datasets.items()},
        encoders=resolved,
    )


def checkpoint_without_weights(encoder: EncoderSource) -> Checkpoint:
    """Enough to check a recipe and, if the encoder has a path, to load its tokenizer."""
    path = Path(encoder.path) if encoder.path else None
    return Checkpoint(encoder.architecture, weights={}, fingerprint=encoder.fingerprint, path=path)


def sources_to_dict(sources: Sources) -> JsonObject:
    """Plain values only, for another process."""
    encoders = {name: e.to_dict() | {"path": e.path} for name, e in sources.encoders.items()}
    return dataclasses.asdict(dataclasses.replace(sources, encoders={})) | {"encoders": encoders}


def sources_from_dict(values: JsonMapping) -> Sources:
    """The inverse of sources_to_dict."""
    encoders = {name: EncoderSource.from_dict(e, path=e["path"]) for name, e in values["encoders"].items()}
    custom_tasks = {name: task_from_dict(task) for name, task in values["custom_tasks"].items()}
    return Sources(**(dict(values) | {"encoders": encoders, "custom_tasks": custom_tasks}))


def data_key(task: str, data: str) -> str:
    """Key of a dataset's metadata in the store."""
    return f"{task} from {str(data).rstrip('/')}"


def encoder_key(name: str, spec: str, data: str, plan: PretrainingPlan) -> str:
    """Key of an encoder's metadata in the store."""
    corpus = f" on {str(data).rstrip('/')}{plan.label()}" if str(spec).startswith(PRETRAIN) else ""
    return f"{name} from {str(spec).rstrip('/')}{corpus}"


def _drop_inactive_fields(recipe: Recipe, task: Task, encoder: EncoderSource) -> Recipe:
    """The recipe with defaults for all fields that task and encoder do not use, so that equal runs have one id.

    Raises:
        ParameterError: a head that compares two texts, on a task that does not.
    """
    if recipe.head == "cosine" and task.output != "score":
        raise ParameterError(
            f"head='cosine' compares two texts, but {task.name} is a {task.task_type} task; use pooler or gelu"
        )
    default = Recipe()
    inactive = inactive_fields(recipe, task, n_segments=encoder.architecture.n_segments)
    return recipe.replace(**{name: getattr(default, name) for name in inactive})


def data_folder(data: str) -> Path:
    """The folder with one folder per dataset: the given one, or the generated mini-BLURB."""
    if str(data) != MINI:
        return Path(data).expanduser()
    return mini_blurb_folder()
