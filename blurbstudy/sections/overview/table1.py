"""Table 1: which study looked at which technique of stabilization, rebuilt from the paper's text."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ...stabilizers import STABILIZERS
from ...tables.table import Table

FILE = Path(__file__).with_name("related_work.yaml")
YES, NO = "yes", "no"


@cache
def related_work() -> dict[str, Any]:
    """The studies and techniques that the paper's text names."""
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def related_table() -> Table:
    """A row per study, a column per technique; blank where the paper's text says nothing."""
    columns = list(related_work()["techniques"])
    rows = [(study["study"], study["domain"], *_cells(study, columns)) for study in related_work()["studies"]]
    known = {cls.name for cls in STABILIZERS}
    ours = (YES if own in known else NO for own in related_work()["techniques"].values())
    rows.append(("This study", "biomedical", *ours))
    notes = [
        "Rebuilt from sections 2.4 and 4 of the paper, since its Table 1 is not in the text at hand; in brackets, the "
        "section that says it. A blank cell is unknown, not a no.",
        *(
            f"{study['study']}, {technique}: {reason}."
            for study in related_work()["studies"]
            for technique, reason in study.get("left_out", {}).items()
        ),
        "This study removes layers as well (05_pruning), and crosses the techniques with one another.",
        "The paper leaves to others or to later work: multi-task learning, adversarial training, prompts (section 4).",
    ]
    return Table(
        title="Table 1. Techniques of stabilization in recent studies (rebuilt)",
        columns=("Study", "Domain", *columns),
        rows=rows,
        caption="No runs: from the paper's text, and for the last row from the package itself.",
        notes=notes,
    )


def _cells(study: dict[str, Any], columns: list[str]) -> list[str]:
    said = {column: f"{YES} ({section})" for column, section in study["techniques"].items()}
    said |= {column: f"{NO} (4)" for column in study.get("left_out", {})}
    return [said.get(column, "") for column in columns]
