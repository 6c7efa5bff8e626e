"""Schemes of tags, converted to the IOB2 that the trainer uses (BIO: B at every mention's first word).

IOB1 (Ramshaw and Marcus 1995): B only where a mention follows another of its type; IOB2: B begins every mention; IOBES
(or BILOU: L for E, U for S): E ends a mention, S is one of a single word; IO: bare types or I alone, where adjacent
mentions of a type are one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from ...metrics import io_to_bio
from ..task import OUTSIDE

ALIASES = {  # as the field says -> key of SCHEMES; "iob" alone says nothing
    "iob1": "iob1", "iob2": "iob2", "bio": "iob2", "bio2": "iob2", "iobes": "iobes", "bioes": "iobes",
    "bilou": "iobes", "bioul": "iobes", "io": "io",
}  # fmt: skip
_TAG = re.compile(r"([BILUES])(?:-(.+))?")
_PLAIN = {"L": "E", "U": "S"}  # BILOU's letters
AUTO = "name the scheme (scheme: iob1, iob2, iobes or io) if it was taken for another"


class TagFault(ValueError):
    """A tag that its scheme does not allow where it stands."""

    def __init__(self, place: int, found: str, expected: str) -> None:
        super().__init__(place, found, expected)
        self.place, self.found, self.expected = place, found, expected


def to_bio(tags: Sequence[str], scheme: str) -> list[str]:
    """The tags of one sentence, as IOB2.

    Raises:
        TagFault: a tag is none of the scheme, or may not stand there.
    """
    return SCHEMES[scheme](tags)


def recognized(sentences: Iterable[Sequence[str]]) -> str:
    """The scheme of these sentences' tags, key of SCHEMES; IOB2 where the tags fit none, so that it names the fault."""
    known = [list(tags) for tags in sentences]
    distinct = {tag for tags in known for tag in tags} - {OUTSIDE}
    letters = {found[1] for tag in distinct if (found := _TAG.fullmatch(tag))}
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
    for place, tag in enumerate(tags):
        letter, kind = _parts(place, tag, "BI")
        if letter == "I" and (before[0] not in ("B", "I") or before[1] != kind):
            raise TagFault(place, f"tag {tag!r} where no {kind or 'mention'} has begun", "B at a mention's first word")
        before = (letter, kind)
    return list(tags)


def _from_iob1(tags: Sequence[str]) -> list[str]:
    bio, before = [], ("", "")
    for place, tag in enumerate(tags):
        letter, kind = _parts(place, tag, "BI")
        goes_on = letter == "I" and before[0] in ("B", "I") and before[1] == kind
        bio.append(tag if letter == OUTSIDE else _tag("I" if goes_on else "B", kind))
        before = (letter, kind)
    return bio


def _from_iobes(tags: Sequence[str]) -> list[str]:
    bio, opened = [], None  # opened: type of the mention that is not ended yet
    for place, tag in enumerate(tags):
        letter, kind = _parts(place, tag, "BILUES")
        letter = _PLAIN.get(letter, letter)
        if letter in ("I", "E") and opened != kind:
            raise TagFault(place, f"tag {tag!r} where no {kind or 'mention'} has begun", "B before it")
        if letter not in ("I", "E") and opened is not None:
            wanted = f"{_tag('I', opened)} or {_tag('E', opened)}"
            raise TagFault(place, f"tag {tag!r} where a mention is not ended", wanted)
        opened = kind if letter in ("B", "I") else None
        bio.append(OUTSIDE if letter == OUTSIDE else _tag("B" if letter in ("B", "S") else "I", kind))
    if opened is not None:
        raise TagFault(len(tags) - 1, f"tag {tags[-1]!r} at the end of a sentence", "E at a mention's last word")
    return bio


def _from_io(tags: Sequence[str]) -> list[str]:
    return io_to_bio([tag if tag == OUTSIDE or tag == "I" or tag.startswith("I-") else f"I-{tag}" for tag in tags])


SCHEMES: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "iob1": _from_iob1,
    "iob2": _from_iob2,
    "iobes": _from_iobes,
    "io": _from_io,
}


def _parts(place: int, tag: str, letters: str) -> tuple[str, str]:
    """Letter and type of a tag, "" for a bare one."""
    if tag == OUTSIDE:
        return OUTSIDE, ""
    found = _TAG.fullmatch(tag)
    if found is None or found[1] not in letters:
        raise TagFault(place, f"tag {tag[:40]!r}", f"{OUTSIDE}, or {' or '.join(letters)} with a type, as B-Chemical")
    return found[1], found[2] or ""


def _tag(letter: str, kind: str) -> str:
    return f"{letter}-{kind}" if kind else letter


def _fits(convert: Callable[[Sequence[str]], list[str]], tags: Sequence[str]) -> bool:
    try:
        convert(tags)
    except TagFault:
        return False
    return True


def _is_strict_iob1(tags: Sequence[str]) -> bool:
    """Whether every B follows a mention of its type: elsewhere IOB1 has none."""
    pairs = zip([OUTSIDE, *tags], tags, strict=False)
    return all(not tag.startswith("B") or before[1:] == tag[1:] for before, tag in pairs)
