"""The command line's `store`: export a run store to one file, import such a file, publish what may be passed on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from .. import paths
from ..config import SCALES
from ..errors import ParameterError, check_choice, count_of
from ..store.run_store import RunStore
from .help import Command, Group, examples

store_app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Export a run store to one file, import such a file, or publish it.",
    epilog=examples("store"),
)

Scale = Annotated[str | None, typer.Option(help="The store runs/SCALE: mini, small or paper (default: mini).")]
Store = Annotated[Path | None, typer.Option(help="Folder of the run store, instead of --scale.")]
LABELS = {"runs": "runs", "gold": "sets of gold labels", "facts": "metadata files"}


@store_app.command("export", cls=Command, epilog=examples("store export"))
def export(
    file: Annotated[Path, typer.Argument(help="New zip file.")],
    scale: Scale = None,
    store: Store = None,
) -> None:
    """Write runs, gold labels and metadata, all that a report needs, to one zip file."""
    from ..store.archive import export_store

    run_store = _run_store(scale, store)
    with _progress() as on_progress:
        summary = export_store(run_store, file, on_progress=on_progress)
    counts = {"runs": summary.runs, "gold": summary.gold, "facts": summary.facts}
    typer.echo(f"{file}: {_describe(counts)} of {run_store.folder}, {file.stat().st_size / 1e6:.1f} MB")
    if summary.other_revision:
        typer.echo(f"{summary.other_revision} of the runs are of another version of blurbstudy; they are included")


@store_app.command("import", cls=Command, epilog=examples("store import"))
def import_(
    file: Annotated[Path, typer.Argument(help="File written by `blurbstudy store export`.")],
    scale: Scale = None,
    store: Store = None,
    replace_metadata: Annotated[
        bool,
        typer.Option(
            "--replace-metadata",
            help="Where metadata differ (parameters of notebooks, locations of encoders and data), take the imported "
            "ones, as for a later state of the same study. By default, those of the store are kept.",
        ),
    ] = False,
) -> None:
    """Add the runs, gold labels and metadata of an exported store to a run store.

    All files are checked before any is written; if one is rejected, nothing is imported. Existing runs and gold labels
    never change. A run in both stores must agree in status, steps, scores, learning curve and predictions: labels
    exactly, numbers to 0.001. A run whose score differs from that of its predictions is rejected.
    """
    from ..store.archive import import_store

    run_store = _run_store(scale, store)
    with _progress() as on_progress:
        summary = import_store(file, run_store, replace_metadata=replace_metadata, on_progress=on_progress)
    typer.echo(f"{run_store.folder}: new: {_describe(summary.new)}; already present: {_describe(summary.same)}")
    if summary.other_revision:
        typer.echo(f"{summary.other_revision} of the new runs are of another version of blurbstudy; no table has them")
    if summary.unscored:
        typer.echo(f"{summary.unscored} of the new runs could not be rescored: their gold labels are in neither store")
    if summary.metadata_kept:
        typer.echo(f"{summary.metadata_kept} metadata files differ and were kept (--replace-metadata replaces them)")
    if summary.metadata_replaced:
        typer.echo(f"{summary.metadata_replaced} metadata files differed and were replaced")


@store_app.command("publish", cls=Command, epilog=examples("store publish"))
def publish(
    scale: Scale = None,
    store: Store = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the archive (default: studies/SCALE).")] = None,
) -> None:
    """Write what a report needs, without text, gold labels and predictions, to share or commit it.

    `blurbstudy report --scale SCALE` makes the report from studies/SCALE where there is no store runs/SCALE. The store
    must have the gold labels of all its runs. The first publication sets the order in which the store's bootstraps draw
    from then on, so publish before you make the final report.
    """
    run_store = _run_store(scale, store)
    from ..report.publish import publish_store, stored_scale  # with torch: after all checks
    from ..report.published_archive import studies_folder

    scale = scale or stored_scale(run_store)
    with _progress() as on_progress:
        summary = publish_store(run_store, out or studies_folder(scale), scale=scale, on_progress=on_progress)
    size = summary.file.stat().st_size / 1e6
    typer.echo(
        f"{summary.file}: {count_of(summary.runs, 'run')} on {count_of(summary.datasets, 'dataset')}, {size:.1f} MB"
    )
    if summary.other_revision:
        typer.echo(f"{count_of(summary.other_revision, 'run')} of another version of blurbstudy left out")
    if summary.other_tasks:
        typer.echo(f"{count_of(summary.other_tasks, 'run')} on tasks that are not BLURB's left out")


def _run_store(scale: str | None, folder: Path | None) -> RunStore:
    if scale is not None and folder is not None:
        raise ParameterError("--scale and --store are mutually exclusive")
    check_choice("scale", scale or SCALES[0], SCALES)
    return RunStore(folder or paths.store_folder(scale or SCALES[0]))


def _describe(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[kind]} {label}" for kind, label in LABELS.items())


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar per action on stderr, if that is a terminal."""
    bars: dict[str, tqdm] = {}

    def on_progress(action: str, done: int, total: int) -> None:
        if action not in bars:
            bars[action] = tqdm(total=total, desc=action, unit=" files", dynamic_ncols=True, disable=None)
        bars[action].update(done - bars[action].n)
        if done == total:
            bars[action].close()

    try:
        yield on_progress
    finally:
        for bar in bars.values():
            bar.close()
