"""A population: runs of one architecture on one task, trained together with stacked parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from ..config import Recipe, RunConfig, fold_of
from ..models import Checkpoint, Classifier, DropoutStream, FinetunedWeights, PackedBatch, seed_for
from ..models.auto.introspection import WORD_EMBEDDINGS
from ..stabilizers import Freeze, depth_plan, stabilizers_of
from ..tasks import Task
from ..tasks.features import Features
from ..tasks.task import head_indices, head_labels, normalize_scores, standardize_scores
from .class_weights import class_weights
from .decoding import EVALUATION_TOKENS, evaluation_groups
from .evaluation import Evaluation, pack_features, packed_targets
from .losses import MAX_LOSS_SEQUENCES, constant_loss, evenly_spaced, loss_settings, member_losses, target_weights
from .optimizer import MemberHyperparameters, PopulationAdamW
from .schedule import evaluation_steps, lr_factor, steps_per_epoch, total_steps

MIN_LOSS_TOKENS = 512  # per batch and member, when final losses are measured

# Recipe fields that all members of a population share; the other fields may differ between members.
SHARED_FIELDS = (
    "batch_size",
    "dropout",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "max_length",
    "tag_scheme",
    "segment_ids",
    "head",
    "train_on_dev",
)


def population_key(config: RunConfig) -> tuple[object, ...]:
    """Runs with equal keys can share a population.

    The frozen depth is part of the key only for speed: frozen layers that all members share need no backward pass.
    """
    recipe = config.recipe
    frozen = sum(s.frozen_depths() for s in stabilizers_of(recipe) if isinstance(s, Freeze))
    removed = recipe.stabilizers.get("remove_layers", {}).get("layers", 0)
    shared = tuple(getattr(recipe, name) for name in SHARED_FIELDS)
    identity = (config.task, config.data_fingerprint, config.encoder_fingerprint, config.precision)
    draw = config.seed if config.train_share < 1 else None  # a subset of train is of one seed
    return (*identity, removed, frozen, *shared, *fold_of(config), config.train_share, draw)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One member's weights at a step."""

    weights: list[Tensor]
    untrained_embedding_decay: float


@dataclass(frozen=True, eq=False)
class BestEvaluation:
    """The evaluation with the best dev score so far."""

    score: float
    step: int
    dev: Evaluation
    snapshot: Snapshot


@dataclass(eq=False)
class Member:
    """The state of one run of a population."""

    config: RunConfig
    total_steps: int  # optimizer steps
    evaluate_at: tuple[int, ...]  # steps after which dev is scored
    constant_loss: float  # of the best constant output, on the targets of `final_loss`
    step: int = 0  # optimizer steps taken
    losses: list[float] = field(default_factory=list)  # since the last point of the curve
    curve: dict[str, list] = field(default_factory=lambda: {"step": [], "train_loss": [], "dev_score": []})
    last_dev: Evaluation | None = None  # of the last evaluation
    best: BestEvaluation | None = None  # with checkpoint_selection: best_dev
    evaluations_since_best: int = 0
    final_loss: float | None = None  # of the last step's weights
    untrained_embedding_decay: float = 1.0  # accumulated weight decay of word embeddings that the task never uses
    seconds: float = 0.0

    def learning_rate(self) -> float:
        recipe = self.config.recipe
        return recipe.learning_rate * lr_factor(self.step + 1, total=self.total_steps, warmup=recipe.warmup_ratio)

    @property
    def is_complete(self) -> bool:
        """Whether the last step is taken: of the schedule, or of the patience (transformers' EarlyStoppingCallback)."""
        patience = self.config.recipe.early_stopping
        return self.step == self.total_steps or 0 < patience <= self.evaluations_since_best

    @property
    def selected_dev(self) -> Evaluation | None:
        """The evaluation on dev of the weights that the recipe selects."""
        return self.best.dev if self.best else self.last_dev


class Population:
    """P members: model, optimizer, and each member's position in its own schedule and data order.

    Args:
        configs: runs with one `population_key` (the frozen depth may differ).
        train: the split to train on; ids are indices of `rows`.
        n_scheduled: number of sequences by which epochs are turned into steps; None: that of `train`.
        rows: sorted vocabulary ids that occur in any split; only their embeddings are trained.
    """

    def __init__(
        self,
        configs: Sequence[RunConfig],
        *,
        train: Features,
        n_scheduled: int | None = None,
        rows: np.ndarray,
        task: Task,
        checkpoint: Checkpoint,
        device: torch.device,
    ) -> None:
        recipe = configs[0].recipe
        plans = [depth_plan(config.recipe, checkpoint.architecture.n_layers) for config in configs]
        checkpoint = checkpoint.with_layers(plans[0].n_layers)
        self.device = device
        labels = head_labels(task, recipe.tag_scheme)
        is_tagging = task.output == "token_labels"
        self.train = train
        if is_tagging and len(labels) < len(task.labels):
            self.train = replace(train, targets=np.array(head_indices(task, recipe.tag_scheme))[train.targets])
        if train.second_lengths is not None:  # Sentence-BERT's loss: squared error of the cosine, scores from 0 to 1
            self.train = replace(train, targets=normalize_scores(train.targets, task))
        elif task.is_regression:
            self.train = replace(train, targets=standardize_scores(train.targets, task))
        # The sequences (sentences of tags: their windows) on which final losses are measured.
        self.loss_sequences = evenly_spaced(len(train), MAX_LOSS_SEQUENCES)
        loss_targets = self.train.targets[np.concatenate([self.train.targets_of(i) for i in self.loss_sequences])]
        self.autocast = configs[0].precision == "bfloat16"
        self.model = Classifier(
            checkpoint.architecture,
            members=len(configs),
            outputs=max(1, len(labels)),
            head="token" if is_tagging else recipe.head,
            rows=torch.from_numpy(rows),
        )
        for index, config in enumerate(configs):
            self.model.load_member(index, checkpoint, seed=config.seed)
            apply_to_member(config.recipe, self.model, index, seed=config.seed)
            if config.recipe.center_scores and task.is_regression and train.second_lengths is None:
                assert self.model.head is not None
                self.model.head.bias.data[index] = float(self.train.targets.mean())  # what a constant predicts best
        weights = [class_weights(config.recipe, task, self.train.targets) for config in configs]
        gammas = [config.recipe.focal_gamma for config in configs]
        self.loss_settings = loss_settings(weights, gammas, outputs=self.model.outputs, device=device)
        if task.output == "multi_label":
            init_bias_to_label_frequency(self.model, self.train.targets, self.loss_settings.weights)
        self.model.to(device)
        self.optimizer = PopulationAdamW(
            list(self.model.depth_parameters()),
            [
                MemberHyperparameters(
                    lr_scales=plan.lr_scales,
                    weight_decay=config.recipe.weight_decay,
                    max_grad_norm=config.recipe.max_grad_norm,
                    bias_correction=config.recipe.bias_correction,
                )
                for config, plan in zip(configs, plans, strict=True)
            ],
            beta1=recipe.adam_beta1,
            beta2=recipe.adam_beta2,
            eps=recipe.adam_epsilon,
        )
        totals = [total_steps(config.recipe, n_scheduled or len(train)) for config in configs]
        constants = [constant_loss(loss_targets, weights=w, gamma=g) for w, g in zip(weights, gammas, strict=True)]
        self.members = [
            Member(config, total, evaluation_steps(config.recipe.n_evaluations, total), constant)
            for config, total, constant in zip(configs, totals, constants, strict=True)
        ]
        # The next batches, packed while a device computes, and the steps that they are for.
        self._prefetched: tuple[list[tuple[str, int]], tuple[PackedBatch, np.ndarray]] | None = None

    def step(self, batches: Sequence[np.ndarray] | None = None) -> np.ndarray:
        """One optimizer step of every member; -> (P,) losses before it.
        `batches`: per member, indices of its sequences; None: each member's next batch in its own order.
        """
        batch, targets = self._next_batches(batches)
        recipe = self.members[0].config.recipe
        seeds = [seed_for(member.config.seed, "dropout", member.step) for member in self.members]
        dropout = DropoutStream(seeds, recipe.dropout, device=self.device) if recipe.dropout else None
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.autocast):
            outputs = self.model(batch, dropout=dropout)
        losses = member_losses(outputs.float(), targets, batch.target_mask, self.loss_settings)
        losses.sum().backward()
        learning_rates = [member.learning_rate() for member in self.members]
        self.optimizer.step(learning_rates, [member.step + 1 for member in self.members])
        for member, rate, settings in zip(self.members, learning_rates, self.optimizer.hyperparameters, strict=True):
            member.step += 1
            member.untrained_embedding_decay *= 1.0 - rate * settings.lr_scales[0] * settings.weight_decay
        if self.device.type != "cpu":
            self._prefetched = self._next_steps(), self._pack([self._indices_of(member) for member in self.members])
        return losses.detach().cpu().numpy()  # waits for the device

    @torch.no_grad()
    def final_losses(self, indices: Sequence[int]) -> np.ndarray:
        """Mean task loss of some members on `loss_sequences`, without dropout; -> (indices,) float64."""
        losses, counts = [], []
        settings = self.loss_settings.select(indices)
        tokens = max(MIN_LOSS_TOKENS, EVALUATION_TOKENS // len(indices))  # more do not fit the caches of a CPU
        with self.model.select_members(indices) as model:
            for group in evaluation_groups(self.train, self.loss_sequences, max_tokens=tokens):
                packed, targets = self._pack([np.array(group)] * len(indices))
                batch = packed.to(self.device)
                with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.autocast):
                    outputs = model(batch)
                expected = torch.from_numpy(targets).to(self.device)
                losses.append(member_losses(outputs.float(), expected, batch.target_mask, settings))
                counts.append(target_weights(expected, batch.target_mask, settings).sum(1))
        means, weights = (torch.stack(values).cpu().double().numpy() for values in (losses, counts))
        return np.average(means, axis=0, weights=weights)

    def _next_batches(self, indices: Sequence[np.ndarray] | None = None) -> tuple[PackedBatch, Tensor]:
        """The members' batches on the device; -> batch, targets (P, targets) or (P, sequences, labels)."""
        if indices is None and self._prefetched is not None and self._prefetched[0] == self._next_steps():
            batch, targets = self._prefetched[1]
        else:
            batch, targets = self._pack(indices or [self._indices_of(member) for member in self.members])
        return batch.to(self.device), torch.from_numpy(targets).to(self.device)

    def _next_steps(self) -> list[tuple[str, int]]:
        return [(member.config.id, member.step) for member in self.members]

    def _pack(self, indices: Sequence[np.ndarray]) -> tuple[PackedBatch, np.ndarray]:
        """A batch of each member, on the CPU: batch, targets."""
        n_heads = self.model.architecture.n_heads
        batch = pack_features(self.train, indices, n_heads=n_heads, device=self.device)  # type: ignore[arg-type]
        targets = np.zeros((*batch.target_mask.shape, *self.train.targets.shape[1:]), self.train.targets.dtype)
        for index, (sequences, order) in enumerate(zip(indices, batch.order, strict=True)):
            target_indices = packed_targets(self.train, sequences, order)  # type: ignore[arg-type]
            targets[index, : len(target_indices)] = self.train.targets[target_indices]
        return batch, targets

    def _indices_of(self, member: Member) -> np.ndarray:
        recipe, n_train = member.config.recipe, len(self.train)
        epoch, batch = divmod(member.step, steps_per_epoch(n_train, recipe.batch_size))
        seed = seed_for(member.config.seed, "order", epoch)
        order = np.random.Generator(np.random.SFC64(seed)).permutation(n_train)
        return order[batch * recipe.batch_size : (batch + 1) * recipe.batch_size]

    def full_word_embeddings(self, index: int, checkpoint: Checkpoint) -> Tensor:
        """(vocabulary, width): all word embeddings of a member; those that the task never uses have only decayed."""
        table = checkpoint.weights[WORD_EMBEDDINGS] * self.members[index].untrained_embedding_decay
        assert self.model.rows is not None
        table[self.model.rows.cpu()] = self.model.encoder.named_weights()[WORD_EMBEDDINGS].data[index].cpu()
        return table

    def finetuned_weights(self, index: int, checkpoint: Checkpoint) -> FinetunedWeights:
        """A copy of one member's weights, with all word embeddings."""
        encoder = self.model.member_weights(index, self.full_word_embeddings(index, checkpoint))
        return FinetunedWeights(self.model.architecture, encoder, self.model.head_weights(index))

    def snapshot(self, index: int) -> Snapshot:
        """A copy of one member's parameters, on the CPU."""
        weights = [parameter.data[index].to("cpu", copy=True) for parameter in self.model.parameters()]
        return Snapshot(weights, self.members[index].untrained_embedding_decay)

    def restore(self, index: int, snapshot: Snapshot) -> None:
        """Sets one member's parameters to a snapshot."""
        for parameter, saved in zip(self.model.parameters(), snapshot.weights, strict=True):
            parameter.data[index].copy_(saved)
        self.members[index].untrained_embedding_decay = snapshot.untrained_embedding_decay

    def keep(self, indices: Sequence[int]) -> None:
        self.members = [self.members[index] for index in indices]
        self.model.keep_members(indices)
        self.optimizer.keep(indices)
        self.loss_settings = self.loss_settings.select(indices)


def init_bias_to_label_frequency(model: Classifier, targets: np.ndarray, weights: Tensor | None) -> None:
    """Sets the head's biases so that its initial probability of each label is the label's frequency in train (Lin et
    al. 2017, focal loss, section 3.3), weighted as in the loss. With biases of 0, the first thing learned is that all
    labels are rare, which saturates the pooler, and fine-tuning may stall for hundreds of steps.

    Args:
        targets: (examples, labels) of 0 and 1.
        weights: (P, labels) of a label's presence, or None.
    """
    n = len(targets)
    frequencies = np.clip(targets.mean(0), 0.5 / n, 1 - 0.5 / n)
    assert model.head is not None
    model.head.bias.data.copy_(torch.from_numpy(np.log(frequencies / (1 - frequencies)).astype(np.float32)))
    if weights is not None:
        model.head.bias.data += weights.log().cpu()


def apply_to_member(recipe: Recipe, model: Classifier, member: int, *, seed: int) -> None:
    """Applies the recipe's techniques to one member's initial weights (layers are already removed from the model)."""
    for stabilizer in stabilizers_of(recipe):
        generator = torch.Generator().manual_seed(seed_for(seed, stabilizer.name))
        stabilizer.on_weights(model, member, generator)
