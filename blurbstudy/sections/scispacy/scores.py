"""scispaCy's models beside fine-tuned encoders: what they found in the test sets, judged by the study's own metrics.

Tables 10 and 11 stand on this; what the run store lacks is missing here, with the reason.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...baselines import MODELS, RELEASED, BaselineSpec, evaluated_tags, evaluated_type, get_model
from ...engine.sources.baselines import Asked, Found, find_baseline, keep_baselines
from ...metrics import METRICS
from ...stats.cells import bootstrap_draws, bootstrap_means, group_by_task
from ...stats.collapse import GoldReference
from ...stats.contrasts import SingleSystem
from ...stats.intervals import RESAMPLES, Interval, bootstrap_scores, percentile_interval, t_interval
from ...stats.summary import CellSummary
from ...study.grid import Condition, Results
from ...study.study import Study
from ...tables.paper import paper_number
from ...tasks import Task
from .grids import FINE_TUNED, MEAN, NER, Parameters

ORACLE = "max"  # per test set, the model that scores best on it
STRICT, RELAXED = "table10", "table11"  # the paper's tables
METRIC_OF = {STRICT: "entity_f1", RELAXED: "relaxed_f1"}
PAPER_COLUMNS = {"BERT": "PubMedBERT BASE"}  # display name -> the paper's column, where they differ
REMEDY = "not in this store: execute 07_scispacy with its data (blurbstudy run), then report"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One score of a model, or of their oracle, in fractions."""

    score: float
    draws: np.ndarray | None  # (RESAMPLES,) of test examples; None below two units
    model: str  # whose it is; of a mean of several, ''

    @property
    def interval(self) -> Interval | None:
        """95% over test examples."""
        return percentile_interval(self.draws)


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """What the tables of this notebook are made from, encoders aside."""

    tasks: tuple[Task, ...]
    found: Mapping[str, Found]  # name of a model -> what the store has of it
    missing: Mapping[str, str]  # name of a model -> why there is nothing
    references: Mapping[str, GoldReference]
    origin: str  # for captions

    @cached_property
    def _judged(self) -> dict[tuple[str, str, str], Judged]:
        return {
            (table, name, task.name): self._judge(METRIC_OF[table], name, task)
            for task in self.tasks  # outermost: draws of one test set are made once
            for table in METRIC_OF
            for name in self.found
            if task.name in self.found[name].tags
        }

    @property
    def parts(self) -> list[str]:
        """Rows: tasks and, where all five are there, their mean."""
        names = [task.name for task in self.tasks]
        return [*names, MEAN] if len(names) == len(NER) else names

    def kind(self, name: str, task: Task) -> str | None:
        """The type that counts on a task; None: every mention does."""
        return evaluated_type(task, self.found[name].model["types"])

    def predicted(self, name: str, task: Task) -> list[str]:
        """Bare tags of a model's mentions that count."""
        return [evaluated_tags(tags, self.kind(name, task)) for tags in self.found[name].tags[task.name]]

    def judged(self, table: str, name: str, part: str) -> Judged | None:
        """The score of a model, or of the oracle over them, on a task or the mean; None where something is missing."""
        if part != MEAN:
            own = [name] if name != ORACLE else [model.name for model in MODELS]
            there = [self._judged.get((table, one, part)) for one in own]
            return None if None in there else max(there, key=lambda one: one.score)
        parts = [self.judged(table, name, task.name) for task in self.tasks]
        return None if None in parts else _mean(parts)

    def _judge(self, metric: str, name: str, task: Task) -> Judged:
        truth, predicted = self.references[task.name].gold["test"], self.predicted(name, task)
        return Judged(
            score=METRICS[metric].score(truth.gold, predicted),
            draws=bootstrap_scores(metric, truth.gold, predicted, units=truth.units),
            model=name,
        )


def _mean(parts: Sequence[Judged]) -> Judged:
    """The mean over tasks, each with its own bootstrap, paired with `cells.bootstrap_means`."""
    draws = None
    if all(one.draws is not None for one in parts):
        orders = [np.random.default_rng(i).permutation(RESAMPLES) if i else slice(None) for i in range(len(parts))]
        draws = sum(one.draws[order] for one, order in zip(parts, orders, strict=True)) / len(parts)
    return Judged(score=float(np.mean([one.score for one in parts])), draws=draws, model="")


def prepare(study: Study[Parameters]) -> None:
    """Run or retrain scispaCy's models where the store lacks their predictions."""
    scispacy_baselines(study)


def scispacy_baselines(study: Study[Parameters]) -> Baselines:
    """Both models on every entity set of the study; a study that does not train reads the store alone.

    Raises:
        ParameterError: the study has no entity set.
        StudyError: a model could not be trained or loaded.
    """
    chosen, tasks = study.parameters, study.tasks_of("ner")
    fingerprints = study.sources.fingerprints
    asked, missing = [], {}
    for model in MODELS:
        lacking = [name for name in model.types if name not in fingerprints]
        if lacking:
            missing[model.name] = f"learns from {' and '.join(lacking)}, not among the tasks of this run"
            continue
        wanted = BaselineSpec(
            name=model.name,
            data_folder=study.sources.data_folder or "",
            fingerprints={name: fingerprints[name] for name in model.types},
            epochs=chosen.spacy_epochs,
            seed=chosen.spacy_seed,
        )
        asked.append(
            Asked(
                wanted=wanted,
                source=chosen.scispacy_source,
                tasks={task.name: fingerprints[task.name] for task in tasks},
            )
        )
    if not study.trains:
        kept = {one.name: find_baseline(study.store, one) for one in asked}
        found = {name: one for name, one in kept.items() if one is not None}
    else:
        study.save_parameters()
        found = keep_baselines(study.store, asked, workers=chosen.workers, deadline=study.deadline)
    missing |= {one.name: REMEDY for one in asked if one.name not in found}
    references = {task.name: study.references[task.name] for task in tasks}
    return Baselines(tasks=tasks, found=found, missing=missing, references=references, origin=study.provenance)


def system_cells(baselines: Baselines) -> dict[tuple[str, str, str], SingleSystem]:
    """(The paper's table, model or oracle, set or mean) -> its score and draws: what claims are judged with."""
    tasks = {part: [part] if part != MEAN else [task.name for task in baselines.tasks] for part in baselines.parts}
    found = {}
    for table, name, part in itertools.product(METRIC_OF, (*(model.name for model in MODELS), ORACLE), tasks):
        judged = baselines.judged(table, name, part)
        if judged is not None:
            found[table, name, part] = SingleSystem(
                score=judged.score, draws=judged.draws, tasks=frozenset(tasks[part])
            )
    return found


def relaxed(results: Results) -> Results:
    """The same runs, where overlap with a gold mention counts. Whether one has failed is not to be asked of it: that is
    judged strictly.
    """
    references = {
        name: replace(reference, task=replace(reference.task, metric=METRIC_OF[RELAXED]))
        for name, reference in results.references.items()
        if reference.task.task_type == "ner"
    }
    return replace(results, references=references)


def by_table(results: Results) -> dict[str, Results]:
    """The paper's table -> the runs by its metric."""
    return {STRICT: results, RELAXED: relaxed(results)}


@dataclass(frozen=True, kw_only=True)
class Gap:
    """How far an encoder is ahead of the oracle over scispaCy's models, in fractions."""

    difference: float
    over_seeds: Interval | None
    over_examples: Interval | None  # paired: both on the same draws of test examples
    paper: float | None  # in percent


def gap(baselines: Baselines, results: Results, *, table: str, encoder: str, part: str) -> Gap | None:
    """By the metric of that table; None where one side has no score. `results` are by that metric."""
    key = Condition(encoder, FINE_TUNED, part)
    oracle, summary = baselines.judged(table, ORACLE, part), results.summaries.get(key)
    if oracle is None or summary is None or summary.mean is None:
        return None
    scores = [score - oracle.score for score in summary.scores if score is not None]
    drawn = _encoder_draws(results, key, summary)
    paired = None if drawn is None or oracle.draws is None else drawn - oracle.draws
    theirs = [paper_number(table, column, part) for column in (paper_column(encoder), f"scispaCy {ORACLE}")]
    return Gap(
        difference=summary.mean - oracle.score,
        over_seeds=t_interval(scores),
        over_examples=percentile_interval(paired),
        paper=None if None in theirs else theirs[0] - theirs[1],
    )


def _encoder_draws(results: Results, key: Condition, summary: CellSummary) -> np.ndarray | None:
    cell = group_by_task(results.cell(key), results.references, {}, None)
    seeds = [seed for seed, score in zip(summary.seeds, summary.scores, strict=True) if score is not None]
    return bootstrap_means(cell, results.references, seeds=seeds, split="test", draws=bootstrap_draws)


def paper_column(encoder: str) -> str:
    """The paper's column of an encoder."""
    return PAPER_COLUMNS.get(encoder, encoder)


def is_released(found: Found) -> bool:
    """Whether the model is scispaCy's own."""
    return found.model["origin"] == RELEASED


def learned_from(name: str) -> str:
    """The tasks whose train sets a retrained model learned from, in words."""
    return " and ".join(get_model(name).types)
