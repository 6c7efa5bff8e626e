"""The paper's numbers (Tinn et al. 2021, Tables 2 to 11) and our notes on where it disagrees with itself."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from ..config import JsonObject
from ..errors import ParameterError
from ..study.grid import Results
from .table import KeyFinding

NOTEBOOK_OF = {  # table or figure of the paper -> the notebook that rebuilds it; ours bears the same name
    "Table 1": "00_overview",
    "Figure 1": "00_overview",
    "Table 2": "01_pretraining_ablation",
    "Table 3": "02_optimization_ablation",
    "Table 4": "03_layer_adaptation",
    "Table 5": "04_large_models",
    "Table 6": "04_large_models",
    "Table 7": "05_pruning",
    "Table 8": "06_state_of_the_art",
    "Table 9": "06_state_of_the_art",
    "Table 10": "07_scispacy",
    "Table 11": "07_scispacy",
}
AGAINST_PAPER = "Against the paper"
NOT_COMPARED = KeyFinding(
    question=AGAINST_PAPER, sentences=["The paper's numbers are left out here (show_paper: false)."]
)
PAPER_FILE = Path(__file__).with_name("paper_tables.yaml")


@cache
def paper_tables() -> JsonObject:
    """Every table of the paper by name (`table2` ...): title, cells, notes."""
    return yaml.safe_load(PAPER_FILE.read_text(encoding="utf-8"))


def paper_number(table: str, *keys: str) -> float | None:
    """The number printed in a cell, in percent, or None where the paper has none.

    `keys` name the cell from the outside in; for a table printed by columns the column comes first
    (`paper_number("table3", "Standard epochs", "ELECTRA")`, `paper_number("table4", "BERT", "Layer freeze", "QA")`).
    Raises ParameterError: the paper has no such table.
    """
    if table not in paper_tables():
        raise ParameterError(f"table {table!r} is not in the paper's data; known: {', '.join(paper_tables())}")
    cell = paper_tables()[table]["cells"]
    for key in keys:
        if not isinstance(cell, dict) or key not in cell:
            return None
        cell = cell[key]
    return float(cell) if isinstance(cell, (int, float)) else None


def shown_number(results: Results, table: str, *keys: str) -> float | None:
    """`paper_number`, or None where the paper's numbers are not shown."""
    return paper_number(table, *keys) if results.shows_paper else None


def paper_cell(table: str, *, group: str, level: str, column: str = "") -> float | None:
    """The paper's number of a condition, whichever way round the table is printed."""
    printed = paper_tables().get(table, {})
    axis, level = printed.get("axis"), printed.get("rows", {}).get(level, level)
    if axis == "levels":
        return paper_number(table, level, column)
    if axis == "columns":
        return paper_number(table, level, group)
    if axis == "pairs":  # a column per group and level
        return paper_number(table, f"{group} {level.lower()}", column)
    return paper_number(table, group, level, *filter(None, [column]))


def paper_notes(table: str) -> tuple[str, ...]:
    """Our notes on a table: inner disagreements of the paper, and what it leaves open."""
    return tuple(paper_tables()[table].get("notes", ()))
