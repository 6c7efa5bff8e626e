"""Predictions of baseline models on the test sets, stored as tags without text, so that a report needs no spaCy.

A missing model is trained, and test sets are tagged with it, in a worker process; several run in parallel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from ...baselines import (
    RELEASED,
    RETRAINED,
    BaselineSpec,
    ensure_model,
    entity_types,
    get_model,
    load_model,
    predicted_tags,
    released_version,
    total_steps,
)
from ...config import JsonObject, fingerprint
from ...errors import DataError
from ...store.run_store import RunStore
from ...tasks import data_fingerprint, get_task, read_task
from ...training.provenance import software_versions
from ..deadline import Deadline
from ..progress import Progress
from ..workers.main import Handler, OnSteps
from ..workers.parallel import ParallelProgress, run_in_subprocesses
from ..workers.process import available_cpus

MODEL_METADATA = "baseline models"  # kind of metadata: the model that serves a request
TAGS_METADATA = "baseline tags"  # kind of metadata: a model's tags of a test set
RELEASED_OR_RETRAINED = "auto"  # the released model if it is installed, else a retrained one; RETRAINED: always that


@dataclass(frozen=True, kw_only=True)
class BaselineRequest:
    """A baseline model that a study needs, and the test sets to tag with it."""

    spec: BaselineSpec  # how it is retrained
    source: str = RELEASED_OR_RETRAINED
    tasks: Mapping[str, str]  # to tag -> fingerprint of the files

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def key(self) -> str:
        """Of its metadata; independent of what is installed, since a report does not know that."""
        return f"{self.name} {self.source} {self.spec.fingerprint}"

    @property
    def version(self) -> str | None:
        """Of the released model; None if a retrained model is to be used."""
        return None if self.source == RETRAINED else released_version(get_model(self.name).package)

    @property
    def fingerprint(self) -> str:
        """Of the model to be used here."""
        if self.version is None:
            return self.spec.fingerprint
        return fingerprint(f"{get_model(self.name).package} {self.version}")


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """A baseline model as the store describes it."""

    name: str
    origin: str  # RELEASED | RETRAINED
    package: str  # with version; of a retrained model ''
    fingerprint: str
    types: Sequence[str]  # of entities
    dev_f1: float | None  # on its own dev set, by spaCy's scorer
    epochs: int | None  # of a retrained model
    seed: int | None
    spacy: str  # version
    commit: str | None


@dataclass(frozen=True, kw_only=True)
class BaselinePredictions:
    """A baseline model and its typed tags of the test sets."""

    model: ModelInfo
    tags: Mapping[str, Sequence[str]]  # task -> one string per sentence; of the tasks that were tagged


def find_baseline(store: RunStore, request: BaselineRequest) -> BaselinePredictions | None:
    """From the store alone; None if it has no such model."""
    values = store.metadata(MODEL_METADATA, request.key)
    if values is None:
        return None
    model = ModelInfo(**values)
    cached = {task: store.metadata(TAGS_METADATA, _tags_key(task, data, model)) for task, data in request.tasks.items()}
    return BaselinePredictions(model=model, tags={task: entry["tags"] for task, entry in cached.items() if entry})


def ensure_baselines(
    store: RunStore,
    requests: Sequence[BaselineRequest],
    *,
    workers: int = 0,
    progress: str = "auto",
    deadline: Deadline | None = None,
) -> dict[str, BaselinePredictions]:
    """Name -> model with the tags of every test set. What the store lacks is made and stored. Models that the deadline
    leaves no time for are left out; an interrupted training starts from scratch next time.

    Args:
        workers: parallel processes; 0: one per core.
        progress: auto | silent.

    Raises:
        StudyError: a model could not be trained or loaded, or data are missing; finished results stay in the store.
    """
    deadline = deadline or Deadline()
    jobs = {
        f"scispaCy {request.name}": _job(store, request) for request in requests if _complete(store, request) is None
    }
    if jobs:
        steps = [job["steps"] for job in jobs.values()]
        with Progress(
            " and ".join(jobs), total=sum(steps), runs=len(jobs), unit="models", verb="done", mode=progress
        ) as bar:
            run_in_subprocesses(
                jobs,
                ParallelProgress(steps, bar),
                module=__name__,
                action="tagging with",
                workers=min(workers or available_cpus(), len(jobs)),
                deadline=deadline,
            )
    results = {request.name: _complete(store, request) for request in requests}
    deadline.skip(baselines=[f"scispaCy {name}" for name, predictions in results.items() if predictions is None])
    return {name: predictions for name, predictions in results.items() if predictions is not None}


def make_handler(setup: JsonObject) -> Handler:
    """In a worker process: tags test sets with one model, trained first if it is missing."""
    deadline = Deadline(at=setup["deadline"])

    def handle(job: JsonObject, on_steps: OnSteps) -> None:
        values = job["request"]
        request = BaselineRequest(**(values | {"spec": BaselineSpec(**values["spec"])}))
        _tag_test_sets(request, RunStore(job["store"]), steps=job["steps"], on_steps=on_steps, deadline=deadline)

    return handle


def _complete(store: RunStore, request: BaselineRequest) -> BaselinePredictions | None:
    """The predictions, if they are of the model to be used here and cover every task."""
    predictions = find_baseline(store, request)
    if predictions is None or predictions.model.fingerprint != request.fingerprint:
        return None
    return predictions if set(predictions.tags) == set(request.tasks) else None


def _job(store: RunStore, request: BaselineRequest) -> JsonObject:
    spec, steps = request.spec, len(request.tasks)
    if request.version is None and not spec.folder().is_dir():
        task, data = next(iter(spec.fingerprints.items()))
        steps += total_steps(len(store.gold(task, data, "train").gold), spec.epochs)
    return {"request": asdict(request), "store": str(store.folder.resolve()), "steps": steps}


def _tag_test_sets(
    request: BaselineRequest, store: RunStore, *, steps: int, on_steps: OnSteps, deadline: Deadline
) -> None:
    spec, version, package = request.spec, request.version, get_model(request.name).package
    model: str | Path = package
    if version is None:
        model = ensure_model(
            spec, on_progress=lambda done, _: on_steps(min(done, steps - 1), steps), stop=deadline.passed
        )
    nlp = load_model(model)
    info = ModelInfo(
        name=request.name,
        origin=RELEASED if version else RETRAINED,
        package=f"{package} {version}" if version else "",
        fingerprint=request.fingerprint,
        types=entity_types(nlp),
        dev_f1=(nlp.meta.get("performance") or {}).get("ents_f"),
        epochs=None if version else spec.epochs,
        seed=None if version else spec.seed,
        spacy=metadata.version("spacy"),
        commit=software_versions()["commit"],
    )
    folder = Path(spec.data_folder)
    for done, (task, data) in enumerate(request.tasks.items(), steps - len(request.tasks) + 1):
        sentences = [example.texts for example in read_task(get_task(task), folder)["test"]]
        if data_fingerprint(get_task(task), folder) != data:
            raise DataError(f"{folder}: the files of {task} changed during this command; run it again")
        store.put_metadata(TAGS_METADATA, _tags_key(task, data, info), {"tags": list(predicted_tags(nlp, sentences))})
        on_steps(done, steps)
    store.put_metadata(MODEL_METADATA, request.key, asdict(info))


def _tags_key(task: str, data: str, model: ModelInfo) -> str:
    return f"{task} {data} {model.name} {model.fingerprint}"
