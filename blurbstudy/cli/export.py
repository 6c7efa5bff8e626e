"""The command `blurbstudy export`: a run as a Hugging Face directory, or with an ONNX model."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..config import DEVICES
from ..errors import ParameterError, ParityError, StoreError, check_choice
from ..inference.model_directory.check import METADATA_FILE, check_target
from ..store.run_store import RunStore
from ..training.run_record import RunRecord


def export(
    run_id: Annotated[
        str, typer.Argument(help="Run id, or a unique prefix of it; with --onnx also a model directory.")
    ],
    to: Annotated[Path, typer.Option(help="Model directory to write.")],
    onnx: Annotated[
        bool,
        typer.Option(
            "--onnx", help="Write an ONNX model, for `blurbstudy predict` without torch. Needs the extra onnx."
        ),
    ] = False,
    int8: Annotated[bool, typer.Option("--int8", help="With --onnx: quantize to int8.")] = False,
    texts: Annotated[
        Path | None,
        typer.Option(
            help="With --onnx: file of texts, read as by predict (.txt: one per line), of which 200 are predicted by "
            "both models (default: dev examples of the run; of a model directory, random words).",
            show_default=False,
        ),
    ] = None,
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
        str, typer.Option(help="With --train or --onnx: folder of the datasets (default: as recorded in the store).")
    ] = "",
    device: Annotated[str, typer.Option(help="With --train: auto, cpu or cuda.")] = "auto",
) -> None:
    """Export the model of a run for transformers and for `blurbstudy predict`: weights with head and labels, tokenizer,
    model card.

    Training is deterministic on one machine, so a run that is trained again reproduces its recorded predictions. The
    command prints a warning if it does not.

    An ONNX model is compared with the model in torch; the card says on what, and how far they agree. Exit codes: 0, 2
    after an error, and 1 without a directory if the two differ in float32.
    """
    check_choice("device", device, DEVICES)
    if (int8 or texts) and not onnx:
        raise ParameterError(f"{'--int8' if int8 else '--texts'} works with --onnx; pass both or neither")
    if onnx and (Path(run_id) / METADATA_FILE).is_file():
        check_target(to, overwrite=overwrite)
        _write_onnx(Path(run_id), to, None, texts=texts, int8=int8, data=data)
        return
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
    if onnx:
        _write_onnx(record, to, run_store, texts=texts, int8=int8, data=data)
    else:
        typer.echo(f"model: {export_run(run_store, record, to, overwrite=overwrite)}")


def _write_onnx(
    source: Path | RunRecord, to: Path, store: RunStore | None, *, texts: Path | None, int8: bool, data: str
) -> None:
    """Write the ONNX model of a directory, or of a run in a store; exit code 1 if it differs."""
    from ..api.export_onnx import export_onnx  # with torch

    try:
        lines = export_onnx(source, to, store=store, texts=texts, int8=int8, data=data)
    except ParityError as error:
        typer.echo(f"blurbstudy: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo("\n".join(lines), err=True)
    typer.echo(f"model: {to}")
