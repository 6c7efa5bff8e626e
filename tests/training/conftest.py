"""A tiny encoder and invented sequences for tests of training."""

from dataclasses import replace

import numpy as np
import pytest

from blurbstudy.config import Recipe, RunConfig
from blurbstudy.models import Architecture, load_checkpoint, random_checkpoint
from blurbstudy.tasks import get_task
from blurbstudy.tasks.features import Features

VOCABULARY = 80
SIZES = {"train": 40, "dev": 16, "test": 20}
ARCHITECTURE = Architecture(
    family="bert", vocab_size=VOCABULARY, n_layers=3, width=32, n_heads=4, intermediate=64, max_positions=48
)


def make_split(n: int, seed: int, *, classes: int) -> Features:
    """Sequences of 4 to 30 tokens whose target depends on the tokens they hold."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(4, 31, n)
    signal = rng.random(n)  # share of a sequence's tokens that come from the upper half of its few words
    upper = [rng.random(length - 1) < share for length, share in zip(lengths, signal, strict=True)]
    ids = [np.concatenate([[2], rng.integers(5, 9, len(item)) + 40 * item]) for item in upper]
    targets = (signal > np.median(signal)).astype(np.int64) if classes else (4 * signal).astype(np.float32)
    segments = [(np.arange(length) > length // 2).astype(np.uint8) for length in lengths]
    return Features(
        ids=np.concatenate(ids).astype(np.int32),
        segments=np.concatenate(segments),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        targets=targets,
    )


def make_features(task: str) -> dict[str, Features]:
    classes = len(get_task(task).labels)
    return {split: make_split(n, index, classes=classes) for index, (split, n) in enumerate(SIZES.items())}


def make_tagged(n: int, seed: int) -> Features:
    """Sentences of 2 to 12 words of one or two sub-words each; a word's first sub-word tells its tag."""
    rng = np.random.default_rng(seed)
    ids, indices, targets, offsets, examples = [], [], [], [0], [0]
    for _ in range(n):
        ids.append(2)
        before = 0
        for _ in range(rng.integers(2, 13)):
            tag = int(rng.choice([0, 0, 1, 2])) if before else int(rng.choice([0, 1]))
            before = tag
            indices.append(len(ids))
            targets.append(tag)
            ids += [10 + 20 * tag + rng.integers(0, 5), *rng.integers(5, 9, rng.integers(0, 2))]
        ids.append(3)
        offsets.append(len(ids))
        examples.append(len(targets))
    return Features(
        ids=np.array(ids, np.int32),
        segments=np.zeros(len(ids), np.uint8),
        offsets=np.array(offsets),
        targets=np.array(targets),
        word_starts=np.array(indices),
        examples=np.array(examples),
    )


def make_documents(n: int, seed: int) -> Features:
    """Documents whose every label shows as a token of its own."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((n, len(get_task("HoC").labels))) < 0.2).astype(np.float32)
    texts = [
        np.concatenate([[2], rng.permutation(np.concatenate([30 + np.flatnonzero(row), rng.integers(5, 15, 3)]))])
        for row in targets
    ]
    lengths = [len(text) for text in texts]
    return Features(
        ids=np.concatenate(texts).astype(np.int32),
        segments=np.zeros(sum(lengths), np.uint8),
        offsets=np.cumsum([0, *lengths]),
        targets=targets,
    )


@pytest.fixture(scope="session")
def tagged():
    return {split: make_tagged(n, index) for index, (split, n) in enumerate(SIZES.items())}


@pytest.fixture(scope="session")
def documents():
    return {split: make_documents(4 * n, index) for index, (split, n) in enumerate(SIZES.items())}


@pytest.fixture(scope="session")
def checkpoint():
    return random_checkpoint(ARCHITECTURE, seed=1)


@pytest.fixture(scope="session")
def roberta():
    """The same shape as RoBERTa has it: one segment."""
    return random_checkpoint(replace(ARCHITECTURE, family="roberta", n_segments=1, norm_eps=1e-5, pad_id=1), seed=1)


@pytest.fixture(scope="session")
def modernbert(make_base, tmp_path_factory):
    """One that only transformers has a module for, and whose layers differ in what they attend to."""
    return saved(make_base("modernbert", vocab_size=VOCABULARY, max_position_embeddings=48), tmp_path_factory)


@pytest.fixture(scope="session")
def deberta(make_base, tmp_path_factory):
    """Another, whose layers share a table of relative positions."""
    return saved(make_base("deberta-v2", vocab_size=VOCABULARY, max_position_embeddings=48), tmp_path_factory)


def saved(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoder")
    model.save_pretrained(folder)
    return load_checkpoint(folder)


@pytest.fixture(scope="session")
def similarity():
    return make_features("BIOSSES")


@pytest.fixture(scope="session")
def question():
    return make_features("BioASQ")


@pytest.fixture
def make_config():
    def make(seed: int = 1, *, task: str = "BIOSSES", precision: str = "float32", **recipe) -> RunConfig:
        settings = dict(epochs=4, learning_rate=1e-3, batch_size=8, max_length=48, n_evaluations=4) | recipe
        return RunConfig(
            task=task,
            data_fingerprint="d",
            encoder_fingerprint="e",
            recipe=Recipe(**settings),
            seed=seed,
            precision=precision,
        )

    return make
