"""Things made side by side in processes of their own, each with one thread, and their progress on one bar.

A process is given its job as one line of JSON, and answers in such lines: {share} as it goes, at the end {finished},
{stopped} (the time of the command was up) or {failed}. It dies with its parent.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any

from ...errors import Interrupted, StudyError
from ..deadline import Clock
from ..progress import Progress
from .processes import REPORT, cause_of_death, die_with, failure_answer, worker_environment

Job = Mapping[str, Any]  # plain values
OnProgress = Callable[[int, int], None]  # steps done, and of all


class Shares:
    """How much of each thing is made, drawn on one bar."""

    def __init__(self, steps: Sequence[int], bar: Progress) -> None:
        self.steps, self.bar = steps, bar
        self.shares = [0.0] * len(steps)
        self.lock = threading.Lock()

    def hear(self, index: int, share: float) -> None:
        """Thing `index` is made to this share."""
        with self.lock:
            self.shares[index] = share
            done = sum(n * part for n, part in zip(self.steps, self.shares, strict=True))
            self.bar.update(done, runs_done=sum(part == 1 for part in self.shares))


def make_apart(jobs: Mapping[str, Job], shares: Shares, *, module: str, doing: str, side_by_side: int) -> None:
    """One process per job, so many at a time; none is begun once the time of the command is up.

    Args:
        jobs: display name -> what the process is given.
        module: its `serve` is what runs there.
        doing: what a failure is of: `pretraining`.

    Raises:
        StudyError: one could not be made; those that were finished are kept.
    """
    living: set[subprocess.Popen[bytes]] = set()
    with ThreadPoolExecutor(side_by_side) as pool:
        try:
            made = [
                pool.submit(_make_one, name, job, shares, index, living, module=module, doing=doing)
                for index, (name, job) in enumerate(jobs.items())
            ]
            while wait(made, timeout=REPORT, return_when=FIRST_EXCEPTION).not_done:  # so that Ctrl-C is heard
                if any(one.done() and one.exception() for one in made):
                    break
            for one in made:
                if one.done():
                    one.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in living:
                process.kill()


def serve_job(parent: int, make: Callable[[dict[str, Any], OnProgress], object]) -> None:
    """In such a process: make the one thing that stdin names, and tell of it on stdout."""
    threading.Thread(target=die_with, args=(parent,), daemon=True).start()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not stand between the answers
    told = 0.0

    def report(done: int, total: int) -> None:
        nonlocal told
        if done / total - told > 0.005 or done == total:
            told = done / total
            answers.write(json.dumps({"share": told}) + "\n")
            answers.flush()

    try:
        make(json.loads(sys.stdin.readline()), report)
        answer = {"finished": True}
    except Interrupted:
        answer = {"stopped": True}
    except Exception as error:  # the parent tells
        answer = failure_answer(error)
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _make_one(
    name: str, job: Job, shares: Shares, index: int, living: set[subprocess.Popen[bytes]], *, module: str, doing: str
) -> None:
    """One thing, in a process of its own; none once the time is up."""
    if Clock().is_up():
        return
    program = f"import sys; from {module} import serve; serve(int(sys.argv[1]))"
    command = [sys.executable, "-c", program, str(os.getpid())]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=worker_environment()
    ) as process:
        living.add(process)
        process.stdin.write(json.dumps(job).encode() + b"\n")
        process.stdin.flush()
        answer: dict = {}
        errors: list[bytes] = []
        reader = threading.Thread(target=lambda: errors.append(process.stderr.read()), daemon=True)
        reader.start()
        for line in process.stdout:
            answer = json.loads(line)
            if "share" in answer:
                shares.hear(index, answer["share"])
        code = process.wait()
        reader.join()
        living.discard(process)
    if "failed" in answer:
        raise StudyError(f"{doing} {name} failed: {answer['failed']}")
    if "stopped" in answer:
        return
    if "finished" not in answer:
        raise StudyError(f"{doing} {name} failed: {cause_of_death(code, b''.join(errors))}")
    shares.hear(index, 1.0)
