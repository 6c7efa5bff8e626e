"""A run of the study as a model directory, whose weights were kept or are trained again for it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..engine.engine import LocalEngine
from ..engine.sources.resolve import resolve_sources
from ..engine.sources.sources import Sources
from ..engine.sweep import run_missing
from ..errors import ParameterError, StoreError, StudyError
from ..filesystem import atomic_directory, disk_errors
from ..inference.model_directory.card import model_card
from ..inference.model_directory.directory import CARD, FACTS, facts
from ..inference.model_directory.heads import head_form
from ..inference.model_directory.settings import settings_of
from ..models import read_architecture
from ..stats.collapse import load_references
from ..store.custom_tasks import task_of
from ..store.run_store import RunStore
from ..store.run_weights import (
    has_weights,
    kept_facts,
    kept_words,
    note_kept,
    same_but_seed,
    scratch_store,
    take_weights,
    weights_folder,
)
from ..training.run_record import RunRecord, run_difference
from .model_facts import data_given, encoder_fact, run_facts

EDITED = "README.edited.md"  # a card that somebody wrote in, beside that of another model
WRITTEN = "written"  # key of FACTS: names of all files, and the digest of the card


def export_run(
    store: RunStore,
    record: RunRecord,
    folder: Path,
    *,
    seeds: Sequence[RunRecord] = (),
    replace: bool = False,
    recipe_source: str = "",
) -> Path:
    """Write the model directory of a run whose weights were kept.

    Args:
        seeds: the runs of its configuration (default: all in the store).
        replace: the folder may hold another model directory.
        recipe_source: where the recipe is from, a sentence for the card.

    Raises:
        StoreError: the weights were not kept, or are torn.
        ParameterError: something lies there already; or the disk refused.
    """
    if not has_weights(store, record.id):
        raise StoreError(
            f"{store.folder}: the weights of run {record.id} were not kept; train it again for them: blurbstudy export "
            f"{record.id} --store {store.folder} --to {folder} --train"
        )
    check_target(folder, replace=replace)
    seeds = seeds or [one for one in store.records() if same_but_seed(record, one)]
    reference = load_references(store, [record])[record.config.task]
    kept, words = kept_facts(store, record.id), kept_words(store, record.id)
    settings = settings_of(reference.task, record.config.recipe, words=words)
    told = run_facts(
        store,
        record,
        sorted(seeds, key=lambda one: one.config.seed),
        reference,
        encoder=encoder_fact(store, record.config.encoder),
        data=data_given(store, record.config.data),
        again=kept.get("again"),
    ) | ({"recipe_source": recipe_source} if recipe_source else {})
    hint = "name another folder (--to; --keep-model of finetune). Finished runs are safe"
    with disk_errors(folder, hint), atomic_directory(folder, replace=replace) as made:
        source = weights_folder(store, record.id)
        shutil.copytree(source, made, dirs_exist_ok=True, copy_function=shutil.copyfile)
        form = head_form(read_architecture(source), settings.head)
        card = model_card(reference.task, settings, form, told, place=folder.name)
        (made / CARD).write_text(card, encoding="utf-8")
        values = facts(reference.task, settings, told) | {WRITTEN: _written(made)}
        _keep_edited_card(folder, made, values)
        (made / FACTS).write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return folder


def check_target(folder: Path, *, replace: bool = False) -> None:
    """Refuse a place for a model directory where something else lies.

    Raises:
        ParameterError: it is no empty folder, nor, with `replace`, a model directory.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if (folder / FACTS).is_file():
        if not replace:
            raise ParameterError(f"{folder}: a model lies there already and stays as it is; name another folder")
        known = _facts_of(folder).get(WRITTEN, {}).get("files")
        added = [] if known is None else sorted({path.name for path in folder.iterdir()} - {*known, FACTS, EDITED})
        if added:
            raise ParameterError(
                f"{folder}: a model lies there, and {added[0]}, which is not of it; move that, or name another folder"
            )
        return
    if not folder.is_dir():
        raise ParameterError(f"{folder}: a file lies there and stays as it is; name another folder")
    raise ParameterError(f"{folder}: is not empty and stays as it is; name a new folder")


def _written(made: Path) -> dict[str, Any]:
    return {"files": sorted(path.name for path in made.iterdir()), "card": _digest(made / CARD)}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:20]


def _facts_of(folder: Path) -> dict[str, Any]:
    """What FACTS of a model directory says; {} where it is torn."""
    try:
        found = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get(WRITTEN, {}), dict) else {}


def _keep_edited_card(folder: Path, made: Path, values: Mapping[str, Any]) -> None:
    """What somebody wrote in the card of a model that is replaced, its terms say, stays: as the card where the model is
    the same, else beside the new one.
    """
    before, card = _facts_of(folder), folder / CARD
    if (folder / EDITED).is_file():
        shutil.copyfile(folder / EDITED, made / EDITED)
    if WRITTEN not in before or not card.is_file() or _digest(card) == before[WRITTEN].get("card"):
        return
    is_same = before.get("run") == json.loads(json.dumps(values["run"]))
    shutil.copyfile(card, made / (CARD if is_same else EDITED))


def ensure_weights(store: RunStore, record: RunRecord, *, sources: Sources, device: str, progress: str = "auto") -> str:
    """Train a run again for its weights where they were not kept, and hold what it predicts against its record.

    Returns:
        In what it differs; '' where it is the same, or nothing had to be done.

    Raises:
        StudyError: it failed; data or encoder cannot be read.
    """
    if has_weights(store, record.id):
        return ""
    engine = LocalEngine(device=device, workers=1, keep_weights="all")
    with scratch_store(store) as scratch:
        again = run_missing(
            [record.config], scratch, sources=sources, engine=engine, progress=progress, label="weights"
        )
        if not has_weights(scratch, record.id):
            raise StudyError(f"run {record.id}: trained again it has no score, and no weights worth keeping")
        difference = run_difference(record.to_dict(), again[record.id].to_dict())
        if difference:
            scores = dict(again[record.id].scores)
            note_kept(scratch, record.id, again={"difference": difference, "scores": scores})
        note_kept(scratch, record.id, kept="again")
        take_weights(store, record.id, source=scratch)
    return difference


def sources_of_run(store: RunStore, record: RunRecord, *, encoder: str = "", data: str = "") -> Sources:
    """The data and encoder that a run was made from, where the store says they lie, or as they are given.

    Raises:
        ParameterError: they are not there, or are others than the run's.
    """
    config = record.config
    task = task_of(store, config.task, config.data)
    known = encoder_fact(store, config.encoder)
    spec, folder = encoder or str(known.get("spec", "")), data or data_given(store, config.data)
    if not spec or not (folder or task.custom):
        missing = "encoder" if not spec else "data"
        raise ParameterError(f"run {config.id}: where its {missing} lies is not in {store.folder}; name --{missing}")
    if task.custom:
        folder = str(Path(task.files["train"]).parent)
    name = config.encoder_name or str(known.get("name", spec))
    sources = resolve_sources(store, tasks=[task], encoders={name: spec}, data=folder)
    if sources.fingerprints[task.name] != config.data:
        raise ParameterError(
            f"{folder}: {task.name} is not what run {config.id} was trained on; name its data (--data)"
        )
    if sources.encoders[name].fingerprint != config.encoder:
        raise ParameterError(f"{spec}: is not the encoder of run {config.id}; name its directory (--encoder)")
    return sources
