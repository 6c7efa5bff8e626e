"""What others have published on BLURB, next to our best scores with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TypedDict

import yaml

from ...stats.summary import CellSummary
from ...study.grid import Condition, Results, merge_captions
from ...study.study import Study
from ...tables.formatting import format_number, interval_lines
from ...tables.paper import paper_number
from ...tables.score_table import percent, percents
from ...tables.table import NOT_RUN, HtmlCell, Table, number_with_details
from ..parameters import StateOfTheArtParameters as Parameters
from .grids import SEARCHED_RECIPE

PUBLISHED_FILE = Path(__file__).with_name("published_scores.yaml")
PAPER = {  # column here -> the paper's table and column
    "PubMedBERT-BASE": ("table8", "PubMedBERT optimal"),
    "PubMedELECTRA-BASE": ("table8", "PubMedELECTRA optimal"),
    "PubMedBERT-LARGE": ("table9", "PubMedBERT optimal"),
    "PubMedELECTRA-LARGE": ("table9", "PubMedELECTRA optimal"),
}


class PublishedSystem(TypedDict):
    """A system with its published scores."""

    source: str
    cells: dict[str, float]  # task, or BLURB score -> score, in percent


@cache
def published_systems() -> dict[str, PublishedSystem]:
    """System -> its source and scores."""
    return yaml.safe_load(PUBLISHED_FILE.read_text(encoding="utf-8"))


def published_scores_table(study: Study[Parameters], tables: Mapping[str, Results]) -> Table:
    """A row per task: our scores by searched recipes with their intervals, the paper's, and those of published systems.
    `tables`: BASE or LARGE -> results.
    """
    papers, systems = (PAPER, published_systems()) if study.parameters.show_paper else ({}, {})
    ours = [
        (f"{group}-{size}, here", results, group)
        for size, results in tables.items()
        for group in results.grid.groups
        if any(key.group == group and key.level == SEARCHED_RECIPE for key in results.summaries)
    ]
    rows = []
    for label in (column.label for column in next(iter(tables.values())).grid.columns):
        summaries = [results.summaries.get(Condition(group, SEARCHED_RECIPE, label)) for _, results, group in ours]
        published = [paper_number(table, column, label) for table, column in papers.values()]
        published += [system["cells"].get(label) for system in systems.values()]
        rows.append((label, *map(_our_score, summaries), *map(format_number, published)))
    columns = ("Task", *(name for name, _, _ in ours), *(f"{name}, the paper" for name in papers), *systems)
    beside = (
        "Published ones are each from its authors' own search and come without intervals."
        if papers
        else "Published ones are not shown beside them (show_paper)."
    )
    notes = [
        f"Test scores times 100, ours with their 95% intervals over seeds and over test examples below. {beside}",
        *(f"{name}: {system['source']}." for name, system in systems.items()),
    ]
    if study.is_demo and papers:
        notes.insert(1, "Ours are from generated data and a tiny encoder here, and compare with none of the others.")
    caption = merge_captions(list(tables.values()))
    return Table(title="Published scores", columns=columns, rows=rows, caption=caption, notes=notes, kind="tight")


def _our_score(summary: CellSummary | None) -> HtmlCell | str:
    if summary is None:
        return NOT_RUN
    if summary.noncollapsed_mean is None:
        return number_with_details(None, "–", ["every run collapsed"])
    lines = list(interval_lines(percents(summary.seed_interval), percents(summary.example_interval)))
    lines += [f"collapsed {summary.collapsed} of {summary.runs}"] if summary.collapsed else []
    return number_with_details(summary.noncollapsed_mean, format_number(percent(summary.noncollapsed_mean)), lines)
