"""Train a recorded run again for its weights, which were not saved."""

from __future__ import annotations

from pathlib import Path

from ..engine.engine import LocalEngine
from ..engine.sources.resolve import resolve_sources
from ..engine.sources.sources import Sources
from ..engine.sweep import run_missing
from ..errors import ParameterError, StudyError
from ..store.custom_tasks import stored_task
from ..store.run_store import RunStore
from ..store.run_weights import has_weights, move_weights, temporary_store, update_weights_metadata
from ..training.run_record import RunRecord, run_difference
from .export_model import check_exportable
from .model_facts import data_given, encoder_metadata


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
