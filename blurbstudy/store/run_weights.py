"""Weights of runs, saved in the run store: one folder per run, a model directory without a card.

Training is deterministic on one machine, so weights that were not saved can be reproduced.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..config import JsonObject, RunConfig
from ..errors import StoreError
from ..filesystem import atomic_directory, atomic_write, disk_errors
from ..inference.model_directory.check import METADATA_FILE
from ..inference.model_directory.settings import ModelSettings, settings_of
from ..tasks import Task
from ..training.run_record import RunRecord
from .run_store import DISK_HINT, RunStore

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from ..models import FinetunedWeights
    from ..training.trainer import WeightsCallback

KEEP = ("none", "best", "all")  # whose weights are saved; best: of each condition, the best seed on dev
FOLDER = "weights"
T = TypeVar("T")


def weights_folder(store: RunStore, run_id: str) -> Path:
    return store.folder / FOLDER / run_id


def has_weights(store: RunStore, run_id: str) -> bool:
    return (weights_folder(store, run_id) / METADATA_FILE).is_file()


def weights_metadata(store: RunStore, run_id: str) -> JsonObject:
    """The metadata of a run's saved weights: its id and configuration, and the rule by which they were saved."""
    return _read(store, run_id, "run", dict)


def word_splitter(store: RunStore, run_id: str) -> str:
    """The rule that splits text into words as the run's training data were; '' for tasks without words."""
    return _read(store, run_id, "words", str)


def saved_threshold(store: RunStore, run_id: str) -> float:
    """The probability above which a run's saved weights predict a label of a set."""
    return _read(store, run_id, "threshold", float, default=0.5)


def _read(store: RunStore, run_id: str, key: str, form: type[T], *, default: object = None) -> T:
    path = weights_folder(store, run_id) / METADATA_FILE
    try:
        value = dict(json.loads(path.read_text(encoding="utf-8"))).get(key, default)
        if isinstance(value, form):
            return value
        raise TypeError(key)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path}: cannot be read ({type(error).__name__}); delete its folder, and train the run again for its "
            "weights (blurbstudy export --train)"
        ) from None


def weight_saver(
    store: RunStore,
    keep: str,
    *,
    task: Task,
    tokenizer: Callable[[], PreTrainedTokenizerFast],
    words: Callable[[], str],
) -> WeightsCallback | None:
    """A callback of the trainer that saves weights by the rule `keep`; None if none are saved.

    Args:
        keep: an entry of KEEP.
        tokenizer: returns the encoder's tokenizer.
        words: returns the rule that splits text into words; called for token classification only.
    """
    if keep == "none":
        return None

    def on_weights(record: RunRecord, copy: Callable[[], FinetunedWeights]) -> None:
        # A run whose weights another process saved, but not yet its record, is left alone.
        others = {run_id: other for run_id in _other_seeds(store, record.config) if (other := store.get(run_id))}
        if keep == "best" and not all(_is_better(record, other) for other in others.values()):
            return
        splitter = words() if task.output == "token_labels" else ""
        settings = settings_of(task, record.config.recipe, words=splitter, threshold=record.threshold or 0.5)
        save_weights(store, record, copy(), task=task, settings=settings, tokenizer=tokenizer(), run={"kept": keep})
        if keep == "best":
            _prune(store, others)

    return on_weights


def save_weights(
    store: RunStore,
    record: RunRecord,
    trained: FinetunedWeights,
    *,
    task: Task,
    settings: ModelSettings,
    tokenizer: PreTrainedTokenizerFast,
    run: JsonObject,
) -> None:
    """Save the weights of a run. `run`: further metadata of the run."""
    from ..inference.model_directory.directory import write_model_files  # with torch

    folder = weights_folder(store, record.id)
    with disk_errors(store.folder, DISK_HINT), atomic_directory(folder, replace=True) as temporary:
        metadata = {"id": record.id, "config": record.config.to_dict()} | run
        write_model_files(temporary, trained, task=task, settings=settings, tokenizer=tokenizer, run=metadata)


def prune_other_seeds(store: RunStore, config: RunConfig) -> None:
    """Delete weights saved as the best of their condition, of runs that differ from this one in their seed alone."""
    _prune(store, _other_seeds(store, config))


def _prune(store: RunStore, run_ids: Iterable[str]) -> None:
    for run_id in run_ids:
        if _metadata_if_present(store, run_id).get("kept") == "best":
            shutil.rmtree(weights_folder(store, run_id), ignore_errors=True)


def update_weights_metadata(store: RunStore, run_id: str, **metadata: object) -> None:
    """Add to the metadata of a run's saved weights."""
    path = weights_folder(store, run_id) / METADATA_FILE
    values = json.loads(path.read_text(encoding="utf-8"))
    values["run"] |= metadata
    with disk_errors(store.folder, DISK_HINT):
        atomic_write(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


@contextlib.contextmanager
def temporary_store(store: RunStore) -> Iterator[RunStore]:
    """An empty store on the same disk, deleted at the end of the block."""
    with disk_errors(store.folder, DISK_HINT):
        store.folder.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(prefix=".scratch-", dir=store.folder)
    with temporary as folder:
        yield RunStore(folder)


def move_weights(store: RunStore, run_id: str, *, source: RunStore) -> None:
    """Move a run's weights from another store on the same disk."""
    folder = weights_folder(store, run_id)
    with disk_errors(store.folder, DISK_HINT):
        folder.parent.mkdir(parents=True, exist_ok=True)
        os.rename(weights_folder(source, run_id), folder)


def _other_seeds(store: RunStore, config: RunConfig) -> list[str]:
    """Runs with saved weights that differ from this one in their seed alone."""
    run_ids = sorted(path.parent.name for path in (store.folder / FOLDER).glob(f"[!.]*/{METADATA_FILE}"))
    configs = {run_id: _metadata_if_present(store, run_id).get("config") for run_id in run_ids if run_id != config.id}
    return [run_id for run_id, other in configs.items() if isinstance(other, dict) and _same_condition(other, config)]


def _metadata_if_present(store: RunStore, run_id: str) -> JsonObject:
    """As `weights_metadata`; {} if another process has just deleted them."""
    try:
        return weights_metadata(store, run_id)
    except StoreError:
        if has_weights(store, run_id):
            raise
        return {}


def _same_condition(other: JsonObject, config: RunConfig) -> bool:
    ignored = ("seed", "encoder_name")
    values = json.loads(json.dumps(config.to_dict()))
    return {k: v for k, v in other.items() if k not in ignored} == {k: v for k, v in values.items() if k not in ignored}


def _is_better(record: RunRecord, other: RunRecord) -> bool:
    """Whether a run is better on dev than one with saved weights; without a dev score the first one stays."""
    dev, best = record.scores["dev"], other.scores["dev"]
    return dev is not None and (best is None or dev > best)
