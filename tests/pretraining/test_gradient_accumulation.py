"""A step's batch in parts: the same sequences, words and answers, and gradients that add up to the whole's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from blurbstudy.errors import ParameterError
from blurbstudy.models import Architecture
from blurbstudy.pretraining import OBJECTIVES, pretraining_config
from blurbstudy.pretraining.gradient_accumulation import divide, most_tokens, parts_needed

from .conftest import LENGTHS, TINY, invented_batch


def sequences_of(batch):
    """Per sequence: its ids and segments, what is asked within it and answered, its verdict and draws; sorted."""
    starts = batch.packing.firsts[0].tolist()
    found = []
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else batch.packing.counts[0]
        own = [i for i, p in enumerate(batch.positions.tolist()) if start <= p < end]
        found.append(
            (
                batch.packing.ids[0, start:end].tolist(),
                batch.packing.segments[0, start:end].tolist(),
                [(int(batch.positions[i]) - start, int(batch.answers[i]), float(batch.draws[i])) for i in own],
                int(batch.is_next[number]),
            )
        )
    return sorted(found)


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_parts_hold_what_the_whole_holds(parts):
    batch = invented_batch(2)
    divided = divide(batch, parts, n_heads=2)
    assert len(divided) == parts
    assert sorted(sum((sequences_of(part) for part in divided), [])) == sequences_of(batch)
    for name, count in batch.counts.items():
        assert sum(part.counts[name] for part in divided) == count


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("parts", [2, 3])
def test_gradients_of_parts_add_up_to_the_whole_batchs(name, parts):
    config = pretraining_config(TINY | {"width": 32}, name)
    objective = OBJECTIVES[name]
    architecture: Architecture = config.architecture(objective.family, 150)
    segments = 1 if name == "single-sequence" else 2
    batch = invented_batch(config.n_heads, segments=segments)
    gradients = []
    for pieces in ([batch], divide(batch, parts, n_heads=config.n_heads)):
        model = objective.model(architecture, config=config, seed=0)
        for piece in pieces:
            model.loss(model(piece), batch.counts).backward()
        gradients.append({own: p.grad.numpy() for own, p in model.named_parameters()})
    whole, summed = gradients
    for own in whole:
        np.testing.assert_allclose(summed[own], whole[own], rtol=1e-3, atol=2e-6, err_msg=own)


def test_a_part_without_an_asked_word_is_no_hindrance():
    config = pretraining_config(TINY, "bert")
    batch = invented_batch(2, asked=(1, 2))
    parts = divide(batch, 3, n_heads=2)
    assert sorted(len(part.answers) for part in parts) == [0, 0, 2]
    model = OBJECTIVES["bert"].model(config.architecture("bert", 150), config=config, seed=0)
    for part in parts:
        loss = model.loss(model(part), batch.counts)
        loss.backward()
        assert torch.isfinite(loss)


def test_where_nobody_says_how_much_a_step_of_the_published_encoders_is_bounded():
    config = pretraining_config("base", "bert")
    for device, most in (("cuda", 32768), ("cpu", 65536)):
        assert most_tokens(0, torch.device(device)) == most < config.batch_size * config.max_length
        assert most_tokens(7, torch.device(device)) == 7


def test_as_many_parts_as_bound_and_processes_ask_for():
    batch = invented_batch(2)
    assert sum(LENGTHS) == 56
    assert parts_needed(batch, micro_batch_tokens=0, processes=1) == 1
    assert parts_needed(batch, micro_batch_tokens=30, processes=1) == 2
    assert parts_needed(batch, micro_batch_tokens=0, processes=2) == 2
    assert parts_needed(batch, micro_batch_tokens=1, processes=2) == 3  # no more than sequences
    with pytest.raises(ParameterError, match="3 sequences cannot be shared by 4 processes; raise batch_tokens"):
        parts_needed(batch, micro_batch_tokens=0, processes=4)
