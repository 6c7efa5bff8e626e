"""Where fine-tuning collapses: the share of collapsed runs by setting and task, as a table with shaded cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from ...config import RunConfig
from ...stabilizers import RemoveLayers
from ...stats.intervals import wilson_interval
from ...stats.status import COLLAPSED_NOTE, RunStatus, judge_run
from ...study.grid import DEFAULT_RECIPE, Condition, Results
from ...tables.comparison_table import all_with
from ...tables.table import Cell, HtmlCell, KeyFinding, RowHeader, Table
from ...tasks import ALL_TASKS
from .evidence import Evidence
from .gains import encoder_of
from .names import setting_name

SHADES = (0.0, 0.05, 0.15, 0.35, 0.6)  # upper bounds of the first five of six shades
EXCLUDED_NOTEBOOK = "00_overview"  # its one run is scored by several conventions, not compared
MAX_NAMED = 3  # settings that a sentence names
QUESTION = "Which settings are safe?"


@dataclass(frozen=True, kw_only=True)
class StatusCount:
    """Runs of one setting on one task, or on several."""

    statuses: Mapping[str, RunStatus]  # by run id

    @property
    def n(self) -> int:
        return len(self.statuses)

    @property
    def n_collapsed(self) -> int:
        return sum(status.collapsed for status in self.statuses.values())

    def __str__(self) -> str:
        """`1 diverged, 2 not trained, 2 better than trivial`."""
        counts = Counter(self.statuses.values())
        return ", ".join(f"{counts[status]} {status.value}" for status in RunStatus if counts[status])


@dataclass(frozen=True, kw_only=True)
class SettingStatuses:
    """The runs of one setting (of one encoder, or of all together), by task."""

    setting: str
    encoder: str = ""  # '': all
    by_task: Mapping[str, StatusCount]
    aliases: list[str] = field(default_factory=list)  # later settings all of whose runs are among these

    @property
    def name(self) -> str:
        return f"{self.encoder} · {self.setting}" if self.encoder else self.setting

    @property
    def run_ids(self) -> set[str]:
        return {run_id for count in self.by_task.values() for run_id in count.statuses}

    @property
    def total(self) -> StatusCount:
        return StatusCount(statuses={run: s for count in self.by_task.values() for run, s in count.statuses.items()})


def count_statuses(evidence: Evidence, *, by_encoder: bool = False) -> list[SettingStatuses]:
    """The runs of every setting; a setting without runs of its own is an alias of an earlier one."""
    statuses: dict[tuple[str, str], dict[str, dict[str, RunStatus]]] = {}
    known: dict[str, RunStatus] = {}
    for encoder, setting, config, results in _finished_runs(evidence):
        if config.id not in known:
            known[config.id] = judge_run(results.records[config.id], results.references[config.task]).status
        key = (encoder if by_encoder else "", setting)
        statuses.setdefault(key, {}).setdefault(config.task, {})[config.id] = known[config.id]
    rows: list[SettingStatuses] = []
    for (encoder, setting), tasks in statuses.items():
        by_task = {task: StatusCount(statuses=runs) for task, runs in tasks.items()}
        row = SettingStatuses(setting=setting, encoder=encoder, by_task=by_task)
        same = next((earlier for earlier in rows if row.run_ids <= earlier.run_ids), None)
        if same is None:
            rows.append(row)
        else:
            same.aliases.append(setting)
    return rows


def _finished_runs(evidence: Evidence) -> Iterator[tuple[str, str, RunConfig, Results]]:
    """(Encoder, setting, run, its results)."""
    for notebook, grids in evidence.results.items():
        for results in grids.values() if notebook != EXCLUDED_NOTEBOOK else ():
            for condition, configs in results.grid.cells.items():
                encoder, setting = _encoder_and_setting(results, condition)
                for config in configs:
                    if config.id in results.records:
                        yield encoder, setting, config, results


def _encoder_and_setting(results: Results, condition: Condition) -> tuple[str, str]:
    grid = results.grid
    if grid.axes.group is None:
        return condition.level, DEFAULT_RECIPE
    removes = any(isinstance(t, RemoveLayers) for techniques in grid.techniques.values() for t in techniques)
    return encoder_of(results, condition), setting_name(
        f"{condition.level} layers removed" if removes else condition.level
    )


def collapse_table(evidence: Evidence, *, by_encoder: bool = False, front: bool = False) -> Table:
    """The share of collapsed runs of each setting on each task, with all encoders together unless `by_encoder`."""
    settings = count_statuses(evidence, by_encoder=by_encoder)
    tasks = [task.name for task in ALL_TASKS if any(task.name in setting.by_task for setting in settings)]
    rows: list[tuple[Cell, ...]] = []
    for setting in settings:
        aliases = f"also {', '.join(setting.aliases)}"
        header = RowHeader(setting.name, aliases) if setting.aliases else setting.name
        rows.append((header, *(_cell(setting.by_task.get(task), task) for task in tasks)))
    runs = {
        f"{setting.name}, {task}": tuple(count.statuses)
        for setting in settings
        for task, count in setting.by_task.items()
    }
    together = "" if by_encoder else " All encoders together."
    notes = [
        f"Collapsed runs of all runs of a setting (row) on a task (column).{together} The darker, the higher the "
        "rate that these runs prove (the lower end of its 95% interval), so 1 of 1 is lighter than 12 of 12."
    ]
    legend = [f"{COLLAPSED_NOTE} Point at a cell for the statuses of its runs. {DEFAULT_RECIPE}: also two segment ids."]
    return Table(
        title="Where fine-tuning collapses, encoder by encoder" if by_encoder else "Where fine-tuning collapses",
        columns=("Setting", *tasks),
        rows=rows or [("no runs yet",)],
        caption=evidence.caption,
        notes=notes,
        legend=legend,
        runs=runs,
        kind="heat",
        folded=by_encoder,
        front_page_question=QUESTION if front else "",
    )


def _cell(count: StatusCount | None, task: str) -> HtmlCell:
    if count is None:
        return HtmlCell(markup='<span class="shade none">–</span>', text="–")
    interval = wilson_interval(count.n_collapsed, count.n)
    assert interval is not None  # n > 0
    at_least = interval[0] if count.n_collapsed else 0.0
    shade = sum(at_least > bound for bound in SHADES)
    text, title = f"{count.n_collapsed}/{count.n}", escape(str(count), quote=True)
    markup = f'<small class="task">{escape(task)}</small><span class="shade s{shade}" title="{title}">{text}</span>'
    return HtmlCell(markup=markup, text=text, value=count.n_collapsed / count.n)


def safety_answer(evidence: Evidence) -> KeyFinding:
    """Which settings never collapsed, how certain that is, and where runs collapse most."""
    settings = count_statuses(evidence)
    if not settings:
        return KeyFinding(question=QUESTION, sentences=["Nothing has been run yet."], on_front_page=True)
    sentences = [_safe_settings(settings), *_unsafe_settings(settings, count_statuses(evidence, by_encoder=True))]
    sentences += [*_default_recipe(settings), *_extreme_tasks(settings), _scope(evidence)]
    return KeyFinding(question=QUESTION, sentences=sentences, on_front_page=True)


def _scope(evidence: Evidence) -> str:
    """How many runs there are, of which encoders and tasks."""
    runs = {config.id: (encoder, config.task) for encoder, _, config, _ in _finished_runs(evidence)}
    encoders, tasks = ([*dict.fromkeys(names)] for names in zip(*runs.values(), strict=True))
    every = {run for grids in evidence.results.values() for results in grids.values() for run in results.records}
    rest = f" of the study's {len(every):,} runs, those that are compared," if len(every) > len(runs) else " runs"
    layers = {
        name: n for grids in evidence.results.values() for r in grids.values() for name, n in r.grid.layers.items()
    }
    named = [
        f"{name} ({layers[name]} layers)" if name in layers and "layers" not in name else name for name in encoders
    ]
    return (
        f"This rests on {len(runs):,}{rest} of {_list(named)}, on {_list_tasks(tasks)}. Collapse is judged by the "
        "training loss; a collapsed run can still score above the trivial prediction."
    )


def _safe_settings(settings: Sequence[SettingStatuses]) -> str:
    safe: dict[tuple[int, str], list[str]] = {}  # (runs, tasks) -> settings
    for setting in settings:
        if setting.total.n and not setting.total.n_collapsed:
            safe.setdefault((setting.total.n, _list_tasks(list(setting.by_task))), []).append(setting.name)
    if not safe:
        return "Every setting had collapsed runs on at least one task."
    listed = []
    for (n, tasks), names in safe.items():
        interval = wilson_interval(0, n)
        assert interval is not None  # n > 0
        each = " each" if len(names) > 1 else ""
        limit = f"{'95% interval ' * (not listed)}up to {100 * interval[1]:.0f}%"
        listed.append(f"{', '.join(names)} (0 of {n}{each}, {limit}, on {tasks})")
    return f"No run collapsed under: {'; '.join(listed)}."


def _unsafe_settings(settings: Sequence[SettingStatuses], by_encoder: Sequence[SettingStatuses]) -> list[str]:
    unsafe = [setting for setting in settings if setting.total.n_collapsed]
    worst = sorted(unsafe, key=lambda setting: -setting.total.n_collapsed / setting.total.n)[:MAX_NAMED]
    listed = "; ".join(f"{s.name} ({s.total.n_collapsed} of {s.total.n}, {_where(s, by_encoder)})" for s in worst)
    if not worst:
        return []
    rate, n_worst = worst[0].total.n_collapsed / worst[0].total.n, len(worst)
    equal = sum(setting.total.n_collapsed / setting.total.n == rate for setting in unsafe) - n_worst
    return [f"Runs collapsed most often under: {listed}{f'; and {equal} more as often' if equal > 0 else ''}."]


def _where(setting: SettingStatuses, by_encoder: Sequence[SettingStatuses]) -> str:
    """The tasks, and the encoder if only one of several, with collapsed runs of a setting."""
    tasks = [task for task, count in setting.by_task.items() if count.n_collapsed]
    every = "all " if len(tasks) < len(setting.by_task) else ""
    encoders = all_with((s.encoder, s.total.n_collapsed) for s in by_encoder if s.setting == setting.setting)
    return f"{every}on {_list_tasks(tasks)}{encoders}"


def _default_recipe(settings: Sequence[SettingStatuses]) -> list[str]:
    """Where the default recipe itself collapsed."""
    counts = [
        f"{task} ({count.n_collapsed} of {count.n})"
        for setting in settings
        if setting.name == DEFAULT_RECIPE
        for task, count in setting.by_task.items()
        if count.n_collapsed
    ]
    return [f"The {DEFAULT_RECIPE.lower()} itself collapsed on {', '.join(counts)}."] if counts else []


def _extreme_tasks(settings: Sequence[SettingStatuses]) -> list[str]:
    """Tasks on which no run, or every run, collapsed."""
    runs_of: dict[str, dict[str, RunStatus]] = {}
    for setting in settings:
        for task, count in setting.by_task.items():
            runs_of.setdefault(task, {}).update(count.statuses)
    never = [task for task, runs in runs_of.items() if not any(status.collapsed for status in runs.values())]
    always = [task for task, runs in runs_of.items() if all(status.collapsed for status in runs.values())]
    parts = [
        f"{which} run collapsed on {_list_tasks(tasks)}" for which, tasks in (("no", never), ("every", always)) if tasks
    ]
    text = "; ".join(parts)
    return [f"{text[0].upper()}{text[1:]}, whatever the setting."] if text else []


def _list(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _list_tasks(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= MAX_NAMED + 2 else f"{len(names)} tasks"
