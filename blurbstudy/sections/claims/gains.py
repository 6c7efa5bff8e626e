"""What each technique buys: its gain over the baseline, and how much of that is fewer collapsed runs rather than better
ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from statistics import fmean, median

from ...stats.counts import RateComparison
from ...stats.decomposition import MIN_SEEDS, Gain, decompose
from ...study.decisions import Decision, Outcome, decide_collapse, decide_levels
from ...study.grid import Condition, Results
from ...tables.comparison_table import format_p_value
from ...tables.formatting import format_count
from ...tables.score_table import percent, percents
from ...tables.table import HtmlCell, KeyFinding, RowHeader, Table, number_with_details, page_link
from .evidence import Evidence
from .folded_rows import FoldedTable
from .names import DEFAULT, format_bounds, format_change, format_tenths, setting_name

BASELINES = {  # notebook -> what it calls the default recipe, which its techniques are held against
    "02_optimization_ablation": "Improved optimization",
    "03_layer_adaptation": "Baseline",
    "04_large_models": "Baseline",
    "06_state_of_the_art": "Standard",
}
QUESTION = "What does each technique buy?"
NAMED = 3  # encoders or techniques that are named one by one
LEVEL = 0.05


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
    decisions: tuple[Decision, ...]  # on each task column: as a mean over encoders, or of the one encoder
    rates: RateComparison | None  # of collapse, all cells together, each a stratum
    p_rates: float | None  # after Holm's correction over the techniques of the grid
    run_ids: tuple[str, ...]

    @property
    def name(self) -> str:
        """Which technique, with which encoders."""
        return f"{setting_name(self.setting)} ({_few(self.encoders, 'encoders')})"

    def decided(self, outcome: Outcome) -> list[str]:
        """The task columns with this outcome."""
        return [decision.condition.column for decision in self.decisions if decision.outcome is outcome]

    @property
    def undecided(self) -> list[Decision]:
        """The decisions without a direction."""
        return [decision for decision in self.decisions if not decision.outcome.decided]


def technique_effects(evidence: Evidence) -> list[TechniqueEffect]:
    """Every technique of every grid that has runs on both sides."""
    effects = []
    for stem, results, baseline in baseline_grids(evidence):
        gains = dict(_gains(results, baseline=baseline))
        decisions, rates = decide_levels(results, baseline=baseline), decide_collapse(results, baseline=baseline)
        averaged = {(d.condition.level, d.condition.column) for d in decisions if d.is_average}
        for setting in (name for name in results.grid.levels if name != baseline):
            mine = {key: gain for key, gain in gains.items() if key.level == setting}
            both = [condition for key in mine for condition in (key, key._replace(level=baseline))]
            change, p = rates.get(setting, (None, None))
            if mine:
                effects.append(
                    TechniqueEffect(
                        setting=setting,
                        baseline=baseline,
                        stem=stem,
                        encoders=tuple(dict.fromkeys(_encoder(results, key) for key in mine)),
                        gains=tuple(mine.values()),
                        decisions=tuple(
                            d
                            for d in decisions
                            if d.condition.level == setting
                            and (d.is_average or (setting, d.condition.column) not in averaged)
                        ),
                        rates=change,
                        p_rates=p,
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


def _technique(effect: TechniqueEffect) -> HtmlCell:
    """What it is, with which encoders, and the page."""
    name, encoders = setting_name(effect.setting), _few(effect.encoders, "encoders")
    markup = f"{escape(name)}<small>{escape(encoders)} · {page_link(effect.stem).markup}</small>"
    return HtmlCell(markup=markup, text=f"{name}\n{encoders}, {effect.stem}")


def _few(names: Sequence[str], what: str) -> str:
    return ", ".join(names) if len(names) <= NAMED else f"{len(names)} {what}"


def technique_gains(evidence: Evidence) -> Table:
    """A row per technique: where better or worse, the mean change, and how much of it is fewer collapses."""
    rows, runs = [], {}
    for effect in technique_effects(evidence):
        runs[f"{effect.name}, {effect.stem}"] = effect.run_ids
        reaches = [d.comparison.detectable for d in effect.undecided if d.comparison.detectable is not None]
        means = (fmean(getattr(gain, part) for gain in effect.gains) for part in ("total", "fewer_collapsed"))
        counts = zip(effect.rates.collapsed, effect.rates.n, strict=True) if effect.rates else ()
        rows.append(
            (
                _technique(effect),
                *(format_change(percent(mean)) for mean in means),
                *(_few(effect.decided(outcome), "tasks") or "–" for outcome in (Outcome.BETTER, Outcome.WORSE)),
                number_with_details(
                    len(effect.undecided), str(len(effect.undecided)), [f"80%: {_reach(reaches)}"] if reaches else []
                ),
                " / ".join(f"{collapsed} of {n}" for collapsed, n in counts) or "–",
                format_p_value(effect.p_rates),
            )
        )
    columns = ("Technique", "Mean change", "due to collapse", "Better on", "Worse on", "Undecided",
               "Collapsed with / without", "p (Holm)")  # fmt: skip
    notes = [
        f"Each technique is held against the {DEFAULT.lower()} of its page. Mean change: of mean scores, times 100, "
        "over all encoders and tasks, decided or not; next to it, the part that comes from another share of collapsed "
        "runs. Differences of correlations are tested on Fisher's z scale elsewhere, and differ a little from these.",
    ]
    legend = [
        "Better, worse, undecided: on which tasks, as a mean over encoders, by one test over seeds and test examples "
        "with Holm's correction over the techniques and tasks of the page. 80%: the differences that 80% of studies of "
        "this size would decide, where undecided.",
        "Collapsed: runs of all encoders and tasks, compared exactly within each, with Holm's correction over the "
        "techniques of the page.",
    ]
    rows = rows or [("no runs yet", *("–" for _ in columns[1:]))]
    return Table(
        title="Techniques against the default recipe",
        columns=columns,
        rows=rows,
        notes=notes,
        legend=legend,
        runs=runs,
        caption=evidence.caption,
        kind="techniques",
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
                    RowHeader(setting_name(key.level), stem),
                    f"{encoder}, {key.column}",
                    format_change(percent(gain.total)),
                    format_change(percent(gain.fewer_collapsed)),
                    format_bounds(percents(gain.interval)),
                    format_change(percent(gain.noncollapsed_change)),
                    format_change(percent(gain.collapsed_change)),
                    " / ".join(f"{collapsed} of {n}" for collapsed, n in zip(gain.collapsed, gain.n, strict=True)),
                )
            )
    columns = ("Technique", "Where", "Gain", "due to collapse", "95% over seeds", "due to better others",
               "due to collapsed ones", "Collapsed")  # fmt: skip
    legend = [
        "A gain is the difference of two means, times 100. It is split into three parts that add up to it (Kitagawa "
        "1955): another share of collapsed runs, another mean of the runs that did not collapse, another mean of those "
        "that did. A group that is empty on one side is taken to score there as on the other.",
        "Collapsed: of the seeds with a score; under the technique / under the default recipe. Runs that diverged "
        "have no score and are in no part.",
        "95%: of the part due to collapse; the rates from Jeffreys' posterior, the distance of collapsed "
        f"and other runs from Student's t; from {MIN_SEEDS} seeds a side upwards, where runs of both kinds are there.",
    ]
    rows = rows or [("no runs yet", *("–" for _ in columns[1:]))]
    return FoldedTable(
        title="What each technique buys, and how",
        columns=columns,
        rows=rows,
        n_header_columns=2,
        legend=legend,
        runs=runs,
        caption=evidence.caption,
    )


def _gains(results: Results, *, baseline: str) -> Iterator[tuple[Condition, Gain]]:
    for key in (key for key in results.summaries if key.level != baseline):
        other = results.summaries.get(key._replace(level=baseline))
        if other is None or other.run_ids == results.summaries[key].run_ids:  # where nothing was searched for
            continue
        gain = decompose(results.summaries[key], other)
        if gain is not None:
            yield key, gain


def gains_answer(evidence: Evidence) -> KeyFinding:
    """Which techniques are better or worse anywhere, and under which another share of runs collapses."""
    effects = technique_effects(evidence)
    if not effects:
        return KeyFinding(
            question=QUESTION, sentences=["No technique has runs beside the default recipe's yet."], on_front_page=True
        )
    sentences = []
    for outcome in (Outcome.BETTER, Outcome.WORSE):
        listed = "; ".join(
            f"{effect.name}, on {_few(columns, 'tasks')}" for effect in effects if (columns := effect.decided(outcome))
        )
        if listed:
            sentences.append(f"{outcome.value.capitalize()} than the default recipe: {listed}.")
    undecided, n = sum(len(effect.undecided) for effect in effects), sum(len(effect.decisions) for effect in effects)
    if undecided == n:
        sentences.append(
            "No technique is shown to be better or worse than the default recipe: all comparisons are undecided."
        )
    elif undecided:
        sentences.append(f"{undecided} of {format_count(n, 'comparison')} with the default recipe are undecided.")
    return KeyFinding(question=QUESTION, sentences=[*sentences, *_saves(effects)], on_front_page=True)


def _saves(effects: Sequence[TechniqueEffect]) -> list[str]:
    """Under which techniques more, or fewer, runs collapsed than under the default recipe."""
    changed: dict[str, list[str]] = {}
    for effect in effects:
        rates = effect.rates
        if rates is not None and effect.p_rates is not None and effect.p_rates < LEVEL:
            counts = " against ".join(f"{k} of {n}" for k, n in zip(rates.collapsed, rates.n, strict=True))
            changed.setdefault("more" if rates.difference > 0 else "fewer", []).append(f"{effect.name}, {counts}")
    if not changed:
        return ["No technique is shown to change how often runs collapse."]
    return [
        f"Compared with the default recipe, {which} runs collapsed with: {'; '.join(names)} (exact test)."
        for which, names in changed.items()
    ]


def certainty_answer(evidence: Evidence) -> KeyFinding:
    """How sure the scores are: widths of both intervals, and what they leave undecided."""
    cells = {
        summary.run_ids: summary
        for grids in evidence.results.values()
        for results in grids.values()
        for summary in results.summaries.values()
    }
    # Where every run collapsed, scores are often all the same: sure of nothing, and by no width at all.
    alive = [summary for summary in cells.values() if not summary.all_collapsed]
    both = [summary for summary in alive if summary.seed_interval is not None and summary.example_interval is not None]
    if not both:
        none = "No cell has both intervals and a run that did not collapse yet."
        return KeyFinding(question="How sure is this?", sentences=[none], on_front_page=True)
    seeds, examples = (
        [_half(getattr(summary, name)) for summary in both] for name in ("seed_interval", "example_interval")
    )
    larger = sum(b > a for a, b in zip(seeds, examples, strict=True))
    widths = [format_tenths(percent(median(halves))) for halves in (seeds, examples)]
    ns = [summary.n_noncollapsed for summary in both]
    sentences = [
        f"A mean score is known to ±{widths[0]} points over seeds and to ±{widths[1]} over test examples (95%; medians "
        f"of {len(both)} cells, each of {_span(ns)} seeds, without cells in which every run collapsed).",
        f"Test examples are the larger uncertainty in {larger} of {len(both)} cells; more seeds cannot reduce it.",
    ]
    return KeyFinding(question="How sure is this?", sentences=sentences, on_front_page=True)


def _span(ns: Sequence[int]) -> str:
    return str(ns[0]) if min(ns) == max(ns) else f"{min(ns)} to {max(ns)}"


def _reach(differences: Sequence[float]) -> str:
    """The smallest and the largest, times 100."""
    ends = dict.fromkeys(format_tenths(percent(end)) for end in sorted(differences))
    return " to ".join(list(ends)[:: max(1, len(ends) - 1)]) or "–"


def _half(bounds: tuple[float, float]) -> float:
    return (bounds[1] - bounds[0]) / 2
