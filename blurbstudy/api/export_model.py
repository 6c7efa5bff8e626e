"""Export a run as a model directory; weights that were not saved are trained again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from ..engine.engine import LocalEngine
from ..engine.sources.resolve import resolve_sources
from ..engine.sources.sources import Sources
from ..engine.sweep import run_missing
from ..errors import ParameterError, StoreError, StudyError
from ..filesystem import atomic_directory, disk_errors
from ..inference.model_directory.card import model_card
from ..inference.model_directory.directory import CARD, METADATA_FILE, metadata
from ..inference.model_directory.heads import head_layout
from ..inference.model_directory.settings import settings_of
from ..models import read_architecture
from ..stats.references import load_gold
from ..store.custom_tasks import stored_task
from ..store.index import runs_of_condition
from ..store.run_store import RunStore
from ..store.run_weights import (
    has_weights,
    move_weights,
    temporary_store,
    update_weights_metadata,
    weights_folder,
    weights_metadata,
    word_splitter,
)
from ..training.run_record import RunRecord, run_difference
from .model_facts import data_given, encoder_metadata, run_facts


def export_run(
    store: RunStore,
    record: RunRecord,
    folder: Path,
    *,
    seeds: Sequence[RunRecord] = (),
    overwrite: bool = False,
    recipe_source: str = "",
) -> Path:
    """Write the model directory of a run whose weights are in the store.

    Args:
        seeds: the runs with the same configuration (default: all in the store).
        overwrite: replace the directory whatever it contains.
        recipe_source: a sentence on the origin of the recipe, for the model card.

    Raises:
        StoreError: the weights were not saved, or are corrupt.
        ParameterError: the directory has content that may not be replaced (see `check_target`); or the disk refuses.
    """
    check_exportable(record)
    if not has_weights(store, record.id):
        raise StoreError(
            f"{store.folder}: the weights of run {record.id} were not saved; train it again: blurbstudy export "
            f"{record.id} --store {store.folder} --to {folder} --train"
        )
    check_target(folder, overwrite=overwrite)
    seeds = seeds or runs_of_condition(store, record.config)
    reference = load_gold(store, [record])[record.config.task]
    weights, words = weights_metadata(store, record.id), word_splitter(store, record.id)
    settings = settings_of(reference.task, record.config.recipe, words=words)
    run = run_facts(
        store,
        record,
        sorted(seeds, key=lambda seed: seed.config.seed),
        reference,
        encoder=encoder_metadata(store, record.config.encoder_fingerprint),
        data=data_given(store, record.config.data_fingerprint),
        repeated=weights.get("again"),
    ) | ({"recipe_source": recipe_source} if recipe_source else {})
    hint = "name another folder (--to; --model-dir of finetune). Finished runs are safe"
    with disk_errors(folder, hint), atomic_directory(folder, replace=True) as temporary:
        source = weights_folder(store, record.id)
        shutil.copytree(source, temporary, dirs_exist_ok=True, copy_function=shutil.copyfile)
        layout = head_layout(read_architecture(source), settings.head)
        card = model_card(reference.task, settings, layout, run, directory_name=folder.name)
        (temporary / CARD).write_text(card, encoding="utf-8")
        text = json.dumps(metadata(reference.task, settings, run), indent=2, ensure_ascii=False) + "\n"
        (temporary / METADATA_FILE).write_text(text, encoding="utf-8")  # last: see is_unchanged
    return folder


def check_exportable(record: RunRecord) -> None:
    """Refuse a run on resampled splits.

    Raises:
        ParameterError: it is one.
    """
    if record.config.n_folds:
        raise ParameterError(
            f"run {record.id} is of one fold of resampled splits, which estimate a score; for a model, export a run on "
            "the official split"
        )


def check_target(folder: Path, *, overwrite: bool = False) -> None:
    """Refuse to replace anything but an empty folder or an unchanged model directory.

    Args:
        overwrite: allow any folder.

    Raises:
        ParameterError: the path is a file, or a folder with other content.
    """
    if folder.exists() and not folder.is_dir():
        raise ParameterError(f"{folder}: is a file; name a directory")
    if overwrite or not folder.exists() or not any(folder.iterdir()) or is_unchanged(folder):
        return
    kind = "has changed since it was exported" if (folder / METADATA_FILE).is_file() else "is not empty"
    raise ParameterError(f"{folder}: {kind}; name another directory, or pass --overwrite to replace it")


def is_unchanged(folder: Path) -> bool:
    """Whether nothing in a model directory was edited or added since its export, which writes METADATA_FILE last."""
    if not (folder / METADATA_FILE).is_file():
        return False
    exported = (folder / METADATA_FILE).stat().st_mtime_ns
    return all(path.lstat().st_mtime_ns <= exported for path in (folder, *folder.rglob("*")))


def exported_run_id(folder: Path) -> str:
    """The id of the run whose model is in a directory; "" without a readable model."""
    try:
        return str(json.loads((folder / METADATA_FILE).read_text(encoding="utf-8"))["run"]["id"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def ensure_weights(store: RunStore, record: RunRecord, *, sources: Sources, device: str, progress: str = "auto") -> str:
    """Train a run again if its weights were not saved, and compare its predictions with the record.

    Returns:
        How the second training differs from the record; "" if it does not, or if weights were saved.

    Raises:
        StudyError: the training failed, or data or encoder cannot be read.
    """
    check_exportable(record)
    if has_weights(store, record.id):
        return ""
    engine = LocalEngine(device=device, workers=1, keep_weights="all")
    with temporary_store(store) as scratch:
        repeated = run_missing(
            [record.config], scratch, sources=sources, engine=engine, progress=progress, label="weights"
        )
        if not has_weights(scratch, record.id):
            raise StudyError(f"run {record.id}: training it again gave no score, so there is no model to export")
        difference = run_difference(record.to_dict(), repeated[record.id].to_dict())
        if difference:
            scores = dict(repeated[record.id].scores)
            update_weights_metadata(scratch, record.id, again={"difference": difference, "scores": scores})
        update_weights_metadata(scratch, record.id, kept="again")
        move_weights(store, record.id, source=scratch)
    return difference


def sources_of_run(store: RunStore, record: RunRecord, *, encoder: str = "", data: str = "") -> Sources:
    """The data and encoder of a run, from where the store recorded them or from the arguments.

    Raises:
        ParameterError: they are missing, or differ from the run's.
    """
    config = record.config
    task = stored_task(store, config.task, config.data_fingerprint)
    recorded = encoder_metadata(store, config.encoder_fingerprint)
    spec, folder = encoder or str(recorded.get("spec", "")), data or data_given(store, config.data_fingerprint)
    if not spec or not (folder or task.custom):
        missing = "encoder" if not spec else "data"
        raise ParameterError(f"run {config.id}: {store.folder} does not record its {missing}; pass --{missing}")
    if task.custom:
        folder = str(Path(task.files["train"]).parent)
    name = config.encoder_name or str(recorded.get("name", spec))
    sources = resolve_sources(store, tasks=[task], encoders={name: spec}, data=folder)
    if sources.fingerprints[task.name] != config.data_fingerprint:
        raise ParameterError(
            f"{folder}: {task.name} differs from the training data of run {config.id}; name its data (--data)"
        )
    if sources.encoders[name].fingerprint != config.encoder_fingerprint:
        raise ParameterError(f"{spec}: is not the encoder of run {config.id}; name its directory (--encoder)")
    return sources
