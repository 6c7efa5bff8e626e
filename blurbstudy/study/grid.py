"""The runs behind a table, laid out as its cells (`Grid`), and their results (`Results`).

A grid crosses three factors. Levels (techniques, depths, recipes or pretraining objectives) are compared with one
another within a group (an encoder, usually) and a column (a task, or the mean of several).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from ..config import Recipe, RunConfig
from ..stabilizers import Stabilizer
from ..stats.contrasts import Comparison
from ..stats.counts import RateComparison, compare_rates
from ..stats.references import Reference
from ..stats.summary import CellSummary, collapse_strata, compare, summarize
from ..tasks.folds import ResampledSplits
from ..training.run_record import RunRecord

DEFAULT_RECIPE = "Default recipe"  # the level that techniques are held against, in every grid that has one


def in_sentence(level: str) -> str:
    """A level's name within a sentence: `the default recipe`."""
    return f"the {DEFAULT_RECIPE.lower()}" if level == DEFAULT_RECIPE else level


class Condition(NamedTuple):
    """What the runs of one cell have in common."""

    group: str  # usually the encoder; '' where the grid has one unnamed group
    level: str  # what is compared: a technique, a number of layers, a recipe, a pretraining objective
    column: str  # label of a TaskColumn

    @property
    def panel(self) -> str:
        """Group and column, within which levels are compared: `BERT, BIOSSES`."""
        return f"{self.group}, {self.column}" if self.group else self.column

    @property
    def name(self) -> str:
        """`BERT, BIOSSES, Layer freeze`."""
        return f"{self.panel}, {self.level}"


@dataclass(frozen=True, kw_only=True)
class Axes:
    """What a grid's groups and levels are, as headings of a table."""

    group: str | None  # None: one group without a name
    level: str


ENCODERS_BY_TECHNIQUE = Axes(group="Encoder", level="Technique")


@dataclass(frozen=True, kw_only=True)
class TaskColumn:
    """One task, or several of which each seed's mean is taken."""

    label: str
    tasks: tuple[str, ...]
    paper: str = ""  # the paper's column, where its table has several
    in_paper: bool = True  # False: its table has no such column
    paper_label: str = "paper"  # names the paper's number where it is of other tasks than ours
    weights: Mapping[str, float] | None = None  # of tasks in the mean; None: equal
    splits: ResampledSplits | None = None  # of its one task; None: the official split
    note: str = ""  # what readers of its numbers must know


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Groups x levels x task columns; the runs of a cell differ only in task and seed."""

    groups: tuple[str, ...]
    levels: tuple[str, ...]
    columns: tuple[TaskColumn, ...]
    axes: Axes = ENCODERS_BY_TECHNIQUE
    recipes: Mapping[tuple[str, str], Recipe]  # (level, task)
    seeds: tuple[int, ...]
    cells: Mapping[Condition, tuple[RunConfig, ...]]
    missing_reasons: Mapping[str, str] = field(default_factory=dict)  # group or level -> why it has no runs
    notes: Mapping[str, str] = field(default_factory=dict)  # group or level -> what readers of its numbers must know
    layers: Mapping[str, int] = field(default_factory=dict)  # group -> layers of its encoder
    techniques: Mapping[str, Sequence[Stabilizer]] = field(default_factory=dict)  # by level
    pretraining_seeds: Mapping[str, int] = field(default_factory=dict)  # by encoder fingerprint, if several

    @property
    def configs(self) -> list[RunConfig]:
        """Every run once, though several cells may hold it."""
        return list({config.id: config for configs in self.cells.values() for config in configs}.values())


@dataclass(frozen=True, kw_only=True)
class Results:
    """The grid's available runs, with the gold labels that they are scored against."""

    grid: Grid
    records: Mapping[str, RunRecord]  # run id -> record
    references: Mapping[str, Reference]  # task -> gold labels
    provenance: str  # parameters file, scale; for captions
    shows_paper: bool = True  # whether the paper's numbers stand beside ours
    is_demo: bool = False  # whether the numbers only show how the study works

    @property
    def decides(self) -> bool:
        """Whether comparisons are made: not in a demonstration with one seed, which is too small by design."""
        return not (self.is_demo and len(self.grid.seeds) == 1)

    def cell(self, condition: Condition) -> list[RunRecord]:
        """The cell's available runs; empty where one of its tasks has none."""
        configs = self.grid.cells.get(condition, ())
        records = [self.records[config.id] for config in configs if config.id in self.records]
        tasks = set(self.column(condition.column).tasks)
        return records if {record.config.task for record in records} == tasks else []

    @cached_property
    def summaries(self) -> dict[Condition, CellSummary]:
        cells = {condition: self.cell(condition) for condition in self.conditions()}
        return {
            condition: summarize(
                records,
                self.references,
                clusters=self.grid.pretraining_seeds,
                weights=self.column(condition.column).weights,
            )
            for condition, records in cells.items()
            if records
        }

    def compare(self, *conditions: Condition) -> Comparison | None:
        """The first cell minus the second; of four, minus the difference of the other two. None without runs."""
        return self.average_comparison([conditions])

    def average_comparison(self, panels: Sequence[Sequence[Condition]]) -> Comparison | None:
        """The mean over panels, such as encoders, of the first cell minus the second; None where a cell has no runs."""
        cells = [[self.cell(condition) for condition in panel] for panel in panels]
        if not cells or not all(records for panel in cells for records in panel):
            return None
        seeds, weights = self.grid.pretraining_seeds, self.column(panels[0][0].column).weights
        return compare(cells, self.references, clusters=seeds, weights=weights)

    def compare_collapse(self, level: str, baseline: str) -> RateComparison | None:
        """Rates of collapse of two levels, over all groups and columns that have runs of both; None without runs.

        The baseline's own runs and runs that several columns share count once.
        """
        pairs = []
        for group in self.grid.groups:
            for column in self.grid.columns:
                sides = [self.cell(Condition(group, name, column.label)) for name in (level, baseline)]
                if all(sides) and [r.id for r in sides[0]] != [r.id for r in sides[1]]:
                    pairs.append((sides[0], sides[1]))
        return compare_rates(collapse_strata(pairs, self.references, clusters=self.grid.pretraining_seeds))

    def select(self, *, groups: Sequence[str], columns: Sequence[TaskColumn]) -> Results:
        labels = {column.label for column in columns}
        tasks = {task for column in columns for task in column.tasks}
        grid = replace(
            self.grid,
            groups=tuple(groups),
            columns=tuple(columns),
            cells={k: runs for k, runs in self.grid.cells.items() if k.group in groups and k.column in labels},
            recipes={key: recipe for key, recipe in self.grid.recipes.items() if key[1] in tasks},
            notes={name: text for name, text in self.grid.notes.items() if name in (*groups, *self.grid.levels)},
        )
        return replace(self, grid=grid)

    def column(self, label: str) -> TaskColumn:
        return next(column for column in self.grid.columns if column.label == label)

    def conditions(self, *, columns: Sequence[TaskColumn] = ()) -> list[Condition]:
        """Every cell of the grid, group by group, with or without runs."""
        return [
            Condition(group, level, column.label)
            for group in self.grid.groups
            for level in self.grid.levels
            for column in columns or self.grid.columns
        ]

    @property
    def caption(self) -> str:
        """Runs, seeds, commit, parameters file and scale: where the numbers come from."""
        return merge_captions([self])

    @cached_property
    def caption_parts(self) -> list[str]:
        configs = self.grid.configs
        records = [self.records[config.id] for config in configs if config.id in self.records]
        commits = sorted({str(record.environment.get("commit") or "unknown") for record in records})
        runs = f"{len(records)} runs" if len(records) == len(configs) else f"{len(records)} of {len(configs)} runs"
        runs += trained_where(records)
        seed_methods = sorted({summary.seed_method for summary in self.summaries.values() if summary.seed_interval})
        example_methods = format_methods([summary.example_method for summary in self.summaries.values()])
        parts = [
            runs,
            format_seeds(self.grid.seeds),
            f"commit {' and '.join(commits)}" if commits else "commit: no runs",
            self.provenance,
        ]
        if example_methods and self.decides:
            over_seeds = " or ".join(seed_methods) or "none"
            parts.append(f"95% intervals over seeds: {over_seeds}; over test examples: {example_methods}")
        parts += [f"{column.label}: {column.note}" for column in self.grid.columns if column.note]
        return parts + [f"{name}: {text}" for name, text in self.grid.notes.items()]


def trained_where(records: Iterable[RunRecord]) -> str:
    """` by Ray on 3 machines`; '' for runs of this machine's engine on one machine."""
    environments = [record.environment for record in records]
    machines = {environment["machine"] for environment in environments if environment.get("machine")}
    by_ray = " by Ray" if any(environment.get("engine") == "ray" for environment in environments) else ""
    return by_ray + (f" on {len(machines)} machines" if len(machines) > 1 else "")


def merge_captions(results: Sequence[Results]) -> str:
    """One caption for several results; parts that they share are given once."""
    return " · ".join(dict.fromkeys(part for result in results for part in result.caption_parts))


def format_methods(methods: Sequence[str]) -> str:
    """Each method once: `Fisher's z; bootstrap over documents, questions`."""
    used = [text for text in methods if not text.startswith("none: ")]
    single = sorted({method for text in used for method in text.split(" and ")})
    start = "bootstrap over "
    units = [method.removeprefix(start) for method in single if method.startswith(start)]
    others = [method for method in single if not method.startswith(start)]
    return "; ".join([*others, *([start + ", ".join(units)] if units else [])])


def format_seeds(seeds: Sequence[int]) -> str:
    """`seed 3`, `seeds 1 to 5`, `seeds 1, 3, 7`."""
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return "seeds " + ", ".join(map(str, seeds))
