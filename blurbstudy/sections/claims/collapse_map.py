"""Where fine-tuning collapses: the share of failed runs over settings x tasks, as a table whose cells are shaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from ...stabilizers import RemoveLayers
from ...stats.collapse import failure_reason
from ...stats.intervals import wilson_interval
from ...study.grid import Condition, Grid, Results
from ...tables.table import HtmlCell, KeyFinding, Table
from ...tasks import ALL_TASKS
from .evidence import Evidence

SHARED = "One recipe per task"  # the setting of the grid whose columns are objectives
SHADES = (0.0, 0.1, 0.25, 0.5, 0.75)  # upper bounds of the first five of six shades
EXCLUDED_NOTEBOOK = "00_overview"  # its one run is there to be scored in several ways, not to be compared
MAX_NAMED = 3  # settings that a sentence names
QUESTION = "Which settings are safe?"


@dataclass(frozen=True, kw_only=True)
class FailureCount:
    """Runs of one setting on one task."""

    failed: Mapping[str, bool]  # run id -> whether it failed on dev

    @property
    def n(self) -> int:
        """How many runs."""
        return len(self.failed)

    @property
    def n_failed(self) -> int:
        """How many of them failed."""
        return sum(self.failed.values())


FailureCounts = dict[str, dict[str, FailureCount]]  # row -> task -> tally


def count_failures(evidence: Evidence, *, by_encoder: bool = False) -> FailureCounts:
    """Setting (with `by_encoder`: encoder and setting) -> task -> its runs; of settings with the very runs of others
    the first is kept, with their names.
    """
    found: dict[str, dict[str, dict[str, bool]]] = {}
    known: dict[str, bool] = {}
    compared = [grids for stem, grids in evidence.results.items() if stem != EXCLUDED_NOTEBOOK]
    for grids in compared:
        for results in grids.values():
            for key in results.grid.cells:
                row = _row(results.grid, key, by_encoder=by_encoder)
                for config in results.grid.cells[key]:
                    # Where dev joined train a run is judged by less, and would look safer than it is.
                    if config.id in results.records and not config.recipe.train_on_dev:
                        failed = _failed(results, config.id, known)
                        found.setdefault(row, {}).setdefault(config.task, {})[config.id] = failed
    return {
        row: {task: FailureCount(failed=runs) for task, runs in tasks.items()} for row, tasks in _merged(found).items()
    }


def _row(grid: Grid, key: Condition, *, by_encoder: bool) -> str:
    encoder, setting = (key.level, SHARED) if grid.axes.group is None else (key.group, key.level)
    if any(isinstance(one, RemoveLayers) for techniques in grid.techniques.values() for one in techniques):
        setting += " layers removed"
    return f"{encoder} · {setting}" if by_encoder else setting


def _failed(results: Results, run_id: str, known: dict[str, bool]) -> bool:
    if run_id not in known:
        record = results.records[run_id]
        known[run_id] = failure_reason(record, results.references[record.config.task]) is not None
    return known[run_id]


def _merged(found: dict[str, dict[str, dict[str, bool]]]) -> dict[str, dict[str, dict[str, bool]]]:
    """Rows whose runs are all in an earlier row are named there instead."""
    kept: dict[str, dict[str, dict[str, bool]]] = {}
    names: dict[str, list[str]] = {}
    for row, tasks in found.items():
        runs = {run for one in tasks.values() for run in one}
        same = next((r for r, own in kept.items() if runs <= {run for one in own.values() for run in one}), None)
        if same is None:
            kept[row], names[row] = tasks, []
        else:
            names[same].append(row.split(" · ")[-1])
    return {f"{row}\nalso {', '.join(names[row])}" if names[row] else row: tasks for row, tasks in kept.items()}


def collapse_table(evidence: Evidence, *, by_encoder: bool = False, front: bool = False) -> Table:
    """Settings x tasks, each cell the share of runs that failed; all encoders together unless they are told apart."""
    rows_of = count_failures(evidence, by_encoder=by_encoder)
    tasks = [task.name for task in ALL_TASKS if any(task.name in own for own in rows_of.values())]
    rows = [(row, *(_cell(own.get(task)) for task in tasks)) for row, own in rows_of.items()]
    runs = {
        f"{row.splitlines()[0]}, {task}": tuple(tally.failed)
        for row, own in rows_of.items()
        for task, tally in own.items()
    }
    title = "Where fine-tuning collapses, encoder by encoder" if by_encoder else "Where fine-tuning collapses"
    together = "" if by_encoder else " All encoders together."
    notes = [
        f"Failed runs of all runs of a setting (row) on a task (column); the darker, the more.{together} Failed: the "
        "loss diverged, constant predictions, or a dev score that cannot be told from the trivial one. "
        "Runs whose dev joined train are left out, since no dev is there to judge them on."
    ]
    return Table(title=title, columns=("Setting", *tasks), rows=rows or [("no runs yet",)], caption=evidence.caption,
                 notes=notes, runs=runs, kind="heat", front_page_question=QUESTION if front else "")  # fmt: skip


def _cell(tally: FailureCount | None) -> HtmlCell:
    if tally is None:
        return HtmlCell(markup='<span class="shade none">–</span>', text="–")
    share = tally.n_failed / tally.n
    shade = sum(share > bound for bound in SHADES)
    text = f"{tally.n_failed}/{tally.n}"
    said = f"{tally.n_failed} of {tally.n} runs failed"
    markup = f'<span class="shade s{shade}" title="{escape(said, quote=True)}">{text}</span>'
    return HtmlCell(markup=markup, text=text, value=share)


def safety_answer(evidence: Evidence) -> KeyFinding:
    """Which settings were never seen to fail, how sure that is, and where runs fail most."""
    rates = {}
    for row, own in count_failures(evidence).items():
        runs = sum(tally.n for tally in own.values())
        rates[row.splitlines()[0]] = (sum(tally.n_failed for tally in own.values()), runs, tuple(own))
    if not rates:
        return KeyFinding(question=QUESTION, sentences=["Nothing has been run yet."], on_front_page=True)
    said = [_safe(rates), _unsafe(rates), *_tasks(evidence)]
    return KeyFinding(question=QUESTION, sentences=[text for text in said if text], on_front_page=True)


Rates = Mapping[str, tuple[int, int, Sequence[str]]]  # setting -> failed, runs, tasks


def _safe(rates: Rates) -> str:
    never = {row: (n, tasks) for row, (failed, n, tasks) in rates.items() if not failed}
    if not never:
        return "No setting is free of collapsed runs on all the tasks that it was tried on."
    named = "; ".join(
        f"{row} (0 of {n}: with 95% confidence fewer than {100 * (wilson_interval(0, n) or (0.0, 1.0))[1]:.0f} in "
        f"100, on {_listed(tasks)})"
        for row, (n, tasks) in never.items()
    )
    return f"No run collapsed under: {named}."


def _unsafe(rates: Rates) -> str:
    worst = sorted(((f / n, row, f, n, t) for row, (f, n, t) in rates.items() if f), key=lambda e: -e[0])[:MAX_NAMED]
    named = "; ".join(f"{row} ({failed} of {n}, on {_listed(tasks)})" for _, row, failed, n, tasks in worst)
    return f"Collapse is most frequent under: {named}." if worst else ""


def _tasks(evidence: Evidence) -> list[str]:
    """On which tasks nothing ever fails, and on which everything does, whatever the setting."""
    own: dict[str, dict[str, bool]] = {}
    for tasks in count_failures(evidence).values():
        for task, tally in tasks.items():
            own.setdefault(task, {}).update(tally.failed)
    said = []
    for words, wanted in (("collapsed in no run", 0.0), ("collapsed in every run", 1.0)):
        names = [task for task, runs in own.items() if sum(runs.values()) / len(runs) == wanted]
        if names:
            said.append(f"Whatever the setting, fine-tuning {words} on {_listed(names)}.")
    return said


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= MAX_NAMED + 2 else f"{len(names)} tasks"
