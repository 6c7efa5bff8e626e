"""Documents in annotation formats: the words of CoNLL files, and the titles and abstracts of PubTator files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from ...errors import ParameterError
from ...tasks import Task
from ...tasks.custom.tagged import columns_of
from ...tasks.formats.conll import DOCUMENT, NO_ID
from ...tasks.formats.lines import quote
from .documents import Document, Item, ReadError, decode_lines, read_error
from .records import document_of_words

_TITLE = re.compile(r"([^|\t]+)\|t\|(.*)", re.DOTALL)
_ABSTRACT = re.compile(r"([^|\t]+)\|a\|(.*)", re.DOTALL)


def read_conll_words(file: BinaryIO, where: str, task: Task, columns: Mapping[str, str]) -> Iterator[Item]:
    """The words of a CoNLL file, unchanged; tags are ignored. A document extends from one -DOCSTART- line to the next,
    or is a sentence in a file without such lines.

    Raises:
        ParameterError: the column of words is not a number.
    """
    if wrong := [role for role, number in columns.items() if role != "words" or not str(number).isdigit()]:
        raise ParameterError(
            f"--columns {wrong[0]}={columns[wrong[0]]}: expected words=NUMBER for a CoNLL file, from 1"
        )
    column = int(columns.get("words", 1)) - 1
    sentences: list[list[str]] = []
    words: list[str] = []
    name: str | None = None
    unnamed = sentence = bytes_read = 0
    error: ReadError | None = None

    def finish_document() -> Iterator[Item]:
        if error or sentences:
            document_id = name if name is not None else str(sentence)
            yield Item(error or document_of_words(document_id, sentences, marked=name is not None), bytes_read)

    for line in decode_lines(file):
        text = line.text.removesuffix("\n").removesuffix("\r")
        starts = text.startswith(DOCUMENT)
        if (starts or not text.strip(" ")) and words:
            sentences, words, sentence = [*sentences, words], [], sentence + 1
        if starts or (name is None and not text.strip(" ")):
            yield from finish_document()
            sentences, error = [], None
        bytes_read = line.bytes_read
        if starts:
            marker = text.removeprefix(DOCUMENT).strip()
            is_unnamed = set(marker.split()) <= NO_ID
            unnamed += is_unnamed
            name = f"d{unnamed}" if is_unnamed else marker.removeprefix("(").removesuffix(")").strip()
        elif text.strip(" "):
            fields = columns_of(text, tabs="\t" in text)
            word = fields[column] if column < len(fields) else ""
            if line.error:
                error = error or read_error(where, line.number, *line.error)
            elif not word.strip():
                expected = f"one in column {column + 1}"
                error = error or read_error(where, line.number, "no word", expected, "restore the line")
            words.append(word)
    if words:
        sentences, sentence = [*sentences, words], sentence + 1
    yield from finish_document()


def read_pubtator(file: BinaryIO, where: str, task: Task, columns: Mapping[str, str]) -> Iterator[Item]:
    """The documents of a PubTator file: `ID|t|TITLE`, `ID|a|ABSTRACT`, annotations (ignored), an empty line. The text
    is title, line break, abstract, as PubTator counts offsets.
    """
    block: list[tuple[int, str]] = []
    error: ReadError | None = None
    bytes_read = 0
    for line in decode_lines(file):
        text = line.text.removesuffix("\n").removesuffix("\r")
        if (block or error) and (not text.strip() or _TITLE.fullmatch(text)):
            end = line.bytes_read if not text.strip() else bytes_read
            yield Item(error or _pubtator_document(where, block), end)
            block, error = [], None
        if line.error:
            error = error or read_error(where, line.number, *line.error)
        elif text.strip() and ("\t" not in text or "|" in text.split("\t")[0]):
            block.append((line.number, text))
        bytes_read = line.bytes_read
    if block or error:
        yield Item(error or _pubtator_document(where, block), bytes_read)


def _pubtator_document(where: str, block: list[tuple[int, str]]) -> Document | ReadError:
    number, first = block[0]
    title = _TITLE.fullmatch(first)
    if title is None:
        remedy = "restore the line, or pass the right --input-format"
        return read_error(where, number, quote(first), "ID|t|TITLE", remedy)
    abstract = _ABSTRACT.fullmatch(block[1][1]) if len(block) > 1 else None
    if len(block) > 2 or (len(block) == 2 and (abstract is None or abstract[1] != title[1])):
        number, wrong = block[1] if abstract is None or abstract[1] != title[1] else block[2]
        return read_error(where, number, quote(wrong), f"{title[1]}|a|ABSTRACT, then annotations", "restore the line")
    texts = [title[2]] + ([abstract[2]] if abstract else [])
    return Document(title[1].strip(), ("\n".join(texts),))
