"""Records from Python as files have them: pandas data frames, datasets.Dataset, lists of dicts and mappings of columns
become JSON lines (a row per mention: CSV), so that whatever reads and checks files reads and checks them.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import ParameterError
from ...filesystem import disk_errors, write_once
from ...paths import CACHE_HINT, cache_folder

FOLDER = "records"  # of the cache
_MENTION_COLUMNS = {"start", "end"}  # of tables with a row per mention


def is_records(value: object) -> bool:
    """Whether a value is a table, a mapping or a sequence of mappings; a text, a list of texts and a path are not."""
    if isinstance(value, (list, tuple)):
        return any(isinstance(item, Mapping) for item in value)
    return isinstance(value, Mapping) or _is_frame(value) or _is_dataset(value)


def json_lines(value: Any) -> str:
    """The records as JSON, one per line.

    Raises:
        ParameterError: it is several tables, columns differ in length or share a name, or a value is no data.
    """
    return "".join(json.dumps(record) + "\n" for record in _records(value))


def files_of_records(kind: str, files: Mapping[str, Any], name: str | None) -> tuple[dict[str, Any], str | None]:
    """The files of a task, records among them written to files in the cache; and its name, by default by their content.

    Raises:
        ParameterError: see `json_lines`; or a value is neither a path nor records.
    """
    texts = {split: _file_text(value) for split, value in files.items() if is_records(value)}
    for split, value in files.items():
        if split not in texts and not isinstance(value, (str, os.PathLike)):
            expected = "a path, a pandas data frame, a datasets.Dataset or a list of dicts"
            raise ParameterError(f"{split}: found a {type(value).__name__}; expected {expected}")
    if not texts:
        return dict(files), name
    digest = hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:20]
    paths: dict[str, Path] = {}
    for split, (suffix, text) in texts.items():
        paths[split] = cache_folder() / FOLDER / digest / f"{split}{suffix}"
        with disk_errors(paths[split], CACHE_HINT):
            paths[split].parent.mkdir(parents=True, exist_ok=True)
            write_once(paths[split], text)
    return dict(files) | paths, name or f"{kind} {digest[:8]}"


def python_message(message: str, tables: Mapping[str, str]) -> str:
    """An error as it concerns a caller in Python: options of the command line as arguments, tables by their names.

    Args:
        tables: path of a table's file in the cache -> its name.
    """
    for path, name in tables.items():
        record = "record" if path.endswith(".jsonl") else "line"
        message = message.replace(f"{path}, line ", f"{name}, {record} ").replace(path, name)
    return re.sub(r"(?<![^\s(])--([a-z]+(?:-[a-z]+)*)", lambda match: match[1].replace("-", "_"), message)


def _file_text(value: Any) -> tuple[str, str]:
    """Suffix and content of a file of records."""
    records = list(_records(value))
    names = list(dict.fromkeys(name for record in records for name in record))
    scalar = not any(isinstance(item, (list, dict)) for record in records for item in record.values())
    if not (scalar and {name.lower() for name in names} >= _MENTION_COLUMNS):
        return ".jsonl", "".join(json.dumps(record) + "\n" for record in records)
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return ".csv", text.getvalue()


def _is_frame(value: object) -> bool:
    return hasattr(value, "columns") and hasattr(value, "itertuples")


def _is_dataset(value: object) -> bool:
    return hasattr(value, "column_names") and hasattr(value, "features")


def _records(value: Any) -> Iterator[dict[str, Any]]:
    kind = type(value).__name__
    if _is_frame(value):
        names = [str(name) for name in value.columns]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ParameterError(f"{kind}: two columns are named {twice!r}; rename one")
        rows: Any = (dict(zip(names, row, strict=True)) for row in value.itertuples(index=False, name=None))
    elif _is_dataset(value) and not isinstance(value, Mapping):
        features = value.features or {}
        rows = ({name: _label_names(item, features.get(name)) for name, item in row.items()} for row in value)
    elif isinstance(value, Mapping):
        if tables := [str(name) for name, item in value.items() if _is_frame(item) or _is_dataset(item)]:
            raise ParameterError(f"{kind}: has the tables {', '.join(tables)}; name one of them")
        rows = _rows_of_columns(value, kind)
    else:
        rows = value
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise ParameterError(f"{kind}, record {number}: {row!r:.60} is no mapping of columns; make all records one")
        yield {str(name): _plain(item, f"{kind}, record {number}: {str(name)!r}") for name, item in row.items()}


def _rows_of_columns(columns: Mapping[Any, Any], kind: str) -> list[Mapping[Any, Any]]:
    """The rows of columns, which are all lists; or else the one record that the mapping is."""
    values = [list(item) if _is_list(item) else None for item in columns.values()]
    lists = [item for item in values if item is not None]
    if not lists or len(lists) < len(values):
        return [columns]
    if len(set(map(len, lists))) > 1:
        lengths = ", ".join(f"{name} {len(item)}" for name, item in zip(columns, lists, strict=True))
        raise ParameterError(f"{kind}: columns differ in length ({lengths}); give one value per row")
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def _is_list(value: object) -> bool:
    is_array = hasattr(value, "tolist") and getattr(value, "ndim", 0) > 0  # also a pandas series
    return is_array or (isinstance(value, Sequence) and not isinstance(value, (str, bytes)))


def _label_names(value: Any, feature: Any) -> Any:
    """A value of a dataset with the names of its class labels, which are numbers there."""
    inner = getattr(feature, "feature", None)
    if isinstance(value, list) and inner is not None:
        return [_label_names(item, inner) for item in value]
    if not (hasattr(feature, "int2str") and isinstance(value, int)):
        return value
    return feature.int2str(value) if value >= 0 else None


def _plain(value: Any, where: str) -> Any:
    """A value as JSON has it; None where it is missing."""
    if type(value).__name__ in ("NoneType", "NAType", "NaTType") or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(item, where) for name, item in value.items()}
    if hasattr(value, "tolist"):  # of numpy
        return _plain(value.tolist(), where)
    if _is_list(value):
        return [_plain(item, where) for item in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise ParameterError(f"{where} is a {type(value).__name__}; give text, a number or a list")
