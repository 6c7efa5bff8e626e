"""Where predictions go: standard output, a file, or a folder of brat files.

An output grows under a temporary name next to its path and takes its name when it is complete. JSON lines resume: the
temporary name has a digest of the settings, so that the same command finds it, counts its complete lines, and appends.
The other formats start again.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self, TextIO

from ...config import JsonMapping, fingerprint
from ...errors import ParameterError
from ...filesystem import disk_errors
from ...tasks import Task
from ...tasks.prediction_files import WITHHELD_FILE
from ..inputs.documents import Document
from .formats import BRAT, OUTPUT_FORMATS, OutputFormat, brat_files, tsv_begin, tsv_lines

if TYPE_CHECKING:
    from ..predictor import Prediction

HINT = "name another file (--to)"


class Output(Protocol):
    """A context manager that is entered before the first prediction and completes the output when left normally."""

    @property
    def ids(self) -> Sequence[str]:
        """Ids of the documents that an interrupted run has written."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None: ...

    def write(self, predictions: Sequence[Prediction]) -> None:
        """Append predictions."""


class StreamOutput:
    """Standard output or another open stream."""

    ids: Sequence[str] = ()

    def __init__(self, stream: TextIO, task: Task, output_format: OutputFormat) -> None:
        self._stream, self._task, self._format = stream, task, output_format

    def __enter__(self) -> Self:
        self._stream.write(self._format.begin(self._task))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._stream.write(self._format.end(self._task))
            self._stream.flush()

    def write(self, predictions: Sequence[Prediction]) -> None:
        self._stream.write("".join(self._format.document(prediction, self._task) for prediction in predictions))
        self._stream.flush()


class FileOutput:
    """A new file; JSON lines resume what an interrupted run with equal settings left.

    Args:
        settings: what determines the predictions besides the input; JSON values.

    Raises:
        ParameterError: the file cannot be written.
    """

    def __init__(self, path: Path, task: Task, output_format: OutputFormat, *, settings: JsonMapping) -> None:
        digest = fingerprint(dict(settings))[:8]
        self._path, self._task, self._format = path, task, output_format
        self._partial = path.with_name(f"{path.name}.{digest}.partial")
        self._file: BinaryIO | None = None
        self._size = 0  # bytes of complete lines
        self.ids: list[str] = []
        self._resumable = output_format == OUTPUT_FORMATS["jsonl"]
        if self._resumable and self._partial.is_file():
            self._read_partial()

    def _read_partial(self) -> None:
        with disk_errors(self._partial, HINT), self._partial.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                try:
                    self.ids.append(json.loads(line)["id"])
                except (ValueError, KeyError, TypeError):
                    number = len(self.ids) + 1
                    raise ParameterError(f"{self._partial}, line {number}: corrupt; delete the file") from None
                self._size += len(line)

    def __enter__(self) -> Self:
        with disk_errors(self._path, HINT):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._partial.open("r+b" if self._size else "wb")
            self._file.truncate(self._size)
            self._append("" if self._size else self._format.begin(self._task))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        assert self._file is not None
        with disk_errors(self._path, HINT):
            with self._file:
                if kind is None:
                    self._append(self._format.end(self._task))
            if kind is None:
                _refuse_existing(self._path, "name a file")
                self._partial.replace(self._path)
            elif not self._resumable:
                self._partial.unlink(missing_ok=True)

    def write(self, predictions: Sequence[Prediction]) -> None:
        with disk_errors(self._path, HINT):
            self._append("".join(self._format.document(prediction, self._task) for prediction in predictions))

    def _append(self, text: str) -> None:
        assert self._file is not None
        if self._file.seek(0, os.SEEK_END) != self._size or not self._partial.exists():
            raise ParameterError(f"{self._path}: another process is writing this output; wait, or name another file")
        data = text.encode()
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._size += len(data)


class BratOutput:
    """A new or empty folder of brat files; with a minimum of confidence, also a TSV of the entities below it.

    Raises:
        ParameterError: the folder contains files, or cannot be written.
    """

    ids: Sequence[str] = ()

    def __init__(self, folder: Path, task: Task) -> None:
        check_target(folder, BRAT)
        self._folder, self._task, self._partial = folder, task, folder.with_name(f"{folder.name}.partial")

    def __enter__(self) -> Self:
        with disk_errors(self._folder, HINT):
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial.mkdir(parents=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with disk_errors(self._folder, HINT):
            if kind is not None:
                shutil.rmtree(self._partial, ignore_errors=True)
                return
            if self._folder.exists():
                self._folder.rmdir()
            self._partial.rename(self._folder)

    def write(self, predictions: Sequence[Prediction]) -> None:
        with disk_errors(self._folder, HINT):
            for prediction in predictions:
                for name, text in brat_files(prediction).items():
                    (self._partial / name).write_bytes(text.encode())  # bytes: line endings stay as they are
                if prediction.withheld_entities:
                    with (self._partial / WITHHELD_FILE).open("ab") as file:
                        begin = "" if file.tell() else tsv_begin(self._task)
                        rows = tsv_lines(dataclasses.replace(prediction, entities=()), self._task)
                        file.write((begin + rows).encode())


def _adapted(format_name: str, *, appendix: str, withholds: bool) -> OutputFormat:
    """The format; of a page, with HTML at its end; of a table, with a column of what is withheld."""
    plain = OUTPUT_FORMATS[format_name]
    if format_name == "tsv" and withholds:
        return dataclasses.replace(plain, begin=partial(tsv_begin, withholds=True))
    if format_name != "html" or not appendix:
        return plain
    return dataclasses.replace(plain, end=lambda task: plain.end(task).replace("</body>", f"{appendix}\n</body>"))


def open_output(
    path: Path | None,
    stream: TextIO,
    task: Task,
    format_name: str,
    *,
    settings: JsonMapping,
    appendix: str = "",
    withholds: bool = False,
) -> Output:
    """The output at a path, or the stream if there is no path; of a page, with an appendix in HTML.

    Args:
        withholds: whether there is a minimum of confidence.

    Raises:
        ParameterError: brat without a folder; the path exists.
    """
    check_target(path, format_name)
    if path is not None and format_name == BRAT:
        return BratOutput(path, task)
    output_format = _adapted(format_name, appendix=appendix, withholds=withholds)
    if path is None:
        return StreamOutput(stream, task, output_format)
    return FileOutput(path, task, output_format, settings=settings)


def check_target(path: Path | None, format_name: str) -> None:
    """Check that an output can be new.

    Raises:
        ParameterError: brat without a folder; the path exists.
    """
    if format_name != BRAT:
        if path is not None:
            _refuse_existing(path, f"name a file for --format {format_name}")
    elif path is None:
        raise ParameterError("--format brat writes two files per document: name a folder for them (--to DIR)")
    elif path.exists() and not path.is_dir():
        raise ParameterError(f"{path}: is a file; --format brat needs a folder")
    elif path.exists() and any(path.iterdir()):
        raise ParameterError(f"{path}: contains files; name a new or empty folder")


def check_resumed(output: Output, documents: Sequence[Document], *, first: int) -> None:
    """Refuse an input whose documents differ from those that an interrupted run has written.

    Args:
        first: index of the first document.

    Raises:
        ParameterError: an id differs.
    """
    for number, (document, written) in enumerate(
        zip(documents, output.ids[first : first + len(documents)], strict=False), first + 1
    ):
        if document.id != written:
            raise ParameterError(
                f"document {number} is {document.id[:40]!r}, but the interrupted run has written {written[:40]!r}; "
                "resume with the same input, or name another output (--to)"
            )


def _refuse_existing(path: Path, remedy: str) -> None:
    if path.is_dir():
        raise ParameterError(f"{path}: is a folder; {remedy}")
    if path.exists():
        raise ParameterError(f"{path}: already exists; remove it or name another file")
