"""Runs of all notebooks of a study, found in the run store by the parameters that each was last executed with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from ..errors import StudyError
from ..results.claims import Address
from ..results.verdicts import CellRuns
from .grid import CellKey, Results, seeds_in_words
from .parameters import declared_parameters, notebook_stems
from .planning import found_study
from .study import FACT, Study


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The grids of each notebook with the runs that there are."""

    results: Mapping[str, tuple[Results, ...]]  # notebook -> its grids
    missing: Mapping[str, str] = field(default_factory=dict)  # notebook -> why nothing of it is here
    origin: str = ""  # parameters file and scale, for captions

    def at(self, address: Address) -> CellRuns | None:
        """The runs of a cell; None where there are none."""
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

    @cached_property
    def _cells(self) -> dict[Address, CellRuns]:
        found: dict[Address, CellRuns] = {}
        for stem, grids in self.results.items():
            for results in grids:
                for key in (key for key in results.cell_keys() if results.cell(key)):
                    address = Address(stem, *key)
                    if address in found:
                        address = replace(address, encoder=f"{key.encoder}, second grid")
                    found.setdefault(address, _cell_runs(results, key))
                    if (name := _share_removed(key.setting)) is not None:
                        found.setdefault(replace(address, setting=name), found[address])
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
    facts = study.store.facts(FACT)
    results: dict[str, tuple[Results, ...]] = {}
    missing: dict[str, str] = {}
    for stem in (stem for stem in notebook_stems() if stem != study.stem):
        fact = facts.get(stem)
        if fact is None or fact.get("scale") != study.values["scale"]:
            missing[stem] = "not executed with this run store"
            continue
        given = {name: fact[name] for name in declared_parameters(stem) if name in fact}
        try:
            grids = found_study(stem, given | {"store": str(study.store.folder)}).results
        except StudyError as error:  # executed with parameters, data or an encoder that are no longer known
            missing[stem] = " ".join(str(error).split())
            continue
        results[stem] = tuple(grids)
    return Evidence(results=results, missing=missing, origin=study.origin)
