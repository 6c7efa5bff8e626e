"""BLURB's DDI from the DDIExtraction 2013 archive: one example per candidate pair, with both drugs masked.

BLURB's index lists the files of each split in order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from ...formats.lines import quote, raise_data_error, read_lines
from .archive import read_archive

ARCHIVE = "raw/DDIextraction_2013.tar.gz"
ROOT = "DDIextraction_2013"  # folder in the archive
MASK, BOTH = "@DRUG$", "@DRUG-DRUG$"  # BOTH for overlapping drugs
UNTYPED = "int"  # type of interactions without one


def rebuild_ddi(folder: Path, name: str) -> bytes:
    """`train.tsv` (dev, test) from the archive and `index/train_files.tsv`: lines `pair<TAB>sentence<TAB>label`.

    Raises:
        DataError: archive or index is missing or malformed.
    """
    index = folder / "index" / f"{name.removesuffix('.tsv')}_files.tsv"
    members = read_archive(folder / ARCHIVE)
    lines = []
    for number, listed in enumerate(read_lines(index), 1):
        member = f"{ROOT}/{listed.strip()}"
        if member not in members:
            where = f"{index}, line {number}"
            raise_data_error(
                where, quote(listed), f"a file of {folder / ARCHIVE}", "get the index and the archive again"
            )
        lines += _pairs(f"{folder / ARCHIVE}, {member}", members[member])
    return "".join(f"{line}\n" for line in lines).encode()


def _pairs(where: str, xml: bytes) -> Iterator[str]:
    remedy = "get the archive again"
    if b"<!DOCTYPE" in xml or b"<!ENTITY" in xml:
        raise_data_error(where, "a document type with entities", "plain XML", remedy)
    try:
        for sentence in ElementTree.fromstring(xml).iter("sentence"):
            spans = {entity.attrib["id"]: _span(entity.attrib["charOffset"]) for entity in sentence.iter("entity")}
            for pair in sentence.iter("pair"):
                text = masked(sentence.attrib["text"], spans[pair.attrib["e1"]], spans[pair.attrib["e2"]])
                kind = pair.attrib.get("type", UNTYPED) if pair.attrib["ddi"] == "true" else "false"
                one_line = re.sub(r"[\r\n\t]", " ", text)  # some sentences end with a line break
                yield f"{pair.attrib['id']}\t{one_line}\tDDI-{kind}"
    except ElementTree.ParseError as error:
        raise_data_error(where, f"invalid XML ({error})", "a document of the corpus", remedy)
    except (KeyError, ValueError) as error:
        raise_data_error(where, f"no {quote(str(error.args[0]))}", "sentences with entities and pairs", remedy)


def masked(text: str, first_span: tuple[int, int], second_span: tuple[int, int]) -> str:
    """The text with two spans [start, end) replaced by MASK, or by one BOTH if they overlap."""
    first, second = sorted((first_span, second_span))
    if first[1] <= second[0]:
        return text[: first[0]] + MASK + text[first[1] : second[0]] + MASK + text[second[1] :]
    return text[: first[0]] + BOTH + text[max(first[1], second[1]) :]


def _span(offsets: str) -> tuple[int, int]:
    """[start, end) of an entity from `4-9`, or `4-9;15-20` if discontinuous; these ends are inclusive."""
    numbers = [int(number) for part in offsets.split(";") for number in part.split("-")]
    return numbers[0], numbers[-1] + 1
