"""Tag schemes, converted to IOB2 (BIO: B at the first word of every mention).

IOB1 (Ramshaw and Marcus 1995): B only at a mention directly after another of its type. IOB2: B at every first word.
IOBES (or BILOU, with L for E and U for S): E at the last word, S for single words. IO: bare types, or only I; adjacent
mentions of a type merge.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from ...metrics import io_to_bio
from ..task import OUTSIDE

ALIASES = {  # usual names -> key of SCHEMES; "iob" is ambiguous
    "iob1": "iob1", "iob2": "iob2", "bio": "iob2", "bio2": "iob2", "iobes": "iobes", "bioes": "iobes",
    "bilou": "iobes", "bioul": "iobes", "io": "io",
}  # fmt: skip
_TAG = re.compile(r"([BILUES])(?:-(.+))?")
_BILOU_TO_IOBES = {"L": "E", "U": "S"}  # BILOU's letters
HINT = "name the scheme (scheme: iob1, iob2, iobes or io) if it was detected wrongly"


class TagSchemeError(ValueError):
    """A tag that is invalid at its position."""

    def __init__(self, position: int, actual: str, expected: str) -> None:
        super().__init__(position, actual, expected)
        self.position, self.actual, self.expected = position, actual, expected


def to_bio(tags: Sequence[str], scheme: str) -> list[str]:
    """The tags of one sentence in IOB2.

    Raises:
        TagSchemeError: a tag is not in the scheme, or invalid at its position.
    """
    return SCHEMES[scheme](tags)


def detect_scheme(sentences: Iterable[Sequence[str]]) -> str:
    """The scheme of these sentences' tags, key of SCHEMES; IOB2 if none fits, whose error then names the problem."""
    known = [list(tags) for tags in sentences]
    distinct = {tag for tags in known for tag in tags} - {OUTSIDE}
    letters = {match[1] for tag in distinct if (match := _TAG.fullmatch(tag))}
    if distinct and not any(_TAG.fullmatch(tag) for tag in distinct):
        return "io"
    if letters & {"L", "U", "E", "S"}:
        return "iobes"
    if "B" not in letters:
        return "iob1" if letters else "iob2"
    if not all(_fits(_from_iob2, tags) for tags in known) and all(map(_is_strict_iob1, known)):
        return "iob1"
    return "iob2"


def _from_iob2(tags: Sequence[str]) -> list[str]:
    before = ("", "")
    for position, tag in enumerate(tags):
        letter, kind = _parts(position, tag, "BI")
        if letter == "I" and (before[0] not in ("B", "I") or before[1] != kind):
            raise TagSchemeError(
                position, f"tag {tag!r} outside a {kind or 'mention'}", "B at the first word of a mention"
            )
        before = (letter, kind)
    return list(tags)


def _from_iob1(tags: Sequence[str]) -> list[str]:
    bio, before = [], ("", "")
    for position, tag in enumerate(tags):
        letter, kind = _parts(position, tag, "BI")
        goes_on = letter == "I" and before[0] in ("B", "I") and before[1] == kind
        bio.append(tag if letter == OUTSIDE else _tag("I" if goes_on else "B", kind))
        before = (letter, kind)
    return bio


def _from_iobes(tags: Sequence[str]) -> list[str]:
    bio, opened = [], None  # opened: type of the current mention
    for position, tag in enumerate(tags):
        letter, kind = _parts(position, tag, "BILUES")
        letter = _BILOU_TO_IOBES.get(letter, letter)
        if letter in ("I", "E") and opened != kind:
            raise TagSchemeError(position, f"tag {tag!r} outside a {kind or 'mention'}", "B before it")
        if letter not in ("I", "E") and opened is not None:
            expected = f"{_tag('I', opened)} or {_tag('E', opened)}"
            raise TagSchemeError(position, f"tag {tag!r} inside a mention", expected)
        opened = kind if letter in ("B", "I") else None
        bio.append(OUTSIDE if letter == OUTSIDE else _tag("B" if letter in ("B", "S") else "I", kind))
    if opened is not None:
        raise TagSchemeError(
            len(tags) - 1, f"tag {tags[-1]!r} at the end of a sentence", "E at the last word of a mention"
        )
    return bio


def _from_io(tags: Sequence[str]) -> list[str]:
    return io_to_bio([tag if tag == OUTSIDE or tag == "I" or tag.startswith("I-") else f"I-{tag}" for tag in tags])


SCHEMES: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "iob1": _from_iob1,
    "iob2": _from_iob2,
    "iobes": _from_iobes,
    "io": _from_io,
}


def _parts(position: int, tag: str, letters: str) -> tuple[str, str]:
    """Letter and type of a tag; the type is "" for a bare tag."""
    if tag == OUTSIDE:
        return OUTSIDE, ""
    match = _TAG.fullmatch(tag)
    if match is None or match[1] not in letters:
        raise TagSchemeError(
            position, f"tag {tag[:40]!r}", f"{OUTSIDE}, or {' or '.join(letters)} with a type, such as B-Chemical"
        )
    return match[1], match[2] or ""


def _tag(letter: str, kind: str) -> str:
    return f"{letter}-{kind}" if kind else letter


def _fits(convert: Callable[[Sequence[str]], list[str]], tags: Sequence[str]) -> bool:
    try:
        convert(tags)
    except TagSchemeError:
        return False
    return True


def _is_strict_iob1(tags: Sequence[str]) -> bool:
    """Whether every B follows a mention of its type, as in IOB1."""
    pairs = zip([OUTSIDE, *tags], tags, strict=False)
    return all(not tag.startswith("B") or before[1:] == tag[1:] for before, tag in pairs)
