"""Trains the runs that `blurbstudy run --plan-only FILE` listed; little more than torch and transformers is needed.

Usage: python -m blurbstudy.engine.train_plan FILE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ..config import run_config_from_dict
from ..errors import ParameterError, StudyError, flat_message
from ..store.run_store import RunStore
from .engine import LocalEngine
from .sources.sources import sources_from_dict
from .sweep import SweepResult, run_missing


def train_plan(file: Path, *, progress: str = "auto") -> SweepResult:
    """Train the listed runs that the store lacks.

    Raises:
        ParameterError: the file cannot be read.
        StudyError: a run failed; the others are in the store.
    """
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        configs = [run_config_from_dict(config) for config in values["configs"]]
        sources, engine = sources_from_dict(values["sources"]), LocalEngine(**values["engine"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ParameterError(f"{file}: not a plan of `blurbstudy run --plan-only` ({flat_message(error)})") from None
    return run_missing(configs, RunStore(Path(values["store"])), sources=sources, engine=engine, progress=progress)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m blurbstudy.engine.train_plan FILE")
    try:
        result = train_plan(Path(sys.argv[1]))
    except StudyError as error:
        sys.exit(f"blurbstudy: {error}")
    print(f"trained {result.trained} runs, reused {result.reused}")
