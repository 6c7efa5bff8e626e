"""`blurbstudy run` and `blurbstudy report`: the study's notebooks, executed or read from a store, as a report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import paths
from ..errors import ParameterError, StoreError, StudyError
from .notebook_options import Data, Only, Parameters, Scale, Store, chosen_stems, given_values, notebook_values

if TYPE_CHECKING:
    from ..report.execute import Execution

MOST_MINUTES = 100_000  # 69 days
STOPPED = 3  # exit code of a run that --minutes ended
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
            help="Begin nothing more so many minutes after the start, nor what is not expected to end by then. Runs "
            "that are under way end, a pretraining saves its state. Exit code 3 where something is left."
        ),
    ] = None,
) -> None:
    """Execute the study's notebooks (what the store holds already is not run again) and write the report.

    Exit codes: 0, all is done; 2, something failed; 3, the --minutes were up and something is left, with a report of
    what there is: the same command goes on.
    """
    from ..engine.deadline import stopping_after
    from ..report.execute import execute_notebooks
    from ..report.html import build_report
    from ..report.progress_bar import one_bar
    from ..store.run_store import RunStore

    began = time.time()
    if minutes is not None and not 0 < minutes <= MOST_MINUTES:
        raise ParameterError(f"--minutes {minutes:g} is out of bounds; use more than 0, at most {MOST_MINUTES}")
    plan = notebook_values(scale=scale, only=only, given=given_values(parameter, data=data, store=store))
    kept = RunStore(next(iter(plan.values()))["store"] or paths.store_folder(scale))
    kept.check_writable()
    folder = report or paths.report_folder(scale)
    with stopping_after(minutes, began=began) as left, one_bar(len(plan)) as on_start:
        executions = execute_notebooks(plan, out=folder / "notebooks", on_start=on_start)
        undone = left()
    runs = sum(run_id not in kept for run_id in undone.runs)
    told = _left(runs, undone.encoders, undone.models)
    _finish(executions, build_report(folder, scale=scale, store=kept.folder), left=told)


def report(
    scale: Annotated[str | None, typer.Option(help="mini, small or paper (default: the store's, or mini).")] = None,
    store: Store = None,
    report: Report = None,
    only: Only = None,
) -> None:
    """Write the report from a run store alone: no data, no encoder, no training. Missing runs read `not run`."""
    from ..report.execute import execute_notebooks
    from ..report.html import build_report
    from ..report.progress_bar import one_bar
    from ..store.run_store import RunStore
    from ..study.parameter_schema import SCALES, check_choice
    from ..study.study import FACT

    if scale is not None:
        check_choice("scale", scale, SCALES)
    kept = RunStore(store or paths.store_folder(scale or "mini"))
    if kept.folder.exists() and not kept.folder.is_dir():
        raise StoreError(f"{kept.folder}: a file lies where the run store should be; name its folder (--store)")
    remembered, chosen = kept.all_metadata(FACT), chosen_stems(only)
    facts = {stem: fact for stem, fact in remembered.items() if stem in chosen}
    if not facts and remembered:
        raise StudyError(
            f"{kept.folder}: {', '.join(chosen)} not executed with this run store, which knows "
            f"{', '.join(sorted(remembered))}; use one of them, or blurbstudy run --only {' '.join(chosen)} first"
        )
    if not facts:
        raise StudyError(f"{kept.folder}: no notebook was ever executed with this run store; use blurbstudy run first")
    plan = {stem: _remembered(stem, fact, store=kept.folder) for stem, fact in sorted(facts.items())}
    scale = _one_scale({values["scale"] for values in plan.values()}, asked=scale, store=kept.folder)
    plan = {stem: values for stem, values in plan.items() if values["scale"] == scale}
    folder = report or paths.report_folder(scale)
    with one_bar(len(plan)) as on_start:
        executions = execute_notebooks(plan, out=folder / "notebooks", report_only=True, on_start=on_start)
    _finish(executions, build_report(folder, scale=scale, store=kept.folder))


def _remembered(stem: str, fact: Mapping[str, Any], *, store: Path) -> dict[str, Any]:
    """What the store says that a notebook was executed with, checked before anything is made from it."""
    from ..study.parameter_schema import check_values
    from ..study.parameters import declared_parameters

    values = {name: fact[name] for name in declared_parameters(stem) if name in fact}
    remedy = f"execute it again (blurbstudy run --only {stem} --store {store})"
    if "scale" not in values:
        raise StoreError(f"{store}: does not say at which scale {stem} was executed; {remedy}")
    try:
        check_values(values)
    except ParameterError as error:
        raise StoreError(f"{store}: what {stem} was executed with is not valid: {error}; {remedy}") from None
    return values | {"store": str(store)}


def _one_scale(found: set[str], *, asked: str | None, store: Path) -> str:
    """The scale of a report: a store that notebooks of several scales have used needs to be told which."""
    listed = " and ".join(sorted(found))
    if asked is None and len(found) > 1:
        raise ParameterError(f"{store}: holds notebooks of scales {listed}; name one with --scale")
    if asked is not None and asked not in found:
        raise ParameterError(f"{store}: holds notebooks of scale {listed}, none of --scale {asked}; name that scale")
    return asked or next(iter(found))


def _left(runs: int, encoders: Sequence[str], models: Sequence[str]) -> str:
    """What is left undone, in words."""
    told = [f"{runs} run{'s'[: runs != 1]}"] if runs else []
    if encoders:
        told.append(f"the pretraining of {', '.join(encoders)} and all runs with {'them' if encoders[1:] else 'it'}")
    if models:
        told.append(f"what {' and '.join(models)} would find")
    return " and ".join(told)


def _finish(executions: Sequence[Execution], index: Path, *, left: str = "") -> None:
    """Say where the report is; one line per distinct failure, and exit code 2 where there is one; what is `left`, and
    exit code 3.
    """
    typer.echo(f"report: {index}")
    failures: dict[str, list[str]] = {}
    for execution in executions:
        if execution.failure:
            failures.setdefault(execution.failure, []).append(execution.stem)
    for failure, stems in failures.items():
        typer.echo(f"blurbstudy: {', '.join(stems)}: {failure}", err=True)
    if left:
        typer.echo(f"blurbstudy: the time is up (--minutes); left: {left}; the same command goes on", err=True)
    if failures or left:
        raise typer.Exit(2 if failures else STOPPED)
