"""User-facing errors: each message is one line that says what is wrong, where, and what to do. Lines after it list
places.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


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


class Interrupted(StudyError):
    """A command was asked to stop; its finished work is kept."""


class StoreError(StudyError):
    """The run store cannot be read or written."""


def one_line(error: BaseException, *, length: int = 200) -> str:
    """The first line of an error's message, at most `length` characters; without a message, the error's type."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:length]


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str) -> str:
    """What to use instead of an unknown name: the known name that is most like it, letter case ignored.

    Args:
        otherwise: the advice where no known name is like it.
    """
    by_lower = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"did you mean {by_lower[close[0]]!r}?" if close else otherwise
