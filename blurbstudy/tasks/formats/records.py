"""Records in JSON and BioC, whatever wraps them: one per line, an array, Label Studio's tasks, spaCy 2's pairs of text
and annotations, BioC's collections in JSON and XML.

A record is an object with texts and annotations. Entities are objects with start, end, type and text. Records are
numbered by their lines, or counted from 1 where one value wraps them all.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from ...config import JsonMapping, JsonObject
from .bioc import Malformed, bioc_record, bioc_values
from .lines import LineErrors, listed, quote, raise_data_error, read_text

JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
EXPECTED = "one JSON object per line"
_TRIED = 20  # lines that are looked at for a value by themselves
_HEAD = 65536  # characters that tell what a file is
_TITLE = re.compile(r"[^|\s]+\|[ta]\|")  # first line of PubTator
_JSON = re.compile(r'\{\s*"[^"\n]*"\s*:|\[\s*(\{\s*"|\[\s*"|"[^"\n]*",\s*\{)')  # objects or pairs
_BIOC = re.compile(r"\s*(<\?xml|<!DOCTYPE|<collection)[\s\S]*?<(collection|document)\b")
SPAN_RESULT, CHOICES = "labels", "choices"  # Label Studio's types of results
RELATIONS = "relations"  # key of relations, which are not read
ANSWER = "answer"  # key of what Prodigy's annotators decide on an annotation
REJECTED = ("reject", "ignore")
WRAPPERS = ("data", "examples", "records", "rows", "items", "samples")  # keys of all records of a file
FACTS = {"version", "name", "description", "split", "source", "date", "license", "count", "total"}  # beside them
_NUMBERS = ("rating", "number")
_OTHER_SPANS = re.compile(r"\w+labels")  # such as hypertextlabels, whose offsets do not count the text's characters


class Skipped(NamedTuple):
    """A record that is passed over, and why."""

    reason: str


Numbered = tuple[int, str, Any]  # number, its unit (line or record), a record or what is there instead of one


def detect_content(path: Path) -> str:
    """`json` (also BioC in XML) or `pubtator` if the content of a file is evidently that, else ""."""
    if not path.is_file():  # a pipe would lose what is read
        return ""
    try:
        with path.open(encoding="utf-8-sig") as file:
            head = file.read(_HEAD).lstrip()
    except (OSError, UnicodeDecodeError):
        return ""  # its reader reports the problem
    if _TITLE.match(head):
        return "pubtator"
    if _BIOC.match(head) or (path.suffix.lower() == ".xml" and head.startswith("<")):
        return "json"
    if path.suffix.lower() in JSON_SUFFIXES and head.startswith(("{", "[")):
        return "json"
    first, *others = head.split("\n", _TRIED)[:_TRIED]
    starts = _JSON.match(head) and "\t" not in first
    return "json" if starts or any(isinstance(_parse(line), dict) for line in (first, *others)) else ""


def _is_structured(value: object) -> bool:
    """Whether a JSON value is an object, or an array with an object or array in it."""
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value))


def json_records(path: Path, errors: LineErrors, *, skipped: Counter[str] | None = None) -> Iterator[tuple[int, Any]]:
    """The records of a file with annotations; what is none is added to the errors.

    Args:
        skipped: counts the records that are passed over, by reason.
    """
    lines = enumerate(read_text(path).split("\n"), 1)
    for number, unit, record in numbered_records(lines, annotated=True):
        errors.unit = unit
        if isinstance(record, Malformed):
            errors.add(number, *record)
        elif isinstance(record, Skipped):
            if skipped is not None:
                skipped[record.reason] += 1
        else:
            yield number, record


def is_answer(values: Iterable[Any]) -> bool:
    """Whether these values are Prodigy's answers."""
    return {str(value or "accept") for value in values} <= {"accept", *REJECTED}


def record_unit(path: Path) -> str:
    """What numbers the records of a file: its lines, or records."""
    if detect_content(path) != "json":
        return "line"
    lines = enumerate(read_text(path).split("\n"), 1)
    return next((unit for _, unit, _ in numbered_records(lines, annotated=False)), "line")


def first_record(path: Path) -> JsonMapping:
    """The first record of a file.

    Raises:
        DataError: it has none, or is malformed before it.
    """
    errors = LineErrors(path)
    record = next((record for _, record in json_records(path, errors)), None)
    errors.raise_first()
    if record is None:
        raise_data_error(str(path), "no examples", "one example per record", "check the path")
    return record


def numbered_records(lines: Iterator[tuple[int, Any]], *, annotated: bool) -> Iterator[Numbered]:
    """The records in numbered lines, Malformed and Skipped ones in their place. A line that is not text is passed on.

    Args:
        annotated: whether annotations are wanted; if not, texts without any are records too.
    """
    unit, count = "", 0
    for number, value in _values(lines):
        if isinstance(value, (Malformed, dict, list)):
            unit = unit or ("record" if _wraps(value) else "line")
            for record in _unwrap(value, annotated):
                count += 1
                yield (count if unit == "record" else number), unit, record
        else:
            yield number, unit or "line", value


def _values(lines: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    """The JSON value of each line, or of all lines together if the first is not a value by itself."""
    first = next(((number, line) for number, line in lines if not isinstance(line, str) or line.strip()), None)
    if first is None:
        return
    lines = chain([first], lines)
    if isinstance(first[1], str) and first[1].lstrip()[0] in "{[<" and isinstance(_parse(first[1]), Malformed):
        every = list(lines)
        if (complete := _whole(every)) is not None:
            yield complete
            return
        lines = iter(every)
    for number, line in lines:
        if not isinstance(line, str) or line.strip():
            yield number, _parse(line) if isinstance(line, str) else line


def _whole(lines: list[tuple[int, Any]]) -> tuple[int, Any] | None:
    """The value of all lines together, or what is wrong with it, and the line; None if the lines are values."""
    if bad := next(((number, line) for number, line in lines if not isinstance(line, str)), None):
        return bad
    text, first = "\n".join(line.rstrip("\n") for _, line in lines), lines[0][0]
    if text.lstrip()[0] == "<":
        return first, bioc_values(text)
    try:
        return first, [json.loads(text, object_pairs_hook=_object)]
    except (ValueError, RecursionError) as error:
        if text.lstrip()[0] == "{" and any(isinstance(_parse(line), dict) for _, line in lines[:_TRIED]):
            return None
        return first - 1 + getattr(error, "lineno", 1), _invalid(error)


def _parse(text: str) -> Any:
    """The object or array in a text, or what is wrong with it."""
    try:
        value = json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        return _invalid(error)
    if isinstance(value, (dict, list)):
        return value
    return Malformed(f"a JSON {type(value).__name__}", EXPECTED, "write each example as one object on one line")


class _DuplicateKeyError(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> JsonObject:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise _DuplicateKeyError(next(name for name in names if names.count(name) > 1))
    return made


def _invalid(error: Exception) -> Malformed:
    if isinstance(error, _DuplicateKeyError):
        return Malformed(f"the key {quote(str(error))} twice in an object", "unique keys", "remove or rename one")
    cause = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
    return Malformed(f"invalid JSON ({cause})", EXPECTED, "restore the line")


def _wraps(value: object) -> bool:
    """Whether a value holds several records."""
    return bool(_wrapped(value)) or (isinstance(value, list) and not _is_pair(value) and _is_structured(value))


def _wrapped(value: object) -> list | None:
    """BioC's documents: of a collection, or under the one key of PubTator's web service. Or the records under `data`
    and the like, beside nothing but facts of the file.
    """
    if not isinstance(value, dict):
        return None
    lists = [name for name, part in value.items() if isinstance(part, (list, dict))]
    if len(lists) == 1 and lists[0] in WRAPPERS and (records := _records(value[lists[0]])):
        return records if set(value) - {lists[0]} <= FACTS else None
    documents = value.get("documents") or (next(iter(value.values())) if len(value) == 1 else None)
    is_bioc = isinstance(documents, list) and all(isinstance(d, dict) and "passages" in d for d in documents)
    return documents if is_bioc and documents else None


def _records(values: object) -> list | None:
    return values if isinstance(values, list) and values and all(isinstance(part, dict) for part in values) else None


def _is_pair(value: list) -> bool:
    """Whether a list is spaCy 2's text with its annotations."""
    return len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], dict)


def _unwrap(value: Any, annotated: bool) -> Iterator[Any]:
    if isinstance(value, Malformed):
        yield value
    elif isinstance(value, list):
        if _is_pair(value):
            yield {"text": value[0], **value[1]}
            return
        if value and not _is_structured(value):
            yield Malformed("a JSON list", EXPECTED, "write each example as one object on one line")
            return
        for part in value:
            if isinstance(part, (dict, list)):
                yield from _unwrap(part, annotated)
            else:
                yield Malformed(f"a JSON {type(part).__name__} in a list", "objects", "write each example as an object")
    elif documents := _wrapped(value):
        for document in documents:
            yield from [bioc_record(document, annotated)] if "passages" in document else _unwrap(document, annotated)
    elif isinstance(value.get("passages"), list):
        yield bioc_record(value, annotated)
    elif "%FEATURE_STRUCTURES" in value:
        remedy = "export it as CoNLL 2003, or convert it to BioC"
        yield Malformed("UIMA's CAS in JSON", "a format of docs/own-data.md", remedy)
    elif isinstance(value.get("data"), dict):
        yield _label_studio(value, annotated)
    elif len(value) > 1 and _is_table(list(value.values())):
        actual = "objects inside an object, as in a table by columns"
        yield Malformed(actual, "a list of records", "in pandas, write it by to_json(orient='records', lines=True)")
    else:
        yield {name: _choice(part) for name, part in value.items()}


def _is_table(values: list) -> bool:
    """Whether all values are objects with the same keys, as of a table by columns or an object of records."""
    return all(isinstance(value, dict) and value.keys() == values[0].keys() for value in values)


def _choice(value: Any) -> Any:
    """A value, or the choices of Label Studio in it: one, or a list."""
    if isinstance(value, dict) and set(value) == {CHOICES} and isinstance(value[CHOICES], list):
        return value[CHOICES][0] if len(value[CHOICES]) == 1 else value[CHOICES]
    return value


def _label_studio(task: JsonMapping, annotated: bool) -> JsonObject | Malformed | Skipped:
    """The record of a task of Label Studio: its data, entities, and choices under the name of their tag."""
    record: JsonObject = {"id": task["id"]} if "id" in task else {}
    record |= task["data"]
    if not annotated:
        return record
    results = task.get("annotations", task.get("completions"))
    if not isinstance(results, list) or not all(isinstance(annotation, dict) for annotation in results):
        results = []
    done = [annotation for annotation in results if not annotation.get("was_cancelled")]
    if not done:
        return Skipped("skipped by the annotator" if results else "without annotation")
    if len(done) > 1:
        return Malformed(f"{len(done)} annotations of task {task.get('id')}", "one", "keep one annotation per task")
    record["entities"], record[RELATIONS], texts = [], [], {}
    for result in done[0].get("result") or ():
        if not isinstance(result, dict):
            return Malformed("a result that is no object", "results with type and value", "export the project again")
        kind, value, name = str(result.get("type")), result.get("value"), str(result.get("from_name"))
        if kind == SPAN_RESULT and isinstance(value, dict):
            record["entities"].append(value)
            texts[str(result.get("to_name"))] = None
        elif kind == CHOICES or kind in _NUMBERS:
            if name in record:
                actual = f"{name!r} twice, as a tag and in the data or in another region"
                return Malformed(actual, "one value", "rename the tag, or keep one annotation of the text")
            record[name] = _choice(value) if kind == CHOICES else (value or {}).get(kind)
        elif _OTHER_SPANS.fullmatch(kind):
            actual, remedy = f"annotations of type {kind}", "show the text by a Text tag, and annotate it by Labels"
            return Malformed(actual, "labels or choices of plain text", remedy)
        elif kind == "relation":
            record[RELATIONS].append(result)
    if len(texts) > 1:
        actual = f"labels of {len(texts)} texts ({listed(list(texts))}) of task {task.get('id')}"
        return Malformed(actual, "labels of one text", "export each text as a project of its own")
    return record
