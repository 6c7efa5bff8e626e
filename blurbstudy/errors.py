"""User-facing errors: each message is one line that says what is wrong, where, and what to do. Lines after it list
places.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

MAX_QUOTED = 60  # characters of a wrong value in a message
_SYNONYMS = {"gpu": "cuda"}  # what people say -> what to suggest, though another choice is spelt more like it


def flat_message(error: BaseException | str) -> str:
    """The whole message of an error without line breaks."""
    return " ".join(str(error).split())


def typed_message(error: BaseException, *, length: int = 200) -> str:
    """Type and message of an error without line breaks, at most `length` characters."""
    return flat_message(f"{type(error).__name__}: {error}")[:length]


class StudyError(ValueError):
    """Base of the errors that the command line and notebooks show as one line, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of the traceback."""
        return [str(self)]


class ParameterError(StudyError):
    """A recipe, run, notebook or command-line parameter is unknown or out of bounds."""


class DataError(StudyError):
    """A dataset file is missing or malformed; the message names file, line and remedy.

    Args:
        message: one line.
        details: further lines, such as the places of several faults.
    """

    def __init__(self, message: str, details: Sequence[str] = ()) -> None:
        super().__init__("\n  ".join([message, *details]))
        self.details = tuple(details)


class DiskError(StudyError):
    """A file or folder cannot be written: the disk is full or read-only, or permission is denied."""


class CheckpointError(StudyError):
    """An encoder directory or Hub id cannot be loaded as one of the supported families."""


class ParityError(StudyError):
    """An exported model does not compute what the original computes."""


class Interrupted(StudyError):
    """A command was asked to stop; its finished work is kept."""


class StoreError(StudyError):
    """The run store cannot be read or written."""


def one_line(error: BaseException, *, length: int = 200) -> str:
    """The first line of an error's message, at most `length` characters; without a message, the error's type."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:length]


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like a name, or the only one that begins with it, letter case ignored; else None."""
    by_lower = {other.lower(): other for other in known}
    longer = [other for other in by_lower if name and other.startswith(name.lower())]
    if len(longer) == 1:
        return by_lower[longer[0]]
    close = difflib.get_close_matches(_SYNONYMS.get(name.lower(), name.lower()), by_lower, n=1)
    return by_lower[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """What to use instead of an unknown name: the closest known name.

    Args:
        otherwise: the advice where no known name is like it (default: to use one of the known names).
    """
    names = list(known)
    close = closest(name, names)
    return f"did you mean {close!r}?" if close else otherwise or f"use {any_of(names)}"


def count_of(count: int, noun: str) -> str:
    """`1 document`, `2 documents`, `2 entities`."""
    several = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else several}"


def any_of(names: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Check that the value of an argument is one of a few.

    Raises:
        ParameterError: it is not; the message has the choice that is most like it, or else all of them.
    """
    known = list(choices)
    if value not in known:
        raise ParameterError(f"{name}={str(value)[:MAX_QUOTED]!r} is unknown; {did_you_mean(str(value), known)}")
