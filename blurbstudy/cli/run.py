"""`blurbstudy run`, `work` and `report`: make the study's runs, execute its notebooks, write the report."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from .. import paths
from ..config import DEVICES, SCALES, JsonMapping, JsonObject
from ..engine.deadline import Deadline
from ..errors import ParameterError, StoreError, StudyError, check_choice, count_of
from ..sections import get_parameters
from ..store.index import open_index
from ..store.run_store import PLAN, RunStore
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

RAY_ADDRESS = "RAY_ADDRESS"  # Ray's own environment variable
MAX_MINUTES = 100_000  # 69 days
EXIT_TIME_UP = 3  # exit code of a run that --minutes ended
INTERRUPTED = 130  # exit code after Ctrl-C or SIGTERM
Minutes = Annotated[
    float | None,
    typer.Option(
        help="Stop starting new work after this many minutes. Running trainings finish; pretraining saves a "
        "checkpoint. Exit code 3 if work remains."
    ),
]
Report = Annotated[Path | None, typer.Option(help="Folder of the report (default: report/SCALE).")]


def run(
    scale: Scale = "mini",
    only: Only = None,
    data: Data = None,
    store: Store = None,
    report: Report = None,
    parameter: Parameters = None,
    minutes: Minutes = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="Who trains the runs: local (default); ray, a Ray cluster; worker, any number of `blurbstudy work`."
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="Of the Ray cluster: auto or HOST:PORT (default: RAY_ADDRESS, else this machine alone)."),
    ] = None,
    plan_only: Annotated[
        bool,
        typer.Option(
            "--plan-only",
            help="Write the wanted runs into the store instead of training them, for `blurbstudy work`. Missing "
            "encoders are pretrained.",
        ),
    ] = False,
) -> None:
    """Train what the run store lacks, execute the study's notebooks and write the report.

    Exit codes: 0, all is done; 2, something failed; 3, --minutes is over and work remains: the report shows the
    finished runs, and the same command resumes.
    """
    deadline = deadline_after(minutes, start=time.time())
    signal.signal(signal.SIGTERM, _on_sigterm)
    overrides = parse_overrides(parameter, data=data, store=store) | ({"engine": engine} if engine else {})
    if address:
        if overrides.get("engine") != "ray":
            raise ParameterError(f"--address {address} is of a Ray cluster; add --engine ray")
        os.environ[RAY_ADDRESS] = address
    plan = notebook_parameters(scale=scale, only=only, overrides=overrides)
    run_store = RunStore(next(iter(plan.values()))["store"] or paths.store_folder(scale))
    run_store.check_writable()
    with open_index(run_store) as index:
        if others := index.count_other_versions():
            typer.echo(
                f"{run_store.folder}: {count_of(others, 'run')} of another version of blurbstudy not used", err=True
            )
    from ..report.make_runs import make_all_runs, make_studies, plan_runs  # with torch: after all checks

    studies = make_studies(plan, deadline=deadline)
    if not plan_only and any(study.parameters.engine == "ray" for study in studies):
        from ..engine.ray.cluster import connect

        connect()  # before encoders are pretrained
    if plan_only:
        typer.echo(
            f"{count_of(plan_runs(studies), 'run')} wanted; train them: blurbstudy work --store {run_store.folder}"
        )
        return
    made = make_all_runs(studies)
    if made.reused and not made.trained:
        typer.echo(f"nothing to train: {count_of(made.reused, 'run')} in {run_store.folder}", err=True)
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


def work(
    store: Store = None,
    scale: Scale = "mini",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    processes: Annotated[int, typer.Option(min=1, help="Populations side by side, on a CPU.")] = 1,
    minutes: Minutes = None,
    wait: Annotated[
        float, typer.Option(min=0, help="Minutes to wait for another plan at the end, as a search makes several.")
    ] = 0.0,
) -> None:
    """Train the runs that a store's plan lists, side by side with other workers on the same store.

    Start any number of workers, on any machines that share the folder. Each claims runs that no other is training, and
    all end when every run is in the store. A worker that dies loses the runs that it was training: others take them
    over, on its machine at once, elsewhere after two minutes.

    Exit codes: 0, all is done; 2, something failed; 3, --minutes is over and work remains.
    """
    check_choice("device", device, DEVICES)
    deadline = deadline_after(minutes, start=time.time())
    run_store = RunStore(store or paths.store_folder(scale))
    if not (run_store.folder / PLAN).is_file():
        raise ParameterError(
            f"{run_store.folder}: has no plan of the wanted runs; write one: "
            f"blurbstudy run --plan-only --store {run_store.folder}"
        )
    from ..engine.engine import LocalEngine  # with torch: after all checks
    from ..engine.train_plan import train_plan

    signal.signal(signal.SIGTERM, _on_sigterm)
    engine = LocalEngine(device=device, workers=processes, isolated=True, deadline=deadline)
    result = train_plan(run_store, engine, wait=60 * wait)
    if result.reused and not result.trained and not result.missing:
        typer.echo(f"nothing to train: all {result.reused} planned runs are in {run_store.folder}", err=True)
    if n_left := sum(run_id not in run_store for run_id in deadline.skipped_runs):
        typer.echo(f"blurbstudy: time limit reached; {count_of(n_left, 'run')} left", err=True)
        raise typer.Exit(EXIT_TIME_UP)


def _on_sigterm(*_: object) -> None:
    """End as after Ctrl-C: a job that a scheduler preempts gives back the runs that it was training."""
    sys.exit(INTERRUPTED)


def deadline_after(minutes: float | None, *, start: float) -> Deadline:
    """The deadline so many minutes after `start`.

    Raises:
        ParameterError: the minutes are out of bounds.
    """
    if minutes is not None and not 0 < minutes <= MAX_MINUTES:
        raise ParameterError(f"--minutes {minutes:g} is out of bounds; use more than 0, at most {MAX_MINUTES}")
    return Deadline.after(minutes, start=start)


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
