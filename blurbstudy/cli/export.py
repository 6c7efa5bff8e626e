"""The command `blurbstudy export`: a run as a Hugging Face directory."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..config import DEVICES
from ..errors import StoreError, check_choice
from ..inference.model_directory.check import check_target
from ..store.run_store import RunStore


def export(
    run_id: Annotated[str, typer.Argument(help="Run id, or a unique prefix of it.")],
    to: Annotated[Path, typer.Option(help="Model directory to write.")],
    store: Annotated[Path, typer.Option(help="Folder of the run store.")] = Path("runs/finetune"),
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace the directory whatever it contains. Without this option, only a model directory that has not "
            "changed since it was exported is replaced.",
        ),
    ] = False,
    train: Annotated[bool, typer.Option("--train", help="Train the run again if its weights were not saved.")] = False,
    encoder: Annotated[str, typer.Option(help="With --train: encoder (default: as recorded in the store).")] = "",
    data: Annotated[
        str, typer.Option(help="With --train: folder of the datasets (default: as recorded in the store).")
    ] = "",
    device: Annotated[str, typer.Option(help="With --train: auto, cpu or cuda.")] = "auto",
) -> None:
    """Export the model of a run for transformers and for `blurbstudy predict`: weights with head and labels, tokenizer,
    model card.

    Training is deterministic on one machine, so a run that is trained again reproduces its recorded predictions. The
    command prints a warning if it does not.
    """
    check_choice("device", device, DEVICES)
    run_store = RunStore(store)
    record = run_store.get(run_store.find_id(run_id))
    if record is None:
        raise StoreError(f"{store}: run {run_id} is from another version of blurbstudy; repeat it to export its model")
    check_target(to, overwrite=overwrite)
    from ..api.export_model import export_run
    from ..store.run_weights import has_weights

    if train and not has_weights(run_store, record.id):
        from ..api.retrain import ensure_weights, sources_of_run  # with torch

        with contextlib.redirect_stdout(sys.stderr):
            sources = sources_of_run(run_store, record, encoder=encoder, data=data)
            difference = ensure_weights(run_store, record, sources=sources, device=device)
        if difference:
            typer.echo(f"warning: the run trained again differs from its record: {difference}", err=True)
        else:
            typer.echo("trained again: the predictions equal those of the record", err=True)
    typer.echo(f"model: {export_run(run_store, record, to, overwrite=overwrite)}")
