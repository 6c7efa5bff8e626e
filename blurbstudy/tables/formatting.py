"""Numbers, intervals and counts as text, and text as HTML or CSV."""

from __future__ import annotations

import re
from html import escape

ONE_SEED = "one, no interval"


def format_number(value: float | None, digits: int = 2) -> str:
    """Two decimals, or another number of them, with a true minus sign; an en dash for None."""
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    return (text.removeprefix("-") if float(text) == 0 else text).replace("-", "−")


def format_signed(value: float | None, digits: int = 2) -> str:
    """A difference with its sign, except for zero."""
    text = format_number(value, digits)
    return text if value is None or value < 0 or float(text) == 0 else f"+{text}"


def interval_lines(
    over_seeds: tuple[float, float] | None, over_examples: tuple[float, float] | None
) -> tuple[str, str]:
    """Both intervals of a number, each as a line."""
    return (
        f"seeds {ONE_SEED if over_seeds is None else format_interval(over_seeds)}",
        f"examples {format_interval(over_examples)}",
    )


def format_interval(bounds: tuple[float, float] | None, digits: int = 2) -> str:
    """`[low, high]`, or an en dash."""
    return "–" if bounds is None else f"[{format_number(bounds[0], digits)}, {format_number(bounds[1], digits)}]"


def format_count(n: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{n:,} {noun}{'s'[: n != 1]}"


def format_setting(value: object) -> str:
    """A value of a recipe: `on`, `off`, a number without needless zeros, or text."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "table"


def escape_spreadsheet(cell: object) -> object:
    """A CSV cell that no spreadsheet runs: text that starts like a formula gets an apostrophe in front. Numbers stay as
    they are, and so does text after them, unless it calls something.
    """
    if not isinstance(cell, str) or not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return cell
    return cell if re.match(r"[+-]\d[\d.,]*%?(?![^\s])[^|!]*$", cell) else f"'{cell}"


def html_lines(text: str) -> str:
    """Escaped text with its line breaks; `words` in backticks become code, and intervals are not broken."""
    text = re.sub(r"\b(seeds|examples) (?=\[)", "\\1\N{NO-BREAK SPACE}", text)
    text = re.sub(r"(\[[−\d.]+,) (?=[−\d.]+\])", "\\1\N{NO-BREAK SPACE}", text)
    return "<br>".join(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(part)) for part in text.split("\n"))
