"""Mentions decoded from a sentence's tags in three ways: strict IOB2, conlleval's rule, and IO.

strict: seqeval's mode="strict" with scheme=IOB2. default: seqeval without a mode, as conlleval (Tjong Kim Sang 2000).
Tags are bare (B, I, O: mentions of one type, named "") or typed (B-X, I-X).

The gold label of a sentence of raw text lists its mentions after the tags where tags cannot express them: nested
mentions, and those that begin or end inside a word, which no prediction can match.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from ..errors import ParameterError, check_choice

OUTSIDE = "O"
GOLD_MARK = " | "  # between the tags and the mentions of a gold label: "O B-X | 1:2:X 0.5:2:Y"
MAX_QUOTED = 40  # characters of an invalid tag shown in a message


class Mention(NamedTuple):
    """Words start to end - 1 of a sentence."""

    start: int  # of gold mentions that begin or end inside a word, a fraction
    end: int
    type: str  # "" for bare tags


def decode_tags(tags: Sequence[str], *, scheme: str = "strict") -> list[Mention]:
    """The mentions of one sentence, from left to right and without overlap.
    `scheme`: key of DECODERS.
    Raises ParameterError: the scheme is unknown, or a tag is not O, B, I, B-TYPE or I-TYPE.
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


def gold_label(tags: Sequence[str], mentions: Sequence[Mention], *, words: bool = False) -> str:
    """The gold label of a sentence: its tags, followed by the mentions unless the tags express them.
    `words`: the mentions are of one word each, for `gold_words`.
    """
    joined = " ".join(tags)
    if list(mentions) == (gold_words(joined) if words else decode_tags(tags)):
        return joined
    return joined + GOLD_MARK + " ".join(f"{m.start}:{m.end}:{m.type}" for m in mentions)


def split_gold(label: str) -> tuple[list[str], list[Mention] | None]:
    """The tags of a gold label (or of a prediction), and the mentions that it lists; None if it lists none."""
    tags, mark, listed = label.partition(GOLD_MARK)
    return tags.split(), [_listed_mention(text) for text in listed.split()] if mark else None


def _listed_mention(text: str) -> Mention:
    start, end, kind = text.split(":", 2)
    return Mention(float(start), float(end), kind)  # pyright: ignore[reportArgumentType]  # 1.0 equals 1


def gold_mentions(label: str, *, scheme: str = "strict") -> list[Mention]:
    """The mentions of a gold label: those listed, or those of its tags."""
    tags, listed = split_gold(label)
    return decode_tags(tags, scheme=scheme) if listed is None else listed


def gold_words(label: str) -> list[Mention]:
    """The words of a gold label that are inside mentions, each as a mention of one word, and as a part of a word where
    a mention covers only a part.
    """
    tags, listed = split_gold(label)
    if listed is not None:
        return listed
    return [Mention(i, i + 1, split_tag(tag)[1]) for i, tag in enumerate(tags) if tag != OUTSIDE]


def bio_to_io(tags: Sequence[str]) -> list[str]:
    """IO tags: every B becomes I. Adjacent mentions of one type merge irreversibly."""
    return [OUTSIDE if tag == OUTSIDE else _tag("I", split_tag(tag)[1]) for tag in tags]


def io_to_bio(tags: Sequence[str], *, scheme: str = "io") -> list[str]:
    """Strict BIO tags of the same mentions, of IO tags those of each maximal run of one type.
    `scheme`: of `tags`, key of DECODERS.
    """
    bio = [OUTSIDE] * len(tags)
    for start, end, kind in decode_tags(tags, scheme=scheme):
        bio[start:end] = [_tag("B", kind)] + [_tag("I", kind)] * (end - start - 1)
    return bio


def _tag(prefix: str, kind: str) -> str:
    return f"{prefix}-{kind}" if kind else prefix


@lru_cache(maxsize=4096)
def split_tag(tag: str) -> tuple[str, str]:
    """(prefix, type) of a tag. Raises ParameterError: it is not O, B, I, B-TYPE or I-TYPE."""
    prefix, _, kind = tag.partition("-")
    if prefix not in ("B", "I") and tag != OUTSIDE:
        raise ParameterError(f"tag {tag[:MAX_QUOTED]!r} is unknown; expected O, B, I, B-TYPE or I-TYPE")
    return prefix, kind


def tag_pairs(gold: Sequence[str], predicted: Sequence[str]) -> list[tuple[list[str], list[str]]]:
    """(gold, predicted) tags of each sentence, split from strings such as "O B I"; mentions that gold lists are left
    out.
    Raises ParameterError: a sentence is not a string, or its numbers of gold and predicted tags differ.
    """
    pairs = []
    for i, (truth, guess) in enumerate(zip(gold, predicted, strict=True)):
        if not (isinstance(truth, str) and isinstance(guess, str)):
            bad = str(guess if isinstance(truth, str) else truth)
            raise ParameterError(f"example {i}: {bad[:MAX_QUOTED]!r} is not a string of tags; write it as 'O B I'")
        pair = split_gold(truth)[0], guess.split()
        if len(pair[0]) != len(pair[1]):
            raise ParameterError(
                f"example {i}: {len(pair[1])} predicted tags for {len(pair[0])} words; give one tag per word"
            )
        pairs.append(pair)
    return pairs


def mention_pairs(
    gold: Sequence[str], predicted: Sequence[str], *, scheme: str = "strict"
) -> list[tuple[list[Mention], list[Mention]]]:
    """(gold, predicted) mentions of each sentence. Raises as `tag_pairs`."""
    pairs = zip(gold, tag_pairs(gold, predicted), strict=True)
    return [(gold_mentions(label, scheme=scheme), decode_tags(guess, scheme=scheme)) for label, (_, guess) in pairs]
