"""Runs of all notebooks of a study, found in the run store by the parameters that each was last executed with, and what
scispaCy's models have predicted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from ...errors import StudyError
from ...stats.contrasts import Cell, CellRuns
from ...study.dry_run import found_study
from ...study.grid import CellKey, Results, seeds_in_words
from ...study.parameters import declared_parameters, notebook_stems
from ...study.study import FACT, Study
from ..large_models.selection import stabilized
from ..scispacy.scores import FINE_TUNED, Baselines, by_table, paper_column, scispacy_baselines, system_cells
from ..scispacy.tables10_11 import models_in_words
from .claims import Address

LARGE_MODELS, SCISPACY = "04_large_models", "07_scispacy"
BY_TABLE = {"table10": "Exact boundaries", "table11": "Overlap counts"}  # settings of one and the same runs


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The grids of each notebook with the runs that there are."""

    results: Mapping[str, tuple[Results, ...]]  # notebook -> its grids
    chosen: Mapping[str, Results] = field(default_factory=dict)  # notebook -> some of the same runs, chosen on dev
    baselines: Baselines | None = None  # scispaCy's models
    missing: Mapping[str, str] = field(default_factory=dict)  # notebook -> why nothing of it is here
    origin: str = ""  # parameters file and scale, for captions

    def at(self, address: Address) -> Cell | None:
        """The runs of a cell, or the system without seeds; None where there are none."""
        return self._cells.get(address)

    @property
    def caption(self) -> str:
        """Runs, seeds, commit and parameters: where the numbers come from."""
        records = {r.id: r for grids in self.results.values() for one in grids for r in one.records.values()}
        commits = sorted({str(record.circumstances.get("commit") or "unknown") for record in records.values()})
        seeds = sorted({record.config.seed for record in records.values()})
        said = [f"{len(records)} runs of {', '.join(self.results) or 'no notebook'}"]
        said += [seeds_in_words(seeds) if seeds else "seeds: no runs"]
        said += [f"commit {' and '.join(commits)}" if commits else "commit: no runs", self.origin]
        return " · ".join(said)

    @property
    def systems(self) -> str:
        """Which models stand behind the cells of scispaCy, for a note; '' where there are none."""
        return models_in_words(self.baselines) if self.baselines is not None and self.baselines.found else ""

    @cached_property
    def _cells(self) -> dict[Address, Cell]:
        found: dict[Address, Cell] = {}
        for stem, grids in self.results.items():
            seen: set[tuple[str, str]] = set()  # encoder and setting of the grids before
            for results in (*grids, *([self.chosen[stem]] if stem in self.chosen else [])):
                for key in (key for key in results.cell_keys() if results.cell(key)):
                    address = Address(stem, *key)
                    if (key.encoder, key.setting) in seen:
                        address = replace(address, encoder=f"{key.encoder}, second grid")
                    found.setdefault(address, _cell_runs(results, key))
                    if (name := _share_removed(key.setting)) is not None:
                        found.setdefault(replace(address, setting=name), found[address])
                seen |= {(encoder, setting) for encoder in results.grid.encoders for setting in results.grid.settings}
        return found | self._entity_cells

    @property
    def _entity_cells(self) -> dict[Address, Cell]:
        """Encoders and scispaCy's models by exact boundaries and where overlap counts; encoders bear the names of the
        paper's columns.
        """
        found: dict[Address, Cell] = {}
        for results in self.results.get(SCISPACY, ()):
            for table, seen in by_table(results).items():
                for key in (key for key in results.cell_keys() if key.setting == FINE_TUNED and results.cell(key)):
                    address = Address(SCISPACY, paper_column(key.encoder), BY_TABLE[table], key.part)
                    found[address] = replace(_cell_runs(seen, key), judged_by=results.references)
        if self.baselines is not None:
            for (table, name, part), cell in system_cells(self.baselines).items():
                found[Address(SCISPACY, f"scispaCy {name}", BY_TABLE[table], part)] = cell
        return found


def _share_removed(setting: str) -> str | None:
    """`6 of 12` by a name that fits an encoder of any depth."""
    count, of, depth = setting.partition(" of ")
    if not (of and count.isdecimal() and depth.isdecimal()):
        return None
    return {0: "none removed", int(depth): "half removed"}.get(2 * int(count))


def _cell_runs(results: Results, key: CellKey) -> CellRuns:
    return CellRuns(
        records=results.cell(key),
        references=results.references,
        clusters=results.grid.clusters,
        weights=results.part(key.part).weights,
    )


def gather(study: Study) -> Evidence:
    """What the study's store holds of every other notebook, as last executed at this scale; nothing is run."""
    study.keep_parameters()
    facts = study.store.all_metadata(FACT)
    found: dict[str, Study] = {}
    missing: dict[str, str] = {}
    for stem in (stem for stem in notebook_stems() if stem != study.stem):
        fact = facts.get(stem)
        if fact is None or fact.get("scale") != study.values["scale"]:
            missing[stem] = "not executed with this run store"
            continue
        given = {name: fact[name] for name in declared_parameters(stem) if name in fact}
        try:
            found[stem] = found_study(stem, given | {"store": str(study.store.folder)})
        except StudyError as error:  # executed with parameters, data or an encoder that are no longer known
            missing[stem] = " ".join(str(error).split())
    return Evidence(
        results={stem: tuple(one.results) for stem, one in found.items()},
        chosen={stem: stabilized(one, *one.results) for stem, one in found.items() if stem == LARGE_MODELS},
        baselines=_baselines(found[SCISPACY]) if SCISPACY in found else None,
        missing=missing,
        origin=study.origin,
    )


def _baselines(study: Study) -> Baselines:
    """What the store has of the models that the notebook's parameters ask for."""
    values = study.values
    return scispacy_baselines(
        study, source=values["scispacy"], epochs=values["spacy_epochs"], seed=values["spacy_seed"]
    )
