"""The command `blurbstudy predict`: apply a model directory to new text."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from tqdm import tqdm

from ..config import JsonObject, check_device
from ..errors import ParameterError, count_of
from ..inference.model_directory.check import check_metadata_file
from .task_options import parse_columns

if TYPE_CHECKING:
    from ..inference.inputs.documents import Item
    from ..inference.pipeline import ProgressCallback

STDIN = "-"
MIN_BATCH_TOKENS, MAX_BATCH_TOKENS = 64, 1_000_000


def predict(
    source: Annotated[
        str, typer.Argument(metavar="[FILE|DIR|-]", help="A file, a folder of .txt files, or - for standard input.")
    ] = STDIN,
    model: Annotated[
        Path | None, typer.Option(help="Model directory, as written by finetune or export.", show_default=False)
    ] = None,
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Output format: jsonl, tsv, brat, conll or html (default: by the suffix of --to, or jsonl).",
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            help="New file, or new folder for brat (default: standard output). An interrupted run resumes if the "
            "format is jsonl."
        ),
    ] = None,
    input_format: Annotated[
        str,
        typer.Option(
            help="text (one document), lines (one document per line), json, jsonl, csv, tsv, conll (words are not "
            "split again), pubtator or bioc (default: by content and suffix; standard input: text)."
        ),
    ] = "auto",
    columns: Annotated[
        str | None,
        typer.Option(
            help="Columns of the input: text=NAME,text2=NAME,id=NAME,words=NAME (default: those of the task, or usual "
            "names)."
        ),
    ] = None,
    skip_errors: Annotated[
        bool, typer.Option("--skip-errors", help="Skip unreadable documents and list them at the end.")
    ] = False,
    batch_tokens: Annotated[int, typer.Option(help="Sub-words per batch.")] = 4096,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            help="Abstain below this probability (0 to 1): such labels and entities are left out and counted.",
            show_default=False,
        ),
    ] = None,
    raw_confidence: Annotated[
        bool, typer.Option("--raw-confidence", help="Probabilities as computed, without the model's calibration.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Predict entities, labels or scores for new text with a fine-tuned model.

    Offsets count the characters of the input text. The probability of an entity is the mean over its words of the
    probability of their tags, calibrated if the model directory has a calibration. Exit codes: 0 after success, 2
    after an error.
    """
    if model is None:
        raise ParameterError("no model; name the directory that finetune or export wrote (--model DIR)")
    if not MIN_BATCH_TOKENS <= batch_tokens <= MAX_BATCH_TOKENS:
        raise ParameterError(
            f"--batch-tokens {batch_tokens} is out of bounds; use {MIN_BATCH_TOKENS} to {MAX_BATCH_TOKENS}"
        )
    if min_confidence is not None and not 0 <= min_confidence <= 1:
        raise ParameterError(f"--min-confidence {min_confidence:g} is out of bounds; use 0 to 1")
    check_device(device)
    try:
        _predict(
            source,
            model,
            to,
            format_name=format_name,
            input_format=input_format,
            columns=columns,
            skip_errors=skip_errors,
            batch_tokens=batch_tokens,
            min_confidence=min_confidence,
            raw_confidence=raw_confidence,
            device=device,
        )
    except BrokenPipeError:  # the reader of standard output has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _predict(
    source: str,
    model: Path,
    to: Path | None,
    *,
    format_name: str | None,
    input_format: str,
    columns: str | None,
    skip_errors: bool,
    batch_tokens: int,
    min_confidence: float | None,
    raw_confidence: bool,
    device: str,
) -> None:
    from ..inference.inputs import readers, records
    from ..inference.outputs import formats, resumable
    from ..tasks.formats.read_counts import passed_over_sentence

    output_name = formats.output_format(format_name, None if to is None else to.name)
    readers.check_input_format(input_format)
    resumable.check_target(to, output_name)
    check_metadata_file(model)
    readers.check_exists(source)
    roles = parse_columns(columns) if columns is not None else {}
    records.check_roles(roles)
    from ..inference.abstention import Coverage, check_minimum, error_on_test
    from ..inference.pipeline import Predictor, predict_to_output
    from ..inference.read_model import read_model  # with torch, unless it is ONNX: after all checks

    directory = read_model(model)
    task = directory.task
    formats.check_fits(output_name, task)
    if min_confidence is not None:
        check_minimum(min_confidence, task)
    input_name = readers.input_format(source, task, input_format)
    if input_format == "auto" and input_name != readers.TEXT == readers.SUFFIXES.get(Path(source).suffix.lower()):
        typer.echo(f"{source}: read as {input_name} by its content; --input-format text reads it as one text", err=True)
    if passed_over := readers.passed_over(source):
        typer.echo(f"{source}: {passed_over_sentence(passed_over)}", err=True)
    items = readers.read_documents(source, task, format_name=input_name, columns=roles)
    settings = {
        "model": directory.fingerprint,
        "input format": input_name,
        "columns": roles,
        "batch tokens": batch_tokens,
    }
    coverage = None if min_confidence is None else Coverage(min_confidence)
    predictor = Predictor(directory, device=device, batch_tokens=batch_tokens, raw_confidence=raw_confidence)
    if predictor.calibration or coverage:  # otherwise, outputs of earlier versions can be resumed
        fitted = predictor.calibration.to_dict() if predictor.calibration else None
        settings |= {"calibration": fitted, "minimum": min_confidence}
    known = "calibration" in directory.run and task.output != "score"
    appendix = ""
    if known and output_name == "html":
        from ..tables.calibration import calibration_html

        appendix = calibration_html(directory.run)
    output = resumable.open_output(
        to, sys.stdout, task, output_name, settings=settings, appendix=appendix, withholds=coverage is not None
    )
    if known:
        from ..inference.model_directory.card_calibration import summary as summary_of_calibration

        as_computed = "as computed (--raw-confidence)"
        typer.echo(f"confidence: {as_computed if raw_confidence else summary_of_calibration(directory.run)}", err=True)
    if output.ids:
        typer.echo(f"{to}: resuming after {count_of(len(output.ids), 'document')}", err=True)
    with _progress_bar(readers.input_size(source)) as progress:
        summary = predict_to_output(
            predictor, items, output, skip_errors=skip_errors, progress=progress, coverage=coverage
        )
    if summary.columns:
        typer.echo(f"read: {', '.join(f'{role} = {name}' for role, name in summary.columns.items())}", err=True)
    if coverage:
        typer.echo(f"{coverage.text(task)}{' (of this run)' if summary.resumed else ''}", err=True)
        if not raw_confidence and (tested := error_on_test(directory.run, coverage.minimum, task)):
            typer.echo(tested, err=True)
    if errors := summary.errors.text(summary.documents):
        typer.echo(f"blurbstudy: {errors}", err=True)
    if summary.renamed:
        typer.echo(
            f"warning: {count_of(summary.renamed, 'document')} without an id of their own, numbered in the output",
            err=True,
        )
    if summary.comments:
        typer.echo(f"{count_of(summary.comments, 'line')} of comments left out", err=True)
    if predictor.truncated:
        limit = directory.settings.max_length
        typer.echo(
            f"warning: {count_of(predictor.truncated, 'document')} truncated to the model's maximum of {limit} "
            "sub-words",
            err=True,
        )
    if to is not None:
        entities = (
            f", {count_of(summary.entities, 'entity')}" if task.output == "token_labels" and not summary.resumed else ""
        )
        typer.echo(f"{count_of(summary.documents, 'document')}{entities} written to {to}", err=True)


@contextmanager
def _progress_bar(size: int | None) -> Iterator[ProgressCallback | None]:
    """A bar over input bytes, or over documents if the size is unknown; no bar unless stderr is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    options: JsonObject = {"total": size, "unit": "B", "unit_scale": True} if size else {"unit": " documents"}
    with tqdm(**options, desc="predict", dynamic_ncols=True, smoothing=0.1) as bar:

        def progress(item: Item, documents: int, entities: int) -> None:
            if size:
                bar.set_postfix_str(count_of(documents, "document"), refresh=False)
            bar.update((item.bytes_read if size else documents) - bar.n)

        yield progress
