"""Pairs: a higher grade means more of a fact shared, on average over worlds."""

from __future__ import annotations

import re
from random import Random

from blurbstudy.metrics import pearson
from blurbstudy.tasks.mini_blurb.similarity import SIZES, make_pairs
from blurbstudy.tasks.mini_blurb.world import make_world


def rows(n_worlds):
    for seed in range(n_worlds):
        yield from (row for split in make_pairs(Random(seed), make_world(Random(seed))).values() for row in split)


def test_scores_are_means_of_five_annotators_from_0_to_4():
    for _, first, second, score in rows(2):
        assert re.fullmatch(r"[0-4]\.[02468]", score) and float(score) <= 4
        assert first != second and "\t" not in first + second


def test_every_pair_has_its_own_number():
    numbers = [row[0] for row in rows(1)]
    assert sorted(map(int, numbers)) == list(range(1, sum(SIZES.values()) + 1))


def test_shared_words_tell_part_of_the_score_but_not_all():
    def words(text):
        return set(re.findall(r"\w+", text.lower()))

    pairs = list(rows(8))
    overlap = [len(words(a) & words(b)) / len(words(a) | words(b)) for _, a, b, _ in pairs]
    assert 0.2 < pearson([float(row[3]) for row in pairs], overlap) < 0.8
