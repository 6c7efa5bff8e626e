"""A plan as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from ..engine.progress import format_duration
from .plan import ASSUMPTIONS, NotebookPlan, Plan

COLUMNS = ("notebook", "runs", "done", "to make", "populations", "encoders to pretrain", "memory", "time")


def plan_text(plan: Plan) -> str:
    """The table, what the time is made of, and what is assumed."""
    rows = [COLUMNS, *(_row(notebook) for notebook in plan.notebooks), _total(plan)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    lines = ["  ".join(_cells(row, widths)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    shared = sum(notebook.runs for notebook in plan.notebooks) - plan.runs
    parts = sorted(plan.parts.items(), key=lambda part: -part[1])
    free = "not known" if plan.free_bytes is None else size(plan.free_bytes)
    on = "on this machine" if plan.device == "cpu" else "on the GPU"
    lines += [
        "",
        f"scale {plan.scale}, device {plan.device}, run store {plan.store}",
        f"runs asked for by several notebooks: {shared}, counted once in the total; 'to make' is by the first of them",
        f"memory: of the largest populations, processes x bytes of each; free {on}: {free}",
        "time: " + ", ".join(f"{name} {format_duration(seconds)}" for name, seconds in parts if seconds >= 0.5),
        "assumed: " + "; ".join(ASSUMPTIONS),
    ]
    return "\n".join(lines)


def size(n_bytes: float) -> str:
    """`0.4 GB`."""
    return f"{n_bytes / 1e9:.1f} GB"


def _row(notebook: NotebookPlan) -> tuple[str, ...]:
    return (
        notebook.stem,
        *(f"{n:,}" for n in (notebook.runs, notebook.done, notebook.to_make, notebook.populations)),
        _encoders(notebook.encoders, notebook.tokens),
        _memory(notebook.process_bytes, notebook.workers),
        format_duration(notebook.seconds),
    )


def _total(plan: Plan) -> tuple[str, ...]:
    notebooks = plan.notebooks
    largest = max(notebooks, key=lambda notebook: notebook.process_bytes * notebook.workers)
    return (
        "in all",
        *(f"{n:,}" for n in (plan.runs, plan.done, plan.missing, sum(n.populations for n in notebooks))),
        _encoders(sum(n.encoders for n in notebooks), sum(n.tokens for n in notebooks)),
        _memory(largest.process_bytes, largest.workers),
        format_duration(plan.seconds),
    )


def _encoders(count: int, tokens: int) -> str:
    return f"{count} ({tokens / 1e6:,.1f} M tokens)" if count else "0"


def _memory(process_bytes: int, workers: int) -> str:
    if not process_bytes:
        return "-"
    return f"{workers} x {size(process_bytes)}" if workers > 1 else size(process_bytes)


def _cells(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [text.ljust(width) if i == 0 else text.rjust(width) for i, (text, width) in enumerate(zip(row, widths))]  # noqa: B905
