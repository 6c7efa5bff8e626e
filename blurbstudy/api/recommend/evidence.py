"""Evidence on the scores and collapses of a recommended recipe: runs in the user's store, runs of this study, and the
paper's tables. Without evidence there is no estimate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...config import Recipe
from ...engine.sources.sources import MINI, EncoderSource
from ...errors import StudyError
from ...stats.intervals import Interval, wilson_interval
from ...stats.references import GoldReference, load_gold
from ...stats.status import judge_run
from ...store.index import indexed_runs
from ...store.run_store import RunStore
from ...tables.paper import paper_number
from ...tasks import TASKS, Task
from ...training.run_record import RunRecord
from .decision import study_runs
from .task_profile import TaskProfile, family_of, size_of

SIZE_RATIO = 3.0  # training sets of comparable size have at most this many times as many examples, or as few
PAPER_TABLES = {  # (size, pretraining) -> table and columns of encoders with scores on all tasks
    ("BASE", "mlm"): ("table2", ("BERT", "BERT (no NSP)", "BERT (no NSP, single seq)")),
    ("BASE", "electra"): ("table2", ("ELECTRA",)),
    ("LARGE", "mlm"): ("table6", ("PubMedBERT-LARGE", "BioBERT-LARGE", "BlueBERT-LARGE")),
    ("LARGE", "electra"): ("table6", ("PubMedELECTRA-LARGE",)),
}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Runs or printed numbers from one origin."""

    origin: str  # this task | store | study | paper
    description: str  # task, encoders and recipe
    low: float | None  # range of mean test scores (dev without a test set), in percent
    high: float | None
    runs: int = 0  # 0: the origin does not count runs
    seeds: int = 0
    collapsed: int = 0
    failed: int = 0  # collapsed, or no better than trivial on dev

    @property
    def collapse_interval(self) -> Interval | None:
        """Wilson's 95% interval of the rate of collapse; None without runs."""
        return wilson_interval(self.collapsed, self.runs)


def local_runs(
    store: RunStore, task: Task, data: str, encoder: str, *, profile: TaskProfile, recipe: Recipe
) -> list[Evidence]:
    """Runs in the store: first of this recipe, data and encoder; then of the same kind of task and head, with encoders
    of the same size and pretraining and training sets of comparable size.

    Args:
        data: fingerprint.
        encoder: fingerprint.
    """
    mini = {fact["fingerprint"] for fact in store.all_metadata("data").values() if fact.get("data") == MINI}
    encoders = map(EncoderSource.from_dict, store.all_metadata("encoders").values())
    shapes = {encoder.fingerprint: encoder.architecture for encoder in encoders}
    exact: list[RunRecord] = []
    similar: dict[tuple[str, str], list[RunRecord]] = {}
    references: dict[tuple[str, str], GoldReference] = {}
    for run in indexed_runs(store):
        config = run.config
        shape = shapes.get(config.encoder_fingerprint)
        if config.data_fingerprint in mini or shape is None or config.recipe.head != recipe.head:
            continue
        is_partial = config.n_folds or config.train_share < 1  # of resampled splits, or of a learning curve
        if is_partial or (size_of(shape), family_of(shape)) != (profile.size, profile.family):
            continue
        key = (config.task, config.data_fingerprint)
        if key not in references:
            try:
                references[key] = load_gold(store, dict([key]))[config.task]
            except StudyError:  # a task that this store does not define
                continue
        reference = references[key]
        if reference.task.task_type != task.task_type or not _is_comparable(len(reference.gold["train"].gold), profile):
            continue
        is_exact = key == (task.name, data) and config.encoder_fingerprint == encoder and config.recipe == recipe
        if (record := store.get(run.id)) is not None:  # with its predictions
            (exact if is_exact else similar.setdefault(key, [])).append(record)
    evidence = []
    if exact:
        evidence.append(_evidence_of("this task", "this recipe, data and encoder", [exact], references))
    if similar:
        names = ", ".join(sorted({name for name, _ in similar}))
        description = f"other recipes or data of this kind ({names}), encoders of this size and pretraining"
        evidence.append(_evidence_of("store", description, similar.values(), references))
    return evidence


def _is_comparable(train: int, profile: TaskProfile) -> bool:
    return 1 / SIZE_RATIO <= train / profile.train <= SIZE_RATIO


def _evidence_of(
    origin: str,
    description: str,
    groups: Iterable[Sequence[RunRecord]],
    references: Mapping[tuple[str, str], GoldReference],
) -> Evidence:
    """The range is over the means of each data, encoder and recipe."""
    records = [record for group in groups for record in group]
    scores: dict[tuple[str, str, str, Recipe], list[float]] = {}
    for record in records:
        config = record.config
        score = record.scores["test" if "test" in references[config.task, config.data_fingerprint].gold else "dev"]
        if score is not None:
            scores.setdefault(
                (config.task, config.data_fingerprint, config.encoder_fingerprint, config.recipe), []
            ).append(score)
    means = [100 * float(np.mean(values)) for values in scores.values()]
    statuses = [
        judge_run(record, references[record.config.task, record.config.data_fingerprint]).status for record in records
    ]
    return Evidence(
        origin=origin,
        description=description,
        low=min(means, default=None),
        high=max(means, default=None),
        runs=len(records),
        seeds=len({record.config.seed for record in records}),
        collapsed=sum(status.collapsed for status in statuses),
        failed=sum(status.failed for status in statuses),
    )


def bundled_runs(profile: TaskProfile, *, head: str, recipe: Recipe) -> list[Evidence]:
    """Runs of study_runs.yaml with the same kind of task and head, encoders of the same size and pretraining, and
    training sets of comparable size; runs of this recipe first.
    """
    name = f"{recipe.epochs:g} epochs at {recipe.learning_rate:.0e}".replace("e-0", "e-")
    profile_values = (profile.kind, profile.size, profile.family, head)
    return [
        Evidence(
            origin="study",
            description=f"{run['task']} ({run['train']:,} training examples), {run['encoder']}, {run['recipe']}",
            low=run["test"],
            high=run["test"],
            runs=run["runs"],
            seeds=run["seeds"],
            collapsed=run["collapsed"],
            failed=run["failed"],
        )
        for run in sorted(study_runs().values(), key=lambda run: run["recipe"] != name)
        if _is_comparable(run["train"], profile)
        and (run["kind"], run["size"], run["family"], run["head"]) == profile_values
    ]


def paper_results(profile: TaskProfile, *, metric: str) -> Evidence:
    """Printed scores on the BLURB task of this kind with the nearest training size; the paper counts no collapses."""
    size_of_train = max(1, profile.size_in_units)
    candidates = [task for task in TASKS if task.task_type == profile.kind and task.sizes.get("train")]
    nearest = min(candidates, key=lambda task: abs(np.log(task.sizes["train"] / size_of_train)))
    size = profile.size if profile.size != "SMALL" else "BASE"
    table, columns = PAPER_TABLES[size, profile.family]
    scores = [value for column in columns if (value := paper_number(table, column, nearest.name)) is not None]
    description = (
        f"Table {table.removeprefix('table')}, {nearest.name} ({nearest.sizes['train']:,} {nearest.size_unit} in "
        f"train, {_compare_sizes(nearest.sizes['train'] / size_of_train)}), {', '.join(columns)}"
    )
    if nearest.metric != metric:
        description += f"; scored there by {nearest.metric}, here by {metric}"
    if profile.size == "SMALL":
        description += "; the paper has no encoder as small as yours, so expect less"
    return Evidence(origin="paper", description=description, low=min(scores), high=max(scores))


def _compare_sizes(ratio: float) -> str:
    if 0.8 < ratio < 1.25:
        return "about as many as yours"
    if ratio > 1:
        warning = ": no guide for so few, expect less" if ratio > SIZE_RATIO else ""
        return f"{ratio:.1f} times as many as yours{warning}"
    return f"yours are {1 / ratio:.1f} times as many"
