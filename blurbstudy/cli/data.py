"""The commands `blurbstudy data list`, `check` and `download`."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from tqdm import tqdm

from .. import paths
from ..config import JsonObject
from ..errors import ParameterError
from .help import Command, Group, examples

if TYPE_CHECKING:
    from ..tasks import Task
    from ..tasks.download.download import DownloadPlan, FileRequest
    from ..tasks.download.manifest import DatasetSource
    from ..tasks.download.verify import DataCheck

data_app = typer.Typer(
    cls=Group, no_args_is_help=True, help="List, check and download BLURB's datasets.", epilog=examples("data")
)

MAX_WIDTH = 118  # characters

Tasks = Annotated[list[str] | None, typer.Option("--task", help="A dataset, such as BIOSSES; may be repeated.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object only.")]


@data_app.command("list", cls=Command, epilog=examples("data list"))
def list_tasks(task: Tasks = None, as_json: Json = False) -> None:
    """List name, kind, group, metric, sizes, terms and source of each dataset; with --task also its files."""
    from ..tasks.download.manifest import load_manifest, manual_instructions

    tasks, sources = _tasks(task, blurb_only=True), load_manifest()
    if as_json:
        _print_json({"datasets": [_facts(listed_task, sources[listed_task.name]) for listed_task in tasks]})
        return
    columns = ("name", "kind", "group", "metric", "counted", "train", "dev", "test")
    rows = [
        (
            listed_task.name,
            listed_task.task_type,
            listed_task.group,
            listed_task.metric,
            listed_task.size_unit,
            *map(str, listed_task.sizes.values()),
        )
        for listed_task in tasks
    ]
    _print_table(columns, rows, right=("train", "dev", "test"))
    typer.echo("\nSizes are those published by BLURB (Gu et al. 2021, table 1). Terms and sources:")
    for listed_task in tasks:
        condition = sources[listed_task.name].required_terms
        terms_note = f"; required before a download: {condition}" if condition else ""
        _print_item(listed_task.name, f"{listed_task.terms}{terms_note}. Source: {listed_task.source}")
    for listed_task in tasks if task else ():
        typer.echo(f"\n{listed_task.name}: {listed_task.citation}")
        for file in sources[listed_task.name].files.values():
            origin = f"rebuilt from {', '.join(file.inputs)}" if file.rebuild else f"{file.repository}, {file.path}"
            _print_item(f"  {file.name}", f"{file.size:,} bytes, {origin}")
            typer.echo(f"    sha256 {file.sha256}")
        _print_item("  by hand", manual_instructions(listed_task, sources[listed_task.name]))


@data_app.command(cls=Command, epilog=examples("data check"))
def check(
    data: Annotated[
        str | None, typer.Option(help="Folder of the datasets, or mini (default: BLURBSTUDY_DATA).")
    ] = None,
    task: Tasks = None,
    allow_other_text: Annotated[
        bool,
        typer.Option(
            "--allow-other-text",
            help="Accept files that differ from the public version.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Read and verify every file of a data folder; exit code 2 if files are damaged or differ from the public ones."""
    from ..tasks.download.verify import check_data

    result = check_data(_folder(data), _tasks(task), allow_other_text=allow_other_text)
    if as_json:
        _print_json(result.to_dict())
    else:
        _print_check(result)
    for problem in result.problems:
        typer.echo(f"blurbstudy: {' '.join(problem.split())}", err=True)
    if result.problems:
        raise typer.Exit(2)


@data_app.command(cls=Command, epilog=examples("data download"))
def download(
    to: Annotated[Path, typer.Option(help="Data folder; verified files are kept.")],
    task: Tasks = None,
    accept_terms: Annotated[
        bool,
        typer.Option("--accept-terms", help="Accept the publishers' terms, which the command lists otherwise."),
    ] = False,
    mirror: Annotated[str | None, typer.Option(help="Download from MIRROR/OWNER/NAME/COMMIT/PATH instead.")] = None,
) -> None:
    """Download datasets, verify them by SHA-256 and rebuild BLURB's files from raw ones."""
    from ..tasks.download.download import check_terms, execute, plan_download
    from ..tasks.download.http import PUBLIC, check_base

    base = mirror or PUBLIC
    check_base(base)
    plan = plan_download(to, _tasks(task, blurb_only=True))
    if not accept_terms:
        check_terms(plan)
    if not plan.to_download and not plan.to_rebuild:
        typer.echo(f"{to}: all {len(plan.verified)} files are verified; nothing to download")
        return
    typer.echo(
        f"{to}: {len(plan.verified)} files verified; {len(plan.to_download)} to download "
        f"({_megabytes(plan.download_bytes)}), {len(plan.to_rebuild)} to rebuild"
    )
    for name, terms in plan.terms.items():
        _print_item(f"  {name}", terms)
    with _progress_bar(plan) as bar:

        def on_done(request: FileRequest, how: str) -> None:
            bar.write(_format_done(request, how))
            if how == "downloaded":
                bar.update(request.file.size)

        failures = execute(plan, base=base, on_done=on_done)
    for failure in failures:
        typer.echo(f"blurbstudy: {' '.join(failure.split())}", err=True)
    if failures:
        raise typer.Exit(2)
    typer.echo(f"done; verify all datasets with blurbstudy data check --data {to}")


def _tasks(names: Sequence[str] | None, *, blurb_only: bool = False) -> list[Task]:
    """The datasets of these names in the study's order; without names BLURB's 13."""
    from ..tasks import ALL_TASKS, TASKS, get_task

    requested = [get_task(name) for name in names or ()]
    tasks = [task for task in ALL_TASKS if task in (requested or TASKS)]
    others = [task.name for task in tasks if task not in TASKS]
    if blurb_only and others:  # the files of others are unknown
        raise ParameterError(f"--task {others[0]}: not one of BLURB's 13 datasets; only data check supports it")
    return tasks


def _folder(data: str | None) -> Path:
    if data == paths.MINI:
        from ..tasks.mini_blurb import mini_blurb_folder

        return mini_blurb_folder()
    folder = data or paths.data_folder()
    if folder is None:
        raise ParameterError(f"no data folder; use --data DIR or set {paths.DATA_ENV}")
    return Path(folder).expanduser()


def _facts(task: Task, source: DatasetSource) -> JsonObject:
    names = ("name", "group", "metric", "folder", "terms", "source", "citation")
    return {name: getattr(task, name) for name in names} | {
        "kind": task.task_type,
        "counted": task.size_unit,
        "sizes": dict(task.sizes),
        "known_sizes": dict(task.known_sizes),
        "labels": list(task.labels),
        "condition": source.required_terms,
        "files": {file.name: {"bytes": file.size, "sha256": file.sha256} for file in source.files.values()},
    }


def _print_check(result: DataCheck) -> None:
    from ..tasks.download.verify import size_text

    typer.echo(f"{result.folder}{' (generated: mini-BLURB)' if result.generated else ''}")
    rows = [
        (row.task, row.size_unit, *(size_text(split) for split in row.splits), row.bytes, row.status)
        for row in result.tasks
    ]
    sizes = ("train", "dev", "test")
    _print_table(("dataset", "size unit", *sizes, "bytes", "status"), rows, right=sizes)
    if result.generated:
        typer.echo("\nGenerated data: sizes and bytes are not compared.")
    elif any("(" in cell for row in rows for cell in row[2:5]):
        typer.echo("\n(n): the published size, if different.")
    for row in result.tasks:
        for note in (*row.differences, *row.notes):
            _print_item(row.task, note)


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    for row in (columns, ["-" * width for width in widths], *rows):
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, cell, width in zip(columns, row, widths, strict=True)
        ]
        typer.echo("  ".join(cells).rstrip())


def _print_item(name: str, text: str) -> None:
    width = min(MAX_WIDTH, max(60, shutil.get_terminal_size((MAX_WIDTH, 24)).columns - 2))
    # File names and addresses must remain intact for copying.
    typer.echo(
        textwrap.fill(
            f"{name}: {text}", width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
        )
    )


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def _format_done(request: FileRequest, how: str) -> str:
    return f"{request.task.name}: {request.file.name} {how}, {request.file.size:,} bytes, sha256 verified"


def _progress_bar(plan: DownloadPlan) -> tqdm[NoReturn]:
    """A progress bar of bytes on stderr, if it is a terminal."""
    return tqdm(
        total=plan.download_bytes, unit="B", unit_scale=True, desc="downloading", dynamic_ncols=True, disable=None
    )
