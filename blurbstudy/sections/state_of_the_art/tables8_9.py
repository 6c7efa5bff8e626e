"""Tables 8 and 9: standard fine-tuning beside the recipe that a search on dev has chosen, and what the search saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...engine.sweep import find_runs
from ...search.search import Search, SearchResult
from ...search.space import TECHNIQUES
from ...study.conditions import BLURB
from ...study.grid import Condition, Results, format_seeds
from ...study.study import Study
from ...tables.score_table import PERCENT, cell_notes, cell_score
from ...tables.table import NOT_RUN, KeyFinding, Table, format_number
from .grids import OPTIMAL, STANDARD
from .searches import Searched

WORDS = {"reinit_layers": "reinit", "segment_ids single": "one segment id", "segment_ids pair": "two segment ids"}


def optimal_table(
    results: Results,
    searched: Searched,
    *,
    title: str,
    paper: str,
    columns: Mapping[str, str | None],
    train_on_dev: Sequence[str],
) -> Table:
    """A row per task; of each encoder standard and optimal side by side, each optimal cell with its recipe."""
    rows = []
    for part in results.grid.columns:
        cells = []
        for column, name in columns.items():
            for setting in (STANDARD, OPTIMAL):
                key, said = Condition(column, setting, part.label), ""
                found = searched.get((name, part.label))
                if setting == OPTIMAL and part.label != BLURB and (found or key in results.grid.cells):
                    said = recipe_in_short(found, train_on_dev=part.label in train_on_dev)
                cells.append(cell_score(results, key, paper=paper, footnote=said))
        rows.append((part.label, *cells))
    heads = [f"{column} {setting.lower()}" for column in columns for setting in (STANDARD, OPTIMAL)]
    mine = {key: found for key, found in searched.items() if key[0] in columns.values()}
    notes = [*_search_notes(results, mine, train_on_dev=train_on_dev), *cell_notes(results, paper)]
    return Table(title=title, columns=("Task", *heads), rows=rows, caption=results.caption, notes=notes)


def _search_notes(results: Results, searched: Searched, *, train_on_dev: Sequence[str]) -> list[str]:
    tasks = [part.label for part in results.grid.columns if any(task == part.label for _, task in searched)]
    of_all = len([part for part in results.grid.columns if part.label != BLURB])
    if not tasks:
        return ["Nothing was searched: optimal is standard."]
    first = next(iter(searched.values()))
    notes = [
        f"Optimal: the best of {most_trials(searched.values())} trials on dev, by the mean over "
        f"{format_seeds(first.search.seeds)}; the standard recipe is always among the trials. Test was looked at "
        f"once, with {format_seeds(results.grid.seeds)}, which no trial has had."
    ]
    if len(tasks) < of_all:
        notes.append(
            f"Searched on {len(tasks)} of {of_all} tasks: {', '.join(tasks)}. On the others optimal is as standard, "
            f"within {BLURB} as well."
        )
    joined = [part.label for part in results.grid.columns if part.label in train_on_dev]
    if joined:
        notes.append(f"Dev joined to train once the recipe was chosen: {', '.join(joined)}; its failures are then "
                     "judged on test alone, and only if predictions are constant.")  # fmt: skip
    return notes


def most_trials(found: Sequence[SearchResult]) -> str:
    """`12`, or `8 to 12` where searches have tried so many."""
    counts = sorted({len(one.values) for one in found})
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def recipe_in_short(found: SearchResult | None, *, train_on_dev: bool) -> str:
    """What the chosen recipe does otherwise than the standard one."""
    if found is None:
        return "not searched: as standard" + (", dev joined to train" if train_on_dev else "")
    if found.best is None:
        return f"search not at its end: {len(found.values)} of {found.budget} trials"
    changed = [
        in_words(name, value) for name, value in found.best.params.items() if value != found.search.space.default[name]
    ]
    said = ", ".join(changed) or "the standard recipe was best"
    return said + (", dev joined to train" if train_on_dev else "")


def in_words(name: str, value: object) -> str:
    """`learning rate 0.002`, `freeze 6`, `one segment id`."""
    if f"{name} {value}" in WORDS:
        return WORDS[f"{name} {value}"]
    if name in TECHNIQUES and value == TECHNIQUES[name][1]:
        return f"no {WORDS.get(name, name)}"
    return f"{WORDS.get(name, name).replace('_', ' ')} {_shown(value)}"


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else {"True": "on", "False": "off"}.get(str(value), str(value))


def search_table(study: Study, searched: Searched, *, title: str = "The searches, on dev alone") -> Table:
    """What each search has seen: how many trials, what standard and best score on dev, and the recipe."""
    columns = ("Task", "Encoder", "Trials", "Dev, standard", "Dev, best of the trials", "Dev, worst", "Recipe chosen")
    rows = []
    for (encoder, task), found in sorted(searched.items(), key=lambda one: one[0][1]):
        values = found.values
        standard = found.standard.value if found.standard else None
        rows.append((task, encoder, f"{len(values)}\u00a0of\u00a0{min(found.budget, found.search.space.size)}",
                     *(format_number(None if value is None else value * PERCENT)
                       for value in (standard, max(values, default=None), min(values, default=None))),
                     recipe_in_short(found, train_on_dev=False)))  # fmt: skip
    notes = [
        "Mean over seeds, times 100. The best of several dev scores is too good to be expected again: it chooses, and "
        "Tables 8 and 9 show what the choice is worth. A run whose loss diverged counts as the "
        "trivial score here.",
        *_space_notes([found.search for found in searched.values()]),
    ]
    rows = rows or [("nothing searched", *("–" for _ in columns[1:]))]
    return Table(
        title=title,
        columns=columns,
        rows=rows,
        n_header_columns=2,
        caption=search_caption(study, searched),
        notes=notes,
    )


def _space_notes(searches: Sequence[Search]) -> list[str]:
    """The space of each kind of task."""
    tasks: dict[str, list[str]] = {}
    for search in searches:
        listed = "; ".join(
            f"{WORDS.get(name, name).replace('_', ' ')} {', '.join(map(_shown, values))}"
            for name, values in search.space.choices.items()
        )
        tasks.setdefault(f"({search.space.size} recipes): {listed}.", []).append(search.task)
    return [f"Chosen from, on {', '.join(dict.fromkeys(names))} {space}" for space, names in tasks.items()]


def search_caption(study: Study, searched: Searched) -> str:
    """Runs, seeds, commit, parameters: of the trials."""
    configs = {c.id: c for found in searched.values() for trial in found.trials for c in trial.configs}
    records = find_runs(configs.values(), study.store).records
    commits = sorted({str(record.environment.get("commit") or "unknown") for record in records.values()})
    runs = f"{len(records)} runs" if len(records) == len(configs) else f"{len(records)} of {len(configs)} runs"
    seeds = next((found.search.seeds for found in searched.values()), ())
    return " · ".join([runs, format_seeds(seeds) if seeds else "no seeds",
                       f"commit {' and '.join(commits)}" if commits else "commit: no runs",
                       study.provenance])  # fmt: skip


def search_answer(searched: Searched) -> KeyFinding:
    """What the searches chose, and how much of their budget that took."""
    sentences = []
    for (encoder, task), found in searched.items():
        if found.best is None:
            sentences.append(f"{task}, {encoder}: {recipe_in_short(found, train_on_dev=False)}.")
            continue
        place = found.trials.index(found.best) + 1
        sentences.append(
            f"{task}, {encoder}: chosen on dev at trial {place} of {len(found.trials)}: "
            f"{recipe_in_short(found, train_on_dev=False)} (dev {format_number(found.best.value * PERCENT)}, the best "
            f"of {len(found.trials)}; standard {format_number(found.standard.value * PERCENT)})."
        )
    return KeyFinding(question="What did the search choose?", sentences=sentences or [f"Nothing searched: {NOT_RUN}."])
