"""A process of the local engine: reads populations from stdin, trains them into the store, tells of it on stdout.

Lines of JSON both ways. In: first {store, sources, device, keep_weights}, then {configs} for each population. Out:
{steps}, and at the end of each population {finished} or {failed, fatal, memory}. A job {rehearse, configs} is answered
by {rehearsal}. It dies at once when its parent does, by whatever death.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from typing import Any, TextIO

from .workers.processes import REPORT, die_with, failure_answer


def main(parent: int) -> None:
    """Serve until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=die_with, args=(parent,), daemon=True).start()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not stand between the answers
    import torch

    torch.set_num_threads(1)
    setup = json.loads(sys.stdin.readline())
    trainer = _trainer(setup)
    from .estimates.profiling import rehearsed

    for line in sys.stdin:
        job = json.loads(line)
        _answer(answers, rehearsed(trainer, job) if "rehearse" in job else _train(trainer, job, answers))


def _trainer(setup: dict[str, Any]) -> Any:
    from ..store.run_store import RunStore
    from .populations import PopulationTrainer
    from .sources.sources import sources_from_dict

    sources = sources_from_dict(setup["sources"])
    told = {name: setup[name] for name in ("device", "keep_weights")}
    return PopulationTrainer(RunStore(setup["store"]), sources=sources, **told)


def _train(trainer: Any, job: dict[str, Any], answers: TextIO) -> dict[str, Any]:
    from ..config import run_config_from_dict
    from ..training.memory import release_everything

    reported = 0.0

    def report(done: int, total: int) -> None:
        nonlocal reported
        if time.monotonic() - reported > REPORT:
            reported = time.monotonic()
            _answer(answers, {"steps": [done, total]})

    try:
        trainer.train([run_config_from_dict(values) for values in job["configs"]], on_progress=report)
    except Exception as error:  # the parent tells; the next population may fare better
        answer = failure_answer(error)
    else:
        return {"finished": True}
    release_everything()  # now that nothing holds the error, and the error nothing
    return answer


def _answer(answers: TextIO, values: dict[str, Any]) -> None:
    answers.write(json.dumps(values) + "\n")
    answers.flush()
