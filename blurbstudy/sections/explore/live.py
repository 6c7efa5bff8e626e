"""A small fine-tuning that somebody starts, watches and stops: what is asked for, and how it stands."""

from __future__ import annotations

from ...config import Recipe
from ...engine.live_run import FAILED, FINISHED, STOPPED, Job, Sight
from ...errors import ParameterError
from ...store.run_store import RunStore
from ...study.parameters import hub_id
from ...study.study import Study
from ...tables.figure import Figure
from ...tables.table import number
from ...tasks import get_task
from .depth import Techniques
from .runs import Curve, curves_figure


def live_encoders(study: Study) -> list[str]:
    """Encoders that can be fine-tuned here: those with a path."""
    return [name for name, missing in study.encoders.items() if not missing]


def live_job(study: Study, techniques: Techniques, *, encoder: str, task: str, recipe: Recipe, seed: int = 1) -> Job:
    """The run that is asked for, in plain values.

    Raises:
        ParameterError: no data folder is named, the encoder has no path, or a value is out of bounds.
    """
    missing = study.encoders.get(encoder, "not among this study's")
    if missing:
        raise ParameterError(f"encoder {encoder!r}: {missing}; name one with a path (encoders)")
    return Job(
        store=str(study.store.folder),
        data=study.data,
        task=task,
        encoder=encoder,
        spec=str(hub_id(study.parameters.encoders[encoder])),
        recipe=techniques.on(recipe, task=get_task(task)),
        seed=seed,
        precision=study.parameters.precision,
        device=study.parameters.device,
        pretraining=study.pretraining_plan,
        workers=study.parameters.workers,
    )


def live_words(sight: Sight, store: RunStore) -> str:
    """How a run stands, in a sentence."""
    at = f"step {sight.step:,} of {sight.total:,}" if sight.total else "before its first step"
    if sight.state == STOPPED:
        return (
            f"Stopped at {at}; nothing of it is in the store."
            if sight.total
            else f"Stopped {at}; the store is as it was."
        )
    if sight.state == FAILED:
        return f"Failed {'at ' if sight.total else ''}{at}: {sight.cause}. Nothing of it is in the store."
    if sight.state == FINISHED:
        record = store.get(sight.run_id)
        dev, test = (
            number(None if value is None else 100 * value) for value in map(record.scores.get, ("dev", "test"))
        )
        kept = "kept in the store" if sight.made else "the store had it already, so it was not made again"
        return f"Finished: dev {dev}, test {test} (times 100), one seed; {kept} as run {sight.run_id}."
    return f"{sight.doing.capitalize()}, {at} …" if sight.total else f"{sight.doing.capitalize()} …"


def live_picture(sight: Sight, *, title: str) -> Figure:
    """The learning curve so far: the loss of single batches thin, their means and dev scores as points."""
    curve = Curve(points=sight.curve, steps=sight.steps, losses=sight.losses)
    return curves_figure({"this run": curve}, title=title)
