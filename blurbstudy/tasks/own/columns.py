"""The columns of one's own files, by role; and the scheme of their tags."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...errors import DataError, ParameterError
from ..lines import lines_of, shown
from ..task import Task
from .files import near
from .schemes import ALIASES, recognized
from .tabular import first_fields
from .tagged import columns_of, tags_as_they_stand

USUAL = {  # role -> names that columns usually have, in lower case
    "text": ("text", "sentence", "sentence1", "sent1", "text1", "question", "premise", "abstract", "document_text"),
    "text2": ("text2", "sentence2", "sent2", "context", "hypothesis", "passage", "answer_text"),
    "label": ("label", "labels", "class", "score", "category", "gold", "final_decision", "answer", "similarity"),
    "id": ("id", "index", "pair_id", "example_id"),
    "document": ("document", "document_id", "doc", "doc_id", "docid", "pmid", "article"),
    "words": ("words", "tokens"),
    "tags": ("tags", "ner_tags", "labels"),
}
ROLES = ("text", "text2", "label", "id", "document")


def with_columns(task: Task, train: Path, form: str, given: Mapping[str, str | int]) -> Task:
    """The task with the columns of its train file: those given, the others by their usual names.

    Raises:
        ParameterError: a role is unknown.
        DataError: the file lacks a column, or it is not clear which one is meant.
    """
    if not isinstance(given, Mapping) or (unknown := sorted(set(map(str, given)) - set(ROLES))):
        wrong = shown(unknown[0]) if isinstance(given, Mapping) else shown(str(given))
        raise ParameterError(f"columns: {wrong} is no role; use {', '.join(ROLES)}")
    if form == "conll":
        return dataclasses.replace(task, columns=_conll_columns(train, given))
    fields = first_fields(train, "jsonl" if form == "tagged-jsonl" else form)
    header = form in ("jsonl", "tagged-jsonl") or not given or not all(str(one).isdigit() for one in given.values())
    if not header:
        fields = [str(i + 1) for i in range(len(fields))]
    roles = {role: str(column) for role, column in given.items()}
    for column in roles.values():
        if column not in fields:
            raise DataError(f"{train}: has no column {shown(column)}; it has {', '.join(fields)}")
    tags = task.output == "tags"
    wanted = {"text": "words", "label": "tags"} if tags else {role: role for role in ROLES}
    for role in ROLES:
        if role not in roles and header and (role in wanted or role in ("id", "document")):
            usual = USUAL[wanted.get(role, role)]
            free = [name for name in _by_usual(fields, usual) if name not in roles.values()]
            if free:
                roles[role] = free[0]
    roles = _one_text(task, roles)
    for role in ("text", "label", *(("text2",) if task.kind == "similarity" else ())):
        if role not in roles:
            option = f"--columns {role}=NAME, or {role}: NAME under columns: in the YAML"
            raise DataError(f"{train}: which column is the {role}? It has {', '.join(fields)}; say so ({option})")
    own = dataclasses.replace(task.own, id=roles.get("id", ""), document=roles.get("document", ""), header=header)
    texts = [roles[role] for role in ("text", "text2") if role in roles]
    columns = (*texts, roles["label"]) if tags else (own.id or "line", *texts, roles["label"])
    return dataclasses.replace(task, columns=columns, own=own)


def _by_usual(fields: Sequence[str], usual: Sequence[str]) -> list[str]:
    """The fields that have a usual name, the most usual first."""
    by_name = {name.lower(): name for name in fields}
    return [by_name[name] for name in usual if name in by_name]


def _one_text(task: Task, roles: dict[str, str]) -> dict[str, str]:
    """Documents and words come alone: a second text that was only found is left out."""
    return {role: name for role, name in roles.items() if role != "text2" or task.output in ("label", "score")}


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
    return recognized(tags for path in task.files.values() for tags in tags_as_they_stand(near(path), task))
