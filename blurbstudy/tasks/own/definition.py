"""A task of one's own: from a YAML file, or from files named on the command line, to a Task like BLURB's.

What is not said is found: the format by the file's ending, columns by their usual names, the scheme of tags, the
labels in the files. All that decides what is read and scored stands in the Task and enters its fingerprint.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ...errors import ParameterError
from ...metrics import METRICS
from ..lines import shown, text_of
from ..task import OUTPUTS, SPLITS, Example, OwnForm, Task, split_labels
from .columns import tag_scheme, with_columns
from .files import beside, file_format, near, split_files, task_name
from .formats import FORMATS, read_own
from .tagged import tags_of_types, types_in

KINDS = {  # as the field says -> kind of Task
    "ner": "ner", "entities": "ner", "token-classification": "ner", "tagging": "ner",
    "pico": "pico",
    "relation": "relation", "relations": "relation", "classification": "relation", "text-classification": "relation",
    "sentence-classification": "relation",
    "similarity": "similarity", "sts": "similarity", "regression": "similarity",
    "document": "document", "documents": "document", "multi-label": "document", "multilabel": "document",
    "question": "question", "qa": "question", "pairs": "question", "pair-classification": "question",
    "nli": "question",
}  # fmt: skip
OWN_METRICS = {  # kind -> metrics that fit it, the default first
    "ner": ("entity_f1", "entity_f1_default", "relaxed_f1", "relaxed_f1_one_to_one"),
    "pico": ("pico_f1",),
    "relation": ("accuracy", "micro_f1"),  # micro F1 where one label says that there is none
    "question": ("accuracy", "micro_f1"),
    "similarity": ("pearson",),
    "document": ("document_f1", "example_based_f1"),
}
COUNTED = {
    "ner": "mentions", "pico": "PICO words", "relation": "sentences", "question": "pairs", "similarity": "pairs",
    "document": "documents",
}  # fmt: skip
NEGATIVES = ("false", "none", "no", "0", "na", "n/a", "negative", "no_relation", "no-relation", "other")
DEV_SHARE = 0.2  # of train, where there is no dev set

KNOWN = ("kind", "files", "name", "format", "columns", "labels", "negative", "metric", "scheme", "separator", "bounds",
         "dev_share", "split_seed", "terms", "source", "citation")  # fmt: skip


def load_own_task(path: Path | str) -> Task:
    """A task from a YAML file; files are relative to its folder.

    Raises:
        ParameterError: it is no such definition; one line that names the key and what it may hold.
        DataError: a file is missing or malformed.
    """
    path = Path(path)
    try:
        # Every word as it is written: a label yes is no truth value, 01 no number. It makes nothing but text.
        values = yaml.load(text_of(path), Loader=yaml.BaseLoader)  # noqa: S506
    except yaml.YAMLError as error:
        raise ParameterError(f"{path}: is not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(values, dict):
        raise ParameterError(f"{path}: holds no mapping; write lines such as `kind: ner` and `files: DIR`")
    if unknown := sorted(set(map(str, values)) - set(KNOWN)):
        raise ParameterError(f"{path}: unknown key {shown(unknown[0])}; known: {', '.join(KNOWN)}")
    if missing := [name for name in ("kind", "files") if name not in values]:
        raise ParameterError(f"{path}: lacks {missing[0]}; write lines such as `kind: ner` and `files: DIR`")
    try:
        return own_task(**({"name": path.stem} | values | {"files": beside(path, values["files"])}))
    except ParameterError as error:
        raise ParameterError(f"{path}: {error}") from None


def own_task(
    *,
    kind: str,
    files: Path | str | Mapping[str, Path | str],
    name: str | None = None,
    format: str | None = None,
    columns: Mapping[str, str | int] | None = None,
    labels: Sequence[str] | None = None,
    negative: str | None = None,
    metric: str | None = None,
    scheme: str | None = None,
    separator: str = ",",
    bounds: Sequence[float] | None = None,
    dev_share: float = DEV_SHARE,
    split_seed: int = 1,
    terms: str = "the user's own",
    source: str = "the user's own files",
    citation: str = "none",
) -> Task:
    """A task of one's own. Its files are read once, for what is not said.

    Args:
        kind: key of KINDS.
        files: split -> file, train at least; or a directory that holds train.*, dev.*, test.*.
        format: key of FORMATS (default: by the files' ending).
        columns: role (text, text2, label, id, document) -> column, key, or number of a column from 1 where a table has
            no header (default: by their usual names).
        labels: all that there are; entity types, for tagged sentences (default: those that the files hold).
        negative: the label that says that there is none of the others: an F1 leaves it out.
        metric: one that fits the kind (OWN_METRICS).
        scheme: of tags, key of schemes.ALIASES (default: recognized).
        bounds: lowest and highest score.
        dev_share: of train that becomes dev where no file does.

    Raises:
        ParameterError: an argument is unknown or out of bounds.
        DataError: a file is missing or malformed.
    """
    said = str(kind).lower().replace("_", "-")
    if said not in KINDS:
        raise ParameterError(f"kind={str(kind)!r} is unknown; use {', '.join(USUAL_KINDS)}")
    chosen = KINDS[said]
    found = split_files(files)
    form = file_format(found, format, tags=OUTPUTS[chosen] == "tags")
    own = OwnForm(
        separator=_separator(separator),
        dev_share=0.0 if "dev" in found else _bounded("dev_share", dev_share, 0.01, 0.5),
        split_seed=int(_bounded("split_seed", split_seed, 0, 2**31 - 1)),
    )
    task = Task(
        name=task_name(name, found["train"]),
        kind=chosen,
        group="own data",
        folder=".",
        files={split: str(path.resolve()) for split, path in found.items()},
        reader=FORMATS[form],
        columns=(),
        labels=(),
        bounds=_bounds(bounds),
        metric=_metric(metric, said),
        unit="document",
        counted=COUNTED[chosen],
        sizes={},
        source=str(source),
        terms=str(terms),
        citation=str(citation),
        own=own,
    )
    task = with_columns(task, found["train"], form, columns or {})
    if task.output == "tags":
        task = dataclasses.replace(task, own=dataclasses.replace(task.own, scheme=tag_scheme(scheme, task)))
    task = _with_labels(task, labels)
    return _with_positives(task, said, negative, metric) if task.output == "label" else task


def task_to_dict(task: Task) -> dict[str, Any]:
    """Plain values only, for another process or a store's facts."""
    return dataclasses.asdict(task)


def task_from_dict(values: Mapping[str, Any]) -> Task:
    """The inverse of task_to_dict, JSON between them or not."""
    tuples = {name: tuple(values[name]) for name in ("columns", "labels", "positives")}
    bounds = None if values["bounds"] is None else tuple(values["bounds"])
    own = None if values["own"] is None else OwnForm(**values["own"])
    return Task(**(dict(values) | tuples | {"bounds": bounds, "own": own}))


USUAL_KINDS = ("ner", "classification", "relation", "pairs", "question", "similarity", "multi-label", "pico")


def is_kind(word: str) -> bool:
    """Whether a word names a kind of task."""
    return word.lower().replace("_", "-") in KINDS


def _with_labels(task: Task, given: Sequence[str] | None) -> Task:
    """The task with its labels: those given, or those that its files hold."""
    if task.output == "score":
        return _with_bounds(task)
    if given is not None and (not isinstance(given, Sequence) or isinstance(given, str) or not given):
        raise ParameterError(f"labels={given!r} is no list; write labels: [first, second]")
    names = [_plain(label) for label in given] if given is not None else _labels_in(task)
    if double := next((name for name in names if names.count(name) > 1), None):
        raise ParameterError(f"labels: {shown(double)} stands there twice; name each once")
    if task.output == "tags":
        labels = tags_of_types(names, kind=task.kind)
        positives = labels[1:] if task.kind == "pico" else ()
        return dataclasses.replace(task, labels=labels, positives=positives)
    if task.output == "label_set":
        if comma := next((name for name in names if "," in name), None):
            raise ParameterError(f"labels: {shown(comma)} holds a comma, which separates labels; write it without")
        return dataclasses.replace(task, labels=tuple(names))
    return dataclasses.replace(task, labels=tuple(names))


def _with_bounds(task: Task) -> Task:
    """The bounds that are given, or else the lowest and highest score of all splits."""
    if task.bounds is not None:
        return task
    scores = [float(example.label) for path in task.files.values() for example in read_own(near(path), task)]
    return dataclasses.replace(task, bounds=(min(scores), max(scores)))


def _with_positives(task: Task, kind: str, negative: str | None, metric: str | None) -> Task:
    """Micro F1 with the labels that it counts, where a label says that there is none of the others: one that is named,
    or that has a usual name where relations are looked for. A class of texts may as well be named no.
    """
    none = None if negative is None else _plain(negative)
    if none not in (None, *task.labels):
        raise ParameterError(f"negative={none!r} is no label; use {' or '.join(task.labels)}")
    if none is None and (metric == "micro_f1" or (metric is None and kind in ("relation", "relations"))):
        found = [label for label in task.labels if label.lower() in NEGATIVES]
        none = found[0] if len(found) == 1 and len(task.labels) > 1 else None
    chosen = "micro_f1" if none is not None and metric is None else task.metric
    positives = tuple(label for label in task.labels if label != none) if chosen == "micro_f1" else ()
    return dataclasses.replace(task, metric=chosen, positives=positives)


def _labels_in(task: Task) -> list[str]:
    """Train's labels in alphabetical order, then those that only dev or test have: no order of lines changes it."""
    names: list[str] = []
    for split in SPLITS:
        if split in task.files:
            examples = read_own(near(task.files[split]), task)
            names += sorted(set(_own_labels(task, examples)) - set(names))
    return names


def _own_labels(task: Task, examples: list[Example]) -> list[str]:
    if task.output == "tags":
        return types_in(examples)
    if task.output == "label_set":
        return [label for example in examples for label in split_labels(str(example.label))]
    return [str(example.label) for example in examples]


def _plain(value: Any) -> str:
    return str(value).strip()


def _number(value: Any) -> float | None:
    """A number, also one that a YAML file gives as text; None where it is none."""
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _metric(given: str | None, kind: str) -> str:
    fitting = OWN_METRICS[KINDS[kind]]
    if given is None:
        return fitting[0]
    if given not in fitting:
        known = "" if given in METRICS else " is unknown and"
        raise ParameterError(f"metric={str(given)!r}{known} does not fit kind {kind}; use {' or '.join(fitting)}")
    return given


def _bounded(name: str, value: Any, low: float, high: float) -> float:
    number = _number(value)
    if number is None or not low <= number <= high:
        raise ParameterError(f"{name}={value!r} is out of bounds; use {low:g} to {high:g}")
    return number


def _bounds(given: Any) -> tuple[float, float] | None:
    if given is None:
        return None
    numbers = [_number(one) for one in given] if isinstance(given, (list, tuple)) else []
    if len(numbers) != 2 or None in numbers or not numbers[0] < numbers[1]:
        raise ParameterError(f"bounds={given!r} are no lowest and highest score; write bounds: [0, 5]")
    return numbers[0], numbers[1]


def _separator(given: Any) -> str:
    if not isinstance(given, str) or not given:
        raise ParameterError(f"separator={given!r} is no text between labels; write separator: ';'")
    return given
