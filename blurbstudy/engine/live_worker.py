"""The process of one run that somebody watches (see live.py): reads a job from stdin, tells every step on stdout.

Lines of JSON. In: the fields of live.Job. Out: {doing}, {doing, run_id}, then {step, total, curve, loss} as it goes
(loss: [that of the last batch] or []), at the end {finished, made} or {failed}. Until the run is whole nothing is
written into the store: data, encoder and run stand in a scratch folder that the parent removes. It dies at once when
its parent does, by whatever death.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .workers.processes import die_with, failure_answer

if TYPE_CHECKING:
    from ..training.population import Member

TOLD = 0.2  # seconds between two lines on the steps

Tell = Callable[[Mapping[str, Any]], None]


def main(parent: int) -> None:
    """Make the one run that stdin names."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # interrupting the notebook's kernel reaches the whole group
    threading.Thread(target=die_with, args=(parent,), daemon=True).start()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not stand between the answers

    def tell(values: Mapping[str, Any]) -> None:
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    job = json.loads(sys.stdin.readline())
    try:
        answer = _make(job, tell)
    except Exception as error:  # the parent shows it
        answer = failure_answer(error)
    tell(answer)


def _make(job: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    tell({"doing": "loading data and encoder"})
    import torch

    from ..config import recipe_from_dict
    from ..store.run_store import RunStore
    from .engine import LocalEngine
    from .populations import PopulationTrainer
    from .sources.resolve import resolve_sources
    from .sources.sources import PretrainingPlan

    torch.set_num_threads(1)
    device = LocalEngine(device=job["device"]).resolved_device()
    plan = PretrainingPlan(**(job["pretraining"] | {"corpus": tuple(job["pretraining"]["corpus"])}))
    asked = {"tasks": [job["task"]], "encoders": {job["encoder"]: job["spec"]}, "data": job["data"]}
    asked |= {"pretraining": plan, "workers": job["workers"], "progress": "silent"}
    scratch, store = RunStore(job["scratch"]), RunStore(job["store"])
    sources = resolve_sources(scratch, **asked)
    recipe = recipe_from_dict(job["recipe"])
    config = sources.run_config(
        job["task"], job["encoder"], recipe=recipe, seed=job["seed"], precision=job["precision"]
    )
    if store.get(config.id) is not None:
        return {"finished": config.id, "made": False}
    tell({"doing": "training", "run_id": config.id})
    PopulationTrainer(scratch, sources=sources, device=device).train([config], on_step=_Teller(tell))
    resolve_sources(store, **asked)  # gold labels and facts first: a record needs them
    store.put(scratch.get(config.id))
    return {"finished": config.id, "made": True}


class _Teller:
    """Tells of the one member now and then, and whenever its learning curve has a new point."""

    def __init__(self, tell: Tell) -> None:
        self.tell, self.told, self.points = tell, 0.0, 0

    def __call__(self, members: Sequence[Member]) -> None:
        from ..training.trainer import finite_curve

        (member,) = members
        points, now = len(member.curve["step"]), time.monotonic()
        if points == self.points and now - self.told < TOLD:
            return
        self.told, self.points = now, points
        # The loss of the last batch; none just after a point of the curve, which is the mean of all before.
        loss = finite_curve({"loss": member.losses[-1:]})
        curve = finite_curve(member.curve)
        self.tell({"step": member.step, "total": member.total, "curve": curve, **loss})
