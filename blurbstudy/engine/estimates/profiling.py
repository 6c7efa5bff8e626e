"""Rehearsals of runs and pretrainings: in this process on CUDA, on a CPU in processes like those that train."""

from __future__ import annotations

import dataclasses
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ...config import RunConfig
from ...errors import StudyError
from ...pretraining.encoder_cache import Wanted
from ...pretraining.profiling import PretrainingTimes, rehearse_pretraining
from ...training.memory import release_everything
from ...training.profiling import companions
from ..populations import PopulationTrainer
from ..workers.processes import cause_of_death, end_worker, failure_answer, send, start_worker, worker_environment

MEMBERS = (1, 2)  # of the populations whose memory is measured: what is between them is one member's

Found = list[dict[str, Any]] | None  # values of rehearsals; None: not even the first went through

_PRETRAINING = "from blurbstudy.engine.estimates.profiling import serve_pretraining; serve_pretraining()"


def rehearse(
    configs: Sequence[RunConfig],
    trainer: PopulationTrainer,
    *,
    what: str,
    members: Sequence[int] = (),
    workers: int = 1,
    on_done: Callable[[], object] = lambda: None,
) -> list[Found]:
    """Rehearses one population per run, in the order given.

    Args:
        what: time, with `members` in each population, or memory, with one and then two.
        workers: processes on a CPU, so that what is timed has the company that it will have.
        on_done: called after each.
    """
    sizes = [(n,) for n in members] if what == "time" else [MEMBERS] * len(configs)
    jobs = [
        [{"rehearse": what, "configs": [own.to_dict() for own in companions(config, n)]} for n in counts]
        for config, counts in zip(configs, sizes, strict=True)
    ]
    found: list[Found] = [None] * len(jobs)
    if trainer.device != "cpu":
        for index, job in enumerate(jobs):
            found[index] = _in_order(job, lambda one: rehearsed(trainer, one)) or None
            on_done()
        return found
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(jobs)):
        waiting.put(index)
    team = [
        threading.Thread(target=_serve, args=(jobs, trainer, waiting, found, on_done), daemon=True)
        for _ in range(min(workers, len(jobs)))
    ]
    for thread in team:
        thread.start()
    for thread in team:
        while thread.is_alive():
            thread.join(timeout=0.5)  # so that Ctrl-C is heard
    return found


def rehearse_pretrainings(
    jobs: Sequence[tuple[Wanted, Path]], *, workers: int, on_done: Callable[[], object] = lambda: None
) -> list[PretrainingTimes]:
    """Rehearses pretrainings, each into its own new folder; on a CPU so many side by side.

    Raises:
        StudyError: one cannot be made, as the pretraining itself could not.
    """

    def one(job: tuple[Wanted, Path]) -> PretrainingTimes:
        wanted, out = job
        times = rehearse_pretraining(wanted, out) if wanted.device != "cpu" else _rehearse_apart(wanted, out)
        on_done()
        return times

    with ThreadPoolExecutor(workers if all(wanted.device == "cpu" for wanted, _ in jobs) else 1) as pool:
        return list(pool.map(one, jobs))


def serve_pretraining() -> None:
    """A process that rehearses the one pretraining that stdin names."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not stand between the answers
    given = json.load(sys.stdin)
    wanted = Wanted(**(given["wanted"] | {"corpus": tuple(given["wanted"]["corpus"])}))
    try:
        answer = {"times": dataclasses.asdict(rehearse_pretraining(wanted, Path(given["out"])))}
    except Exception as error:  # the parent tells
        answer = failure_answer(error)
    json.dump(answer, answers)
    answers.close()


def _rehearse_apart(wanted: Wanted, out: Path) -> PretrainingTimes:
    given = json.dumps({"wanted": dataclasses.asdict(wanted), "out": str(out)})
    done = subprocess.run(
        [sys.executable, "-c", _PRETRAINING], input=given.encode(), capture_output=True, env=worker_environment()
    )
    answer = json.loads(done.stdout) if done.stdout else {"failed": cause_of_death(done.returncode, done.stderr)}
    if "failed" in answer:
        raise StudyError(f"pretraining {wanted.objective} would fail: {answer['failed']}")
    return PretrainingTimes(**answer["times"])


def rehearsed(trainer: PopulationTrainer, job: dict[str, Any]) -> dict[str, Any]:
    """The answer to one rehearsal: its values, or why it failed."""
    from ...config import run_config_from_dict

    before = time.process_time()
    try:
        values = trainer.rehearse([run_config_from_dict(own) for own in job["configs"]], what=job["rehearse"])
        answer = {"rehearsal": dataclasses.asdict(values) | {"device": trainer.device}}
    except Exception as error:  # the runs themselves will tell of it
        answer = failure_answer(error)
    release_everything()
    return answer | {"before": before}


def _in_order(job: list[dict[str, Any]], ask: Callable[[dict[str, Any]], dict[str, Any]]) -> list[dict[str, Any]]:
    """Values of a job's rehearsals up to the first that fails."""
    values = []
    for one in job:
        answer = ask(one)
        if "rehearsal" not in answer:
            break
        values.append(answer["rehearsal"])
    return values


def _serve(
    jobs: list[list[dict[str, Any]]],
    trainer: PopulationTrainer,
    waiting: queue.SimpleQueue[int],
    found: list[Found],
    on_done: Callable[[], object],
) -> None:
    """One process after another: a rehearsal that kills one is as one that fails."""
    process, fresh = None, False
    with tempfile.TemporaryFile() as errors:

        def ask(one: dict[str, Any]) -> dict[str, Any]:
            nonlocal fresh
            send(process, one)
            line = process.stdout.readline()
            answer = json.loads(line) if line else {}
            if fresh and "rehearsal" in answer:
                answer["rehearsal"]["start"] = answer["before"]  # what it took until it could begin
            fresh = False
            return answer

        while True:
            try:
                index = waiting.get_nowait()
            except queue.Empty:
                break
            if process is not None and process.poll() is not None:
                end_worker(process)
                process = None
            fresh = process is None
            process = process or start_worker(trainer.setup, errors=errors)
            found[index] = _in_order(jobs[index], ask) or None
            on_done()
        if process is not None:
            end_worker(process)
