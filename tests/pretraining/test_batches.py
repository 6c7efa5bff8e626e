"""Batches: their size in tokens, reproducibility after resuming, independent masks and samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from blurbstudy.pretraining import OBJECTIVES, get_objective, pretraining_config
from blurbstudy.pretraining.batches import Batches
from blurbstudy.pretraining.corpus.corpus import TokenizedCorpus, as_corpus
from blurbstudy.pretraining.corpus.prepared_corpus import prepare_corpus
from blurbstudy.pretraining.objectives.masking import Vocabulary

from .conftest import TINY

SPECIAL = np.arange(90) < 5
VOCABULARY = Vocabulary(90, 4, SPECIAL, np.arange(90) >= 60)


@pytest.fixture(scope="module")
def corpus() -> TokenizedCorpus:
    """300 documents of 2 to 12 sentences of 3 to 12 tokens."""
    rng = np.random.default_rng(5)
    counts = rng.integers(2, 13, size=300)
    sentences = np.concatenate([[0], np.cumsum(rng.integers(3, 13, size=counts.sum()))])
    tokens = rng.integers(5, 90, size=sentences[-1]).astype(np.int32)
    return TokenizedCorpus(tokens, sentences, np.concatenate([[0], np.cumsum(counts)]))


def make_batches(corpus, name="bert", seed=1, **changes) -> Batches:
    config = pretraining_config(TINY | changes)
    return Batches(
        corpus, objective=get_objective(name), config=config, vocabulary=VOCABULARY, special=(2, 3), seed=seed
    )


def first_batches(batches: Batches, count: int, done: int = 0) -> list:
    return [batch for batch, _ in zip(batches.training_batches(done=done), range(count), strict=False)]


def same(first, second) -> bool:
    fields = ("masked_rows", "labels", "is_next", "sampling_noise")
    return torch.equal(first.packing.ids, second.packing.ids) and all(
        torch.equal(getattr(first, name), getattr(second, name)) for name in fields
    )


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_respects_the_token_budget(corpus, name):
    steps, budget = 120, 200  # several passes over the corpus
    tokens = [
        batch.packing.counts[0] for batch in first_batches(make_batches(corpus, name, batch_tokens=budget), steps)
    ]
    assert max(abs(n - budget) for n in tokens) <= TINY["max_length"]
    assert abs(sum(tokens) - steps * budget) < 0.01 * steps * budget


def test_without_a_token_budget_a_batch_has_batch_size_sequences(corpus):
    batches = first_batches(make_batches(corpus, batch_size=8), 100)
    assert {batch.packing.sequences for batch in batches} == {8}


@pytest.mark.parametrize("changes", [{"batch_tokens": 100_000_000}, {"batch_size": 65536}])
def test_a_batch_larger_than_the_corpus_is_one_epoch(corpus, changes):
    first, second = first_batches(make_batches(corpus, "no-nsp", **changes), 2)
    assert first.packing.tokens > 0.8 * len(corpus.tokens)
    assert not same(first, second)


def test_batches_after_resuming_equal_those_of_an_uninterrupted_run(corpus):
    uninterrupted = first_batches(make_batches(corpus, "electra", batch_tokens=200), 110)
    for done in (1, 40, 100):
        rest = first_batches(make_batches(corpus, "electra", batch_tokens=200), 5, done=done)
        assert all(same(first, second) for first, second in zip(uninterrupted[done : done + 5], rest, strict=True))


def test_a_known_epoch_avoids_recomputing_earlier_ones(corpus):
    uninterrupted = make_batches(corpus, batch_tokens=2000)
    steps = [batch for _, batch in zip(range(40), uninterrupted.training_batches(), strict=False)]
    assert uninterrupted.epoch > 2 and 0 < uninterrupted.epoch_began < 40
    rest = make_batches(corpus, batch_tokens=2000)
    make, epochs = rest.objective.make_sequences, []
    rest.objective = replace(rest.objective, make_sequences=lambda *args: epochs.append(1) or make(*args))
    last = next(rest.training_batches(done=39, epoch=uninterrupted.epoch, epoch_began=uninterrupted.epoch_began))
    assert same(last, steps[39]) and len(epochs) == 1


def test_two_steps_and_two_seeds_mask_and_sample_differently(corpus):
    (first, second), (reseeded, _) = (
        first_batches(make_batches(corpus), 2),
        first_batches(make_batches(corpus, seed=2), 2),
    )
    for batch in (second, reseeded):
        assert not torch.equal(first.masked_rows, batch.masked_rows)
        assert not set(first.sampling_noise.tolist()) & set(batch.sampling_noise.tolist())


def test_evaluation_batches_are_the_same_at_every_call(corpus):
    batches = make_batches(corpus, "electra")
    first, second = batches.evaluation_batches(20), batches.evaluation_batches(20)
    assert sum(batch.packing.sequences for batch in first) == 20
    assert all(same(first, second) for first, second in zip(first, second, strict=True))


def test_evaluation_batches_are_sampled_from_all_documents(corpus):
    half = corpus.sentences[corpus.documents[150]]
    tokens = np.where(np.arange(len(corpus.tokens)) < half, 10, 50).astype(np.int32)
    batches = make_batches(TokenizedCorpus(tokens, corpus.sentences, corpus.documents), "single-sequence")
    shares = [
        (batch.packing.ids == 50).sum() / (batch.packing.ids > 4).sum() for batch in batches.evaluation_batches(64)
    ]
    assert 0.25 < np.mean(shares) < 0.75


def test_evaluation_batches_are_masked_alike_for_every_objective(corpus):
    """ELECTRA's masking uses no random tokens; BERT's uses 10%."""
    for name in OBJECTIVES:
        batches = make_batches(corpus, name, mask_rate=0.5, batch_size=64)
        for held_out, sample in ((True, batches.evaluation_batches(64)), (False, first_batches(batches, 4))):
            inputs = torch.cat([batch.packing.ids[0, batch.masked_rows] for batch in sample])
            labels = torch.cat([batch.labels for batch in sample])
            random = float(((inputs != 4) & (inputs != labels)).float().mean())
            expected = 0.1 if held_out or name != "electra" else 0.0
            assert abs(random - expected) < 4 * (expected * (1 - expected) / len(inputs)) ** 0.5 + 0.003


@pytest.mark.parametrize("name", ["single-sequence", "electra"])
def test_single_sequences_have_segment_0_throughout(corpus, name):
    for batch in first_batches(make_batches(corpus, name, electra_segments=1), 20):
        assert not batch.packing.segments.any()
        assert (batch.packing.ids == 3).sum() >= batch.packing.sequences  # each ends with [SEP]


def test_special_tokens_are_never_masked(corpus):
    for batch in first_batches(make_batches(corpus, "no-nsp", mask_rate=0.5), 20):
        assert (batch.labels >= 5).all()


def test_at_the_mini_scale_the_other_objectives_see_as_many_tokens_as_bert(mini_data):
    """BERT's batches have 12 sequences of any length; the token budget of the others is the mean of these."""
    config = pretraining_config("mini", "bert")
    text = prepare_corpus(as_corpus(mini_data / "corpus.jsonl"), vocabulary=config.vocab_size, held_out=config.held_out)
    passes = [
        get_objective("bert").make_sequences(text.train, np.random.default_rng(seed), config).ranges
        for seed in range(4)
    ]
    a, b, c, d = np.concatenate(passes).T
    tokens = config.steps * config.batch_size * np.mean(b - a + d - c + 3)
    for name in OBJECTIVES:
        objective_config = pretraining_config("mini", name)
        assert objective_config.steps == config.steps and objective_config.vocab_size == config.vocab_size
        if name != "bert":
            assert objective_config.steps * objective_config.batch_tokens == pytest.approx(tokens, rel=0.01)
