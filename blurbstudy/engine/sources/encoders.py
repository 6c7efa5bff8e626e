"""Pretraining of missing encoders: on a CPU in parallel processes of one thread, so that results do not depend on their
number; on CUDA one after another; with Ray on the machines of the cluster.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from ...config import JsonObject
from ...errors import Interrupted
from ...pretraining.encoder_cache import EncoderRequest, make_encoder
from ..deadline import Deadline
from ..progress import Progress
from ..workers.main import Handler, OnSteps
from ..workers.parallel import ParallelProgress, run_in_subprocesses
from ..workers.process import available_cpus


def ensure_encoders(
    requests: Mapping[str, EncoderRequest],
    *,
    workers: int = 0,
    progress: str = "auto",
    deadline: Deadline | None = None,
) -> dict[str, Path]:
    """Display name -> checkpoint directory; missing encoders are pretrained. An encoder that is not finished at the
    deadline is left out: its checkpoint is saved, and the next call resumes it.

    Args:
        workers: processes on a CPU; 0: one per core.
        progress: auto | silent.

    Raises:
        StudyError: an encoder could not be pretrained; finished encoders stay in the cache.
    """
    deadline = deadline or Deadline()
    folders = {name: request.folder() for name, request in requests.items()}
    missing = {name: request for name, request in requests.items() if not folders[name].is_dir()}
    if missing:
        on_cpu = all(request.device == "cpu" for request in missing.values())
        n_processes = min(workers or available_cpus(), len(missing)) if on_cpu else 1
        steps = [request.steps for request in missing.values()]
        label = f"pretraining of {', '.join(missing)}" if len(missing) < 3 else "pretraining"
        total, n = sum(steps), len(missing)
        with Progress(label, total=total, runs=n, unit="encoders", verb="pretrained", mode=progress) as bar:
            _pretrain(missing, ParallelProgress(steps, bar), workers=n_processes, deadline=deadline)
    skipped = [name for name in missing if not folders[name].is_dir()]
    deadline.skip(encoders=skipped)
    return {name: folder for name, folder in folders.items() if name not in skipped}


def make_handler(setup: JsonObject) -> Handler:
    """In a worker process: pretrains the requested encoder."""
    deadline = Deadline(at=setup["deadline"])

    def handle(request: JsonObject, on_steps: OnSteps) -> None:
        encoder = EncoderRequest(**{**request, "corpus": tuple(request["corpus"])})
        make_encoder(encoder, on_progress=on_steps, stop=deadline.passed)

    return handle


def _pretrain(
    missing: Mapping[str, EncoderRequest], progress: ParallelProgress, *, workers: int, deadline: Deadline
) -> None:
    if any(request.engine == "ray" for request in missing.values()):
        from ..ray.pretraining import pretrain_on_cluster

        pretrain_on_cluster(missing, progress, deadline=deadline)
        return
    if workers > 1:
        jobs = {name: asdict(request) for name, request in missing.items()}
        run_in_subprocesses(jobs, progress, module=__name__, action="pretraining", workers=workers, deadline=deadline)
        return
    for index, request in enumerate(missing.values()):
        if deadline.passed():
            return
        with contextlib.suppress(Interrupted):  # by the deadline
            make_encoder(
                request,
                on_progress=lambda done, total, index=index: progress.update(index, done / total),
                stop=deadline.passed,
            )
