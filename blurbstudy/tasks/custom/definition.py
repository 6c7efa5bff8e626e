"""A task of one's own: from a YAML file, or from files named on the command line, to a Task like BLURB's.

What is not said is found: the format by the file's ending, columns by their usual names, the scheme of tags, the
labels in the files. All that decides what is read and scored stands in the Task and enters its fingerprint.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ...errors import ParameterError
from ...metrics import METRICS
from ..formats.lines import shown, text_of
from ..formats.standoff import FRAGMENTS
from ..task import OUTPUT_TYPES, SPLITS, CustomForm, Example, Task, split_labels
from .columns import WITHOUT_COLUMNS, tag_scheme, with_columns
from .files import beside, file_formats, near, split_files, task_name
from .formats import FORMATS, read_own
from .tabular import first_fields
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
         "dev_share", "split_seed", "discontinuous", "terms", "source", "citation")  # fmt: skip
WIDE = 10.0  # scores further from 0 are trained as their distance from the mean, since predictions begin at 0
NARROW = 0.1  # standard deviation below which they are so too


def load_custom_task(path: Path | str) -> Task:
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
        return custom_task(**({"name": path.stem} | values | {"files": beside(path, values["files"])}))
    except ParameterError as error:
        raise ParameterError(f"{path}: {error}") from None


def custom_task(
    *,
    kind: str,
    files: Path | str | Mapping[str, Path | str],
    name: str | None = None,
    format: str | Mapping[str, str] | None = None,
    columns: Mapping[str, str | int] | None = None,
    labels: Sequence[str] | None = None,
    negative: str | None = None,
    metric: str | None = None,
    scheme: str | None = None,
    separator: str = ",",
    bounds: Sequence[float] | None = None,
    dev_share: float = DEV_SHARE,
    split_seed: int = 1,
    discontinuous: str = "refuse",
    terms: str = "the user's own",
    source: str = "the user's own files",
    citation: str = "none",
) -> Task:
    """A task of one's own. Its files are read once, for what is not said.

    Args:
        kind: key of KINDS.
        files: split -> file, train at least; or a directory that holds train.*, dev.*, test.*.
        format: conll, tsv, csv, jsonl, brat or pubtator, of all files or by split (default: by what they are).
        columns: role (text, text2, label, id, document; of mentions start, end, mention) -> column, key, or number of a
            column from 1 where a table has no header (default: by their usual names). The label of a multi-label task
            may be a list of columns, each of them marked by 1 or 0.
        labels: all that there are; entity types, for tagged sentences (default: those that the files hold).
        negative: the label that says that there is none of the others: an F1 leaves it out.
        metric: one that fits the kind (OWN_METRICS).
        scheme: of tags, key of schemes.ALIASES (default: recognized).
        bounds: lowest and highest score.
        dev_share: of train that becomes dev where no file does.
        discontinuous: refuse or skip entities in several pieces, which tags cannot say.

    Raises:
        ParameterError: an argument is unknown or out of bounds.
        DataError: a file is missing or malformed.
    """
    said = str(kind).lower().replace("_", "-")
    if said not in KINDS:
        raise ParameterError(f"kind={str(kind)!r} is unknown; use {', '.join(USUAL_KINDS)}")
    chosen = KINDS[said]
    found = split_files(files)
    forms = file_formats(found, format, tags=OUTPUT_TYPES[chosen] == "token_labels")
    own = CustomForm(
        separator=separator_of(separator),
        dev_share=0.0 if "dev" in found else bounded("dev_share", dev_share, 0.01, 0.5),
        split_seed=int(bounded("split_seed", split_seed, 0, 2**31 - 1)),
        discontinuous=fragments_of(discontinuous),
        task_type_alias=said,
    )
    task = Task(
        name=task_name(name, found["train"]),
        task_type=chosen,
        group="own data",
        folder=".",
        files={split: str(path.resolve()) for split, path in found.items()},
        reader=FORMATS[forms["train"]],
        columns=(),
        labels=(),
        bounds=bounds_of(bounds),
        metric=metric_of(metric, said, fitting=OWN_METRICS[chosen]),
        unit="document",
        size_unit=COUNTED[chosen],
        sizes={},
        source=str(source),
        terms=str(terms),
        citation=str(citation),
        custom=own,
    )
    task = _with_forms(task, forms, columns or {}, scheme)
    task = _with_labels(task, labels)
    return _with_positives(task, said, negative, metric) if task.output == "single_label" else task


def _with_forms(task: Task, forms: Mapping[str, str], columns: Mapping[str, Any], scheme: str | None) -> Task:
    """The task with columns and scheme of its files; a split of another format than train's has its own."""
    others = {}
    for form in dict.fromkeys(forms.values()):
        splits = [split for split, own in forms.items() if own == form]
        part = dataclasses.replace(task, reader=FORMATS[form], files={split: task.files[split] for split in splits})
        path = near(part.files[splits[0]])
        fits = "train" in splits or _has_columns(path, form, columns)
        part = with_columns(part, path, form, columns if fits else {})
        if part.output == "token_labels":
            part = dataclasses.replace(part, custom=dataclasses.replace(part.custom, scheme=tag_scheme(scheme, part)))
        if "train" in splits:
            whole = dataclasses.replace(part, files=task.files)
        else:
            own = {name: getattr(part.custom, name) for name in PER_FILE}
            others |= dict.fromkeys(splits, {"reader": part.reader, "columns": part.columns, **own})
    return dataclasses.replace(whole, custom=dataclasses.replace(whole.custom, split_overrides=others))


PER_FILE = ("id", "document", "header", "scheme", "start", "end", "mention", "one_hot")  # fields of CustomForm


def _has_columns(path: Path, form: str, columns: Mapping[str, Any]) -> bool:
    """Whether the columns that were named for train are those of a file in another format too."""
    if form == "conll" or form in WITHOUT_COLUMNS:
        return False
    names = [str(one) for column in columns.values() for one in (column if isinstance(column, list) else [column])]
    return set(names) <= set(first_fields(path, form.rpartition("-")[2]))


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
    marked = task.custom.one_hot  # every column is a label, also one that marks nothing
    names = [_plain(label) for label in given] if given is not None else sorted(marked) or _labels_in(task)
    if double := next((name for name in names if names.count(name) > 1), None):
        raise ParameterError(f"labels: {shown(double)} stands there twice; name each once")
    if task.output == "token_labels":
        labels = tags_of_types(names, kind=task.task_type)
        positives = labels[1:] if task.task_type == "pico" else ()
        return dataclasses.replace(task, labels=labels, positive_labels=positives)
    if task.output == "multi_label":
        if comma := next((name for name in names if "," in name), None):
            raise ParameterError(f"labels: {shown(comma)} holds a comma, which separates labels; write it without")
        return dataclasses.replace(task, labels=tuple(names))
    return dataclasses.replace(task, labels=tuple(names))


def _with_bounds(task: Task) -> Task:
    """The bounds that are given, or else the lowest and highest score of all splits; and what scores far from 0, or
    close to each other, are trained as: their distance from train's mean in its standard deviations.
    """
    scores = {split: [float(example.label) for example in _examples(task, split)] for split in task.files}
    every = [score for own in scores.values() for score in own]
    bounds = task.bounds or (min(every), max(every))
    mean, spread = statistics.fmean(scores["train"]), statistics.pstdev(scores["train"])
    if spread > 0 and (max(map(abs, bounds)) > WIDE or spread < NARROW):
        task = dataclasses.replace(task, custom=dataclasses.replace(task.custom, center=mean, scale=spread))
    return dataclasses.replace(task, bounds=bounds)


def _examples(task: Task, split: str) -> list[Example]:
    return read_own(near(task.files[split]), task.of_split(split))


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
    return dataclasses.replace(task, metric=chosen, positive_labels=positives)


def _labels_in(task: Task) -> list[str]:
    """Train's labels in alphabetical order, then those that only dev or test have: no order of lines changes it."""
    names: list[str] = []
    for split in SPLITS:
        if split in task.files:
            names += sorted(set(_own_labels(task, _examples(task, split))) - set(names))
    return names


def _own_labels(task: Task, examples: list[Example]) -> list[str]:
    if task.output == "token_labels":
        return types_in(examples)
    if task.output == "multi_label":
        return [label for example in examples for label in split_labels(str(example.label))]
    return [str(example.label) for example in examples]


def _plain(value: Any) -> str:
    return str(value).strip()


def number(value: Any) -> float | None:
    """A number, also one that a YAML file gives as text; None where it is none."""
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def metric_of(given: str | None, kind: str, *, fitting: Sequence[str]) -> str:
    """The metric that is given, if it fits a kind of task; else the first that does."""
    if given is None:
        return fitting[0]
    if given not in fitting:
        known = "" if given in METRICS else " is unknown and"
        raise ParameterError(f"metric={str(given)!r}{known} does not fit kind {kind}; use {' or '.join(fitting)}")
    return given


def bounded(name: str, value: Any, low: float, high: float) -> float:
    """A number within bounds."""
    found = number(value)
    if found is None or not low <= found <= high:
        raise ParameterError(f"{name}={value!r} is out of bounds; use {low:g} to {high:g}")
    return found


def bounds_of(given: Any) -> tuple[float, float] | None:
    """The lowest and highest score, where they are given."""
    if given is None:
        return None
    numbers = [number(one) for one in given] if isinstance(given, (list, tuple)) else []
    if len(numbers) != 2 or None in numbers or not numbers[0] < numbers[1]:
        raise ParameterError(f"bounds={given!r} are no lowest and highest score; write bounds: [0, 5]")
    return numbers[0], numbers[1]


def fragments_of(given: Any) -> str:
    """What becomes of entities in several pieces."""
    if given not in FRAGMENTS:
        raise ParameterError(f"discontinuous={str(given)!r} is unknown; use {' or '.join(FRAGMENTS)}")
    return given


def separator_of(given: Any) -> str:
    """What stands between labels in one column."""
    if not isinstance(given, str) or not given:
        raise ParameterError(f"separator={given!r} is no text between labels; write separator: ';'")
    return given
