"""What may be expected of a recommended recipe: runs in the user's own store, runs of this study, the paper's tables.
Nothing is made up where there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...config import Recipe
from ...engine.sources.sources import MINI
from ...errors import StudyError
from ...stats.collapse import Reference, failure, load_references
from ...stats.intervals import Interval, wilson_interval
from ...store.run_store import RunStore
from ...tables.paper import paper_number
from ...tasks import TASKS, Task
from ...training.run_record import RunRecord
from .rules import study_runs
from .task_profile import Situation, family_of, size_of

ALIKE = 3.0  # times as many training examples, or a third, still count as of like size
PAPER_TABLES = {  # size, pretraining -> (table, columns): encoders whose scores on all tasks are printed
    ("BASE", "mlm"): ("table2", ("BERT", "BERT (no NSP)", "BERT (no NSP, single seq)")),
    ("BASE", "electra"): ("table2", ("ELECTRA",)),
    ("LARGE", "mlm"): ("table6", ("PubMedBERT-LARGE", "BioBERT-LARGE", "BlueBERT-LARGE")),
    ("LARGE", "electra"): ("table6", ("PubMedELECTRA-LARGE",)),
}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Runs or printed numbers of one origin, as near as they are to what is asked."""

    origin: str  # this task | store | study | paper
    words: str  # what they are, for people
    low: float | None  # of mean test scores (dev where there is no test), in percent
    high: float | None
    runs: int = 0  # 0: the origin counts none
    seeds: int = 0
    failed: int = 0

    @property
    def failed_interval(self) -> Interval | None:
        """95%, Wilson."""
        return wilson_interval(self.failed, self.runs)


def own_evidence(
    store: RunStore, task: Task, data: str, encoder: str, *, situation: Situation, recipe: Recipe
) -> list[Evidence]:
    """From a store: runs of this very recipe on these data with this encoder, then others of the kind, with encoders of
    the same size and pretraining, the same head, and as many training examples within a factor of ALIKE.
    """
    mini = {fact["fingerprint"] for fact in store.facts("data").values() if fact.get("data") == MINI}
    shapes = {fact["fingerprint"]: fact["architecture"] for fact in store.facts("encoders").values()}
    exact: list[RunRecord] = []
    like: dict[tuple[str, str], list[RunRecord]] = {}
    references: dict[tuple[str, str], Reference] = {}
    for record in store.records():
        config = record.config
        shape = shapes.get(config.encoder)
        if config.data in mini or shape is None or config.recipe.head != recipe.head:
            continue
        if (size_of(shape), family_of(shape)) != (situation.size, situation.family):
            continue
        key = (config.task, config.data)
        if key not in references:
            try:
                references[key] = load_references(store, dict([key]))[config.task]
            except StudyError:  # of a task that this store does not define: it tells nothing here
                continue
        reference = references[key]
        share = len(reference.gold["train"].gold) / situation.train
        if reference.task.task_type != task.task_type or not 1 / ALIKE <= share <= ALIKE:
            continue
        same = key == (task.name, data) and config.encoder == encoder and config.recipe == recipe
        (exact if same else like.setdefault(key, [])).append(record)
    found = []
    if exact:
        found.append(_of_runs("this task", "this recipe, data and encoder", [exact], references))
    if like:
        names = ", ".join(sorted({name for name, _ in like}))
        words = f"other recipes or data of this kind ({names}), encoders of this size and pretraining"
        found.append(_of_runs("store", words, like.values(), references))
    return found


def _of_runs(
    origin: str,
    words: str,
    groups: Iterable[Sequence[RunRecord]],
    references: Mapping[tuple[str, str], Reference],
) -> Evidence:
    """Of groups of one dataset each: the range is over means of recipe and encoder."""
    means, records = [], [record for group in groups for record in group]
    cells: dict[tuple, list[float]] = {}
    for record in records:
        config = record.config
        split = "test" if "test" in references[config.task, config.data].gold else "dev"
        if record.scores[split] is not None:
            cells.setdefault((config.task, config.data, config.encoder, config.recipe), []).append(record.scores[split])
    means = [100 * float(np.mean(own)) for own in cells.values()]
    failed = sum(failure(r, references[r.config.task, r.config.data]) is not None for r in records)
    return Evidence(
        origin=origin,
        words=words,
        low=min(means, default=None),
        high=max(means, default=None),
        runs=len(records),
        seeds=len({record.config.seed for record in records}),
        failed=failed,
    )


def study_evidence(situation: Situation, *, head: str, recipe: Recipe) -> list[Evidence]:
    """Of study_runs.yaml: the same kind and head, encoders of the same size and pretraining, and as many training
    examples within a factor of ALIKE; runs of this recipe first.
    """
    found, told = [], f"{recipe.epochs:g} epochs at {recipe.learning_rate:.0e}".replace("e-0", "e-")
    for run in sorted(study_runs().values(), key=lambda run: run["recipe"] != told):
        if not 1 / ALIKE <= run["train"] / situation.train <= ALIKE:
            continue
        if (run["kind"], run["size"], run["family"], run["head"]) == (
            situation.kind, situation.size, situation.family, head,
        ):  # fmt: skip
            words = f"{run['task']} ({run['train']:,} training examples), {run['encoder']}, {run['recipe']}"
            counts = {"runs": run["runs"], "seeds": run["seeds"], "failed": run["failed"]}
            found.append(Evidence(origin="study", words=words, low=run["test"], high=run["test"], **counts))
    return found


def paper_evidence(situation: Situation, *, metric: str) -> Evidence:
    """The printed scores of BLURB's task of this kind whose training set is nearest in size. The paper counts no failed
    runs.
    """
    alike = [task for task in TASKS if task.task_type == situation.kind and task.sizes.get("train")]
    nearest = min(alike, key=lambda task: abs(np.log(task.sizes["train"] / max(1, situation.counted))))
    times = nearest.sizes["train"] / max(1, situation.counted)
    size = situation.size if situation.size != "SMALL" else "BASE"
    table, columns = PAPER_TABLES[size, situation.family]
    scores = [value for column in columns if (value := paper_number(table, column, nearest.name)) is not None]
    words = (
        f"Table {table.removeprefix('table')}, {nearest.name} ({nearest.sizes['train']:,} {nearest.size_unit} to train "
        f"on, {_times(times)}), {', '.join(columns)}"
    )
    if nearest.metric != metric:
        words += f"; scored there by {nearest.metric}, here by {metric}"
    if situation.size == "SMALL":
        words += "; it has no encoder as small as yours, so expect less"
    return Evidence(origin="paper", words=words, low=min(scores), high=max(scores))


def _times(times: float) -> str:
    """How that compares with one's own, in words."""
    if 0.8 < times < 1.25:
        return "about as many as yours"
    if times > 1:
        more = ": no guide for so few, expect less" if times > ALIKE else ""
        return f"{times:.1f} times as many as yours{more}"
    return f"yours are {1 / times:.1f} times as many"
