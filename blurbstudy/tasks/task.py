"""What is learned: a Task is facts about one dataset, an Example one record of it. No hyperparameters live here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True, kw_only=True)
class Task:
    """One dataset: where its files lie, how they are read, what is predicted and how that is measured."""

    name: str  # BLURB's name
    kind: str  # ner | pico | relation | similarity | document | question: decides input and head
    group: str  # task group of the BLURB score (the mean of group means)
    folder: str  # folder in the data folder; letter case is ignored
    files: Mapping[str, str] = field(hash=False)  # split -> file name
    reader: str  # key of READERS: the file format
    columns: tuple[str, ...]  # of the file (JSON: keys), in this order: id, one or two texts, label
    labels: tuple[str, ...]  # classes in the order of the head's outputs; (): a score to regress on
    bounds: tuple[float, float] | None = None  # lowest and highest score; None for classes
    metric: str  # key of metrics.METRICS
    unit: str  # what one draw of the bootstrap over test examples takes: pair | question | document | sentence
    sizes: Mapping[str, int] = field(hash=False)  # split -> published number of examples
    source: str  # where the files come from
    terms: str  # licence or conditions of use
    citation: str

    @property
    def is_regression(self) -> bool:
        """Whether the label is a number."""
        return not self.labels

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Names of the texts, lower case, as in the datasets.DatasetDict."""
        return tuple(name.lower() for name in self.columns[1:-1])


@dataclass(frozen=True, slots=True)
class Example:
    """One record."""

    id: str  # unique within its split
    unit: str  # document or question it belongs to; equal to id where every record stands alone
    texts: tuple[str, ...]  # one or two
    label: str | float  # one of Task.labels, or a score within Task.bounds


def trivial_prediction(task: Task, train_labels: Sequence[str | float]) -> str | float:
    """What a model that reads nothing predicts: the majority label of train (ties: the earlier in Task.labels), or
    the mean score of train.
    """
    if task.is_regression:
        return sum(float(label) for label in train_labels) / len(train_labels)
    counts = Counter(train_labels)
    return max(task.labels, key=lambda label: counts[label])
