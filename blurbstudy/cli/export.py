"""The command line's `export`: a run of the study as a Hugging Face directory."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import ParameterError, StoreError

FEWEST_DIGITS = 4  # of a run id, to be told by


def export(
    run_id: Annotated[
        str, typer.Argument(help="Id of a run, or as much of its beginning as tells it from the others.")
    ],
    to: Annotated[Path, typer.Option(help="The directory to be written; a new or empty one.")],
    store: Annotated[Path, typer.Option(help="Folder of the run store.")] = Path("runs/finetune"),
    train: Annotated[
        bool, typer.Option("--train", help="Train the run again for its weights, if they were not kept.")
    ] = False,
    encoder: Annotated[str, typer.Option(help="With --train: its encoder (default: where it was).")] = "",
    data: Annotated[str, typer.Option(help="With --train: the datasets' folder (default: where it was).")] = "",
    device: Annotated[str, typer.Option(help="With --train: auto, cpu or cuda.")] = "auto",
) -> None:
    """Write the model of a run for transformers and for `blurbstudy predict`: weights with head and labels, tokenizer,
    model card.

    Training is deterministic on one machine: a run that is trained again for its weights gives the predictions of its
    record, and the command says so where it does not.
    """
    from ..api.export_model import check_target, ensure_weights, export_run, sources_of_run
    from ..store.run_store import RunStore
    from ..store.run_weights import has_weights

    kept = RunStore(store)
    record = kept.get(_whole_id(kept.ids(), run_id, store=store))
    if record is None:
        raise StoreError(
            f"{store}: run {run_id} was made by another version of blurbstudy; make it again for its weights"
        )
    check_target(to)
    if train and not has_weights(kept, record.id):
        with contextlib.redirect_stdout(sys.stderr):
            sources = sources_of_run(kept, record, encoder=encoder, data=data)
            difference = ensure_weights(kept, record, sources=sources, device=device)
        if difference:
            typer.echo(f"warning: trained again, the run differs from its record: {difference}", err=True)
        else:
            typer.echo("trained again: the predictions are those of the record", err=True)
    typer.echo(f"model: {export_run(kept, record, to)}")


def _whole_id(ids: list[str], asked: str, *, store: Path) -> str:
    """The one id that begins so."""
    if not ids:
        raise ParameterError(f"{store}: holds no runs; name the run store (--store)")
    found = [run_id for run_id in ids if run_id.startswith(asked)]
    if len(asked) < FEWEST_DIGITS or len(found) > 1:
        raise ParameterError(f"run {asked!r} may be one of {len(found)}; give more of its id")
    if not found:
        raise ParameterError(f"{store}: has no run {asked!r}; `blurbstudy finetune --json` lists ids, as a report does")
    return found[0]
