"""Fine-tuning of a population: the loop, and what is kept of each run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from ..config import RunConfig
from ..errors import ParameterError
from ..metrics import score
from ..models import Checkpoint, TrainedWeights
from ..stabilizers import depth_plan
from ..tasks import Task
from ..tasks.features import Features
from .evaluation import decode, evaluation_batches, gold_of, predict
from .memory import forget_peak, peak_bytes, release_freed_memory
from .population import SHARED, Member, Population
from .provenance import describe_device, pick_device, software
from .run_record import RunRecord

Progress = Callable[[int, int], None]  # optimizer steps done, and of all members together
Watch = Callable[[Sequence[Member]], object]  # is shown the members as they stand; changes nothing in them
# Is offered the weights of a scored run, those that its recipe selects; they are copied only if they are asked for.
OfferWeights = Callable[[RunRecord, Callable[[], TrainedWeights]], object]


def train_population(
    configs: Sequence[RunConfig],
    *,
    features: Mapping[str, Features],
    task: Task,
    checkpoint: Checkpoint,
    device: str = "auto",
    on_progress: Progress | None = None,
    on_record: Callable[[RunRecord], object] | None = None,
    on_step: Watch | None = None,
    on_weights: OfferWeights | None = None,
) -> list[RunRecord]:
    """Trains runs together and scores each; records in the order of `configs`.

    A member whose loss leaves the finite numbers is recorded as such and the others go on. Members that finish early
    are dropped from the stack.

    Args:
        configs: runs of one task, encoder, precision and depth that agree in the recipe fields of `SHARED`.
        features: train, dev and test.
        on_record: is given each record as soon as its run has ended, while the others go on.
        on_step: is shown the members after every step, for a learning curve that grows before one's eyes.
        on_weights: is offered each scored run's weights, before its record is given.

    Raises:
        ParameterError: the runs do not fit together, or a recipe does not fit the encoder.
    """
    check_population(configs, checkpoint)
    place = pick_device(device)
    forget_peak(place)  # that of the populations before, or of a rehearsal, is none of this one's
    training = Training(configs, features, task, checkpoint, place, on_progress, on_record)
    training.on_step, training.on_weights = on_step, on_weights
    return training.run()


def check_population(configs: Sequence[RunConfig], checkpoint: Checkpoint) -> None:
    """Raises ParameterError where runs cannot be trained together or do not fit the encoder."""
    first = configs[0]
    layers = {depth_plan(config.recipe, checkpoint.architecture.n_layers).n_layers for config in configs}
    if len(layers) > 1:
        raise ParameterError(f"runs of {sorted(layers)} layers cannot share a population; train them apart")
    for name in ("task", "data", "encoder", "precision"):
        if len({getattr(config, name) for config in configs}) > 1:
            raise ParameterError(f"runs that differ in {name} cannot share a population; train them apart")
    for name in SHARED:
        if len({getattr(config.recipe, name) for config in configs}) > 1:
            raise ParameterError(f"runs that differ in {name} cannot share a population; train them apart")
    if first.recipe.max_length > checkpoint.architecture.max_positions:
        raise ParameterError(
            f"max_length={first.recipe.max_length} exceeds the encoder's "
            f"{checkpoint.architecture.max_positions} positions; set the recipe's max_length to at most that"
        )


class Training:
    """One population with its task, at whatever step it stands."""

    def __init__(self, configs, features, task, checkpoint, device, on_progress=None, on_record=None) -> None:  # noqa: ANN001
        self.task, self.device, self.on_progress, self.on_record = task, device, on_progress, on_record
        self.on_step: Watch | None = None
        self.on_weights: OfferWeights | None = None
        self.checkpoint = checkpoint
        self.size = len(configs)
        rows = np.unique(np.concatenate([split.ids for split in features.values()]))
        features = {name: split.with_ids(np.searchsorted(rows, split.ids)) for name, split in features.items()}
        join_dev = configs[0].recipe.join_dev
        train = features["train"].joined(features["dev"]) if join_dev else features["train"]
        scored = [name for name in ("test", "dev") if name in features and not (join_dev and name == "dev")]
        if not scored:
            raise ParameterError("join_dev leaves nothing to score where there is no test set; set join_dev to false")
        self.splits = {name: features[name] for name in scored}
        self.gold = {name: gold_of(split, task) for name, split in self.splits.items()}
        self.population = Population(
            configs,
            train=train,
            rows=rows,
            task=task,
            checkpoint=checkpoint,
            device=device,
        )
        self.total = sum(member.total for member in self.population.members)
        self.done_steps = 0
        self.records: dict[str, RunRecord] = {}
        self.order = [config.id for config in configs]
        self._batches: dict[str, tuple[int, list]] = {}  # split -> members, batches

    def run(self) -> list[RunRecord]:
        """All steps that are left; records in the order of the configs."""
        while len(self.records) < self.size:
            began = time.perf_counter()
            losses = self.population.step()
            finite = np.isfinite(losses)
            for member, loss in zip(self.population.members, losses, strict=True):
                member.losses.append(float(loss))
            self._evaluate([p for p, m in enumerate(self.population.members) if finite[p] and m.step in m.evaluate_at])
            finished = [p for p, m in enumerate(self.population.members) if finite[p] and m.step == m.total]
            tested = self._test(finished)
            spent = (time.perf_counter() - began) / len(self.population.members)
            for member in self.population.members:
                member.seconds += spent
            for place in finished:
                self._record(self.population.members[place], tested[place])
            for place in np.flatnonzero(~finite):
                self._record(self.population.members[place], None)
            self._report_progress(finite)
            going = [p for p, m in enumerate(self.population.members) if m.config.id not in self.records]
            if 0 < len(going) < len(self.population.members):
                self.population.keep(going)
        return [self.records[run_id] for run_id in self.order]

    def _evaluate(self, places: list[int]) -> None:
        """A point of the learning curve for the members at `places`."""
        outputs = self._outputs("dev", places) if places and "dev" in self.splits else {}
        for place in places:
            member = self.population.members[place]
            member.curve["step"].append(member.step)
            member.curve["train_loss"].append(float(np.mean(member.losses)))
            member.losses.clear()
            if place not in outputs:
                member.curve["dev_score"].append(None)
                continue
            predictions, value = outputs[place]
            member.curve["dev_score"].append(value)
            if member.config.recipe.select == "last":
                member.dev_predictions = predictions
            elif value is not None and value > member.best.get("score", -np.inf):
                member.best = {"score": value, "step": member.step, "snapshot": self.population.snapshot(place)}
                member.dev_predictions = predictions
        if places:
            release_freed_memory()

    def _test(self, places: list[int]) -> dict[int, tuple[list, float | None]]:
        """Test predictions and score of finished members, with the weights that their recipe selects; without a test
        set, neither.
        """
        for place in places:
            best = self.population.members[place].best
            if best:
                self.population.restore(place, best["snapshot"])
        if "test" not in self.splits:
            return dict.fromkeys(places, ([], None))
        return self._outputs("test", places) if places else {}

    def _outputs(self, split: str, places: Sequence[int]) -> dict[int, tuple[list, float | None]]:
        """place -> (predictions, score); the score is None where an output is not finite."""
        features, gold, task = self.splits[split], self.gold[split], self.task
        with self.population.model.only(places) as model:
            count, batches = self._batches.get(split, (0, []))
            if count != len(places):  # the last number of members alone is kept: it seldom comes back to another
                batches = evaluation_batches(
                    features, members=len(places), n_heads=model.architecture.n_heads, device=self.device
                )
                self._batches[split] = (len(places), batches)
            outputs = predict(model, batches, device=self.device, autocast=self.population.autocast)
        found = {}
        for place, own in zip(places, outputs, strict=True):
            tagging = self.population.members[place].config.recipe.tagging
            predictions = decode(own, features, task, tagging=tagging)
            value = (
                score(task.metric, gold, predictions, positives=task.positive_labels)
                if np.isfinite(own).all()
                else None
            )
            found[place] = (predictions, value)
        return found

    def _record(self, member: Member, tested: tuple[list, float | None] | None) -> None:
        dev = member.dev_predictions
        best = member.best
        dev_score = best.get("score") if best else (member.curve["dev_score"] or [None])[-1]
        has_test = "test" in self.splits
        scored = tested is not None and (tested[1] if has_test else dev_score) is not None
        found = ({"dev": dev} if dev else {}) | ({"test": tested[0]} if tested and has_test else {})
        record = RunRecord(
            config=member.config,
            status="finished" if scored else "not_finite",
            stopped_at_step=member.step,
            selected_step=best.get("step", member.step) if scored else None,
            scores={"dev": dev_score if scored else None, "test": tested[1] if scored else None},
            curve=finite_curve(member.curve),
            predictions=found if scored else {},
            seconds=round(member.seconds, 4),
            peak_bytes=peak_bytes(self.device),
            circumstances={
                "device": describe_device(self.device),
                "population": self.size,
                "threads": torch.get_num_threads(),
                "dropout": "per-member",
                **software(),
            },
        )
        if scored and self.on_weights:
            place = self.population.members.index(member)
            self.on_weights(record, lambda: self.population.trained(place, self.checkpoint))
        self.records[record.id] = record
        if self.on_record:
            self.on_record(record)

    def _report_progress(self, finite: np.ndarray) -> None:
        """A member that leaves early counts as done: what it will not need is not waited for."""
        self.done_steps += len(self.population.members)
        for member, fine in zip(self.population.members, finite, strict=True):
            self.done_steps += 0 if fine else member.total - member.step
        if self.on_progress:
            self.on_progress(self.done_steps, self.total)
        if self.on_step:
            self.on_step(self.population.members)


def finite_curve(curve: Mapping[str, list]) -> dict[str, list]:
    """The curve with None where a value is not finite (JSON has no NaN)."""
    return {name: [v if v is None or np.isfinite(v) else None for v in values] for name, values in curve.items()}
