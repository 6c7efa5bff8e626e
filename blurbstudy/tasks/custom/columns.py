"""The columns of a custom task's files by role, and their tag scheme."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...config import JsonMapping, JsonObject
from ...errors import DataError, ParameterError
from ..formats.lines import quote, read_lines
from ..task import Task
from .files import display_path
from .formats import ENDS, SPANS, STARTS
from .tabular import first_fields, marked_columns
from .tagged import ALIASES, columns_of, detect_scheme, raw_tags

COLUMN_ALIASES = {  # role -> usual column names, in lower case
    "text": ("text", "sentence", "sentence1", "sent1", "text1", "question", "premise", "abstract", "document_text"),
    "text2": ("text2", "sentence2", "sent2", "context", "hypothesis", "passage", "answer_text"),
    "label": ("label", "labels", "class", "score", "category", "gold", "final_decision", "answer", "similarity"),
    "id": ("id", "index", "pair_id", "example_id"),
    "document": ("document", "document_id", "doc", "doc_id", "docid", "pmid", "article"),
    "words": ("words", "tokens"),
    "tags": ("tags", "ner_tags", "labels"),
    "spans": (*SPANS, "label", "labels"),
    "type": ("type", "label", "entity_type", "category", "class", "tag"),
    "start": STARTS,
    "end": ENDS,
    "mention": ("mention", "surface", "mention_text", "entity_text", "span_text"),
}
ROLES = ("text", "text2", "label", "id", "document")
SPAN_ROLES = ("start", "end", "mention")  # of a table with one row per mention
WITHOUT_COLUMNS = ("brat", "pubtator")


def assign_columns(task: Task, train: Path, form: str, named: Mapping[str, str | int]) -> Task:
    """The task with the columns of its train file: those named, the others by their usual names.

    Raises:
        ParameterError: a role is unknown.
        DataError: the file lacks a column, or a required column cannot be identified.
    """
    roles_known = (*ROLES, *SPAN_ROLES) if task.output == "token_labels" else ROLES
    if not isinstance(named, Mapping) or (unknown := sorted(set(map(str, named)) - set(roles_known))):
        wrong = quote(unknown[0]) if isinstance(named, Mapping) else quote(str(named))
        raise ParameterError(f"columns: {wrong} is not a role; use {', '.join(roles_known)}")
    if form == "conll":
        return dataclasses.replace(task, columns=_conll_columns(train, named))
    if form in WITHOUT_COLUMNS:
        if named:
            raise ParameterError(f"columns: {train.name} ({form}) has no columns; leave them out")
        return dataclasses.replace(task, columns=("text", "entities"))
    fields = first_fields(train, form.rpartition("-")[2])
    header = form.endswith("jsonl") or not named or not all(str(column).isdigit() for column in named.values())
    if not header:
        fields = [str(i + 1) for i in range(len(fields))]
    named, one_hot = _several_labels(named, fields)
    roles = {role: str(column) for role, column in named.items()}
    for column in (*roles.values(), *one_hot):
        if column not in fields:
            raise DataError(f"{train}: has no column {quote(column)}; it has {', '.join(fields)}")
    required = _required_roles(task, form, fields, roles)
    for role, usual in required.items() if header else ():
        free = [
            name for name in _matching_fields(fields, COLUMN_ALIASES[usual]) if name not in (*roles.values(), *one_hot)
        ]
        if role not in roles and free and not (role == "label" and one_hot):
            roles[role] = free[0]
    roles = _drop_second_text(task, roles)
    if "label" not in roles and task.output == "multi_label" and header:
        one_hot = one_hot or marked_columns(train, form, [name for name in fields if name not in roles.values()])
    if one_hot:
        roles["label"] = "labels"
    for role in ("text", "label", *(("text2",) if task.task_type == "similarity" else ())):
        if role not in roles:
            option = f"--columns {role}=NAME, or {role}: NAME under columns: in the YAML"
            raise DataError(
                f"{train}: cannot identify the column of the {role} among {', '.join(fields)}; name it ({option})"
            )
    if ("start" in roles) != ("end" in roles):
        raise DataError(
            f"{train}: cannot identify the columns of start and end among {', '.join(fields)}; name both or neither"
        )
    optional = {role: roles.get(role, "") for role in ("id", "document", "start", "end", "mention")}
    custom = dataclasses.replace(task.form, **optional, header=header, one_hot=tuple(one_hot))
    texts = [roles[role] for role in ("text", "text2") if role in roles]
    columns = (
        (*texts, roles["label"]) if task.output == "token_labels" else (custom.id or "line", *texts, roles["label"])
    )
    return dataclasses.replace(task, columns=columns, custom=custom)


def _several_labels(named: JsonMapping, fields: Sequence[str]) -> tuple[JsonObject, list[str]]:
    """The roles without the label, and the label's columns if there are several (a list, or names joined by +)."""
    label = named.get("label")
    if isinstance(label, str) and "+" in label and label not in fields:
        label = label.split("+")
    if not isinstance(label, (list, tuple)):
        return dict(named), []
    return {role: column for role, column in named.items() if role != "label"}, [
        str(column).strip() for column in label
    ]


def _required_roles(task: Task, form: str, fields: Sequence[str], named: Mapping[str, str]) -> dict[str, str]:
    """Role -> key of COLUMN_ALIASES, for the roles of a format."""
    if task.output != "token_labels":
        return {role: role for role in ("text", "text2", "label", "id", "document")}
    if form == "tagged-jsonl":
        return {"text": "words", "label": "tags", "id": "id", "document": "document"}
    has_offsets = all(role in named or _matching_fields(fields, COLUMN_ALIASES[role]) for role in ("start", "end"))
    if form == "span-jsonl" or not has_offsets:
        return {"text": "text", "label": "spans", "id": "id", "document": "document"}
    rows = {"text": "text", "start": "start", "end": "end", "mention": "mention", "label": "type"}
    return rows | {"document": "document"}  # an id would be the mention's, not the text's


def _matching_fields(fields: Sequence[str], usual: Sequence[str]) -> list[str]:
    """The fields with a usual name, the most usual first."""
    by_name = {name.lower(): name for name in fields}
    return [by_name[name] for name in usual if name in by_name]


def _drop_second_text(task: Task, roles: dict[str, str]) -> dict[str, str]:
    """The roles without a detected second text, for documents and tagged words."""
    return {role: name for role, name in roles.items() if role != "text2" or task.output in ("single_label", "score")}


def _conll_columns(train: Path, named: Mapping[str, str | int]) -> tuple[str, str]:
    """Numbers of the columns of words and tags: by default the first and the last."""
    if wrong := [role for role in named if role not in ("text", "label") or not str(named[role]).isdigit()]:
        raise ParameterError(
            f"columns: {wrong[0]}={named[wrong[0]]}; for CoNLL files, give text and label as numbers from 1"
        )
    first = next((line for line in read_lines(train) if line.strip() and not line.startswith("-DOCSTART-")), "")
    width = len(columns_of(first, tabs="\t" in first))
    return str(named.get("text", 1)), str(named.get("label", max(width, 2)))


def tag_scheme(name: str | None, task: Task) -> str:
    """The tag scheme: the one named, or the one detected from the files; "" for files of raw text with spans.

    Raises:
        ParameterError: it is unknown.
        DataError: a file is missing or malformed.
    """
    if name is not None and str(name).lower() not in ALIASES:
        raise ParameterError(f"scheme={str(name)!r} is unknown; use {', '.join(ALIASES)}")
    if task.reader not in ("own_conll", "own_tagged_jsonl"):
        return ""
    if name is not None:
        return ALIASES[str(name).lower()]
    return detect_scheme(tags for path in task.files.values() for tags in raw_tags(display_path(path), task))
