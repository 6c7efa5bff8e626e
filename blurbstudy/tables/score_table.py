"""Tables of scores, with uncertainty and the paper's number in every cell, and the recipes behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ..config import Recipe
from ..stats.crossed_seeds import CROSSED, STUDENT
from ..stats.status import COLLAPSED_NOTE, RunStatus
from ..stats.summary import CellSummary
from ..study.grid import Condition, Results
from .formatting import format_setting
from .paper import paper_cell, paper_notes
from .score import NOT_REQUESTED
from .table import NOT_RUN, RowHeader, Score, Table

MAX_NAMED = 4  # cells that a sentence lists by name; of more it gives their number
PERCENT = 100.0  # scores are fractions in the store, percent in tables, as in the paper

ONE_SEED_NOTE = "Test score times 100 of one seed, without intervals: not made to decide. ✕: the run collapsed."
TRIVIAL_NOTE = "Trivial: the majority class; no mention; 0 for a correlation."
RESAMPLED_NOTE = (
    "Resampled columns: the mean over all test folds, of all runs with a score; n and sd count repeats. Examples: "
    "95% interval over repeats and test examples together, from the jackknife's pseudo-values; with one repeat over "
    "examples alone. Seeds: Nadeau and Bengio's interval (2003) over the folds, whose training sets overlap; Student's "
    "t over them would be far too narrow."
)


def score_table(results: Results, *, title: str, paper: str, wide: bool = False) -> Table:
    """One cell per group, level and task column.

    Args:
        paper: the paper's table whose numbers are shown next to ours; '': it has none.
        wide: levels as columns, if the grid has one task column.
    """
    grid = results.grid
    wide = wide and len(grid.columns) == 1
    cells = {key: cell_score(results, key, paper=paper) for key in results.conditions()}
    if wide:
        (column,) = grid.columns
        columns = (grid.axes.group or "", *grid.levels)
        rows = [
            (_group_header(results, name), *(cells[Condition(name, level, column.label)] for level in grid.levels))
            for name in grid.groups
        ]
    else:
        columns = (grid.axes.group or "", grid.axes.level, *(column.label for column in grid.columns))
        rows = [
            (_group_header(results, name), level, *(cells[Condition(name, level, c.label)] for c in grid.columns))
            for name in grid.groups
            for level in grid.levels
        ]
    return Table(
        title=title,
        columns=columns,
        rows=rows,
        n_header_columns=1 if wide else 2,
        caption=results.caption,
        notes=cell_caveats(results),
        legend=cell_legend(results, paper),
        runs=run_ids(results),
    )


def run_ids(results: Results) -> dict[str, tuple[str, ...]]:
    return {key.name: summary.run_ids for key, summary in results.summaries.items()}


def paper_score(results: Results, key: Condition, *, paper: str) -> float | None:
    """The paper's number of a cell, in percent; none where it has no such table (''), and on resampled splits."""
    column = results.column(key.column)
    if not paper or not column.in_paper or column.splits is not None or not results.shows_paper:
        return None
    return paper_cell(paper, group=key.group, level=key.level, column=column.paper)


def cell_score(results: Results, key: Condition, *, paper: str, footnote: str = "") -> Score:
    """A cell with its uncertainty and the paper's number, and a footnote below them."""
    column = results.column(key.column)
    summary = results.summaries.get(key)
    folds, n_seeds = column.splits or (1, len(results.grid.seeds))
    expected = len(results.grid.cells.get(key, ())) // (len(column.tasks) * folds) or n_seeds
    printed, label = paper_score(results, key, paper=paper), column.paper_label
    if summary is None:
        reasons = results.grid.missing_reasons
        planned = NOT_RUN if key in results.grid.cells else NOT_REQUESTED
        state = reasons.get(key.group) or reasons.get(key.level) or planned
        return Score(mean=None, expected=expected, paper=printed, paper_label=label, state=state, footnote=footnote)
    all_collapsed, decides = summary.all_collapsed, results.decides
    return Score(
        mean=percent(summary.mean if all_collapsed else summary.noncollapsed_mean),
        n=summary.n_scored if all_collapsed else summary.n_noncollapsed,
        sd=percent(summary.sd if all_collapsed else summary.noncollapsed_sd),
        over_seeds=percents(summary.seed_interval),
        over_examples=percents(summary.example_interval) if decides else None,
        mixture=percents(summary.mixture_interval) if decides else None,
        worst=percent(summary.worst),
        collapsed=summary.collapsed,
        collapse_rate=percents(summary.collapse_interval) if decides else None,
        failed=summary.failed,
        n_shown=summary.statuses.get(RunStatus.SHOWN, 0),
        runs=summary.runs,
        planned=len(results.grid.cells.get(key, ())) if column.splits else 0,
        seeds=summary.n,
        expected=expected,
        trivial=percent(summary.trivial),
        mention_list=percent(summary.mention_list),
        paper=printed,
        paper_label=label,
        footnote=footnote,
        run_ids=summary.run_ids,
        decides=decides,
    )


def _group_header(results: Results, name: str) -> str | RowHeader:
    note = results.grid.notes.get(name, "")
    return RowHeader(name, note) if note else name


def cell_caveats(results: Results) -> list[str]:
    """What readers of any cell must know: of the whole table, and of single columns."""
    return column_notes(results) if results.decides else [ONE_SEED_NOTE, *column_notes(results)]


def column_notes(results: Results) -> list[str]:
    """What readers of a column that has runs must know."""
    with_runs = {condition.column for condition in results.summaries}
    columns = [column for column in results.grid.columns if column.note and column.label in with_runs]
    return [f"{column.label}: {column.note}." for column in columns]


def cell_legend(results: Results, paper: str) -> list[str]:
    """How to read a cell, the statuses of the runs, and our notes on the paper's table."""
    summaries = results.summaries.values()
    mentions = (
        "Mention list: F1 of looking up the mentions of train, all of it also where models learn from a part, in the "
        "text (longest match; phrases that are mentions in at least half of their occurrences). A mean below it says "
        "so in red."
    )
    has_mentions = any(summary.mention_list is not None for summary in summaries)
    if not results.decides:
        return [TRIVIAL_NOTE, *([mentions] if has_mentions else []), *paper_remarks(results, paper)]
    notes = [
        "62.5 ± 0.6: mean and standard deviation over the seeds without a collapsed run, times 100 (where every seed "
        "has one, over all); ✕: some run collapsed. Bar, on one axis per column: thick, the 95% interval of the mean "
        "over seeds (from three on); thin, over test examples; dotted, the trivial score; green, the paper's.",
        f"{TRIVIAL_NOTE} Shown above: runs whose dev score is shown to be above the trivial one; which other runs are "
        "not says as much about the size of dev as about the runs.",
    ]
    if any(summary.collapsed for summary in summaries):
        notes.append(
            f"{COLLAPSED_NOTE} In brackets the 95% interval of their rate; all runs: 95% interval of the mean score of "
            "all runs, collapsed ones included. The status is that of the last step's weights, the score that of the "
            "selected ones."
        )
    if has_mentions:
        notes.append(mentions)
    if any(column.splits for column in results.grid.columns):
        notes.append(RESAMPLED_NOTE)
    notes += seed_notes(results, {key: summary.seed_method for key, summary in results.summaries.items()})
    counts: Counter[RunStatus] = Counter()
    for summary in {summary.run_ids: summary for summary in summaries if len(summary.tasks) == 1}.values():
        counts.update(summary.statuses)
    if counts:
        notes.append("Runs: " + ", ".join(f"{counts[s]} {s.value}" for s in RunStatus if counts[s]) + ".")
    return notes + paper_remarks(results, paper)


def paper_remarks(results: Results, paper: str) -> list[str]:
    """Our notes on the paper's table, where its numbers are shown."""
    return [f"On the paper: {note}" for note in paper_notes(paper)] if paper and results.shows_paper else []


def seed_notes(results: Results, methods: Mapping[Condition, str]) -> list[str]:
    """How the interval over seeds treats pretraining and fine-tuning seeds, and which cells use another method."""
    if not results.grid.pretraining_seeds:
        return []
    cells: dict[str, list[Condition]] = {}
    for key, method in methods.items():
        cells.setdefault(method, []).append(key)
    notes = [
        "Seeds: every pretraining seed is fine-tuned with the same seeds, so n counts pairs of the two, and the "
        "interval over seeds takes them as crossed (two-way random effects, Student's t with Satterthwaite's degrees "
        "of freedom, never narrower than over the means of encoders or of fine-tuning seeds alone): its degrees of "
        "freedom are fewer than the runs. Two pretraining seeds decide "
        "nothing about an objective; use five."
    ]
    other = [method for method in cells if method not in (CROSSED, STUDENT)]  # Student's alone: a cell without scores
    return notes + [f"Interval over seeds of {name_cells(cells[method])}: {method}." for method in other]


def name_cells(keys: Sequence[Condition]) -> str:
    """A few cells by name; of many, their number in each column."""
    if len(keys) <= MAX_NAMED:
        return "; ".join(key.name for key in keys)
    counts = Counter(key.column for key in keys)
    return ", ".join(f"{count} on {column}" for column, count in counts.items())


def recipe_table(results: Results, *, title: str = "Recipes behind the columns") -> Table:
    """The recipe fields that differ, one row per level and set of tasks; the shared fields are in a note."""
    names = dict.fromkeys(name for recipe in results.grid.recipes.values() for name in recipe.to_dict())
    recipes = {key: _recipe_fields(recipe, names) for key, recipe in results.grid.recipes.items()}
    fields = list(next(iter(recipes.values())))
    differing = [name for name in fields if len({values[name] for values in recipes.values()}) > 1]
    shared = [f"{name} {next(iter(recipes.values()))[name]}" for name in fields if name not in differing]
    tasks: dict[tuple[str, ...], list[str]] = {}
    for (level, task), values in recipes.items():
        tasks.setdefault((level, *(values[name] for name in differing)), []).append(task)
    rows = [(level, ", ".join(names), *values) for (level, *values), names in tasks.items()]
    columns = ("Setting", "Tasks", *(name.replace("_", " ").capitalize() for name in differing))
    notes = ["The same in all: " + ", ".join(shared).replace("_", " ") + "."]
    return Table(title=title, columns=columns, rows=rows, n_header_columns=2, caption=results.provenance, notes=notes)


def _recipe_fields(recipe: Recipe, names: Iterable[str]) -> dict[str, str]:
    values = {name: getattr(recipe, name) for name in names if name != "stabilizers"}
    techniques = []
    for name, options in recipe.stabilizers.items():
        settings = ", ".join(f"{option} {format_setting(value)}" for option, value in options.items())
        techniques.append(f"{name.replace('_', ' ')}: {settings}")
    fields = {name: format_setting(value) for name, value in values.items()}
    return fields | {"techniques": "\n".join(techniques) or "none"}


def percent(value: float | None) -> float | None:
    """A fraction in percent."""
    return None if value is None else value * PERCENT


def percents(bounds: tuple[float, float] | None) -> tuple[float, float] | None:
    """An interval of fractions in percent."""
    return None if bounds is None else (bounds[0] * PERCENT, bounds[1] * PERCENT)


def percent_scores(summary: CellSummary) -> list[float | None]:
    return [percent(score) for score in summary.scores]
