"""Predicted tags in CoNLL format: `token<TAB>predicted` or `token<TAB>gold<TAB>predicted`, or with spaces instead of
tabs, with an empty line after each sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import DataError, count_of
from .formats.conll import Block, read_sentences
from .formats.lines import LineErrors, describe_columns, quote
from .task import Example, Task, as_predicted

WITHHELD = "withheld"  # key of the number of predictions below a minimum of confidence
WITHHELD_COMMENT = re.compile(rf"# {WITHHELD} = (\d+)")  # before a sentence


def read_tags(path: Path, task: Task, examples: Sequence[Example], of: str) -> list[str | float]:
    """The predictions of a file in the order of the examples. An I tag without a preceding B is allowed.
    `of`: task and split, for messages.
    Raises DataError: the file is missing, malformed or of other sentences.
    """
    sentences = [_without_comment(block) for block in read_sentences(path)]
    _check_sentences(path, sentences, examples, of)
    errors = LineErrors(path)
    predictions = []
    tabs = "\t" in sentences[0].lines[0]
    width = len(_columns(sentences[0].lines[0], tabs=tabs))
    width = width if width in (2, 3) else 2  # with gold tags, as for conlleval, or without
    for block, example in zip(sentences, examples, strict=True):
        tags = []
        for number, (line, word) in enumerate(zip(block.lines, example.texts, strict=True), block.first):
            fields = _columns(line, tabs=tabs)
            tag = fields[-1].strip()
            if len(fields) != width:
                form = "token<TAB>predicted" if width == 2 else "token<TAB>gold<TAB>predicted"
                actual = describe_columns(line) if tabs else f"{count_of(len(fields), 'column')} in {quote(line)}"
                errors.add(number, actual, form, "correct the line")
            elif fields[0] != word:
                errors.add(number, f"token {quote(fields[0])}", f"{quote(word)} as in {of}", "restore the token")
            elif tag not in task.labels:
                errors.add(number, f"tag {quote(tag)}", " or ".join(task.labels), _tag_remedy(tag, task))
            tags.append(tag)
        predictions.append(as_predicted(" ".join(tags), task))
    errors.raise_first()
    return predictions


def _without_comment(block: Block) -> Block:
    """The sentence without what `predict` notes before it."""
    if not WITHHELD_COMMENT.fullmatch(block.lines[0]):
        return block
    return Block(block.first + 1, block.document, block.lines[1:])


def _tag_remedy(tag: str, task: Task) -> str:
    prefix, dash, _ = tag.partition("-")
    is_typed = dash and prefix in task.labels
    return f"strip the types, such as {prefix} for {quote(tag)}" if is_typed else "correct the tag"


def _check_sentences(path: Path, sentences: Sequence[Block], examples: Sequence[Example], of: str) -> None:
    """Check the number of sentences and their numbers of words."""
    if len(sentences) != len(examples):
        at = next((i for i, (b, e) in enumerate(zip(sentences, examples, strict=False)) if not _fits(b, e)), None)
        shorter = min(len(sentences), len(examples))
        position = f"sentence {shorter + 1}" if at is None else f"sentence {at + 1} (line {sentences[at].first})"
        raise DataError(
            f"{path}: found {count_of(len(sentences), 'sentence')}; expected {len(examples)} as in {of}, each "
            f"followed by an empty line; the first difference is in {position}"
        )
    errors = LineErrors(path)
    for block, example in zip(sentences, examples, strict=True):
        if len(block.lines) != len(example.texts):
            actual = f"sentence {example.id} with {count_of(len(block.lines), 'word')}"
            errors.add(
                block.first, actual, f"{count_of(len(example.texts), 'word')} as in {of}", "restore the sentence"
            )
    errors.raise_first()


def _fits(block: Block, example: Example) -> bool:
    tabs = "\t" in block.lines[0]
    return [_columns(line, tabs=tabs)[0] for line in block.lines] == list(example.texts)


def _columns(line: str, *, tabs: bool) -> list[str]:
    """The columns of a line, separated by tabs or by spaces; other white space may be part of a token."""
    return line.split("\t") if tabs else re.split(" +", line.strip(" "))
