"""Fine-tuning of a population: the training loop, evaluation, and the record of each run."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from ..config import FOLD_FIELDS, RunConfig
from ..errors import ParameterError
from ..metrics import score
from ..models import Checkpoint, FinetunedWeights, PackedBatch
from ..stabilizers import depth_plan
from ..tasks import Task
from ..tasks.features import Features
from .class_weights import check_loss
from .decoding import FIXED_THRESHOLD, decode, gold_of
from .evaluation import Evaluation, best_threshold, evaluation_batches, label_probabilities, predict
from .memory import peak_bytes, release_freed_memory, reset_peak
from .population import SHARED_FIELDS, BestEvaluation, Member, Population
from .provenance import describe_device, pick_device, software_versions
from .run_record import RunRecord

Progress = Callable[[int, int], object]  # optimizer steps done, and in total, of all members together
RecordCallback = Callable[[RunRecord], object]
StepCallback = Callable[[Sequence[Member]], object]  # gets the members after a step; must not change them
# Gets a scored run's record and a function that copies its selected weights.
WeightsCallback = Callable[[RunRecord, Callable[[], FinetunedWeights]], object]


def train_population(
    configs: Sequence[RunConfig],
    *,
    features: Mapping[str, Features],
    task: Task,
    checkpoint: Checkpoint,
    device: str = "auto",
    gold: Mapping[str, Sequence[str]] | None = None,
    train_subset: np.ndarray | None = None,
    on_progress: Progress | None = None,
    on_record: RecordCallback | None = None,
    on_step: StepCallback | None = None,
    on_weights: WeightsCallback | None = None,
) -> list[RunRecord]:
    """Trains runs together and scores each; -> records in the order of `configs`.

    A member whose loss becomes NaN or infinite is recorded as diverged and the others continue. Members that finish
    or stop early are dropped from the stack.

    Args:
        configs: runs of one task, encoder, precision and depth that agree in the recipe fields of SHARED_FIELDS.
        features: train, dev and test.
        gold: their gold labels where the targets do not express them (raw text); None: those of the targets.
        train_subset: indices of the training examples to use; steps are counted as of all.
        on_record: called with each record as soon as its run has ended, while the others continue.
        on_step: called with the members after every step, for a live learning curve.
        on_weights: called for each scored run before `on_record`.

    Raises:
        ParameterError: the runs do not fit together, or a recipe does not fit the encoder or the task.
    """
    check_population(configs, checkpoint)
    torch_device = pick_device(device)
    reset_peak(torch_device)  # earlier populations must not count
    training = PopulationTraining(
        configs,
        features=features,
        task=task,
        checkpoint=checkpoint,
        device=torch_device,
        gold=gold,
        train_subset=train_subset,
        on_progress=on_progress,
        on_record=on_record,
        on_step=on_step,
        on_weights=on_weights,
    )
    return training.run()


def check_population(configs: Sequence[RunConfig], checkpoint: Checkpoint) -> None:
    """Checks that runs can be trained together and fit the encoder. Raises ParameterError: they cannot, or do not."""
    first = configs[0]
    layers = {depth_plan(config.recipe, checkpoint.architecture.n_layers).n_layers for config in configs}
    if len(layers) > 1:
        raise ParameterError(f"runs of {sorted(layers)} layers cannot share a population; train them separately")
    for name in ("task", "data_fingerprint", "encoder_fingerprint", "precision", *FOLD_FIELDS, "train_share"):
        if len({getattr(config, name) for config in configs}) > 1:
            raise ParameterError(f"runs that differ in {name} cannot share a population; train them separately")
    if first.train_share < 1 and len({config.seed for config in configs}) > 1:
        raise ParameterError("runs on a share of train have a subset by seed; train their seeds separately")
    for name in SHARED_FIELDS:
        if len({getattr(config.recipe, name) for config in configs}) > 1:
            raise ParameterError(f"runs that differ in {name} cannot share a population; train them separately")
    if first.recipe.max_length > checkpoint.architecture.max_positions:
        raise ParameterError(
            f"max_length={first.recipe.max_length} exceeds the encoder's "
            f"{checkpoint.architecture.max_positions} positions; set the recipe's max_length to at most that"
        )


class PopulationTraining:
    """The training of one population; arguments as of `train_population`."""

    def __init__(
        self,
        configs: Sequence[RunConfig],
        *,
        features: Mapping[str, Features],
        task: Task,
        checkpoint: Checkpoint,
        device: torch.device,
        gold: Mapping[str, Sequence[str]] | None = None,
        train_subset: np.ndarray | None = None,
        on_progress: Progress | None = None,
        on_record: RecordCallback | None = None,
        on_step: StepCallback | None = None,
        on_weights: WeightsCallback | None = None,
    ) -> None:
        for config in configs:
            check_loss(config.recipe, task)
        self.task, self.device, self.checkpoint = task, device, checkpoint
        self.on_progress, self.on_record, self.on_step, self.on_weights = on_progress, on_record, on_step, on_weights
        self.size = len(configs)
        rows = np.unique(np.concatenate([split.ids for split in features.values()]))
        features = {name: split.with_ids(np.searchsorted(rows, split.ids)) for name, split in features.items()}
        train_on_dev = configs[0].recipe.train_on_dev
        train = features["train"].joined(features["dev"]) if train_on_dev else features["train"]
        n_scheduled = len(train)
        train = train if train_subset is None else train.selected(train_subset)
        scored = [name for name in ("test", "dev") if name in features and not (train_on_dev and name == "dev")]
        if not scored:
            raise ParameterError("train_on_dev leaves nothing to score without a test set; set train_on_dev to false")
        self.splits = {name: features[name] for name in scored}
        self.gold = {name: gold[name] if gold else gold_of(split, task) for name, split in self.splits.items()}
        self.population = Population(
            configs, train=train, n_scheduled=n_scheduled, rows=rows, task=task, checkpoint=checkpoint, device=device
        )
        self.total_steps = sum(member.total_steps for member in self.population.members)
        self.done_steps = 0
        self.records: dict[str, RunRecord] = {}
        self.order = [config.id for config in configs]
        # split -> number of members, batches
        self._batches: dict[str, tuple[int, list[tuple[np.ndarray, PackedBatch]]]] = {}

    def run(self) -> list[RunRecord]:
        """All remaining steps; -> records in the order of the configs."""
        while len(self.records) < self.size:
            start = time.perf_counter()
            losses = self.population.step()
            finite = np.isfinite(losses)
            members = self.population.members
            for member, loss in zip(members, losses, strict=True):
                member.losses.append(float(loss))
            self._evaluate([i for i, m in enumerate(members) if finite[i] and m.step in m.evaluate_at])
            finished = [i for i, m in enumerate(members) if finite[i] and m.is_complete]
            self._measure_final_losses(finished)
            tested = self._test(finished)
            seconds = (time.perf_counter() - start) / len(members)
            for member in members:
                member.seconds += seconds
            for index in finished:
                self._record(index, test=tested.get(index))
            for index in np.flatnonzero(~finite):
                self._record(int(index))
            self._report_progress()
            remaining = [i for i, m in enumerate(members) if m.config.id not in self.records]
            if 0 < len(remaining) < len(members):
                self.population.keep(remaining)
        return [self.records[run_id] for run_id in self.order]

    def _evaluate(self, indices: list[int]) -> None:
        """Adds a point to the learning curves of these members."""
        evaluated = self._score("dev", indices) if indices and "dev" in self.splits else {}
        for index in indices:
            member = self.population.members[index]
            member.curve["step"].append(member.step)
            member.curve["train_loss"].append(float(np.mean(member.losses)))
            member.losses.clear()
            member.last_dev = dev = evaluated.get(index)
            value = dev.score if dev else None
            member.curve["dev_score"].append(value)
            if member.config.recipe.checkpoint_selection == "last":
                continue
            member.evaluations_since_best += 1
            if dev is not None and value is not None and (member.best is None or value > member.best.score):
                member.best = BestEvaluation(value, member.step, dev, self.population.snapshot(index))
                member.evaluations_since_best = 0
        if indices:
            release_freed_memory()

    def _measure_final_losses(self, indices: list[int]) -> None:
        """Before other weights than the last step's are selected."""
        losses = self.population.final_losses(indices) if indices else []
        for index, loss in zip(indices, losses, strict=True):
            self.population.members[index].final_loss = float(loss)

    def _test(self, indices: list[int]) -> dict[int, Evaluation]:
        """Member index -> evaluation on test, if there is one, of the weights that the recipe selects."""
        for index in indices:
            best = self.population.members[index].best
            if best is not None:
                self.population.restore(index, best.snapshot)
        return self._score("test", indices) if indices and "test" in self.splits else {}

    def _score(self, split: str, indices: Sequence[int]) -> dict[int, Evaluation]:
        """Member index -> evaluation on a split."""
        features, gold, task = self.splits[split], self.gold[split], self.task
        with self.population.model.select_members(indices) as model:
            count, batches = self._batches.get(split, (0, []))
            if count != len(indices):  # only the last number of members is cached: earlier ones rarely return
                batches = evaluation_batches(
                    features, members=len(indices), n_heads=model.architecture.n_heads, device=self.device
                )
                self._batches[split] = (len(indices), batches)
            outputs = predict(model, batches, device=self.device, autocast=self.population.autocast)
        evaluated: dict[int, Evaluation] = {}
        for index, member_outputs in zip(indices, outputs, strict=True):
            member = self.population.members[index]
            recipe, is_finite = member.config.recipe, np.isfinite(member_outputs).all()
            threshold = member.selected_dev.threshold if member.selected_dev else FIXED_THRESHOLD
            if split == "dev" and recipe.threshold == "dev" and is_finite:
                threshold = best_threshold(member_outputs, features, gold, task)
            predictions = decode(member_outputs, features, task, tag_scheme=recipe.tag_scheme, threshold=threshold)
            if is_finite:
                value = score(task.metric, gold, predictions, positives=task.positive_labels)
                probabilities = label_probabilities(member_outputs, task, threshold=threshold)
                evaluated[index] = Evaluation(predictions, value, probabilities, threshold)
            else:
                evaluated[index] = Evaluation(predictions, None, None)
        return evaluated

    def _record(self, index: int, *, test: Evaluation | None = None) -> None:
        """Records a member that has finished or diverged."""
        member = self.population.members[index]
        best, last_dev, dev = member.best, member.last_dev, member.selected_dev
        recipe = member.config.recipe
        evaluated = {split: item for split, item in (("dev", dev), ("test", test)) if item is not None}
        outcomes = [item for item in (last_dev, *evaluated.values()) if item is not None]
        is_finite = member.final_loss is not None and math.isfinite(member.final_loss)
        scored = is_finite and all(item.score is not None for item in outcomes)
        if not scored:
            evaluated = {}
        is_earlier = scored and best is not None and best.step < member.step
        record = RunRecord(
            config=member.config,
            status="finished" if scored else "diverged",
            stopped_at_step=member.step,
            selected_step=(best.step if best else member.step) if scored else None,
            scores={split: evaluated[split].score if split in evaluated else None for split in ("dev", "test")},
            curve=finite_curve(member.curve),
            predictions={split: item.predictions for split, item in evaluated.items()},
            final_loss=member.final_loss if scored else None,
            constant_loss=member.constant_loss if scored else None,
            probabilities={
                split: item.probabilities.tolist()
                for split, item in evaluated.items()
                if item.probabilities is not None
            },
            last_predictions={"dev": last_dev.predictions} if is_earlier and last_dev else {},
            threshold=dev.threshold if scored and dev and recipe.threshold == "dev" else None,
            planned_steps=member.total_steps if recipe.early_stopping else None,
            seconds=round(member.seconds, 4),
            peak_bytes=peak_bytes(self.device),
            environment={
                "device": describe_device(self.device),
                "machine": platform.node(),
                "population": self.size,
                "threads": torch.get_num_threads(),
                "dropout": "per-member",
                **software_versions(),
            },
        )
        if scored and self.on_weights:
            self.on_weights(record, lambda: self.population.finetuned_weights(index, self.checkpoint))
        self.records[record.id] = record
        if self.on_record:
            self.on_record(record)

    def _report_progress(self) -> None:
        """The remaining steps of a member that diverged or stopped early count as done."""
        members = self.population.members
        self.done_steps += len(members)
        self.done_steps += sum(m.total_steps - m.step for m in members if m.config.id in self.records)
        if self.on_progress:
            self.on_progress(self.done_steps, self.total_steps)
        if self.on_step:
            self.on_step(members)


def finite_curve(curve: Mapping[str, list]) -> dict[str, list]:
    """The curve with None for values that are not finite (JSON has no NaN)."""
    return {name: [v if v is None or np.isfinite(v) else None for v in values] for name, values in curve.items()}
