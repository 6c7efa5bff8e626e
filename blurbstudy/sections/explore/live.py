"""A small fine-tuning that a user starts, watches and stops: an ordinary sweep of one run, in a thread."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...config import Recipe
from ...engine.deadline import Deadline
from ...engine.sources.resolve import resolve_sources
from ...engine.sweep import find_runs, run_missing
from ...engine.workers.messages import failure_message
from ...errors import Interrupted, ParameterError
from ...study.parameters import hub_id
from ...study.study import Study
from ...tables.figure import Figure
from ...tables.formatting import format_number
from ...tasks import get_task
from ...training.population import Member
from ...training.trainer import finite_curve
from ..parameters import ExploreParameters as Parameters
from .depth import TechniqueSelection
from .runs import Curve, curves_figure

LABEL = "live"  # under which the store lists these runs, so that no page of the study shows them
LOSS_SECONDS = 0.2  # between two batch losses of the curve


def live_encoders(study: Study[Parameters]) -> list[str]:
    """Encoders that can be fine-tuned: those with a path."""
    return [name for name, spec in study.parameters.encoders.items() if spec is not None]


class LiveRun:
    """A run in a thread, started immediately. A stopped run leaves no record in the store.
    Raises ParameterError: no data folder is named, the encoder has no path, or a value is out of bounds.
    """

    def __init__(
        self,
        study: Study[Parameters],
        techniques: TechniqueSelection,
        *,
        encoder: str,
        task: str,
        recipe: Recipe,
        seed: int = 1,
    ) -> None:
        if study.parameters.encoders.get(encoder) is None:
            raise ParameterError(f"encoder {encoder!r} has no path; set one (encoders)")
        self.study, self.encoder, self.task, self.seed = study, encoder, task, seed
        self.recipe = techniques.on(recipe, task=get_task(task))
        self.data = study.data
        self.step = self.total = 0
        self.steps: list[int] = []
        self.losses: list[float | None] = []  # of single batches
        self.curve: Mapping[str, Sequence[float | None]] = {}  # as in a record
        self.outcome = ""  # a sentence, once the thread has ended
        self._deadline = Deadline()
        self._loss_time = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def is_running(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._deadline.at = -math.inf

    def describe(self) -> str:
        if self.outcome:
            return self.outcome
        if self._deadline.passed():
            return "Stopping …"
        return f"Training, {self._at} …" if self.total else "Loading data and encoder …"

    def figure(self) -> Figure:
        """The learning curve so far: the loss of single batches thin, their means and dev scores as points."""
        count = min(len(self.steps), len(self.losses))  # the thread appends to both
        curve = Curve(points=self.curve, steps=self.steps[:count], losses=self.losses[:count])
        return curves_figure({"this run": curve}, title=f"{self.encoder} on {self.task}, seed {self.seed}")

    @property
    def _at(self) -> str:
        return f"at step {self.step:,} of {self.total:,}" if self.total else "before its first step"

    def _run(self) -> None:
        try:
            self.outcome = self._train()
        except Exception as error:  # else it would be lost with the thread
            self.outcome = f"Failed {self._at}: {failure_message(error).error}. It left no record in the store."

    def _train(self) -> str:
        study = self.study
        sources = resolve_sources(
            study.store,
            tasks=[self.task],
            encoders={self.encoder: hub_id(study.parameters.encoders[self.encoder])},
            data=self.data,
            pretraining=study.pretraining_plan,
            progress="silent",
            deadline=self._deadline,
        )
        if self.encoder not in sources.encoders:  # stopped during pretraining
            return f"Stopped {self._at}. It left no record in the store."
        precision = study.parameters.precision
        config = sources.run_config(self.task, self.encoder, recipe=self.recipe, seed=self.seed, precision=precision)
        reused = not find_runs([config], study.store).missing
        engine = replace(study.local_engine, workers=1, deadline=self._deadline)
        result = run_missing(
            [config], study.store, sources=sources, engine=engine, progress="silent", on_step=self._on_step
        )
        if result.missing:
            return f"Stopped {self._at}. It left no record in the store."
        if not reused:
            study.save_by_hand(LABEL, run_ids=[config.id])
        scores = (result[config.id].scores.get(split) for split in ("dev", "test"))
        dev, test = (format_number(None if value is None else 100 * value) for value in scores)
        origin = "already in the store, not trained again," if reused else "stored"
        return f"Finished: dev {dev}, test {test} (times 100), one seed; {origin} as run {config.id}."

    def _on_step(self, members: Sequence[Member]) -> None:
        (member,) = members
        self.step, self.total = member.step, member.total_steps
        self.curve = finite_curve(member.curve)
        # Right after a curve point the member has no losses: the point is the mean of the preceding ones.
        if member.losses and time.monotonic() - self._loss_time >= LOSS_SECONDS:
            self._loss_time = time.monotonic()
            self.steps.append(member.step)
            self.losses += finite_curve({"loss": member.losses[-1:]})["loss"]
        if self._deadline.passed():
            raise Interrupted("stopped")
