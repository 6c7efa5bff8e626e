"""The runs behind a table, laid out as its cells (Grid), and what became of them (Results)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from ..config import Recipe, RunConfig
from ..stabilizers import Stabilizer
from ..stats.collapse import GoldReference
from ..stats.summary import CellSummary, Comparison, compare, summarize
from ..training.run_record import RunRecord

ROW = "Pretrained"  # the one row of a grid whose columns are encoders; it is named nowhere


class CellKey(NamedTuple):
    """Where a cell stands."""

    encoder: str  # display name
    setting: str  # technique or optimization setting
    part: str  # label of the task, or of the tasks whose mean is taken

    @property
    def panel(self) -> str:
        """What its settings are compared within: `BERT, BIOSSES`."""
        return ", ".join(name for name in (self.encoder, self.part) if name != ROW)

    @property
    def where(self) -> str:
        """A cell in words."""
        return f"{self.panel}, {self.setting}"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One task, or several of which each seed's mean is taken."""

    label: str  # as the column says
    tasks: tuple[str, ...]
    paper: str = ""  # the paper's column, where its table has several
    paper_label: str = "paper"  # says where the paper's number is of other tasks than ours
    weights: Mapping[str, float] | None = None  # of tasks in the mean; None: equal


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Encoders x settings x parts; every cell is a set of runs that differ in task and seed alone."""

    encoders: Mapping[str, str]  # display name -> why there are no runs, or ''
    settings: tuple[str, ...]
    parts: tuple[Part, ...]
    recipes: Mapping[tuple[str, str], Recipe]  # (setting, task)
    seeds: tuple[int, ...]
    cells: Mapping[CellKey, tuple[RunConfig, ...]]
    remarks: Mapping[str, str] = field(default_factory=dict)  # display name -> what must be known beside its numbers
    layers: Mapping[str, int] = field(default_factory=dict)  # display name -> layers
    techniques: Mapping[str, Sequence[Stabilizer]] = field(default_factory=dict)  # setting -> its techniques
    absent: Mapping[str, str] = field(default_factory=dict)  # setting -> why it has no runs
    clusters: Mapping[str, int] = field(default_factory=dict)  # encoder fingerprint -> pretraining seed, if several

    @property
    def configs(self) -> list[RunConfig]:
        """Every run once, though several cells may hold it."""
        return list({config.id: config for configs in self.cells.values() for config in configs}.values())


@dataclass(frozen=True, kw_only=True)
class Results:
    """The grid's runs that there are, with what they are judged against."""

    grid: Grid
    records: Mapping[str, RunRecord]  # run id -> record
    references: Mapping[str, GoldReference]  # task -> gold labels
    origin: str  # parameters file, scale; for captions

    def cell(self, key: CellKey) -> list[RunRecord]:
        """The cell's runs that there are; empty where a task of it has none at all."""
        found = [self.records[config.id] for config in self.grid.cells.get(key, ()) if config.id in self.records]
        part = self.part(key.part)
        return found if {record.config.task for record in found} == set(part.tasks) else []

    @cached_property
    def summaries(self) -> dict[CellKey, CellSummary]:
        """Every cell that has runs, in numbers."""
        cells = {key: self.cell(key) for key in self.cell_keys()}
        return {
            key: summarize(records, self.references, clusters=self.grid.clusters, weights=self.part(key.part).weights)
            for key, records in cells.items()
            if records
        }

    def compared(self, first: CellKey, second: CellKey, *, confidence: float = 0.95) -> Comparison | None:
        """The first cell minus the second; None where one has no runs."""
        a, b = self.cell(first), self.cell(second)
        if not a or not b:
            return None
        weights = self.part(first.part).weights
        return compare(a, b, self.references, clusters=self.grid.clusters, weights=weights, confidence=confidence)

    def only(self, *, encoders: Sequence[str], parts: Sequence[Part]) -> Results:
        """The same results seen through some encoders and parts alone."""
        labels = {part.label for part in parts}
        cells = {k: runs for k, runs in self.grid.cells.items() if k.encoder in encoders and k.part in labels}
        tasks = {task for part in parts for task in part.tasks}
        grid = replace(
            self.grid,
            encoders={name: self.grid.encoders[name] for name in encoders},
            parts=tuple(parts),
            cells=cells,
            recipes={key: recipe for key, recipe in self.grid.recipes.items() if key[1] in tasks},
            remarks={k: text for k, text in self.grid.remarks.items() if k in (*encoders, *self.grid.settings)},
        )
        return replace(self, grid=grid)

    def part(self, label: str) -> Part:
        """The part of that label."""
        return next(part for part in self.grid.parts if part.label == label)

    def cell_keys(self, *, parts: Sequence[Part] = ()) -> list[CellKey]:
        """Every cell of the grid, encoders first, whether it has runs or not."""
        chosen = parts or self.grid.parts
        return [
            CellKey(encoder, setting, part.label)
            for encoder in self.grid.encoders
            for setting in self.grid.settings
            for part in chosen
        ]

    @property
    def caption(self) -> str:
        """Runs, seeds, commit, parameters file and scale: where the numbers come from."""
        configs = self.grid.configs
        there = [self.records[config.id] for config in configs if config.id in self.records]
        commits = sorted({str(record.environment.get("commit") or "unknown") for record in there})
        runs = f"{len(there)} runs" if len(there) == len(configs) else f"{len(there)} of {len(configs)} runs"
        over_seeds = sorted({summary.seed_method for summary in self.summaries.values() if summary.seed_interval})
        methods = methods_in_words([summary.example_method for summary in self.summaries.values()])
        said = [
            runs,
            seeds_in_words(self.grid.seeds),
            f"commit {' and '.join(commits)}" if commits else "commit: no runs",
            self.origin,
        ]
        if methods:
            over_seeds = " or ".join(over_seeds) or "none"
            said.append(f"95% intervals over seeds: {over_seeds}; over test examples: {methods}")
        said += [f"{name}: {text}" for name, text in self.grid.remarks.items()]
        return " · ".join(said)


def methods_in_words(methods: Sequence[str]) -> str:
    """Each way once, though a cell of several tasks has several: `Fisher's z; bootstrap over documents, questions`."""
    single = sorted({one for method in methods for one in method.split(" and ")})
    start = "bootstrap over "
    drawn = [one.removeprefix(start) for one in single if one.startswith(start)]
    said = [one for one in single if not one.startswith(start)]
    return "; ".join([*said, *([start + ", ".join(drawn)] if drawn else [])])


def seeds_in_words(seeds: Sequence[int]) -> str:
    """`seed 3`, `seeds 1 to 5`, `seeds 1, 3, 7`."""
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return "seeds " + ", ".join(map(str, seeds))
