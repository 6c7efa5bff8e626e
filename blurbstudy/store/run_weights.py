"""Weights of runs, kept beside their records: a folder per run, whole or absent, which is a model directory without a
card. Training is deterministic on one machine, so weights that were not kept can be had again.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ..config import RunConfig
from ..errors import StoreError
from ..filesystem import atomic_directory, atomic_write, disk_errors
from ..inference.model_directory.directory import METADATA_FILE, write_model_files
from ..inference.model_directory.settings import ModelSettings, settings_of
from ..models import FinetunedWeights
from ..tasks import Task
from ..training.run_record import RunRecord
from ..training.trainer import WeightsCallback
from .run_store import DISK_HINT, RunStore

KEEP = ("none", "best", "all")  # of which runs weights are kept; best: of each configuration, by dev over its seeds
FOLDER = "weights"


def weights_folder(store: RunStore, run_id: str) -> Path:
    """Where the weights of a run lie, or would."""
    return store.folder / FOLDER / run_id


def has_weights(store: RunStore, run_id: str) -> bool:
    """Whether the weights of a run were kept."""
    return (weights_folder(store, run_id) / METADATA_FILE).is_file()


def kept_facts(store: RunStore, run_id: str) -> dict[str, Any]:
    """What was noted of a run when its weights were kept.

    Raises:
        StoreError: the file is torn.
    """
    return _kept(store, run_id, "run", kind=dict)


def kept_words(store: RunStore, run_id: str) -> str:
    """The rule by which the words of a run's train were split; "" where they were not.

    Raises:
        StoreError: the file is torn.
    """
    return _kept(store, run_id, "words", kind=str)


def _kept(store: RunStore, run_id: str, what: str, *, kind: type) -> Any:
    path = weights_folder(store, run_id) / METADATA_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))[what]
        if isinstance(found, kind):
            return found
        raise TypeError(what)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path}: cannot be read ({type(error).__name__}); delete its folder, and train the run again for its "
            "weights (blurbstudy export --train)"
        ) from None


def keeper(
    store: RunStore, keep: str, *, task: Task, tokenizer: Callable[[], Any], words: Callable[[], str]
) -> WeightsCallback | None:
    """What keeps the weights that a training offers, by the rule `keep`; None where none are kept.

    Args:
        tokenizer: gives the encoder's.
        words: gives the rule by which the words of train are split; asked for tagged text alone.
    """
    if keep == "none":
        return None

    def offered(record: RunRecord, copy: Callable[[], FinetunedWeights]) -> None:
        # Another process may keep weights of a run whose record is not written yet: neither better nor worse so far.
        known = {run_id: other for run_id in _rivals(store, record.config) if (other := store.get(run_id))}
        if keep == "best" and not all(_beats(record, other) for other in known.values()):
            return
        settings = settings_of(task, record.config.recipe, words=words() if task.output == "token_labels" else "")
        keep_weights(store, record, copy(), task=task, settings=settings, tokenizer=tokenizer(), run={"kept": keep})
        if keep == "best":
            _drop(store, known)

    return offered


def keep_weights(
    store: RunStore,
    record: RunRecord,
    trained: FinetunedWeights,
    *,
    task: Task,
    settings: ModelSettings,
    tokenizer: Any,
    run: dict[str, Any],
) -> None:
    """Keep the weights of a run.

    Raises:
        DiskError: the disk refused; nothing half-written is left.
    """
    with disk_errors(store.folder, DISK_HINT), atomic_directory(weights_folder(store, record.id), replace=True) as made:
        facts = {"id": record.id, "config": record.config.to_dict()} | run
        write_model_files(made, trained, task=task, settings=settings, tokenizer=tokenizer, run=facts)


def drop_rivals(store: RunStore, config: RunConfig) -> None:
    """Let go of weights that were kept as the best, of runs that differ from this one in their seed alone."""
    _drop(store, _rivals(store, config))


def _drop(store: RunStore, run_ids: Iterable[str]) -> None:
    for run_id in run_ids:
        if _facts_if_there(store, run_id).get("kept") == "best":
            shutil.rmtree(weights_folder(store, run_id), ignore_errors=True)


def note_kept(store: RunStore, run_id: str, **facts: Any) -> None:
    """Add to what is noted of a run whose weights are kept."""
    path = weights_folder(store, run_id) / METADATA_FILE
    values = json.loads(path.read_text(encoding="utf-8"))
    values["run"] |= facts
    with disk_errors(store.folder, DISK_HINT):
        atomic_write(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


@contextlib.contextmanager
def scratch_store(store: RunStore) -> Iterator[RunStore]:
    """A store for the time of a `with`, on the same disk."""
    with disk_errors(store.folder, DISK_HINT):
        store.folder.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix=".scratch-", dir=store.folder)
    with folder as made:
        yield RunStore(made)


def take_weights(store: RunStore, run_id: str, *, source: RunStore) -> None:
    """Move a run's weights from another store on the same disk."""
    place = weights_folder(store, run_id)
    with disk_errors(store.folder, DISK_HINT):
        place.parent.mkdir(parents=True, exist_ok=True)
        os.rename(weights_folder(source, run_id), place)


def _rivals(store: RunStore, config: RunConfig) -> list[str]:
    """Runs with kept weights that differ from this one in their seed alone."""
    found = []
    for run_id in sorted(path.parent.name for path in (store.folder / FOLDER).glob(f"[!.]*/{METADATA_FILE}")):
        other = _facts_if_there(store, run_id).get("config")
        if run_id != config.id and isinstance(other, dict) and _alike(other, config):
            found.append(run_id)
    return found


def _facts_if_there(store: RunStore, run_id: str) -> dict[str, Any]:
    """As `kept_facts`; {} where another process has just let go of them."""
    try:
        return kept_facts(store, run_id)
    except StoreError:
        if has_weights(store, run_id):
            raise
        return {}


def _alike(other: dict[str, Any], config: RunConfig) -> bool:
    free = ("seed", "encoder_name")
    own = json.loads(json.dumps(config.to_dict()))
    return {k: v for k, v in other.items() if k not in free} == {k: v for k, v in own.items() if k not in free}


def _beats(record: RunRecord, other: RunRecord) -> bool:
    """Whether a run is better by dev than one whose weights are kept; where dev joined train, the first one stays."""
    dev, best = record.scores["dev"], other.scores["dev"]
    return dev is not None and (best is None or dev > best)
