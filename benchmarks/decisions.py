"""How often the decisions of this package are wrong, how often they are made, and how often its intervals hold what
they should: simulations of known truth, judged by the package's own functions.

    python benchmarks/decisions.py [--repetitions 4000] [--workers 1] [--only TITLE ...] [--out benchmarks/decisions.md]

Half an hour on an idle core. `simulation/data.py` draws the runs, `simulation/trials.py` judges them. It ends with
status 1 if a rate of errors is above .05, or a coverage below .93, by more than the simulation's own error.
"""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
import time
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import _path  # noqa: F401
import numpy as np
from simulation.tables import Job, Table, all_tables, share, simulation_interval

HEADING = """# How often decisions are wrong

Written by `benchmarks/decisions.py`. Every cell is a share of {repetitions} repetitions, fewer where the table says so;
brackets: its 95% simulation interval. [Statistics](../docs/statistics.md) explains the rules and terms. A cell with !
is beyond what is acceptable: a rate of errors above .05, or a coverage below .93, by more than the simulation's error.
"""


class Cell(NamedTuple):
    """A simulated cell."""

    text: str
    is_acceptable: bool


def main() -> None:
    """Simulates the tables and writes each when it is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=4000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[], help="parts of titles; other tables are left out")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    args = parser.parse_args()
    start, pages, failures = time.time(), [HEADING.format(repetitions=args.repetitions)], 0
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of the workers: threads of two would wait for each other
    with get_context("spawn").Pool(args.workers) as pool:
        for table in all_tables(args.repetitions):
            if args.only and not any(part in table.title for part in args.only):
                continue
            cells = list(pool.imap(simulate, table.jobs))
            failures += sum(not cell.is_acceptable for cell in cells)
            pages.append(format_table(table, cells))
            args.out.write_text("\n".join(pages), encoding="utf-8")
            print(f"{time.time() - start:6.0f} s  {table.title}", file=sys.stderr, flush=True)
    if failures:
        sys.exit(f"{failures} cells (marked !) are beyond what is acceptable; see {args.out}")


def simulate(job: Job) -> Cell:
    """A job's shares, drawn with a seed of its own."""
    values = job.trial(np.random.default_rng([20210909, *f"{job.row} {job.column}".encode()]), job.repetitions)
    first, *others = values if isinstance(values, tuple) else (values,)
    interval = simulation_interval(first, job.repetitions)
    is_acceptable = job.limit is None or job.limit(interval)
    bounds = f" [{share(interval[0])}, {share(interval[1])}]" if job.repetitions > 1 else ""
    text = f"{share(first)}{bounds}" + "".join(f"; {share(value)}" for value in others)
    return Cell(text if is_acceptable else f"{text} !", is_acceptable)


def format_table(table: Table, cells: Sequence[Cell]) -> str:
    """Markdown: a heading, what is shown, and the cells."""
    columns = list(dict.fromkeys(job.column for job in table.jobs))
    rows: dict[str, dict[str, str]] = {}
    for job, cell in zip(table.jobs, cells, strict=True):
        rows.setdefault(job.row, {})[job.column] = cell.text
    lines = [f"| | {' | '.join(columns)} |", "| --- |" + " --- |" * len(columns)]
    lines += [f"| {row} | {' | '.join(of[column] for column in columns)} |" for row, of in rows.items()]
    return "\n".join([f"## {table.title}\n", textwrap.fill(table.text, 120) + "\n", *lines, ""])


if __name__ == "__main__":
    main()
