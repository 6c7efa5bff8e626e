"""Dropout masks: right rate in every lane, and each member's own."""

import numpy as np
import pytest
import torch

from blurbstudy.models import DropoutStream, pack, seed_for
from blurbstudy.models.layers import apply_dropout, attention_mask, dropout_add, dropout_mask


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5])
def test_every_lane_drops_at_the_asked_rate(rate):
    mask = DropoutStream([5], rate).mask(0, (400_000, 4))
    dropped = 1 - mask.mean(0)
    # Four standard errors of a binomial share.
    assert (np.abs(dropped.numpy() - rate) < 4 * np.sqrt(rate * (1 - rate) / 400_000) + 1e-5).all()


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5])
def test_dropout_keeps_the_mean(rate):
    stream = DropoutStream([1], rate)
    assert float(stream.mask(0, (10**6,)).mean() * stream.scale) == pytest.approx(1.0, abs=5e-3)


def test_masks_depend_on_the_seed_alone():
    first, other, reloaded = (DropoutStream([seed], 0.1).mask(0, (1000,)) for seed in (3, 4, 3))
    assert torch.equal(first, reloaded) and not torch.equal(first, other)


def test_a_member_draws_the_same_masks_in_company():
    rng = np.random.default_rng(0)
    batches = [
        [(rng.integers(1, 9, n), np.zeros(n, np.int64)) for n in lengths] for lengths in ((5, 3), (9, 2), (4, 7))
    ]
    company = pack(batches, n_heads=2)
    stream = DropoutStream([1, 2, 3], 0.3)
    rows = dropout_mask(stream, company.counts, company.tokens, 6)
    scores = attention_mask(stream, company.blocks[0], 2)
    for member, batch in enumerate(batches):
        alone = pack([batch], n_heads=2)
        item = DropoutStream([member + 1], 0.3)
        count = alone.counts[0]
        assert torch.equal(dropout_mask(item, alone.counts, count, 6)[0], rows[member, :count])
        longest = alone.blocks[0].longest
        mine = attention_mask(item, alone.blocks[0], 2)
        assert torch.equal(
            mine.view(2, 2, longest, longest), scores.view(3, 2, 2, 9, 9)[member, :, :, :longest, :longest]
        )


def test_seeds_differ_by_any_part():
    seeds = {seed_for(seed, use, step) for seed in range(20) for use in ("order", "dropout") for step in range(50)}
    assert len(seeds) == 2000
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_masks_of_one_byte_drop_what_masks_of_floats_drop():
    residual, x = torch.randn(2, 5, 6), torch.randn(2, 5, 6)
    floats, bytes_ = (DropoutStream([1, 2], 0.3) for _ in range(2))
    bytes_.dtype = torch.bool  # as on a GPU
    assert dropout_mask(bytes_, (5, 3), 5, 6).dtype == torch.bool
    dropout_mask(floats, (5, 3), 5, 6)
    assert torch.equal(apply_dropout(x, bytes_, (5, 3)), apply_dropout(x, floats, (5, 3)))
    assert torch.equal(dropout_add(residual, x, bytes_, (5, 3)), dropout_add(residual, x, floats, (5, 3)))
