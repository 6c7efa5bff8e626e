"""Encoders pretrained on the spot, side by side: on a CPU one process per core, each with one thread, so that what
comes out does not depend on how many there are; on CUDA one after another.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import asdict
from pathlib import Path

from ..errors import Interrupted, StudyError
from ..pretraining.cached import Wanted, make_encoder
from .clock import Clock
from .processes import cause_of_death, cores, worker_environment
from .progress import Progress
from .worker import REPORT, die_with, failure_answer

_WORKER = "import sys; from blurbstudy.results.pretraining import serve; serve(int(sys.argv[1]))"


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
            _make(missing, _Shares(steps, bar), side_by_side=side_by_side)
    left = [name for name in missing if not folders[name].is_dir()]
    Clock().note(encoders=left)
    return {name: folder for name, folder in folders.items() if name not in left}


def serve(parent: int) -> None:
    """A process that makes the one encoder that stdin names, and tells of it on stdout."""
    threading.Thread(target=die_with, args=(parent,), daemon=True).start()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not stand between the answers
    given = json.loads(sys.stdin.readline())
    told = 0.0

    def report(done: int, total: int) -> None:
        nonlocal told
        if done / total - told > 0.005 or done == total:
            told = done / total
            answers.write(json.dumps({"share": told}) + "\n")
            answers.flush()

    try:
        make_encoder(Wanted(**(given | {"corpus": tuple(given["corpus"])})), on_progress=report, stop=Clock().is_up)
        answer = {"finished": True}
    except Interrupted:
        answer = {"stopped": True}
    except Exception as error:  # the parent tells
        answer = failure_answer(error)
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


class _Shares:
    """How much of each encoder is made."""

    def __init__(self, steps: Sequence[int], bar: Progress) -> None:
        self.steps, self.bar = steps, bar
        self.shares = [0.0] * len(steps)
        self.lock = threading.Lock()

    def hear(self, index: int, share: float) -> None:
        """Encoder `index` is made to this share."""
        with self.lock:
            self.shares[index] = share
            done = sum(n * part for n, part in zip(self.steps, self.shares, strict=True))
            self.bar.update(done, runs_done=sum(part == 1 for part in self.shares))


def _make(missing: Mapping[str, Wanted], shares: _Shares, *, side_by_side: int) -> None:
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
    living: set[subprocess.Popen[str]] = set()
    with ThreadPoolExecutor(side_by_side) as pool:
        try:
            made = [
                pool.submit(_make_apart, name, one, shares, index, living)
                for index, (name, one) in enumerate(missing.items())
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


def _make_apart(name: str, wanted: Wanted, shares: _Shares, index: int, living: set[subprocess.Popen[str]]) -> None:
    """One encoder, in a process of its own; none once the time is up."""
    if Clock().is_up():
        return
    command = [sys.executable, "-c", _WORKER, str(os.getpid())]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=worker_environment()
    ) as process:
        living.add(process)
        process.stdin.write(json.dumps(asdict(wanted)).encode() + b"\n")
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
        raise StudyError(f"pretraining {name} failed: {answer['failed']}")
    if "stopped" in answer:
        return
    if "finished" not in answer:
        raise StudyError(f"pretraining {name} failed: {cause_of_death(code, b''.join(errors))}")
    shares.hear(index, 1.0)


def _all_on_cpu(wanted: Sequence[Wanted]) -> bool:
    return all(one.device == "cpu" for one in wanted)
