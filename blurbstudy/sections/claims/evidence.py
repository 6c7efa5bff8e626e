"""The runs of all notebooks of a study, found in the run store by the parameters that each was last executed with, and
the predictions of scispaCy's models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ...errors import StudyError, flat_message
from ...stabilizers import RemoveLayers
from ...stats.systems import Cell, SeededCell
from ...study.grid import Condition, Grid, Results, format_seeds
from ...study.study import NOTEBOOK_METADATA, Study, stored_study
from .. import NOTEBOOKS, get_section
from ..large_models.selection import best_technique_results
from ..parameters import ClaimsParameters as Parameters
from ..scispacy.grids import FINE_TUNED
from ..scispacy.scores import Baselines, by_table, paper_column, scispacy_baselines, system_cells
from ..scispacy.tables10_11 import describe_models
from .claims import CellRef

NAMED = 3  # notebooks that a caption names
LARGE_MODELS, SCISPACY = "04_large_models", "07_scispacy"
CHOSEN = "chosen"  # grid of Table 6: each LARGE encoder with the technique that dev chose
BY_TABLE = {"table10": "Exact boundaries", "table11": "Overlap counts"}  # settings of one and the same runs


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The grids of each notebook with their available runs."""

    results: Mapping[str, Mapping[str, Results]]  # notebook -> name of a grid -> its results
    chosen: Mapping[str, Results] = field(default_factory=dict)  # notebook -> some of the same runs, chosen on dev
    train_sizes: Mapping[str, int] = field(default_factory=dict)  # task -> examples in the whole train set
    baselines: Baselines | None = None  # scispaCy's models
    missing: Mapping[str, str] = field(default_factory=dict)  # notebook -> why nothing of it is here
    origin: str = ""  # parameters file and scale, for captions

    def cell(self, ref: CellRef) -> Cell | None:
        """The runs of a cell, or its system without seeds; None if there are none."""
        return self._cells.get(ref)

    @property
    def caption(self) -> str:
        records = {r.id: r for grids in self.results.values() for g in grids.values() for r in g.records.values()}
        commits = sorted({str(record.environment.get("commit") or "unknown") for record in records.values()})
        seeds = sorted({record.config.seed for record in records.values()})
        notebooks = list(self.results)
        named = ", ".join(notebooks) if len(notebooks) <= NAMED else f"{len(notebooks)} notebooks"
        parts = [f"{len(records)} runs of {named or 'no notebook'}"]
        parts += [format_seeds(seeds) if seeds else "seeds: no runs"]
        parts += [f"commit {' and '.join(commits)}" if commits else "commit: no runs", self.origin]
        return " · ".join(parts)

    @property
    def systems(self) -> str:
        """Description of scispaCy's models, for a note; '' without them."""
        return describe_models(self.baselines) if self.baselines is not None and self.baselines.predictions else ""

    @cached_property
    def _clusters(self) -> dict[str, int]:
        """Encoder fingerprint -> pretraining seed, of all grids."""
        every = [results.grid for grids in self.results.values() for results in grids.values()]
        return {encoder: seed for grid in every for encoder, seed in grid.pretraining_seeds.items()}

    @cached_property
    def _cells(self) -> dict[CellRef, Cell]:
        cells: dict[CellRef, Cell] = {}
        for notebook, grids in self.results.items():
            chosen = {CHOSEN: self.chosen[notebook]} if notebook in self.chosen else {}
            for name, results in {**grids, **chosen}.items():
                for key in (key for key in results.conditions() if results.cell(key)):
                    cell = self._runs(results, key)
                    for ref in cell_refs(notebook, name, results.grid, key):
                        cells.setdefault(replace(ref, grid=""), cell)
                        cells[ref] = cell
        return cells | self._entity_cells

    def _runs(self, results: Results, key: Condition) -> SeededCell:
        return SeededCell(
            records=results.cell(key),
            references=results.references,
            clusters=self._clusters,
            weights=results.column(key.column).weights,
        )

    @property
    def _entity_cells(self) -> dict[CellRef, Cell]:
        """Encoders (by the paper's names) and scispaCy's models, by exact boundaries and by overlap."""
        cells: dict[CellRef, Cell] = {}
        for results in self.results.get(SCISPACY, {}).values():
            for table, scored in by_table(results).items():
                for key in (key for key in results.conditions() if key.level == FINE_TUNED and results.cell(key)):
                    cell = replace(self._runs(scored, key), status_references=results.references)
                    cells[entity_ref(paper_column(key.group), table, key.column)] = cell
        if self.baselines is not None:
            for (table, name, column), cell in system_cells(self.baselines).items():
                cells[entity_ref(f"scispaCy {name}", table, column)] = cell
        return cells


def cell_refs(notebook: str, name: str, grid: Grid, key: Condition) -> list[CellRef]:
    """What claims call a condition of a notebook's grid: by its level, and by the share of layers that it removes."""
    levels = filter(None, (key.level, _share_removed(grid, key)))
    return [CellRef(notebook, key.group, level, key.column, name) for level in levels]


def entity_ref(system: str, table: str, column: str) -> CellRef:
    """What claims call an encoder or a scispaCy model in Table 10 or 11."""
    return CellRef(SCISPACY, system, BY_TABLE[table], column)


def _share_removed(grid: Grid, key: Condition) -> str | None:
    """A name for "no layer removed" and "half of the layers removed" that fits an encoder of any depth."""
    if not any(
        isinstance(technique, RemoveLayers) for techniques in grid.techniques.values() for technique in techniques
    ):
        return None
    removed = sum(technique.layers for technique in grid.techniques[key.level] if isinstance(technique, RemoveLayers))
    return {0: "none removed", grid.layers[key.group]: "half removed"}.get(2 * removed)


def collect_runs(study: Study[Parameters]) -> Evidence:
    """The runs of every other notebook in the study's store, as last executed at this scale; nothing is run."""
    study.save_parameters()
    metadata = study.store.all_metadata(NOTEBOOK_METADATA)
    studies: dict[str, Study[Any]] = {}
    results: dict[str, dict[str, Results]] = {}
    missing: dict[str, str] = {}
    train_sizes: dict[str, int] = {}
    for notebook in (name for name in NOTEBOOKS if name != study.notebook):
        values = metadata.get(notebook)
        if values is None or values.get("scale") != study.parameters.scale:
            missing[notebook] = "not executed with this run store"
            continue
        try:
            other = stored_study(get_section(notebook), values, store=study.store.folder)
            results[notebook] = {name: other.results(grid) for name, grid in other.section.grids(other).items()}
        except StudyError as error:  # executed with parameters, data or an encoder that are no longer known
            missing[notebook] = flat_message(error)
            continue
        studies[notebook] = other
        train_sizes |= {task: sizes["train"] for task, sizes in other.sources.sizes.items()}
    large = (
        {LARGE_MODELS: best_technique_results(studies[LARGE_MODELS], results[LARGE_MODELS]["large"])}
        if LARGE_MODELS in studies
        else {}
    )
    return Evidence(
        results=results,
        chosen=large,
        train_sizes=train_sizes,
        baselines=scispacy_baselines(studies[SCISPACY]) if SCISPACY in studies else None,
        missing=missing,
        origin=study.provenance,
    )
