"""Mentions read from tags, and conversion between BIO and IO."""

from __future__ import annotations

import numpy as np
import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.metrics import bio_to_io, decode_tags, io_to_bio


def spans(tags: str, reading: str = "strict") -> list[tuple[int, int, str]]:
    return [tuple(mention) for mention in decode_tags(tags.split(), scheme=reading)]


def test_an_i_that_continues_no_b_is_no_mention_when_strict():
    assert spans("O I I O B I I") == [(4, 7, "")]
    assert spans("B-GENE I-DRUG I-DRUG") == [(0, 1, "GENE")]
    assert spans("I B") == [(1, 2, "")]


def test_an_i_after_o_starts_a_mention_by_default_as_in_conlleval():
    assert spans("O I I O B I I", "default") == [(1, 3, ""), (4, 7, "")]
    assert spans("B-GENE I-DRUG I-DRUG", "default") == [(0, 1, "GENE"), (1, 3, "DRUG")]
    assert spans("I B", "default") == [(0, 1, ""), (1, 2, "")]


def test_io_reads_the_longest_runs_of_one_type():
    assert spans("B B I O I", "io") == [(0, 3, ""), (4, 5, "")]
    assert spans("I-PAR I-PAR I-OUT O B-OUT", "io") == [(0, 2, "PAR"), (2, 3, "OUT"), (4, 5, "OUT")]


@pytest.mark.parametrize("reading", ["strict", "default", "io"])
def test_a_sentence_without_words_or_mentions_has_none(reading):
    assert spans("", reading) == spans("O O", reading) == []


def test_bio_to_io_and_back_merges_adjacent_mentions_of_one_type_alone():
    assert bio_to_io(["B", "I", "B", "O", "B-X", "I-X"]) == ["I", "I", "I", "O", "I-X", "I-X"]
    assert io_to_bio(bio_to_io(["B", "I", "B", "O", "B"])) == ["B", "I", "I", "O", "B"]
    assert io_to_bio(["I-X", "I-Y", "I-Y", "O", "I-Y"]) == ["B-X", "B-Y", "I-Y", "O", "B-Y"]
    assert io_to_bio([]) == bio_to_io([]) == []


def test_io_to_bio_is_well_formed_and_keeps_what_io_says():
    rng = np.random.default_rng(0)
    for _ in range(300):
        tags = rng.choice(["O", "B", "I", "B-X", "I-X", "I-Y"], rng.integers(1, 12)).tolist()
        bio = io_to_bio(tags)
        assert bio_to_io(bio) == bio_to_io(tags)
        assert decode_tags(bio) == decode_tags(bio, scheme="default") == decode_tags(tags, scheme="io")


@pytest.mark.parametrize("tag", ["E", "S-X", "Brain", "o", "", "O-X", "-"])
def test_an_unknown_tag_is_refused(tag):
    for convert in (decode_tags, bio_to_io, io_to_bio):
        with pytest.raises(ParameterError, match=f"tag '{tag}' is unknown; expected O, B, I, B-TYPE or I-TYPE"):
            convert(["O", tag])


def test_a_long_bad_tag_is_not_quoted_in_full():
    with pytest.raises(ParameterError) as refusal:
        decode_tags(["w" * 500])
    assert len(str(refusal.value)) < 120


def test_an_unknown_scheme_is_refused():
    with pytest.raises(ParameterError, match="scheme='bioes' is unknown; use strict, default or io"):
        decode_tags(["O"], scheme="bioes")
