"""What each technique buys: its gain over the baseline, and how much of that is fewer collapsed runs rather than better
ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from ...stats.decomposition import MIN_SEEDS, Gain, decompose
from ...stats.summary import Comparison
from ...study.grid import Condition, Results
from ...tables.comparison_table import comparisons
from ...tables.formatting import format_count, format_interval, format_number, format_signed
from ...tables.score_table import percent, percents
from ...tables.table import KeyFinding, RowHeader, Table, page_link
from .evidence import Evidence

BASELINES = {  # notebook -> what its techniques are held against
    "02_optimization_ablation": "Neither adjustment",
    "03_layer_adaptation": "Baseline",
    "04_large_models": "Baseline",
    "06_state_of_the_art": "Standard",
}
EXCLUDED_NOTE = (
    "Cells with runs trained on train and dev on one side only are omitted: without dev, fewer runs are judged as "
    "failed. The same recipe without training on dev is compared instead."
)
QUESTION = "What does each technique buy?"
NAMED = 3  # encoders or techniques that are named one by one


def baseline_grids(evidence: Evidence) -> Iterator[tuple[str, Results, str]]:
    """(notebook, grid, baseline) of every grid that holds its notebook's baseline."""
    for stem, grids in evidence.results.items():
        baseline = BASELINES.get(stem)
        yield from ((stem, results, baseline) for results in grids.values() if baseline in results.grid.levels)


@dataclass(frozen=True, kw_only=True)
class TechniqueEffect:
    """One technique of one grid against the baseline there."""

    setting: str
    baseline: str
    stem: str  # notebook
    encoders: tuple[str, ...]
    gains: tuple[Gain, ...]  # of every cell
    outcomes: tuple[str, ...]  # better, worse or undecided, of every cell that was tested
    run_ids: tuple[str, ...]

    def collapsed(self, side: int) -> tuple[int, int]:
        """(collapsed, runs) with the technique (side 0) or under the baseline (1)."""
        return sum(gain.collapsed[side] for gain in self.gains), sum(gain.n[side] for gain in self.gains)

    @property
    def name(self) -> str:
        """What is held against what, with which encoders."""
        return f"{self.setting} against {self.baseline} ({_few(self.encoders, 'encoders')})"


def technique_effects(evidence: Evidence) -> list[TechniqueEffect]:
    """Every technique of every grid that has runs on both sides."""
    effects = []
    for stem, results, baseline in baseline_grids(evidence):
        gains = dict(_gains(results, baseline=baseline))
        compared = comparisons(results, baseline=baseline)
        for setting in (name for name in results.grid.levels if name != baseline):
            mine = {key: gain for key, gain in gains.items() if key.level == setting}
            both = [condition for key in mine for condition in (key, key._replace(level=baseline))]
            if mine:
                effects.append(
                    TechniqueEffect(
                        setting=setting,
                        baseline=baseline,
                        stem=stem,
                        encoders=tuple(dict.fromkeys(_encoder(results, key) for key in mine)),
                        gains=tuple(mine.values()),
                        outcomes=tuple(
                            _outcome(results, k, *compared[k], baseline=baseline) for k in mine if k in compared
                        ),
                        run_ids=tuple(dict.fromkeys(run for key in both for run in results.summaries[key].run_ids)),
                    )
                )
    return effects


def _encoder(results: Results, key: Condition) -> str:
    """The encoder that was run; a grid may name it by the paper's column."""
    first_seed = results.grid.pretraining_seeds  # encoder fingerprint -> pretraining seed
    names = {
        run.encoder_name for run in results.grid.cells.get(key, ()) if not first_seed.get(run.encoder_fingerprint, 0)
    }
    return names.pop() if len(names) == 1 and names != {""} else key.group


def _joins_dev(results: Results, key: Condition) -> bool:
    """Whether the failures of a cell are judged without dev, by a laxer rule than those of other cells."""
    return any(config.recipe.train_on_dev for config in results.grid.cells.get(key, ()))


def _few(names: Sequence[str], what: str) -> str:
    return ", ".join(names) if len(names) <= NAMED else f"{len(names)} {what}"


def technique_gains(evidence: Evidence) -> Table:
    """A row per technique: how often better or worse, the mean change, and how much of it is fewer collapses."""
    rows, runs = [], {}
    for effect in technique_effects(evidence):
        runs[f"{effect.name}, {effect.stem}"] = effect.run_ids
        counts = (str(effect.outcomes.count(kind)) for kind in ("better", "worse", "undecided"))
        means = (fmean(getattr(gain, part) for gain in effect.gains) for part in ("total", "fewer_collapsed"))
        rows.append(
            (
                RowHeader(effect.setting, f"against {effect.baseline}"),
                _few(effect.encoders, "encoders"),
                page_link(effect.stem),
                *counts,
                *(format_signed(percent(mean)) for mean in means),
                *(f"{failed} of {n}" for failed, n in map(effect.collapsed, (0, 1))),
            )
        )
    columns = ("Technique", "Encoders", "Page", "Better", "Worse", "Undecided", "Mean change",
               "of it, by fewer collapsed runs", "Collapsed with it", "Collapsed without")  # fmt: skip
    notes = [
        "Better, worse, undecided: comparisons with the baseline, one per encoder and task (or group). Better or "
        "worse: where both uncertainties say so (paired t-test over seeds with Holm's correction, bootstrap over test "
        "examples), and not where every run collapsed on both sides.",
        "Mean change: of the mean scores, times 100, over all of them, decided or not; next to it, the part that comes "
        "from another share of collapsed runs. Collapsed: judged on dev, of the runs with a score.",
        EXCLUDED_NOTE,
    ]
    rows = rows or [("no runs yet", *("–" for _ in columns[1:]))]
    return Table(
        title="Techniques against their baselines",
        columns=columns,
        rows=rows,
        notes=notes,
        runs=runs,
        caption=evidence.caption,
        front_page_question=QUESTION,
    )


def gain_table(evidence: Evidence) -> Table:
    """Every technique against its baseline, cell by cell: the gain in its three parts."""
    rows, runs = [], {}
    for stem, results, baseline in baseline_grids(evidence):
        for key, gain in _gains(results, baseline=baseline):
            both, encoder = (key, key._replace(level=baseline)), _encoder(results, key)
            ids = tuple(run for condition in both for run in results.summaries[condition].run_ids)
            runs[f"{stem}: {key._replace(group=encoder).name}"] = ids
            rows.append(
                (
                    RowHeader(key.level, f"against {baseline}, {stem}"),
                    f"{encoder}, {key.column}",
                    format_signed(percent(gain.total)),
                    format_signed(percent(gain.fewer_collapsed)),
                    format_interval(percents(gain.interval)),
                    format_signed(percent(gain.noncollapsed_change)),
                    format_signed(percent(gain.collapsed_change)),
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
        "diverged have no score and are in no part.",
        f"95%: bootstrap over seeds, of the part by fewer collapsed runs; from {MIN_SEEDS} seeds a side upwards.",
        EXCLUDED_NOTE,
    ]
    rows = rows or [("no runs yet", *("–" for _ in columns[1:]))]
    return Table(
        title="What each technique buys, and how",
        columns=columns,
        rows=rows,
        n_header_columns=2,
        notes=notes,
        runs=runs,
        caption=evidence.caption,
        folded=True,
    )


def _gains(results: Results, *, baseline: str) -> Iterator[tuple[Condition, Gain]]:
    for key in (key for key in results.summaries if key.level != baseline):
        other = results.summaries.get(key._replace(level=baseline))
        if other is None or other.run_ids == results.summaries[key].run_ids:  # where nothing was searched for
            continue
        if _joins_dev(results, key) != _joins_dev(results, key._replace(level=baseline)):
            continue
        gain = decompose(results.summaries[key], other)
        if gain is not None:
            yield key, gain


def gains_answer(evidence: Evidence) -> KeyFinding:
    """Which techniques are better or worse anywhere, and under which another share of runs collapses."""
    effects = technique_effects(evidence)
    if not effects:
        return KeyFinding(
            question=QUESTION, sentences=["No technique has runs beside its baseline's yet."], on_front_page=True
        )
    outcomes = [outcome for effect in effects for outcome in effect.outcomes]
    sentences = []
    for kind in ("better", "worse"):
        listed = "; ".join(
            f"{effect.name}, {effect.outcomes.count(kind)} of {format_count(len(effect.outcomes), 'comparison')}"
            for effect in effects
            if kind in effect.outcomes
        )
        if listed:
            sentences.append(f"{kind.capitalize()} than its baseline: {listed}.")
    undecided = outcomes.count("undecided")
    if undecided == len(outcomes):
        sentences.append(f"No technique is better or worse than its baseline: {_all(undecided)} undecided.")
    elif undecided:
        sentences.append(f"{undecided} of {format_count(len(outcomes), 'comparison')} with a baseline are undecided.")
    return KeyFinding(question=QUESTION, sentences=[*sentences, _saves(effects)], on_front_page=True)


def _all(n: int) -> str:
    return "the one comparison is" if n == 1 else f"all {n} comparisons are"


def _saves(effects: Sequence[TechniqueEffect]) -> str:
    """Under which techniques another share of runs collapsed than under the baseline."""
    both = {effect.name: (effect.collapsed(0), effect.collapsed(1)) for effect in effects}
    changed = {name: (a, b) for name, (a, b) in both.items() if a[0] * b[1] != b[0] * a[1]}
    if not changed:
        return "Under each technique as large a share of runs collapsed as under its baseline."
    listed = "; ".join(f"{name}, {a[0]} of {a[1]} against {b[0]} of {b[1]}" for name, (a, b) in changed.items())
    return f"Another share of runs collapsed than under the baseline with: {listed}."


def _outcome(results: Results, key: Condition, comparison: Comparison, p: float | None, *, baseline: str) -> str:
    """better, worse or undecided, by both uncertainties."""
    both = [results.summaries[k] for k in (key, key._replace(level=baseline))]
    bounds = comparison.example_interval
    clear = p is not None and p < 0.05 and bounds is not None and (bounds[0] > 0 or bounds[1] < 0)
    if not clear or comparison.difference is None or all(summary.failed == summary.n for summary in both):
        return "undecided"
    return "better" if comparison.difference > 0 else "worse"


def certainty_answer(evidence: Evidence) -> KeyFinding:
    """How sure the scores are: widths of both intervals, and what they leave undecided."""
    cells = {
        summary.run_ids: summary
        for grids in evidence.results.values()
        for results in grids.values()
        for summary in results.summaries.values()
    }
    # Where every run collapsed, scores are often all the same: sure of nothing, and by no width at all.
    alive = [summary for summary in cells.values() if summary.failed < summary.n]
    both = [summary for summary in alive if summary.seed_interval is not None and summary.example_interval is not None]
    if not both:
        none = "No cell has both intervals and a run that did not collapse yet."
        return KeyFinding(question="How sure is this?", sentences=[none], on_front_page=True)
    seeds, examples = (
        [_half(getattr(summary, name)) for summary in both] for name in ("seed_interval", "example_interval")
    )
    larger = sum(b > a for a, b in zip(seeds, examples, strict=True))
    widths = [format_number(percent(_median(halves))) for halves in (seeds, examples)]
    ns = [summary.n for summary in both]
    sentences = [
        f"A score is known to ±{widths[0]} over seeds and to ±{widths[1]} over test examples (medians of {len(both)} "
        f"cells, each of {_span(ns)} seeds, not all of which collapsed).",
        f"Test examples are the larger uncertainty in {larger} of {len(both)} cells; more seeds cannot reduce it.",
    ]
    return KeyFinding(question="How sure is this?", sentences=sentences, on_front_page=True)


def _span(ns: Sequence[int]) -> str:
    return str(ns[0]) if min(ns) == max(ns) else f"{min(ns)} to {max(ns)}"


def _half(bounds: tuple[float, float]) -> float:
    return (bounds[1] - bounds[0]) / 2


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
