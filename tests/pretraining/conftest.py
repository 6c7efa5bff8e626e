"""A corpus and a configuration so small that an encoder is pretrained in about two seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from blurbstudy.pretraining import get_objective, pretrain, pretraining_config

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
def pretrained(tiny_corpus, tmp_path_factory):
    """(folder of a pretrained encoder, what its pretraining was)."""
    folder = tmp_path_factory.mktemp("encoder")
    config = pretraining_config(TINY)
    done = pretrain(
        get_objective("bert"), config, corpus=tiny_corpus / "corpus.jsonl", out=folder, seed=1, device="cpu"
    )
    return folder, done
