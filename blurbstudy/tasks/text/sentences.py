"""Sentences of a text: spaCy's sentencizer, which ends one at every full stop, without the ends that it sees at
abbreviations of abstracts, and with those that a blank or a short line makes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

    from .words import Span

# In lower case and without the last full stop. None of them ends a sentence as often as it stands inside one.
ABBREVIATIONS = {
    "al", "approx", "assoc", "ave", "ca", "cf", "ch", "co", "dept", "dr", "ed", "eds", "eq", "eqs", "etc", "e.g",
    "eg", "expt", "exp", "fig", "figs", "i.e", "ie", "inc", "jr", "lat", "ltd", "max", "min", "mr", "mrs", "ms", "mt",
    "no", "nos", "nr", "op", "p.o", "pp", "prof", "ref", "refs", "resp", "sect", "sp", "spp", "ssp", "st", "str",
    "subsp", "suppl", "tab", "var", "vol", "vols", "vs", "viz", "i.v", "i.p", "i.m", "s.c", "b.i.d", "q.d", "u.s",
    "v/v", "w/v", "w/w",
}  # fmt: skip
_LAST_WORD = re.compile(r"[^\s([{,;]*$")
_INITIAL = re.compile(r"[A-Z]$")  # of a name, as in "E. coli" and "J. Smith"; and "of vitamin C. The"
_STARTERS = {
    "A", "All", "Although", "An", "As", "At", "Both", "But", "By", "Conclusion", "Conclusions", "Each", "For", "From",
    "Further", "Furthermore", "Here", "However", "If", "In", "It", "Its", "Method", "Methods", "Moreover", "No",
    "None", "Of", "On", "Our", "Patients", "Result", "Results", "Since", "Some", "That", "The", "Their", "There",
    "Therefore", "These", "They", "This", "Thus", "Those", "Three", "To", "Two", "Using", "We", "When", "Whereas",
    "Whether", "While", "With",
}  # fmt: skip
_FIRST_WORD = re.compile(r"\w*")
_OPENED = re.compile(r"(?<=\s)[(\[{\"'“‘«]+$")  # brackets and quotes that spaCy leaves at the sentence before
_BREAK = re.compile(r"[ \t\r\f\v]*\n\s*")
_NEAR = 100  # characters before a stop in which its word is looked for
_TOO_LONG = 10_000  # characters without a space, which spaCy's tokenizer would look at again and again
_KEPT = 20_000_000  # characters whose words are kept
_RUN = re.compile(rf"\S{{{_TOO_LONG},}}")


def sentence_spans(text: str) -> list[Span]:
    """Where the sentences of a text stand, in order and without the white space around them."""
    bounds = sorted({0, len(text), *_stops(text), *_line_ends(text)})
    spans = []
    for start, end in zip(bounds, bounds[1:], strict=False):
        part = text[start:end]
        if inner := part.strip():
            begins = start + len(part) - len(part.lstrip())
            spans.append((begins, begins + len(inner)))
    return spans


def _stops(text: str) -> Iterator[int]:
    """Behind which characters a full stop, or another mark of its kind, ends a sentence."""
    readable = _RUN.sub(lambda run: "x" * len(run.group()), text)
    starts = [sentence.start_char for sentence in _SENTENCIZER.of(readable).sents]
    for start in starts[1:]:
        before = text[max(0, start - _NEAR) : start]
        if opened := _OPENED.search(before):
            start, before = start - len(opened.group()), before[: opened.start()]
        if not _is_abbreviated(before.rstrip(), _FIRST_WORD.match(text, start).group()):
            yield start


def _is_abbreviated(before: str, following: str) -> bool:
    """Whether the full stop at the end of `before` is an abbreviation's, and the sentence goes on."""
    if not before.endswith(".") or before.endswith("..") or following in _STARTERS:
        return False
    word = _LAST_WORD.search(before[:-1]).group()
    return bool(_INITIAL.fullmatch(word)) or word.lower() in ABBREVIATIONS


def _line_ends(text: str) -> Iterator[int]:
    """Where a line break ends a sentence: at a blank line, and where the next line's first word had room in the line,
    so that nobody broke it for width.
    """
    if "\n" not in text:
        return
    lines = text.split("\n")
    width = max(map(len, lines))
    for gap in _BREAK.finditer(text):
        start, end = gap.span()
        line = start - (text.rfind("\n", 0, start) + 1)
        word = re.match(r"\S*", text[end : end + width]).group()
        if gap.group().count("\n") > 1 or line + 1 + len(word) < width:
            yield end


class _Sentencizer:
    """spaCy's, made anew after so much text: it keeps every word it has seen, and a zone of its own for the words of
    each text would cost ten times as much as the splitting.
    """

    def __init__(self) -> None:
        self._nlp: Language | None = None
        self._read = 0  # characters

    def of(self, text: str) -> Doc:
        """The text, with its sentences."""
        if self._nlp is None or self._read > _KEPT:
            self._nlp, self._read = _made(), 0
        self._read += len(text)
        return self._nlp(text)


def _made() -> Language:
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.max_length = 10**9  # its limit is one of parsers, which need memory by the length
    return nlp


_SENTENCIZER = _Sentencizer()
