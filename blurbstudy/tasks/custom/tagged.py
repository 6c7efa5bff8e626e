"""Tagged sentences of a custom task: CoNLL files or JSONL with lists of words and tags, in any tag scheme.

CoNLL files have columns separated by tabs or spaces, one word per line, an empty line after each sentence and
optional -DOCSTART- lines. Tags are converted to typed IOB2 (BIO): B-Chemical I-Chemical O.

IOB1 (Ramshaw and Marcus 1995): B only at a mention directly after another of its type. IOB2: B at every first word.
IOBES (or BILOU, with L for E and U for S): E at the last word, S for single words. IO: bare types, or only I; adjacent
mentions of a type merge.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ...metrics import bio_to_io, io_to_bio
from ...metrics.entities import split_gold
from ..formats.conll import Block, read_sentences
from ..formats.lines import LineErrors, quote, raise_data_error
from ..task import OUTSIDE, Example, Task
from .tabular import NumberedExample, json_records

Tagged = tuple[list[int], str, str, list[str], list[str]]  # lines of the words, id, document, words, raw tags


def read_conll_with_lines(path: Path, task: Task) -> list[NumberedExample]:
    """The sentences of a CoNLL file with the lines of their first words."""
    errors = LineErrors(path)
    return _examples(path, conll_sentences(path, task, errors), task, errors)


def read_tagged_jsonl_with_lines(path: Path, task: Task) -> list[NumberedExample]:
    """The sentences of a JSONL file with lists of words and tags, and their lines."""
    errors = LineErrors(path)
    return _examples(path, jsonl_sentences(path, task, errors), task, errors)


def conll_sentences(path: Path, task: Task, errors: LineErrors) -> Iterator[Tagged]:
    """The sentences with the same number of columns as the first line; others are added to the errors."""
    word_at, tag_at = (int(column) - 1 for column in task.columns)
    width, tabs = 0, True
    for count, block in enumerate(read_sentences(path), 1):
        if not width:
            tabs = "\t" in block.lines[0]
            width = len(columns_of(block.lines[0], tabs=tabs))
            if width <= max(word_at, tag_at):
                actual = f"{width} column{'s' * (width > 1)} in {quote(block.lines[0])}"
                expected = f"column {max(word_at, tag_at) + 1} too, of words and tags"
                raise_data_error(
                    f"{path}, line {block.first}", actual, expected, "separate them by tabs, or name the columns"
                )
        rows = _rows_of(block, width, tabs, word_at, errors)
        if rows is not None:
            name = str(count)
            words, tags = ([row[at].strip() for row in rows] for at in (word_at, tag_at))
            lines = list(range(block.first, block.first + len(rows)))
            yield lines, name, block.document or name, words, tags


def _rows_of(block: Block, width: int, tabs: bool, word_at: int, errors: LineErrors) -> list[list[str]] | None:
    rows = [columns_of(line, tabs=tabs) for line in block.lines]
    for number, row in enumerate(rows, block.first):
        if len(row) != width:
            actual = f"{len(row)} column{'s' * (len(row) != 1)} in {quote(' '.join(row))}"
            expected = f"{width}, or an empty line after a sentence"
            return errors.add(number, actual, expected, "restore the line; words may not contain tabs or spaces")
        if not row[word_at].strip():
            return errors.add(number, "an empty word", "a word", "restore it or remove the line")
    return rows


def columns_of(line: str, *, tabs: bool) -> list[str]:
    """The columns of a line, separated by tabs or by spaces."""
    return line.split("\t") if tabs else line.split()


def jsonl_sentences(path: Path, task: Task, errors: LineErrors) -> Iterator[Tagged]:
    """The sentences with lists of equal length; others are added to the errors."""
    custom, (words_key, tags_key) = task.form, task.columns
    for count, (number, record) in enumerate(json_records(path, errors), 1):
        lists: list = [record.get(key) for key in (words_key, tags_key)]
        if not all(isinstance(values, list) and all(isinstance(part, str) for part in values) for values in lists):
            actual = f"{words_key} and {tags_key} that are not two lists of strings"
            expected = f'{{"{words_key}": ["..."], "{tags_key}": ["O"]}}'
            errors.add(number, actual, expected, "use lists of words and tags")
            continue
        words, tags = lists
        if len(words) != len(tags) or not words:
            actual = f"{len(tags)} tags for {len(words)} words"
            errors.add(number, actual, "one tag per word and at least one word", "restore the line")
            continue
        if bad := next((w for w in words if not w.strip() or "\0" in w), None):
            errors.add(number, f"the word {quote(bad)}", "a word", "restore it or remove it")
            continue
        if "" in words:
            errors.add(number, "an empty word", "a word", "restore it or remove it with its tag")
            continue
        name = str(record.get(custom.id, "")).strip() if custom.id else str(count)
        unit = str(record.get(custom.document, "")).strip() if custom.document else name
        if not name or not unit:
            errors.add(number, f"no {custom.document if name else custom.id}", "an id", "give the line one")
            continue
        yield [number] * len(words), name, unit, words, tags


def _examples(path: Path, sentences: Iterator[Tagged], task: Task, errors: LineErrors) -> list[NumberedExample]:
    examples: list[NumberedExample] = []
    names: set[str] = set()
    for lines, name, document, words, tags in sentences:
        if any(not tag or any(map(str.isspace, tag)) for tag in tags):
            position = next(i for i, tag in enumerate(tags) if not tag or any(map(str.isspace, tag)))
            errors.add(lines[position], f"tag {quote(tags[position])}", "a tag without spaces", "correct the tag")
            continue
        try:
            bio = to_bio(tags, task.form.scheme)
        except TagSchemeError as fault:
            errors.add(lines[fault.position], fault.actual, fault.expected, f"correct the tag, or {HINT}")
            continue
        if task.task_type == "pico":
            bio = bio_to_io(bio)
        if task.labels and (unknown := [i for i, tag in enumerate(bio) if tag not in task.labels]):
            types = " or ".join(entity_types(task.labels))
            actual = f"tag {quote(tags[unknown[0]])}"
            errors.add(lines[unknown[0]], actual, f"O, or a tag of {types}", "correct the tag")
            continue
        if name in names:
            errors.add(lines[0], f"{task.form.id} {quote(name)} a second time", "unique ids", "remove or rename one")
            continue
        names.add(name)
        examples.append((lines[0], Example(name, document, tuple(words), " ".join(bio))))
    errors.raise_first()
    if not examples:
        raise_data_error(str(path), "no sentences", "one word and its tag per line", "check the path")
    return examples


def raw_tags(path: Path, task: Task) -> list[list[str]]:
    """The tags of each sentence before conversion."""
    errors = LineErrors(path)
    read = conll_sentences if task.reader == "own_conll" else jsonl_sentences
    tags = [tags_of_sentence for *_, tags_of_sentence in read(path, task, errors)]
    errors.raise_first()
    return tags


def entity_types(labels: tuple[str, ...]) -> list[str]:
    """The entity types in the order of the labels; "mentions" for bare tags."""
    return list(dict.fromkeys(label[2:] or "mentions" for label in labels if label != "O"))


def tags_of_types(types: list[str], *, kind: str) -> tuple[str, ...]:
    """The labels of a task with these entity types ("" for bare tags): O, then B and I of each type (PICO: I)."""
    letters = ("I",) if kind == "pico" else ("B", "I")
    return ("O", *(f"{letter}-{entity_type}" if entity_type else letter for entity_type in types for letter in letters))


def types_in(examples: list[Example]) -> list[str]:
    """The sorted entity types of sentences, "" for bare tags."""
    labels = [split_gold(str(example.label)) for example in examples]
    tagged = {tag[2:] for tags, _ in labels for tag in tags if tag != "O"}
    return sorted(tagged | {mention.type for _, listed in labels for mention in listed or ()})


# Tag schemes

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
_TAG = re.compile(r"([BILUES])(?:-(.+))?")
_BILOU_TO_IOBES = {"L": "E", "U": "S"}  # BILOU's letters
HINT = "name the scheme (scheme: iob1, iob2, iobes or io) if it was detected wrongly"


class TagSchemeError(ValueError):
    """A tag that is invalid at its position."""

    def __init__(self, position: int, actual: str, expected: str) -> None:
        super().__init__(position, actual, expected)
        self.position, self.actual, self.expected = position, actual, expected


def to_bio(tags: Sequence[str], scheme: str) -> list[str]:
    """The tags of one sentence in IOB2."""
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
    if not all(_is_valid(_from_iob2, tags) for tags in known) and all(map(_is_strict_iob1, known)):
        return "iob1"
    return "iob2"


def _from_iob2(tags: Sequence[str]) -> list[str]:
    before = ("", "")
    for position, tag in enumerate(tags):
        letter, kind = _split_checked(position, tag, "BI")
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
        letter, kind = _split_checked(position, tag, "BILUES")
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


def _split_checked(position: int, tag: str, letters: str) -> tuple[str, str]:
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
