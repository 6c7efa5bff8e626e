"""Sentences into words and their tags, laid out as BLURB's tagged files: `word<TAB>tag`, an empty line after each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

from ..task import OUTSIDE
from .language import Mention, Sentence

# BC5CDR, NCBI-disease and BC2GM part words at every hyphen, slash and point; the others, as GENIA, only at their ends.
PARTED = re.compile(r"\w+|[^\w\s]")
WHOLE = re.compile(r"\w+(?:[-./]\w+)*|[^\w\s]")


def words(text: str, pattern: re.Pattern[str]) -> list[str]:
    """The words of a text; a punctuation mark is one of its own."""
    return pattern.findall(text)


def bio(_: Mention, *, first: bool) -> str:
    """B for the first word of a mention, I for the others."""
    return "B" if first else "I"


def pico(mention: Mention, *, first: bool) -> str:  # noqa: ARG001 - EBM PICO has no tag for a first word
    """I- and the class, for first words too."""
    return f"I-{mention.entity.family}"


def tagged(sentence: Sentence, kinds: tuple[str, ...], *, parting: re.Pattern[str], tag=bio) -> list[str]:
    """The lines of a sentence, the empty one after it included; mentions of other kinds are outside."""
    mentions = [mention for mention in sentence.mentions if mention.entity.kind in kinds]
    return [*_lines(sentence.text, mentions, parting, tag), ""]


def _lines(text: str, mentions: list[Mention], parting: re.Pattern[str], tag) -> Iterator[str]:
    begun = set()
    for word in parting.finditer(text):
        inside = [m for m in mentions if m.start <= word.start() and word.end() <= m.end]
        yield f"{word[0]}\t{tag(inside[0], first=inside[0] not in begun) if inside else OUTSIDE}"
        begun.update(inside)


def document_start(name: str) -> list[str]:
    """The lines before a document's first sentence."""
    return [f"-DOCSTART- {name}", ""]


def lengths(rng: Random, sizes: tuple[int, ...], n: int) -> list[int]:
    """Numbers of sentences of n documents, each size as often as the others, so that their sum is the same."""
    dealt = [sizes[i % len(sizes)] for i in range(n)]
    rng.shuffle(dealt)
    return dealt
