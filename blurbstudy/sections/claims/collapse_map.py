"""Where fine-tuning collapses: the share of failed runs by setting and task, as a table with shaded cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from ...config import RunConfig
from ...stabilizers import RemoveLayers
from ...stats.collapse import failure_reason
from ...stats.intervals import wilson_interval
from ...study.grid import Condition, Grid, Results
from ...tables.table import HtmlCell, KeyFinding, RowHeader, Table
from ...tasks import ALL_TASKS
from .evidence import Evidence

SHARED = "One recipe per task"  # the setting of the grid whose columns are objectives
SHADES = (0.0, 0.1, 0.25, 0.5, 0.75)  # upper bounds of the first five of six shades
EXCLUDED_NOTEBOOK = "00_overview"  # its one run is scored by several conventions, not compared
MAX_NAMED = 3  # settings that a sentence names
QUESTION = "Which settings are safe?"


@dataclass(frozen=True, kw_only=True)
class FailureCount:
    """Runs of one setting on one task."""

    failed: Mapping[str, bool]  # run id -> whether it failed on dev

    @property
    def n(self) -> int:
        return len(self.failed)

    @property
    def n_failed(self) -> int:
        return sum(self.failed.values())


@dataclass(frozen=True, kw_only=True)
class SettingFailures:
    """Failures of one setting (of one encoder, or of all together), by task."""

    setting: str
    encoder: str = ""  # '': all
    by_task: Mapping[str, FailureCount]
    aliases: list[str] = field(default_factory=list)  # later settings all of whose runs are among these

    @property
    def name(self) -> str:
        return f"{self.encoder} · {self.setting}" if self.encoder else self.setting

    @property
    def run_ids(self) -> set[str]:
        return {run_id for count in self.by_task.values() for run_id in count.failed}

    @property
    def total(self) -> FailureCount:
        """Over all tasks."""
        return FailureCount(
            failed={run: failed for task in self.by_task.values() for run, failed in task.failed.items()}
        )


def count_failures(evidence: Evidence, *, by_encoder: bool = False) -> list[SettingFailures]:
    """The failures of every setting; a setting without runs of its own is an alias of an earlier one."""
    failures: dict[tuple[str, str], dict[str, dict[str, bool]]] = {}
    known: dict[str, bool] = {}
    for encoder, setting, config, results in _finished_runs(evidence):
        if config.id not in known:
            record = results.records[config.id]
            known[config.id] = failure_reason(record, results.references[config.task]) is not None
        key = (encoder if by_encoder else "", setting)
        failures.setdefault(key, {}).setdefault(config.task, {})[config.id] = known[config.id]
    rows: list[SettingFailures] = []
    for (encoder, setting), tasks in failures.items():
        by_task = {task: FailureCount(failed=runs) for task, runs in tasks.items()}
        row = SettingFailures(setting=setting, encoder=encoder, by_task=by_task)
        same = next((earlier for earlier in rows if row.run_ids <= earlier.run_ids), None)
        if same is None:
            rows.append(row)
        else:
            same.aliases.append(setting)
    return rows


def _finished_runs(evidence: Evidence) -> Iterator[tuple[str, str, RunConfig, Results]]:
    """(Encoder, setting, run, its results), without runs trained on dev: judged without dev, they would look safer."""
    for notebook, grids in evidence.results.items():
        for results in grids.values() if notebook != EXCLUDED_NOTEBOOK else ():
            for condition, configs in results.grid.cells.items():
                encoder, setting = _encoder_and_setting(results.grid, condition)
                for config in configs:
                    if config.id in results.records and not config.recipe.train_on_dev:
                        yield encoder, setting, config, results


def _encoder_and_setting(grid: Grid, condition: Condition) -> tuple[str, str]:
    if grid.axes.group is None:
        return condition.level, SHARED
    removes = any(isinstance(t, RemoveLayers) for techniques in grid.techniques.values() for t in techniques)
    return condition.group, f"{condition.level} layers removed" if removes else condition.level


def collapse_table(evidence: Evidence, *, by_encoder: bool = False, front: bool = False) -> Table:
    """The share of failed runs of each setting on each task, with all encoders together unless `by_encoder`."""
    settings = count_failures(evidence, by_encoder=by_encoder)
    tasks = [task.name for task in ALL_TASKS if any(task.name in setting.by_task for setting in settings)]
    rows = [(_header(setting), *(_cell(setting.by_task.get(task)) for task in tasks)) for setting in settings]
    runs = {
        f"{setting.name}, {task}": tuple(count.failed)
        for setting in settings
        for task, count in setting.by_task.items()
    }
    together = "" if by_encoder else " All encoders together."
    notes = [
        f"Failed runs of all runs of a setting (row) on a task (column); darker means more.{together} Failed: the "
        "loss diverged, the predictions are constant, or the dev score is not significantly above the trivial "
        "baseline. Runs trained on train and dev are omitted, since no dev is left to judge them on."
    ]
    return Table(
        title="Where fine-tuning collapses, encoder by encoder" if by_encoder else "Where fine-tuning collapses",
        columns=("Setting", *tasks),
        rows=rows or [("no runs yet",)],
        caption=evidence.caption,
        notes=notes,
        runs=runs,
        kind="heat",
        front_page_question=QUESTION if front else "",
    )


def _header(setting: SettingFailures) -> RowHeader | str:
    return RowHeader(setting.name, f"also {', '.join(setting.aliases)}") if setting.aliases else setting.name


def _cell(count: FailureCount | None) -> HtmlCell:
    if count is None:
        return HtmlCell(markup='<span class="shade none">–</span>', text="–")
    share = count.n_failed / count.n
    shade = sum(share > bound for bound in SHADES)
    text = f"{count.n_failed}/{count.n}"
    title = escape(f"{count.n_failed} of {count.n} runs failed", quote=True)
    return HtmlCell(markup=f'<span class="shade s{shade}" title="{title}">{text}</span>', text=text, value=share)


def safety_answer(evidence: Evidence) -> KeyFinding:
    """Which settings never failed, how certain that is, and where runs fail most."""
    settings = count_failures(evidence)
    if not settings:
        return KeyFinding(question=QUESTION, sentences=["Nothing has been run yet."], on_front_page=True)
    sentences = [_safe_settings(settings), *_unsafe_settings(settings), *_extreme_tasks(settings)]
    return KeyFinding(question=QUESTION, sentences=sentences, on_front_page=True)


def _safe_settings(settings: Sequence[SettingFailures]) -> str:
    safe = []
    for setting in settings:
        n = setting.total.n
        interval = wilson_interval(0, n)
        if not setting.total.n_failed and interval is not None:
            limit = f"{100 * interval[1]:.0f} in 100"
            tasks = _list_tasks(list(setting.by_task))
            safe.append(f"{setting.name} (0 of {n}: with 95% confidence fewer than {limit}, on {tasks})")
    if not safe:
        return "Every setting had failed runs on some of its tasks."
    return f"No run failed under: {'; '.join(safe)}."


def _unsafe_settings(settings: Sequence[SettingFailures]) -> list[str]:
    unsafe = [setting for setting in settings if setting.total.n_failed]
    worst = sorted(unsafe, key=lambda setting: -setting.total.n_failed / setting.total.n)[:MAX_NAMED]
    listed = "; ".join(
        f"{s.name} ({s.total.n_failed} of {s.total.n}, on {_list_tasks(list(s.by_task))})" for s in worst
    )
    return [f"Runs fail most often under: {listed}."] if worst else []


def _extreme_tasks(settings: Sequence[SettingFailures]) -> list[str]:
    """Tasks on which no run, or every run, failed."""
    failed: dict[str, dict[str, bool]] = {}
    for setting in settings:
        for task, count in setting.by_task.items():
            failed.setdefault(task, {}).update(count.failed)
    never = [task for task, runs in failed.items() if not any(runs.values())]
    always = [task for task, runs in failed.items() if all(runs.values())]
    return [
        f"Under every setting, {which} run failed on {_list_tasks(tasks)}."
        for which, tasks in (("no", never), ("every", always))
        if tasks
    ]


def _list_tasks(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= MAX_NAMED + 2 else f"{len(names)} tasks"
