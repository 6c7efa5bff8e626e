"""Tables 8 and 9: the default recipe against the recipe that a search on dev has chosen, and the searches."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ...engine.sweep import find_runs
from ...search.search import Search, SearchResult
from ...search.space import TECHNIQUES
from ...study.conditions import BLURB
from ...study.grid import DEFAULT_RECIPE, Condition, Results, format_seeds
from ...study.study import Study
from ...tables.formatting import format_number, format_setting
from ...tables.score_table import cell_caveats, cell_legend, cell_score, percent
from ...tables.table import NOT_RUN, KeyFinding, Table, empty_row
from ..parameters import StateOfTheArtParameters as Parameters
from .grids import SEARCHED_RECIPE
from .searches import Searched

DISPLAY_NAMES = {
    "reinit_layers": "reinit",
    "segment_ids single": "one segment id",
    "segment_ids pair": "two segment ids",
}


def optimal_table(
    results: Results,
    searched: Searched,
    *,
    title: str,
    paper: str,
    columns: Mapping[str, str | None],
    train_on_dev: Sequence[str],
) -> Table:
    """A row per task; both recipes of each encoder side by side, each searched one written out."""
    rows = []
    for label in (column.label for column in results.grid.columns):
        cells = []
        for group, name in columns.items():
            cells.append(cell_score(results, Condition(group, DEFAULT_RECIPE, label), paper=paper))
            condition = Condition(group, SEARCHED_RECIPE, label)
            result = searched.get((name, label)) if name else None
            recipe = ""
            if label != BLURB and (result or condition in results.grid.cells):
                recipe = describe_changes(result, train_on_dev=label in train_on_dev)
            cells.append(cell_score(results, condition, paper=paper, footnote=recipe))
        rows.append((label, *cells))
    headers = [f"{column}, {level.lower()}" for column in columns for level in (DEFAULT_RECIPE, SEARCHED_RECIPE)]
    used = {key: result for key, result in searched.items() if key[0] in columns.values()}
    notes = [*_search_notes(results, used, train_on_dev=train_on_dev), *cell_caveats(results)]
    return Table(
        title=title,
        columns=("Task", *headers),
        rows=rows,
        caption=results.caption,
        notes=notes,
        legend=cell_legend(results, paper),
    )


def _search_notes(results: Results, searched: Searched, *, train_on_dev: Sequence[str]) -> list[str]:
    labels = [column.label for column in results.grid.columns]
    tasks = [label for label in labels if any(task == label for _, task in searched)]
    n_tasks = sum(label != BLURB for label in labels)
    if not tasks:
        return ["Nothing was searched: both columns hold the default recipe."]
    first = next(iter(searched.values()))
    notes = [
        f"Searched recipe: the best of {format_trials(searched.values())} trials on dev, by the mean over "
        f"{format_seeds(first.search.seeds)}; the default recipe is always among the trials. Test was used once, with "
        f"{format_seeds(results.grid.seeds)}, which no trial has used."
    ]
    if len(tasks) < n_tasks:
        notes.append(
            f"Searched on {len(tasks)} of {n_tasks} tasks: {', '.join(tasks)}. On the others it is the default recipe, "
            f"also within the {BLURB}."
        )
    merged = [label for label in labels if label in train_on_dev]
    if merged:
        notes.append(
            f"Trained on train and dev once the recipe was chosen: {', '.join(merged)}; failures are then judged on "
            "test alone, and only if predictions are constant."
        )
    return notes


def format_trials(results: Collection[SearchResult]) -> str:
    """`12`, or `8 to 12` where searches have different numbers of trials."""
    counts = sorted({len(result.values) for result in results})
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def describe_changes(result: SearchResult | None, *, train_on_dev: bool) -> str:
    """What the chosen recipe changes in the default one."""
    dev = ", trained on dev too" if train_on_dev else ""
    if result is None:
        return f"not searched: as the default{dev}"
    if result.best is None:
        return f"search unfinished: {len(result.values)} of {result.budget} trials"
    default = result.search.space.default
    changed = [format_choice(name, value) for name, value in result.best.params.items() if value != default[name]]
    return (", ".join(changed) or "the default recipe was best") + dev


def format_choice(name: str, value: object) -> str:
    """`learning rate 0.002`, `freeze 6`, `one segment id`."""
    if f"{name} {value}" in DISPLAY_NAMES:
        return DISPLAY_NAMES[f"{name} {value}"]
    if name in TECHNIQUES and value == TECHNIQUES[name][1]:
        return f"no {DISPLAY_NAMES.get(name, name)}"
    return f"{_display_name(name)} {format_setting(value)}"


def _display_name(name: str) -> str:
    return DISPLAY_NAMES.get(name, name).replace("_", " ")


def search_table(study: Study[Parameters], searched: Searched) -> Table:
    """Each search: number of trials, dev scores of the default and the best recipe, and the chosen recipe."""
    columns = ("Task", "Encoder", "Trials", "Dev, default", "Dev, best of the trials", "Dev, worst", "Recipe chosen")
    rows = []
    for (encoder, task), result in sorted(searched.items(), key=lambda entry: entry[0][1]):
        standard = result.standard.value if result.standard else None
        scores = (standard, max(result.values, default=None), min(result.values, default=None))
        rows.append(
            (
                task,
                encoder,
                f"{len(result.values)}\u00a0of\u00a0{min(result.budget, result.search.space.size)}",
                *(format_number(percent(score)) for score in scores),
                describe_changes(result, train_on_dev=False),
            )
        )
    notes = [
        "Mean over seeds, times 100. The best of several dev scores is optimistically biased: use it to choose a "
        "recipe, and Tables 8 and 9 to see what the choice is worth. A run whose loss diverged counts as the trivial "
        "score here.",
        *_space_notes([result.search for result in searched.values()]),
    ]
    return Table(
        title="The searches, on dev alone",
        columns=columns,
        rows=rows or [empty_row(columns, "nothing searched")],
        n_header_columns=2,
        caption=search_caption(study, searched),
        notes=notes,
    )


def _space_notes(searches: Sequence[Search]) -> list[str]:
    """Each search space with the tasks that it was used on."""
    tasks: dict[str, list[str]] = {}
    for search in searches:
        choices = "; ".join(
            f"{_display_name(name)} {', '.join(map(format_setting, values))}"
            for name, values in search.space.choices.items()
        )
        tasks.setdefault(f"({search.space.size} recipes): {choices}.", []).append(search.task)
    return [f"Chosen from, on {', '.join(dict.fromkeys(names))} {space}" for space, names in tasks.items()]


def search_caption(study: Study[Parameters], searched: Searched) -> str:
    """Runs, seeds, commit and parameters of the trials."""
    configs = {c.id: c for result in searched.values() for trial in result.trials for c in trial.configs}
    records = find_runs(configs.values(), study.store).records
    commits = sorted({str(record.environment.get("commit") or "unknown") for record in records.values()})
    runs = f"{len(records)} runs" if len(records) == len(configs) else f"{len(records)} of {len(configs)} runs"
    seeds = next((result.search.seeds for result in searched.values()), ())
    commit = f"commit {' and '.join(commits)}" if commits else "commit: no runs"
    return " · ".join([runs, format_seeds(seeds) if seeds else "no seeds", commit, study.provenance])


def search_findings(searched: Searched) -> KeyFinding:
    """What the searches chose, and at which trial."""
    sentences = []
    for (encoder, task), result in searched.items():
        changes = describe_changes(result, train_on_dev=False)
        if result.best is None or result.standard is None:
            sentences.append(f"{task}, {encoder}: {changes}.")
            continue
        index = result.trials.index(result.best) + 1
        sentences.append(
            f"{task}, {encoder}: chosen on dev at trial {index} of {len(result.trials)}: {changes} (dev "
            f"{format_number(percent(result.best.value))}, the best of {len(result.trials)}; default "
            f"{format_number(percent(result.standard.value))})."
        )
    return KeyFinding(question="What did the search choose?", sentences=sentences or [f"Nothing searched: {NOT_RUN}."])
