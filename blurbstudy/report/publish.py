"""Publishes a run store without text, gold labels and predictions: all that a report needs, in a file to commit."""

from __future__ import annotations

import io
import json
import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import cast

import numpy as np

from ..config import TRAINER_REVISION, JsonMapping, JsonObject, canonical_json
from ..engine.sources.baselines import MODEL_METADATA
from ..engine.sources.sources import PENDING_ENCODERS
from ..engine.zero_shot import METADATA as ZERO_SHOT
from ..errors import StoreError
from ..filesystem import atomic_write, disk_errors
from ..search.search import METADATA_KIND as SEARCHES
from ..sections import get_section, scispacy
from ..sections.overview.data_audit import AUDIT_METADATA, VOCABULARY_METADATA
from ..sections.scispacy.scores import published_systems, scispacy_baselines
from ..stats.published_scores.publish import publish_dataset
from ..stats.published_scores.reference import has_published, published_file
from ..stats.references import MENTION_LISTS, UNIT_ORDER, SplitScore, load_gold
from ..store.run_store import RunStore
from ..study.parameters import hub_id
from ..study.study import NOTEBOOK_METADATA, Study, stored_study
from ..tables.seeds import seeds_cells
from ..tasks import TASKS
from ..training.run_record import RunRecord
from .published_archive import ARCHIVE, README, write_archive

# Kinds of metadata that are published: parameters, names, sizes, counts, scores. The tags of scispaCy's models are not.
KINDS = (
    NOTEBOOK_METADATA,
    "data",
    "encoders",
    PENDING_ENCODERS,
    MENTION_LISTS,
    AUDIT_METADATA,
    VOCABULARY_METADATA,
    SEARCHES,
    ZERO_SHOT,
    MODEL_METADATA,
)
SEEDS_TABLES = ("02_optimization_ablation", "03_layer_adaptation")  # notebooks that show agreement and ensembles

OnProgress = Callable[[str, int, int], None]  # action, datasets done, datasets in all


@dataclass(frozen=True, kw_only=True)
class PublishSummary:
    """What was published."""

    file: Path
    runs: int
    datasets: int
    other_revision: int  # runs of another version of this package, left out
    other_tasks: int  # runs on tasks that are not BLURB's, left out


def publish_store(
    store: RunStore, folder: Path, *, scale: str, on_progress: OnProgress = lambda *_: None
) -> PublishSummary:
    """Write the archive of a store and its README into a folder, replacing older ones.

    The first publication gives the store a secret order of its resampling units. Its own reports draw by it from then
    on, so that their bootstrap intervals are those of the archive.

    Raises:
        StoreError: the store has no runs, lacks gold labels of some, or is itself unpacked from published records.
        DiskError: the folder or the store cannot be written.
    """
    records, other_revision, other_tasks = _records(store)
    groups: dict[tuple[str, str], list[RunRecord]] = defaultdict(list, {dataset: [] for dataset in _datasets(store)})
    for record in records:
        groups[record.config.task, record.config.data_fingerprint].append(record)
    for task, data in groups:
        load_gold(store, {task: data})  # all of them, before anything is written
    if store.metadata(UNIT_ORDER, UNIT_ORDER) is None:
        store.put_metadata(UNIT_ORDER, UNIT_ORDER, {"secret": secrets.token_hex(16)})
    cells, systems, published = _seeds_cells(store), _systems(store), {}
    for done, ((task, data), runs) in enumerate(sorted(groups.items()), 1):
        reference = load_gold(store, {task: data})[task]
        of_task = [cell for cell in cells if (cell[0].config.task, cell[0].config.data_fingerprint) == (task, data)]
        of_systems = systems.get((task, data), {})
        numbers, arrays = publish_dataset(reference, runs, cells=of_task, systems=of_systems)
        published[published_file(task, data, "json")] = canonical_json(numbers).encode()
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=False, **(arrays if runs else {}))
        published[published_file(task, data, "npz")] = stream.getvalue()
        on_progress("publishing", done, len(groups))
    file = folder / ARCHIVE
    names = sorted({str(record.environment["machine"]) for record in records if "machine" in record.environment})
    machines = {name: number for number, name in enumerate(names, 1)}
    values = (_published_record(store, record, machines=machines) for record in records)
    write_archive(file, records=values, facts=_facts(store), published=published)
    summary = PublishSummary(
        file=file,
        runs=len(records),
        datasets=sum(bool(runs) for runs in groups.values()),
        other_revision=other_revision,
        other_tasks=other_tasks,
    )
    with disk_errors(folder, "name another folder (--out)"):
        atomic_write(folder / README, _readme(summary, records, scale=scale))
    return summary


def stored_scale(store: RunStore) -> str:
    """The scale that the store's notebooks were executed at.
    Raises StoreError: none was executed, or they were at several scales.
    """
    scales = sorted({str(values["scale"]) for values in store.all_metadata(NOTEBOOK_METADATA).values()})
    if len(scales) != 1:
        problem = f"notebooks of the scales {', '.join(scales)}" if scales else "no notebook was executed"
        raise StoreError(f"{store.folder}: {problem}; publish the store of one scale (blurbstudy run --scale SCALE)")
    return scales[0]


def _records(store: RunStore) -> tuple[list[RunRecord], int, int]:
    """The records to publish, and the numbers of those of another revision and of other tasks."""
    if has_published(store):
        raise StoreError(f"{store.folder}: holds published records; publish the store that they are from")
    current = store.records()
    known = {task.name for task in TASKS}
    records = [record for record in current if record.config.task in known]
    if not records:
        raise StoreError(f"{store.folder}: has no runs on BLURB's tasks; make them first (blurbstudy run)")
    return records, len(store) - len(current), len(current) - len(records)


def _datasets(store: RunStore) -> list[tuple[str, str]]:
    """(Task, fingerprint) of the datasets that notebooks name and whose gold labels are here, with runs or without."""
    notebooks = store.all_metadata(NOTEBOOK_METADATA)
    named = {text.rstrip("/") for values in notebooks.values() for text in _texts(values)}
    facts = store.all_metadata("data")
    used = [values for name, values in facts.items() if _is_of_study("data", name, values, named)]
    datasets = [(str(values["task"]), str(values["fingerprint"])) for values in used]
    return [(task, data) for task, data in datasets if store.has_gold(task, data, "train")]


def _published_record(store: RunStore, record: RunRecord, *, machines: Mapping[str, int]) -> JsonObject:
    """A record as its file has it, without predictions, its machine by number."""
    path = store.folder / "runs" / record.id[:2] / f"{record.id}.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    environment = values["environment"]
    if "machine" in environment:
        environment = environment | {"machine": f"machine {machines[environment['machine']]}"}
    return values | {"predictions": {}, "probabilities": {}, "last_predictions": {}, "environment": environment}


def _seeds_cells(store: RunStore) -> list[Sequence[RunRecord]]:
    """The cells whose agreement and ensembles some table shows."""
    cells: dict[frozenset[str], Sequence[RunRecord]] = {}
    for notebook in SEEDS_TABLES:
        values = store.metadata(NOTEBOOK_METADATA, notebook)
        if values is None:
            continue
        study = stored_study(get_section(notebook), values, store=store.folder)
        for grid in study.section.grids(study).values():
            for records in seeds_cells(study.results(grid)).values():
                cells[frozenset(record.id for record in records)] = records
    return list(cells.values())


def _systems(store: RunStore) -> dict[tuple[str, str], dict[str, dict[str, SplitScore]]]:
    """(Task, data) -> scores of scispaCy's models."""
    values = store.metadata(NOTEBOOK_METADATA, scispacy.NOTEBOOK)
    if values is None:
        return {}
    study = stored_study(get_section(scispacy.NOTEBOOK), values, store=store.folder)
    baselines = scispacy_baselines(cast("Study[scispacy.Parameters]", study))
    return {(task, baselines.references[task].data): scores for task, scores in published_systems(baselines).items()}


def _facts(store: RunStore) -> list[JsonObject]:
    """The metadata to publish, of BLURB's tasks and of what the notebooks name; of paths of this machine only the last
    part.
    """
    notebooks = store.all_metadata(NOTEBOOK_METADATA)
    named = {(hub_id(text) or "").rstrip("/") for values in notebooks.values() for text in _texts(values)}
    facts = [
        {"kind": kind, "name": name, "values": _without_sentences(values)}
        for kind in KINDS
        for name, values in store.all_metadata(kind).items()
        if _is_of_study(kind, name, values, named)
    ]
    for fact in facts:
        if fact["kind"] == NOTEBOOK_METADATA:
            fact["values"] = fact["values"] | dict.fromkeys({"store", "search_database"} & set(fact["values"]))
    paths = {text for text in named if text.startswith("~") or PurePath(text).is_absolute()}
    longest_first = sorted(paths, key=len, reverse=True)
    return [{name: _without_paths(value, longest_first) for name, value in fact.items()} for fact in facts]


def _is_of_study(kind: str, name: str, values: JsonMapping, named: set[str]) -> bool:
    """Whether metadata are of one of BLURB's tasks, or of data and encoders that a notebook's parameters name."""
    tasks = [task.name for task in TASKS]
    if kind == "data":
        return values["task"] in tasks and str(values["data"]).rstrip("/") in named
    if kind in ("encoders", PENDING_ENCODERS):
        return any(f" from {text}" in name for text in named)
    if kind in (MENTION_LISTS, AUDIT_METADATA, SEARCHES, ZERO_SHOT):
        return any(name.startswith(f"{task} ") for task in tasks)
    return True


def _without_sentences(values: object) -> object:
    """Counts without those of single sentences (`kept`: words within a limit, by index of the sentence)."""
    if isinstance(values, dict):
        return {name: _without_sentences(entry) for name, entry in values.items() if name != "kept"}
    return values


def _texts(value: object) -> set[str]:
    """The texts among the values of a notebook's parameters."""
    if isinstance(value, dict):
        return set().union(*map(_texts, value.values()), set())
    if isinstance(value, list):
        return set().union(*map(_texts, value), set())
    return {value} if isinstance(value, str) and value else set()


def _without_paths(value: object, paths: Sequence[str]) -> object:
    if isinstance(value, dict):
        return {_without_paths(name, paths): _without_paths(entry, paths) for name, entry in value.items()}
    if isinstance(value, list):
        return [_without_paths(entry, paths) for entry in value]
    if isinstance(value, str):
        for path in paths:
            value = value.replace(path, PurePath(path).name)
    return value


def _readme(summary: PublishSummary, records: Sequence[RunRecord], *, scale: str) -> str:
    commits = sorted({str(record.environment.get("commit") or "unknown") for record in records})
    tasks = sorted({record.config.task for record in records})
    left_out = [
        f"{count} {what}"
        for count, what in (
            (summary.other_revision, "runs of other revisions"),
            (summary.other_tasks, "runs on tasks that are not BLURB's"),
        )
        if count
    ]
    return f"""# Published records of the study at scale {scale}

`{ARCHIVE}` holds the records of {summary.runs:,} fine-tuning runs on {summary.datasets} datasets
({", ".join(tasks)}),
of trainer revision {TRAINER_REVISION}, made at commit {" and ".join(commits)}.
`blurbstudy report --scale {scale}` makes the report of them without data, encoders, training or network.

It was written by `blurbstudy store publish --scale {scale}`. It contains no text, no gold labels, no predictions, and
no ids of documents or sentences, because the terms of the datasets do not allow passing them on. Instead it holds

- of each run: settings, status, learning curve, losses, scores, time, versions;
- of its test score: the metric's counts by document or example, in a secret order; of correlations (BIOSSES) only the
  covariances between runs;
- of each dataset: sizes, counts of the audit, scores of trivial baselines;
- agreement and ensembles of seeds, computed where the predictions are.

Tables of single predictions, of scoring conventions and of scispaCy's own scorer need the data; the pages say so.
What else was left out: {"; ".join(left_out) or "nothing"}. See "Published records" in `docs/reproduction.md`.
"""
