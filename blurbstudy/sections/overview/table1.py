"""Table 1: which study examined which stabilization technique, reconstructed from the paper's text."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from ...config import JsonObject
from ...stabilizers import STABILIZERS
from ...tables.table import Table

FILE = Path(__file__).with_name("related_work.yaml")
YES, NO = "yes", "no"


@cache
def related_work() -> JsonObject:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def related_table() -> Table:
    """A row per study, a column per technique; blank where the paper's text says nothing."""
    columns = list(related_work()["techniques"])
    rows = [(study["study"], study["domain"], *_cells(study, columns)) for study in related_work()["studies"]]
    known = {cls.name for cls in STABILIZERS}
    ours = (YES if name in known else NO for name in related_work()["techniques"].values())
    rows.append(("This study", "biomedical", *ours))
    notes = [
        "Reconstructed from sections 2.4 and 4 of the paper, because the available text lacks its Table 1; the "
        "section is in brackets. A blank cell means unknown, not no.",
        *(
            f"{study['study']}, {technique}: {reason}."
            for study in related_work()["studies"]
            for technique, reason in study.get("left_out", {}).items()
        ),
        "This study also removes layers (05_pruning) and combines the techniques.",
        "The paper leaves to others or to future work: multi-task learning, adversarial training, prompts (section 4).",
    ]
    return Table(
        title="Table 1. Stabilization techniques in recent studies (reconstructed)",
        columns=("Study", "Domain", *columns),
        rows=rows,
        caption="No runs: from the paper's text; the last row from the package itself.",
        notes=notes,
    )


def _cells(study: JsonObject, columns: list[str]) -> list[str]:
    cells = {column: f"{YES} ({section})" for column, section in study["techniques"].items()}
    cells |= {column: f"{NO} (4)" for column in study.get("left_out", {})}
    return [cells.get(column, "") for column in columns]
