"""Checks of entities against their texts. The faults of a file are raised together.

An entity whose text in the file is not the document's at its offsets, as where a tool normalized Greek letters, is a
fault unless the policy is to trust the offsets or to skip such entities. Offsets that fit the text under another way
of counting are never trusted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import DataError
from ..text.words import word_spans
from .lines import quote, raise_data_error

MISMATCH_POLICIES = ("refuse", "trust", "skip")
MAX_FAULTS = 10  # listed
MAX_LINE = 200  # characters of a listed fault
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

    def accepts(self, where: str, text: str, start: int, end: int, surface: str | None = None) -> bool:
        """Whether the entity at text[start:end] is kept; `surface` is its text in the file."""
        self.checked += 1
        problem, counting = None, ""
        if not 0 <= start <= end <= len(text):
            actual = f"characters {start} to {end} of a text of {len(text)}"
            problem = actual, "offsets inside the text with start before end", "correct them, or restore the text"
        elif surface is not None and _plain(text[start:end]) != _plain(surface):
            counting = _guess_offset_convention(text, start, end, _plain(surface))
            if self.policy == "skip":
                self.skipped += 1
                return False
            if self.policy == "trust" and not counting:
                self.trusted += 1
            else:
                actual = f"{quote(text[start:end])} at characters {start} to {end}, but {quote(surface)} as their text"
                remedy = f"they fit {counting}; count characters from 0" if counting else f"correct either; {GO_ON}"
                problem = actual, "equal texts", remedy
        if problem is None and not word_spans(text[start:end]):
            actual = f"an entity without a word at characters {start} to {end}"
            problem = actual, "at least one word", "correct or remove it"
        if problem is not None:
            self.conventions[counting] += 1
            self.faults.append((where, problem))
        return problem is None

    def raise_faults(self, path: Path) -> None:
        """Raise all faults, if there are any.

        Raises:
            DataError: names each place, at most MAX_FAULTS of them.
        """
        if not self.faults:
            return
        if len(self.faults) == 1:
            raise_data_error(self.faults[0][0], *self.faults[0][1])
        counting, n = self.conventions.most_common(1)[0]
        advice = f"{n} of these fit {counting}; count characters from 0" if counting else "correct text or offsets"
        if any(GO_ON in remedy for _, (_, _, remedy) in self.faults):
            advice += f"; {GO_ON}"
        faults = [(where.removeprefix(str(path)).lstrip(", /"), actual) for where, (actual, _, _) in self.faults]
        lines = [f"{place}: {actual}"[:MAX_LINE] for place, actual in faults]
        if len(lines) > MAX_FAULTS:
            lines = [*lines[:MAX_FAULTS], f"... and {len(lines) - MAX_FAULTS} more"]
        raise DataError(f"{path}: {len(self.faults)} of {self.checked} entities do not fit the text; {advice}", lines)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _guess_offset_convention(text: str, start: int, end: int, surface: str) -> str:
    """The convention under which the offsets fit the surface text, in words, or ""."""
    units = text.encode("utf-16-le", "surrogatepass")
    others = {
        "in bytes of UTF-8": text.encode(errors="surrogatepass")[start:end].decode(errors="replace"),
        "in units of UTF-16": units[2 * start : 2 * end].decode("utf-16-le", "replace"),
        "with CRLF as one character": text.replace("\r\n", "\n")[start:end],
        "counted from 1": text[max(0, start - 1) : max(0, end - 1)],
        "counted from 1 with an inclusive end": text[max(0, start - 1) : end],
        "with an inclusive end": text[start : end + 1],
    }
    return next((how for how, slice_text in others.items() if _plain(slice_text) == surface), "")
