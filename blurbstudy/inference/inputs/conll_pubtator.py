"""Documents in annotation formats: the words of CoNLL files, and the titles and abstracts of PubTator files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from ...errors import ParameterError
from ...tasks import Task
from ...tasks.custom.tagged import entity_types
from ...tasks.formats.conll import DOCUMENT, NO_ID
from ...tasks.formats.conll_layout import WORD_NAMES, columns_of, count_comments, is_header
from ...tasks.formats.lines import Line, decode_lines, quote, without_end
from .documents import Document, Item, ReadError, read_error
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
    named = int(columns["words"]) - 1 if columns.get("words") else None
    of_task = int(task.columns[0]) - 1 if task.custom and task.reader == "own_conll" else 0
    known = frozenset(entity_types(task.labels))
    sentences: list[list[str]] = []
    block: list[Line] = []  # the lines of the current sentence
    name: str | None = None
    unnamed = n_sentences = bytes_read = comments = width = 0
    error: ReadError | None = None
    columns_read: dict[str, str] = {}

    def finish_document() -> Iterator[Item]:
        if error or sentences:
            document_id = name if name is not None else str(n_sentences)
            document = document_of_words(document_id, sentences, marked=name is not None)
            yield Item(error or document, bytes_read, comments, columns=columns_read)

    def finish_sentence() -> list[str]:
        """The words of the block, without comments and the file's header."""
        nonlocal error, width, comments, named
        texts = [without_end(line.text) for line in block]
        begin = count_comments(texts, known, width=width)
        comments += begin
        if not width and begin < len(texts):
            cells = columns_of(texts[begin], tabs="\t" in texts[begin])
            width = len(cells)
            if is_header(cells):
                places = (i for i, cell in enumerate(cells) if cell.strip().lower() in WORD_NAMES)
                begin, named = begin + 1, next(places) if named is None else named
        column = (of_task if of_task < width > 1 else 0) if named is None else named
        columns_read["words"] = f"column {column + 1}"
        words = []
        for line, text in zip(block[begin:], texts[begin:], strict=True):
            fields = columns_of(text, tabs="\t" in text)
            word = fields[column] if column < len(fields) else ""
            if found := line.error_of_format:
                error = error or read_error(where, line.number, *found)
            elif not word.strip():
                expected = f"one in column {column + 1}"
                error = error or read_error(where, line.number, "no word", expected, "restore the line")
            words.append(word)
        block.clear()
        return words

    for line in decode_lines(file):
        text = without_end(line.text)
        starts = text.startswith(DOCUMENT)
        if (starts or not text.strip(" ")) and block and (words := finish_sentence()):
            sentences, n_sentences = [*sentences, words], n_sentences + 1
        if starts or (name is None and not text.strip(" ")):
            yield from finish_document()
            comments = 0 if error or sentences else comments
            sentences, error = [], None
        bytes_read = line.bytes_read
        if starts:
            marker = text.removeprefix(DOCUMENT).strip()
            is_unnamed = set(marker.split()) <= NO_ID
            unnamed += is_unnamed
            name = f"d{unnamed}" if is_unnamed else marker.removeprefix("(").removesuffix(")").strip()
        elif text.strip(" "):
            block.append(line)
    if block and (words := finish_sentence()):
        sentences, n_sentences = [*sentences, words], n_sentences + 1
    yield from finish_document()


def read_pubtator(file: BinaryIO, where: str, task: Task, columns: Mapping[str, str]) -> Iterator[Item]:
    """The documents of a PubTator file: `ID|t|TITLE`, `ID|a|ABSTRACT`, annotations (ignored), an empty line. The text
    is title, line break, abstract, as PubTator counts offsets.
    """
    block: list[tuple[int, str]] = []
    error: ReadError | None = None
    bytes_read = 0
    for line in decode_lines(file):
        text = without_end(line.text)
        if (block or error) and (not text.strip() or _TITLE.fullmatch(text)):
            end = line.bytes_read if not text.strip() else bytes_read
            yield Item(error or _pubtator_document(where, block), end)
            block, error = [], None
        if found := line.error_of_format:
            error = error or read_error(where, line.number, *found)
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
