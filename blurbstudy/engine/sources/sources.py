"""Where data and encoders come from, and what identifies them: from disk (live) or a store's facts (report)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...config import Recipe, RunConfig
from ...errors import ParameterError, StoreError, StudyError
from ...models import Architecture, Checkpoint
from ...stabilizers import canonical, inactive_fields
from ...store.run_store import RunStore
from ...tasks import Task, get_task, task_from_dict
from .encoder_spec import PRETRAIN

MINI = "mini"  # the data that is generated: mini-BLURB


@dataclass(frozen=True, kw_only=True)
class EncoderSource:
    """One encoder of a study."""

    name: str  # display name
    spec: str  # as given: a directory, a Hub id, or 'pretrain:bert'
    path: str | None  # checkpoint directory; None in report mode
    fingerprint: str
    architecture: Mapping[str, Any]  # fields of models.Architecture
    description: str  # one line for captions
    pretraining: Mapping[str, Any] | None = None  # pretraining.json of an encoder that blurbstudy pretrained


@dataclass(frozen=True, kw_only=True)
class PretrainingPlan:
    """How encoders given as pretrain:OBJECTIVE are made."""

    config: str = "mini"  # a name among pretraining's configurations, or a YAML file
    corpus: tuple[str, ...] = ()  # files; none: that of the data, or mini-BLURB's
    tokens: int = 0  # to be seen; 0: the configuration's steps
    precision: str = "float32"
    device: str = "cpu"

    def label(self) -> str:
        """What tells encoders of one spec apart in a store; '' for the default."""
        parts = [self.config, *(Path(file).name for file in self.corpus), f"{self.tokens} tokens", self.precision]
        return "" if self == PretrainingPlan(device=self.device) else f" by {', '.join(parts)}"


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The data and encoders that a notebook's runs are made from."""

    data: str  # as given: 'mini' or a folder
    data_folder: str | None  # holds the datasets' folders; None in report mode
    fingerprints: Mapping[str, str]  # task -> fingerprint of its files
    sizes: Mapping[str, Mapping[str, int]]  # task -> split -> examples
    encoders: Mapping[str, EncoderSource]  # by display name
    own: Mapping[str, Task] = field(default_factory=dict)  # custom tasks by name; all others are BLURB's

    @property
    def live(self) -> bool:
        """Whether data and encoders are at hand, so that runs can be made; False in report mode."""
        return self.data_folder is not None

    def task(self, name: str) -> Task:
        """The task of that name: a custom task, or BLURB's.

        Raises:
            ParameterError: there is none.
        """
        return self.own.get(name) or get_task(name)

    def run_config(
        self, task: str, encoder: str, *, recipe: Recipe, seed: int, precision: str = "float32"
    ) -> RunConfig:
        """The run of a task (by name) with an encoder (by display name).

        Raises:
            ParameterError: a task or encoder that is not among these sources.
        """
        known_task = self.task(task)
        task = known_task.name
        for kind, name, known in (("task", task, self.fingerprints), ("encoder", encoder, self.encoders)):
            if name not in known:
                raise ParameterError(f"{kind}={name!r} is not among this study's; use {' or '.join(known)}")
        return RunConfig(
            task=task,
            data_fingerprint=self.fingerprints[task],
            encoder_fingerprint=self.encoders[encoder].fingerprint,
            recipe=canonical(_applicable(recipe, known_task, self.encoders[encoder])),
            seed=seed,
            precision=precision,
            encoder_name=encoder,
        )

    def encoder_of(self, config: RunConfig) -> EncoderSource:
        """The encoder of a run, by its fingerprint.

        Raises:
            StudyError: the run is of data or an encoder that is not among these sources.
        """
        found = next((e for e in self.encoders.values() if e.fingerprint == config.encoder_fingerprint), None)
        if found is None:
            raise StudyError(
                f"run {config.id}: encoder {config.encoder_name!r} ({config.encoder_fingerprint}) is not among these"
            )
        if self.fingerprints.get(config.task) != config.data_fingerprint:
            raise StudyError(
                f"run {config.id}: its data ({config.task}, {config.data_fingerprint}) are not among these sources"
            )
        return found


def sources_from_store(
    store: RunStore,
    *,
    tasks: Sequence[str],
    encoders: Mapping[str, str | None],
    data: str = MINI,
    pretraining: PretrainingPlan | None = None,
) -> Sources:
    """The same sources from a store's facts alone: no data and no encoder is read. Encoders whose pretraining had not
    come to its end are left out.

    Raises:
        StoreError: the store was never used with such data or such an encoder.
    """
    remedy = "execute the notebook with these parameters first (blurbstudy run), then report"
    facts = {}
    for name in (get_task(task).name for task in tasks):
        facts[name] = store.metadata("data", _data_key(name, data))
        if facts[name] is None:
            raise StoreError(f"{store.folder}: holds no runs on {name} from data={str(data)!r}; {remedy}")
    found = {}
    for name, spec in encoders.items():
        if spec is None:
            continue
        key = _encoder_key(name, spec, data, pretraining or PretrainingPlan())
        fact = store.metadata("encoders", key)
        if fact is None and store.metadata(UNFINISHED, key) is not None:
            continue
        if fact is None:
            raise StoreError(f"{store.folder}: holds no runs of encoder {name!r} ({spec}); {remedy}")
        found[name] = EncoderSource(path=None, **fact)
    return Sources(
        data=str(data),
        data_folder=None,
        fingerprints={name: fact["fingerprint"] for name, fact in facts.items()},
        sizes={name: fact["sizes"] for name, fact in facts.items()},
        encoders=found,
    )


def checkpoint_outline(encoder: EncoderSource) -> Checkpoint:
    """The encoder's checkpoint without its weights: enough to see whether a recipe fits."""
    return Checkpoint(Architecture(**encoder.architecture), weights={}, fingerprint=encoder.fingerprint)


def sources_to_dict(sources: Sources) -> dict[str, Any]:
    """Plain values only, for another process."""
    return dataclasses.asdict(sources)


def sources_from_dict(values: Mapping[str, Any]) -> Sources:
    """The inverse of sources_to_dict."""
    encoders = {name: EncoderSource(**encoder) for name, encoder in values["encoders"].items()}
    own = {name: task_from_dict(task) for name, task in values["own"].items()}
    return Sources(**(dict(values) | {"encoders": encoders, "own": own}))


_ENCODER_FACT = ("name", "spec", "fingerprint", "architecture", "description", "pretraining")


def _data_key(task: str, data: str) -> str:
    return f"{task} from {str(data).rstrip('/')}"


def _encoder_key(name: str, spec: str, data: str, plan: PretrainingPlan) -> str:
    corpus = f" on {str(data).rstrip('/')}{plan.label()}" if str(spec).startswith(PRETRAIN) else ""
    return f"{name} from {str(spec).rstrip('/')}{corpus}"


def _applicable(recipe: Recipe, task: Task, encoder: EncoderSource) -> Recipe:
    """The recipe with the default for every field that task and encoder make no use of: one run, one id.

    Raises:
        ParameterError: a head that compares two texts, on a task that does not.
    """
    if recipe.head == "cosine" and task.output != "score":
        raise ParameterError(
            f"head='cosine' compares two texts, and {task.name} is of kind {task.task_type}; use pooler or gelu"
        )
    default = Recipe()
    inactive = inactive_fields(recipe, task, n_segments=encoder.architecture["n_segments"])
    return recipe.replace(**{name: getattr(default, name) for name in inactive})


UNFINISHED = "unfinished"  # kind of fact: an encoder that the time of the command was too short to pretrain


def data_folder(data: str) -> Path:
    """The folder that holds the datasets' folders: the one named, or the generated mini-BLURB."""
    if str(data) != MINI:
        return Path(data).expanduser()
    from ...tasks.mini_blurb import mini_blurb_folder

    return mini_blurb_folder()
