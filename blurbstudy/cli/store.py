"""The command line's `store`: a run store packed into one file, and merged into another."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import paths
from ..errors import ParameterError

if TYPE_CHECKING:
    from ..store.run_store import RunStore

store_app = typer.Typer(no_args_is_help=True, help="A run store in one file: pack it, merge it into another.")

Scale = Annotated[str | None, typer.Option(help="The store runs/SCALE: mini, small or paper (default: mini).")]
Store = Annotated[Path | None, typer.Option(help="Instead of --scale: folder of the run store.")]
WORDS = {"runs": "runs", "gold": "sets of gold labels", "facts": "facts"}


@store_app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="New file; .zip by its form.")],
    scale: Scale = None,
    store: Store = None,
) -> None:
    """Pack runs, gold labels and facts, all that a report needs, into one file. The same store gives the same bytes."""
    from ..store.archive import export_store

    kept = _store(scale, store)
    with _progress() as told:
        done = export_store(kept, file, on_progress=told)
    counts = {"runs": done.runs, "gold": done.gold, "facts": done.facts}
    typer.echo(f"{file}: {_listed(counts)} of {kept.folder}, {file.stat().st_size / 1e6:.1f} MB")
    if done.other_revision:
        typer.echo(f"{done.other_revision} of the runs are by another version of blurbstudy; they are carried along")


@store_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="What `blurbstudy store export` wrote.")],
    scale: Scale = None,
    store: Store = None,
    replace_facts: Annotated[
        bool,
        typer.Option(
            "--replace-facts",
            help="Take the archive's facts (the parameters that notebooks were executed with, where encoders and data "
            "were) where they differ: when it is the later state of this same study. Otherwise the store's own stay.",
        ),
    ] = False,
) -> None:
    """Merge a packed store into a run store: the same run twice is kept once, other content under one id is refused.

    Everything is checked before anything is written; where something is refused nothing is imported. No run and no gold
    label that is there is ever changed. Two runs of one id are the same where their status, steps, scores, learning
    curve and predictions are: labels exactly, numbers to 0.001, since other machines add in another order. Seconds,
    memory and circumstances may differ; those that are there stay. A run whose score is not what its predictions score
    against the gold labels, where there are any, is refused.
    """
    from ..store.archive import import_store

    kept = _store(scale, store)
    with _progress() as told:
        done = import_store(file, kept, replace_facts=replace_facts, on_progress=told)
    typer.echo(f"{kept.folder}: new: {_listed(done.new)}; there already: {_listed(done.same)}; refused: none")
    if done.other_revision:
        typer.echo(f"{done.other_revision} of the new runs are by another version of blurbstudy: kept, in no table")
    if done.unscored:
        typer.echo(f"{done.unscored} of the new runs could not be scored anew: there are no gold labels of their data")
    if done.facts_kept:
        typer.echo(f"{done.facts_kept} facts differ, and the store's own stay (--replace-facts takes the archive's)")
    if done.facts_replaced:
        typer.echo(f"{done.facts_replaced} facts differed, and are the archive's now")


def _store(scale: str | None, folder: Path | None) -> RunStore:
    from ..store.run_store import RunStore
    from ..study.parameter_types import SCALES, check_choice

    if scale is not None and folder is not None:
        raise ParameterError("the store is named twice; give --scale or --store")
    check_choice("scale", scale or SCALES[0], SCALES)
    return RunStore(folder or paths.store_folder(scale or SCALES[0]))


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[kind]} {word}" for kind, word in WORDS.items())


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar of files on stderr, where somebody looks; one after another for each thing that is done."""
    from tqdm import tqdm

    bars: dict[str, Any] = {}

    def told(doing: str, done: int, total: int) -> None:
        if doing not in bars:
            bars[doing] = tqdm(total=total, desc=doing, unit=" files", dynamic_ncols=True, disable=None)  # no terminal
        bars[doing].update(done - bars[doing].n)
        if done == total:
            bars[doing].close()

    try:
        yield told
    finally:
        for bar in bars.values():
            bar.close()
