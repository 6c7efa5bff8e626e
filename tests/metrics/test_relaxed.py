"""Relaxed F1 by both matching rules, against brute force and scipy's assignment."""

from __future__ import annotations

import numpy as np
import pytest

from blurbstudy.metrics import Mention, decode_tags, io_to_bio, precision_recall_f1, score
from blurbstudy.metrics.relaxed import one_to_one, relaxed_terms

TYPES = {"one type": ("",), "three types": ("-X", "-Y", "-Z")}


def random_sentences(types: tuple[str, ...], seed: int) -> list[tuple[str, str]]:
    rng = np.random.default_rng(seed)
    names = [prefix + kind for kind in types for prefix in "BI"]
    chance = [0.25, *[0.75 / len(names)] * len(names)]
    pairs = []
    for _ in range(500):
        length = int(rng.integers(1, 15))
        pairs.append(tuple(" ".join(rng.choice(["O", *names], length, p=chance)) for _ in range(2)))
    return pairs


def overlaps(gold: str, predicted: str) -> np.ndarray:
    """Which strict mentions share a word and a type: (gold, predicted), from sets of words."""
    g, p = ([(set(range(m.start, m.end)), m.type) for m in decode_tags(tags.split())] for tags in (gold, predicted))
    found = [[bool(a[0] & b[0]) and a[1] == b[1] for b in p] for a in g]
    return np.array(found, bool).reshape(len(g), len(p))


@pytest.mark.parametrize("types", TYPES.values(), ids=TYPES)
def test_relaxed_f1_counts_any_overlap(types):
    pairs = random_sentences(types, seed=3)
    terms = relaxed_terms(*zip(*pairs, strict=True))
    for (gold, predicted), own in zip(pairs, terms, strict=True):
        table = overlaps(gold, predicted)
        assert own.tolist() == [table.any(1).sum(), table.shape[0], table.any(0).sum(), table.shape[1]]
    found, expected, right, guessed = terms.sum(axis=0)
    precision, recall = right / guessed, found / expected
    assert (terms[:, 0] != terms[:, 2]).any()  # the rule is not one to one
    f1 = score("relaxed_f1", *map(list, zip(*pairs, strict=True)))
    assert f1 == pytest.approx(2 * precision * recall / (precision + recall))


@pytest.mark.parametrize("types", TYPES.values(), ids=TYPES)
def test_one_to_one_is_a_maximum_matching(types):
    assign = pytest.importorskip("scipy.optimize").linear_sum_assignment
    pairs = random_sentences(types, seed=4)
    terms = relaxed_terms(*zip(*pairs, strict=True), rule="one_to_one")
    for (gold, predicted), own in zip(pairs, terms, strict=True):
        table = overlaps(gold, predicted)
        matched = table[assign(table, maximize=True)].sum()
        assert own.tolist() == [matched, table.shape[0], matched, table.shape[1]]
    assert terms.sum(axis=0)[0] > 100


def test_nested_gold_mentions_and_parts_of_words_are_matched_at_most_too():
    assign = pytest.importorskip("scipy.optimize").linear_sum_assignment
    rng, total = np.random.default_rng(6), 0
    for _, predicted in random_sentences(("",), seed=5):
        guesses, gold = decode_tags(predicted.split()), []
        for _ in range(int(rng.integers(0, 7))):
            start, length = int(rng.integers(0, 12)), int(rng.integers(1, 6))
            part = 0.5 * rng.integers(0, 2, 2)
            gold.append(Mention(start + part[0], start + length - part[1], ""))
        table = np.array([[any(g.start < w + 1 and w < g.end for w in range(*p[:2])) for p in guesses] for g in gold])
        matched = table[assign(table, maximize=True)].sum() if gold and guesses else 0
        assert one_to_one(gold, guesses) == (matched, matched)
        total += matched
    assert total > 100


def test_one_long_prediction_meets_many_mentions_by_overlap_and_one_alone_one_to_one():
    gold, predicted = ["B O B O B I"], ["B I I I I I"]
    any_overlap = precision_recall_f1("relaxed_f1", gold, predicted)
    assert (any_overlap.precision, any_overlap.recall, any_overlap.f1) == (1.0, 1.0, 1.0)
    assert (
        any_overlap.true_positives_gold,
        any_overlap.gold,
        any_overlap.true_positives_predicted,
        any_overlap.predicted,
    ) == (3, 3, 1, 1)
    alone = precision_recall_f1("relaxed_f1_one_to_one", gold, predicted)
    assert (alone.precision, alone.recall, alone.f1) == (1.0, pytest.approx(1 / 3), 0.5)


def test_mentions_of_different_types_do_not_meet():
    assert score("relaxed_f1", ["B-X I-X"], ["B-Y I-Y"]) == score("relaxed_f1_one_to_one", ["B-X"], ["B-Y"]) == 0.0


def test_touching_mentions_do_not_overlap():
    assert score("relaxed_f1", ["B I O O"], ["O O B I"]) == 0.0
    assert one_to_one(decode_tags(["B", "I", "O"]), decode_tags(["O", "O", "B"])) == (0, 0)


def test_relaxed_never_scores_below_one_to_one_nor_that_below_strict():
    for seed in range(20):
        gold, predicted = map(list, zip(*random_sentences(("",), seed=seed)[:25], strict=True))
        gold, predicted = ([" ".join(io_to_bio(s.split())) for s in side] for side in (gold, predicted))
        strict, alone, any_overlap = (
            score(metric, gold, predicted) for metric in ("entity_f1", "relaxed_f1_one_to_one", "relaxed_f1")
        )
        assert 0 < strict <= alone <= any_overlap <= 1
