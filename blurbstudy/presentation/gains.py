"""What each technique buys: its gain over the baseline, and how much of that is fewer collapsed runs rather than better
ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from ..results.decomposition import FEWEST_SEEDS, Gain, decompose
from ..results.statistics import Comparison
from .comparisons import comparisons
from .evidence import Evidence
from .grid import CellKey, Results
from .score_tables import percent, percents, where
from .tables import Answer, Table, interval, number, signed

BASELINES = {  # notebook -> what its techniques are held against
    "02_optimization_ablation": "Neither adjustment",
    "03_layer_adaptation": "Baseline",
    "04_large_models": "Baseline",
    "06_state_of_the_art": "Standard",
}


def baseline_grids(evidence: Evidence) -> Iterator[tuple[str, Results, str]]:
    """(notebook, grid, baseline) of every grid that holds its notebook's baseline."""
    for stem, grids in evidence.results.items():
        baseline = BASELINES.get(stem)
        yield from ((stem, results, baseline) for results in grids if baseline in results.grid.settings)


def gain_table(evidence: Evidence) -> Table:
    """Every technique against its baseline: the gain in its three parts."""
    rows, runs = [], {}
    for stem, results, baseline in baseline_grids(evidence):
        for key, gain in _gains(results, baseline=baseline):
            both = (key, key._replace(setting=baseline))
            runs[where(key)] = tuple(run for one in both for run in results.summaries[one].run_ids)
            rows.append(
                (
                    f"{key.setting}\nagainst {baseline}, notebook {stem[:2]}",
                    f"{key.encoder}, {key.part}",
                    signed(percent(gain.total)),
                    signed(percent(gain.fewer_collapsed)),
                    interval(percents(gain.interval)),
                    signed(percent(gain.better_others)),
                    signed(percent(gain.collapsed_ones)),
                    " / ".join(f"{failed} of {n}" for failed, n in zip(gain.collapsed, gain.n, strict=True)),
                )
            )
    columns = ("Technique", "Where", "Gain", "by fewer collapsed runs", "95% over seeds", "by better others",
               "by collapsed ones", "Collapsed")  # fmt: skip
    notes = [
        "A gain is the difference of two means, times 100. It is split into three parts that add up to it (Kitagawa "
        "1955): another share of collapsed runs, another mean of the runs that did not collapse, another mean of those "
        "that did. A group that is empty on one side is taken to score there as on the other.",
        "Collapsed: judged on dev, of the runs with a score; under the technique / under the baseline. Runs whose loss "
        "left the finite numbers have no score and are in no part.",
        f"95%: bootstrap over seeds, of the part by fewer collapsed runs; from {FEWEST_SEEDS} seeds a side upwards.",
    ]
    rows = rows or [("no runs yet", *("–" for _ in columns[1:]))]
    return Table(title="What each technique buys, and how", columns=columns, rows=rows, heads=2, notes=notes, runs=runs,
                 caption=evidence.caption)  # fmt: skip


def _gains(results: Results, *, baseline: str) -> Iterator[tuple[CellKey, Gain]]:
    for key in (key for key in results.summaries if key.setting != baseline):
        other = results.summaries.get(key._replace(setting=baseline))
        gain = decompose(results.summaries[key], other) if other is not None else None
        if gain is not None:
            yield key, gain


def gains_answer(evidence: Evidence) -> Answer:
    """Technique by technique: how often better or worse, the mean gain, and how much of it is fewer collapses."""
    said = []
    for stem, results, baseline in baseline_grids(evidence):
        gains = dict(_gains(results, baseline=baseline))
        compared = comparisons(results, baseline=baseline)
        for setting in (name for name in results.grid.settings if name != baseline):
            mine = {key: gain for key, gain in gains.items() if key.setting == setting}
            if mine:
                outcomes = [
                    _outcome(results, key, *compared[key], baseline=baseline) for key in mine if key in compared
                ]
                said.append(_sentence(setting, baseline, list(mine.values()), outcomes, stem=stem))
    return Answer(question="What does each technique buy?", sentences=said or ["Nothing has been run yet."], front=True)


def _outcome(results: Results, key: CellKey, comparison: Comparison, p: float | None, *, baseline: str) -> str:
    """better, worse or undecided, by both uncertainties."""
    both = [results.summaries[k] for k in (key, key._replace(setting=baseline))]
    bounds = comparison.example_interval
    clear = p is not None and p < 0.05 and bounds is not None and (bounds[0] > 0 or bounds[1] < 0)
    if not clear or all(one.failed == one.n for one in both):
        return "undecided"
    return "better" if comparison.difference > 0 else "worse"


def _sentence(setting: str, baseline: str, gains: Sequence[Gain], outcomes: Sequence[str], *, stem: str) -> str:
    counts = ", ".join(f"{outcomes.count(kind)} {kind}" for kind in ("better", "worse", "undecided"))
    total, fewer = fmean(gain.total for gain in gains), fmean(gain.fewer_collapsed for gain in gains)
    collapsed, baseline_collapsed = (sum(gain.collapsed[side] for gain in gains) for side in (0, 1))
    runs = sum(gain.n[0] for gain in gains), sum(gain.n[1] for gain in gains)
    return (
        f"{setting} against {baseline} (notebook {stem[:2]}): {counts}; mean change {signed(percent(total))}, of which "
        f"{signed(percent(fewer))} by another share of collapsed runs ({collapsed} of {runs[0]} against "
        f"{baseline_collapsed} of {runs[1]})."
    )


def certainty_answer(evidence: Evidence) -> Answer:
    """How sure the scores are: widths of both intervals, and what they leave undecided."""
    cells = {
        summary.run_ids: summary
        for grids in evidence.results.values()
        for results in grids
        for summary in results.summaries.values()
    }
    both = [one for one in cells.values() if one.seed_interval is not None and one.example_interval is not None]
    if not both:
        return Answer(question="How sure is this?", sentences=["No cell has both intervals yet."], front=True)
    seeds, examples = ([_half(getattr(one, name)) for one in both] for name in ("seed_interval", "example_interval"))
    larger = sum(b > a for a, b in zip(seeds, examples, strict=True))
    compared = [
        _outcome(results, key, *entry, baseline=baseline)
        for _, results, baseline in baseline_grids(evidence)
        for key, entry in comparisons(results, baseline=baseline).items()
    ]
    widths = [number(percent(_median(halves))) for halves in (seeds, examples)]
    ns = [one.n for one in both]
    said = [
        f"A score is known to ±{widths[0]} over seeds and to ±{widths[1]} over test examples (medians of {len(both)} "
        f"cells, each of {min(ns)} to {max(ns)} seeds).",
        f"The test examples are the larger uncertainty in {larger} of {len(both)} cells: more seeds cannot mend that.",
    ]
    if compared:
        unsure = compared.count("undecided")
        said.append(f"Of {len(compared)} comparisons of a technique with its baseline {unsure} are undecided.")
    return Answer(question="How sure is this?", sentences=said, front=True)


def _half(bounds: tuple[float, float]) -> float:
    return (bounds[1] - bounds[0]) / 2


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
