"""The runs of a store for browsing: grouped by everything but their seed, under distinct names."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ...config import OPTIONAL, Recipe, RunConfig
from ...errors import ParameterError, StoreError, StudyError
from ...stabilizers import stabilizers_of
from ...stats.references import Reference, load_references
from ...stats.status import Judgement, judge_run
from ...store.custom_tasks import stored_task
from ...store.index import open_index
from ...store.run_store import RunStore
from ...study.by_hand import runs_by_hand
from ...study.grid import format_seeds
from ...study.study import Study
from ...tables.formatting import format_count
from ...tables.table import KeyFinding, Remark, Table
from ...tasks import Task
from ...training.run_record import RunRecord
from ..parameters import ExploreParameters as Parameters

NO_TECHNIQUE = "No technique"


@dataclass(frozen=True, kw_only=True)
class RunGroup:
    """Runs of one encoder on one task that differ in their seed alone."""

    key: str  # the same for the same runs in every session
    name: str  # distinct among the groups of its task
    encoder: str  # display name
    task: Task
    data: str  # fingerprint of the task's files
    recipe: Recipe
    runs: Mapping[int, RunRecord] = field(repr=False)  # seed -> run, without its predictions

    @property
    def title(self) -> str:
        return f"{self.encoder} · {self.task.name} · {self.name}"


@dataclass(frozen=True, kw_only=True)
class StoreCatalog:
    """The runs of a store when it was last read."""

    store: RunStore
    origin: str  # for captions
    remedy: str  # how to fill an empty store
    groups: tuple[RunGroup, ...]
    unreadable: tuple[str, ...] = ()  # one line per corrupt record
    layers: Mapping[str, int] = field(default_factory=dict)  # display name -> layers of its encoder
    train_sizes: Mapping[str, int] = field(default_factory=dict)  # task -> examples to train on
    _references: dict[tuple[str, str], Reference] = field(default_factory=dict, repr=False)
    _judgements: dict[str, Judgement] = field(default_factory=dict, repr=False)

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """Tasks with runs, those with the most groups first."""
        return tuple(name for name, _ in Counter(group.task.name for group in self.groups).most_common())

    @cached_property
    def encoders(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(group.encoder for group in self.groups))

    @cached_property
    def groups_of_data(self) -> dict[tuple[str, str], list[RunGroup]]:
        """Groups by task and data."""
        groups: dict[tuple[str, str], list[RunGroup]] = {}
        for group in self.groups:
            groups.setdefault((group.task.name, group.data), []).append(group)
        return groups

    def filter(self, *, task: str = "", encoder: str = "", words: str = "") -> list[RunGroup]:
        """The groups of a task and an encoder (empty: of all) whose title contains all `words`, in any case."""
        return [
            group
            for group in self.groups
            if task in ("", group.task.name)
            and encoder in ("", group.encoder)
            and all(word in group.title.lower() for word in words.lower().split())
        ]

    def group(self, key: str) -> RunGroup:
        return next(group for group in self.groups if group.key == key)

    def records(self, group: RunGroup) -> list[RunRecord]:
        """The group's runs with their predictions, by seed.
        Raises StoreError: a record was deleted or corrupted since the store was read.
        """
        return [self.record(group, seed) for seed in group.runs]

    def record(self, group: RunGroup, seed: int) -> RunRecord:
        """One run with its predictions; raises as `records`."""
        record = self.store.get(group.runs[seed].id)
        if record is None:
            raise StoreError(f"{group.title}: the run of seed {seed} is no longer in the store; reload the store")
        return record

    def references(self, group: RunGroup) -> dict[str, Reference]:
        """The gold labels of the group's task, by its name. Raises StoreError: the store does not have them."""
        key = (group.task.name, group.data)
        if key not in self._references:
            self._references[key] = load_references(self.store, {group.task.name: group.data})[group.task.name]
        return {group.task.name: self._references[key]}

    def judgements(self, group: RunGroup) -> dict[int, Judgement]:
        """Seed -> status of its run. Results are cached."""
        reference = self.references(group)[group.task.name]
        if any(run.id not in self._judgements for run in group.runs.values()):
            self._judgements.update({record.id: judge_run(record, reference) for record in self.records(group)})
        return {seed: self._judgements[run.id] for seed, run in group.runs.items()}

    def n_collapsed(self, group: RunGroup) -> int:
        return sum(judgement.status.collapsed for judgement in self.judgements(group).values())

    def caption(self, groups: Iterable[RunGroup]) -> str:
        runs = [run for group in groups for run in group.runs.values()]
        seeds = sorted({run.config.seed for run in runs})
        commits = sorted({str(run.environment.get("commit") or "unknown") for run in runs})
        listed = format_seeds(seeds) if seeds else "no seeds"
        return f"{format_count(len(runs), 'run')} · {listed} · commit {' and '.join(commits) or 'none'} · {self.origin}"

    @property
    def empty(self) -> Remark:
        corrupt = f" {format_count(len(self.unreadable), 'file')} in it cannot be read." if self.unreadable else ""
        return Remark(text=f"This run store has no runs yet.{corrupt} {self.remedy}")


def open_catalog(study: Study[Parameters]) -> StoreCatalog:
    """Read the notebook's run store; a report does so without runs by hand. Corrupt records are listed, none raises."""
    return read_store(
        study.store,
        hidden=frozenset() if study.trains else runs_by_hand(study.store),
        origin=study.provenance,
        remedy=f"To fill it: blurbstudy run --scale {study.parameters.scale}. Then run this notebook again.",
    )


def read_store(store: RunStore, *, hidden: Collection[str] = (), origin: str = "", remedy: str = "") -> StoreCatalog:
    """A store's runs, without those hidden; `records` reads predictions when they are needed."""
    with open_index(store) as index:
        conditions, unreadable = index.conditions(), index.errors()
    encoders = sorted(store.all_metadata("encoders").values(), key=lambda metadata: metadata["name"])
    datasets = list(store.all_metadata("data").values())
    if hidden:
        shown = {key: [run for run in runs if run.id not in hidden] for key, runs in conditions.items()}
        conditions = {key: runs for key, runs in shown.items() if runs}
        configs = [runs[0].config for runs in conditions.values()]
        used = {print_ for config in configs for print_ in (config.encoder_fingerprint, config.data_fingerprint)}
        encoders = [metadata for metadata in encoders if metadata["fingerprint"] in used]
        datasets = [metadata for metadata in datasets if metadata["fingerprint"] in used]
    return StoreCatalog(
        store=store,
        origin=origin,
        remedy=remedy,
        groups=tuple(_settings(conditions, store)),
        unreadable=tuple(unreadable),
        layers={metadata["name"]: metadata["architecture"]["n_layers"] for metadata in encoders},
        train_sizes={data["task"]: data["sizes"]["train"] for data in datasets},
    )


def _settings(conditions: Mapping[str, Sequence[RunRecord]], store: RunStore) -> list[RunGroup]:
    """Runs grouped by everything but their seed, sorted by task, encoder, number of techniques and name.
    `conditions`: as of `RunIndex.conditions`.
    """
    encoders = encoder_names(runs[0] for runs in conditions.values())
    firsts = {key: runs[0].config for key, runs in conditions.items()}
    names: dict[str, str] = {}
    for task in {config.task for config in firsts.values()}:
        recipes = {key: config.recipe for key, config in firsts.items() if config.task == task}
        extra = {key: _describe_data(firsts[key]) for key in recipes}
        names |= group_names(recipes, extra)
    groups = [
        RunGroup(
            key=key,
            name=names[key],
            encoder=encoders[config.encoder_fingerprint],
            task=stored_task(store, config.task, config.data_fingerprint),
            data=config.data_fingerprint,
            recipe=config.recipe,
            runs={run.config.seed: run for run in sorted(conditions[key], key=lambda run: run.config.seed)},
        )
        for key, config in firsts.items()
    ]
    return sorted(groups, key=lambda group: (group.task.name, group.encoder, len(group.recipe.stabilizers), group.name))


def _describe_data(config: RunConfig) -> tuple[str, str, str, str]:
    """What can differ between runs of one task and recipe."""
    splits = f"{config.n_folds} folds" if config.n_folds else "official split"
    return config.precision, config.data_fingerprint[:6], splits, f"{config.train_share:g} of train"


def encoder_names(records: Iterable[RunRecord]) -> dict[str, str]:
    """Fingerprint -> display name; encoders with the same name get the start of their fingerprint added."""
    names = {record.config.encoder_fingerprint: record.config.encoder_name or "encoder" for record in records}
    counts = Counter(names.values())
    return {print_: f"{name} ({print_[:6]})" if counts[name] > 1 else name for print_, name in names.items()}


def group_names(recipes: Mapping[str, Recipe], extra: Mapping[str, Sequence[str]] | None = None) -> dict[str, str]:
    """Names for groups of one task: techniques, then the fields that differ among them. `extra`: further values that
    can differ.
    """
    names = dict.fromkeys(name for recipe in recipes.values() for name in recipe.to_dict() if name != "stabilizers")
    fields = {
        key: {name: getattr(recipe, name) for name in names}
        | {f"extra {i}": value for i, value in enumerate((extra or {}).get(key, ()))}
        for key, recipe in recipes.items()
    }
    every = list(fields.values())
    first = every[0] if every else {}
    differing = [name for name, value in first.items() if any(values[name] != value for values in every)]
    return {
        key: ", ".join(
            filter(None, [describe_techniques(r), *(_describe_field(name, fields[key][name]) for name in differing)])
        )
        for key, r in recipes.items()
    }


def describe_techniques(recipe: Recipe) -> str:
    """`No technique`, or the layer-wise techniques with their options: `Layer freeze 6 + Layerwise decay 0.8`."""
    try:
        stabilizers = stabilizers_of(recipe)
    except ParameterError:  # a technique of another version
        return " + ".join(recipe.stabilizers)
    names = [
        " ".join([s.title, *filter(None, (_describe_option(name, value) for name, value in s.options().items()))])
        for s in stabilizers
    ]
    return " + ".join(names) or NO_TECHNIQUE


def _describe_option(name: str, value: object) -> str:
    if name == "pooler":
        return "with pooler" if value else "without pooler"
    if name == "convention":
        return "" if value == "paper" else f"as {value}"
    return f"{value:g}" if isinstance(value, float) else str(value)


_PHRASES = {
    "epochs": "{} epochs",
    "learning_rate": "rate {}",
    "batch_size": "batches of {}",
    "max_length": "length {}",
    "n_evaluations": "{} evaluations",
    "segment_ids": "segment ids {}",
    "checkpoint_selection": "select {}",
    "head": "head {}",
    "bias_correction": "no bias correction",
    "train_on_dev": "trained on dev too",
}
_OMITTED_DEFAULTS = ("bias_correction", "segment_ids", "tag_scheme", "checkpoint_selection", "head", "train_on_dev")


def _describe_field(name: str, value: object) -> str:
    if name in (*_OMITTED_DEFAULTS, *OPTIONAL) and value == getattr(Recipe(), name):
        return ""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if name.startswith("extra "):
        return text
    return "1 epoch" if (name, value) == ("epochs", 1) else _PHRASES.get(name, f"{name} {{}}").format(text)


def store_table(catalog: StoreCatalog) -> Table | Remark:
    """Number of runs and settings by encoder and task."""
    if not catalog.groups:
        return catalog.empty
    rows = []
    for encoder in catalog.encoders:
        cells = []
        for task in catalog.tasks:
            groups = catalog.filter(task=task, encoder=encoder)
            runs = sum(len(group.runs) for group in groups)
            cells.append(f"{runs} / {len(groups)}" if groups else "–")
        rows.append((encoder, *cells))
    notes = ["Runs / settings. A setting is a recipe with its techniques; its runs differ only in their seed."]
    notes += [f"Omitted because it cannot be read: {line}" for line in catalog.unreadable]
    return Table(
        title="Contents of this run store",
        columns=("Encoder", *catalog.tasks),
        kind="tight",
        rows=rows,
        caption=catalog.caption(catalog.groups),
        notes=notes,
    )


def store_answer(catalog: StoreCatalog) -> KeyFinding:
    """What can be explored, in a few sentences."""
    question = "Which runs can be explored?"
    if not catalog.groups:
        return KeyFinding(question=question, sentences=[catalog.empty.text])
    runs = [run for group in catalog.groups for run in group.runs.values()]
    diverged = sum(run.status != "finished" for run in runs)
    hours = sum(run.seconds for run in runs) / 3600
    sentences = [
        f"{format_count(len(runs), 'run')} in {format_count(len(catalog.groups), 'setting')}: "
        f"{format_count(len(catalog.encoders), 'encoder')} on {format_count(len(catalog.tasks), 'task')}, "
        f"{hours:.2g} hours of training. In {diverged or 'none'} of them the loss diverged. "
        "These are all runs of the store, also those that no table uses."
    ]
    if catalog.unreadable:
        sentences.append(f"Omitted, unreadable: {format_count(len(catalog.unreadable), 'record')}.")
    return KeyFinding(question=question, sentences=sentences)


def save_parameters_if_possible(study: Study) -> None:
    """Save the parameters in the store, so that a report includes this page. Exploring a store needs no data."""
    with contextlib.suppress(StudyError):  # without a data folder, the parameters saved before stay
        study.save_parameters()
