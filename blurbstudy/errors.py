"""Failures that a person can mend: each message says what was wrong, where, and what to do."""

from __future__ import annotations


def one_line(error: BaseException) -> str:
    """The message of an error without line breaks."""
    return " ".join(str(error).split())


class StudyError(ValueError):
    """Base of every failure shown to the user as one line, without a traceback."""


class ParameterError(StudyError):
    """A recipe, run, notebook or command-line parameter is unknown or out of bounds."""


class DataError(StudyError):
    """A dataset file is missing or malformed; the message names file, line and remedy."""


class CheckpointError(StudyError):
    """An encoder directory or Hub id cannot be loaded as one of the supported families."""


class Interrupted(StudyError):
    """Somebody asked a command to stop; what it had done is kept."""


class StoreError(StudyError):
    """The run store cannot be read or written."""
