"""Export a run whose weights are in the store as a model directory."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from ..errors import ParameterError, StoreError
from ..filesystem import atomic_directory, disk_errors
from ..inference.model_directory.card import model_card
from ..inference.model_directory.card_calibration import DIAGRAM
from ..inference.model_directory.check import CARD, METADATA_FILE, check_target
from ..inference.model_directory.heads import head_layout
from ..inference.model_directory.settings import metadata, settings_of
from ..models import read_architecture
from ..stats.references import load_gold
from ..store.index import runs_of_condition
from ..store.run_store import RunStore
from ..store.run_weights import has_weights, saved_threshold, weights_folder, weights_metadata, word_splitter
from ..tables.calibration import reliability_figure
from ..training.run_record import RunRecord
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
    threshold = saved_threshold(store, record.id)
    settings = settings_of(reference.task, record.config.recipe, words=words, threshold=threshold)
    run = run_facts(
        store,
        record,
        sorted(seeds, key=lambda seed: seed.config.seed),
        reference,
        encoder=encoder_metadata(store, record.config.encoder_fingerprint),
        data=data_given(store, record.config.data_fingerprint),
        repeated=weights.get("again"),
    ) | ({"recipe_source": recipe_source} if recipe_source else {})
    run |= {"calibration": weights["calibration"]} if weights.get("calibration") else {}
    hint = "name another folder (--to; --model-dir of finetune). Finished runs are safe"
    with disk_errors(folder, hint), atomic_directory(folder, replace=True) as temporary:
        source = weights_folder(store, record.id)
        shutil.copytree(source, temporary, dirs_exist_ok=True, copy_function=shutil.copyfile)
        layout = head_layout(read_architecture(source), settings.head)
        card = model_card(reference.task, settings, layout, run, directory_name=folder.name)
        (temporary / CARD).write_text(card, encoding="utf-8")
        if weights.get("calibration") and weights["calibration"]["test"]:
            (temporary / DIAGRAM).write_text(reliability_figure(run).svg, encoding="utf-8")
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
