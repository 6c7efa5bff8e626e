"""Encoders pretrained on the spot, side by side: on a CPU one process per core, each with one thread, so that what
comes out does not depend on how many there are; on CUDA one after another.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...errors import Interrupted
from ...pretraining.encoder_cache import EncoderRequest, make_encoder
from ..deadline import Deadline
from ..progress import Progress
from ..workers.main import Handler, OnSteps
from ..workers.parallel import ParallelProgress, run_in_subprocesses
from ..workers.process import available_cpus


def pretrained_encoders(
    wanted: Mapping[str, EncoderRequest], *, workers: int = 0, progress: str = "auto", deadline: Deadline | None = None
) -> dict[str, Path]:
    """Display name -> checkpoint directory; missing encoders are pretrained now. An encoder that is not finished at
    the deadline is left out: its checkpoint is saved, and the next call resumes it.

    Args:
        workers: processes on a CPU; 0: one per core.
        progress: auto | silent.

    Raises:
        StudyError: an encoder could not be made; those that were finished are kept.
    """
    deadline = deadline or Deadline()
    folders = {name: one.folder() for name, one in wanted.items()}
    missing = {name: one for name, one in wanted.items() if not folders[name].is_dir()}
    if missing:
        on_cpu = all(one.device == "cpu" for one in missing.values())
        side_by_side = min(workers or available_cpus(), len(missing)) if on_cpu else 1
        steps = [one.steps for one in missing.values()]
        label = f"pretrain {', '.join(missing)}" if len(missing) < 3 else f"pretrain {len(missing)} encoders"
        with Progress(label, total=sum(steps), runs=len(missing), unit="encoders", mode=progress) as bar:
            _pretrain(missing, ParallelProgress(steps, bar), workers=side_by_side, deadline=deadline)
    skipped = [name for name in missing if not folders[name].is_dir()]
    deadline.skip(encoders=skipped)
    return {name: folder for name, folder in folders.items() if name not in skipped}


def make_handler(setup: dict[str, Any]) -> Handler:
    """In a worker process: pretrains the encoder that a request describes."""
    deadline = Deadline(at=setup["deadline"])

    def handle(request: dict[str, Any], on_steps: OnSteps) -> None:
        encoder = EncoderRequest(**{**request, "corpus": tuple(request["corpus"])})
        make_encoder(encoder, on_progress=on_steps, stop=deadline.passed)

    return handle


def _pretrain(
    missing: Mapping[str, EncoderRequest], progress: ParallelProgress, *, workers: int, deadline: Deadline
) -> None:
    if workers > 1:
        jobs = {name: asdict(one) for name, one in missing.items()}
        run_in_subprocesses(jobs, progress, module=__name__, action="pretraining", workers=workers, deadline=deadline)
        return
    for index, one in enumerate(missing.values()):
        if deadline.passed():
            return
        with contextlib.suppress(Interrupted):  # by the deadline
            make_encoder(
                one,
                on_progress=lambda done, total, index=index: progress.update(index, done / total),
                stop=deadline.passed,
            )
