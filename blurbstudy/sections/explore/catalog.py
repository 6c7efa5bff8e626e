"""What lies in a run store, laid out for browsing: settings with their seeds, under names that tell them apart."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape

from ...config import Recipe
from ...errors import ParameterError, StoreError, StudyError
from ...stabilizers import stabilizers_of
from ...stats.collapse import GoldReference, failure_reason, load_references
from ...store.custom_tasks import stored_task
from ...store.index import condition_key, open_index
from ...store.run_store import RunStore
from ...study.study import Study
from ...tables.table import Answer, Table, counted
from ...tasks import Task
from ...training.run_record import RunRecord
from .grids import Parameters


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A sentence in the place of a table or figure that cannot be made."""

    text: str

    def _repr_html_(self) -> str:
        return f'<p class="notice">{escape(self.text)}</p>'


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Runs of one encoder on one task that differ in their seed alone."""

    key: str  # the same for the same runs in every session
    name: str  # what tells it from the other settings of its task
    encoder: str  # display name
    task: Task
    data: str  # fingerprint of the task's files
    recipe: Recipe
    runs: Mapping[int, RunRecord] = field(repr=False)  # seed -> run, without its predictions

    @property
    def title(self) -> str:
        """With encoder and task."""
        return f"{self.encoder} · {self.task.name} · {self.name}"


@dataclass(frozen=True, kw_only=True)
class Explored:
    """A run store as it was read last."""

    store: RunStore
    origin: str  # for captions
    remedy: str  # how an empty store is filled
    settings: tuple[Setting, ...]
    unreadable: tuple[str, ...] = ()  # one line per record that is torn
    layers: Mapping[str, int] = field(default_factory=dict)  # display name -> layers of its encoder
    train_sizes: Mapping[str, int] = field(default_factory=dict)  # task -> examples to train on
    _references: dict[tuple[str, str], GoldReference] = field(default_factory=dict, repr=False)
    _failures: dict[str, str | None] = field(default_factory=dict, repr=False)

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """Tasks with runs, those with the most settings first."""
        counts: dict[str, int] = {}
        for setting in self.settings:
            counts[setting.task.name] = counts.get(setting.task.name, 0) + 1
        return tuple(sorted(counts, key=lambda name: -counts[name]))

    @cached_property
    def encoders(self) -> tuple[str, ...]:
        """Encoders with runs, by display name."""
        return tuple(dict.fromkeys(setting.encoder for setting in self.settings))

    def chosen(self, *, task: str = "", encoder: str = "", words: str = "") -> list[Setting]:
        """The settings of a task and an encoder (empty: of all) whose name holds all of some words."""
        wanted = words.lower().split()
        return [
            setting
            for setting in self.settings
            if task in ("", setting.task.name)
            and encoder in ("", setting.encoder)
            and all(word in setting.title.lower() for word in wanted)
        ]

    def setting(self, key: str) -> Setting:
        """The setting of that key."""
        return next(setting for setting in self.settings if setting.key == key)

    def records(self, setting: Setting) -> list[RunRecord]:
        """The setting's runs with their predictions, by seed.

        Raises:
            StoreError: a record has gone or is torn meanwhile.
        """
        found = [self.store.get(run.id) for run in setting.runs.values()]
        if None in found:
            raise StoreError(f"{setting.title}: its runs are no longer in the store; read it again")
        return found

    def references(self, setting: Setting) -> dict[str, GoldReference]:
        """The gold labels of the setting's task.

        Raises:
            StoreError: the store does not hold them.
        """
        key = (setting.task.name, setting.data)
        if key not in self._references:
            self._references[key] = load_references(self.store, {setting.task.name: setting.data})[setting.task.name]
        return {setting.task.name: self._references[key]}

    def failures(self, setting: Setting) -> dict[int, str | None]:
        """Seed -> why its run failed, judged on dev, or None; each run is judged once."""
        reference = self.references(setting)[setting.task.name]
        if any(run.id not in self._failures for run in setting.runs.values()):
            self._failures.update({record.id: failure_reason(record, reference) for record in self.records(setting)})
        return {seed: self._failures[run.id] for seed, run in setting.runs.items()}

    def caption(self, settings: Iterable[Setting]) -> str:
        """Runs, seeds, commit, parameters: where what is shown comes from."""
        runs = [run for setting in settings for run in setting.runs.values()]
        seeds = sorted({run.config.seed for run in runs})
        commits = sorted({str(run.environment.get("commit") or "unknown") for run in runs})
        said = f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}" if seeds else "no seeds"
        return f"{counted(len(runs), 'run')} · {said} · commit {' and '.join(commits) or 'none'} · {self.origin}"

    @property
    def empty(self) -> Notice:
        """What is said where there is nothing to show."""
        torn = f" {counted(len(self.unreadable), 'file')} in it cannot be read." if self.unreadable else ""
        return Notice(text=f"This run store holds no runs yet.{torn} {self.remedy}")


def open_catalog(study: Study[Parameters]) -> Explored:
    """The notebook's run store as it is now; nothing is run, and a record that is torn is told, not raised."""
    return read_store(
        study.store,
        origin=study.origin,
        remedy=f"Fill it by: blurbstudy run --scale {study.parameters.scale}, then run this notebook again.",
    )


def read_store(store: RunStore, *, origin: str = "", remedy: str = "") -> Explored:
    """Every run of a store, without predictions (they are read when they are asked for)."""
    with open_index(store) as index:
        outlines, unreadable = index.runs(), index.errors()
    encoders = sorted(store.all_metadata("encoders").values(), key=lambda fact: fact["name"])
    return Explored(
        store=store,
        origin=origin,
        remedy=remedy,
        settings=tuple(_settings(outlines, store)),
        unreadable=tuple(unreadable),
        layers={fact["name"]: fact["architecture"]["n_layers"] for fact in encoders},
        train_sizes={fact["task"]: fact["sizes"]["train"] for fact in store.all_metadata("data").values()},
    )


def _settings(outlines: Sequence[RunRecord], store: RunStore) -> list[Setting]:
    """Runs grouped by all but their seed, in the order of tasks, encoders and names."""
    groups: dict[str, dict[int, RunRecord]] = {}
    for record in outlines:
        groups.setdefault(condition_key(record.config), {})[record.config.seed] = record
    encoders = encoder_names(outlines)
    firsts = {key: next(iter(runs.values())).config for key, runs in groups.items()}
    names = {}
    for task in {config.task for config in firsts.values()}:
        recipes = {key: config.recipe for key, config in firsts.items() if config.task == task}
        more = {key: (firsts[key].precision, firsts[key].data_fingerprint[:6]) for key in recipes}
        names |= setting_names(recipes, more)
    found = [
        Setting(
            key=key,
            name=names[key],
            encoder=encoders[config.encoder_fingerprint],
            task=stored_task(store, config.task, config.data_fingerprint),
            data=config.data_fingerprint,
            recipe=config.recipe,
            runs=dict(sorted(groups[key].items())),
        )
        for key, config in firsts.items()
    ]
    return sorted(found, key=lambda one: (one.task.name, one.encoder, len(one.recipe.stabilizers), one.name))


def encoder_names(records: Iterable[RunRecord]) -> dict[str, str]:
    """Fingerprint -> display name; equal names of several encoders are told apart by their fingerprints."""
    names = {record.config.encoder_fingerprint: record.config.encoder_name or "encoder" for record in records}
    several = {name for name in names.values() if list(names.values()).count(name) > 1}
    return {print_: f"{name} ({print_[:6]})" if name in several else name for print_, name in names.items()}


def setting_names(recipes: Mapping[str, Recipe], more: Mapping[str, Sequence[str]] | None = None) -> dict[str, str]:
    """Names for settings of one task: techniques, then what else differs among them; `more` differs beside recipes."""
    fields = {
        key: {name: value for name, value in recipe.to_dict().items() if name != "stabilizers"}
        | {f"also {i}": value for i, value in enumerate((more or {}).get(key, ()))}
        for key, recipe in recipes.items()
    }
    every = list(fields.values())
    differing = [name for name in every[0] if len({values[name] for values in every}) > 1] if every else []
    return {
        key: ", ".join(
            filter(None, [techniques_in_words(r), *(_in_words(name, fields[key][name]) for name in differing)])
        )
        for key, r in recipes.items()
    }


def techniques_in_words(recipe: Recipe) -> str:
    """`Baseline`, or the layer-wise techniques with their settings: `Layer freeze 6 + Layerwise decay 0.8`."""
    said = []
    try:
        chosen = stabilizers_of(recipe)
    except ParameterError:  # a technique of another version
        return " + ".join(recipe.stabilizers)
    for one in chosen:
        shown = [_option(name, value) for name, value in one.options().items()]
        said.append(" ".join([one.title, *filter(None, shown)]))
    return " + ".join(said) or "Baseline"


def _option(name: str, value: object) -> str:
    if name == "pooler":
        return "with pooler" if value else "without pooler"
    if name == "convention":
        return "" if value == "paper" else f"as {value}"
    return f"{value:g}" if isinstance(value, float) else str(value)


_WORDS = {
    "epochs": "{} epochs", "learning_rate": "rate {}", "batch_size": "batches of {}", "max_length": "length {}",
    "n_evaluations": "{} evaluations", "segment_ids": "segment ids {}", "checkpoint_selection": "select {}",
    "head": "head {}",
}  # fmt: skip
_UNSAID = (
    "bias_correction",
    "segment_ids",
    "tag_scheme",
    "checkpoint_selection",
    "head",
    "train_on_dev",
)  # where they are as usual
_SWITCHES = {"bias_correction": "no bias correction", "train_on_dev": "dev joins train"}  # where they are not


def _in_words(name: str, value: object) -> str:
    if name in _UNSAID and value == getattr(Recipe(), name):
        return ""
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    if name in _SWITCHES or name.startswith("also "):
        return _SWITCHES.get(name, shown)
    return "1 epoch" if (name, value) == ("epochs", 1) else _WORDS.get(name, f"{name} {{}}").format(shown)


def store_table(explored: Explored) -> Table | Notice:
    """How many settings and runs there are, by encoder and task."""
    if not explored.settings:
        return explored.empty
    rows = []
    for encoder in explored.encoders:
        cells = []
        for task in explored.tasks:
            mine = explored.chosen(task=task, encoder=encoder)
            runs = sum(len(setting.runs) for setting in mine)
            cells.append(f"{runs} / {len(mine)}" if mine else "–")
        rows.append((encoder, *cells))
    notes = ["Runs / settings. A setting is a recipe with its techniques; its runs differ in their seed alone."]
    notes += [f"Left out, since it cannot be read: {line}" for line in explored.unreadable]
    return Table(
        title="What this run store holds",
        columns=("Encoder", *explored.tasks),
        kind="tight",
        rows=rows,
        caption=explored.caption(explored.settings),
        notes=notes,
    )


def store_answer(explored: Explored) -> Answer:
    """What can be explored, in a few sentences."""
    question = "What can be looked at run by run?"
    if not explored.settings:
        return Answer(question=question, sentences=[explored.empty.text])
    runs = [run for setting in explored.settings for run in setting.runs.values()]
    lost = sum(run.status != "finished" for run in runs)
    hours = sum(run.seconds for run in runs) / 3600
    sentences = [
        f"{counted(len(runs), 'run')} in {counted(len(explored.settings), 'setting')}: "
        f"{counted(len(explored.encoders), 'encoder')} on {counted(len(explored.tasks), 'task')}, {hours:.2g} hours of "
        f"training. In {lost or 'none'} of them the loss diverged.",
        "This notebook, opened in JupyterLab (make lab), lets one pick techniques and see what they do to each depth, "
        "browse these runs down to single predictions, compare two settings, and watch a small fine-tuning.",
    ]
    if explored.unreadable:
        sentences.append(f"{counted(len(explored.unreadable), 'record')} cannot be read and is left out.")
    return Answer(question=question, sentences=sentences)


def save_parameters_if_possible(study: Study) -> None:
    """Save the parameters in the store, so that a report has this page. A store can be explored without data too."""
    with contextlib.suppress(StudyError):  # no data folder is named: parameters that were saved before stay
        study.save_parameters()
