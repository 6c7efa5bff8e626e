"""What the real study can decide, computed before its runs: seeds and smallest effect of every claim.

    python benchmarks/study_design.py --data DIR [--scale small]    # the table of docs/real-study.md

The smallest effect is the difference of scores (points) that 80% of such studies would decide at 0.05. It follows from
the number of seeds and of test examples by the formula of stats/contrasts.py, from the assumptions below; of rates of
collapse, it is the smallest number of collapsed runs that decides against none. Nothing is trained.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import _path  # noqa: F401
from scipy.stats import t as student

from blurbstudy.report.plan import planned_study
from blurbstudy.sections import get_section
from blurbstudy.sections.claims.claims import EXPECTATIONS, CellRef, Claim, Contrast, load_claims
from blurbstudy.sections.claims.evidence import cell_refs
from blurbstudy.sections.claims.paper_claims import describe_contrast, margin_of, printed_difference
from blurbstudy.stats.counts import Counts, compare_rates
from blurbstudy.study.grid import TaskColumn
from blurbstudy.study.parameters import scale_parameters
from blurbstudy.study.study import Study
from blurbstudy.tables.formatting import format_number

NOTEBOOKS = ("01_pretraining_ablation", "02_optimization_ablation", "03_layer_adaptation", "05_pruning")
# Standard deviations over seeds, points: of the learning-rate runs on dev (docs/real-study.md), rounded up; of large
# tasks a guess.
SEED_SD = {"BIOSSES": 12.0, "PubMedQA": 3.0, "BioASQ": 4.0, "NCBI-disease": 3.0}
LARGE_TASK_SD = 1.5
DISAGREEMENT = 0.2  # share of test examples that two systems of equal score get differently right
CORRELATION = 0.6  # between two systems' errors on BIOSSES
TYPICAL_R = 0.4  # of BIOSSES, pair head
MARGIN = 2.0  # points, of claims without one of their own (08_claims)
REACH = 6.0  # points, of a comparison that the paper does not make; freezing brings its BERT 4.6 on questions


@dataclass(frozen=True, kw_only=True)
class PlannedCell:
    """The runs that a condition will have."""

    seeds: int
    tasks: tuple[str, ...]
    encoder: str
    column: TaskColumn


def main() -> None:
    """Prints the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--scale", default="small")
    given = parser.parse_args()
    cells: dict[CellRef, PlannedCell] = {}
    sizes: Mapping[str, Mapping[str, int]] = {}
    for notebook in NOTEBOOKS:
        study, _ = planned_study(notebook, scale_parameters(given.scale, notebook) | {"data": given.data})
        sizes = {**sizes, **study.sources.sizes}
        for ref, cell in _cells(study):
            cells[ref] = cell
            cells.setdefault(replace(ref, grid=""), cell)  # as claims name it
    print("| claim | comparison | n | decides from | the paper's | can decide |\n| --- | --- | --- | --- | --- | --- |")
    for claim in load_claims():
        for line in _lines(claim, cells, sizes):
            print(line)
    for line in _beyond_claims(cells, sizes):
        print(line)


def _cells(study: Study) -> Iterator[tuple[CellRef, PlannedCell]]:
    for name, grid in get_section(study.notebook).grids(study).items():
        for key, configs in grid.cells.items():
            if configs:
                tasks = tuple(dict.fromkeys(config.task for config in configs))
                column = next(column for column in grid.columns if column.label == key.column)
                cell = PlannedCell(seeds=len(configs) // len(tasks), tasks=tasks, encoder=key.group, column=column)
                for ref in cell_refs(study.notebook, name, grid, key):
                    yield ref, cell


def _lines(claim: Claim, cells: Mapping[CellRef, PlannedCell], sizes: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """A row for each contrast of a claim that has runs on both sides."""
    for contrast in claim.contrasts:
        if EXPECTATIONS[contrast.expect].of_collapse:
            found = _collapse(contrast, cells)
        else:
            found = _difference(contrast, cells, sizes, margin=margin_of(claim, MARGIN))
        if found:
            yield f"| {claim.id} | {describe_contrast(contrast)} | {' | '.join(found)} |"


def _beyond_claims(cells: Mapping[CellRef, PlannedCell], sizes: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """Rows for every level on columns that the paper lacks, against the first level of its grid: scores, and on the
    official test set rates of collapse.
    """
    first: dict[tuple[str, str, str, str], CellRef] = {}
    for ref, cell in cells.items():
        if not ref.grid or (cell.column.in_paper and cell.column.splits is None):
            continue
        baseline = first.setdefault((ref.notebook, ref.grid, ref.group, ref.column), ref)
        if ref != baseline:
            (task,) = cell.tasks
            resampled = cell.column.splits is not None
            seeds = 2 * SEED_SD.get(task, LARGE_TASK_SD) ** 2 / cell.seeds
            n_test = sum(sizes[task].values()) if resampled else sizes[task]["test"]
            smallest = smallest_difference(seeds, example_error(task, n_test) ** 2, df=cell.seeds - 1)
            name, answer = f"{ref.group}, {ref.column}, {ref.level}", "yes" if smallest <= REACH else "no"
            compared = f"differs from {baseline.level}"
            yield f"| (not a claim) | {name} {compared} | {cell.seeds} | {format_number(smallest)} | – | {answer} |"
            if not resampled:
                found = " | ".join(_collapse_counts([cell.seeds]))
                yield f"| (not a claim) | {name} collapses more or less often than {baseline.level} | {found} |"


def _collapse(contrast: Contrast, cells: Mapping[CellRef, PlannedCell]) -> tuple[str, ...] | None:
    """n and the smallest count of collapsed runs that decides against none, in every stratum alike."""
    if contrast.by_task or not contrast.second:
        return None
    pairs = [(cells[a], cells[b]) for a, b in contrast.pairs if a in cells and b in cells]
    return _collapse_counts([a.seeds for a, _ in pairs for _ in a.tasks]) if pairs else None


def _collapse_counts(strata: Sequence[int]) -> tuple[str, ...]:
    """The cells of a row about rates of collapse, from the seeds of each stratum."""
    n = sum(strata)
    for collapsed in range(1, strata[0] + 1):
        found = compare_rates([Counts(collapsed, seeds, 0, seeds) for seeds in strata])
        if found and found.p < 0.05:
            return str(n), f"{collapsed * len(strata)} of {n} against 0", "–", "yes"
    return str(n), "none: too few runs", "–", "no"


def _difference(
    contrast: Contrast, cells: Mapping[CellRef, PlannedCell], sizes: Mapping[str, Mapping[str, int]], *, margin: float
) -> tuple[str, ...] | None:
    """n, the smallest difference that is decided, the paper's, and whether the one is within the other."""
    pairs = [(cells[a], cells[b]) for a, b in contrast.pairs if a in cells and b in cells and cells[a].seeds > 1]
    if not pairs or any(ref not in cells for ref in contrast.versus):
        return None
    sides = 4 if contrast.versus else 2
    first, _ = pairs[0]
    k, n = len(first.tasks), first.seeds
    seeds = sides * sum((SEED_SD.get(task, LARGE_TASK_SD) / k) ** 2 for task in first.tasks) / n / len(pairs)
    examples = sides / 2 * sum((example_error(task, sizes[task]["test"]) / k) ** 2 for task in first.tasks)
    detectable = smallest_difference(seeds, examples, df=len(pairs) * (n - 1) * sides / 2)
    expectation, printed = EXPECTATIONS[contrast.expect], printed_difference(contrast)
    is_small = (expectation.above or 0) < 0 or (expectation.below or 0) > 0
    reach = margin if is_small and not expectation.outside else abs(printed) if printed is not None else math.nan
    answer = "unknown" if math.isnan(reach) else "yes" if detectable <= reach else "no"
    shown = "–" if printed is None else format_number(printed)
    return str(n * len(pairs)), format_number(detectable), shown, answer


def example_error(task: str, n_test: int) -> float:
    """Standard error of a difference of two systems that test examples leave, points."""
    if task == "BIOSSES":  # on Fisher's z
        return 100 * (1 - TYPICAL_R**2) * math.sqrt(2 * (1 - CORRELATION) / (n_test - 3))
    return 100 * math.sqrt(DISAGREEMENT / n_test)


def smallest_difference(seeds: float, examples: float, *, df: float) -> float:
    """The difference that 80% of studies decide, from the variances over seeds and over examples, points squared."""
    variance = seeds + examples
    freedom = variance**2 / (seeds**2 / df + examples**2 / 1000)
    return float((student.ppf(0.975, freedom) + student.ppf(0.8, freedom)) * math.sqrt(variance))


if __name__ == "__main__":
    main()
