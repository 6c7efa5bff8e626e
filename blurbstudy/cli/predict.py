"""blurbstudy predict: a model directory on new text."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ParameterError

if TYPE_CHECKING:
    from ..inference.inputs.items import Item
    from ..inference.pipeline import Watch

STDIN = "-"
BATCH_TOKENS = (64, 1_000_000)  # fewest and most


def predict(
    source: Annotated[
        str, typer.Argument(metavar="[FILE|DIR|-]", help="A file, a folder of .txt files, or - for standard input.")
    ] = STDIN,
    model: Annotated[
        Path | None, typer.Option(help="Model directory, as finetune and export write it.", show_default=False)
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="jsonl, tsv, brat, conll or html (default: by the ending of --to, else jsonl)."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="New file, or folder for brat (default: standard output). Stopped, it is gone on with."),
    ] = None,
    input_format: Annotated[
        str,
        typer.Option(
            help="text (one document), lines (one a line), jsonl, csv, tsv, conll (words as they stand) or pubtator "
            "(default: by the ending; of standard input: text)."
        ),
    ] = "auto",
    columns: Annotated[
        str | None,
        typer.Option(help="text=NAME,text2=NAME,id=NAME,words=NAME (default: the task's own, or usual names)."),
    ] = None,
    skip_errors: Annotated[
        bool, typer.Option("--skip-errors", help="Pass over what cannot be read, and list it at the end.")
    ] = False,
    batch_tokens: Annotated[int, typer.Option(help="Sub-words predicted at once.")] = 4096,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Predict entities, labels or scores for new text with a fine-tuned model.

    Offsets count the characters of the text itself. The probability of an entity is the mean over its words of the
    probability of their tags. Exit codes: 0, all is predicted; 2, something cannot be read or used.
    """
    if model is None:
        raise ParameterError("no model: name the directory that finetune or export wrote (--model DIR)")
    if not BATCH_TOKENS[0] <= batch_tokens <= BATCH_TOKENS[1]:
        raise ParameterError(f"--batch-tokens {batch_tokens} is out of bounds; use {BATCH_TOKENS[0]} to 1000000")
    try:
        _predict(source, model, form, to, input_format, columns, skip_errors, batch_tokens, device)
    except BrokenPipeError:  # whoever reads our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _predict(  # noqa: PLR0913, PLR0917 (the options of the command)
    source: str, model: Path, form: str | None, to: Path | None, input_format: str, columns: str | None,
    skip_errors: bool, batch_tokens: int, device: str,
) -> None:  # fmt: skip
    from ..inference.inputs.documents import input_format as format_of
    from ..inference.inputs.documents import input_size, read_documents
    from ..inference.model_directory.directory import read_model_directory
    from ..inference.outputs.formats import check_fits, output_format
    from ..inference.outputs.resumable import open_output
    from ..inference.pipeline import predict_into
    from ..inference.predictor import Predictor
    from .task_options import columns_of_words

    chosen = output_format(form, None if to is None else to.name)
    directory = read_model_directory(model)
    task = directory.task
    check_fits(chosen, task)
    roles = columns_of_words(columns) if columns is not None else {}
    read_as = format_of(source, task, input_format)
    items = read_documents(source, task, form=read_as, columns=roles)
    decisive = {"model": directory.checkpoint.fingerprint, "format": chosen, "input format": read_as, "columns": roles}
    output = open_output(to, sys.stdout, task, chosen, decisive=decisive | {"--batch-tokens": batch_tokens})
    predictor = Predictor(directory, device=device, batch_tokens=batch_tokens)
    if output.done:
        typer.echo(f"{to}: goes on after the first {output.done} document{'s'[: output.done != 1]}", err=True)
    with _bar(input_size(source)) as watch:
        outcome = predict_into(predictor, items, output, skip_errors=skip_errors, watch=watch)
    if told := outcome.faults.text(outcome.documents):
        typer.echo(f"blurbstudy: {told}", err=True)
    if predictor.full:
        limit = directory.settings.max_length
        typer.echo(
            f"warning: {predictor.full} document{'s'[: predictor.full != 1]} reached the model's limit of {limit} "
            "sub-words; what stands behind it was not read",
            err=True,
        )
    if to is not None:
        found = f", {outcome.entities} entities" if task.output == "token_labels" and not outcome.before else ""
        typer.echo(f"{outcome.documents} document{'s'[: outcome.documents != 1]}{found} written to {to}", err=True)


@contextmanager
def _bar(size: int | None) -> Iterator[Watch | None]:
    """A bar on stderr where somebody looks: over bytes where the input's size is known, else of documents."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    told: dict[str, Any] = {"total": size, "unit": "B", "unit_scale": True} if size else {"unit": " documents"}
    with tqdm(**told, desc="predict", dynamic_ncols=True, smoothing=0.1) as bar:

        def watch(item: Item, documents: int, entities: int) -> None:
            if size:
                bar.set_postfix_str(f"{documents} documents", refresh=False)
            bar.update((item.read if size else documents) - bar.n)

        yield watch
