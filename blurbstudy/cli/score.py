"""blurbstudy score: anyone's predictions, or a run's, by the study's metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import paths
from ..errors import ParameterError
from .task_options import named_task

if TYPE_CHECKING:
    from ..api.score import ScoredPredictions


def score(
    task: Annotated[
        str | None,
        typer.Option(help="Name of a BLURB task, such as NCBI-disease, or the YAML file of a task of yours."),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help="File of predictions: token<TAB>tag for tagged sentences, id<TAB>prediction for all others."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Folder of the datasets, or mini (default: BLURBSTUDY_DATA).")
    ] = None,
    split: Annotated[str, typer.Option(help="train, dev or test.")] = "test",
    run: Annotated[str | None, typer.Option(help="Instead of a file: the id of a run in --store.")] = None,
    store: Annotated[Path | None, typer.Option(help="Folder of the run store that holds --run.")] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="New file for the predictions of --run, as --predictions reads them; needs --data."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Score predictions: score, 95% interval over examples, trivial score; for entities every scoring convention."""
    if (predictions is None) == (run is None):
        raise ParameterError("name the predictions once: --predictions FILE, or --run ID with --store DIR")
    if export is not None and run is None:
        raise ParameterError("--export writes the predictions of a run; name it: --run ID with --store DIR")
    found = _scored_file(predictions, task, data, split) if run is None else _scored_run(run, store, task, split)
    if export is not None:
        _export(run, store, data, split, file=export)
    typer.echo(json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False) if as_json else found.text())
    if export is not None and not as_json:
        typer.echo(f"predictions written to {export}")


def _scored_file(path: Path, task: str | None, data: str | None, split: str) -> ScoredPredictions:
    from ..api.score import score_file

    if task is None:
        raise ParameterError("no task: name the one that the predictions are for (--task)")
    known = named_task(task)
    return score_file(path, known, Path() if known.custom else _folder(data), split=split)


def _scored_run(run: str, store: Path | None, task: str | None, split: str) -> ScoredPredictions:
    from ..api.score import score_run
    from ..store.run_store import RunStore

    if store is None:
        raise ParameterError("no store: name the folder of the run store that holds the run (--store DIR)")
    return score_run(run, RunStore(store), split=split, task=None if task is None else named_task(task))


def _export(run: str, store: Path, data: str | None, split: str, *, file: Path) -> None:
    from ..api.score import export_run
    from ..store.custom_tasks import task_of
    from ..store.run_store import RunStore

    kept = RunStore(store)
    config = kept.get(run).config
    folder = Path() if task_of(kept, config.task, config.data).custom else _folder(data)
    export_run(run, kept, folder=folder, file=file, split=split)


def _folder(data: str | None) -> Path:
    from ..engine.sources.sources import data_folder

    folder = data or paths.data_folder()
    if folder is None:
        raise ParameterError(f"no data: name the folder of the datasets (--data DIR) or set {paths.DATA_ENV}")
    return data_folder(str(folder))
