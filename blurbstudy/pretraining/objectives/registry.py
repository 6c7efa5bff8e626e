"""What is learned from unlabeled text: the four objectives of the study's pretraining ladder.

An objective says which sequences are cut from the corpus and which model, with its losses, is trained on them. A new
one is an entry here and a name in settings.OBJECTIVE_NAMES; its model, where it needs another, is a file of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...errors import ParameterError
from ...models import Architecture
from ..config import PretrainingConfig
from ..corpus.corpus import TokenizedCorpus
from ..corpus.sequences import Sequences, contiguous_segments, single_sequences, two_segments
from .base import PretrainingModel
from .electra import ReplacedTokenDetection
from .masking import BERT_SHOWS, ELECTRA_SHOWS, Shown
from .mlm import MaskedLanguageModel

Cut = Callable[[TokenizedCorpus, np.random.Generator, PretrainingConfig], Sequences]
Build = Callable[[Architecture, PretrainingConfig, int], PretrainingModel]


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One way to learn from unlabeled text."""

    name: str
    title: str  # for people
    family: str  # of the encoder: bert | electra
    leaves: str  # for people: what a user of the encoder must know of the parts beside it
    cut: Cut  # one pass over the corpus
    build: Build  # an untrained model, from a seed
    shown: Shown = BERT_SHOWS  # what masked words show

    def sequences(self, corpus: TokenizedCorpus, rng: np.random.Generator, *, config: PretrainingConfig) -> Sequences:
        """One pass over the corpus."""
        return self.cut(corpus, rng, config)

    def model(self, architecture: Architecture, *, config: PretrainingConfig, seed: int) -> PretrainingModel:
        """An untrained model."""
        return self.build(architecture, config, seed)


def _next_or_random(corpus: TokenizedCorpus, rng: np.random.Generator, config: PretrainingConfig) -> Sequences:
    return two_segments(corpus, rng, max_length=config.max_length, random_next=0.5)


def _contiguous(corpus: TokenizedCorpus, rng: np.random.Generator, config: PretrainingConfig) -> Sequences:
    return contiguous_segments(corpus, rng, max_length=config.max_length)


def _single(corpus: TokenizedCorpus, rng: np.random.Generator, config: PretrainingConfig) -> Sequences:
    return single_sequences(corpus, rng, max_length=config.max_length)


def _electra_cut(corpus: TokenizedCorpus, rng: np.random.Generator, config: PretrainingConfig) -> Sequences:
    return {1: _single, 2: _contiguous}[config.electra_segments](corpus, rng, config)


def _masked_words(*, next_sentence: bool, segments: int) -> Build:
    def build(architecture: Architecture, config: PretrainingConfig, seed: int) -> PretrainingModel:
        return MaskedLanguageModel(architecture, next_sentence=next_sentence, segments=segments, seed=seed)

    return build


def _replaced_words(architecture: Architecture, config: PretrainingConfig, seed: int) -> PretrainingModel:
    return ReplacedTokenDetection(
        architecture,
        generator_size=config.generator_size,
        weight=config.discriminator_weight,
        segments=config.electra_segments,
        seed=seed,
    )


_ALL = (
    Objective(
        name="bert",
        title="masked words and next sentence, two segments (BERT)",
        family="bert",
        leaves="Next-sentence prediction trained its pooler.",
        cut=_next_or_random,
        build=_masked_words(next_sentence=True, segments=2),
    ),
    Objective(
        name="no-nsp",
        title="masked words, two contiguous segments (BERT without next sentence)",
        family="bert",
        leaves="It has no pooler: nothing trained one.",
        cut=_contiguous,
        build=_masked_words(next_sentence=False, segments=2),
    ),
    Objective(
        name="single-sequence",
        title="masked words, single sequences (BERT without next sentence and without a second segment)",
        family="bert",
        leaves="It has no pooler: nothing trained one. Its embedding of segment 1 is as it was drawn at the start.",
        cut=_single,
        build=_masked_words(next_sentence=False, segments=1),
    ),
    Objective(
        name="electra",
        title="replaced words, found by a discriminator (ELECTRA)",
        family="electra",
        leaves="It is the discriminator: its generator and both heads were left behind, and it has no pooler.",
        cut=_electra_cut,
        build=_replaced_words,
        shown=ELECTRA_SHOWS,
    ),
)
OBJECTIVES = {objective.name: objective for objective in _ALL}


def get_objective(name: str) -> Objective:
    """The objective of that name.

    Raises:
        ParameterError: there is none.
    """
    if name not in OBJECTIVES:
        raise ParameterError(f"objective={name!r} is unknown; use {' or '.join(OBJECTIVES)}")
    return OBJECTIVES[name]
