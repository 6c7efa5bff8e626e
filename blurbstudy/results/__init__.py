"""Results: the run store, sweeps over it, the engine that trains what is missing, and the statistics of records."""

from __future__ import annotations

from .engine import Failure, LocalEngine
from .failure import Reference, failure, load_references
from .intervals import fisher_interval, holm, t_interval, wilson_interval
from .progress import PROGRESS_SETTING, Progress, follow_progress
from .sources import EncoderSource, Sources, resolve_sources, sources_from_store
from .statistics import CellSummary, Comparison, compare, summarize
from .store import Gold, RunStore
from .sweep import SweepResult, find_runs, run_missing

__all__ = [
    "PROGRESS_SETTING", "CellSummary", "Comparison", "EncoderSource", "Failure", "Gold", "LocalEngine", "Progress",
    "Reference", "RunStore", "Sources", "SweepResult", "compare", "failure", "find_runs", "fisher_interval",
    "follow_progress", "holm", "load_references", "resolve_sources", "run_missing", "sources_from_store",
    "summarize", "t_interval", "wilson_interval",
]  # fmt: skip
