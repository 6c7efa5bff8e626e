"""Outputs that outlive a stop: what is whole is noted beside them after every chunk; the same command goes on there.

Beside FILE lies FILE.unfinished, in a folder of brat's files .unfinished, until everything is written. It says how many
documents were read, how long the output then was, and what decides the rest: model, settings, and the input so far.
One process at a time writes an output; a second is refused.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TextIO

from ...errors import ParameterError
from ...filesystem import atomic_write, disk_errors, file_lock
from ...tasks import Task
from ..predictor import Prediction
from .formats import BRAT, WRITERS, brat_files

UNFINISHED = ".unfinished"
LOCK = f"{UNFINISHED}.lock"
HINT = "name another file (--to)"


class Output(Protocol):
    """Where predictions go."""

    done: int  # items of the input that an earlier run has dealt with

    def begin(self) -> None:
        """Once, before all predictions."""

    def write(self, predictions: Sequence[Prediction], *, items: int, digest: str) -> None:
        """A chunk; afterwards so many items of the input are dealt with, whose digest is told."""

    def check(self, digest: str) -> None:
        """Refuses an input that does not begin with what an earlier run has dealt with."""

    def end(self) -> None:
        """Once, when everything is written."""

    def close(self) -> None:
        """At last, whether everything is written or not."""


class StreamOutput:
    """Standard output, or another open stream: nothing is noted."""

    def __init__(self, stream: TextIO, task: Task, form: str) -> None:
        self.done = 0
        self._stream, self._task, self._writer = stream, task, WRITERS[form]

    def begin(self) -> None:
        self._stream.write(self._writer.begin(self._task))

    def write(self, predictions: Sequence[Prediction], *, items: int, digest: str) -> None:
        self._stream.write("".join(self._writer.document(one, self._task) for one in predictions))
        self._stream.flush()

    def check(self, digest: str) -> None:
        return

    def end(self) -> None:
        self._stream.write(self._writer.end(self._task))
        self._stream.flush()

    def close(self) -> None:
        return


class FileOutput:
    """A new file, or one that an earlier run left unfinished.

    Args:
        decisive: what decides the output beside the input; plain values.

    Raises:
        ParameterError: a file is there that is finished, or was begun with other settings.
    """

    def __init__(self, path: Path, task: Task, form: str, *, decisive: Mapping[str, Any]) -> None:
        self._path, self._task, self._writer = path, task, WRITERS[form]
        self._note = Note(path.with_name(path.name + UNFINISHED), path, decisive)
        if path.is_dir():
            raise ParameterError(f"{path}: is a folder; name a file for --format {form} (brat writes folders)")
        if path.exists() and not self._note.found:
            raise ParameterError(f"{path}: is there already and stays as it is; name another file or remove it")
        self.done = self._note.items
        self._bytes = self._note.bytes if path.exists() else 0
        if self.done and (not path.exists() or path.stat().st_size < self._bytes):
            raise ParameterError(f"{path}: is shorter than it was; remove {self._note.path} to begin anew")
        self._file: Any = None
        self._lock = contextlib.ExitStack()

    def begin(self) -> None:
        with disk_errors(self._path, HINT):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._note.lock(self._lock)
            self._file = self._path.open("r+b" if self._path.exists() else "x+b")
            if not self._note.found and os.fstat(self._file.fileno()).st_size:  # another has come and gone meanwhile
                raise self._note.of_another()
            if not self._note.found:
                self._note.write(items=0, bytes=0, digest="")
            self._file.truncate(self._bytes)  # what was written after the last note
            self._file.seek(self._bytes)
            if not self._bytes:
                self._put(self._writer.begin(self._task))

    def write(self, predictions: Sequence[Prediction], *, items: int, digest: str) -> None:
        with disk_errors(self._path, HINT):
            self._put("".join(self._writer.document(one, self._task) for one in predictions))
            os.fsync(self._file.fileno())
            self._note.write(items=items, bytes=self._bytes, digest=digest)

    def check(self, digest: str) -> None:
        self._note.check(digest)

    def end(self) -> None:
        with disk_errors(self._path, HINT):
            self._put(self._writer.end(self._task))
            os.fsync(self._file.fileno())
            self._note.path.unlink()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._lock.close()

    def _put(self, text: str) -> None:
        data = text.encode()
        self._file.write(data)
        self._file.flush()
        self._bytes += len(data)


class BratOutput:
    """A new or empty folder of brat's files, or one that an earlier run left unfinished.

    Raises:
        ParameterError: the folder holds something else, or was begun with other settings.
    """

    def __init__(self, folder: Path, *, decisive: Mapping[str, Any]) -> None:
        self._folder = folder
        self._note = Note(folder / UNFINISHED, folder, decisive)
        if folder.exists() and not folder.is_dir():
            raise ParameterError(f"{folder}: is a file; brat's files need a folder")
        if not self._note.found and folder.exists() and self._files():
            raise ParameterError(f"{folder}: holds files already; name a new folder, or an empty one")
        self.done = self._note.items
        self._lock = contextlib.ExitStack()

    def begin(self) -> None:
        with disk_errors(self._folder, HINT):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._note.lock(self._lock)
            if not self._note.found and self._files():  # another process has written and finished meanwhile
                raise self._note.of_another()
            if not self._note.found:
                self._note.write(items=0, bytes=0, digest="")

    def write(self, predictions: Sequence[Prediction], *, items: int, digest: str) -> None:
        with disk_errors(self._folder, HINT):
            for prediction in predictions:
                for name, text in brat_files(prediction).items():
                    (self._folder / name).write_bytes(text.encode())  # line ends as they are
            self._note.write(items=items, bytes=0, digest=digest)

    def check(self, digest: str) -> None:
        self._note.check(digest)

    def end(self) -> None:
        with disk_errors(self._folder, HINT):
            self._note.path.unlink()

    def close(self) -> None:
        self._lock.close()

    def _files(self) -> list[Path]:
        return [file for file in self._folder.iterdir() if file.name != LOCK]


class Note:
    """What is noted beside an unfinished output."""

    def __init__(self, path: Path, output: Path, decisive: Mapping[str, Any]) -> None:
        self.path, self._output = path, output
        self._decisive = {"version": 1, **decisive}
        self.found, self.items, self.bytes, self._digest = path.is_file(), 0, 0, ""
        if self.found:
            self._read()

    def write(self, *, items: int, bytes: int, digest: str) -> None:  # noqa: A002 (the unit)
        """Replaces the note at once."""
        told = {"items": items, "bytes": bytes, "digest": digest, "decisive": self._decisive}
        atomic_write(self.path, json.dumps(told, indent=1) + "\n")
        self.found = True

    def lock(self, stack: contextlib.ExitStack) -> None:
        """Hold the lock of the output until the stack closes.

        Raises:
            ParameterError: another process holds it, or has written since the note was read.
        """
        lock = self.path.with_name(self.path.name + ".lock")
        if not stack.enter_context(file_lock(lock, wait=False, remove=True)) or self.is_changed():
            raise self.of_another()

    def check(self, digest: str) -> None:
        """Refuses another input than the one that was begun with.

        Raises:
            ParameterError: it is another.
        """
        if digest != self._digest:
            raise self._other("input", "its first documents are others")

    def is_changed(self) -> bool:
        """Whether somebody has written it, or let go of it, since it was read here."""
        found, items = self.found, self.items
        self.found = self.path.is_file()
        if self.found:
            self._read()
        return (self.found, self.items) != (found, items)

    def of_another(self) -> ParameterError:
        """What a process is told that finds another at work."""
        return ParameterError(f"{self._output}: another process is writing it; wait for that, or name another output")

    def _read(self) -> None:
        try:
            told = json.loads(self.path.read_text(encoding="utf-8"))
            self.items, self.bytes, self._digest = int(told["items"]), int(told["bytes"]), str(told["digest"])
            before = dict(told["decisive"])
        except (OSError, ValueError, KeyError, TypeError):
            raise ParameterError(f"{self.path}: cannot be read; remove it and {self._output} to begin anew") from None
        for name, value in json.loads(json.dumps(self._decisive)).items():
            if before.get(name) != value:
                raise self._other(name, f"{before.get(name)!r} then, {value!r} now")

    def _other(self, name: str, how: str) -> ParameterError:
        return ParameterError(
            f"{self._output}: was begun with another {name} ({how}); go on with the same, or remove {self._output} and "
            f"{self.path} to begin anew"
        )


def open_output(to: Path | None, stream: TextIO, task: Task, form: str, *, decisive: Mapping[str, Any]) -> Output:
    """The output of a command: a file, a folder, or a stream where none is named.

    Raises:
        ParameterError: brat's files without a folder; or what is there cannot be gone on with.
    """
    if form == BRAT:
        if to is None:
            raise ParameterError("--format brat writes two files a document: name a folder for them (--to DIR)")
        return BratOutput(to, decisive=decisive)
    return StreamOutput(stream, task, form) if to is None else FileOutput(to, task, form, decisive=decisive)
