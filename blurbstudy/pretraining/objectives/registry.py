"""The four pretraining objectives that the study compares.

An objective determines which sequences are made from the corpus, and which model is trained on them with which losses.
To add one, add an entry here and its name to `config.OBJECTIVE_NAMES`; a new kind of model gets its own file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...errors import check_choice
from ...models import Architecture
from ..config import PretrainingConfig
from ..corpus.corpus import TokenizedCorpus
from ..corpus.sequences import Sequences, contiguous_segments, single_sequences, two_segments
from .base import PretrainingModel
from .electra import ReplacedTokenDetection
from .masking import BERT_MASKING, ELECTRA_MASKING, MaskingRatios
from .mlm import MaskedLanguageModel

MakeSequences = Callable[[TokenizedCorpus, np.random.Generator, PretrainingConfig], Sequences]
BuildModel = Callable[[Architecture, PretrainingConfig, int], PretrainingModel]


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One way to learn from unlabeled text."""

    name: str
    title: str  # shown in model cards and tables
    family: str  # of the encoder: bert | electra
    notes: str  # for the model card: which parts of the model were trained and exported
    make_sequences: MakeSequences  # one pass over the corpus
    build_model: BuildModel  # an untrained model from (architecture, config, seed)
    masking: MaskingRatios = BERT_MASKING


def _next_or_random(corpus: TokenizedCorpus, rng: np.random.Generator, config: PretrainingConfig) -> Sequences:
    return two_segments(corpus, rng, max_length=config.max_length, random_next=0.5)


def _contiguous(corpus: TokenizedCorpus, rng: np.random.Generator, config: PretrainingConfig) -> Sequences:
    return contiguous_segments(corpus, rng, max_length=config.max_length)


def _single(corpus: TokenizedCorpus, rng: np.random.Generator, config: PretrainingConfig) -> Sequences:
    return single_sequences(corpus, rng, max_length=config.max_length)


def _electra_sequences(corpus: TokenizedCorpus, rng: np.random.Generator, config: PretrainingConfig) -> Sequences:
    return {1: _single, 2: _contiguous}[config.electra_segments](corpus, rng, config)


def _masked_language_model(*, next_sentence: bool, segments: int) -> BuildModel:
    def build(architecture: Architecture, config: PretrainingConfig, seed: int) -> PretrainingModel:
        return MaskedLanguageModel(architecture, next_sentence=next_sentence, segments=segments, seed=seed)

    return build


def _replaced_token_detection(architecture: Architecture, config: PretrainingConfig, seed: int) -> PretrainingModel:
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
        title="masked language modeling and next-sentence prediction, two segments (BERT)",
        family="bert",
        notes="Next-sentence prediction trained the pooler.",
        make_sequences=_next_or_random,
        build_model=_masked_language_model(next_sentence=True, segments=2),
    ),
    Objective(
        name="no-nsp",
        title="masked language modeling, two contiguous segments (BERT without next-sentence prediction)",
        family="bert",
        notes="The encoder has no pooler, because no objective trained one.",
        make_sequences=_contiguous,
        build_model=_masked_language_model(next_sentence=False, segments=2),
    ),
    Objective(
        name="single-sequence",
        title="masked language modeling, single sequences (BERT without next-sentence prediction and second segment)",
        family="bert",
        notes=(
            "The encoder has no pooler, because no objective trained one. The embedding of segment 1 has its random "
            "initial value."
        ),
        make_sequences=_single,
        build_model=_masked_language_model(next_sentence=False, segments=1),
    ),
    Objective(
        name="electra",
        title="replaced-token detection (ELECTRA)",
        family="electra",
        notes="This is the discriminator without its head. The generator is not included, and there is no pooler.",
        make_sequences=_electra_sequences,
        build_model=_replaced_token_detection,
        masking=ELECTRA_MASKING,
    ),
)
OBJECTIVES = {objective.name: objective for objective in _ALL}


def get_objective(name: str) -> Objective:
    """Return the objective of that name. Raises ParameterError: the name is unknown."""
    check_choice("objective", name, OBJECTIVES)
    return OBJECTIVES[name]
