"""A corpus and a configuration so small that an encoder is pretrained in about two seconds."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from blurbstudy.models import pack
from blurbstudy.pretraining import Conduct, get_objective, pretrain, pretraining_config
from blurbstudy.pretraining.objectives.base import Batch

TINY = {
    "vocab_size": 150, "n_layers": 2, "width": 32, "n_heads": 2, "intermediate": 64, "max_positions": 48,
    "max_length": 40, "batch_size": 8, "steps": 60, "learning_rate": 5e-3, "held_out": 0.1, "evaluations": 3,
}  # fmt: skip


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
    """By an objective's name: (folder of a pretrained encoder, what its pretraining was)."""

    @functools.cache
    def made(name: str):
        folder = tmp_path_factory.mktemp("encoder")
        corpus = tiny_corpus / "corpus.jsonl"
        objective, config = get_objective(name), pretraining_config(TINY, name)
        return folder, pretrain(objective, config, corpus=corpus, out=folder, seed=1, conduct=Conduct(device="cpu"))

    return made


@pytest.fixture(scope="session")
def pretrained(pretrained_with):
    """(folder of an encoder pretrained as BERT, what its pretraining was)."""
    return pretrained_with("bert")


LENGTHS = (17, 30, 9)  # of an invented batch's sequences, whose ids are 5 to 89


def invented_batch(n_heads: int, *, seed: int = 0, segments: int = 2, asked=(1, 5, 20, 33, 40)) -> Batch:
    """Three sequences of random words, some of which are asked for."""
    rng = np.random.default_rng(seed)
    sequences = [(rng.integers(5, 90, n), (np.arange(n) > n // 2).astype(np.int64) * (segments - 1)) for n in LENGTHS]
    n = len(asked)
    return Batch.of(
        pack([sequences], n_heads=n_heads),
        torch.tensor(list(asked), dtype=torch.int64),
        answers=torch.from_numpy(rng.integers(5, 90, n)),
        is_next=torch.tensor([1, 0, 1]),
        draws=torch.from_numpy(rng.random(n, dtype=np.float32)),
    )


def padded_batch(batch: Batch) -> dict[str, torch.Tensor]:
    """An invented batch as transformers takes it; rows in the packing's order."""
    out = {name: torch.zeros(3, 30, dtype=torch.int64) for name in ("input_ids", "token_type_ids", "attention_mask")}
    labels, start = torch.full((3, 30), -100), 0
    answers = dict(zip(batch.positions.tolist(), batch.answers.tolist(), strict=True))
    for row, n in enumerate(sorted(LENGTHS, reverse=True)):
        out["input_ids"][row, :n] = batch.packing.ids[0, start : start + n]
        out["token_type_ids"][row, :n] = batch.packing.segments[0, start : start + n]
        out["attention_mask"][row, :n] = 1
        for place in range(n):
            labels[row, place] = answers.get(start + place, -100)
        start += n
    return out | {"labels": labels}
