"""Sentence splitting: spaCy's sentencizer, without splits at abbreviations common in abstracts, and with splits at
blank lines and after short lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .words import WORD_SPLITTERS, Span

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

# Words by role: starters begin a sentence even after an abbreviation.
_WORDS: dict[str, list[str]] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
# In lower case, without the last full stop. Each occurs more often inside a sentence than at its end.
ABBREVIATIONS = frozenset(_WORDS["abbreviations"])
_LAST_WORD = re.compile(r"[^\s([{,;]*$")
_INITIAL = re.compile(r"[A-Z]$")  # of a name, as in "E. coli" and "J. Smith"; also "of vitamin C. The"
_STARTERS = frozenset(_WORDS["starters"])
_FIRST_WORD = re.compile(r"\w*")
_OPENING_QUOTE = re.compile(r"(?<=\s)[(\[{\"'“‘«]+$")  # brackets and quotes that spaCy leaves in the previous sentence
_BREAK = re.compile(r"[ \t\r\f\v]*\n\s*")
_LOOKBACK = 100  # characters before a full stop that may belong to its word
_MAX_TOKEN_CHARS = 10_000  # characters without a space; spaCy's tokenizer is quadratic in longer ones
_MAX_CHARS_PER_PIPELINE = 20_000_000  # after which the pipeline is rebuilt
_LONG_TOKEN = re.compile(rf"\S{{{_MAX_TOKEN_CHARS},}}")


def sentence_spans(text: str) -> list[Span]:
    """(start, end) of each sentence, in order and without surrounding white space."""
    bounds = sorted({0, len(text), *_full_stop_ends(text), *_newline_ends(text)})
    spans = []
    for start, end in zip(bounds, bounds[1:], strict=False):
        part = text[start:end]
        if inner := part.strip():
            begins = start + len(part) - len(part.lstrip())
            spans.append((begins, begins + len(inner)))
    return spans


def sentence_words(text: str, rule: str) -> list[tuple[Span, ...]]:
    """The word spans of each sentence with a word, by a rule (key of WORD_SPLITTERS)."""
    sentences = []
    for start, end in sentence_spans(text):
        if words := WORD_SPLITTERS[rule](text[start:end]):
            sentences.append(tuple((start + a, start + b) for a, b in words))
    return sentences


def _full_stop_ends(text: str) -> Iterator[int]:
    """Positions at which a sentence starts after a full stop or a similar mark."""
    readable = _LONG_TOKEN.sub(lambda run: "x" * len(run.group()), text)
    starts = [sentence.start_char for sentence in _SENTENCIZER.parse(readable).sents]
    for start in starts[1:]:
        before = text[max(0, start - _LOOKBACK) : start]
        if opened := _OPENING_QUOTE.search(before):
            start, before = start - len(opened.group()), before[: opened.start()]
        if not _is_abbreviated(before.rstrip(), _matched(_FIRST_WORD.match(text, start))):
            yield start


def _matched(match: re.Match[str] | None) -> str:
    return match.group() if match else ""


def _is_abbreviated(before: str, following: str) -> bool:
    """Whether the full stop at the end of `before` belongs to an abbreviation and the sentence continues."""
    if not before.endswith(".") or before.endswith("..") or following in _STARTERS:
        return False
    word = _matched(_LAST_WORD.search(before[:-1]))
    return bool(_INITIAL.fullmatch(word)) or word.lower() in ABBREVIATIONS


def _newline_ends(text: str) -> Iterator[int]:
    """Positions at which a sentence starts after a line break: after a blank line, and after a line with room for the
    next word, which was therefore not wrapped for width.
    """
    if "\n" not in text:
        return
    lines = text.split("\n")
    width = max(map(len, lines))
    for gap in _BREAK.finditer(text):
        start, end = gap.span()
        line = start - (text.rfind("\n", 0, start) + 1)
        word = _matched(re.match(r"\S*", text[end : end + width]))
        if gap.group().count("\n") > 1 or line + 1 + len(word) < width:
            yield end


class _Sentencizer:
    """spaCy's sentencizer, rebuilt from time to time, since its vocabulary keeps every word it has seen. A memory zone
    per text would take ten times as long as the splitting itself.
    """

    def __init__(self) -> None:
        self._nlp: Language | None = None
        self._read = 0  # characters

    def parse(self, text: str) -> Doc:
        """The text with its sentences."""
        if self._nlp is None or self._read > _MAX_CHARS_PER_PIPELINE:
            self._nlp, self._read = _build_sentencizer(), 0
        self._read += len(text)
        return self._nlp(text)


def _build_sentencizer() -> Language:
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.max_length = 10**9  # the default limit protects parsers, which need memory by length
    return nlp


_SENTENCIZER = _Sentencizer()
