"""A corpus and a configuration for pretraining an encoder in about two seconds."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from blurbstudy.models import pack
from blurbstudy.pretraining import TrainingOptions, get_objective, pretrain, pretraining_config
from blurbstudy.pretraining.objectives.base import Batch

TINY = {
    "vocab_size": 150,
    "n_layers": 2,
    "width": 32,
    "n_heads": 2,
    "intermediate": 64,
    "max_positions": 48,
    "max_length": 40,
    "batch_size": 8,
    "steps": 60,
    "learning_rate": 5e-3,
    "held_out": 0.1,
    "n_evaluations": 3,
}


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory) -> Path:
    """120 documents, each about one drug; a folder with corpus.jsonl."""
    rng = np.random.default_rng(0)
    drugs = ["zorvatinib", "pelomycin", "kartuzumab", "belfosone"]
    folder = tmp_path_factory.mktemp("corpus")
    with (folder / "corpus.jsonl").open("w") as stream:
        for number in range(120):
            drug = drugs[rng.integers(4)]
            sentences = [
                f"{drug} {verb} qrx{rng.integers(1, 5)}." for verb in rng.permutation(["inhibits", "binds", "blocks"])
            ]
            stream.write(json.dumps({"id": str(number), "title": f"On {drug}", "sentences": sentences}) + "\n")
    return folder


@pytest.fixture(scope="session")
def pretrained_with(tiny_corpus, tmp_path_factory):
    """A function: objective name -> (folder of a pretrained encoder, its record)."""

    @functools.cache
    def pretrain_once(name: str):
        folder = tmp_path_factory.mktemp("encoder")
        corpus = tiny_corpus / "corpus.jsonl"
        objective, config = get_objective(name), pretraining_config(TINY, name)
        return folder, pretrain(
            objective, config, corpus=corpus, out=folder, seed=1, options=TrainingOptions(device="cpu")
        )

    return pretrain_once


@pytest.fixture(scope="session")
def pretrained(pretrained_with):
    """(folder of an encoder pretrained as BERT, its record)."""
    return pretrained_with("bert")


LENGTHS = (17, 30, 9)  # of the sequences of random_batch


def random_batch(n_heads: int, *, seed: int = 0, segments: int = 2, masked=(1, 5, 20, 33, 40)) -> Batch:
    """Three sequences of random ids from 5 to 89, some of them masked."""
    rng = np.random.default_rng(seed)
    sequences = [(rng.integers(5, 90, n), (np.arange(n) > n // 2).astype(np.int64) * (segments - 1)) for n in LENGTHS]
    n = len(masked)
    return Batch.from_packing(
        pack([sequences], n_heads=n_heads),
        torch.tensor(list(masked), dtype=torch.int64),
        labels=torch.from_numpy(rng.integers(5, 90, n)),
        is_next=torch.tensor([1, 0, 1]),
        sampling_noise=torch.from_numpy(rng.random(n, dtype=np.float32)),
    )


def padded_batch(batch: Batch) -> dict[str, torch.Tensor]:
    """A random_batch as input of transformers; rows in the packing's order."""
    out = {name: torch.zeros(3, 30, dtype=torch.int64) for name in ("input_ids", "token_type_ids", "attention_mask")}
    labels, start = torch.full((3, 30), -100), 0
    originals = dict(zip(batch.masked_rows.tolist(), batch.labels.tolist(), strict=True))
    for row, n in enumerate(sorted(LENGTHS, reverse=True)):
        out["input_ids"][row, :n] = batch.packing.ids[0, start : start + n]
        out["token_type_ids"][row, :n] = batch.packing.segments[0, start : start + n]
        out["attention_mask"][row, :n] = 1
        for position in range(n):
            labels[row, position] = originals.get(start + position, -100)
        start += n
    return out | {"labels": labels}
