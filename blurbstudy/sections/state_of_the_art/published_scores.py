"""What others have published on BLURB, beside our own best: their scores, and ours with their interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ...stats.summary import CellSummary
from ...study.grid import Condition, Results
from ...study.study import Study
from ...tables.paper import paper_number
from ...tables.score_table import percent, percents
from ...tables.table import NOT_RUN, HtmlCell, Table, format_number, interval_lines, number_with_details
from .grids import OPTIMAL

PEERS_FILE = Path(__file__).with_name("peers.yaml")
PAPER = {  # our name of a column of the paper -> its table and column
    "PubMedBERT-BASE": ("table8", "PubMedBERT optimal"),
    "PubMedELECTRA-BASE": ("table8", "PubMedELECTRA optimal"),
    "PubMedBERT-LARGE": ("table9", "PubMedBERT optimal"),
    "PubMedELECTRA-LARGE": ("table9", "PubMedELECTRA optimal"),
}


@cache
def peers() -> dict[str, Any]:
    """System -> its source and scores."""
    return yaml.safe_load(PEERS_FILE.read_text(encoding="utf-8"))


def peer_table(study: Study, tables: Mapping[str, Results], *, title: str = "Published scores beside ours") -> Table:
    """A row per task: of each optimal column of ours the mean with both intervals, then the paper's, then the peers'.

    Args:
        tables: BASE or LARGE -> results.
    """
    ours = [
        (f"{column}-{size}, here", results, column)
        for size, results in tables.items()
        for column in results.grid.groups
        if any(key.group == column and key.level == OPTIMAL for key in results.summaries)
    ]
    rows = []
    for part in next(iter(tables.values())).grid.columns:
        mine = [results.summaries.get(Condition(column, OPTIMAL, part.label)) for _, results, column in ours]
        theirs = [paper_number(table, column, part.label) for table, column in PAPER.values()]
        theirs += [system["cells"].get(part.label) for system in peers().values()]
        rows.append((part.label, *map(_ours, mine), *map(format_number, theirs)))
    columns = ("Task", *(name for name, _, _ in ours), *(f"{name}, the paper" for name in PAPER), *peers())
    notes = [
        "Test scores times 100, each by its authors' own search. Below, of ours alone: 95% intervals over "
        "seeds and over test examples. A published score says of neither how sure it is.",
        *(f"{name}: {system['source']}." for name, system in peers().items()),
    ]
    if study.is_demo:
        notes.insert(1, "Ours are of generated data and a tiny encoder here, and compare with none of the others.")
    return Table(title=title, columns=columns, rows=rows, caption=_caption(tables.values()), notes=notes,
                 kind="tight")  # fmt: skip


def _ours(summary: CellSummary | None) -> HtmlCell | str:
    if summary is None or summary.mean is None:
        return NOT_RUN
    both = interval_lines(percents(summary.seed_interval), percents(summary.example_interval))
    return number_with_details(summary.mean, format_number(percent(summary.mean)), both)


def _caption(tables: Sequence[Results]) -> str:
    return " · ".join(dict.fromkeys(part for results in tables for part in results.caption.split(" · ")))
