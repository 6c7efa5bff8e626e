"""A population: runs of one architecture on one task whose parameters lie stacked and are trained together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..config import RunConfig
from ..models import Checkpoint, Classifier, DropoutStream, Packing, TrainedWeights, seed_for
from ..stabilizers import Freeze, apply_to_member, depth_plan, stabilizers_of
from ..tasks import Task
from ..tasks.features import Features
from ..tasks.task import head_indices, head_labels, normalize_scores, standardize_scores
from .evaluation import pack_features, packed_targets
from .optimizer import MemberSettings, PopulationAdamW
from .schedule import evaluation_steps, rate_factor, steps_per_epoch, total_steps

# Recipe fields in which the members of a population must agree; the others are per member.
SHARED = ("batch_size", "dropout", "beta1", "beta2", "eps", "max_length", "tagging", "segment_ids", "head", "join_dev")


def population_key(config: RunConfig) -> tuple:
    """Runs with equal keys may share a population.

    Runs frozen to different depths are kept apart only for speed: a shared frozen part needs no backward pass.
    """
    recipe = config.recipe
    frozen = sum(s.frozen_depths() for s in stabilizers_of(recipe) if isinstance(s, Freeze))
    removed = recipe.stabilizers.get("remove_layers", {}).get("layers", 0)
    shared = tuple(getattr(recipe, name) for name in SHARED)
    return (config.task, config.data, config.encoder, config.precision, removed, frozen, *shared)


@dataclass(eq=False)
class Member:
    """One run's own state inside a population."""

    config: RunConfig
    total: int  # optimizer steps
    evaluate_at: tuple[int, ...]
    step: int = 0  # optimizer steps taken
    losses: list[float] = field(default_factory=list)  # since the last point of the curve
    curve: dict[str, list] = field(default_factory=lambda: {"step": [], "train_loss": [], "dev_score": []})
    dev_predictions: list = field(default_factory=list)  # at the selected step
    best: dict[str, Any] = field(default_factory=dict)  # select: best_dev: score, step, weights
    unused_rows_factor: float = 1.0  # what weight decay left of word embeddings that the task never uses
    seconds: float = 0.0

    def rate(self) -> float:
        """The scheduled learning rate of the step to come."""
        recipe = self.config.recipe
        return recipe.learning_rate * rate_factor(self.step + 1, total=self.total, warmup=recipe.warmup)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One member's weights at a step."""

    weights: list[Tensor]
    unused_rows_factor: float


class Population:
    """P members: model, optimizer and each member's place in its own schedule and data order.

    Args:
        configs: runs with one `population_key` (the frozen depth and the encoder's seed-dependent parts may differ).
        train: the split to train on; ids are rows of the trained part of the embedding table.
        rows: sorted vocabulary ids that occur in any split; only these embeddings have training state.
    """

    def __init__(
        self,
        configs: Sequence[RunConfig],
        *,
        train: Features,
        rows: np.ndarray,
        task: Task,
        checkpoint: Checkpoint,
        device: torch.device,
    ) -> None:
        recipe = configs[0].recipe
        plans = [depth_plan(config.recipe, checkpoint.architecture.n_layers) for config in configs]
        cut = checkpoint.with_layers(plans[0].n_layers)
        self.device = device
        labels = head_labels(task, recipe.tagging)
        words = task.output == "token_labels"
        self.train = train
        if words and len(labels) < len(task.labels):
            self.train = replace(train, targets=np.array(head_indices(task, recipe.tagging))[train.targets])
        if train.seconds is not None:  # the loss of Sentence-BERT: squared error of the cosine, scores from 0 to 1
            self.train = replace(train, targets=normalize_scores(train.targets, task))
        elif task.is_regression:
            self.train = replace(train, targets=standardize_scores(train.targets, task))
        self.autocast = configs[0].precision == "bfloat16"
        self.model = Classifier(
            cut.architecture,
            members=len(configs),
            outputs=max(1, len(labels)),
            head="words" if words else recipe.head,
            rows=torch.from_numpy(rows),
        )
        for place, config in enumerate(configs):
            self.model.load_member(place, cut, seed=config.seed)
            apply_to_member(config.recipe, self.model, place, seed=config.seed)
        if task.output == "multi_label":
            start_at_base_rates(self.model, self.train.targets)
        self.model.to(device)
        self.optimizer = PopulationAdamW(
            list(self.model.depth_parameters()),
            [
                MemberSettings(
                    scales=plan.scales,
                    weight_decay=config.recipe.weight_decay,
                    clip=config.recipe.clip,
                    bias_correction=config.recipe.bias_correction,
                )
                for config, plan in zip(configs, plans, strict=True)
            ],
            beta1=recipe.beta1,
            beta2=recipe.beta2,
            eps=recipe.eps,
        )
        totals = [total_steps(config.recipe, len(train)) for config in configs]
        self.members = [
            Member(config, total, evaluation_steps(config.recipe.evaluations, total))
            for config, total in zip(configs, totals, strict=True)
        ]
        self._ahead: tuple[list, Any] = ([], None)  # the batches after these, packed while a device was computing

    def step(self, batches: Sequence[np.ndarray] | None = None) -> np.ndarray:
        """One optimizer step of every member; -> (P,) losses before it.

        Args:
            batches: per member, numbers of its sequences; None: each member's next in its own order.
        """
        packing, targets = self._next_batches(batches)
        recipe = self.members[0].config.recipe
        seeds = [seed_for(member.config.seed, "dropout", member.step) for member in self.members]
        dropout = DropoutStream(seeds, recipe.dropout, device=self.device) if recipe.dropout else None
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.autocast):
            outputs = self.model(packing, dropout=dropout)
        losses = member_losses(outputs.float(), targets, packing.present)
        losses.sum().backward()
        rates = [member.rate() for member in self.members]
        self.optimizer.step(rates, [member.step + 1 for member in self.members])
        for member, rate, settings in zip(self.members, rates, self.optimizer.settings, strict=True):
            member.step += 1
            member.unused_rows_factor *= 1.0 - rate * settings.scales[0] * settings.weight_decay
        if self.device.type != "cpu":
            self._ahead = (self._standing(), self._packed([self._batch_of(member) for member in self.members]))
        return losses.detach().cpu().numpy()  # here the device is waited for

    def _next_batches(self, given: Sequence[np.ndarray] | None = None) -> tuple[Packing, Tensor]:
        """Each member's next batch in its own order; -> packing, targets (P, targets) or (P, sequences, labels)."""
        standing, ready = self._ahead
        if given is not None or standing != self._standing():
            ready = self._packed(given or [self._batch_of(member) for member in self.members])
        packing, targets = ready
        return packing.to(self.device), torch.from_numpy(targets).to(self.device)

    def _standing(self) -> list[tuple[str, int]]:
        """Who takes which step next."""
        return [(member.config.id, member.step) for member in self.members]

    def _packed(self, chosen: Sequence[np.ndarray]) -> tuple[Packing, np.ndarray]:
        """A batch of each member, on the CPU: packing, targets."""
        packing = pack_features(self.train, chosen, n_heads=self.model.architecture.n_heads, device=self.device)
        targets = np.zeros((*packing.present.shape, *self.train.targets.shape[1:]), self.train.targets.dtype)
        for place, (own, order) in enumerate(zip(chosen, packing.order, strict=True)):
            wanted = packed_targets(self.train, own, order)
            targets[place, : len(wanted)] = self.train.targets[wanted]
        return packing, targets

    def _batch_of(self, member: Member) -> np.ndarray:
        recipe, n_train = member.config.recipe, len(self.train)
        epoch, place = divmod(member.step, steps_per_epoch(n_train, recipe.batch_size))
        seed = seed_for(member.config.seed, "order", epoch)
        order = np.random.Generator(np.random.SFC64(seed)).permutation(n_train)
        return order[place * recipe.batch_size : (place + 1) * recipe.batch_size]

    def full_words(self, place: int, checkpoint: Checkpoint) -> Tensor:
        """(vocabulary, width): one member's whole word table; rows that the task never uses know weight decay alone."""
        words = checkpoint.weights["embeddings.words"] * self.members[place].unused_rows_factor
        words[self.model.rows.cpu()] = self.model.encoder.named_weights()["embeddings.words"].data[place].cpu()
        return words

    def trained(self, place: int, checkpoint: Checkpoint) -> TrainedWeights:
        """A copy of one member as a model of its own, with the whole table of words."""
        encoder = self.model.member_weights(place, self.full_words(place, checkpoint))
        return TrainedWeights(self.model.architecture, encoder, self.model.head_weights(place))

    def snapshot(self, place: int) -> Snapshot:
        """A copy of one member's parameters, on the CPU."""
        weights = [parameter.data[place].to("cpu", copy=True) for parameter in self.model.parameters()]
        return Snapshot(weights, self.members[place].unused_rows_factor)

    def restore(self, place: int, snapshot: Snapshot) -> None:
        """Puts a snapshot back."""
        for parameter, saved in zip(self.model.parameters(), snapshot.weights, strict=True):
            parameter.data[place].copy_(saved)
        self.members[place].unused_rows_factor = snapshot.unused_rows_factor

    def keep(self, places: Sequence[int]) -> None:
        """Goes on with these members alone."""
        self.members = [self.members[place] for place in places]
        self.model.keep_members(places)
        self.optimizer.keep(places)


def start_at_base_rates(model: Classifier, targets: np.ndarray) -> None:
    """Sets the head's biases so that it begins by giving each label its frequency in train (Lin et al. 2017, focal
    loss, section 3.3). With biases of 0 the first thing learned is that every label is rare, which drives the pooler
    into saturation, and fine-tuning may stay there for hundreds of steps.

    Args:
        targets: (examples, labels) of 0 and 1.
    """
    n = len(targets)
    rates = np.clip(targets.mean(0), 0.5 / n, 1 - 0.5 / n)
    model.head.bias.data.copy_(torch.from_numpy(np.log(rates / (1 - rates)).astype(np.float32)))


def member_losses(outputs: Tensor, targets: Tensor, present: Tensor) -> Tensor:
    """Mean loss of each member's batch over its targets: cross-entropy of labels, squared error of scores, binary
    cross-entropy (mean over labels) of sets of labels.

    Args:
        outputs: (P, targets, outputs) float32.
        targets: (P, targets) int64 labels or float32 scores, or (P, targets, outputs) float32 of 0 and 1.
        present: (P, targets) bool.
    """
    if targets.ndim == 3:
        losses = F.binary_cross_entropy_with_logits(outputs, targets, reduction="none").mean(-1)
    elif targets.is_floating_point():
        losses = (outputs.squeeze(-1) - targets).square()
    else:
        losses = F.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)
    return torch.where(present, losses, 0.0).sum(1) / present.sum(1)
