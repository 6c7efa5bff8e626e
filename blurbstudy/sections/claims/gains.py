"""Which techniques help: the gain of each over the default recipe, and how much of that is fewer collapsed runs rather
than better ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from ...config import RunConfig
from ...stats.counts import RateComparison
from ...stats.decomposition import MIN_SEEDS, Gain, decompose
from ...study.decisions import Decision, Outcome, decide_collapse, decide_levels
from ...study.grid import DEFAULT_RECIPE, Condition, Results, TaskColumn
from ...tables.comparison_table import all_with, format_p_value
from ...tables.formatting import format_interval, format_number, format_signed
from ...tables.score_table import percent, percents
from ...tables.table import HtmlCell, RowHeader, Table, number_with_details, page_link
from .evidence import Evidence
from .names import setting_name

QUESTION = "Which techniques help?"
NAMED = 3  # encoders or techniques that are named one by one
LEVEL = 0.05


def default_grids(evidence: Evidence) -> Iterator[tuple[str, Results, str]]:
    """(notebook, grid, level) of every grid that holds the default recipe, as that level, beside something else: a grid
    of heads calls it by its head.
    """
    for stem, grids in evidence.results.items():
        default = {run.id for r in grids.values() for run in _runs(r, DEFAULT_RECIPE)}
        for results in (r for r in grids.values() if len(r.grid.levels) > 1):
            levels = {level: {run.id for run in _runs(results, level)} for level in results.grid.levels}
            same = [level for level, ids in levels.items() if ids and ids <= default]
            if DEFAULT_RECIPE in levels or same:
                yield stem, results, DEFAULT_RECIPE if DEFAULT_RECIPE in levels else same[0]


def _runs(results: Results, level: str) -> list[RunConfig]:
    return [run for key, runs in results.grid.cells.items() if key.level == level for run in runs]


@dataclass(frozen=True, kw_only=True)
class TechniqueEffect:
    """One technique of one grid against the default recipe there."""

    setting: str
    stem: str  # notebook
    encoders: tuple[str, ...]
    gains: tuple[Gain, ...]  # of every cell
    decisions: Mapping[str, Sequence[Decision]]  # tasks -> as a mean over encoders, or of each encoder without a mean
    rates: RateComparison | None  # of collapse, all cells together, each a stratum
    p_rates: float | None  # after Holm's correction over the techniques of the grid
    all_collapsed_with: str  # `, all with ELECTRA`, where one of several encoders has all of its collapsed runs
    run_ids: tuple[str, ...]
    tasks: tuple[str, ...]  # of its runs

    @property
    def name(self) -> str:
        return f"{setting_name(self.setting)} ({few(self.encoders, 'encoders')})"

    def decided(self, outcome: Outcome) -> list[str]:
        return [tasks for tasks, decisions in self.decisions.items() if any(d.outcome is outcome for d in decisions)]

    @property
    def judged(self) -> list[Decision]:
        """The decisions that rest on a test: not those of one seed, or where every run collapsed on both sides."""
        every = [decision for decisions in self.decisions.values() for decision in decisions]
        return [decision for decision in every if decision.outcome.decided or decision.outcome is Outcome.UNDECIDED]


def technique_effects(evidence: Evidence) -> list[TechniqueEffect]:
    """Every technique of every grid that has runs on both sides."""
    effects = []
    for stem, results, baseline in default_grids(evidence):
        gains = dict(_gains(results, baseline))
        decided = decide_levels(results, baseline=baseline)
        rates = decide_collapse(results, baseline=baseline)
        averaged = {(d.condition.level, d.condition.column) for d in decided if d.is_average}
        for setting in (name for name in results.grid.levels if name != baseline):
            mine = {key: gain for key, gain in gains.items() if key.level == setting}
            both = [condition for key in mine for condition in (key, key._replace(level=baseline))]
            change, p = rates.get(setting, (None, None))
            decisions: dict[str, list[Decision]] = {}
            for d in decided:
                if d.condition.level == setting and (d.is_average or (setting, d.condition.column) not in averaged):
                    decisions.setdefault(tasks_of(results.column(d.condition.column)), []).append(d)
            if mine:
                effects.append(
                    TechniqueEffect(
                        setting=setting,
                        stem=stem,
                        encoders=tuple(dict.fromkeys(encoder_of(results, key) for key in mine)),
                        gains=tuple(mine.values()),
                        decisions=decisions,
                        rates=change,
                        p_rates=p,
                        all_collapsed_with=all_with(
                            (encoder_of(results, key), results.summaries[key].collapsed)
                            for key in both
                            if change and (key.level == setting) == (change.difference > 0)
                        ),
                        tasks=tuple(dict.fromkeys(task for key in mine for task in results.summaries[key].tasks)),
                        run_ids=tuple(dict.fromkeys(run for key in both for run in results.summaries[key].run_ids)),
                    )
                )
    return effects


def tasks_of(column: TaskColumn) -> str:
    """One name for the same tasks, which notebooks call SS or BIOSSES."""
    return column.tasks[0] if len(column.tasks) == 1 and column.in_paper and column.splits is None else column.label


def encoder_of(results: Results, key: Condition) -> str:
    """The encoder that was run; a grid may name it by the paper's column."""
    first_seed = results.grid.pretraining_seeds  # encoder fingerprint -> pretraining seed
    names = {
        run.encoder_name for run in results.grid.cells.get(key, ()) if not first_seed.get(run.encoder_fingerprint, 0)
    }
    return names.pop() if len(names) == 1 and names != {""} else key.group


def _technique(effect: TechniqueEffect) -> HtmlCell:
    name, encoders = setting_name(effect.setting), few(effect.encoders, "encoders")
    markup = f"{escape(name)}<small>{escape(encoders)} · {page_link(effect.stem).markup}</small>"
    return HtmlCell(markup=markup, text=f"{name}\n{encoders}, {effect.stem}")


def few(names: Sequence[str], what: str) -> str:
    return ", ".join(names) if len(names) <= NAMED else f"{len(names)} {what}"


def technique_gains(evidence: Evidence) -> Table:
    """A row per technique, a column per task: the difference from the default recipe, and whether it is decided."""
    effects = technique_effects(evidence)
    judged = [effect for effect in effects if effect.judged]
    tasks = list(dict.fromkeys(name for effect in judged for name in effect.decisions))
    rows, runs = [], {}
    for effect in judged:
        runs[f"{effect.name}, {effect.stem}"] = effect.run_ids
        counts = zip(effect.rates.collapsed, effect.rates.n, strict=True) if effect.rates else ()
        rows.append(
            (
                _technique(effect),
                *(_outcome(effect.decisions.get(name, ())) for name in tasks),
                " / ".join(f"{collapsed} of {n}" for collapsed, n in counts) or "–",
                format_p_value(effect.p_rates),
            )
        )
    left_out = list(dict.fromkeys(effect.stem for effect in effects if not effect.judged))
    notes = [
        f"The difference from the {DEFAULT_RECIPE.lower()} of the same table, times 100, as a mean over encoders. "
        "Better, worse: decided by one test over seeds and test examples, with Holm's correction over its "
        "table's techniques and tasks. Undecided does not mean no difference: point at a cell to see "
        "which difference could have been detected.",
        *([f"One seed per cell, so nothing is tested: {', '.join(left_out)}."] if left_out else []),
    ]
    legend = [
        "80%: the difference that a study of this size detects with 80% power.",
        "Collapsed with / without: runs of all encoders and tasks, compared exactly within each; p with Holm's "
        "correction over the techniques of the page.",
    ]
    columns = ("Technique", *tasks, "Collapsed with / without", "p (Holm)")
    return Table(
        title="Techniques against the default recipe",
        columns=columns,
        rows=rows or [("no runs yet", *("–" for _ in columns[1:]))],
        notes=notes,
        legend=legend,
        runs=runs,
        caption=evidence.caption,
        kind="techniques",
        front_page_question=QUESTION,
    )


def _outcome(decisions: Sequence[Decision]) -> HtmlCell | str:
    """Each difference with its outcome; the numbers of the test as details."""
    cells = []
    for decision in (d for d in decisions if d.comparison.difference is not None):
        change, several = decision.comparison, len(decisions) > 1
        outcome = decision.outcome.value + (f", {decision.condition.group}" if several else "")
        details = [
            outcome,
            f"mean of {decision.groups} encoders" if decision.is_average else decision.condition.group,
            f"95% {format_interval(percents(change.interval), 1)}",
            f"p {format_p_value(decision.p)} (Holm)",
            f"80%: {format_number(percent(change.detectable), 1)}",
            f"{change.n} seeds",
        ]
        label = f'<small class="{decision.outcome.value}">{escape(outcome)}</small>'
        number = format_signed(percent(change.difference), 1)
        cells.append(number_with_details(percent(change.difference), number, details, bar=label))
    if len(cells) < 2:
        return cells[0] if cells else "–"
    return HtmlCell(markup="".join(cell.markup for cell in cells), text="\n".join(cell.text for cell in cells))


def gain_table(evidence: Evidence) -> Table:
    """Every technique against the default recipe, cell by cell: the gain in its three parts."""
    rows, runs = [], {}
    for stem, results, baseline in default_grids(evidence):
        for key, gain in _gains(results, baseline):
            both, encoder = (key, key._replace(level=baseline)), encoder_of(results, key)
            ids = tuple(run for condition in both for run in results.summaries[condition].run_ids)
            runs[f"{stem}: {key._replace(group=encoder).name}"] = ids
            rows.append(
                (
                    RowHeader(setting_name(key.level), stem),
                    f"{encoder}, {key.column}",
                    format_signed(percent(gain.total), 1),
                    format_signed(percent(gain.fewer_collapsed), 1),
                    format_interval(percents(gain.interval), 1),
                    format_signed(percent(gain.noncollapsed_change), 1),
                    format_signed(percent(gain.collapsed_change), 1),
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
    return Table(
        title="Where each gain comes from",
        folded=True,
        columns=columns,
        rows=rows,
        n_header_columns=2,
        legend=legend,
        runs=runs,
        caption=evidence.caption,
    )


def _gains(results: Results, baseline: str) -> Iterator[tuple[Condition, Gain]]:
    for key in (key for key in results.summaries if key.level != baseline):
        other = results.summaries.get(key._replace(level=baseline))
        if other is None or other.run_ids == results.summaries[key].run_ids:  # where nothing was searched for
            continue
        gain = decompose(results.summaries[key], other)
        if gain is not None:
            yield key, gain
