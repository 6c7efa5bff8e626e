"""The columns of a custom task's files by role."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ...config import JsonMapping, JsonObject
from ...errors import DataError, ParameterError, any_of, did_you_mean
from ..formats.conll_layout import TAG_NAMES, WORD_NAMES, find_columns, read_layout
from ..formats.label_cells import label_text
from ..formats.lines import listed, quote, raise_data_error
from ..formats.records import ANSWER, is_answer
from ..task import SPLITS, Task
from .arguments import number
from .formats import SPANS, WORDS, first_row, refuse_word_rows
from .span_records import ENDS, STARTS
from .tabular import column_values, first_fields, marked_columns, marks_of_column

COLUMN_ALIASES = {  # role -> usual column names, in lower case
    "text": ("text", "sentence", "sentence1", "sent1", "text1", "question", "premise", "abstract", "document_text"),
    "text2": ("text2", "sentence2", "sent2", "context", "hypothesis", "passage", "answer_text"),
    "label": (
        "label",
        "labels",
        "class",
        "score",
        "category",
        "gold",
        "final_decision",
        "answer",
        "similarity",
        "gold_label",
        "cats",
    ),
    "id": ("id", "index", "pair_id", "example_id"),
    "document": (  # patients first: one has several documents
        *("patient_id", "subject_id", "patient", "mrn"),
        *("document", "document_id", "doc", "doc_id", "pmid", "pmcid", "article", "article_id"),
    ),
    "words": WORDS,
    "tags": ("tags", "ner_tags", "labels", "tag", "ner_tag"),
    "spans": (*SPANS, "label", "labels"),
    "type": ("type", "label", "entity_type", "category", "class", "tag"),
    "start": STARTS,
    "end": ENDS,
    "mention": ("mention", "surface", "mention_text", "entity_text", "span_text"),
}
_PAIRED = (("text", "text2", "words"), ("label", "type", "tags", "spans"), ("id", "document"))  # by number, either
USUAL_NAMES = frozenset(name.replace("_", "") for names in COLUMN_ALIASES.values() for name in names)
ROLES = ("text", "text2", "label", "id", "document")
SPAN_ROLES = ("start", "end", "mention")  # of a table with one row per mention
WITHOUT_COLUMNS = ("brat", "pubtator")
SCORES = ("score", "similarity")  # usual names of labels that are numbers
_AMBIGUOUS = ("start", "end", "tags")  # roles whose canonical name may mean something else: words, parts of speech
_CANONICAL_LABELS = {"score": ("score",), "multi_label": ("labels",)}  # Task.output -> names, where not "label"


def columns_of_split(named: object, split: str) -> JsonObject:
    """Role -> column as named for a split: those named for all, and over them those of its own.

    Args:
        named: role -> column; also split -> {role: column}, or "split.role" -> column.

    Raises:
        ParameterError: it is no mapping.
    """
    if not isinstance(named, Mapping):
        raise ParameterError(f"columns: expected role: NAME, got {quote(str(named))}; roles are {any_of(ROLES)}")
    common: JsonObject = {}
    for_split: JsonObject = {}
    for role, column in named.items():
        of, dot, of_split = str(role).partition(".")
        if isinstance(column, Mapping) and role in SPLITS:
            for_split |= column if role == split else {}
        elif dot and of in SPLITS:
            for_split |= {of_split: column} if of == split else {}
        else:
            common[str(role)] = column
    return common | for_split


def is_header(fields: Sequence[str], positions: Sequence[int]) -> bool:
    """Whether a first row names columns: a usual name stands in each of these columns, counted from 1."""
    return all(position <= len(fields) and plain_column(fields[position - 1]) in USUAL_NAMES for position in positions)


def assign_columns(task: Task, path: Path, form: str, named: JsonMapping, *, split: str = "train") -> Task:
    """The task with the columns of a file: those named, the others by their usual names. A role whose column is ""
    has none.

    Raises:
        ParameterError: a role is unknown.
        DataError: the file lacks a column, or a required column cannot be identified.
    """
    roles_known = (*ROLES, *SPAN_ROLES) if task.output == "token_labels" else ROLES
    if unknown := sorted(set(map(str, named)) - set(roles_known)):
        raise ParameterError(f"columns: {quote(unknown[0])} is not a role; {did_you_mean(unknown[0], roles_known)}")
    unused = {role for role, column in named.items() if column in (None, "")}
    named = {role: column for role, column in named.items() if role not in unused}
    if form == "conll":
        return dataclasses.replace(task, columns=_conll_columns(path, named))
    if form in WITHOUT_COLUMNS:
        if named:
            raise ParameterError(f"columns: {path.name} ({form}) has no columns; leave them out")
        return dataclasses.replace(task, columns=("text", "entities"))
    fields = first_fields(path, form.rpartition("-")[2])
    several, one_hot = _several_labels(named, fields)
    numbers = [int(column) for column in (*several.values(), *one_hot) if str(column).isdigit()]
    is_numbered = bool(numbers) and len(numbers) == len(several) + len(one_hot)
    header = form.endswith("jsonl") or not is_numbered or is_header(fields, numbers)
    if not header:
        fields = [str(i + 1) for i in range(len(fields))]
    roles = {role: _column(column, role, fields, path, split=split) for role, column in several.items()}
    one_hot = [_column(column, "label", fields, path, split=split) for column in one_hot]
    taken = (*roles.values(), *one_hot)
    required = _required_roles(task, form, fields, roles)
    if task.output not in ("single_label", "score"):
        required.pop("text2", None)
    detected = set()
    for role, usual in required.items() if header else ():
        free = [name for name in matching_fields(fields, usual) if name not in taken]
        if role in roles or role in unused or (role == "label" and one_hot):
            continue
        if role == "label" and ANSWER in free and (len(free) > 1 or "accept" in fields):  # Prodigy's, to the label
            values = column_values(path, form.rpartition("-")[2], [ANSWER])
            free = [name for name in free if name != ANSWER or not is_answer(value for (value,) in values)]
        if role == "label" and not free and {"accept", "options"} <= set(fields):  # Prodigy's choices
            free = ["accept"]
        if role == "label" and task.output != "score":
            free = _without_scores(path, form.rpartition("-")[2], free)
        is_pair = role == "text" and "text2" in required and bool(matching_fields(fields, "text2"))
        if is_pair:
            free = [name for name in free if {f"{name}2", f"{name[:-1]}2"} & set(fields)] or free
        if not free:
            continue
        column = _only_column(path, role, usual, free, task, split=split, is_pair=is_pair)
        roles[role], taken = column, (*taken, column)
        detected.add(role)
    if "id" in detected:
        roles = _with_usable_id(roles, path, form.rpartition("-")[2], unused)
    if "label" not in roles and task.output == "multi_label" and header:
        one_hot = one_hot or marked_columns(path, form, fields, roles.values())
    if one_hot:
        roles["label"] = "labels"
    _check_roles(task, path, fields, roles, split=split)
    if not header:
        _refuse_header_as_row(path, form.rpartition("-")[2], one_hot or [roles["label"]])
    optional = {role: roles.get(role, "") for role in ("id", "document", "start", "end", "mention")}
    custom = dataclasses.replace(task.form, **optional, header=header, one_hot=tuple(one_hot), marks=())
    texts = [roles[role] for role in ("text", "text2") if role in roles]
    columns = (
        (*texts, roles["label"]) if task.output == "token_labels" else (custom.id or "line", *texts, roles["label"])
    )
    task = dataclasses.replace(task, columns=columns, custom=custom)
    if task.output == "multi_label" and not one_hot:
        custom = dataclasses.replace(custom, marks=marks_of_column(path, form, task))
    return dataclasses.replace(task, custom=custom)


def _column(column: object, role: str, fields: Sequence[str], path: Path, *, split: str) -> str:
    """A column by its name, or by its number from 1."""
    name = str(column)
    if name in fields:
        return name
    of_split = "" if split == "train" else f"{split}."
    if not (name.isdigit() and 1 <= int(name) <= len(fields)):
        remedy = f"; name the column of this file (--columns {of_split}{role}=NAME)" if of_split else ""
        advice = did_you_mean(name, fields, otherwise=f"it has {listed(fields)}")
        raise DataError(f"{path}: has no column {quote(name)}; {advice}{remedy}")
    named = fields[int(name) - 1]
    fitting = next((group for group in _PAIRED if role in group), (role,))
    if plain_column(named) in USUAL_NAMES and not any(matching_fields([named], usual) for usual in fitting):
        raise DataError(
            f"{path}: column {name} is to be the {role}, but its header is {quote(named)}; name the column of this "
            f"file (--columns {of_split}{role}=NAME)"
        )
    return named


def _refuse_header_as_row(path: Path, form: str, label_columns: Sequence[str]) -> None:
    """Refuse a table whose first row may be a header with unusual names: its label is the name of such a column, or
    the only one that is not a number.
    """
    first, *others = [
        [label_text(value) for value in row] for row in column_values(path, form, label_columns, header=False)
    ]
    names_label = any(cell.lower() in (*COLUMN_ALIASES["label"], *COLUMN_ALIASES["type"]) for cell in first)
    are_numbers = len(others) > 1 and all(number(cell) is not None for row in others for cell in row)
    if names_label or (are_numbers and any(cell and number(cell) is None for cell in first)):
        remedy = "remove a line of column names, or name the columns as it does"
        raise_data_error(f"{path}, line 1", f"label {quote(' '.join(first))}", "a label as in other rows", remedy)


def _with_usable_id(roles: dict[str, str], path: Path, form: str, unused: Collection[str]) -> dict[str, str]:
    """The roles without an id that is missing or not unique; it names the document then, unless one is named."""
    ids = [label_text(value) for (value,) in column_values(path, form, [roles["id"]])]
    if all(ids) and len(set(ids)) == len(ids):
        return roles
    column = roles.pop("id")
    return roles if "document" in roles or "document" in unused or not all(ids) else roles | {"document": column}


def _check_roles(task: Task, path: Path, fields: Sequence[str], roles: Mapping[str, str], *, split: str) -> None:
    of_split = "" if split == "train" else f"{split}."
    for role in ("text", "label", *(("text2",) if task.task_type == "similarity" else ())):
        if role not in roles:
            if task.output == "token_labels":
                refuse_word_rows(path, first_row(path, fields))
            option = f"--columns {of_split}{role}=NAME, or {role}: NAME under columns: in the YAML"
            raise DataError(
                f"{path}: cannot identify the column of the {role} among {listed(fields)}; name it ({option}), or by "
                "number if there is no header"
            )
    if ("start" in roles) != ("end" in roles):
        raise DataError(
            f"{path}: cannot identify the columns of start and end among {listed(fields)}; name both or neither"
        )


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
    has_offsets = all(role in named or matching_fields(fields, role) for role in ("start", "end"))
    if form == "span-jsonl" or not has_offsets:
        return {"text": "text", "label": "spans", "id": "id", "document": "document"}
    rows = {"text": "text", "start": "start", "end": "end", "mention": "mention", "label": "type"}
    return rows | {"document": "document"}  # an id would be the mention's, not the text's


def plain_column(name: str) -> str:
    """A column's name in lower case without what separates words: patientid of patient_id, PatientID, Patient ID."""
    return re.sub(r"[\s_.-]", "", name).lower()


def matching_fields(fields: Sequence[str], usual: str) -> list[str]:
    """The fields with a usual name of a role (key of COLUMN_ALIASES), the most usual first."""
    names = {name: plain_column(name) for name in fields}  # a name that stands twice is refused when rows are read
    return [name for alias in COLUMN_ALIASES[usual] for name in names if names[name] == alias.replace("_", "")]


def without_doubt(fields: Sequence[str], canonical: Collection[str]) -> list[str]:
    """The one field of several with a canonical name, or else all of them."""
    named = [name for name in fields if name.lower() in canonical]
    return named if len(named) == 1 else list(fields)


def _without_scores(path: Path, form: str, fields: list[str]) -> list[str]:
    """The columns of labels without those of scores, whose name and decimals tell them from classes beside them."""
    if len(fields) < 2:
        return fields
    rows = [[number(label_text(value)) for value in row] for row in column_values(path, form, fields)]
    decimal = {name for i, name in enumerate(fields) if any((row[i] or 0) % 1 for row in rows)}
    return [name for name in fields if name not in decimal or name.lower() not in SCORES] or fields


def _only_column(
    path: Path, role: str, usual: str, fields: Sequence[str], task: Task, *, split: str, is_pair: bool
) -> str:
    """The column of a role among those with usual names: the only one, or the one with the canonical name.

    Args:
        is_pair: whether it is the first of two texts, which its name must fit.

    Raises:
        DataError: there are several.
    """
    canonical: Sequence[str] = SPANS if usual == "spans" else COLUMN_ALIASES[usual][:1]
    if usual == "label":
        canonical = _CANONICAL_LABELS.get(task.output, canonical)
    fields = without_doubt(fields, () if usual in _AMBIGUOUS or is_pair else canonical)
    if len(fields) > 1 and role not in ("id", "document"):
        of_split = "" if split == "train" else f"{split}."
        none = f", or --columns {of_split}text2= for none" if role == "text2" else ""
        raise DataError(
            f"{path}: {listed(fields)} may each be the {role}; say which (--columns {of_split}{role}={fields[0]}){none}"
        )
    return fields[0]


def _conll_columns(path: Path, named: JsonMapping) -> tuple[str, str]:
    """Numbers of the columns of words and tags: those named, by their header, or by their contents."""
    header = [name.lower() for name in read_layout(path).header]
    positions: dict[str, int | None] = {}
    for role, usual in (("text", WORD_NAMES), ("label", TAG_NAMES)):
        column = str(named.get(role, "")).lower()
        names = (column,) if column else usual
        matches = [header.index(name) for name in names if name in header]
        if column and not matches and not column.isdigit():
            raise ParameterError(
                f"columns: {role}={named[role]}; for CoNLL files, give text and label as numbers from 1"
            )
        positions[role] = matches[0] if matches else int(column) - 1 if column else None
    if wrong := [role for role in named if role not in positions]:
        raise ParameterError(
            f"columns: {wrong[0]}={named[wrong[0]]}; for CoNLL files, give text and label as numbers from 1"
        )
    word, tag = find_columns(path, positions["text"], positions["label"])
    return str(word + 1), str(tag + 1)
