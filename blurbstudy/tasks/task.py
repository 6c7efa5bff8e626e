"""What is learned: a Task is facts about one dataset, an Example one record of it. No hyperparameters live here."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

SPLITS = ("train", "dev", "test")
OUTSIDE = "O"  # the tag of a word that belongs to no mention

# kind -> what is predicted: one label per word, one label, a set of labels, or a score
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
    """How files of one's own are read and divided, where they are no BLURB's: all of it enters their fingerprint."""

    id: str = ""  # column (key) of ids; "": examples are numbered
    document: str = ""  # column (key) of documents; "": every example alone, or as CoNLL files mark them
    header: bool = True  # of a table; False: columns are numbers, counted from 1
    separator: str = ","  # between the labels of a set
    scheme: str = ""  # of tags: key of own.schemes.SCHEMES
    dev_share: float = 0.0  # of train that becomes dev; 0: dev has a file of its own
    split_seed: int = 1  # of that division
    task_type_alias: str = ""  # as its owner calls it, for messages; decides nothing
    start: str = ""  # column of the first character of a mention, where a row is one
    end: str = ""  # column of the character behind its last
    mention: str = ""  # column of its text, which is compared
    discontinuous: str = "refuse"  # what becomes of entities in several pieces: key of standoff.FRAGMENTS
    one_hot: tuple[str, ...] = ()  # columns of labels, each marked by 1 or 0; (): labels stand in one column
    center: float = 0.0  # what scores are trained as: their distance from it ...
    scale: float = 1.0  # ... in units of this
    split_overrides: Mapping[str, Mapping[str, Any]] = field(
        hash=False, default_factory=dict
    )  # split -> how its file differs


@dataclass(frozen=True, kw_only=True)
class Task:
    """One dataset: where its files lie, how they are read, what is predicted and how that is measured."""

    name: str  # BLURB's name
    task_type: str  # key of OUTPUTS: decides input and head
    group: str  # task group of the BLURB score (the mean of group means)
    folder: str  # folder in the data folder; letter case is ignored
    files: Mapping[str, str] = field(hash=False)  # split -> file name
    fallback_files: Mapping[str, str] = field(
        hash=False, default_factory=dict
    )  # split -> file read where that is absent
    reader: str  # key of READERS: the file format
    columns: tuple[str, ...]  # of the file (JSON: keys), in the order that its reader gives
    labels: tuple[str, ...]  # classes in the order of the head's outputs; (): a score to regress on
    positive_labels: tuple[str, ...] = ()  # labels that an F1 counts
    bounds: tuple[float, float] | None = None  # lowest and highest score; None for classes
    metric: str  # key of metrics.METRICS
    unit: str  # what a bootstrap draws from BLURB's files (others may differ): pair | question | document | sentence
    unit_id_prefix: int = 0  # leading parts of an id, between dots, that name its unit; 0: where the reader finds it
    size_unit: str  # what sizes count: mentions | PICO words | pairs | sentences | documents | questions
    sizes: Mapping[str, int] = field(hash=False)  # split -> published number (Gu et al. 2021, table 1)
    known_sizes: Mapping[str, int] = field(hash=False, default_factory=dict)  # split -> number in the public files
    known_differences: Mapping[str, str] = field(hash=False, default_factory=dict)  # split -> why those two differ
    source: str  # where the files come from
    terms: str  # licence or conditions of use
    citation: str
    custom: CustomForm | None = (
        None  # of a task of one's own, whose files are named by their whole paths; None: BLURB's
    )

    @classmethod
    def from_files(
        cls, kind: str, *, train: Path | str, dev: Path | str | None = None, test: Path | str | None = None, **said: Any
    ) -> Task:
        """A task of one's own, from its files.

        Args:
            kind: ner, classification, relation, pairs, question, similarity, multi-label or pico.
            train: TSV, CSV, JSONL, CoNLL or PubTator file, or a folder of brat's; so are dev and test.
            dev: default: a part of train.
            test: default: none, and scores are of dev alone.
            said: other arguments of `blurbstudy.tasks.own_task`, such as columns={"text": "sentence"}.

        Raises:
            ParameterError: an argument is unknown or out of bounds.
            DataError: a file is missing or malformed; names file and line.
        """
        from . import custom_task

        return custom_task(kind=kind, files={"train": train, "dev": dev, "test": test}, **said)

    @classmethod
    def load(cls, name: str) -> Task:
        """BLURB's task of that name, such as BIOSSES, or one's own by its YAML file."""
        from . import get_task, load_custom_task

        return load_custom_task(name) if str(name).lower().endswith((".yaml", ".yml")) else get_task(name)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that there are, in the order of SPLITS: a task of one's own may lack test."""
        made = {"dev"} if self.custom and self.custom.dev_share else set()
        return tuple(split for split in SPLITS if split in made or split in self.files)

    @property
    def output(self) -> str:
        """What is predicted: token_labels | single_label | multi_label | score."""
        return OUTPUT_TYPES[self.task_type]

    @property
    def is_regression(self) -> bool:
        """Whether the label is a number."""
        return self.output == "score"

    def of_split(self, split: str) -> Task:
        """The task as the file of a split is read, which may have another format than that of train."""
        if self.custom is None or split not in self.custom.split_overrides:
            return self
        overrides = dict(self.custom.split_overrides[split])
        reader, columns = overrides.pop("reader"), tuple(overrides.pop("columns"))
        custom = dataclasses.replace(
            self.custom, **overrides | {"one_hot": tuple(overrides["one_hot"])}, split_overrides={}
        )
        return dataclasses.replace(self, reader=reader, columns=columns, custom=custom)

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Names of the texts, lower case, as in the datasets.DatasetDict."""
        return TEXT_COLUMNS.get(self.output) or tuple(name.lower() for name in self.columns[1:-1])


TEXT_COLUMNS = {"token_labels": ("words",), "multi_label": ("text",)}


@dataclass(frozen=True, slots=True)
class Example:
    """One record."""

    id: str  # unique within its split
    unit: str  # document or question it belongs to; equal to id where every record stands alone
    texts: tuple[str, ...]  # one or two texts; the words of a tagged sentence
    label: str | float  # one of Task.labels; a score; the words' tags joined by spaces; a set's labels by commas


def plain_name(name: str) -> str:
    """What tells names of tasks apart: letter case, spaces, hyphens and underscores do not."""
    return re.sub(r"[\s_-]+", "", name).lower()


def split_tags(label: str) -> list[str]:
    """The tags of a sentence's words, from their form in one string: "O B I"."""
    return label.split()


def split_labels(label: str) -> list[str]:
    """The labels of a document, from their form in one string: "a,b"; none in the empty one."""
    return label.split(",") if label else []


def head_labels(task: Task, tagging: str) -> tuple[str, ...]:
    """Classes in the order of the head's outputs, () for a score; tagging bio | io is a choice for mentions alone."""
    if task.task_type != "ner" or tagging != "io":
        return task.labels
    return tuple(label for label in task.labels if not label.startswith("B"))  # tags are O, B..., I... alone


def head_indices(task: Task, tagging: str) -> tuple[int, ...]:
    """For each of Task.labels, its place among the head's: B stands where I does under tagging io."""
    outputs = head_labels(task, tagging)
    return tuple(outputs.index(label if label in outputs else f"I{label[1:]}") for label in task.labels)


def normalize_scores(scores: np.ndarray, task: Task) -> np.ndarray:
    """Scores within the task's bounds as shares of their range, from 0 to 1."""
    low, high = task.bounds
    return (scores - np.float32(low)) / np.float32(high - low)


def denormalize_scores(shares: np.ndarray, task: Task) -> np.ndarray:
    """The inverse of to_unit."""
    low, high = task.bounds
    return shares * np.float32(high - low) + np.float32(low)


def standardize_scores(scores: np.ndarray, task: Task) -> np.ndarray:
    """Scores as a head is trained on them: of a task of one's own whose scores lie far from 0, or close to each other,
    their distance from train's mean in its standard deviations.
    """
    if task.custom is None or task.custom.scale == 1:
        return scores
    return (scores - np.float32(task.custom.center)) / np.float32(task.custom.scale)


def unstandardize_scores(outputs: np.ndarray, task: Task) -> np.ndarray:
    """The inverse of to_scale."""
    if task.custom is None or task.custom.scale == 1:
        return outputs
    return outputs * np.float32(task.custom.scale) + np.float32(task.custom.center)


def example_size(task: Task, label: str | float) -> int:
    """What one example adds to the sizes of its task: mentions (B tags), PICO words (tags but O), or 1."""
    if task.size_unit == "mentions":
        return sum(tag.startswith("B") for tag in split_tags(str(label)))
    if task.size_unit == "PICO words":
        return sum(tag != OUTSIDE for tag in split_tags(str(label)))
    return 1


def trivial_predictions(
    task: Task, train_labels: Sequence[str | float], gold: Sequence[str | float]
) -> list[str | float]:
    """What a model that reads nothing predicts for examples of these gold labels (which give the number of words).

    The majority label of train (ties: the earlier in Task.labels), the mean score of train, no mention in any
    sentence, no label but those that more than half of train's documents have.
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
