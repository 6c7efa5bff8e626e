"""The output folder of `blurbstudy pretrain`: whether it can be written or resumed, and what it has."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ...config import JsonMapping
from ...errors import ParameterError
from ...filesystem import remove_unfinished
from ...pretraining import CHECKPOINTS_FOLDER, RECORD_FILE, intermediate_folder, is_published

if TYPE_CHECKING:
    from ...pretraining.export import PretrainingRecord


def check_output_dir(out: Path, *, resume: bool) -> None:
    """Check that a run may write to `out`."""
    if not out.exists():
        return
    if not out.is_dir():
        raise ParameterError(f"{out}: is a file; name a folder with --out")
    if is_published(out):
        raise ParameterError(f"{out}: already has a pretrained encoder; name another folder with --out")
    if (out / CHECKPOINTS_FOLDER).is_dir():
        if not resume:
            raise ParameterError(f"{out}: has an unfinished pretraining; continue with --resume, or use another --out")
    elif any(out.iterdir()):
        raise ParameterError(f"{out}: is not empty and has no pretraining to resume; name another folder with --out")


def print_already_done(out: Path) -> None:
    """Describe the finished encoder, and remove what a process killed after its last file left behind."""
    from ...pretraining import delete_checkpoints  # with torch

    delete_checkpoints(out)
    remove_unfinished(out, older_than=0.0)
    try:
        record = json.loads((out / RECORD_FILE).read_text(encoding="utf-8"))
        summary = f"objective {record['objective']}, seed {record['seed']}, {record['tokens']:,} tokens"
    except (OSError, ValueError, KeyError, TypeError):
        summary = f"cannot read {RECORD_FILE}"
    typer.echo(f"{out}: already finished ({summary}); nothing to do")


def print_result(out: Path, record: PretrainingRecord, counts: tuple[int, ...]) -> None:
    for count in counts:
        if not is_published(intermediate_folder(out, count)):
            typer.echo(f"--checkpoint-at {count}: not exported, because the run saw {record.tokens:,} tokens", err=True)
    last = record.curve[-1]
    typer.echo(
        f"{out}: {record.tokens:,} tokens in {record.seconds:.0f} s ({record.tokens / record.seconds:,.0f} tokens/s); "
        f"held-out MLM loss {last['word_loss']:.3f}, accuracy {100 * last['word_accuracy']:.1f}%"
    )


def resume_environment(out: Path, *, verbose: bool) -> JsonMapping:
    """Return the environment of the last checkpoint; empty if there is none."""
    if not (out / CHECKPOINTS_FOLDER).is_dir():
        return {}
    from ...pretraining import latest_checkpoint  # with torch

    checkpoint = latest_checkpoint(out)
    if checkpoint is None and verbose:
        typer.echo(f"{out}: no intact checkpoint; starting from the beginning", err=True)
    return checkpoint.environment if checkpoint else {}


def set_threads(threads: int, out: Path, saved: JsonMapping) -> None:
    """Set the number of threads: as requested, else as in the checkpoint, else all cores."""
    import torch

    before = saved.get("threads")
    if threads and before and threads != before:
        typer.echo(f"{out}: started with {before} threads; with {threads}, results differ in the last bits", err=True)
    local_processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    torch.set_num_threads(threads or before or max(1, (os.cpu_count() or 1) // local_processes))
