"""Plans: the runs that a store should get, in a file of the store, which any number of workers train side by side.

`blurbstudy run --plan-only` writes one, `blurbstudy work` trains it. Where little more than torch and transformers is
installed: python -m blurbstudy.engine.train_plan STORE
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..config import RunConfig, canonical_json, run_config_from_dict
from ..errors import ParameterError, StudyError, flat_message
from ..filesystem import atomic_write, disk_errors
from ..store.run_store import DISK_HINT, PLAN, RunStore
from .engine import LocalEngine
from .sources.sources import Sources, sources_from_dict, sources_to_dict
from .sweep import SweepResult, run_missing

POLL_SECONDS = 2.0  # between two looks for another plan


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The wanted runs, and the data and encoders that they need."""

    configs: tuple[RunConfig, ...]
    sources: Sources


def write_plan(store: RunStore, configs: Iterable[RunConfig], *, sources: Sources) -> Path:
    """Write a plan into a store, in place of an older one.

    Raises:
        DiskError: the disk refused.
    """
    values = {"configs": [config.to_dict() for config in configs], "sources": sources_to_dict(sources)}
    with disk_errors(store.folder, DISK_HINT):
        atomic_write(store.folder / PLAN, canonical_json(values))
    return store.folder / PLAN


def read_plan(store: RunStore) -> Plan:
    """The plan of a store.

    Raises:
        ParameterError: there is none, or it cannot be read.
    """
    file = store.folder / PLAN
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        configs = tuple(run_config_from_dict(config) for config in values["configs"])
        return Plan(configs=configs, sources=sources_from_dict(values["sources"]))
    except FileNotFoundError:
        remedy = f"write one: blurbstudy run --plan-only --store {store.folder}"
        raise ParameterError(f"{store.folder}: has no plan of the wanted runs ({PLAN}); {remedy}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ParameterError(f"{file}: not a plan of `blurbstudy run --plan-only` ({flat_message(error)})") from None


def train_plan(store: RunStore, engine: LocalEngine, *, wait: float = 0.0, progress: str = "auto") -> SweepResult:
    """Train the planned runs that the store lacks and no other worker is training; return once all are in the store.

    Args:
        wait: seconds for which another plan is awaited afterwards, as a search writes one after another.
        progress: auto | silent.

    Raises:
        ParameterError: there is no plan, or it cannot be read.
        StudyError: a run failed; the others are in the store.
    """
    plan = read_plan(store)
    result = run_missing(plan.configs, store, sources=plan.sources, engine=engine, progress=progress)
    end = time.monotonic() + wait
    while time.monotonic() < end and not engine.deadline.passed():
        time.sleep(POLL_SECONDS)
        if (following := read_plan(store)) != plan:
            plan = following
            result = run_missing(plan.configs, store, sources=plan.sources, engine=engine, progress=progress)
            end = time.monotonic() + wait
    return result


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m blurbstudy.engine.train_plan STORE")
    try:
        trained = train_plan(RunStore(sys.argv[1]), LocalEngine(workers=1, isolated=True))
    except StudyError as error:
        sys.exit(f"blurbstudy: {error}")
    print(f"trained {trained.trained} runs, reused {trained.reused}")
