"""Windows of long sentences cover every word once, with as much around it as they can hold."""

from __future__ import annotations

import random

import numpy as np
import pytest

from blurbstudy.inference.sliding_windows import windows
from blurbstudy.inference.word_features import WordFeatures
from blurbstudy.tasks.features import tokenize
from blurbstudy.tasks.task import Example

from .lexicon import TAGS, lexicon_tokenizer, typed_task


def contexts(sizes, first: int, last: int) -> list[float]:
    """For each word of a window, sub-words to its nearer end; the ends of the sentence are none."""
    found = []
    for i in range(first, last):
        left = sum(sizes[first:i]) if first else np.inf
        right = sum(sizes[i + 1 : last]) if last < len(sizes) else np.inf
        found.append(min(left, right))
    return found


def sentences(n: int):
    draw = random.Random(5)
    for _ in range(n):
        room = draw.randint(4, 30)
        yield [draw.randint(1, draw.choice((1, 3, room))) for _ in range(draw.randint(1, 120))], room


def test_every_word_is_read_once_where_it_is_shown():
    for sizes, room in sentences(500):
        found = windows(sizes, room)
        assert [i for w in found for i in range(w.begin, w.end)] == list(range(len(sizes)))
        for w in found:
            assert w.first <= w.begin < w.end <= w.last
            assert sum(sizes[w.first : w.last]) <= room


def test_no_other_window_shows_more_around_a_word():
    for sizes, room in sentences(300):
        found = windows(sizes, room)
        around = [dict(zip(range(w.first, w.last), contexts(sizes, w.first, w.last), strict=True)) for w in found]
        for w, own in zip(found, around, strict=True):
            for word in range(w.begin, w.end):
                assert own[word] == max(other[word] for other in around if word in other)


def test_a_word_sees_a_quarter_of_a_window_on_both_sides_where_words_are_short():
    for n in (30, 97, 400):
        for window in windows([1] * n, 24):
            for word, nearest in zip(range(window.first, window.last), contexts([1] * n, *window[:2]), strict=True):
                assert nearest >= 24 // 4 - 1 or not window.begin <= word < window.end


def test_a_sentence_that_fits_is_one_window_and_one_more_word_makes_two():
    assert windows([2] * 10, 20) == [(0, 10, 0, 10)]
    assert len(windows([2] * 11, 20)) == 2
    assert windows([20, 20], 20) == [(0, 1, 0, 1), (1, 2, 1, 2)]


@pytest.mark.parametrize("length", [16, 200])
def test_features_are_those_of_training_where_sentences_fit(length):
    tokenizer, draw = lexicon_tokenizer(), random.Random(3)
    vocabulary = [*TAGS, "of", "the", "x-ray", "癌", "\u200b", "naïve"]
    words = [[draw.choice(vocabulary) for _ in range(draw.randint(1, 8 if length == 16 else 60))] for _ in range(50)]
    task = typed_task()
    kept = [own for own in words if length == 200 or len(own) < 4]
    examples = [Example(str(i), str(i), tuple(own), " ".join(["O"] * len(own))) for i, own in enumerate(kept)]
    expected = tokenize(examples, tokenizer, task, max_length=200, segment_ids="pair")
    found = WordFeatures(tokenizer, max_length=200).of(kept)
    for name in ("ids", "segments", "offsets", "places", "examples"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()
