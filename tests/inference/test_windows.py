"""Windows over long sentences assign every word to the one window with the most context."""

from __future__ import annotations

import random

import numpy as np
import pytest

from blurbstudy.inference.word_features import WordFeatures
from blurbstudy.tasks.features import tokenize
from blurbstudy.tasks.task import Example
from blurbstudy.tasks.windows import overlapping_windows

from .lexicon import TAGS, lexicon_tokenizer, typed_task


def contexts(sizes, first: int, last: int) -> list[float]:
    """For each word of a window, sub-words to its nearer edge; the ends of the sentence do not count."""
    distances = []
    for i in range(first, last):
        left = sum(sizes[first:i]) if first else np.inf
        right = sum(sizes[i + 1 : last]) if last < len(sizes) else np.inf
        distances.append(min(left, right))
    return distances


def sentences(n: int):
    draw = random.Random(5)
    for _ in range(n):
        room = draw.randint(4, 30)
        yield [draw.randint(1, draw.choice((1, 3, room))) for _ in range(draw.randint(1, 120))], room


def test_every_word_belongs_to_one_window():
    for sizes, room in sentences(500):
        spans = overlapping_windows(sizes, room)
        assert [i for w in spans for i in range(w.begin, w.end)] == list(range(len(sizes)))
        for w in spans:
            assert w.first <= w.begin < w.end <= w.last
            assert sum(sizes[w.first : w.last]) <= room


def test_no_other_window_has_more_context_for_a_word():
    for sizes, room in sentences(300):
        spans = overlapping_windows(sizes, room)
        context = [dict(zip(range(w.first, w.last), contexts(sizes, w.first, w.last), strict=True)) for w in spans]
        for w, distances in zip(spans, context, strict=True):
            for word in range(w.begin, w.end):
                assert distances[word] == max(other[word] for other in context if word in other)


def test_short_words_have_a_quarter_of_a_window_as_context():
    for n in (30, 97, 400):
        for window in overlapping_windows([1] * n, 24):
            for word, nearest in zip(range(window.first, window.last), contexts([1] * n, *window[:2]), strict=True):
                assert nearest >= 24 // 4 - 1 or not window.begin <= word < window.end


def test_a_sentence_that_fits_is_one_window_and_one_more_word_makes_two():
    assert overlapping_windows([2] * 10, 20) == [(0, 10, 0, 10)]
    assert len(overlapping_windows([2] * 11, 20)) == 2
    assert overlapping_windows([20, 20], 20) == [(0, 1, 0, 1), (1, 2, 1, 2)]


@pytest.mark.parametrize("length", [16, 200])
def test_features_of_short_sentences_equal_those_of_training(length):
    tokenizer, draw = lexicon_tokenizer(), random.Random(3)
    vocabulary = [*TAGS, "of", "the", "x-ray", "癌", "\u200b", "naïve"]
    words = [[draw.choice(vocabulary) for _ in range(draw.randint(1, 8 if length == 16 else 60))] for _ in range(50)]
    task = typed_task()
    fitting = [text for text in words if length == 200 or len(text) < 4]
    examples = [Example(str(i), str(i), tuple(text), " ".join(["O"] * len(text))) for i, text in enumerate(fitting)]
    expected = tokenize(examples, tokenizer, task, max_length=200, segment_ids="pair")
    features = WordFeatures(tokenizer, max_length=200).of(fitting)
    for name in ("ids", "segments", "offsets", "word_starts", "examples"):
        assert getattr(features, name).tolist() == getattr(expected, name).tolist()
