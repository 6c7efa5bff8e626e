"""Tag schemes and the spelling of tags: from the tags of a file to typed IOB2 (BIO), B-Chemical I-Chemical O.

IOB1 (Ramshaw and Marcus 1995): B only at a mention directly after another of its type. IOB2: B at every first word.
IOBES: E at the last word, S for single words; BILOU has L for E and U for S, BMES M for I, BMEWO W for S.
IO: bare types, or only I; adjacent mentions of a type merge.

Letter and type may be separated by -, _ or :, in either order (B-Chem, B_Chem, Chem-B), and the letter may be small.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache

from ...metrics import io_to_bio
from ..task import OUTSIDE

ALIASES = {  # usual names -> key of SCHEMES; "iob" is ambiguous
    "iob1": "iob1",
    "iob2": "iob2",
    "bio": "iob2",
    "bio2": "iob2",
    "iobes": "iobes",
    "bioes": "iobes",
    "bilou": "iobes",
    "bioul": "iobes",
    "io": "io",
}
LETTERS = "BIESLUMW"
_TO_IOBES = {"L": "E", "U": "S", "M": "I", "W": "S"}  # letters of BILOU, BMES and BMEWO
USUAL = "B-Type"
SPELLINGS = (
    USUAL,
    *(f"{b}{separator}Type" for separator in "-_:" for b in "Bb" if f"{b}{separator}" != "B-"),
    *(f"Type{separator}{b}" for separator in "-_:" for b in "Bb"),
)
HINT = "name the scheme (scheme: iob1, iob2, iobes or io) if it was detected wrongly"


class TagSchemeError(ValueError):
    """A tag that is invalid at its position."""

    def __init__(self, position: int, actual: str, expected: str) -> None:
        super().__init__(position, actual, expected)
        self.position, self.actual, self.expected = position, actual, expected


@lru_cache
def pattern(spelling: str) -> re.Pattern[str]:
    """The pattern of tags in a spelling, with groups letter and kind."""
    before, separator, after = re.split(r"([-_:])", spelling)
    letters = LETTERS if "B" in spelling else LETTERS.lower()
    if after == "Type":
        return re.compile(rf"(?P<letter>[{letters}])(?:{separator}(?P<kind>.+))?")
    return re.compile(rf"(?:(?P<kind>.+){separator})?(?P<letter>[{letters}])")


def spelling_of(tags: Collection[str]) -> str:
    """The spelling of these tags, one of SPELLINGS; "" if they are bare types, or none but O."""
    distinct = set(tags) - {OUTSIDE, OUTSIDE.lower()}
    for spelling in SPELLINGS if distinct else ():
        matches = [match for tag in distinct if (match := pattern(spelling).fullmatch(tag))]
        begins = {match["letter"].upper() for match in matches} & set("BIUSW")
        if begins and len(matches) == len(distinct):
            return spelling
    some = sum(pattern(USUAL).fullmatch(tag) is not None for tag in distinct)
    return USUAL if some else ""  # then the others are named as wrong


def usual_tags(tags: Sequence[str], spelling: str) -> list[str]:
    """The tags in the usual spelling; those in another stay as they are."""
    if spelling in ("", USUAL):
        return list(tags)
    outside = (OUTSIDE, OUTSIDE.lower()) if "b" in spelling else (OUTSIDE,)
    matches = [pattern(spelling).fullmatch(tag) for tag in tags]
    return [
        OUTSIDE if tag in outside else _tag(match["letter"].upper(), match["kind"] or "") if match else tag
        for tag, match in zip(tags, matches, strict=True)
    ]


def to_bio(tags: Sequence[str], scheme: str) -> list[str]:
    """The tags of one sentence in IOB2."""
    return SCHEMES[scheme](tags)


def detect_scheme(sentences: Iterable[Sequence[str]]) -> str:
    """The scheme of these sentences' tags, key of SCHEMES; IOB2 if none fits, whose error then names the problem."""
    known = [list(tags) for tags in sentences]
    distinct = {tag for tags in known for tag in tags} - {OUTSIDE}
    letters = {match["letter"] for tag in distinct if (match := pattern(USUAL).fullmatch(tag))}
    if distinct and not letters:
        return "io"
    if letters & set("LUESMW"):
        return "iobes"
    if "B" not in letters:
        return "iob1" if letters else "iob2"
    if not all(_is_valid(_from_iob2, tags) for tags in known) and all(map(_is_strict_iob1, known)):
        return "iob1"
    return "iob2"


def _from_iob2(tags: Sequence[str]) -> list[str]:
    before = ("", "")
    for position, tag in enumerate(tags):
        letter, kind = (OUTSIDE, "") if tag == OUTSIDE else _split_checked(position, tag, "BI")
        if letter == "I" and (before[0] not in ("B", "I") or before[1] != kind):
            raise TagSchemeError(
                position, f"tag {tag!r} outside a {kind or 'mention'}", "B at the first word of a mention"
            )
        before = (letter, kind)
    return list(tags)


def _from_iob1(tags: Sequence[str]) -> list[str]:
    bio, before = [], ("", "")
    for position, tag in enumerate(tags):
        letter, kind = _split_checked(position, tag, "BI")
        goes_on = letter == "I" and before[0] in ("B", "I") and before[1] == kind
        bio.append(tag if letter == OUTSIDE else _tag("I" if goes_on else "B", kind))
        before = (letter, kind)
    return bio


def _from_iobes(tags: Sequence[str]) -> list[str]:
    bio, opened = [], None  # opened: type of the current mention
    for position, tag in enumerate(tags):
        letter, kind = _split_checked(position, tag, LETTERS)
        letter = _TO_IOBES.get(letter, letter)
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


def _split_checked(position: int, tag: str, letters: str) -> tuple[str, str]:
    """Letter and type of a tag; the type is "" for a bare tag."""
    if tag == OUTSIDE:
        return OUTSIDE, ""
    match = pattern(USUAL).fullmatch(tag)
    if match is None or match["letter"] not in letters:
        raise TagSchemeError(
            position, f"tag {tag[:40]!r}", f"{OUTSIDE}, or {' or '.join(letters)} with a type, such as B-Chemical"
        )
    return match["letter"], match["kind"] or ""


def _tag(letter: str, kind: str) -> str:
    return f"{letter}-{kind}" if kind else letter


def _is_valid(convert: Callable[[Sequence[str]], list[str]], tags: Sequence[str]) -> bool:
    try:
        convert(tags)
    except TagSchemeError:
        return False
    return True


def _is_strict_iob1(tags: Sequence[str]) -> bool:
    """Whether every B follows a mention of its type, as in IOB1."""
    pairs = zip([OUTSIDE, *tags], tags, strict=False)
    return all(not tag.startswith("B") or before[1:] == tag[1:] for before, tag in pairs)
