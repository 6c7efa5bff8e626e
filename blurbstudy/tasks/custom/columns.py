"""The columns of one's own files, by role; and the scheme of their tags."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import DataError, ParameterError
from ..formats.lines import lines_of, shown
from ..task import Task
from .files import near
from .formats import ENDS, SPANS, STARTS
from .tabular import first_fields, marked_columns
from .tag_schemes import ALIASES, recognized
from .tagged import columns_of, tags_as_they_stand

USUAL = {  # role -> names that columns usually have, in lower case
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
SPAN_ROLES = ("start", "end", "mention")  # of a table with a row for every mention
WITHOUT_COLUMNS = ("brat", "pubtator")


def with_columns(task: Task, train: Path, form: str, given: Mapping[str, str | int]) -> Task:
    """The task with the columns of its train file: those given, the others by their usual names.

    Raises:
        ParameterError: a role is unknown.
        DataError: the file lacks a column, or it is not clear which one is meant.
    """
    roles_known = (*ROLES, *SPAN_ROLES) if task.output == "token_labels" else ROLES
    if not isinstance(given, Mapping) or (unknown := sorted(set(map(str, given)) - set(roles_known))):
        wrong = shown(unknown[0]) if isinstance(given, Mapping) else shown(str(given))
        raise ParameterError(f"columns: {wrong} is no role; use {', '.join(roles_known)}")
    if form == "conll":
        return dataclasses.replace(task, columns=_conll_columns(train, given))
    if form in WITHOUT_COLUMNS:
        if given:
            raise ParameterError(f"columns: {train.name} ({form}) has none; leave them out")
        return dataclasses.replace(task, columns=("text", "entities"))
    fields = first_fields(train, form.rpartition("-")[2])
    header = form.endswith("jsonl") or not given or not all(str(one).isdigit() for one in given.values())
    if not header:
        fields = [str(i + 1) for i in range(len(fields))]
    given, one_hot = _several_labels(given, fields)
    roles = {role: str(column) for role, column in given.items()}
    for column in (*roles.values(), *one_hot):
        if column not in fields:
            raise DataError(f"{train}: has no column {shown(column)}; it has {', '.join(fields)}")
    wanted = _wanted(task, form, fields, roles)
    for role, usual in wanted.items() if header else ():
        free = [name for name in _by_usual(fields, USUAL[usual]) if name not in (*roles.values(), *one_hot)]
        if role not in roles and free and not (role == "label" and one_hot):
            roles[role] = free[0]
    roles = _one_text(task, roles)
    if "label" not in roles and task.output == "multi_label" and header:
        one_hot = one_hot or marked_columns(train, form, [name for name in fields if name not in roles.values()])
    if one_hot:
        roles["label"] = "labels"
    for role in ("text", "label", *(("text2",) if task.task_type == "similarity" else ())):
        if role not in roles:
            option = f"--columns {role}=NAME, or {role}: NAME under columns: in the YAML"
            raise DataError(f"{train}: which column is the {role}? It has {', '.join(fields)}; say so ({option})")
    if ("start" in roles) != ("end" in roles):
        raise DataError(f"{train}: which columns are start and end? It has {', '.join(fields)}; say both, or neither")
    named = {role: roles.get(role, "") for role in ("id", "document", "start", "end", "mention")}
    own = dataclasses.replace(task.custom, **named, header=header, one_hot=tuple(one_hot))
    texts = [roles[role] for role in ("text", "text2") if role in roles]
    columns = (*texts, roles["label"]) if task.output == "token_labels" else (own.id or "line", *texts, roles["label"])
    return dataclasses.replace(task, columns=columns, custom=own)


def _several_labels(given: Mapping[str, Any], fields: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """The roles without the label, where several columns have it, and those columns: a list, or joined by +."""
    label = given.get("label")
    if isinstance(label, str) and "+" in label and label not in fields:
        label = label.split("+")
    if not isinstance(label, (list, tuple)):
        return dict(given), []
    return {role: column for role, column in given.items() if role != "label"}, [str(one).strip() for one in label]


def _wanted(task: Task, form: str, fields: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """Role -> key of USUAL, of what a form can hold."""
    if task.output != "token_labels":
        return {role: role for role in ("text", "text2", "label", "id", "document")}
    if form == "tagged-jsonl":
        return {"text": "words", "label": "tags", "id": "id", "document": "document"}
    has_offsets = all(role in given or _by_usual(fields, USUAL[role]) for role in ("start", "end"))
    if form == "span-jsonl" or not has_offsets:
        return {"text": "text", "label": "spans", "id": "id", "document": "document"}
    rows = {"text": "text", "start": "start", "end": "end", "mention": "mention", "label": "type"}
    return rows | {"document": "document"}  # the id of a mention is no text's


def _by_usual(fields: Sequence[str], usual: Sequence[str]) -> list[str]:
    """The fields that have a usual name, the most usual first."""
    by_name = {name.lower(): name for name in fields}
    return [by_name[name] for name in usual if name in by_name]


def _one_text(task: Task, roles: dict[str, str]) -> dict[str, str]:
    """Documents and words come alone: a second text that was only found is left out."""
    return {role: name for role, name in roles.items() if role != "text2" or task.output in ("single_label", "score")}


def _conll_columns(train: Path, given: Mapping[str, str | int]) -> tuple[str, str]:
    """Numbers of the columns of words and of tags: the first and the last unless they are given."""
    if wrong := [role for role in given if role not in ("text", "label") or not str(given[role]).isdigit()]:
        raise ParameterError(
            f"columns: {wrong[0]}={given[wrong[0]]}; CoNLL files have text and label, by number from 1"
        )
    first = next((line for line in lines_of(train) if line.strip() and not line.startswith("-DOCSTART-")), "")
    width = len(columns_of(first, tabs="\t" in first))
    return str(given.get("text", 1)), str(given.get("label", max(width, 2)))


def tag_scheme(given: str | None, task: Task) -> str:
    """The scheme of the tags: the one given, or the one that the files' tags show.

    Raises:
        ParameterError: it is unknown.
        DataError: a file is missing or malformed.
    """
    if given is not None:
        if str(given).lower() not in ALIASES:
            raise ParameterError(f"scheme={str(given)!r} is unknown; use {', '.join(ALIASES)}")
        return ALIASES[str(given).lower()]
    if task.reader not in ("own_conll", "own_tagged_jsonl"):
        return ""
    return recognized(tags for path in task.files.values() for tags in tags_as_they_stand(near(path), task))
