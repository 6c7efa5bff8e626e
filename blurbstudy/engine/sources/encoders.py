"""Encoders pretrained on the spot, side by side: on a CPU one process per core, each with one thread, so that what
comes out does not depend on how many there are; on CUDA one after another.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...errors import Interrupted
from ...pretraining.encoder_cache import Wanted, make_encoder
from ..deadline import Clock
from ..progress import Progress
from ..workers.parallel import OnProgress, Shares, make_apart, serve_job
from ..workers.processes import cores


def pretrained_encoders(wanted: Mapping[str, Wanted], *, workers: int = 0, progress: str = "auto") -> dict[str, Path]:
    """Display name -> checkpoint directory; what is missing is pretrained now. Left out is what was not at its end when
    the time of the command was up (`run --minutes`): its state is saved, and it goes on the next time.

    Args:
        workers: processes on a CPU; 0: one per core.
        progress: auto | silent.

    Raises:
        StudyError: an encoder could not be made; those that were finished are kept.
    """
    folders = {name: one.folder() for name, one in wanted.items()}
    missing = {name: one for name, one in wanted.items() if not folders[name].is_dir()}
    if missing:
        side_by_side = min(workers or cores(), len(missing)) if _all_on_cpu(missing.values()) else 1
        steps = [one.steps for one in missing.values()]
        label = f"pretrain {', '.join(missing)}" if len(missing) < 3 else f"pretrain {len(missing)} encoders"
        with Progress(label, total=sum(steps), runs=len(missing), mode=progress) as bar:
            _make(missing, Shares(steps, bar), side_by_side=side_by_side)
    left = [name for name in missing if not folders[name].is_dir()]
    Clock().note(encoders=left)
    return {name: folder for name, folder in folders.items() if name not in left}


def serve(parent: int) -> None:
    """A process that makes the one encoder that stdin names, and tells of it on stdout."""

    def make(job: dict[str, Any], on_progress: OnProgress) -> None:
        wanted = Wanted(**(job | {"corpus": tuple(job["corpus"])}))
        make_encoder(wanted, on_progress=on_progress, stop=Clock().is_up)

    serve_job(parent, make)


def _make(missing: Mapping[str, Wanted], shares: Shares, *, side_by_side: int) -> None:
    if side_by_side == 1:
        clock = Clock()
        for index, one in enumerate(missing.values()):
            if clock.is_up():
                return
            with contextlib.suppress(Interrupted):  # by the clock: nobody else asks it to stop
                make_encoder(
                    one, on_progress=lambda done, total, at=index: shares.hear(at, done / total), stop=clock.is_up
                )
        return
    jobs = {name: asdict(one) for name, one in missing.items()}
    make_apart(jobs, shares, module=__name__, doing="pretraining", side_by_side=side_by_side)


def _all_on_cpu(wanted: Sequence[Wanted]) -> bool:
    return all(one.device == "cpu" for one in wanted)
