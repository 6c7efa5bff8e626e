"""What baseline models find in the test sets, kept in the run store: tags without text. A report needs no spaCy.

A model that is missing is trained, and test sets are read with it, in a process of its own; several go side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

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
from ...config import fingerprint
from ...errors import DataError
from ...store.run_store import RunStore
from ...tasks import data_fingerprint, get_task, read_task
from ...training.provenance import software_versions
from ..deadline import Deadline
from ..progress import Progress
from ..workers.main import Handler, OnSteps
from ..workers.parallel import ParallelProgress, run_in_subprocesses
from ..workers.process import available_cpus

MODEL_FACT = "baseline models"  # kind of fact: which model answered to what was asked for
TAGS_FACT = "baseline tags"  # kind of fact: what a model found in a test set
AUTO = "auto"  # the released model where it is installed, else a retrained one; RETRAINED: always that


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a study asks for by the name of one model."""

    wanted: BaselineSpec  # how it is retrained
    source: str = AUTO
    tasks: Mapping[str, str]  # whose test sets it reads -> fingerprint of the files

    @property
    def name(self) -> str:
        """Of the model."""
        return self.wanted.name

    @property
    def key(self) -> str:
        """Of its fact; the same in a report, which knows nothing of what is installed."""
        return f"{self.name} {self.source} {self.wanted.fingerprint}"

    @property
    def version(self) -> str | None:
        """Of the released model, where that is to be used."""
        return None if self.source == RETRAINED else released_version(get_model(self.name).package)

    @property
    def fingerprint(self) -> str:
        """Of the model that answers here and now."""
        if self.version is None:
            return self.wanted.fingerprint
        return fingerprint(f"{get_model(self.name).package} {self.version}")


@dataclass(frozen=True, kw_only=True)
class Found:
    """A model as the store knows it, and the typed tags that it gave to each test set."""

    model: Mapping[str, Any]
    tags: Mapping[str, Sequence[str]]  # task -> one string per sentence; those that there are


def find_baseline(store: RunStore, asked: Asked) -> Found | None:
    """From the store alone; None where it has no such model."""
    model = store.metadata(MODEL_FACT, asked.key)
    if model is None:
        return None
    facts = {task: store.metadata(TAGS_FACT, _tags_key(task, data, model)) for task, data in asked.tasks.items()}
    return Found(model=model, tags={task: fact["tags"] for task, fact in facts.items() if fact is not None})


def keep_baselines(
    store: RunStore,
    asked: Sequence[Asked],
    *,
    workers: int = 0,
    progress: str = "auto",
    deadline: Deadline | None = None,
) -> dict[str, Found]:
    """Name -> model with the tags of every test set; what the store lacks is made now and kept in it. Left out is what
    the time of the command was too short for: a training that it ended begins anew.

    Args:
        workers: processes side by side; 0: one per core.
        progress: auto | silent.

    Raises:
        StudyError: a model could not be trained or loaded, or the data are missing; what was finished is kept.
    """
    deadline = deadline or Deadline()
    jobs = {f"scispaCy {one.name}": _job(store, one) for one in asked if not _is_whole(store, one)}
    if jobs:
        steps = [job["steps"] for job in jobs.values()]
        with Progress(" and ".join(jobs), total=sum(steps), runs=len(jobs), unit="models", mode=progress) as bar:
            run_in_subprocesses(
                jobs,
                ParallelProgress(steps, bar),
                module=__name__,
                action="reading with",
                workers=min(workers or available_cpus(), len(jobs)),
                deadline=deadline,
            )
    whole = {
        one.name: found for one in asked if _is_whole(store, one) and (found := find_baseline(store, one)) is not None
    }
    deadline.skip(baselines=[f"scispaCy {one.name}" for one in asked if one.name not in whole])
    return whole


def make_handler(setup: dict[str, Any]) -> Handler:
    """In a worker process: reads test sets with one model, trained first if need be."""
    deadline = Deadline(at=setup["deadline"])

    def handle(request: dict[str, Any], on_steps: OnSteps) -> None:
        _read_test_sets(request, on_steps, deadline)

    return handle


def _is_whole(store: RunStore, asked: Asked) -> bool:
    found = find_baseline(store, asked)
    return found is not None and found.model["fingerprint"] == asked.fingerprint and set(found.tags) == set(asked.tasks)


def _job(store: RunStore, asked: Asked) -> dict[str, Any]:
    to_train = asked.version is None and not asked.wanted.folder().is_dir()
    sentences = sum(len(store.gold(t, data, "train").gold) for t, data in list(asked.wanted.fingerprints.items())[:1])
    return {
        "wanted": asdict(asked.wanted),
        "source": asked.source,
        "tasks": dict(asked.tasks),
        "store": str(store.folder.resolve()),
        "steps": len(asked.tasks) + (total_steps(sentences, asked.wanted.epochs) if to_train else 0),
    }


def _read_test_sets(job: dict[str, Any], on_progress: OnSteps, deadline: Deadline) -> None:
    asked = Asked(wanted=BaselineSpec(**job["wanted"]), source=job["source"], tasks=job["tasks"])
    store, steps = RunStore(job["store"]), job["steps"]
    package = get_model(asked.name).package
    if asked.version is None:
        where = ensure_model(
            asked.wanted, on_progress=lambda done, _: on_progress(min(done, steps - 1), steps), stop=deadline.passed
        )
    nlp = load_model(package if asked.version else where)
    model = {
        "name": asked.name,
        "origin": RELEASED if asked.version else RETRAINED,
        "package": f"{package} {asked.version}" if asked.version else "",
        "fingerprint": asked.fingerprint,
        "types": entity_types(nlp),
        "dev_f1": (nlp.meta.get("performance") or {}).get("ents_f"),  # on its own dev set, by spaCy's scorer
        "epochs": None if asked.version else asked.wanted.epochs,
        "seed": None if asked.version else asked.wanted.seed,
        "spacy": metadata.version("spacy"),
        "commit": software_versions()["commit"],
    }
    for left, (task, data) in zip(range(len(asked.tasks) - 1, -1, -1), asked.tasks.items(), strict=True):
        folder = Path(asked.wanted.data_folder)
        sentences = [example.texts for example in read_task(get_task(task), folder)["test"]]
        if data_fingerprint(get_task(task), folder) != data:
            raise DataError(f"{folder}: the files of {task} changed meanwhile; start again")
        store.put_metadata(TAGS_FACT, _tags_key(task, data, model), {"tags": list(predicted_tags(nlp, sentences))})
        on_progress(steps - left, steps)
    store.put_metadata(MODEL_FACT, asked.key, model)


def _tags_key(task: str, data: str, model: Mapping[str, Any]) -> str:
    return f"{task} {data} {model['name']} {model['fingerprint']}"
