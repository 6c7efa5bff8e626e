"""DDI of BLURB from the DDIExtraction 2013 archive: every candidate pair of a sentence, its two drugs masked.

The files of a split, and their order, are those of BLURB's index.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from ...formats.lines import fail, lines_of, shown
from .archive import read_archive

ARCHIVE = "raw/DDIextraction_2013.tar.gz"
ROOT = "DDIextraction_2013"  # folder in the archive
MASK, BOTH = "@DRUG$", "@DRUG-DRUG$"  # BOTH where the two drugs overlap
UNTYPED = "int"  # an interaction without a type is of the general one


def rebuild_ddi(folder: Path, name: str) -> bytes:
    """`train.tsv` (dev, test) from the archive and `index/train_files.tsv`: lines `pair<TAB>sentence<TAB>label`.

    Raises:
        DataError: archive or index are missing or not what they should be.
    """
    index = folder / "index" / f"{name.removesuffix('.tsv')}_files.tsv"
    members = read_archive(folder / ARCHIVE)
    lines = []
    for number, listed in enumerate(lines_of(index), 1):
        member = f"{ROOT}/{listed.strip()}"
        if member not in members:
            where = f"{index}, line {number}"
            fail(where, shown(listed), f"a file of {folder / ARCHIVE}", "get the index and the archive again")
        lines += _pairs(f"{folder / ARCHIVE}, {member}", members[member])
    return "".join(f"{line}\n" for line in lines).encode()


def _pairs(where: str, xml: bytes) -> Iterator[str]:
    remedy = "get the archive again"
    if b"<!DOCTYPE" in xml or b"<!ENTITY" in xml:
        fail(where, "a document type with entities", "plain XML", remedy)
    try:
        for sentence in ElementTree.fromstring(xml).iter("sentence"):
            places = {entity.attrib["id"]: _place(entity.attrib["charOffset"]) for entity in sentence.iter("entity")}
            for pair in sentence.iter("pair"):
                text = masked(sentence.attrib["text"], places[pair.attrib["e1"]], places[pair.attrib["e2"]])
                kind = pair.attrib.get("type", UNTYPED) if pair.attrib["ddi"] == "true" else "false"
                one_line = re.sub(r"[\r\n\t]", " ", text)  # some sentences end in a line break
                yield f"{pair.attrib['id']}\t{one_line}\tDDI-{kind}"
    except ElementTree.ParseError as error:
        fail(where, f"no XML ({error})", "a document of the corpus", remedy)
    except (KeyError, ValueError) as error:
        fail(where, f"no {shown(str(error.args[0]))}", "sentences with entities and pairs", remedy)


def masked(text: str, one: tuple[int, int], other: tuple[int, int]) -> str:
    """The text with two stretches [start, end) replaced by MASK, or by one BOTH where they overlap."""
    first, second = sorted((one, other))
    if first[1] <= second[0]:
        return text[: first[0]] + MASK + text[first[1] : second[0]] + MASK + text[second[1] :]
    return text[: first[0]] + BOTH + text[max(first[1], second[1]) :]


def _place(offsets: str) -> tuple[int, int]:
    """[start, end) of an entity from `4-9` or, where it has gaps, `4-9;15-20`; the last character is counted there."""
    numbers = [int(number) for part in offsets.split(";") for number in part.split("-")]
    return numbers[0], numbers[-1] + 1
