"""Documents in formats with marks of their own: the words of CoNLL files, and PubTator's titles and abstracts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from ...errors import ParameterError
from ...tasks import Task
from ...tasks.custom.tagged import columns_of
from ...tasks.formats.conll import DOCUMENT, NO_ID
from ...tasks.formats.lines import shown
from .items import Document, Fault, Item, decoded, fault
from .records import document_of_words

_TITLE = re.compile(r"([^|\t]+)\|t\|(.*)", re.DOTALL)
_ABSTRACT = re.compile(r"([^|\t]+)\|a\|(.*)", re.DOTALL)


def read_conll_words(file: BinaryIO, where: str, task: Task, columns: Mapping[str, str]) -> Iterator[Item]:
    """The words of a CoNLL file, which are taken as they stand; tags, if any, are not looked at. A document is what
    stands between two -DOCSTART- lines, or a sentence where there are none.

    Raises:
        ParameterError: the column of words is no number.
    """
    if others := [role for role, number in columns.items() if role != "words" or not str(number).isdigit()]:
        raise ParameterError(f"--columns {others[0]}={columns[others[0]]}: a CoNLL file has words, by number from 1")
    at = int(columns.get("words", 1)) - 1
    sentences, words = [], []
    name, counted, sentence, wrong, read = None, 0, 0, None, 0

    def ended() -> Iterator[Item]:
        if wrong or sentences:
            own = name if name is not None else str(sentence)
            yield Item(wrong or document_of_words(own, sentences, marked=name is not None), read)

    for line in decoded(file):
        text = line.text.removesuffix("\n").removesuffix("\r")
        starts = text.startswith(DOCUMENT)
        if (starts or not text.strip(" ")) and words:
            sentences, words, sentence = [*sentences, words], [], sentence + 1
        if starts or (name is None and not text.strip(" ")):
            yield from ended()
            sentences, wrong = [], None
        read = line.read
        if starts:
            told = text.removeprefix(DOCUMENT).strip()
            counted += set(told.split()) <= NO_ID
            name = f"d{counted}" if set(told.split()) <= NO_ID else told.removeprefix("(").removesuffix(")").strip()
        elif text.strip(" "):
            found = columns_of(text, tabs="\t" in text)
            word = found[at] if at < len(found) else ""
            if line.wrong:
                wrong = wrong or fault(where, line.number, *line.wrong)
            elif not word.strip():
                wrong = wrong or fault(where, line.number, "no word", f"one in column {at + 1}", "restore the line")
            words.append(word)
    if words:
        sentences, sentence = [*sentences, words], sentence + 1
    yield from ended()


def read_pubtator(file: BinaryIO, where: str, task: Task, columns: Mapping[str, str]) -> Iterator[Item]:
    """The documents of a PubTator file: `ID|t|TITLE`, `ID|a|ABSTRACT`, annotations (not looked at), an empty line. The
    text is title, line break, abstract, as PubTator counts its offsets.
    """
    block: list[tuple[int, str]] = []
    wrong: Fault | None = None
    read = 0
    for line in decoded(file):
        text = line.text.removesuffix("\n").removesuffix("\r")
        if (block or wrong) and (not text.strip() or _TITLE.fullmatch(text)):
            yield Item(wrong or _pubtator_document(where, block), line.read if not text.strip() else read)
            block, wrong = [], None
        if line.wrong:
            wrong = wrong or fault(where, line.number, *line.wrong)
        elif text.strip() and ("\t" not in text or "|" in text.split("\t")[0]):
            block.append((line.number, text))
        read = line.read
    if block or wrong:
        yield Item(wrong or _pubtator_document(where, block), read)


def _pubtator_document(where: str, block: list[tuple[int, str]]) -> Document | Fault:
    number, first = block[0]
    title = _TITLE.fullmatch(first)
    if title is None:
        return fault(where, number, shown(first), "ID|t|TITLE", "restore the line, or name the file's own format")
    abstract = _ABSTRACT.fullmatch(block[1][1]) if len(block) > 1 else None
    if len(block) > 2 or (len(block) == 2 and (abstract is None or abstract[1] != title[1])):
        number, bad = block[1] if abstract is None or abstract[1] != title[1] else block[2]
        return fault(where, number, shown(bad), f"{title[1]}|a|ABSTRACT, then annotations", "restore the line")
    texts = [title[2]] + ([abstract[2]] if abstract else [])
    return Document(title[1].strip(), ("\n".join(texts),))
