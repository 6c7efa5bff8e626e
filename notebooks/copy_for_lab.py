"""Copies the notebooks to a folder that git ignores, where JupyterLab may save outputs and edits (`make lab`).

A copy without edits follows its original; an edited one is kept. Outputs are not edits.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).resolve().parent
ORIGINALS = ".originals"  # in the folder of copies: what each was copied from; JupyterLab does not list it


def copy_notebooks(source: Path, target: Path) -> list[str]:
    """Copy the notebooks that are missing, or have changed while their copy has no edits.

    Returns:
        a line on each copy that is kept though its original has changed.
    """
    (target / ORIGINALS).mkdir(parents=True, exist_ok=True)
    kept = []
    for notebook in sorted(source.glob("*.ipynb")):
        text = notebook.read_text(encoding="utf-8")
        copy, original = target / notebook.name, target / ORIGINALS / notebook.name
        copied_text = original.read_text(encoding="utf-8") if original.is_file() else ""
        if copy.is_file() and copied_text == text:
            continue
        if copy.is_file() and _cells(copy.read_text(encoding="utf-8")) not in (_cells(copied_text), _cells(text)):
            kept.append(f"{copy}: keeps your edits, while {notebook.name} has changed; delete it to get the new one")
            continue
        copy.write_text(text, encoding="utf-8")
        original.write_text(text, encoding="utf-8")
    return kept


def _cells(text: str) -> list[Any]:
    """Kind and source of each cell; of a text that is no notebook, the text."""
    try:
        return [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(text)["cells"]]
    except (ValueError, KeyError, TypeError):
        return [text]


if __name__ == "__main__":
    for line in copy_notebooks(NOTEBOOKS, Path(sys.argv[1])):
        print(line)
