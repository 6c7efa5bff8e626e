"""Lines of a text file, and the one form of refusing what stands in them: where, found, expected, remedy.

A file is UTF-8; a byte-order mark and the line ends of another system change nothing.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from ...errors import DataError

LARGEST = 10**9  # bytes of a file that is read at once; the largest of BLURB has 10^7
_UNPACK = "unpack it first; from Excel, save the sheet as CSV (UTF-8)"
_UTF_16 = ("text in UTF-16", "convert the file, e.g. iconv -f utf-16 -t utf-8")
OTHERS = {  # how files begin that are no UTF-8, whatever their names end in -> what they are, and the remedy
    b"PK\x03\x04": ("a zip archive (an Excel file is one too)", _UNPACK),
    b"\x1f\x8b": ("a file packed by gzip", _UNPACK),
    b"\xd0\xcf\x11\xe0": ("an old Excel or Word file", _UNPACK),
    b"%PDF-": ("a PDF file", "take the text out of it first"),
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
}
SHOWN = 40  # characters of a bad value that a message quotes; datasets' sentences do not belong into logs


def text_of(path: Path) -> str:
    """The text of a file.

    Raises:
        DataError: it cannot be read, is no regular file, is too large, holds NUL bytes or is not UTF-8.
    """
    try:
        about = path.stat()  # before it is opened: a pipe would be waited for, a device may never end
        if not stat.S_ISREG(about.st_mode) and not stat.S_ISDIR(about.st_mode):  # of a folder, reading says so
            fail(str(path), "a device, pipe or socket", "a regular file", "save what it gives to a file and name that")
        if about.st_size > LARGEST:
            found = f"a file of {about.st_size / 1e9:.1f} GB"
            fail(str(path), found, f"at most {LARGEST / 1e9:g} GB of text", "check that it is the file you mean")
        data = path.read_bytes()
    except OSError as error:
        fail(str(path), f"a file that cannot be read ({error.strerror})", "a readable file", "check path and rights")
    if (kind := next((known for magic, known in OTHERS.items() if data.startswith(magic)), None)) is not None:
        fail(str(path), kind[0], "text in UTF-8", kind[1])
    if (nul := data.find(0)) >= 0:
        remedy = "get the file again: it is damaged, or in another encoding"
        fail(f"{path}, line {data.count(10, 0, nul) + 1}", "a NUL byte", "text in UTF-8", remedy)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        remedy = "convert the file, e.g. iconv -f latin1 -t utf-8"
        fail(f"{path}, line {line}", f"byte 0x{data[error.start]:02X}, which is not UTF-8", "UTF-8", remedy)


def lines_of(path: Path) -> list[str]:
    """The lines of a file without their ends; empty ones at its end are left out.

    Raises:
        DataError: as `text_of`.
    """
    # Not str.splitlines: it also breaks at characters that may stand inside a sentence, such as U+2028.
    lines = [line.removesuffix("\r") for line in text_of(path).split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def shown(value: str) -> str:
    """A value quoted for a message, at most SHOWN characters of it."""
    return repr(value if len(value) <= SHOWN else value[: SHOWN - 3] + "...")


def columns_found(line: str) -> str:
    """How many columns a line has, for a message."""
    n = line.count("\t") + 1
    return f"{n} column{'s' * (n != 1)} in {shown(line)}"


def fail(where: str, found: str, expected: str, remedy: str) -> NoReturn:
    """Refuse what stands at a place of a file."""
    raise DataError(f"{where}: found {found}; expected {expected}; {remedy}") from None


NAMED = 5  # further lines that a message names


@dataclass
class Faults:
    """What is wrong with the lines of a file."""

    path: Path
    first: tuple[int, str, str, str] | None = None  # line, found, expected, remedy
    others: list[int] = field(default_factory=list)

    def add(self, line: int, found: str, expected: str, remedy: str) -> None:
        """Note a line; of one with several faults, the first."""
        if self.first is None:
            self.first = (line, found, expected, remedy)
        elif line != self.first[0] and line not in self.others[-1:]:
            self.others.append(line)

    def refuse(self) -> None:
        """Refuse the file where a line was noted."""
        if self.first is None:
            return
        line, found, expected, remedy = self.first
        more = ""
        if self.others:
            named = ", ".join(map(str, self.others[:NAMED])) + (", ..." if len(self.others) > NAMED else "")
            more = f" ({len(self.others)} more broken line{'s' * (len(self.others) > 1)}: {named})"
        fail(f"{self.path}, line {line}", found, expected, f"{remedy}{more}")
