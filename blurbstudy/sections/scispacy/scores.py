"""scispaCy's models and fine-tuned encoders, scored by the study's metrics on the test sets: for Tables 10 and 11.

What the run store lacks is missing here, with the reason.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...baselines import MODELS, RELEASED, BaselineSpec, evaluated_tags, evaluated_type, get_model
from ...engine.sources.baselines import BaselinePredictions, BaselineRequest, ensure_baselines, find_baseline
from ...metrics import METRICS
from ...stats.cells import bootstrap_draws, bootstrap_means, group_by_task
from ...stats.references import GoldReference
from ...stats.contrasts import SingleSystem
from ...stats.intervals import RESAMPLES, Interval, bootstrap_scores, percentile_interval, t_interval
from ...stats.summary import CellSummary
from ...study.grid import Condition, Results
from ...study.study import Study
from ...tables.paper import paper_number
from ...tasks import Task
from .grids import FINE_TUNED, MEAN, NER, Parameters

ORACLE = "max"  # the model that scores best on each test set
STRICT, RELAXED = "table10", "table11"  # the paper's tables
METRIC_OF = {STRICT: "entity_f1", RELAXED: "relaxed_f1"}
PAPER_COLUMNS = {"BERT": "PubMedBERT BASE"}  # display name -> the paper's column, where they differ
REMEDY = "not in this store: execute 07_scispacy with its data (blurbstudy run), then report"


@dataclass(frozen=True, kw_only=True)
class BaselineScore:
    """The score of a model or of the oracle, as a fraction."""

    score: float
    draws: np.ndarray | None  # (RESAMPLES,) bootstrap replicates over test examples; None below two units
    model: str  # '' for a mean over test sets

    @property
    def interval(self) -> Interval | None:
        """95% over test examples."""
        return percentile_interval(self.draws)


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """scispaCy's models, their predictions and their scores."""

    tasks: tuple[Task, ...]
    predictions: Mapping[str, BaselinePredictions]  # by name of the model
    missing: Mapping[str, str]  # name of a model -> why it has no predictions
    references: Mapping[str, GoldReference]
    provenance: str  # for captions

    @cached_property
    def _scores(self) -> dict[tuple[str, str, str], BaselineScore]:
        return {
            (table, name, task.name): self._compute_score(METRIC_OF[table], name, task)
            for task in self.tasks  # outermost: bootstrap resamples of a test set are cached
            for table in METRIC_OF
            for name in self.predictions
            if task.name in self.predictions[name].tags
        }

    @property
    def columns(self) -> list[str]:
        """Tasks and, if all five are there, their mean."""
        names = [task.name for task in self.tasks]
        return [*names, MEAN] if len(names) == len(NER) else names

    def evaluated_type(self, name: str, task: Task) -> str | None:
        """The entity type of a model that is evaluated on a task; None: all its mentions are."""
        return evaluated_type(task, self.predictions[name].model.types)

    def evaluated_tags(self, name: str, task: Task) -> list[str]:
        """The tags, without types, of a model's evaluated mentions."""
        kind = self.evaluated_type(name, task)
        return [evaluated_tags(tags, kind) for tags in self.predictions[name].tags[task.name]]

    def score(self, table: str, name: str, column: str) -> BaselineScore | None:
        """The score of a model or the oracle on a task or the mean; None if anything is missing."""
        if column == MEAN:
            by_task = _complete([self.score(table, name, task.name) for task in self.tasks])
            return None if by_task is None else _mean(by_task)
        names = [name] if name != ORACLE else [model.name for model in MODELS]
        scores = _complete([self._scores.get((table, name, column)) for name in names])
        return None if scores is None else max(scores, key=lambda score: score.score)

    def _compute_score(self, metric: str, name: str, task: Task) -> BaselineScore:
        gold, predicted = self.references[task.name].gold["test"], self.evaluated_tags(name, task)
        return BaselineScore(
            score=METRICS[metric].score(gold.gold, predicted),
            draws=bootstrap_scores(metric, gold.gold, predicted, units=gold.units),
            model=name,
        )


def _complete(scores: Sequence[BaselineScore | None]) -> list[BaselineScore] | None:
    present = [score for score in scores if score is not None]
    return present if len(present) == len(scores) else None


def _mean(scores: Sequence[BaselineScore]) -> BaselineScore:
    return BaselineScore(score=float(np.mean([score.score for score in scores])), draws=_mean_draws(scores), model="")


def _mean_draws(scores: Sequence[BaselineScore]) -> np.ndarray | None:
    """Replicates of the mean; those of the tasks are shuffled as in `cells.bootstrap_means`."""
    total = np.zeros(RESAMPLES)
    for index, score in enumerate(scores):
        if score.draws is None:
            return None
        total += score.draws[np.random.default_rng(index).permutation(RESAMPLES) if index else slice(None)]
    return total / len(scores)


def prepare(study: Study[Parameters]) -> None:
    """Run or retrain scispaCy's models where the store lacks their predictions."""
    scispacy_baselines(study)


def scispacy_baselines(study: Study[Parameters]) -> Baselines:
    """Both models on every entity set of the study; a study that does not train only reads the store.

    Raises:
        ParameterError: the study has no entity set.
        StudyError: a model could not be trained or loaded.
    """
    parameters, tasks = study.parameters, study.tasks_of("ner")
    fingerprints = study.sources.fingerprints
    requests: list[BaselineRequest] = []
    missing: dict[str, str] = {}
    for model in MODELS:
        lacking = [name for name in model.types if name not in fingerprints]
        if lacking:
            missing[model.name] = f"trains on {' and '.join(lacking)}, not among the tasks of this run"
            continue
        spec = BaselineSpec(
            name=model.name,
            data_folder=study.sources.data_folder or "",
            fingerprints={name: fingerprints[name] for name in model.types},
            epochs=parameters.spacy_epochs,
            seed=parameters.spacy_seed,
        )
        test_sets = {task.name: fingerprints[task.name] for task in tasks}
        requests.append(BaselineRequest(spec=spec, source=parameters.scispacy_source, tasks=test_sets))
    if study.trains:
        study.save_parameters()
        predictions = ensure_baselines(study.store, requests, workers=parameters.workers, deadline=study.deadline)
    else:
        stored = {request.name: find_baseline(study.store, request) for request in requests}
        predictions = {name: tags for name, tags in stored.items() if tags is not None}
    missing |= {request.name: REMEDY for request in requests if request.name not in predictions}
    return Baselines(
        tasks=tasks,
        predictions=predictions,
        missing=missing,
        references={task.name: study.references[task.name] for task in tasks},
        provenance=study.provenance,
    )


def system_cells(baselines: Baselines) -> dict[tuple[str, str, str], SingleSystem]:
    """(The paper's table, model or oracle, task or mean) -> its score and replicates, to judge claims with."""
    tasks = {
        column: [column] if column != MEAN else [task.name for task in baselines.tasks] for column in baselines.columns
    }
    cells = {}
    for table, name, column in itertools.product(METRIC_OF, (*(model.name for model in MODELS), ORACLE), tasks):
        score = baselines.score(table, name, column)
        if score is not None:
            cells[table, name, column] = SingleSystem(
                score=score.score, draws=score.draws, tasks=frozenset(tasks[column])
            )
    return cells


def relaxed(results: Results) -> Results:
    """The same runs, scored by overlap with gold mentions. Its failures are meaningless: they are defined by exact
    boundaries.
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
    over_examples: Interval | None  # paired: both on the same resamples of test examples
    paper: float | None  # in percent


def gap(baselines: Baselines, results: Results, *, table: str, encoder: str, column: str) -> Gap | None:
    """By the metric of the table, as `results` are; None if one side has no score."""
    condition = Condition(encoder, FINE_TUNED, column)
    oracle, summary = baselines.score(table, ORACLE, column), results.summaries.get(condition)
    if oracle is None or summary is None or summary.mean is None:
        return None
    draws = _encoder_draws(results, condition, summary)
    paired = None if draws is None or oracle.draws is None else draws - oracle.draws
    printed, printed_oracle = (
        paper_number(table, name, column) for name in (paper_column(encoder), f"scispaCy {ORACLE}")
    )
    return Gap(
        difference=summary.mean - oracle.score,
        over_seeds=t_interval([score - oracle.score for score in summary.scores if score is not None]),
        over_examples=percentile_interval(paired),
        paper=None if printed is None or printed_oracle is None else printed - printed_oracle,
    )


def _encoder_draws(results: Results, condition: Condition, summary: CellSummary) -> np.ndarray | None:
    cell = group_by_task(results.cell(condition), results.references, {}, None)
    seeds = [seed for seed, score in zip(summary.seeds, summary.scores, strict=True) if score is not None]
    return bootstrap_means(cell, results.references, seeds=seeds, split="test", draws=bootstrap_draws)


def paper_column(encoder: str) -> str:
    """The paper's column of an encoder."""
    return PAPER_COLUMNS.get(encoder, encoder)


def is_released(predictions: BaselinePredictions) -> bool:
    """Whether the model was released by scispaCy."""
    return predictions.model.origin == RELEASED


def training_tasks(name: str) -> str:
    """The tasks that a retrained model was trained on, in words."""
    return " and ".join(get_model(name).types)
