"""One set of predictions, scored by every convention."""

from __future__ import annotations

import numpy as np
import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.metrics import bio_to_io, io_to_bio, score, scoring_conventions
from blurbstudy.metrics.conventions import truncate

GOLD = ["B I O B B", "O O B I I", "B O O"]
PREDICTED = ["B I O B I", "O O B I O", "O I O"]
NAMES = [
    "strict BIO",
    "seqeval default",
    "IO on both sides",
    "relaxed, any overlap",
    "relaxed, one to one",
    "word level",
]


def by_name(gold, predicted, **options):
    return {convention.name: convention for convention in scoring_conventions(gold, predicted, **options)}


def test_each_convention_on_a_worked_example():
    found = by_name(GOLD, PREDICTED)
    assert list(found) == NAMES
    counts = {name: (c.gold_mentions, c.predicted_mentions, round(c.f1, 4)) for name, c in found.items()}
    assert counts == {
        "strict BIO": (5, 3, 0.25),  # one exact
        "seqeval default": (5, 4, 0.2222),  # the lone I is a wrong mention
        "IO on both sides": (4, 4, 0.5),  # the adjacent pair is one on both sides
        "relaxed, any overlap": (5, 3, round(2 * 1.0 * 0.8 / 1.8, 4)),
        "relaxed, one to one": (5, 3, 0.75),
        "word level": (8, 7, 0.8),
    }
    assert (found["strict BIO"].precision, found["strict BIO"].recall) == pytest.approx((1 / 3, 1 / 5))


def test_conventions_agree_with_the_metrics_of_their_names():
    rng = np.random.default_rng(0)
    gold, predicted = ([" ".join(rng.choice(["O", "B", "I"], 9)) for _ in range(60)] for _ in range(2))
    found = by_name(gold, predicted)
    merged = [[" ".join(io_to_bio(bio_to_io(label.split()))) for label in side] for side in (gold, predicted)]
    assert found["strict BIO"].f1 == score("entity_f1", gold, predicted)
    assert found["seqeval default"].f1 == score("entity_f1_default", gold, predicted)
    assert found["IO on both sides"].f1 == score("entity_f1", *merged)
    assert found["relaxed, any overlap"].f1 == score("relaxed_f1", gold, predicted)
    assert found["relaxed, one to one"].f1 == score("relaxed_f1_one_to_one", gold, predicted)
    f1_score = pytest.importorskip("sklearn.metrics").f1_score
    inside = [[tag != "O" for label in side for tag in label.split()] for side in (gold, predicted)]
    assert found["word level"].f1 == pytest.approx(f1_score(*inside))


def test_exact_predictions_are_perfect_by_every_convention():
    assert all(c.f1 == c.precision == c.recall == 1.0 for c in scoring_conventions(GOLD, GOLD, kept_words=[1, None, 3]))


def test_dropping_words_past_the_limit_from_gold_inflates_recall():
    gold, predicted = ["B O O B I", "O B"], ["B O O O O", "O B"]
    found = by_name(gold, predicted, kept_words=[3, None])
    assert list(found) == [*NAMES, "long sentences truncated"]
    assert found["strict BIO"].recall == pytest.approx(2 / 3)
    assert found["long sentences truncated"].recall == 1.0 and found["long sentences truncated"].gold_mentions == 2


def test_a_limit_beyond_every_sentence_cuts_nothing():
    found = by_name(GOLD, PREDICTED, kept_words=[None, 5, 99])
    assert found["long sentences truncated"].f1 == found["strict BIO"].f1


def test_a_cut_keeps_the_first_words():
    assert truncate(["B I O", "O B", "B"], [2, None, 0]) == ["B I", "O B", ""]


def test_every_convention_says_what_it_means():
    found = scoring_conventions(GOLD, PREDICTED, kept_words=[None] * 3)
    assert len({c.name for c in found}) == len({c.meaning for c in found}) == 7
    assert all(len(c.meaning) > 20 for c in found)


@pytest.mark.parametrize(
    ("kept", "message"),
    [([1], "kept_words has 1 numbers for 3 sentences"), ([1, -2, None], "kept_words has -2; use 0 or more")],
)
def test_kept_words_that_do_not_fit_are_refused(kept, message):
    with pytest.raises(ParameterError, match=message):
        scoring_conventions(GOLD, PREDICTED, kept_words=kept)


def test_unequal_or_no_sentences_are_refused():
    with pytest.raises(ParameterError, match="1 prediction for 3 sentences"):
        scoring_conventions(GOLD, ["O"])
    with pytest.raises(ParameterError, match="0 predictions for 0 sentences"):
        scoring_conventions([], [])
