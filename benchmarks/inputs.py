"""What both systems of a comparison are given: a task's splits as the same sub-words, a recipe, an encoder."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from blurbstudy.config import Recipe, RunConfig
from blurbstudy.models import Architecture, Checkpoint, export_checkpoint, load_checkpoint, random_checkpoint
from blurbstudy.tasks import Example, Task, data_fingerprint, get_task, read_split, read_task
from blurbstudy.tasks.features import Features, tokenize
from blurbstudy.tasks.task import head_labels

DEV = 16  # examples of dev at most: both systems predict it once
SHAPES = {
    "tiny": {"n_layers": 2, "width": 32, "n_heads": 2, "intermediate": 64, "max_positions": 128, "vocab_size": 600},
    "base": {"n_layers": 12, "width": 768, "n_heads": 12, "intermediate": 3072, "vocab_size": 30522},
    "large": {"n_layers": 24, "width": 1024, "n_heads": 16, "intermediate": 4096, "vocab_size": 30522},
}


@dataclass(frozen=True, kw_only=True)
class FinetuningSettings:
    """How runs of one row go. Plain values, so that they can be handed to a process."""

    task: str
    epochs: float
    max_length: int
    share: float = 1.0  # of train and test, drawn once: the same sequences on both systems
    frozen: int = 0  # lowest layers that stay as they are, the embeddings with them
    learning_rate: float = 5e-5
    batch_size: int = 16
    precision: str = "float32"


@dataclass(frozen=True, eq=False, kw_only=True)
class BenchmarkInputs:
    """A row's task, read and tokenized."""

    task: Task
    examples: dict[str, list[Example]]  # by split
    features: dict[str, Features]
    checkpoint: Checkpoint
    tokenizer: Any
    fitting: FinetuningSettings
    fingerprint: str  # of the data

    @property
    def recipe(self) -> Recipe:
        """Of every run; dev is predicted once, at the end."""
        fitting = self.fitting
        return Recipe(
            epochs=fitting.epochs,
            learning_rate=fitting.learning_rate,
            batch_size=fitting.batch_size,
            max_length=fitting.max_length,
            n_evaluations=1,
            stabilizers={"freeze": {"layers": fitting.frozen}} if fitting.frozen else {},
        )

    def config(self, seed: int) -> RunConfig:
        """The run of a seed."""
        return RunConfig(
            task=self.task.name,
            data_fingerprint=self.fingerprint,
            encoder_fingerprint=self.checkpoint.fingerprint,
            recipe=self.recipe,
            seed=seed,
            precision=self.fitting.precision,
        )

    @property
    def steps(self) -> int:
        """Optimizer steps of a run."""
        return math.ceil(self.fitting.epochs * math.ceil(len(self.features["train"]) / self.fitting.batch_size))

    @property
    def shape(self) -> dict[str, Any]:
        """Of the head, as operations.py wants it."""
        labels = head_labels(self.task, self.recipe.tag_scheme)
        return {"outputs": max(1, len(labels)), "pooled": self.task.output != "token_labels"}


def read_inputs(fitting: FinetuningSettings, *, encoder: Path | str, data: Path | str) -> BenchmarkInputs:
    """Reads the task and the encoder."""
    task, checkpoint = get_task(fitting.task), load_checkpoint(encoder)
    fitting = replace(fitting, max_length=min(fitting.max_length, checkpoint.architecture.max_positions))
    examples = read_task(task, data)
    chosen = {
        "train": sampled(examples["train"], fitting.share, multiple=fitting.batch_size),
        "dev": examples["dev"][:DEV],
        "test": sampled(examples["test"], fitting.share),
    }
    tokenizer = checkpoint.tokenizer()
    features = {
        split: tokenize(item, tokenizer, task, max_length=fitting.max_length, segment_ids="pair")
        for split, item in chosen.items()
    }
    return BenchmarkInputs(
        task=task,
        examples=chosen,
        features=features,
        checkpoint=checkpoint,
        tokenizer=tokenizer,
        fitting=fitting,
        fingerprint=data_fingerprint(task, data),
    )


def sampled(examples: list[Example], share: float, *, multiple: int = 1) -> list[Example]:
    """A share of the examples, in file order and the same every time; as many as make whole batches."""
    if share >= 1:
        return examples
    count = min(len(examples), max(1, round(share * len(examples) / multiple)) * multiple)
    return [examples[i] for i in sorted(np.random.default_rng(0).permutation(len(examples))[:count])]


def random_encoder(
    folder: Path, shape: str, *, data: Path | str, tasks: tuple[str, ...], tokenizer: Path | str | None = None
) -> Path:
    """A checkpoint with random weights, made on the spot: what it learns says nothing, how fast it learns does.

    Args:
        shape: a name in SHAPES.
        tasks: whose train texts the vocabulary is made from.
        tokenizer: where a given one lies; then no vocabulary is made.
    """
    from blurbstudy.pretraining.corpus.wordpiece import load_vocabulary, train_vocabulary

    architecture = Architecture(family="bert", **SHAPES[shape])
    if tokenizer is None:
        texts = (" ".join(e.texts) for name in tasks for e in read_split(get_task(name), data, split="train"))
        vocabulary = train_vocabulary(texts, architecture.vocab_size)
    else:
        vocabulary = load_vocabulary(tokenizer)
    weights = random_checkpoint(architecture, seed=1).weights
    return export_checkpoint(weights, architecture, folder=folder, tokenizer=vocabulary)
