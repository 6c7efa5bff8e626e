"""Tags of every scheme become IOB2 with equal texts mentions, as seqeval reads them; what breaks a scheme is placed."""

import numpy as np
import pytest
from seqeval.scheme import IOB1, IOB2, IOBES, Entities

from blurbstudy.metrics import decode_tags
from blurbstudy.tasks.formats.tag_schemes import TagSchemeError, detect_scheme, to_bio

SEQEVAL = {"iob1": IOB1, "iob2": IOB2, "iobes": IOBES}


def random_spans(rng, n):
    """Mentions of a sentence of n words, often adjacent: (start, end, type)."""
    spans, at = [], 0
    while at < n:
        length = int(rng.integers(1, 4))
        if rng.random() < 0.6:
            spans.append((at, min(n, at + length), str(rng.choice(["Drug", "Gene-or-Protein"]))))
        at += length
    return spans


def written(spans, n, scheme):
    """The tags that each scheme's definition gives to these mentions."""
    tags = ["O"] * n
    for i, (start, end, kind) in enumerate(spans):
        inner = ["I"] * (end - start)
        touches = i > 0 and spans[i - 1][1] == start and spans[i - 1][2] == kind
        if scheme == "iob2" or (scheme == "iob1" and touches):
            inner[0] = "B"
        elif scheme in ("iobes", "bilou"):
            inner[0], inner[-1] = "B", "E" if scheme == "iobes" else "L"
            if len(inner) == 1:
                inner = ["S" if scheme == "iobes" else "U"]
        tags[start:end] = [f"{letter}-{kind}" for letter in inner]
    return tags


@pytest.mark.parametrize("scheme", ["iob1", "iob2", "iobes", "bilou"])
def test_random_mentions_survive_the_conversion_as_seqeval_reads_them(scheme):
    rng = np.random.default_rng(3)
    drawn = [random_spans(rng, 12) for _ in range(200)]
    sentences = [written(spans, 12, scheme) for spans in drawn]
    found = detect_scheme(sentences)
    assert found == {"bilou": "iobes"}.get(scheme, scheme)
    for spans, tags in zip(drawn, sentences, strict=True):
        bio = to_bio(tags, found)
        assert bio == written(spans, 12, "iob2")
        assert [tuple(mention) for mention in decode_tags(bio)] == spans
        if scheme in SEQEVAL:
            (oracle,) = Entities([tags], scheme=SEQEVAL[scheme]).entities
            assert [(one.start, one.end, one.tag) for one in oracle] == spans


@pytest.mark.parametrize(
    ("tags", "scheme", "bio"),
    [
        ("O I-X I-X O I-X I-Y", "iob1", "O B-X I-X O B-X B-Y"),
        ("I-X B-X I-X", "iob1", "B-X B-X I-X"),
        ("B-X I-X O B-X B-X", "iob2", "B-X I-X O B-X B-X"),
        ("B I O B", "iob2", "B I O B"),
        ("S-X B-X E-X B-Y I-Y E-Y", "iobes", "B-X B-X I-X B-Y I-Y I-Y"),
        ("U-X B-X L-X O", "iobes", "B-X B-X I-X O"),
        ("Drug Drug O Gene Drug", "io", "B-Drug I-Drug O B-Gene B-Drug"),
        ("O O", "iob2", "O O"),
    ],
)
def test_schemes_are_recognized_and_converted_by_hand(tags, scheme, bio):
    assert detect_scheme([tags.split()]) == scheme
    assert to_bio(tags.split(), scheme) == bio.split()


def test_io_tags_merge_adjacent_mentions_of_a_type():
    assert to_bio(["I-X", "I-X", "I-Y"], "io") == ["B-X", "I-X", "B-Y"]


def test_one_sentence_in_iob2_decides_for_all():
    assert detect_scheme([["I-X", "O"], ["I-X", "B-X"]]) == "iob1"
    assert detect_scheme([["O", "B-X", "I-X"], ["I-X", "O"]]) == "iob2"  # so that the second is named as broken


@pytest.mark.parametrize(
    ("tags", "scheme", "place"),
    [
        ("O I-X", "iob2", 1),
        ("B-X I-Y", "iob2", 1),
        ("B-X X", "iob2", 1),
        ("B-X E-X", "iob2", 1),
        ("O E-X", "iobes", 1),
        ("B-X O", "iobes", 1),
        ("B-X B-X E-X", "iobes", 1),
        ("B-X I-Y E-Y", "iobes", 1),
        ("S-X B-X", "iobes", 1),
        ("O B-", "iob1", 1),
    ],
)
def test_a_tag_that_its_scheme_does_not_allow_is_placed(tags, scheme, place):
    with pytest.raises(TagSchemeError) as caught:
        to_bio(tags.split(), scheme)
    assert caught.value.position == place
