"""Sentences: where abstracts end them, and where they do not."""

from __future__ import annotations

import random
import time

import pytest

from blurbstudy.tasks.text.sentences import sentence_spans
from blurbstudy.tasks.text.words import word_spans


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    "inside",
    [
        "As shown in Fig. 2 and Figs. 3, cells (e.g. fibroblasts, i.e. stroma) grew.",
        "Smith et al. (2003) gave 2.5 mg vs. 5 mg to mice.",
        "E. coli and S. aureus were incubated at approx. 37 degrees.",
        "Doses were given i.v. or p.o. daily (cf. ref. 4, eq. 2).",
        "Is p<0.05 at 5.5 min. enough?",
    ],
)
def test_abbreviations_end_no_sentence(inside):
    assert sentences(f"One came before. {inside} One came after.") == ["One came before.", inside, "One came after."]


def test_brackets_and_quotes_go_with_their_sentence():
    assert sentences('Yes! (It did.) "So it was." End.') == ["Yes!", "(It did.)", '"So it was."', "End."]


def test_a_list_ends_before_a_word_that_begins_sentences():
    assert sentences("We took drugs, fluids, etc. They worked.") == ["We took drugs, fluids, etc.", "They worked."]


def test_lines_broken_for_width_are_one_sentence_and_short_lines_are_their_own():
    wrapped = "The drug was given to all of the\npatients, who were asked for what\nthey felt of it."
    assert sentences(wrapped) == [wrapped]
    assert sentences("A title\r\nThe abstract is a longer line. It ends.") == [
        "A title",
        "The abstract is a longer line.",
        "It ends.",
    ]
    assert sentences(f"A line that is as wide as any\n\n{wrapped}")[0] == "A line that is as wide as any"


def test_every_word_stands_in_one_sentence_and_sentences_are_in_order():
    draw = random.Random(3)
    pieces = [
        "word",
        "Fig.",
        ". ",
        "? ",
        "\n",
        "\r\n",
        "\n\n",
        "(",
        ")",
        " ",
        "🧬",
        "é",
        "\t",
        "\u200b",
        "A.",
        "癌",
        '"',
        "...",
    ]
    for _ in range(300):
        text = "".join(draw.choice(pieces) for _ in range(80))
        spans = sentence_spans(text)
        assert all(a < b for a, b in spans) and all(b <= c for (_, b), (c, _) in zip(spans, spans[1:], strict=False))
        assert [w for s in spans for w in word_spans(text) if s[0] <= w[0] and w[1] <= s[1]] == word_spans(text)


def test_the_splitter_is_made_anew_and_splits_as_before(monkeypatch):
    text = "One sentence, e.g. this. Another one of Smith et al. in 2010. A third."
    before = sentence_spans(text)
    monkeypatch.setattr("blurbstudy.tasks.text.sentences._MAX_CHARS_PER_PIPELINE", 100)
    assert [sentence_spans(text) for _ in range(4)] == [before] * 4


def test_nothing_has_no_sentences():
    assert sentence_spans("") == sentence_spans(" \r\n\t") == []


@pytest.mark.parametrize("text", ["x" * 100_000, "a.b" * 40_000, "." * 100_000, "A. " * 40_000, "\n" * 100_000])
def test_a_line_of_100000_characters_takes_a_moment(text):
    began = time.perf_counter()
    sentence_spans(text)
    assert time.perf_counter() - began < 5
