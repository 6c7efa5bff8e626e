"""Rows of TSV and CSV files, as spreadsheets and other programs write them: one reader for training and prediction.

In TSV, tabs separate and quote characters are text. In CSV, quote characters quote (RFC 4180), also after a blank if
the first lines have one there. A cell of several lines, which a stray quote may have opened, is an error if each of its
lines has the columns of a row, or if other rows have quotes as text. A first line such as `sep=;` names the separator;
otherwise it is the comma, semicolon, tab or vertical bar that divides the first lines evenly.
"""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice

from ...errors import count_of
from .lines import MAX_BYTES, MIXED_ENDS, Line, listed, quote, raise_data_error, without_end

SEPARATORS = ",;\t|"
PEEKED = 10  # lines by which the separator is recognized
MAX_VALUES = 10_000  # values of short cells by which a row inside a cell is recognized
SHORT = 40  # characters of such a cell
_SEPARATED = {
    "tsv": "texts may not contain tabs or line breaks (if quoted: --format csv)",
    "csv": "quote fields with a comma, semicolon or line break",
}
_HINT = re.compile(r"sep=(.)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """The fields of a nonempty row, or its error."""

    number: int  # of its first line
    fields: list[str]
    error: tuple[str, str, str] | None  # value, expected value, remedy
    bytes_read: int  # of the file, up to the end of the row


def table_rows(lines: Iterable[Line], form: str) -> Iterator[Row]:
    """The rows of a table; form: tsv | csv. A row that cannot be read has an error, and reading continues after it."""
    return _csv_rows(iter(lines)) if form == "csv" else _tsv_rows(lines)


def named_rows(
    lines: Iterable[Line], form: str, where: str, has_header: Callable[[list[str]], bool]
) -> Iterator[tuple[Row, dict[str, str]]]:
    """The rows after the header with their fields by column name, or by number from 1 without a header; none if a row
    has an error, as one with another number of columns has.

    Args:
        where: the file, for messages.
        has_header: whether the first row is one.

    Raises:
        DataError: two columns have one name.
    """
    names: list[str] = []
    header: list[str] = []
    for row in table_rows(lines, form):
        stripped = [field.strip() for field in row.fields]
        if not names and not row.error:
            header = stripped if has_header(row.fields) else []
            names = header or [str(i + 1) for i in range(len(stripped))]
            if double := next((name for name in header if name and header.count(name) > 1), None):
                actual, expected = f"column {quote(double)} twice", "unique names"
                raise_data_error(f"{where}, line {row.number}", actual, expected, "rename one of them")
            if header:
                continue
        error = row.error
        if not error and stripped == header:
            error = "the header again", "a row", "delete the line, as where files were joined"
        elif not error and len(stripped) != len(names):
            n = f"{count_of(len(stripped), 'column')} in {quote(row.fields[0])}"
            error = n, f"{len(names)} ({listed(names)})", f"restore the line; {_SEPARATED[form]}"
        yield (replace(row, error=error), {}) if error else (row, dict(zip(names, row.fields, strict=True)))


def _tsv_rows(lines: Iterable[Line]) -> Iterator[Row]:
    for line in lines:
        if line.text.strip():
            yield Row(line.number, without_end(line.text).split("\t"), line.error_of_format, line.bytes_read)


def _csv_rows(lines: Iterator[Line]) -> Iterator[Row]:
    peeked = list(islice(lines, PEEKED))
    old_limit = csv.field_size_limit(MAX_BYTES)  # the module's default of 131072 is too small for long documents
    try:
        separator, blanks = _dialect([line.text for line in peeked], complete=len(peeked) < PEEKED)
        yield from _parsed(peeked, lines, separator, blanks=blanks)
    finally:
        csv.field_size_limit(old_limit)


def _parsed(peeked: list[Line], lines: Iterator[Line], separator: str, *, blanks: bool) -> Iterator[Row]:
    if peeked and _HINT.fullmatch(without_end(peeked[0].text)):
        peeked.pop(0)
    current: list[Line] = []  # the lines of the row that is being parsed

    def texts() -> Iterator[str]:
        for line in chain(peeked, lines):
            current.append(line)
            yield line.text

    quotes = _Quotes(separator)
    rows = csv.reader(texts(), delimiter=separator, skipinitialspace=blanks, strict=True)
    while True:
        fields, error = None, None
        try:
            fields = next(rows, None)
        except csv.Error as broken:
            remedy = "close every quote, and double a quote inside one"
            error = f"broken quoting ({broken})", 'CSV fields quoted by "', remedy
            if str(broken).startswith("new-line character"):
                error = MIXED_ENDS
        if fields is None and error is None:
            return
        error = next((line.error for line in current if line.error), error or quotes.fault(current, fields or []))
        number, bytes_read = current[0].number, current[-1].bytes_read
        current.clear()
        if error or any(field.strip() for field in fields or []):
            yield Row(number, fields or [], error, bytes_read)


class _Quotes:
    """Whether quote characters quote in all of the rows so far."""

    def __init__(self, separator: str) -> None:
        self.separator = separator
        self.width = 0  # columns of the first row
        self.as_text = self.over_lines = 0  # first line with a quote in an unquoted cell; with a cell of several lines
        self.values: set[tuple[int, str]] = set()  # column and text of short cells
        self.inside: dict[tuple[int, str], int] = {}  # the same inside cells of several lines -> their first line

    def fault(self, lines: list[Line], fields: list[str]) -> tuple[str, str, str] | None:
        """What is wrong with the quotes of a row, if anything."""
        rows = [without_end(line.text).split(self.separator) for line in lines]
        first, self.width, suspect = lines[0].number, self.width or len(fields), 0
        if len(rows) > 1:
            self.over_lines = self.over_lines or first
            inside = self._rows_inside(rows)
            self.inside |= dict.fromkeys(inside, first)
            suspect = first * bool(inside and (self.separator == "\t" or self.values.intersection(inside)))
        elif rows == [fields]:
            self.as_text = self.as_text or first * ('"' in lines[0].text)
            cells = _short_cells(fields)
            suspect = next((self.inside[cell] for cell in cells if cell in self.inside), 0)
            if len(self.values) < MAX_VALUES:
                self.values.update(cells)
        if self.as_text and self.over_lines and not suspect:
            suspect, self.over_lines = self.over_lines, 0
        if not suspect:
            return None
        self.inside = {cell: line for cell, line in self.inside.items() if line != suspect}  # named once
        actual = f"a quote in line {suspect} that opens a cell of several lines, which may be rows"
        return actual, 'cells quoted by ", or no quotes', 'close the quote, or double it and put the cell in "'

    def _rows_inside(self, rows: list[list[str]]) -> list[tuple[int, str]]:
        """The short cells of rows that would be inside a cell of these lines, if each line has the cells of a row."""
        if self.width < 2 or any(len(row) != self.width for row in rows):
            return []
        opened = max((i for i, cell in enumerate(rows[0]) if cell.lstrip().startswith('"')), default=0)
        closed = min((i for i, cell in enumerate(rows[-1]) if cell.rstrip().endswith('"')), default=0)
        cells = [*_short_cells(rows[0][opened + 1 :], opened + 1), *_short_cells(rows[-1][:closed])]
        return [*cells, *(cell for row in rows[1:-1] for cell in _short_cells(row))]


def _short_cells(fields: list[str], start: int = 0) -> list[tuple[int, str]]:
    return [(column, field) for column, field in enumerate(fields, start) if 0 < len(field) <= SHORT]


def _dialect(texts: list[str], *, complete: bool) -> tuple[str, bool]:
    """The separator, and whether blanks after it are no part of a field, since a quote follows them."""
    hint = _HINT.fullmatch(without_end(texts[0])) if texts else None
    widths = {sep: [len(row) for row in _peek(texts, sep, complete=complete)] or [1] for sep in SEPARATORS}
    even = [sep for sep in SEPARATORS if widths[sep][0] > 1 and len(set(widths[sep])) == 1]
    separator = max(even or SEPARATORS, key=lambda sep: (widths[sep][0] > 1, sep != "|", widths[sep][0]))
    separator = hint[1] if hint else separator
    fields = chain.from_iterable(_peek(texts, separator, complete=complete, blanks=False))
    return separator, any(field.startswith(" ") and field.lstrip(" ").startswith('"') for field in fields)


def _peek(texts: list[str], separator: str, *, complete: bool, blanks: bool = True) -> list[list[str]]:
    """The nonempty rows in these lines; the last may be incomplete unless they are the whole file."""
    rows = []
    with contextlib.suppress(csv.Error):  # reported when the row is read
        rows += (row for row in csv.reader(texts, delimiter=separator, skipinitialspace=blanks) if any(row))
    return rows if complete else rows[:-1]
