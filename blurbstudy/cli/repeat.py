"""The command `blurbstudy repeat`: train recorded runs again and compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..config import DEVICES
from ..errors import ParameterError, check_choice
from ..models import checkpoint_folder
from ..sections import check_notebook
from ..store.run_store import RunStore
from .run import default_store
from .task_options import require_data


def repeat(
    runs: Annotated[list[str] | None, typer.Argument(help="Run ids, or unique prefixes of them.")] = None,
    notebook: Annotated[str | None, typer.Option(help="Instead of run ids: the notebook of a table.")] = None,
    cell: Annotated[str | None, typer.Option(help="A cell of that table, such as 'BERT, SS, Layer freeze'.")] = None,
    scale: Annotated[str, typer.Option(help="Scale of the runs: mini, small or paper.")] = "small",
    store: Annotated[
        Path | None, typer.Option(help="Folder of the run store (default: runs/SCALE, else the published records).")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Folder of the BLURB datasets, or mini (default: BLURBSTUDY_DATA).")
    ] = None,
    encoder: Annotated[
        list[Path] | None, typer.Option(help="Folder of an encoder that the repository does not ship; may be repeated.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Train recorded runs again, such as those behind one cell of a table, and compare their scores with the records.

    On the type of processor that a record names, scores are equal to the printed digits. Another processor rounds
    differently, and means should agree within a tenth of the standard deviation over seeds. Exit code 1 if they do not.
    """
    if bool(runs) == (cell is not None) or (cell is None) != (notebook is None):
        raise ParameterError("name the runs once: ids, or a cell by --notebook NAME --cell 'BERT, SS, Layer freeze'")
    if notebook is not None:
        check_notebook(notebook)
    check_choice("device", device, DEVICES)
    run_store = RunStore(store or default_store(scale))
    ids, folder = [run_store.find_id(prefix) for prefix in runs or ()], require_data(data)
    for path in encoder or ():
        checkpoint_folder(path)
    from ..report.repeat import TOLERATED_SDS, cell_ids, repeat_runs  # with torch: after all checks

    ids = ids or cell_ids(run_store, str(notebook), str(cell))
    repetition = repeat_runs(ids, run_store, data=folder, encoders=encoder or (), device=device)
    typer.echo(repetition.text())
    sds = repetition.difference_in_sds
    if not repetition.is_equal and (sds is None or sds > TOLERATED_SDS):
        raise typer.Exit(1)
