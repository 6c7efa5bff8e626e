"""Lines of a text file, and the one form of rejecting their content: where, found, expected, remedy.

A file is UTF-8; a byte-order mark and the line ends of another system change nothing.
"""

from __future__ import annotations

import io
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NoReturn

from ...errors import DataError, count_of

MAX_BYTES = 10**9  # size limit of a file; the largest of BLURB has 10^7 bytes
_UNPACK = "unpack it first; from Excel, save the sheet as CSV (UTF-8)"
_TO_UTF_8 = "convert the file, e.g. iconv -f cp1252 -t utf-8; from Excel, save it as CSV UTF-8"
_UTF_16 = ("text in UTF-16", "convert the file, e.g. iconv -f utf-16 -t utf-8")
MAGIC_BYTES = {  # first bytes of files that are not UTF-8 -> description, remedy
    b"PK\x03\x04": ("a zip archive or Excel file", _UNPACK),
    b"\x1f\x8b": ("a file packed by gzip", _UNPACK),
    b"\xd0\xcf\x11\xe0": ("an old Excel or Word file", _UNPACK),
    b"%PDF-": ("a PDF file", "extract its text first"),
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
    b"version https://git-lfs": ("a Git LFS pointer, not the data", "fetch the data: git lfs pull"),
}
MIXED_ENDS = ("a carriage return inside a line", "one kind of line ends", "convert the file, e.g. by dos2unix -c mac")
MAX_QUOTED = 40  # characters of an invalid value shown in a message, so that logs contain little of the data
MAX_PART = 200  # characters of each part of a message
MAX_NAMES = 12  # names listed in a message


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file with its line ending."""

    number: int  # from 1
    text: str
    error: tuple[str, str, str] | None  # value, expected value, remedy; None: valid text
    bytes_read: int  # of the file, up to the end of the line

    @property
    def error_of_format(self) -> tuple[str, str, str] | None:
        """The error in formats whose lines have no carriage return inside."""
        return self.error or (MIXED_ENDS if "\r" in without_end(self.text) else None)


def decode_lines(file: BinaryIO) -> Iterator[Line]:
    """The lines of a file; invalid UTF-8 and NUL bytes are replaced by U+FFFD and reported in `Line.error`."""
    number = bytes_read = 0
    for raw in _raw_lines(file):
        number, bytes_read, error = number + 1, bytes_read + len(raw), None
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        try:
            text = raw.decode()
        except UnicodeDecodeError as invalid:
            text = raw.decode(errors="replace")
            error = f"byte 0x{raw[invalid.start]:02X}, which is not UTF-8", "UTF-8", _TO_UTF_8
        if "\0" in text:
            error = "a NUL byte", "text in UTF-8", "get the file again: it is damaged or has another encoding"
            text = text.replace("\0", "\ufffd")
        yield Line(number, text, error, bytes_read)


def _raw_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file that end in a line feed or, in a file without one, in a carriage return."""
    raw = file.readline(MAX_BYTES)
    if not raw.endswith(b"\n") and b"\r" in raw:
        yield from raw.splitlines(keepends=True)  # of bytes only at \r, \n
        return
    while raw:
        yield raw
        raw = file.readline(MAX_BYTES)


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        DataError: the file cannot be read, is not a regular file, is too large, contains NUL bytes or is not UTF-8.
    """
    try:
        about = path.stat()  # before opening: a pipe would block, a device may never end
        if not stat.S_ISREG(about.st_mode) and not stat.S_ISDIR(about.st_mode):  # a folder fails on reading
            raise_data_error(str(path), "a device, pipe or socket", "a regular file", "save its output to a file")
        if about.st_size > MAX_BYTES:
            actual = f"a file of {about.st_size / 1e9:.1f} GB"
            raise_data_error(str(path), actual, f"at most {MAX_BYTES / 1e9:g} GB of text", "check the path")
        data = path.read_bytes()
    except OSError as error:
        actual = f"a file that cannot be read ({error.strerror})"
        raise_data_error(str(path), actual, "a readable file", "check the path and its permissions")
    refuse_binary(path, data)
    if (nul := data.find(0)) >= 0:
        remedy = "get the file again; it is damaged or has another encoding"
        raise_data_error(f"{path}, line {data.count(10, 0, nul) + 1}", "a NUL byte", "text in UTF-8", remedy)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        actual = f"byte 0x{data[error.start]:02X}, which is not UTF-8"
        raise_data_error(f"{path}, line {line}", actual, "UTF-8", _TO_UTF_8)


def numbered_lines(path: Path) -> Iterator[Line]:
    """The lines of a file that `read_text` accepts."""
    return decode_lines(io.BytesIO(read_text(path).encode()))


def refuse_binary(path: Path, head: bytes) -> None:
    """Raise a DataError if the first bytes of a file tell that it is no text, or a pointer to it."""
    if (kind := next((known for magic, known in MAGIC_BYTES.items() if head.startswith(magic)), None)) is not None:
        raise_data_error(str(path), kind[0], "text in UTF-8", kind[1])


def read_lines(path: Path) -> list[str]:
    """The lines of a file without line ends and without empty lines at its end.

    Raises:
        DataError: as `read_text`, or line ends are mixed.
    """
    return split_lines(read_text(path), path)


def split_lines(text: str, path: Path) -> list[str]:
    """The lines of a file's text, as of `read_lines`."""
    # str.splitlines also splits at characters that may occur in a sentence, such as U+2028.
    text = text.replace("\r\n", "\n") if "\n" in text else text.replace("\r", "\n")
    if (inside := text.find("\r")) >= 0:
        raise_data_error(f"{path}, line {text.count(chr(10), 0, inside) + 1}", *MIXED_ENDS)
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def without_end(line: str) -> str:
    """A line without its line feed and the carriage return before it."""
    return line.removesuffix("\n").removesuffix("\r")


def quote(value: str) -> str:
    """A value quoted for a message, truncated to MAX_QUOTED characters."""
    return repr(value if len(value) <= MAX_QUOTED else value[: MAX_QUOTED - 3] + "...")


def clip(text: str, *, length: int = MAX_PART) -> str:
    """A part of a message in one line, cut to a number of characters."""
    text = " ".join(text.splitlines())
    return text if len(text) <= length else text[: length - 3] + "..."


def listed(names: Sequence[str], separator: str = ", ") -> str:
    """Names for a message: at most MAX_NAMES, each cut to MAX_QUOTED characters."""
    more = [f"{len(names) - MAX_NAMES} more"] if len(names) > MAX_NAMES else []
    return separator.join([*(clip(name, length=MAX_QUOTED) for name in names[:MAX_NAMES]), *more])


def describe_columns(line: str) -> str:
    """The number of columns of a line, for a message."""
    n = line.count("\t") + 1
    return f"{count_of(n, 'column')} in {quote(line)}"


def raise_data_error(where: str, actual: str, expected: str, remedy: str) -> NoReturn:
    """Raise a DataError about a location in a file."""
    raise DataError(f"{where}: found {clip(actual)}; expected {clip(expected)}; {remedy}") from None


MAX_LISTED = 9  # further lines listed in a message, and places of equal faults
MAX_KINDS = 4  # of faults listed besides the first
MAX_LISTED_CHARS = 60  # of what was found in each
MAX_KEPT = 100  # errors kept of a file
_VARYING = re.compile(r"'[^']* [^']*'|\d+|s\b")  # parts in which equal faults may differ: texts, numbers, plurals


def kind_of_fault(found: str) -> str:
    """What was found without its numbers and texts, which is the same for equal faults."""
    return _VARYING.sub("", found)


def listed_numbers(numbers: Sequence[int]) -> str:
    """The first MAX_LISTED numbers of a list, for a message."""
    return ", ".join([*map(str, numbers[:MAX_LISTED]), *(["..."] if len(numbers) > MAX_LISTED else [])])


@dataclass
class LineErrors:
    """The errors in the lines of a file: the first one in full, of further lines those of each kind."""

    path: Path
    unit: str = "line"  # that is numbered: line or record
    faults: dict[int, tuple[str, str, str]] = field(default_factory=dict)  # line -> actual, expected, remedy
    count: int = 0  # invalid lines
    last_line: int = 0

    def add(self, line: int, actual: str, expected: str, remedy: str) -> None:
        """Add an error; of several in one line, only the first counts."""
        if line not in self.faults and line != self.last_line:
            self.count += 1
            if len(self.faults) < MAX_KEPT or line < min(self.faults):
                self.faults[line] = (actual, expected, remedy)
        self.last_line = line

    def raise_first(self) -> None:
        """Raise the errors, if there are any, in one line of bounded length.

        Raises:
            DataError: names file, line, actual and expected value, remedy, and further invalid lines.
        """
        if not self.faults:
            return
        first, *others = sorted(self.faults)
        actual, expected, remedy = self.faults[first]
        kinds: dict[str, list[int]] = {kind_of_fault(actual): []}
        for line in others:
            kinds.setdefault(kind_of_fault(self.faults[line][0]), []).append(line)
        same, *different = kinds.values()
        parts = [listed_numbers(same)] if same else []
        for lines in different[:MAX_KINDS]:
            parts.append(f"{listed_numbers(lines)} ({clip(self.faults[lines[0]][0], length=MAX_LISTED_CHARS)})")
        parts += ["..."] if len(different) > MAX_KINDS else []
        more = self.count - 1
        further = f" ({more} more invalid {self.unit}{'s' * (more > 1)}: {', '.join(parts)})" if more else ""
        raise_data_error(f"{self.path}, {self.unit} {first}", actual, expected, f"{remedy}{further}")
