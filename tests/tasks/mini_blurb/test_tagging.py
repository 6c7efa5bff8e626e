"""Words and tags: parted as the real files are, tagged as far as a mention reaches."""

from __future__ import annotations

from random import Random

from blurbstudy.tasks.mini_blurb.language import Mention, Sentence
from blurbstudy.tasks.mini_blurb.tagging import (
    KEEP_PUNCTUATION,
    SPLIT_PUNCTUATION,
    document_start,
    lengths,
    pico,
    tagged,
    words,
)
from blurbstudy.tasks.mini_blurb.world import Entity

TEXT = "Fenmab-induced gout of the toe (GT) after fenmab solmab, p = 0.05."


def mentions(*spans, kind="drug", family=""):
    return tuple(
        Mention(TEXT.index(text, start), TEXT.index(text, start) + len(text), Entity(kind, family, (text,)))
        for text, start in spans
    )


def test_every_hyphen_and_point_is_a_word_of_bc5cdr():
    expected = ["Fenmab", "-", "induced", "gout", "of", "the", "toe", "(", "GT", ")"]
    assert words(TEXT, SPLIT_PUNCTUATION)[:10] == expected and words(TEXT, SPLIT_PUNCTUATION)[-6:] == [
        "p",
        "=",
        "0",
        ".",
        "05",
        ".",
    ]


def test_hyphens_and_points_inside_words_stay_in_jnlpba():
    assert words(TEXT, KEEP_PUNCTUATION)[:2] == ["Fenmab-induced", "gout"] and words(TEXT, KEEP_PUNCTUATION)[-4:] == [
        "p",
        "=",
        "0.05",
        ".",
    ]


def test_mentions_begin_with_b_even_beside_one_another():
    sentence = Sentence(TEXT, mentions(("Fenmab", 0), ("fenmab", 10), ("solmab", 0)))
    lines = tagged(sentence, ("drug",), word_pattern=SPLIT_PUNCTUATION)
    assert [line.split("\t") for line in lines[:3]] == [["Fenmab", "B"], ["-", "O"], ["induced", "O"]]
    assert lines[11:13] == ["fenmab\tB", "solmab\tB"] and lines[-1] == ""


def test_words_inside_a_mention_are_tagged_i_and_other_kinds_o():
    sentence = Sentence(TEXT, (*mentions(("gout of the toe", 0), kind="disease"), *mentions(("solmab", 0))))
    tags = [line.split("\t")[-1] for line in tagged(sentence, ("disease",), word_pattern=SPLIT_PUNCTUATION)]
    assert tags[3:7] == ["B", "I", "I", "I"] and set(tags[7:-1]) == {"O"}


def test_pico_has_no_tag_for_a_first_word():
    sentence = Sentence(TEXT, mentions(("gout of", 0), kind="PICO", family="OUT"))
    lines = tagged(sentence, ("PICO",), word_pattern=KEEP_PUNCTUATION, tag=pico)
    assert lines[1:4] == ["gout\tI-OUT", "of\tI-OUT", "the\tO"]


def test_a_document_starts_with_its_name_and_an_empty_line():
    assert document_start("94000001") == ["-DOCSTART- 94000001", ""]


def test_lengths_are_the_same_in_number_for_every_seed():
    drawn = [lengths(Random(seed), (2, 3, 4), 10) for seed in range(3)]
    assert drawn[0] != drawn[1] and {tuple(sorted(some)) for some in drawn} == {(2, 2, 2, 2, 3, 3, 3, 4, 4, 4)}
