"""Nested subsets of train: sizes, strata, whole documents, and draws that differ."""

from collections import Counter

import numpy as np
import pytest

from blurbstudy.errors import DataError
from blurbstudy.store.run_store import Gold
from blurbstudy.tasks import get_task
from blurbstudy.tasks.subsets import subset_indices

SHARES = (1.0, 0.5, 0.25, 0.125)


def split_of(labels, units=None):
    ids = tuple(str(i) for i in range(len(labels)))
    return Gold(ids=ids, units=ids if units is None else tuple(units), gold=tuple(labels))


def nested(task, train, *, seed):
    return [subset_indices(get_task(task), train, share=share, seed=seed) for share in SHARES]


def test_subsets_are_nested_and_stratified():
    train = split_of(["yes"] * 120 + ["no"] * 40)
    for seed in range(5):
        chosen = nested("BioASQ", train, seed=seed)
        for larger, smaller in zip(chosen, chosen[1:], strict=False):
            assert set(smaller) < set(larger) and list(smaller) == sorted(smaller)
        assert [Counter(train.gold[i] for i in one) for one in chosen] == [
            {"yes": 120, "no": 40}, {"yes": 60, "no": 20}, {"yes": 30, "no": 10}, {"yes": 15, "no": 5},
        ]  # fmt: skip


def test_draws_differ_and_repeat():
    train = split_of(["yes", "no"] * 50)
    first, again, second = (nested("BioASQ", train, seed=seed)[1] for seed in (1, 1, 2))
    assert list(first) == list(again) and 10 < len(set(first) & set(second)) < 40


def test_every_example_is_drawn_about_as_often():
    """Also long documents, whose place in a greedy division could be fixed."""
    sizes = [1 + i for i in range(16)]
    units = [f"d{i}" for i, size in enumerate(sizes) for _ in range(size)]
    train = split_of(["yes"] * len(units), units)
    counts = np.zeros(len(units))
    for seed in range(200):
        counts[subset_indices(get_task("BioASQ"), train, share=0.5, seed=seed)] += 1
    assert counts.min() > 60 and counts.max() < 140


def test_documents_stay_whole():
    units = [f"d{i // 3}" for i in range(150)]
    train = split_of(["yes", "no", "no"] * 50, units)
    for chosen in nested("BioASQ", train, seed=3):
        sizes = Counter(units[i] for i in chosen)
        assert set(sizes.values()) == {3}
    assert [len(chosen) for chosen in nested("BioASQ", train, seed=3)] == pytest.approx([150, 75, 37.5, 18.75], abs=3)


def test_scores_are_stratified_by_size():
    values = list(np.linspace(0, 4, 80))
    chosen = nested("BIOSSES", split_of(values), seed=1)[3]
    assert len(chosen) == 10 and Counter(int(values[i] / 0.8001) for i in chosen) == dict.fromkeys(range(5), 2)


def test_too_few_documents_are_refused():
    train = split_of(["yes", "no"] * 20, ["d1"] * 10 + ["d2"] * 10 + ["d3"] * 10 + ["d4"] * 10)
    with pytest.raises(DataError, match="train has 4 documents or independent examples, too few .* 8 are needed"):
        subset_indices(get_task("BioASQ"), train, share=0.5, seed=1)
    assert len(subset_indices(get_task("BioASQ"), train, share=1.0, seed=1)) == 40
