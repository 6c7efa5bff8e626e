"""Words by BERT's basic rule, beside BERT's own tokenizer."""

from __future__ import annotations

import random
import time

import pytest
from transformers import BertTokenizer

from blurbstudy.tasks.text.words import detect_word_splitter, unsplit_word_spans, word_spans

PIECES = [
    "IL-2",
    "p53",
    "NF-κB",
    "naïve",
    "β-catenin",
    "α",
    "µg/mL",
    "≤0.05",
    "癌細胞",
    "🧬",
    "👩‍🔬",
    "𝐀𝐁",
    "\u200b",
    "\ufeff",
    "\u00ad",
    "\ufffd",
    "\t",
    "\r\n",
    "\n",
    "\u00a0",
    "\u2028",
    "\x0c",
    "\x85",
    "  ",
    "(",
    ")",
    "...",
    "’s",
    "e\u0301",
    "‐",
    "×",
]


@pytest.fixture(scope="module")
def bert():
    """BERT's tokenizer, cased so that no accent is taken out before words are told."""
    return BertTokenizer(vocab={"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[PAD]": 3, "[MASK]": 4}, do_lower_case=False)


def words_of_bert(tokenizer, text: str) -> list[tuple[int, int]]:
    """Where the words stand that BERT's tokenizer looks up; with an empty vocabulary each is one [UNK]."""
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    return [tuple(span) for span in encoded["offset_mapping"]]


def random_text(draw: random.Random) -> str:
    characters = [chr(code) for code in (draw.randrange(1, 0x11000) for _ in range(60)) if not 0xD800 <= code < 0xE000]
    return "".join(draw.choice((draw.choice(PIECES), draw.choice(characters), "ab", " ", "x.")) for _ in range(60))


def test_words_are_those_of_bert_on_random_unicode(bert):
    draw = random.Random(11)
    for _ in range(1000):
        text = random_text(draw)
        assert word_spans(text) == words_of_bert(bert, text), repr(text)


def test_words_are_the_text_at_their_place():
    text = "IL-2\t(interleukin\u00a02)\r\n activates T cells."
    assert [text[start:end] for start, end in word_spans(text)] == [
        "IL",
        "-",
        "2",
        "(",
        "interleukin",
        "2",
        ")",
        "activates",
        "T",
        "cells",
        ".",
    ]


def test_what_a_tokenizer_takes_out_begins_and_ends_no_word():
    assert word_spans("\ufeffp53\u200b \u200b a\u200bb") == [(1, 4), (8, 11)]


def test_half_a_surrogate_pair_is_no_word():
    assert word_spans("a \ud800 b") == [(0, 1), (4, 5)]


def test_a_line_of_a_million_characters_takes_a_moment():
    began = time.perf_counter()
    assert len(word_spans("abcd " * 200_000)) == 200_000
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("IL-2-mediated (p<0.05)", ["IL-2-mediated", "(", "p<0.05", ")"]),
        ('"NF-kappa B", e.g. CD4+ T-cells.', ['"', "NF-kappa", "B", '"', ",", "e.g", ".", "CD4+", "T-cells", "."]),
        ("50% +/- ([x])...", ["50", "%", "+/-", "(", "[", "x", "]", ")", ".", ".", "."]),
        ("癌細胞-x", ["癌", "細", "胞", "-", "x"]),
        ("?!", ["?", "!"]),
        ("", []),
    ],
)
def test_joined_words_keep_the_marks_inside_them(text, words):
    assert [text[start:end] for start, end in unsplit_word_spans(text)] == words


def test_both_rules_cover_the_same_characters():
    draw = random.Random(12)
    for _ in range(500):
        text = random_text(draw)
        basic, joined = word_spans(text), unsplit_word_spans(text)
        assert {i for start, end in basic for i in range(start, end)} == {i for a, b in joined for i in range(a, b)}
        assert joined == sorted(joined) and len(joined) <= len(basic)


def test_the_rule_of_a_corpus_is_the_one_that_keeps_its_words_and_in_doubt_berts():
    assert detect_word_splitter(["IL", "-", "2", "binds"] * 10) == "basic"
    assert detect_word_splitter(["IL-2", "binds", "."]) == "joined"
    assert detect_word_splitter(["a"] * 995 + ["IL-2"] * 5) == "basic"
    assert detect_word_splitter(["a"] * 980 + ["IL-2"] * 20) == "joined"
    assert detect_word_splitter([]) == "basic"
