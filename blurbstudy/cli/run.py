"""`blurbstudy run` and `blurbstudy report`: make the study's runs, execute its notebooks, write the report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from .. import paths
from ..config import SCALES, JsonMapping, JsonObject
from ..engine.deadline import Deadline
from ..errors import ParameterError, StoreError, StudyError, check_choice
from ..sections import get_parameters
from ..store.index import open_index
from ..store.run_store import RunStore
from .notebook_options import (
    Data,
    Only,
    Parameters,
    Scale,
    Store,
    notebook_parameters,
    parse_overrides,
    select_notebooks,
)

MAX_MINUTES = 100_000  # 69 days
EXIT_TIME_UP = 3  # exit code of a run that --minutes ended
Report = Annotated[Path | None, typer.Option(help="Folder of the report (default: report/SCALE).")]


def run(
    scale: Scale = "mini",
    only: Only = None,
    data: Data = None,
    store: Store = None,
    report: Report = None,
    parameter: Parameters = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            help="Stop starting new work after this many minutes. Running trainings finish; pretraining saves a "
            "checkpoint. Exit code 3 if work remains."
        ),
    ] = None,
    plan_only: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the wanted runs to FILE as JSON instead of training them. Missing encoders are pretrained.",
        ),
    ] = None,
) -> None:
    """Train what the run store lacks, execute the study's notebooks and write the report.

    Exit codes: 0, all is done; 2, something failed; 3, --minutes is over and work remains: the report shows the
    finished runs, and the same command resumes.
    """
    start = time.time()
    if minutes is not None and not 0 < minutes <= MAX_MINUTES:
        raise ParameterError(f"--minutes {minutes:g} is out of bounds; use more than 0, at most {MAX_MINUTES}")
    plan = notebook_parameters(scale=scale, only=only, overrides=parse_overrides(parameter, data=data, store=store))
    run_store = RunStore(next(iter(plan.values()))["store"] or paths.store_folder(scale))
    run_store.check_writable()
    with open_index(run_store) as index:
        if others := index.count_other_versions():
            typer.echo(f"{run_store.folder}: {others} runs of another version of blurbstudy are not used", err=True)
    deadline = Deadline.after(minutes, start=start)
    from ..report.make_runs import make_all_runs, make_studies, write_plan  # with torch: after all checks

    studies = make_studies(plan, deadline=deadline)
    if plan_only is not None:
        typer.echo(f"{write_plan(studies, plan_only)} runs wanted, listed in {plan_only}")
        return
    made = make_all_runs(studies)
    if made.reused and not made.trained:
        typer.echo(f"nothing to train: all {made.reused} runs are in {run_store.folder}", err=True)
    for failure in made.sweep_failures:
        typer.echo(f"blurbstudy: {failure}", err=True)
    skipped_runs = sum(run_id not in run_store for run_id in deadline.skipped_runs)
    _execute(
        plan,
        folder=report or paths.report_folder(scale),
        scale=scale,
        store=run_store.folder,
        failures=made.failures,
        failed=bool(made.sweep_failures),
        remaining=_describe_remaining(skipped_runs, deadline.skipped_encoders, deadline.skipped_baselines),
    )


def report(
    scale: Annotated[str | None, typer.Option(help="mini, small or paper (default: the store's, or mini).")] = None,
    store: Store = None,
    report: Report = None,
    only: Only = None,
) -> None:
    """Write the report from a run store alone: no data, no encoder, no training. Missing runs appear as `not run`.

    Where there is no store runs/SCALE, the published records in studies/SCALE are used.
    """
    from ..study.parameters import BY_HAND_METADATA, NOTEBOOK_METADATA

    if scale is not None:
        check_choice("scale", scale, SCALES)
    run_store = RunStore(store or default_store(scale or "mini"))
    if run_store.folder.exists() and not run_store.folder.is_dir():
        raise StoreError(f"{run_store.folder}: is a file; name the folder of a run store (--store)")
    with open_index(run_store) as index:
        others = index.count_other_versions()
    if others and others == len(run_store):
        raise StoreError(
            f"{run_store.folder}: its runs ({others}) are of another version of blurbstudy; train them again "
            "(blurbstudy run), or use that version"
        )
    stored, chosen = run_store.all_metadata(NOTEBOOK_METADATA), select_notebooks(only)
    metadata = {notebook: values for notebook, values in stored.items() if notebook in chosen}
    if not metadata and stored:
        raise StudyError(
            f"{run_store.folder}: no execution of {', '.join(chosen)} is stored here, only of "
            f"{', '.join(sorted(stored))}; use one of them, or blurbstudy run --only {' '.join(chosen)} first"
        )
    if not metadata:
        played = ", ".join(sorted(run_store.all_metadata(BY_HAND_METADATA)))
        by_hand = f" but by hand with other parameters ({played})" if played else ""
        raise StudyError(
            f"{run_store.folder}: no notebook was executed with this run store{by_hand}; fill it first (blurbstudy run)"
        )
    plan = {
        notebook: _stored_parameters(notebook, values, store=run_store.folder)
        for notebook, values in sorted(metadata.items())
    }
    scale = _one_scale({values["scale"] for values in plan.values()}, requested=scale, store=run_store.folder)
    plan = {notebook: values for notebook, values in plan.items() if values["scale"] == scale}
    _execute(plan, folder=report or paths.report_folder(scale), scale=scale, store=run_store.folder)


def default_store(scale: str) -> Path:
    """The run store of a scale; where there is none, its published records, unpacked.

    Raises:
        ParameterError: an unknown scale.
    """
    check_choice("scale", scale, SCALES)
    from ..report.published_archive import ARCHIVE, studies_folder, unpack_archive

    folder, archive = paths.store_folder(scale), studies_folder(scale) / ARCHIVE
    if folder.exists() or not archive.is_file():
        return folder
    typer.echo(f"{folder}: no run store; using the published records of {archive}", err=True)
    return unpack_archive(archive)


def _execute(
    plan: Mapping[str, JsonMapping],
    *,
    folder: Path,
    scale: str,
    store: Path,
    failures: Mapping[str, str] | None = None,
    failed: bool = False,
    remaining: str = "",
) -> None:
    """Execute the notebooks, write the report, and say where it is; exit code 2 after a failure, 3 if work remains."""
    from ..report import execute, html, progress_bar

    with progress_bar.page_progress(list(plan)) as on_end:
        executions = execute.execute_notebooks(plan, out=folder / "notebooks", failures=failures, on_end=on_end)
    is_default = folder == paths.report_folder(scale)
    index = html.build_report(folder, scale=scale, store=store, has_first_page=is_default)
    if is_default:
        html.build_first_page(folder.parent)
    typer.echo(f"report: {index}\nopen it in a browser: {index.resolve().as_uri()}")
    messages: dict[str, list[str]] = {}
    for execution in executions:
        if execution.failure:
            messages.setdefault(execution.failure, []).append(execution.notebook)
    for message, notebooks in messages.items():
        typer.echo(f"blurbstudy: {', '.join(notebooks)}: {message}", err=True)
    if remaining:
        text = f"time limit reached; remaining: {remaining}. Run the same command to resume"
        typer.echo(f"blurbstudy: {text}", err=True)
    if messages or failed or remaining:
        raise typer.Exit(2 if messages or failed else EXIT_TIME_UP)


def _stored_parameters(notebook: str, values: JsonMapping, *, store: Path) -> JsonObject:
    """What the store says that a notebook was executed with, checked."""
    from ..study.parameters import stored_parameters

    remedy = f"execute it again (blurbstudy run --only {notebook} --store {store})"
    if "scale" not in values:
        raise StoreError(f"{store}: does not say at which scale {notebook} was executed; {remedy}")
    try:
        return stored_parameters(get_parameters(notebook), values, store=store).model_dump(mode="json")
    except ParameterError as error:
        raise StoreError(f"{store}: the stored parameters of {notebook} are invalid: {error}; {remedy}") from None


def _one_scale(scales: set[str], *, requested: str | None, store: Path) -> str:
    """The scale of a report; a store used at several scales needs to be told which."""
    names = " and ".join(sorted(scales))
    if requested is None and len(scales) > 1:
        raise ParameterError(f"{store}: has notebooks of scales {names}; choose one with --scale")
    if requested is not None and requested not in scales:
        raise ParameterError(
            f"{store}: has notebooks of scale {names}, none of --scale {requested}; use --scale {names}"
        )
    return requested or next(iter(scales))


def _describe_remaining(runs: int, encoders: Sequence[str], baselines: Sequence[str]) -> str:
    """What was not done in time, in words; '' where nothing remains."""
    parts = [f"{runs} run{'s'[: runs != 1]}"] if runs else []
    if encoders:
        parts.append(f"the pretraining of {', '.join(encoders)} and all runs with {'them' if encoders[1:] else 'it'}")
    if baselines:
        parts.append(f"the predictions of {' and '.join(baselines)}")
    return " and ".join(parts)
