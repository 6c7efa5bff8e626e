"""Parts of the audit of a custom task: labels and texts that may not be what they seem, and what is not read."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ...errors import count_of
from ..formats.conll_layout import read_layout
from ..formats.label_cells import MISSING_NAMES, names_of_marks
from ..formats.lines import MAX_QUOTED, clip, listed
from ..task import OUTSIDE, Example, Task, split_labels, split_tags
from .arguments import number
from .columns import matching_fields
from .locations import ExampleLocations
from .tabular import column_values, count_unlabelled, first_fields

PERHAPS_MISSING = ("na", "n/a", "#n/a")  # the same, which may also be a class: "not applicable"
MISSING_TEXTS = (*MISSING_NAMES, *PERHAPS_MISSING, "none")
SPLIT_COLUMNS = ("split", "set", "subset", "partition", "fold", "dataset", "usage")
SPLIT_NAMES = {"train", "training", "dev", "val", "valid", "validation", "test", "testing", "eval"}
ANNOTATORS = ("annotator", "annotator_id", "_annotator_id", "_session_id", "annotated_by", "rater", "coder")
IDS = re.compile(r"(?i)([\W_]|^)id$|[a-z]ID$")
WITHOUT_COLUMN_NAMES = ("own_conll", "own_brat", "own_pubtator")
LOOK_ALIKE = str.maketrans("аеорсухіјѕԁһοναικρυ", "aeopcyxijsdhovaikpu")  # Cyrillic and Greek letters: Latin ones
TRUTH = {"true": 1.0, "false": 0.0}
MAX_NAMED = 4  # names listed in a sentence


def odd_labels(lines: ExampleLocations) -> Iterator[str]:
    """Warnings about labels that a program has written otherwise than meant."""
    counts = Counter[str]()
    for examples in lines.splits.values() if lines.task.output != "score" else ():
        counts += label_counts(lines.task, examples)
    labels = sorted(counts) if lines.task.output == "token_labels" else lines.task.labels if counts else ()
    for label in labels:
        if label.lower() in (*MISSING_NAMES, *PERHAPS_MISSING):
            yield (
                f"label {label!r} ({counts[label]} times) is what programs write for a missing value; "
                "leave these rows out (nan, null: --drop-unlabelled)"
            )
        if len(label) > 1 and label[0] == label[-1] and label[0] in "\"'`":
            yield f"label {label} ({counts[label]} times) has quote characters in it, which are read as part of it"
    if lines.task.form.marks and set(labels) == set(names_of_marks("", len(labels))):
        yield "labels are known by their position only; name them in their order (labels: [...] in a YAML file)"
    for group in dict.fromkeys((*_grouped(labels, _as_number), *_grouped(labels, _as_seen))):
        named = " and ".join(f"{label!r} ({counts[label]})" for label in group[:MAX_NAMED])
        yield f"labels {named} are read as different labels; write them alike if they are one"


def quoted_texts(lines: ExampleLocations) -> Iterator[str]:
    """A warning about TSV files with texts in quotes, which are read as part of the text."""
    for split, examples in lines.splits.items():
        texts = [e.texts[0] for e in examples if len(e.texts[0]) > 1]
        quoted = sum(text[0] == text[-1] == '"' for text in texts)
        if lines.task.of_split(split).reader == "own_tsv" and quoted > len(examples) / 2:
            yield (
                f"{quoted} of {len(examples)} texts of {split} have quote characters around them, which are read as "
                "part of the text; if they only quote, use --format csv"
            )


def _grouped(labels: Sequence[str], key: Callable[[str], object]) -> list[tuple[str, ...]]:
    """The labels with the same key, if there are several."""
    groups: dict[object, list[str]] = defaultdict(list)
    for label in labels:
        groups[key(label)].append(label)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _as_seen(label: str) -> str:
    """A label without what is hard to see: case, accents' composition, blanks, characters of no width, letters of
    another alphabet that look the same.
    """
    visible = "".join(c for c in unicodedata.normalize("NFKC", label) if unicodedata.category(c) != "Cf")
    return " ".join(visible.casefold().translate(LOOK_ALIKE).split())


def _as_number(label: str) -> object:
    value = TRUTH.get(label.casefold(), number(label))
    return label if value is None or math.isnan(value) else value


def missing_texts(lines: ExampleLocations) -> Iterator[str]:
    for split, examples in lines.splits.items():
        missing = [e for e in examples if any(text.strip().lower() in MISSING_TEXTS for text in e.texts)]
        if missing and lines.task.output != "token_labels":
            named = lines.location(split, missing[0])
            text = next(text for text in missing[0].texts if text.strip().lower() in MISSING_TEXTS)
            yield (
                f"{count_of(len(missing), 'text')} of {split} only {text!r} or the like, as programs write a missing "
                f"value (the first in {named}): remove them if they are"
            )


def left_out(path: Path, task: Task) -> Iterator[str]:
    """What is in a file and not read, and ids that are not read as such."""
    if task.reader == "own_conll":
        read = read_layout(path, int(task.columns[1]) - 1)
        if read.comments:
            yield f"{count_of(read.comments, 'line')} of comments left out"
        if read.header:
            yield f"the first line is a header ({listed(read.header)})"
    elif unlabelled := count_unlabelled(path, task):
        yield f"{count_of(unlabelled, 'row')} without a label left out (--drop-unlabelled)"
    if sentence := _second_annotators(path, task):
        yield sentence
    if sentence := _splits_in_rows(path, task):
        yield sentence
    if sentence := _perhaps_documents(path, task):
        yield sentence
    if not task.form.id and matching_fields([task.form.document], "id"):
        column = task.form.document
        yield f"column {column!r} is not unique, so rows are numbered and it names their document (off: --columns id=)"


def _second_annotators(path: Path, task: Task) -> str:
    """A sentence about texts with several annotators, whose annotations are read one by one; "" if there are none."""
    form, text = task.reader.rpartition("_")[2], task.columns[task.output != "token_labels"]
    if task.reader in WITHOUT_COLUMN_NAMES or not task.form.header:
        return ""
    column = next((name for name in first_fields(path, form) if name.lower() in ANNOTATORS), None)
    by_text: dict[str, set[str]] = defaultdict(set)
    for key, annotator in column_values(path, form, [text, column]) if column else ():
        by_text[str(key)].add(str(annotator))
    several = sum(len(annotators) > 1 for annotators in by_text.values())
    which = f"{count_of(several, 'text')} with annotations of several annotators (column {column})"
    return f"{which}, each read as an example of its own" if several else ""


def _splits_in_rows(path: Path, task: Task) -> str:
    """A sentence about a column that names the split of each row, which is not read; "" if there is none."""
    form = task.reader.rpartition("_")[2]
    if task.reader in WITHOUT_COLUMN_NAMES or not task.form.header:
        return ""
    for name in [name for name in first_fields(path, form) if name.lower() in SPLIT_COLUMNS]:
        values = {str(value).strip().lower() for (value,) in column_values(path, form, [name])}
        if len(values) > 1 and values <= SPLIT_NAMES:
            return f"column {name!r} names splits ({listed(sorted(values))}), which are not read: write a file of each"
    return ""


def _perhaps_documents(path: Path, task: Task) -> str:
    """A sentence about a column of ids that are not unique and not read, if no column names documents; or ""."""
    form = task.reader.rpartition("_")[2]
    if task.reader in WITHOUT_COLUMN_NAMES or not task.form.header or task.form.document:
        return ""
    read = {*task.columns, task.form.id, *task.form.one_hot}
    for name in [name for name in first_fields(path, form) if name not in read and IDS.search(name)]:
        values = [str(value).strip() for (value,) in column_values(path, form, [name])]
        if 1 < len(set(values)) < len(values):
            return (
                f"column {name!r} has equal ids in several rows: if they are of one patient or document, keep these "
                f"rows in one split (--columns document={name!r})"
            )
    return ""


def label_counts(task: Task, examples: Sequence[Example]) -> Counter[str]:
    """Label -> examples; entity type -> mentions (PICO: words); empty for scores."""
    if task.output == "score":
        return Counter()
    if task.output == "token_labels":
        begins = "I" if task.task_type == "pico" else "B"
        tags = (tag for e in examples for tag in split_tags(str(e.label)) if tag != OUTSIDE and tag.startswith(begins))
        return Counter(tag[2:] or "mentions" for tag in tags)
    if task.output == "multi_label":
        return Counter(label for example in examples for label in split_labels(str(example.label)))
    return Counter(str(example.label) for example in examples)


def abbreviate(names: Sequence[str], *, most: int = MAX_NAMED) -> str:
    shown = ", ".join(clip(name, length=2 * MAX_QUOTED) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
