"""How the file of each split is read: columns, tag scheme and marks, which may differ from train's."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from ...config import JsonMapping, JsonObject
from ...errors import DataError, check_choice
from ..formats.lines import listed, raise_data_error
from ..formats.tag_schemes import ALIASES, USUAL, detect_scheme, spelling_of, usual_tags
from ..task import OUTSIDE, Task
from .columns import WITHOUT_COLUMNS, assign_columns, columns_of_split
from .files import display_path
from .formats import FORMATS
from .tabular import first_fields
from .tagged import raw_tags

PER_FILE_FIELDS = ("id", "document", "header", "scheme", "start", "end", "mention", "one_hot")  # fields of CustomForm


def with_forms(task: Task, forms: Mapping[str, str], columns: JsonMapping, scheme: str | None) -> Task:
    """The task with columns and tag schemes; splits that are read otherwise than train have their own."""
    parts: dict[str, Task] = {}
    for split, form in forms.items():
        part = dataclasses.replace(task, reader=FORMATS[form], files={split: task.files[split]})
        path, named = display_path(part.files[split]), columns_of_split(columns, split)
        if split != "train":
            named = _named_for_split(path, form, named, columns, train=parts["train"], form_of_train=forms["train"])
        parts[split] = assign_columns(part, path, form, named, split=split)
        parts[split] = _with_train_labels(parts[split], parts["train"], path)
    for reader in dict.fromkeys(part.reader for part in parts.values()):
        of_reader = {split: part for split, part in parts.items() if part.reader == reader}
        if task.output == "token_labels":
            parts |= _with_tag_scheme(of_reader, scheme)
    train = parts["train"]
    others = {split: changed for split, part in parts.items() if (changed := _differing(part, train))}
    custom = dataclasses.replace(train.form, split_overrides=others)
    return dataclasses.replace(train, files=task.files, custom=custom)


def _differing(part: Task, train: Task) -> JsonObject:
    """How a split's file is read, if otherwise than train's."""
    fields = {name: getattr(part.form, name) for name in PER_FILE_FIELDS}
    for name in ("marks", "tag_spelling"):
        if getattr(part.form, name) != getattr(train.form, name):
            fields[name] = getattr(part.form, name)
    values = {"reader": part.reader, "columns": part.columns, **fields}
    is_same = (part.reader, part.columns, part.form) == (train.reader, train.columns, train.form)
    return {} if is_same else values


def _named_for_split(
    path: Path, form: str, named: JsonObject, columns: JsonMapping, *, train: Task, form_of_train: str
) -> JsonObject:
    """The columns of another split's file: those named for train if it has them, and label columns like train's."""
    common = columns_of_split(columns, "")
    if form != form_of_train and not _has_columns(path, form, common):
        named = {role: column for role, column in named.items() if common.get(role) != column}
    if train.form.one_hot and "label" not in named and _has_columns(path, form, {"label": list(train.form.one_hot)}):
        named = named | {"label": list(train.form.one_hot)}
    return named


def _has_columns(path: Path, form: str, columns: JsonMapping) -> bool:
    """Whether a file has these columns."""
    if form == "conll" or form in WITHOUT_COLUMNS:
        return False
    names = [str(name) for column in columns.values() for name in (column if isinstance(column, list) else [column])]
    return set(names) <= set(first_fields(path, form.rpartition("-")[2]))


def _with_train_labels(part: Task, train: Task, path: Path) -> Task:
    """The task of another split with the names of train's marks, after a check that both have the same inputs."""
    texts = [len(side.columns) for side in (part, train)]
    if train.output != "token_labels" and texts[0] != texts[1]:
        ours, theirs = (", ".join(side.columns[1:-1]) for side in (part, train))
        raise DataError(
            f"{path}: has the texts {ours}, but train has {theirs}; name its columns (--columns SPLIT.text)"
        )
    if len(part.form.marks) != len(train.form.marks) and not (train.form.one_hot or part.form.one_hot):
        ours, theirs = (f"{len(side.form.marks)} marks" if side.form.marks else "no marks" for side in (part, train))
        raise DataError(f"{path}: has {ours} such as [1, 0] in a row, but train has {theirs}; write both alike")
    if train.form.marks:
        return dataclasses.replace(part, custom=dataclasses.replace(part.form, marks=train.form.marks))
    return part


def _with_tag_scheme(parts: Mapping[str, Task], name: str | None) -> dict[str, Task]:
    """The task for each split with its tag scheme and the spelling of its tags: as named, or detected from the files.

    Args:
        parts: split -> the task as it reads that split's file, of all files in one format.

    Raises:
        ParameterError: the scheme is unknown.
        DataError: a file is missing or malformed, or its tags may be read in several ways.
    """
    if name is not None and str(name).lower() not in ALIASES:
        check_choice("scheme", name, ALIASES)
    named = None if name is None else ALIASES[str(name).lower()]
    schemes, spelling = dict.fromkeys(parts, ""), ""
    if next(iter(parts.values())).reader in ("own_conll", "own_tagged_jsonl"):  # others are raw text with spans
        schemes = dict.fromkeys(parts, named or "")
        tags = {split: raw_tags(display_path(part.files[split]), part) for split, part in parts.items()}
        distinct = sorted({tag for sentences in tags.values() for sentence in sentences for tag in sentence})
        spelling = spelling_of(distinct)
        if not spelling and named is None and distinct and OUTSIDE not in distinct:
            expected = f"tags with a letter, such as B-Chemical, or types and {OUTSIDE} for words outside"
            remedy = "name the column of tags (--columns label=NUMBER) or the scheme (--scheme io)"
            where = str(display_path(next(iter(parts.values())).files[next(iter(parts))]))
            raise_data_error(where, f"tags {listed(distinct)}", expected, remedy)
        if named is None:  # IOBES shows in each file that has it, the others only in all of them
            usual = {split: [usual_tags(sentence, spelling) for sentence in tags[split]] for split in parts}
            schemes = {split: detect_scheme(usual[split]) for split in parts}
            others = [split for split in parts if schemes[split] != "iobes"]
            common = detect_scheme(sentence for split in others for sentence in usual[split])
            schemes |= dict.fromkeys(others, common)
    spelling = "" if spelling == USUAL else spelling
    return {
        split: dataclasses.replace(
            part, custom=dataclasses.replace(part.form, scheme=schemes[split], tag_spelling=spelling)
        )
        for split, part in parts.items()
    }
