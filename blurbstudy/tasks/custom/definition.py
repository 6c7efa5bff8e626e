"""A custom task: from a YAML file or from arguments to a Task like BLURB's.

Defaults are detected: the format from the file's suffix, columns from their usual names, the tag scheme and the labels
from the files. Everything that decides what is read and scored is part of the Task and its data's fingerprint.
"""

from __future__ import annotations

import dataclasses
import inspect
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ...config import JsonObject
from ...errors import DataError, ParameterError, check_choice, did_you_mean
from ..formats.lines import quote, raise_data_error, read_text
from ..task import OUTPUT_TYPES, SPLITS, CustomForm, Example, Task, split_labels
from ..text.words import detect_word_splitter
from .arguments import (
    CLASS_METRICS,
    FITTING_METRICS,
    NEGATIVE_LABELS,
    SIZE_UNITS,
    TASK_TYPE_ALIASES,
    USUAL_TASK_TYPES,
    check_bounds,
    check_discontinuous,
    check_flag,
    check_mismatched,
    check_number,
    check_separator,
    choose_metric,
)
from .files import display_path, file_formats, resolve_relative, split_files, task_name
from .formats import FORMATS, read_custom
from .split_forms import with_forms
from .tabular import flag_names, separated_labels
from .tagged import tags_of_types, types_in

DEV_SHARE = 0.2  # of train, if there is no dev file

MAX_ABS_SCORE = 10.0  # scores are standardized above this, since predictions start near 0
MIN_SCORE_SD = 0.1  # or below this standard deviation


def load_custom_task(path: Path | str) -> Task:
    """A task from a YAML file, whose file names are relative to its folder.

    Raises:
        ParameterError: the definition is invalid; names the key and its valid values.
        DataError: a file is missing or malformed.
    """
    path = Path(path)
    try:
        # BaseLoader yields only text, so the label yes is not a boolean and 01 not a number.
        values = yaml.load(read_text(path), Loader=yaml.BaseLoader)  # noqa: S506
    except yaml.YAMLError as error:
        raise ParameterError(f"{path}: invalid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(values, dict):
        raise ParameterError(f"{path}: not a mapping; write lines such as `kind: ner` and `files: DIR`")
    if unknown := sorted(set(map(str, values)) - set(ALLOWED_KEYS)):
        raise ParameterError(f"{path}: unknown key {quote(unknown[0])}; {did_you_mean(unknown[0], ALLOWED_KEYS)}")
    if missing := [name for name in ("kind", "files") if name not in values]:
        raise ParameterError(f"{path}: lacks {missing[0]}; write lines such as `kind: ner` and `files: DIR`")
    try:
        options: JsonObject = {"name": path.stem} | values
        return custom_task(**options | {"files": resolve_relative(path, values["files"])})
    except ParameterError as error:
        raise ParameterError(f"{path}: {error}") from None


def custom_task(
    *,
    kind: str,
    files: Path | str | Mapping[str, Path | str],
    name: str | None = None,
    format: str | Mapping[str, str] | None = None,
    columns: Mapping[str, Any] | None = None,
    labels: Sequence[str] | None = None,
    negative: str | None = None,
    metric: str | None = None,
    scheme: str | None = None,
    separator: str = ",",
    bounds: Sequence[float] | None = None,
    dev_share: float = DEV_SHARE,
    split_seed: int = 1,
    discontinuous: str = "refuse",
    trust_offsets: bool = False,
    skip_mismatched: bool = False,
    drop_unlabelled: bool | str = False,
    terms: str = "the user's own",
    source: str = "the user's own files",
    citation: str = "none",
) -> Task:
    """A custom task. Its files are read once to detect what is not specified.

    Args:
        kind: task type, key of TASK_TYPE_ALIASES.
        files: split -> file, with train at least; or a folder with train.*, dev.*, test.*.
        format: conll, tsv, csv, json, jsonl, brat, pubtator or bioc, for all files or by split (default: detected).
        columns: role (text, text2, label, id, document; for mentions start, end, mention) -> column, key, or column
            number from 1 (default: by usual names); "" for none. Under the name of a split, the columns of its file.
            A multi-label task's label may be a list of columns with 1 or 0.
        labels: all labels, or entity types of tagged sentences (default: those in the files).
        negative: the label that an F1 leaves out, such as none.
        metric: one of FITTING_METRICS of the task type.
        scheme: tag scheme, key of tagged.ALIASES (default: detected).
        bounds: lowest and highest score.
        dev_share: fraction of train used as dev if there is no dev file.
        discontinuous: refuse or skip discontinuous entities, which tags cannot represent.
        trust_offsets: keep entities whose text in the file is not the document's at their offsets.
        skip_mismatched: leave such entities out.
        drop_unlabelled: leave out rows without a label, which are an error otherwise.

    Raises:
        ParameterError: an argument is unknown or out of bounds.
        DataError: a file is missing or malformed.
    """
    task_type_alias = str(kind).lower().replace("_", "-")
    if task_type_alias not in TASK_TYPE_ALIASES:
        check_choice("kind", kind, USUAL_TASK_TYPES)
    chosen = TASK_TYPE_ALIASES[task_type_alias]
    paths = split_files(files)
    forms = file_formats(paths, format, tags=OUTPUT_TYPES[chosen] == "token_labels")
    custom = CustomForm(
        separator=check_separator(separator),
        dev_share=0.0 if "dev" in paths else check_number("dev_share", dev_share, 0.01, 0.5),
        split_seed=int(check_number("split_seed", split_seed, 0, 2**31 - 1)),
        discontinuous=check_discontinuous(discontinuous),
        mismatched=check_mismatched(trust_offsets, skip_mismatched),
        drop_unlabelled=_check_drop(drop_unlabelled, chosen),
        task_type_alias=task_type_alias,
    )
    task = Task(
        name=task_name(name, paths["train"]),
        task_type=chosen,
        group="own data",
        folder=".",
        files={split: str(path.resolve()) for split, path in paths.items()},
        reader=FORMATS[forms["train"]],
        columns=(),
        labels=(),
        bounds=check_bounds(bounds),
        metric=choose_metric(metric, task_type_alias, fitting=FITTING_METRICS[chosen]),
        unit="document",
        size_unit=SIZE_UNITS[chosen],
        sizes={},
        source=str(source),
        terms=str(terms),
        citation=str(citation),
        custom=custom,
    )
    task = with_forms(task, forms, columns or {}, scheme)
    if task.has_raw_text and not task.is_raw_text("train"):  # words are split as those of train are
        words = detect_word_splitter(word for example in _examples(task, "train") for word in example.texts)
        task = dataclasses.replace(task, custom=dataclasses.replace(task.form, words=words))
    task = _with_labels(task, labels)
    return _with_positives(task, task_type_alias, negative, metric) if task.output == "single_label" else task


ALLOWED_KEYS = tuple(inspect.signature(custom_task).parameters)


def _check_drop(value: object, task_type: str) -> bool:
    drop = check_flag("drop_unlabelled", value)
    if drop and OUTPUT_TYPES[task_type] == "token_labels":
        raise ParameterError("drop_unlabelled: tasks that tag words have no rows without a label; remove it")
    return drop


def is_task_type(word: str) -> bool:
    """Whether a word names a task type."""
    return word.lower().replace("_", "-") in TASK_TYPE_ALIASES


def _with_labels(task: Task, named: Sequence[str] | None) -> Task:
    """The task with its labels: those named, or those in the files."""
    if task.output == "score":
        return _with_bounds(task)
    if named is not None and (not isinstance(named, Sequence) or isinstance(named, str) or not named):
        raise ParameterError(f"labels={named!r} is not a list; write labels: [first, second]")
    marked = sorted(task.form.one_hot) or task.form.marks  # all are labels, also those without a 1
    names = [_plain(label) for label in named] if named is not None else list(marked) or _labels_in(task)
    if task.form.marks:
        task = _with_mark_names(task, names)
    elif task.output == "multi_label" and named is None and not task.form.one_hot:
        _refuse_joined_labels(task, set(names))
    if double := next((name for name in names if names.count(name) > 1), None):
        raise ParameterError(f"labels: {quote(double)} occurs twice; name each label once")
    if task.output == "token_labels":
        labels = tags_of_types(names, kind=task.task_type)
        positives = labels[1:] if task.task_type == "pico" else ()
        return dataclasses.replace(task, labels=labels, positive_labels=positives)
    if task.output == "multi_label" and (comma := next((name for name in names if "," in name), None)):
        raise ParameterError(f"labels: {quote(comma)} contains a comma, which separates labels; write it without")
    return dataclasses.replace(task, labels=tuple(names))


def _refuse_joined_labels(task: Task, names: set[str]) -> None:
    """Refuse a label in a cell that is made of other labels, as where another separator stands between them."""
    for split, file in task.files.items():
        part = task.of_split(split)
        labels = () if part.form.one_hot else sorted(separated_labels(display_path(file), part))
        for separator in " ;|/+":
            parts = {label: [word.strip() for word in label.split(separator) if word.strip()] for label in labels}
            common = Counter(word for words in parts.values() for word in words if separator != " ")
            for label, words in parts.items():
                if len(words) > 1 and (names >= set(words) or any(common[word] > 1 for word in words)):
                    actual = f"{quote(label)} as one label, though its parts are in other labels"
                    expected = f"labels separated by {task.form.separator!r}"
                    remedy = f"write separator: {separator!r} in a task file, or name all labels there (labels: [...])"
                    raise_data_error(str(display_path(file)), actual, expected, remedy)


def _with_mark_names(task: Task, names: Sequence[str]) -> Task:
    """The task with its marks named in this order."""
    if len(names) != len(task.form.marks):
        raise ParameterError(f"labels: {len(names)} names for {len(task.form.marks)} marks; name each in their order")
    overrides = {
        split: dict(changed) | ({"marks": tuple(names)} if "marks" in changed else {})
        for split, changed in task.form.split_overrides.items()
    }
    custom = dataclasses.replace(task.form, marks=tuple(names), split_overrides=overrides)
    return dataclasses.replace(task, custom=custom)


def _with_bounds(task: Task) -> Task:
    """The task with its bounds (default: the lowest and highest score) and, if scores are large or closely spaced, the
    center and scale that standardize them.
    """
    scores = {split: [float(example.label) for example in _examples(task, split)] for split in task.files}
    every = [score for split_scores in scores.values() for score in split_scores]
    hidden = every.count(-1)
    if hidden and task.bounds is None and all(score >= 0 for score in every if score != -1):
        raise DataError(
            f"{task.name}: the score is -1 in {hidden} of {len(every)} rows and never below 0 elsewhere, as where "
            "scores are hidden; leave these rows out, or name the bounds (bounds: [-1, 5] in a YAML file) "
            "if -1 is a score"
        )
    bounds = task.bounds or (min(every), max(every))
    mean, spread = statistics.fmean(scores["train"]), statistics.pstdev(scores["train"])
    if spread > 0 and (max(map(abs, bounds)) > MAX_ABS_SCORE or spread < MIN_SCORE_SD):
        task = dataclasses.replace(task, custom=dataclasses.replace(task.form, center=mean, scale=spread))
    return dataclasses.replace(task, bounds=bounds)


def _examples(task: Task, split: str) -> list[Example]:
    return read_custom(display_path(task.files[split]), task.of_split(split))


def _with_positives(task: Task, kind: str, negative: str | None, metric: str | None) -> Task:
    """The task with micro F1 over all labels but the negative one, if there is one: named, or, for relations, with a
    usual name. Text classification may have a class named "no".
    """
    none = None if negative is None else _plain(negative)
    if none not in (None, *task.labels):
        raise ParameterError(f"negative={none!r} is not a label; {did_you_mean(str(none), task.labels)}")
    if none is None and (metric == "micro_f1" or (metric is None and kind in ("relation", "relations"))):
        candidates = [label for label in task.labels if label.lower() in NEGATIVE_LABELS]
        none = candidates[0] if len(candidates) == 1 and len(task.labels) > 1 else None
    chosen = "micro_f1" if none is not None and metric is None else task.metric
    if none is not None and chosen not in ("micro_f1", "macro_f1"):
        raise ParameterError(f"negative={none!r} does not fit metric {chosen}, which counts every label; leave it out")
    counted = tuple(label for label in task.labels if label != none)
    positives = counted if chosen in ("micro_f1", *CLASS_METRICS) else ()
    return dataclasses.replace(task, metric=chosen, positive_labels=positives)


def _labels_in(task: Task) -> list[str]:
    """Train's labels in alphabetical order, then those of dev and test only; independent of the order of lines."""
    names: list[str] = []
    for split in SPLITS:
        if split in task.files:
            found = _labels_of(task, _examples(task, split))
            if task.output == "multi_label" and not task.of_split(split).form.one_hot:
                found += flag_names(display_path(task.files[split]), task.of_split(split))
            names += sorted(set(found) - set(names))
    return names


def _labels_of(task: Task, examples: list[Example]) -> list[str]:
    if task.output == "token_labels":
        return types_in(examples)
    if task.output == "multi_label":
        return [label for example in examples for label in split_labels(str(example.label))]
    return [str(example.label) for example in examples]


def _plain(value: object) -> str:
    return str(value).strip()
