"""Packed batches: every token once, every block reversible."""

import numpy as np
import pytest
import torch

from blurbstudy.models import Architecture, Encoder, pack
from blurbstudy.models import packing as packing_module
from blurbstudy.models.layers import PadInput, UnpadInput
from blurbstudy.models.packing import select_queries


def make_batch(lengths, start=1):
    return [(np.arange(start + 100 * i, start + 100 * i + n), np.full(n, i % 2)) for i, n in enumerate(lengths)]


def random_encoder(members):
    architecture = Architecture(
        family="bert", vocab_size=500, n_layers=2, width=8, n_heads=2, intermediate=16, max_positions=8
    )
    encoder = Encoder(architecture, members=members).double()
    torch.manual_seed(0)
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, 0, 0.5)
    return encoder


def test_tokens_lie_end_to_end_longest_sequence_first():
    packing = pack([make_batch([2, 4, 3])], n_heads=1)
    assert packing.ids.tolist() == [[101, 102, 103, 104, 201, 202, 203, 1, 2]]
    assert packing.positions.tolist() == [[0, 1, 2, 3, 0, 1, 2, 0, 1]]
    assert packing.cls_rows.tolist() == [[0, 4, 7]]
    assert packing.order[0].tolist() == [1, 2, 0]


def test_members_with_fewer_sequences_are_marked():
    packing = pack([make_batch([2, 4]), make_batch([3])], n_heads=1)
    assert packing.target_mask.tolist() == [[True, True], [True, False]]
    assert packing.counts == (6, 3) and packing.tokens == 6


@pytest.mark.parametrize("scores", [1, 40, 1 << 17])
@pytest.mark.parametrize("members", [1, 2])
def test_blocks_hold_every_row_once_and_collect_undoes_spread(monkeypatch, scores, members):
    monkeypatch.setattr(packing_module, "BLOCK_SCORES", scores)
    packing = pack([make_batch([5, 2, 4, 4, 1]), make_batch([3, 3])][:members], n_heads=2)
    hidden = torch.arange(members * packing.tokens, dtype=torch.float32).unsqueeze(1) + 1
    pieces = hidden.split([block.rows for block in packing.blocks])
    real = torch.cat([torch.arange(n) + m * packing.tokens for m, n in enumerate(packing.counts)])
    back = torch.cat(
        [
            p if b.gather_index is None else UnpadInput.apply(PadInput.apply(p, b), b)
            for p, b in zip(pieces, packing.blocks, strict=True)
        ]
    )
    assert torch.equal(back[real], hidden[real])
    assert sum(block.sequences * members for block in packing.blocks) >= sum(packing.sequence_counts)


@pytest.mark.parametrize("members", [1, 2])
def test_for_a_gpu_sequences_share_large_blocks_and_compute_the_same(monkeypatch, members):
    monkeypatch.setattr(packing_module, "BLOCK_SCORES", 1)  # a block for every sequence of one member
    batches = [make_batch([5, 2, 4, 4, 1]), make_batch([3, 6])][:members]
    here, there = (pack(batches, n_heads=2, device=torch.device(device)) for device in ("cpu", "cuda"))
    assert there.ids.device.type == "cpu" and len(there.blocks) == 1
    assert len(here.blocks) == (5 if members == 1 else 1) and len(there.blocks[0].parts) == members
    encoder = random_encoder(members)
    for member, count in enumerate(here.counts):
        torch.testing.assert_close(encoder(there)[member, :count], encoder(here)[member, :count])


def test_gradients_of_spread_and_collect_are_each_others_inverse():
    packing = pack([make_batch([5, 2, 4]), make_batch([3])], n_heads=2)
    (block,) = packing.blocks
    packed = torch.randn(block.rows, 3, dtype=torch.double, requires_grad=True)
    weight = torch.randn(len(block.gather_index), 3, dtype=torch.double)
    empty = torch.ones(len(block.gather_index), dtype=torch.bool)
    empty[block.pad_index] = False
    weight[empty] = 0  # what attention guarantees: no gradient reaches an empty place
    (PadInput.apply(packed, block) * weight).sum().backward()
    expected = torch.zeros_like(packed).index_copy(0, block.scatter_index, weight[block.pad_index])
    assert torch.equal(packed.grad, expected)
    padded = torch.randn(len(block.gather_index), 3, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: UnpadInput.apply(x, block), (padded,))


@pytest.mark.parametrize("scores", [1, 40, 1 << 17])
@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("every", [1, 2, 3, 7])
def test_the_last_layer_at_asked_rows_gives_what_it_gives_at_all_rows(monkeypatch, scores, members, every):
    monkeypatch.setattr(packing_module, "BLOCK_SCORES", scores)
    batches = [make_batch([5, 2, 4, 4, 1]), make_batch([3, 6, 6])][:members]
    packing = pack(batches, n_heads=2)
    encoder = random_encoder(members)
    # Uneven: some sequences ask for nothing.
    rows = [np.arange(m, n, every) + m * packing.tokens for m, n in enumerate(packing.counts)]
    starts = [item[:n] for item, n in zip(packing.cls_rows.numpy(), packing.sequence_counts, strict=True)]
    queries = select_queries(rows, starts=starts, blocks=packing.blocks, tokens=packing.tokens)
    assert queries.counts == tuple(map(len, rows))
    complete = encoder(packing).reshape(members * packing.tokens, -1)
    few = encoder(packing, queries=queries)
    weight = torch.randn(max(queries.counts), 8, dtype=torch.double)
    gradients = []
    for actual in ([complete[item] for item in rows], [few[m, : len(item)] for m, item in enumerate(rows)]):
        encoder.zero_grad()
        sum((item * weight[: len(item)]).sum() for item in actual).backward(retain_graph=True)
        gradients.append([parameter.grad.clone() for parameter in encoder.parameters()])
    for member, item in enumerate(rows):
        torch.testing.assert_close(few[member, : len(item)], complete[item])
    for full, part in zip(*gradients, strict=True):
        torch.testing.assert_close(part, full)
