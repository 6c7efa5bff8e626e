"""Batches: as many tokens as asked for, the same after any history, masks and samples of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from blurbstudy.pretraining import OBJECTIVES, get_objective, pretraining_config
from blurbstudy.pretraining.batches import Batches
from blurbstudy.pretraining.corpus.corpus import TokenizedCorpus, as_corpus
from blurbstudy.pretraining.corpus.prepared_corpus import prepared_text
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


def made(corpus, name="bert", seed=1, **changes) -> Batches:
    config = pretraining_config(TINY | changes)
    return Batches(
        corpus, objective=get_objective(name), config=config, vocabulary=VOCABULARY, special=(2, 3), seed=seed
    )


def taken(batches: Batches, count: int, done: int = 0) -> list:
    return [batch for batch, _ in zip(batches.training(done=done), range(count), strict=False)]


def same(one, other) -> bool:
    fields = ("positions", "answers", "is_next", "draws")
    return torch.equal(one.packing.ids, other.packing.ids) and all(
        torch.equal(getattr(one, name), getattr(other, name)) for name in fields
    )


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_token_budget_is_kept_by_every_objective(corpus, name):
    steps, wanted = 120, 200  # several passes over the corpus
    tokens = [batch.packing.counts[0] for batch in taken(made(corpus, name, batch_tokens=wanted), steps)]
    assert max(abs(n - wanted) for n in tokens) <= TINY["max_length"]
    assert abs(sum(tokens) - steps * wanted) < 0.01 * steps * wanted


def test_without_a_budget_a_batch_has_as_many_sequences_as_asked(corpus):
    batches = taken(made(corpus, batch_size=8), 100)
    assert {batch.packing.sequences for batch in batches} == {8}


@pytest.mark.parametrize("changes", [{"batch_tokens": 100_000_000}, {"batch_size": 65536}])
def test_a_batch_larger_than_the_corpus_is_one_pass(corpus, changes):
    first, second = taken(made(corpus, "no-nsp", **changes), 2)
    assert first.packing.tokens > 0.8 * len(corpus.tokens)
    assert not same(first, second)


def test_batches_after_steps_done_are_those_of_a_run_without_a_break(corpus):
    whole = taken(made(corpus, "electra", batch_tokens=200), 110)
    for done in (1, 40, 100):
        rest = taken(made(corpus, "electra", batch_tokens=200), 5, done=done)
        assert all(same(one, other) for one, other in zip(whole[done : done + 5], rest, strict=True))


def test_a_pass_known_to_have_begun_spares_those_before_it(corpus):
    whole = made(corpus, batch_tokens=2000)
    steps = [batch for _, batch in zip(range(40), whole.training(), strict=False)]
    assert whole.epoch > 2 and 0 < whole.epoch_began < 40
    rest = made(corpus, batch_tokens=2000)
    cut, passes = rest.objective.cut, []
    rest.objective = replace(rest.objective, cut=lambda *given: passes.append(1) or cut(*given))
    last = next(rest.training(done=39, epoch=whole.epoch, epoch_began=whole.epoch_began))
    assert same(last, steps[39]) and len(passes) == 1


def test_two_steps_and_two_seeds_mask_and_sample_differently(corpus):
    (first, second), (other, _) = taken(made(corpus), 2), taken(made(corpus, seed=2), 2)
    for one in (second, other):
        assert not torch.equal(first.positions, one.positions)
        assert not set(first.draws.tolist()) & set(one.draws.tolist())


def test_the_held_out_part_is_the_same_at_every_call(corpus):
    batches = made(corpus, "electra")
    first, second = batches.once(20), batches.once(20)
    assert sum(batch.packing.sequences for batch in first) == 20
    assert all(same(one, other) for one, other in zip(first, second, strict=True))


def test_the_held_out_sample_is_of_the_whole_part_not_of_its_beginning(corpus):
    half = corpus.sentences[corpus.documents[150]]
    tokens = np.where(np.arange(len(corpus.tokens)) < half, 10, 50).astype(np.int32)
    batches = made(TokenizedCorpus(tokens, corpus.sentences, corpus.documents), "single-sequence")
    shares = [(batch.packing.ids == 50).sum() / (batch.packing.ids > 4).sum() for batch in batches.once(64)]
    assert 0.25 < np.mean(shares) < 0.75


def test_held_out_words_are_masked_alike_whatever_the_objective(corpus):
    """ELECTRA's own masking shows no random word; BERT's shows one at a tenth."""
    for name in OBJECTIVES:
        batches = made(corpus, name, mask_rate=0.5, batch_size=64)
        for held_out, sample in ((True, batches.once(64)), (False, taken(batches, 4))):
            shown = torch.cat([batch.packing.ids[0, batch.positions] for batch in sample])
            answers = torch.cat([batch.answers for batch in sample])
            random = float(((shown != 4) & (shown != answers)).float().mean())
            expected = 0.1 if held_out or name != "electra" else 0.0
            assert abs(random - expected) < 4 * (expected * (1 - expected) / len(shown)) ** 0.5 + 0.003


@pytest.mark.parametrize("name", ["single-sequence", "electra"])
def test_single_sequences_have_segment_0_throughout(corpus, name):
    for batch in taken(made(corpus, name, electra_segments=1), 20):
        assert not batch.packing.segments.any()
        assert (batch.packing.ids == 3).sum() >= batch.packing.sequences  # each ends with [SEP]


def test_special_tokens_are_never_asked_for(corpus):
    for batch in taken(made(corpus, "no-nsp", mask_rate=0.5), 20):
        assert (batch.answers >= 5).all()


def test_at_the_mini_scale_the_other_objectives_see_as_many_tokens_as_bert(mini_data):
    """BERT's batches are 12 sequences, whatever their length; the others' budget is what these hold on average."""
    config = pretraining_config("mini", "bert")
    text = prepared_text(as_corpus(mini_data / "corpus.jsonl"), vocabulary=config.vocab_size, held_out=config.held_out)
    passes = [
        get_objective("bert").sequences(text.train, np.random.default_rng(seed), config=config).ranges
        for seed in range(4)
    ]
    a, b, c, d = np.concatenate(passes).T
    tokens = config.steps * config.batch_size * np.mean(b - a + d - c + 3)
    for name in OBJECTIVES:
        own = pretraining_config("mini", name)
        assert own.steps == config.steps and own.vocab_size == config.vocab_size
        if name != "bert":
            assert own.steps * own.batch_tokens == pytest.approx(tokens, rel=0.01)
