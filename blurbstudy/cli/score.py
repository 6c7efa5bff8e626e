"""The command `blurbstudy score`: score a file of predictions, or a run, with the study's metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import paths
from ..errors import ParameterError, check_choice
from ..store.run_store import RunStore, find_store
from .task_options import load_task, require_data

if TYPE_CHECKING:
    from ..api.score_result import ScoredPredictions
    from ..api.score_spans import SpanScores
    from ..tasks import Task


def score(
    task: Annotated[
        str | None, typer.Option(help="A BLURB task, such as NCBI-disease, or the YAML definition of your own task.")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            help="Predictions: `id<TAB>prediction`; for entities `token<TAB>tag`, or spans (brat folder, BioC, "
            "PubTator, JSON lines); or what predict wrote as tsv, jsonl, brat or conll."
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Folder of the BLURB datasets, or mini (default: BLURBSTUDY_DATA).")
    ] = None,
    split: Annotated[str, typer.Option(help="train, dev or test.")] = "test",
    run: Annotated[
        str | None, typer.Option(help="Instead of a file: the id of a recorded run, or a unique prefix of it.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Folder of the run store that contains --run (default: the one in runs/ that does)."),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="New file for the predictions of --run, in the format of --predictions; needs --data."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Score predictions: score, 95% confidence interval over examples, trivial baseline; for entities, the score under
    every scoring convention.
    """
    from ..tasks import SPLITS

    if (predictions is None) == (run is None):
        raise ParameterError("name the predictions once: --predictions FILE, or --run ID")
    if export is not None and run is None:
        raise ParameterError("--export writes the predictions of a run; add --run ID")
    check_choice("split", split, SPLITS)
    if predictions is not None:
        scored = _score_file(predictions, task, data, split)
    else:
        scored = _score_run(str(run), store, task, split, data=data, export=export)
    typer.echo(json.dumps(scored.to_dict(), ensure_ascii=False, allow_nan=False) if as_json else scored.text())
    if export is not None and not as_json:
        typer.echo(f"predictions written to {export}")


def _score_file(path: Path, task: str | None, data: str | None, split: str) -> ScoredPredictions | SpanScores:
    if task is None:
        raise ParameterError("no task; name the task of the predictions (--task)")
    known_task = load_task(task)
    from ..api.score import score_file

    return score_file(path, known_task, Path() if known_task.custom else _data_folder(data, known_task), split=split)


def _score_run(
    run: str, store: Path | None, task: str | None, split: str, *, data: str | None, export: Path | None
) -> ScoredPredictions:
    run_store = find_store(run) if store is None else RunStore(store)
    run_id = run_store.find_id(run)
    from ..api.score import export_predictions, score_run, stored_task

    scored = score_run(run_id, run_store, split=split, task=None if task is None else load_task(task))
    if export is not None:
        record = run_store.get(run_id)
        assert record is not None  # it has been scored
        known = stored_task(run_store, record.config.task, record.config.data_fingerprint)
        folder = Path() if known.custom else _data_folder(data, known)
        export_predictions(run_id, run_store, folder=folder, file=export, split=split)
    return scored


def _data_folder(data: str | None, task: Task) -> Path:
    from ..tasks.mini_blurb import mini_blurb_folder

    folder = require_data(data, task)
    return mini_blurb_folder() if folder == paths.MINI else Path(folder).expanduser()
