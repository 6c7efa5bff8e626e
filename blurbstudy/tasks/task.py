"""A Task describes one dataset, an Example is one record of it. Hyperparameters are elsewhere (config.Recipe)."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..config import JsonMapping
from ..errors import DataError, ParameterError
from ..metrics.entities import gold_words, io_to_bio, split_gold

SPLITS = ("train", "dev", "test")
OUTSIDE = "O"  # the tag of words outside mentions
RAW_TEXT, GIVEN_WORDS = "raw text", "given words"
SCORED_ON = {  # what tags are scored on, and what that means
    RAW_TEXT: "words and sentences are split as `predict` splits them, and predictions are compared with all spans of "
    "the files by their characters",
    GIVEN_WORDS: "words and sentences are those of the files; `predict` splits raw text by itself, perhaps otherwise",
}

# task type -> what is predicted: one label per word, one label, a set of labels, or a score
OUTPUT_TYPES = {
    "ner": "token_labels",
    "pico": "token_labels",
    "relation": "single_label",
    "question": "single_label",
    "document": "multi_label",
    "similarity": "score",
}


@dataclass(frozen=True, kw_only=True)
class CustomForm:
    """How the files of a custom task are read and split; the fingerprint of its data covers these fields."""

    id: str = ""  # column (key) of ids; "" numbers the examples
    document: str = ""  # column (key) of documents; "": one example each, or as marked in CoNLL files
    header: bool = True  # whether a table has one; without, columns are numbered from 1
    separator: str = ","  # between the labels of a set
    scheme: str = ""  # of tags: key of formats.tag_schemes.SCHEMES
    tag_spelling: str = ""  # one of formats.tag_schemes.SPELLINGS; "" is B-Type
    dev_share: float = 0.0  # fraction of train used as dev; 0: dev has its own file
    split_seed: int = 1  # of the dev split
    task_type_alias: str = ""  # as the user names it; for messages only
    start: str = ""  # column of the first character of a mention, in tables with a row per mention
    end: str = ""  # column of its end, exclusive
    mention: str = ""  # column of its text, for a check of the offsets
    discontinuous: str = "refuse"  # policy for discontinuous entities: one of standoff.DISCONTINUOUS_POLICIES
    mismatched: str = "refuse"  # policy for entities with another text: one of span_checks.MISMATCH_POLICIES
    one_hot: tuple[str, ...] = ()  # columns of labels with 1 or 0; (): one column of labels
    marks: tuple[str, ...] = ()  # labels of marks such as [1, 0, 0] by position; (): labels are named
    drop_unlabelled: bool = False  # whether rows without a label are left out
    center: float = 0.0  # scores are trained as (score - center) / scale
    scale: float = 1.0
    words: str = "basic"  # key of WORD_SPLITTERS that splits raw text, as the model's input is split in prediction
    split_overrides: Mapping[str, JsonMapping] = field(hash=False, default_factory=dict)  # split -> differing fields


TUPLES = ("one_hot", "marks")  # fields of CustomForm that are tuples, lists in JSON


@dataclass(frozen=True, kw_only=True)
class Task:
    """One dataset: its files, their format, what is predicted and how it is scored."""

    name: str  # BLURB's name
    task_type: str  # key of OUTPUT_TYPES; determines inputs and head
    group: str  # task group of the BLURB score (the mean of group means)
    folder: str  # folder in the data folder; letter case is ignored
    files: Mapping[str, str] = field(hash=False)  # split -> file name
    fallback_files: Mapping[str, str] = field(hash=False, default_factory=dict)  # split -> file read if that is missing
    reader: str  # key of READERS: the file format
    columns: tuple[str, ...]  # of the file (JSON: keys), in the order of the reader
    labels: tuple[str, ...]  # classes in the order of the head's outputs; () for regression
    positive_labels: tuple[str, ...] = ()  # labels counted by F1
    bounds: tuple[float, float] | None = None  # lowest and highest score; None for classes
    metric: str  # key of metrics.METRICS
    unit: str  # resampled by the bootstrap: pair | question | document | sentence
    unit_id_prefix: int = 0  # number of leading dot-separated parts of an id that name its unit; 0: set by the reader
    size_unit: str  # unit of sizes: mentions | PICO words | pairs | sentences | documents | questions
    sizes: Mapping[str, int] = field(hash=False)  # split -> published number (Gu et al. 2021, table 1)
    known_sizes: Mapping[str, int] = field(hash=False, default_factory=dict)  # split -> differing size of public files
    known_differences: Mapping[str, str] = field(hash=False, default_factory=dict)  # split -> reason for the difference
    source: str  # origin of the files
    terms: str  # licence or conditions of use
    citation: str
    custom: CustomForm | None = None  # of a custom task, whose files are absolute paths; None for BLURB's

    @classmethod
    def from_files(
        cls,
        kind: str,
        *,
        train: Any,
        dev: Any = None,
        test: Any = None,
        **options: Any,
    ) -> Task:
        """A custom task, from its files, or from tables in Python, which are kept as files in the cache.

        Args:
            kind: ner, classification, relation, pairs, question, similarity, multi-label or pico.
            train: TSV, CSV, JSON, CoNLL, PubTator or BioC file, or a brat folder; a pandas data frame, datasets.Dataset
                or list of dicts with the columns (keys) of such a file; dev and test likewise.
            dev: default: split off train.
            test: default: none; scores are reported on dev only.
            options: other arguments of `blurbstudy.tasks.custom_task`, such as columns={"text": "sentence"}.

        Raises:
            ParameterError: an argument is unknown or out of bounds.
            DataError: a file is missing or malformed; names file and line.
        """
        from . import custom_task
        from .formats.python_records import files_of_records, python_message

        named = {"train": train, "dev": dev, "test": test}
        given = {split: file for split, file in named.items() if file is not None}
        files, name = files_of_records(kind, given, options.pop("name", None))
        try:
            return custom_task(kind=kind, files=files, name=name, **options)
        except (DataError, ParameterError) as error:
            tables = {str(path): f"{split} (a {type(named[split]).__name__})" for split, path in files.items()}
            made = {path: text for path, text in tables.items() if path not in map(str, given.values())}
            raise type(error)(python_message(str(error), made)) from error

    @classmethod
    def load(cls, name: str) -> Task:
        """BLURB's task of that name, such as BIOSSES, or a custom task from its YAML file."""
        from . import get_task, load_custom_task

        return load_custom_task(name) if str(name).lower().endswith((".yaml", ".yml")) else get_task(name)

    @property
    def splits(self) -> tuple[str, ...]:
        """The available splits, in the order of SPLITS; a custom task may lack test."""
        made = {"dev"} if self.custom and self.custom.dev_share else set()
        return tuple(split for split in SPLITS if split in made or split in self.files)

    @property
    def form(self) -> CustomForm:
        """How the files of a custom task are read; BLURB's tasks have none."""
        assert self.custom is not None, f"{self.name} is not a custom task"
        return self.custom

    @property
    def output(self) -> str:
        """What is predicted: token_labels | single_label | multi_label | score."""
        return OUTPUT_TYPES[self.task_type]

    @property
    def is_regression(self) -> bool:
        """Whether the label is a number."""
        return self.output == "score"

    def of_split(self, split: str) -> Task:
        """The task with the file format of a split, which may differ from train's."""
        if self.custom is None or split not in self.custom.split_overrides:
            return self
        overrides = dict(self.custom.split_overrides[split])
        reader, columns = overrides.pop("reader"), tuple(overrides.pop("columns"))
        custom = dataclasses.replace(
            self.custom,
            **overrides | {name: tuple(overrides[name]) for name in TUPLES if name in overrides},
            split_overrides={},
        )
        return dataclasses.replace(self, reader=reader, columns=columns, custom=custom)

    def is_raw_text(self, split: str) -> bool:
        """Whether the split is raw text with spans, so that words and sentences are split as in prediction; else its
        words are given, or they are not tagged.
        """
        custom = self.of_split(split).custom
        return self.output == "token_labels" and custom is not None and not custom.scheme

    def scored_on(self, split: str) -> str:
        """Key of SCORED_ON, for tagged words; else ""."""
        return "" if self.output != "token_labels" else RAW_TEXT if self.is_raw_text(split) else GIVEN_WORDS

    @property
    def has_raw_text(self) -> bool:
        """Whether any split is raw text with spans."""
        return any(map(self.is_raw_text, SPLITS))

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Names of the texts, lower case, as in the datasets.DatasetDict."""
        return TEXT_COLUMNS.get(self.output) or tuple(name.lower() for name in self.columns[1:-1])


TEXT_COLUMNS = {"token_labels": ("words",), "multi_label": ("text",)}


@dataclass(frozen=True, slots=True)
class Example:
    """One record."""

    id: str  # unique within its split
    unit: str  # document or question it belongs to; equal to id if every record is independent
    texts: tuple[str, ...]  # one or two texts; the words of a tagged sentence
    label: str | float  # one of Task.labels; a score; tags joined by spaces; or a set of labels joined by commas


def plain_name(name: str) -> str:
    """A task name in lower case without spaces, hyphens and underscores, for comparisons."""
    return re.sub(r"[\s_-]+", "", name).lower()


def describe_scoring(task: Task, splits: Sequence[str]) -> list[str]:
    """What tags are scored on, one sentence for each of SCORED_ON that occurs; none for other tasks."""
    by_basis = {basis: [split for split in splits if task.scored_on(split) == basis] for basis in SCORED_ON}
    return [
        f"{' and '.join(names)} scored on {basis}: {SCORED_ON[basis]}" for basis, names in by_basis.items() if names
    ]


def split_tags(label: str) -> list[str]:
    """The tags of a sentence, from a string such as "O B I" or a gold label that also lists mentions."""
    return split_gold(label)[0]


def as_predicted(label: str, task: Task) -> str:
    """A prediction as it is scored and written. In raw text an I tag without a preceding B starts a mention, as in
    transformers' pipeline, and becomes B, so that tags and spans are the same mentions.
    """
    if task.task_type != "ner" or not task.has_raw_text:
        return label
    return " ".join(io_to_bio(label.split(), scheme="default"))


def split_labels(label: str) -> list[str]:
    """The labels of a document, from a string such as "a,b"; none from ""."""
    return label.split(",") if label else []


def head_labels(task: Task, tag_scheme: str) -> tuple[str, ...]:
    """Classes in the order of the head's outputs, () for a score; tag_scheme (bio | io) matters for NER only."""
    if task.task_type != "ner" or tag_scheme != "io":
        return task.labels
    return tuple(label for label in task.labels if not label.startswith("B"))  # tags are O, B..., I...


def head_indices(task: Task, tag_scheme: str) -> tuple[int, ...]:
    """For each of Task.labels, its index in the head's labels; under tag_scheme io, B has the index of I."""
    outputs = head_labels(task, tag_scheme)
    return tuple(outputs.index(label if label in outputs else f"I{label[1:]}") for label in task.labels)


def normalize_scores(scores: np.ndarray, task: Task) -> np.ndarray:
    """Scores scaled from the task's bounds to 0 to 1, float32 of the same shape."""
    assert task.bounds is not None, f"{task.name} has no bounds"
    low, high = task.bounds
    return (scores - np.float32(low)) / np.float32(high - low)


def denormalize_scores(shares: np.ndarray, task: Task) -> np.ndarray:
    """The inverse of normalize_scores."""
    assert task.bounds is not None, f"{task.name} has no bounds"
    low, high = task.bounds
    return shares * np.float32(high - low) + np.float32(low)


def standardize_scores(scores: np.ndarray, task: Task) -> np.ndarray:
    """Scores as the head's targets: (score - center) / scale of a custom task with large or closely spaced scores,
    unchanged for other tasks.
    """
    if task.custom is None or task.custom.scale == 1:
        return scores
    return (scores - np.float32(task.custom.center)) / np.float32(task.custom.scale)


def unstandardize_scores(outputs: np.ndarray, task: Task) -> np.ndarray:
    """The inverse of standardize_scores."""
    if task.custom is None or task.custom.scale == 1:
        return outputs
    return outputs * np.float32(task.custom.scale) + np.float32(task.custom.center)


def example_size(task: Task, label: str | float) -> int:
    """The size of one example in the task's size_unit: mentions, PICO words, or 1."""
    if task.size_unit == "mentions":
        tags, listed = split_gold(str(label))
        return sum(tag.startswith("B") for tag in tags) if listed is None else len(listed)
    if task.size_unit == "PICO words":
        return len(gold_words(str(label)))
    return 1


def trivial_predictions(
    task: Task, train_labels: Sequence[str | float], gold: Sequence[str | float]
) -> list[str | float]:
    """The trivial baseline: constant predictions that ignore the text.

    The majority label of train (ties: the first in Task.labels), the mean score of train, no mentions, or the labels of
    more than half of train's documents.

    Args:
        gold: the examples' labels, for their number and the numbers of words.
    """
    if task.output == "token_labels":
        return [" ".join([OUTSIDE] * len(split_tags(str(label)))) for label in gold]
    if task.output == "score":
        return [sum(float(label) for label in train_labels) / len(train_labels)] * len(gold)
    if task.output == "multi_label":
        counts = Counter(part for label in train_labels for part in split_labels(str(label)))
        return [",".join(part for part in task.labels if 2 * counts[part] > len(train_labels))] * len(gold)
    counts = Counter(train_labels)
    return [max(task.labels, key=lambda label: counts[label])] * len(gold)
