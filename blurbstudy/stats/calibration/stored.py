"""The calibration of a run, kept with its saved weights, from where it is exported."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...config import JsonObject
from ...inference.model_directory.directory import read_model_directory
from ...inference.predict_examples import predictions_of_examples
from ...inference.predictor import Predictor
from ...store.run_store import RunStore
from ...store.run_weights import update_weights_metadata, weights_folder, weights_metadata
from ...tasks import Example
from ...training.run_record import RunRecord
from ..references import GoldReference
from .of_model import PredictedSplit, calibrate


def keep_calibration(
    store: RunStore,
    record: RunRecord,
    reference: GoldReference,
    *,
    examples: Callable[[str], Sequence[Example]],
    device: str,
) -> JsonObject | None:
    """The calibration of a run's saved weights (see `calibrate`), made unless it is kept already; None for scores.
    `examples`: split -> its examples.
    """
    task = reference.task
    if task.output == "score":
        return None
    if stored := weights_metadata(store, record.id).get("calibration"):
        return stored
    values: JsonObject = {"fit": None, "reason": "dev was trained on", "test": None}
    if not record.config.recipe.train_on_dev:
        predictor = Predictor(
            read_model_directory(weights_folder(store, record.id)), device=device, raw_confidence=True
        )
        dev, test = (
            PredictedSplit(
                task=task,
                predictions=predictions_of_examples(predictor, task, examples(split)),
                gold=[str(label) for label in reference.gold[split].gold],
                units=reference.units(split),
                unit_noun=reference.resampling_units(split),
            )
            if split in task.splits
            else None
            for split in ("dev", "test")
        )
        assert dev is not None, "every task has a dev split"
        values = calibrate(dev, test)
    update_weights_metadata(store, record.id, calibration=values)
    return weights_metadata(store, record.id)["calibration"]
