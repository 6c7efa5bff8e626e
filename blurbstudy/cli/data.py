"""The command line's `data`: what the 13 datasets are, whether a folder holds them, and getting them."""

from __future__ import annotations

import contextlib
import json
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import paths
from ..errors import ParameterError

if TYPE_CHECKING:
    from ..tasks import Task
    from ..tasks.download.download import Need, Plan
    from ..tasks.download.verify import DataCheck

data_app = typer.Typer(no_args_is_help=True, help="BLURB's datasets: list them, check a folder of them, get them.")

WIDEST = 118  # columns of a table, where the terminal is wider
MINI = "mini"  # the data that is generated

Tasks = Annotated[list[str] | None, typer.Option("--task", help="A dataset, such as BIOSSES; may be repeated.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


@data_app.command("list")
def list_tasks(task: Tasks = None, as_json: Json = False) -> None:
    """Name, kind, group, metric, published sizes, terms and source of each dataset; --task tells its files too."""
    from ..tasks.download.manifest import by_hand, public_sources

    tasks, sources = _of_blurb(_tasks(task)), public_sources()
    if as_json:
        _print_json({"datasets": [_facts(one) for one in tasks]})
        return
    columns = ("name", "kind", "group", "metric", "counted", "train", "dev", "test")
    rows = [
        (one.name, one.task_type, one.group, one.metric, one.size_unit, *map(str, one.sizes.values())) for one in tasks
    ]
    _print_table(columns, rows, right=("train", "dev", "test"))
    typer.echo("\nSizes are those published by BLURB (Gu et al. 2021, table 1). Terms and sources:")
    for one in tasks:
        condition = sources[one.name].condition
        asked = f"; asked for before a download: {condition}" if condition else ""
        _print_item(one.name, f"{one.terms}{asked}. Source: {one.source}")
    for one in tasks if task else ():
        typer.echo(f"\n{one.name}: {one.citation}")
        for file in sources[one.name].files.values():
            origin = f"rebuilt from {', '.join(file.inputs)}" if file.rebuild else f"{file.repository}, {file.path}"
            _print_item(f"  {file.name}", f"{file.size:,} bytes, {origin}")
            typer.echo(f"    sha256 {file.sha256}")
        _print_item("  by hand", by_hand(one, sources[one.name]))


@data_app.command()
def check(
    data: Annotated[
        str | None, typer.Option(help="Folder of the datasets, or mini (default: BLURBSTUDY_DATA).")
    ] = None,
    task: Tasks = None,
    allow_other_text: Annotated[
        bool,
        typer.Option(
            "--allow-other-text",
            help="Files that fit in size and are not the public text are another edition on purpose: remarks.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Read every file of a data folder and compare it with what was published; exit code 2 on damage or other text."""
    from ..tasks.download.verify import check_data

    found = check_data(_folder(data), _tasks(task), allow_other_text=allow_other_text)
    if as_json:
        _print_json(found.to_dict())
    else:
        _print_check(found)
    for problem in found.problems:
        typer.echo(f"blurbstudy: {' '.join(problem.split())}", err=True)
    if found.problems:
        raise typer.Exit(2)


@data_app.command()
def download(
    to: Annotated[Path, typer.Option(help="Data folder to fill; files that are there and verified stay.")],
    task: Tasks = None,
    accept_terms: Annotated[
        bool,
        typer.Option("--accept-terms", help="You meet the terms that publishers ask for (the refusal names them)."),
    ] = False,
    mirror: Annotated[
        str | None, typer.Option(help="Web address to fetch from instead: MIRROR/OWNER/NAME/COMMIT/PATH.")
    ] = None,
) -> None:
    """Get datasets from public places: verified by sha256, resumed after an interruption, rebuilt as BLURB does."""
    from ..tasks.download.download import carry_out, check_terms, plan_download
    from ..tasks.download.http import PUBLIC, check_base

    base = mirror or PUBLIC
    check_base(base)
    plan = plan_download(to, _of_blurb(_tasks(task)))
    if not accept_terms:
        check_terms(plan)
    if not plan.fetches and not plan.rebuilds:
        typer.echo(f"{to}: all {len(plan.present)} files are there and verified; nothing to fetch")
        return
    typer.echo(
        f"{to}: {len(plan.present)} files are there and verified; {len(plan.fetches)} to fetch "
        f"({_megabytes(plan.bytes_to_fetch - plan.bytes_waiting)}), {len(plan.rebuilds)} to rebuild"
    )
    for name, terms in plan.terms.items():
        _print_item(f"  {name}", terms)
    with _bar(plan) as bar:
        failures = carry_out(
            plan, base=base, on_bytes=bar.update, on_done=lambda need, how: bar.write(_done_line(need, how))
        )
    for failure in failures:
        typer.echo(f"blurbstudy: {' '.join(failure.split())}", err=True)
    if failures:
        raise typer.Exit(2)
    typer.echo(f"done; blurbstudy data check --data {to} reads and counts all of them")


def _tasks(names: Sequence[str] | None) -> list[Task]:
    """The datasets of these names, in the study's order; without names BLURB's 13."""
    from ..tasks import ALL_TASKS, TASKS, get_task

    asked = [get_task(name) for name in names or ()]
    return [task for task in ALL_TASKS if task in (asked or TASKS)]


def _of_blurb(tasks: Sequence[Task]) -> Sequence[Task]:
    """The same, refused where one of them is none of BLURB's: nothing is known of its files."""
    from ..tasks import TASKS

    own = [task.name for task in tasks if task.name not in {task.name for task in TASKS}]
    if own:
        raise ParameterError(f"--task {own[0]}: is none of BLURB's 13, so nobody publishes it; use data check with it")
    return tasks


def _folder(data: str | None) -> Path:
    if data == MINI:
        from ..tasks.mini_blurb import mini_blurb_folder

        return mini_blurb_folder()
    folder = data or paths.data_folder()
    if folder is None:
        raise ParameterError(f"no data: name the folder of the datasets (--data DIR) or set {paths.DATA_ENV}")
    return Path(folder).expanduser()


def _facts(task: Task) -> dict[str, Any]:
    from ..tasks.download.manifest import public_sources

    names = ("name", "group", "metric", "folder", "terms", "source", "citation")
    source = public_sources()[task.name]
    return {name: getattr(task, name) for name in names} | {
        "kind": task.task_type,
        "counted": task.size_unit,
        "sizes": dict(task.sizes),
        "known_sizes": dict(task.known_sizes),
        "labels": list(task.labels),
        "condition": source.condition,
        "files": {file.name: {"bytes": file.size, "sha256": file.sha256} for file in source.files.values()},
    }


def _print_check(found: DataCheck) -> None:
    from ..tasks.download.verify import size_text

    typer.echo(f"{found.folder}{' (generated: mini-BLURB)' if found.generated else ''}")
    rows = [
        (one.task, one.counted, *(size_text(split) for split in one.splits), one.bytes, one.flag) for one in found.tasks
    ]
    sizes = ("train", "dev", "test")
    _print_table(("dataset", "counted", *sizes, "bytes", "flag"), rows, right=sizes)
    if found.generated:
        typer.echo("\nGenerated data has sizes and bytes of its own: they are counted, nothing is compared.")
    elif any("(" in cell for row in rows for cell in row[2:5]):
        typer.echo("\n(n): the published size, where it differs.")
    for one in found.tasks:
        for said in (*one.differences, *one.remarks):
            _print_item(one.task, said)


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    for row in (columns, ["-" * width for width in widths], *rows):
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, cell, width in zip(columns, row, widths, strict=True)
        ]
        typer.echo("  ".join(cells).rstrip())


def _print_item(name: str, text: str) -> None:
    width = min(WIDEST, max(60, shutil.get_terminal_size((WIDEST, 24)).columns - 2))
    # Names of files and addresses are copied by hand: they stay whole.
    typer.echo(
        textwrap.fill(
            f"{name}: {text}", width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
        )
    )


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def _done_line(need: Need, how: str) -> str:
    return f"{need.task.name}: {need.file.name} {how}, {need.file.size:,} bytes, sha256 verified"


@contextlib.contextmanager
def _bar(plan: Plan) -> Iterator[Any]:
    """A bar of bytes with the time that is left, on stderr where somebody looks."""
    from tqdm import tqdm

    with tqdm(
        total=plan.bytes_to_fetch,
        initial=plan.bytes_waiting,
        unit="B",
        unit_scale=True,
        desc="fetching",
        dynamic_ncols=True,
        disable=None,  # without a terminal
    ) as bar:
        yield bar
