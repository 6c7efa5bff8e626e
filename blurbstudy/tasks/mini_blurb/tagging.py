"""Sentences as lines of BLURB's tagged files: `word<TAB>tag`, and an empty line after each sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

from ..task import OUTSIDE
from .language import Mention, Sentence

# BC5CDR, NCBI-disease and BC2GM split at every hyphen, slash and point; the others, as GENIA, only at word edges.
SPLIT_PUNCTUATION = re.compile(r"\w+|[^\w\s]")
KEEP_PUNCTUATION = re.compile(r"\w+(?:[-./]\w+)*|[^\w\s]")


def words(text: str, pattern: re.Pattern[str]) -> list[str]:
    """The words of a text; punctuation marks are separate words."""
    return pattern.findall(text)


def bio(_: Mention, *, first: bool) -> str:
    """B for the first word of a mention, I for the others."""
    return "B" if first else "I"


def pico(mention: Mention, *, first: bool) -> str:  # noqa: ARG001 - EBM PICO has no tag for a first word
    """I- and the class, for first words too."""
    return f"I-{mention.entity.family}"


def tagged(sentence: Sentence, kinds: tuple[str, ...], *, word_pattern: re.Pattern[str], tag=bio) -> list[str]:
    """The lines of a sentence and the empty line after it; mentions of other kinds are tagged O."""
    mentions = [mention for mention in sentence.mentions if mention.entity.kind in kinds]
    return [*_lines(sentence.text, mentions, word_pattern, tag), ""]


def _lines(text: str, mentions: list[Mention], word_pattern: re.Pattern[str], tag) -> Iterator[str]:
    started = set()
    for word in word_pattern.finditer(text):
        inside = [m for m in mentions if m.start <= word.start() and word.end() <= m.end]
        yield f"{word[0]}\t{tag(inside[0], first=inside[0] not in started) if inside else OUTSIDE}"
        started.update(inside)


def document_start(name: str) -> list[str]:
    """The lines before a document's first sentence."""
    return [f"-DOCSTART- {name}", ""]


def lengths(rng: Random, sizes: tuple[int, ...], n: int) -> list[int]:
    """Random numbers of sentences of n documents, with equal frequencies and so a constant sum."""
    dealt = [sizes[i % len(sizes)] for i in range(n)]
    rng.shuffle(dealt)
    return dealt
