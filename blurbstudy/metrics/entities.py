"""Mentions from the tags of a sentence's words, read in three ways: strict IOB2, conlleval's, and IO.

Strict is seqeval's mode="strict", scheme=IOB2; default is seqeval without a mode, which is conlleval (Tjong Kim Sang
2000). Tags are bare (B, I, O: mentions of one type, named "") or typed (B-X, I-X).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from ..errors import ParameterError

OUTSIDE = "O"
SHOWN = 40  # characters of a bad tag that a message quotes


class Mention(NamedTuple):
    """Words start to end - 1 of a sentence."""

    start: int
    end: int
    type: str  # "" for bare tags


def mentions(tags: Sequence[str], *, reading: str = "strict") -> list[Mention]:
    """The mentions of one sentence from left to right; they never overlap. `reading` is a key of READINGS.

    Raises:
        ParameterError: the reading is unknown, or a tag is not O, B, I, B-TYPE or I-TYPE.
    """
    if reading not in READINGS:
        raise ParameterError(f"reading={reading!r} is unknown; use {', '.join(READINGS)}")
    b_splits, i_begins = READINGS[reading]
    found: list[Mention] = []
    start, kind = -1, ""  # of the open mention; start -1: none is open
    for i, tag in enumerate(tags):
        if tag == OUTSIDE:  # most words
            if start >= 0:
                found.append(Mention(start, i, kind))
                start = -1
            continue
        prefix, own = parts(tag)
        if start >= 0 and own == kind and not (prefix == "B" and b_splits):
            continue
        if start >= 0:
            found.append(Mention(start, i, kind))
        start, kind = (i, own) if prefix == "B" or i_begins else (-1, "")
    if start >= 0:
        found.append(Mention(start, len(tags), kind))
    return found


# reading -> (whether a B next to a mention of its type begins another, whether an I that continues none begins one)
READINGS: dict[str, tuple[bool, bool]] = {"strict": (True, False), "default": (True, True), "io": (False, True)}


def bio_to_io(tags: Sequence[str]) -> list[str]:
    """IO tags: I wherever there was B. Adjacent mentions of one type merge, which nothing can undo.

    Raises:
        ParameterError: a tag is not O, B, I, B-TYPE or I-TYPE.
    """
    return [OUTSIDE if tag == OUTSIDE else _tag("I", parts(tag)[1]) for tag in tags]


def io_to_bio(tags: Sequence[str]) -> list[str]:
    """BIO tags in which each longest run of one type is one mention: B at its first word.

    Raises:
        ParameterError: a tag is not O, B, I, B-TYPE or I-TYPE.
    """
    bio = [OUTSIDE] * len(tags)
    for start, end, kind in mentions(tags, reading="io"):
        bio[start:end] = [_tag("B", kind)] + [_tag("I", kind)] * (end - start - 1)
    return bio


def _tag(prefix: str, kind: str) -> str:
    return f"{prefix}-{kind}" if kind else prefix


@lru_cache(maxsize=4096)
def parts(tag: str) -> tuple[str, str]:
    """(prefix, type) of a tag.

    Raises:
        ParameterError: it is not O, B, I, B-TYPE or I-TYPE.
    """
    prefix, _, kind = tag.partition("-")
    if prefix not in ("B", "I") and tag != OUTSIDE:
        raise ParameterError(f"tag {tag[:SHOWN]!r} is unknown; expected O, B, I, B-TYPE or I-TYPE")
    return prefix, kind


def tag_pairs(gold: Sequence[str], predicted: Sequence[str]) -> list[tuple[list[str], list[str]]]:
    """The tags of each sentence's words, gold and predicted, from their form in one string ("O B I").

    Raises:
        ParameterError: a sentence is no string, or has another number of predicted tags than of gold ones.
    """
    pairs = []
    for i, (truth, guess) in enumerate(zip(gold, predicted, strict=True)):
        if not (isinstance(truth, str) and isinstance(guess, str)):
            bad = str(guess if isinstance(truth, str) else truth)
            raise ParameterError(f"example {i}: {bad[:SHOWN]!r} is no sentence's tags; give them as 'O B I'")
        pair = truth.split(), guess.split()
        if len(pair[0]) != len(pair[1]):
            raise ParameterError(
                f"example {i}: {len(pair[1])} predicted tags for {len(pair[0])} words; give one tag for each word"
            )
        pairs.append(pair)
    return pairs
