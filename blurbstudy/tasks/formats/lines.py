"""Lines of a text file, and the one form of rejecting their content: where, found, expected, remedy.

A file is UTF-8; a byte-order mark and the line ends of another system change nothing.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from ...errors import DataError

MAX_BYTES = 10**9  # size limit of a file; the largest of BLURB has 10^7 bytes
_UNPACK = "unpack it first; from Excel, save the sheet as CSV (UTF-8)"
_UTF_16 = ("text in UTF-16", "convert the file, e.g. iconv -f utf-16 -t utf-8")
MAGIC_BYTES = {  # first bytes of files that are not UTF-8 -> description, remedy
    b"PK\x03\x04": ("a zip archive or Excel file", _UNPACK),
    b"\x1f\x8b": ("a file packed by gzip", _UNPACK),
    b"\xd0\xcf\x11\xe0": ("an old Excel or Word file", _UNPACK),
    b"%PDF-": ("a PDF file", "extract its text first"),
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
}
MAX_QUOTED = 40  # characters of an invalid value shown in a message, so that logs contain little of the data


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
    if (kind := next((known for magic, known in MAGIC_BYTES.items() if data.startswith(magic)), None)) is not None:
        raise_data_error(str(path), kind[0], "text in UTF-8", kind[1])
    if (nul := data.find(0)) >= 0:
        remedy = "get the file again; it is damaged or has another encoding"
        raise_data_error(f"{path}, line {data.count(10, 0, nul) + 1}", "a NUL byte", "text in UTF-8", remedy)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        remedy = "convert the file, e.g. iconv -f latin1 -t utf-8"
        raise_data_error(f"{path}, line {line}", f"byte 0x{data[error.start]:02X}, which is not UTF-8", "UTF-8", remedy)


def read_lines(path: Path) -> list[str]:
    """The lines of a file without line ends and without empty lines at its end."""
    # str.splitlines also splits at characters that may occur in a sentence, such as U+2028.
    lines = [line.removesuffix("\r") for line in read_text(path).split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def quote(value: str) -> str:
    """A value quoted for a message, truncated to MAX_QUOTED characters."""
    return repr(value if len(value) <= MAX_QUOTED else value[: MAX_QUOTED - 3] + "...")


def describe_columns(line: str) -> str:
    """The number of columns of a line, for a message."""
    n = line.count("\t") + 1
    return f"{n} column{'s' * (n != 1)} in {quote(line)}"


def raise_data_error(where: str, actual: str, expected: str, remedy: str) -> NoReturn:
    """Raise a DataError about a location in a file."""
    raise DataError(f"{where}: found {actual}; expected {expected}; {remedy}") from None


MAX_LISTED = 5  # further lines listed in a message


@dataclass
class LineErrors:
    """The errors in the lines of a file: the first one in full, the numbers of further lines."""

    path: Path
    unit: str = "line"  # that is numbered: line or record
    first: tuple[int, str, str, str] | None = None  # line, actual, expected, remedy
    last_line: int = 0
    n_further: int = 0  # further invalid lines
    listed: list[int] = field(default_factory=list)  # the first MAX_LISTED of them

    def add(self, line: int, actual: str, expected: str, remedy: str) -> None:
        """Add an error; of several in one line, only the first counts."""
        if self.first is None:
            self.first = (line, actual, expected, remedy)
        elif line not in (self.first[0], self.last_line):
            self.n_further += 1
            if len(self.listed) < MAX_LISTED:
                self.listed.append(line)
        self.last_line = line

    def raise_first(self) -> None:
        """Raise the first error, if there is one.

        Raises:
            DataError: names file, line, actual and expected value, remedy, and further invalid lines.
        """
        if self.first is None:
            return
        line, actual, expected, remedy = self.first
        further = ""
        if self.n_further:
            lines = ", ".join(map(str, self.listed)) + (", ..." if self.n_further > len(self.listed) else "")
            further = f" ({self.n_further} more invalid {self.unit}{'s' * (self.n_further > 1)}: {lines})"
        raise_data_error(f"{self.path}, {self.unit} {line}", actual, expected, f"{remedy}{further}")
