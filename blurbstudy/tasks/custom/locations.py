"""The examples of a custom task with their locations in the files, for messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..formats.records import record_unit
from ..formats.standoff import standoff_files
from ..task import Example, Task
from .dev_split import split_dev
from .files import display_path
from .formats import FOLDERS, NUMBERED_READERS
from .tabular import NumberedExample


@dataclass(frozen=True)
class ExampleLocations:
    """The examples of each split and their locations in the files."""

    task: Task
    splits: Mapping[str, list[Example]]
    line_numbers: Mapping[str, Mapping[str, int]]  # split -> id -> line

    def file(self, split: str) -> str:
        """The file of a split, for messages."""
        return str(display_path(self.task.files.get(split, self.task.files["train"])))

    def _unit(self, split: str) -> str:
        return record_unit(Path(self.file(split)))

    def location_of_pair(self, split: str, first: Example, second: Example) -> str:
        """The locations of two examples, for messages."""
        if self.task.of_split(split).reader in FOLDERS:
            return " and ".join(dict.fromkeys((self.location(split, first), self.location(split, second))))
        line_numbers, unit = self.line_numbers[split], self._unit(split)
        return f"{self.file(split)}, {unit}s {line_numbers[first.id]} and {line_numbers[second.id]}"

    def location(self, split: str, example: Example) -> str:
        """The location of an example, for messages."""
        if self.task.of_split(split).reader in FOLDERS:
            texts = standoff_files(Path(self.file(split))).texts
            return str(texts.get(example.unit, self.file(split)))
        return f"{self.file(split)}, {self._unit(split)} {self.line_numbers[split][example.id]}"


def locate_examples(task: Task) -> ExampleLocations:
    """Read the files of a custom task."""
    numbered: dict[str, list[NumberedExample]] = {
        split: NUMBERED_READERS[task.of_split(split).reader](display_path(task.files[split]), task.of_split(split))
        for split in task.splits
        if split in task.files
    }
    numbers = {
        split: {example.id: line for line, example in split_examples} for split, split_examples in numbered.items()
    }
    splits = {split: [example for _, example in split_examples] for split, split_examples in numbered.items()}
    if "dev" not in splits:
        splits["train"], splits["dev"] = split_dev(task, splits["train"])
        numbers["dev"] = numbers["train"]
    return ExampleLocations(task, {split: splits[split] for split in task.splits}, numbers)
