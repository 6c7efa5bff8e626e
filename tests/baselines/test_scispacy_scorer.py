"""scispaCy's reading and scoring, compared with hand-computed cases and with our metric."""

import random

import pytest

from blurbstudy.baselines import scispacy_score, score_on_scispacy_gold
from blurbstudy.baselines.scispacy_scorer import scispacy_gold
from blurbstudy.metrics import decode_tags, entity_f1


def test_scispacys_reader_merges_adjacent_mentions_and_keeps_the_first_type():
    assert scispacy_gold(["O", "B", "I", "B", "O", "B"]) == [(1, 4, ""), (5, 6, "")]
    assert scispacy_gold(["B-CHEMICAL", "B-DISEASE", "O"]) == [(0, 2, "CHEMICAL")]
    assert scispacy_gold(["O", "O"]) == []


def test_without_adjacent_mentions_scispacys_reader_equals_ours():
    draw = random.Random(1)
    for _ in range(200):
        tags = []
        while len(tags) < 12:
            tags += draw.choice([["O"], ["B-X", "O"], ["B-Y", "I-Y", "I-Y", "O"]])
        assert scispacy_gold(tags) == decode_tags(tags)


def test_exact_predictions_of_adjacent_mentions_count_as_wrong():
    gold = ["B I B O B"]  # read as 2 mentions, of which the prediction of 3 has 1
    scores = score_on_scispacy_gold(gold, gold)
    assert (scores.true_positives_gold, scores.gold, scores.predicted) == (1, 2, 3)
    assert scores.f1 == pytest.approx(2 / 5) and entity_f1(gold, gold) == 1


def test_two_types_with_equal_counts_are_summed_as_one():
    """Right: 2 of X and 2 of Y; wrong: 1 of X; missed: 3 of Y. Over a set the first sum is 2, the others stay."""
    gold = ["B-X O B-X O B-Y O B-Y O O O B-Y O B-Y O B-Y"]
    predicted = ["B-X O B-X O B-Y O B-Y O B-X O O O O O O"]
    right, by_set = score_on_scispacy_gold(gold, predicted), scispacy_score(gold, predicted)
    assert right.f1 == pytest.approx(2 * 4 / (2 * 4 + 1 + 3)) == pytest.approx(entity_f1(gold, predicted))
    assert by_set.f1 == pytest.approx(2 * 2 / (2 * 2 + 1 + 3))


def test_with_one_type_scispacys_scorer_sums_correctly():
    gold, predicted = ["B I O B", "O B"], ["B I O O", "B B"]
    assert scispacy_score(gold, predicted) == score_on_scispacy_gold(gold, predicted)
