"""Checks of entities against their texts. The faults of a file are raised together.

An entity whose text in the file is not the document's at its offsets, as where a tool normalized Greek letters, is a
fault unless the policy is to trust the offsets or to skip such entities. Offsets that fit the text under another way
of counting are never trusted. Where the file has no texts of entities, offsets of which nearly all are inside words
are refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

from ...errors import DataError
from ..text.words import Span, word_spans
from .lines import kind_of_fault, quote, raise_data_error

MISMATCH_POLICIES = ("refuse", "trust", "skip")
MAX_FAULTS = 10  # listed
MAX_LINE = 200  # characters of a listed fault
MIN_COMPARED = 5  # entities without texts are judged by their words from this number on
SIMILAR = 0.5  # ratio of difflib from which on two texts may be the same
NEARLY_ALL = 0.8  # share of nearly all
AS_GIVEN = ""  # the way of counting of offsets from 0 with an exclusive end
FROM_PASSAGE = "from the start of their passage"
_UNSPACED = re.compile(  # scripts without blanks between words, and Korean, whose particles follow words
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)
Problem = tuple[str, str, str]  # found, expected, remedy
GO_ON = (
    "to go on, --trust-offsets keeps the offsets as they are and --skip-mismatched leaves such entities out "
    "(trust_offsets, skip_mismatched in Python and in a task file)"
)


@dataclass
class SpanChecks:
    """The entities of one file as checked so far."""

    policy: str = "refuse"  # one of MISMATCH_POLICIES
    checked: int = 0
    trusted: int = 0  # kept although their texts differ
    skipped: int = 0  # left out because their texts differ
    faults: list[tuple[str, Problem]] = field(default_factory=list)  # places, problems
    conventions: Counter[str] = field(default_factory=Counter)  # that faulty offsets fit
    unread: Counter[str] = field(default_factory=Counter)  # kind of annotation -> number that is not read
    compared: int = 0  # with their texts
    unlike: list[tuple[str, Problem]] = field(default_factory=list)  # whose texts are not even similar
    moved: Counter[str] = field(default_factory=Counter)  # convention -> entities without text that it moves
    inside_words: Counter[str] = field(default_factory=Counter)  # of these, inside words as given
    moved_to_words: Counter[str] = field(default_factory=Counter)  # and at words by the convention

    def accepts(
        self, where: str, text: str, start: int, end: int, surface: str | None = None, *, passage: Span | None = None
    ) -> bool:
        """Whether the entity at text[start:end] is kept; `surface` is its text in the file.

        Args:
            passage: the part of the text that the file names as the entity's.
        """
        self.checked += 1
        self.compared += surface is not None
        problem, counting = None, ""
        if not 0 <= start <= end <= len(text):
            actual = f"characters {start} to {end} of a text of {len(text)}"
            problem = actual, "offsets inside the text with start before end", "correct them, or restore the text"
        elif surface is None and passage and not passage[0] <= start <= end <= passage[1]:
            actual = f"an entity at characters {start} to {end}, outside its passage ({passage[0]} to {passage[1]})"
            counting = FROM_PASSAGE
            problem = actual, "offsets in the document", "add the passage's offset if they count from the passage"
        elif surface is None:
            self._count_at_words(text, start, end, passage)
        elif surface is not None and _plain(text[start:end]) != _plain(surface):
            counting = _guess_offset_convention(text, start, end, _plain(surface), passage)
            actual = f"{quote(text[start:end])} at characters {start} to {end}, but {quote(surface)} as their text"
            remedy = (
                f"they fit {counting}; count the document's characters from 0"
                if counting
                else f"correct either; {GO_ON}"
            )
            mismatch = actual, "equal texts", remedy
            if not counting and not _are_similar(text[start:end], surface):
                self.unlike.append((where, mismatch))
            if self.policy == "skip":
                self.skipped += 1
                return False
            if self.policy == "trust" and not counting:
                self.trusted += 1
            else:
                problem = mismatch
        if problem is None and not word_spans(text[start:end]):
            actual = f"an entity without a word at characters {start} to {end}"
            problem = actual, "at least one word", "correct or remove it"
        if problem is not None:
            self.conventions[counting] += 1
            self.faults.append((where, problem))
        return problem is None

    def _count_at_words(self, text: str, start: int, end: int, passage: Span | None) -> None:
        """Count under which ways of counting an entity begins and ends at words."""
        inner = text[start:end]  # blanks around it do not count
        at_words = _is_at_words(text, end - len(inner.lstrip()), start + len(inner.rstrip()))
        for counting, span in {**_conventions(text, start, end, passage), AS_GIVEN: None}.items():
            if span != (start, end):
                self.moved[counting] += 1
                self.inside_words[counting] += not at_words
                self.moved_to_words[counting] += span is not None and _is_at_words(text, *span)

    def _raise_inside_words(self, path: Path) -> None:
        """Raise a DataError if offsets fit another way of counting, or nearly all of them are inside words."""
        for counting, n in sorted(self.moved.items(), reverse=True):  # AS_GIVEN last
            advice = (
                f"they fit words {counting}; count the document's characters from 0, with the end after the last one"
            )
            is_wrong = n >= MIN_COMPARED and self.moved_to_words[counting] >= NEARLY_ALL * n
            if counting == AS_GIVEN:  # none of the others fits
                advice = "check that they count the characters of this text, from 0; if so, --trust-offsets"
                is_wrong = n >= 2 * MIN_COMPARED and self.policy != "trust"
            if is_wrong and (inside := self.inside_words[counting]) >= NEARLY_ALL * n:
                actual = f"{inside} of {n} entities without their text that begin or end inside a word"
                raise_data_error(str(path), actual, "offsets of whole words", advice)

    def raise_faults(self, path: Path) -> None:
        """Raise all faults, if there are any.

        Raises:
            DataError: names each place, at most MAX_FAULTS of them.
        """
        are_elsewhere = self.compared >= MIN_COMPARED and len(self.unlike) >= NEARLY_ALL * self.compared
        if are_elsewhere and self.policy == "trust":
            self.faults += self.unlike
            self.conventions[AS_GIVEN] += len(self.unlike)
        if not self.faults:
            self._raise_inside_words(path)
            return
        if len(self.faults) == 1:
            raise_data_error(self.faults[0][0], *self.faults[0][1])
        counting, n = self.conventions.most_common(1)[0]
        advice = (
            f"{n} of these fit {counting}; count the document's characters from 0"
            if counting
            else "correct text or offsets"
        )
        if are_elsewhere:
            advice = "nearly all have quite another text, so their offsets are not of this text; correct them"
        elif any(GO_ON in remedy for _, (_, _, remedy) in self.faults):
            advice += f"; {GO_ON}"
        lines: dict[str, str] = {}  # kind of fault (each text that differs is one) -> line
        more: Counter[str] = Counter()
        for where, problem in self.faults:
            actual = problem[0]
            kind = where + actual if "equal texts" in problem else kind_of_fault(actual)
            more[kind] += kind in lines
            lines.setdefault(kind, f"{where.removeprefix(str(path)).lstrip(', /')}: {actual}"[:MAX_LINE])
        lines = {kind: f"{line} (and {more[kind]} more)" if more[kind] else line for kind, line in lines.items()}
        listed = list(lines.values())[:MAX_FAULTS]
        if rest := sum(1 + more[kind] for kind in list(lines)[MAX_FAULTS:]):
            listed.append(f"... and {rest} more")
        raise DataError(f"{path}: {len(self.faults)} of {self.checked} entities do not fit the text; {advice}", listed)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _are_similar(text: str, other: str) -> bool:
    """Whether a tool may have made either text of the other."""
    a, b = (unicodedata.normalize("NFKD", side).casefold() for side in (text, other))
    return SequenceMatcher(None, a, b, autojunk=False).ratio() >= SIMILAR


def _guess_offset_convention(text: str, start: int, end: int, surface: str, passage: Span | None) -> str:
    """The convention under which the offsets fit the surface text, in words, or ""."""
    spans = _conventions(text, start, end, passage)
    return next((how for how, (a, b) in spans.items() if _plain(text[a:b]) == surface), "")


def _conventions(text: str, start: int, end: int, passage: Span | None) -> dict[str, Span]:
    """Other ways of counting, in words -> the span in characters from 0 that the offsets then mean."""
    spans: dict[str, Span] = {}
    if not text.isascii():
        for how, encoding, unit in (("in bytes of UTF-8", "utf-8", 1), ("in units of UTF-16", "utf-16-le", 2)):
            data = text.encode(encoding, "surrogatepass")
            a, b = (len(data[: unit * offset].decode(encoding, "ignore")) for offset in (start, end))
            spans[how] = a, b
    if breaks := [match.start() - i for i, match in enumerate(re.finditer("\r\n", text))]:
        a, b = (offset + sum(before < offset for before in breaks) for offset in (start, end))
        spans["with CRLF as one character"] = a, b
    if passage and passage[0]:
        spans[FROM_PASSAGE] = passage[0] + start, passage[0] + end
    before = max(0, start - 1)
    return spans | {
        "counted from 1": (before, max(0, end - 1)),
        "counted from 1 with an inclusive end": (before, end),
        "with an inclusive end": (start, end + 1),
    }


def _is_at_words(text: str, start: int, end: int) -> bool:
    """Whether a span begins and ends at words, and has no blank at either end."""
    inner = text[start:end]
    if not inner or inner != inner.strip() or end > len(text):
        return False
    return not any(0 < i < len(text) and _are_joined(text[i - 1], text[i]) for i in (start, end))


def _are_joined(before: str, after: str) -> bool:
    """Whether no word ends between two characters: not where a script has no blanks, as in 发烧, nor in 10mg."""
    if _UNSPACED.search(before + after):
        return False
    return before.isalnum() and after.isalnum() and before.isdigit() == after.isdigit()
