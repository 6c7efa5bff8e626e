"""Mentions decoded from a sentence's tags in three ways: strict IOB2, conlleval's rule, and IO.

strict: seqeval's mode="strict" with scheme=IOB2. default: seqeval without a mode, as conlleval (Tjong Kim Sang 2000).
Tags are bare (B, I, O: mentions of one type, named "") or typed (B-X, I-X).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from ..errors import ParameterError, check_choice

OUTSIDE = "O"
MAX_QUOTED = 40  # characters of an invalid tag shown in a message


class Mention(NamedTuple):
    """Words start to end - 1 of a sentence."""

    start: int
    end: int
    type: str  # "" for bare tags


def decode_tags(tags: Sequence[str], *, scheme: str = "strict") -> list[Mention]:
    """The mentions of one sentence, from left to right and without overlap.

    Args:
        scheme: key of DECODERS.

    Raises:
        ParameterError: the scheme is unknown, or a tag is not O, B, I, B-TYPE or I-TYPE.
    """
    check_choice("scheme", scheme, DECODERS)
    b_splits, i_begins = DECODERS[scheme]
    decoded: list[Mention] = []
    start, kind = -1, ""  # of the open mention; start -1: none
    for i, tag in enumerate(tags):
        if tag == OUTSIDE:  # most words
            if start >= 0:
                decoded.append(Mention(start, i, kind))
                start = -1
            continue
        prefix, tag_type = split_tag(tag)
        if start >= 0 and tag_type == kind and not (prefix == "B" and b_splits):
            continue
        if start >= 0:
            decoded.append(Mention(start, i, kind))
        start, kind = (i, tag_type) if prefix == "B" or i_begins else (-1, "")
    if start >= 0:
        decoded.append(Mention(start, len(tags), kind))
    return decoded


# scheme -> (B after a mention of its type starts another mention, I without a preceding mention starts one)
DECODERS: dict[str, tuple[bool, bool]] = {"strict": (True, False), "default": (True, True), "io": (False, True)}


def bio_to_io(tags: Sequence[str]) -> list[str]:
    """IO tags: every B becomes I. Adjacent mentions of one type merge irreversibly."""
    return [OUTSIDE if tag == OUTSIDE else _tag("I", split_tag(tag)[1]) for tag in tags]


def io_to_bio(tags: Sequence[str]) -> list[str]:
    """BIO tags in which each maximal run of one type is one mention."""
    bio = [OUTSIDE] * len(tags)
    for start, end, kind in decode_tags(tags, scheme="io"):
        bio[start:end] = [_tag("B", kind)] + [_tag("I", kind)] * (end - start - 1)
    return bio


def _tag(prefix: str, kind: str) -> str:
    return f"{prefix}-{kind}" if kind else prefix


@lru_cache(maxsize=4096)
def split_tag(tag: str) -> tuple[str, str]:
    """(prefix, type) of a tag.

    Raises:
        ParameterError: it is not O, B, I, B-TYPE or I-TYPE.
    """
    prefix, _, kind = tag.partition("-")
    if prefix not in ("B", "I") and tag != OUTSIDE:
        raise ParameterError(f"tag {tag[:MAX_QUOTED]!r} is unknown; expected O, B, I, B-TYPE or I-TYPE")
    return prefix, kind


def tag_pairs(gold: Sequence[str], predicted: Sequence[str]) -> list[tuple[list[str], list[str]]]:
    """(gold, predicted) tags of each sentence, split from strings such as "O B I".

    Raises:
        ParameterError: a sentence is not a string, or its numbers of gold and predicted tags differ.
    """
    pairs = []
    for i, (truth, guess) in enumerate(zip(gold, predicted, strict=True)):
        if not (isinstance(truth, str) and isinstance(guess, str)):
            bad = str(guess if isinstance(truth, str) else truth)
            raise ParameterError(f"example {i}: {bad[:MAX_QUOTED]!r} is not a string of tags; write it as 'O B I'")
        pair = truth.split(), guess.split()
        if len(pair[0]) != len(pair[1]):
            raise ParameterError(
                f"example {i}: {len(pair[1])} predicted tags for {len(pair[0])} words; give one tag per word"
            )
        pairs.append(pair)
    return pairs
