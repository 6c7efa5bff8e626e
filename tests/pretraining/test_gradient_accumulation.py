"""Splitting a batch: the same sequences, masks and labels, and gradients that add up."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from blurbstudy.errors import ParameterError
from blurbstudy.models import Architecture
from blurbstudy.pretraining import OBJECTIVES, pretraining_config
from blurbstudy.pretraining.gradient_accumulation import max_micro_batch_tokens, n_micro_batches, split_batch

from .conftest import LENGTHS, TINY, random_batch


def sequences_of(batch):
    """Ids, segments, masks, labels, noise and is_next of each sequence, sorted."""
    starts = batch.packing.cls_rows[0].tolist()
    sequences = []
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else batch.packing.counts[0]
        masked = [i for i, p in enumerate(batch.masked_rows.tolist()) if start <= p < end]
        sequences.append(
            (
                batch.packing.ids[0, start:end].tolist(),
                batch.packing.segments[0, start:end].tolist(),
                [
                    (int(batch.masked_rows[i]) - start, int(batch.labels[i]), float(batch.sampling_noise[i]))
                    for i in masked
                ],
                int(batch.is_next[number]),
            )
        )
    return sorted(sequences)


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_parts_have_the_contents_of_the_batch(parts):
    batch = random_batch(2)
    split = split_batch(batch, parts, n_heads=2)
    assert len(split) == parts
    assert sorted(sum((sequences_of(part) for part in split), [])) == sequences_of(batch)
    for name, count in batch.counts.items():
        assert sum(part.counts[name] for part in split) == count


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("parts", [2, 3])
def test_gradients_of_parts_add_up_to_that_of_the_batch(name, parts):
    config = pretraining_config(TINY | {"width": 32}, name)
    objective = OBJECTIVES[name]
    architecture: Architecture = config.architecture(objective.family, 150)
    segments = 1 if name == "single-sequence" else 2
    batch = random_batch(config.n_heads, segments=segments)
    gradients = []
    for pieces in ([batch], split_batch(batch, parts, n_heads=config.n_heads)):
        model = objective.build_model(architecture, config, 0)
        for piece in pieces:
            model.loss(model(piece), batch.counts).backward()
        gradients.append({masked: p.grad.numpy() for masked, p in model.named_parameters()})
    full, summed = gradients
    for name_ in full:
        np.testing.assert_allclose(summed[name_], full[name_], rtol=1e-3, atol=2e-6, err_msg=name_)


def test_a_part_without_masked_tokens_has_a_finite_loss():
    config = pretraining_config(TINY, "bert")
    batch = random_batch(2, masked=(1, 2))
    parts = split_batch(batch, 3, n_heads=2)
    assert sorted(len(part.labels) for part in parts) == [0, 0, 2]
    model = OBJECTIVES["bert"].build_model(config.architecture("bert", 150), config, 0)
    for part in parts:
        loss = model.loss(model(part), batch.counts)
        loss.backward()
        assert torch.isfinite(loss)


def test_the_default_micro_batch_is_smaller_than_a_step_of_base():
    config = pretraining_config("base", "bert")
    for device, maximum in (("cuda", 32768), ("cpu", 65536)):
        assert max_micro_batch_tokens(0, torch.device(device)) == maximum < config.batch_size * config.max_length
        assert max_micro_batch_tokens(7, torch.device(device)) == 7


def test_the_number_of_parts_follows_from_size_and_processes():
    batch = random_batch(2)
    assert sum(LENGTHS) == 56
    assert n_micro_batches(batch, micro_batch_tokens=0, n_processes=1) == 1
    assert n_micro_batches(batch, micro_batch_tokens=30, n_processes=1) == 2
    assert n_micro_batches(batch, micro_batch_tokens=0, n_processes=2) == 2
    assert n_micro_batches(batch, micro_batch_tokens=1, n_processes=2) == 3  # no more than sequences
    with pytest.raises(ParameterError, match="3 sequences cannot be split among 4 processes; raise batch_tokens"):
        n_micro_batches(batch, micro_batch_tokens=0, n_processes=4)
