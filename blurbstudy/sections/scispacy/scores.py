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
from ...stats.contrasts import Comparison
from ...stats.intervals import Interval, percentile_interval
from ...stats.published_scores.reference import PublishedReference
from ...stats.references import Reference, SplitScore, with_gold
from ...stats.resampling import RESAMPLES
from ...stats.systems import SeededCell, SingleSystem, compare_cells
from ...study.grid import Condition, Results
from ...study.study import Study
from ...tables.paper import shown_number
from ...tasks import Task
from .grids import FINE_TUNED, MEAN, NER, Parameters

ORACLE = "max"  # the model that scores best on each test set
STRICT, RELAXED = "table10", "table11"  # the paper's tables
METRIC_OF = {STRICT: "entity_f1", RELAXED: "relaxed_f1"}
PAPER_COLUMNS = {"BERT": "PubMedBERT BASE"}  # display name -> the paper's column, where they differ
REMEDY = "not in this store: execute 07_scispacy with its data (blurbstudy run), then report"


@dataclass(frozen=True, kw_only=True)
class BaselineScore:
    """The predictions of a model or of the oracle on a test set or on all, as one metric scores them."""

    system: SingleSystem
    model: str  # '' for a mean over test sets

    @property
    def score(self) -> float:
        """A fraction."""
        return self.system.score

    @property
    def interval(self) -> Interval | None:
        """95% over test examples; None if a test set has one unit."""
        total = np.zeros(RESAMPLES)
        for index, scored in enumerate(self.system.scored.values()):
            draws = scored.bootstrap()
            if draws is None:
                return None
            total += draws[np.random.default_rng(index).permutation(RESAMPLES) if index else slice(None)]
        return percentile_interval(total / len(self.system.scored))


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """scispaCy's models, their predictions and their scores."""

    tasks: tuple[Task, ...]
    predictions: Mapping[str, BaselinePredictions]  # by name of the model
    missing: Mapping[str, str]  # name of a model -> why it has no predictions
    references: Mapping[str, Reference]
    provenance: str  # for captions

    @cached_property
    def _scores(self) -> dict[tuple[str, str, str], BaselineScore]:
        keys = itertools.product(self.tasks, METRIC_OF, self.predictions)
        scores = {(table, name, task.name): self._score(table, name, task) for task, table, name in keys}
        return {key: score for key, score in scores.items() if score is not None}

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

    def _score(self, table: str, name: str, task: Task) -> BaselineScore | None:
        reference = self.references[task.name].with_metric(METRIC_OF[table])
        if isinstance(reference, PublishedReference):
            scored = reference.system(name)
        elif task.name in self.predictions[name].tags:
            scored = with_gold(reference).score_of(self.evaluated_tags(name, task), split="test")
        else:
            scored = None
        if scored is None:
            return None
        return BaselineScore(
            system=SingleSystem(scored={task.name: scored}, references={task.name: reference}), model=name
        )


def _complete(scores: Sequence[BaselineScore | None]) -> list[BaselineScore] | None:
    present = [score for score in scores if score is not None]
    return present if len(present) == len(scores) else None


def _mean(scores: Sequence[BaselineScore]) -> BaselineScore:
    system = SingleSystem(
        scored={task: scored for score in scores for task, scored in score.system.scored.items()},
        references={task: reference for score in scores for task, reference in score.system.references.items()},
    )
    return BaselineScore(system=system, model="")


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


def published_systems(baselines: Baselines) -> dict[str, dict[str, dict[str, SplitScore]]]:
    """Task -> name of a model -> metric -> its score: what is published instead of its tags."""
    systems: dict[str, dict[str, dict[str, SplitScore]]] = {}
    for task, name, table in itertools.product(baselines.tasks, baselines.predictions, METRIC_OF):
        score = baselines.score(table, name, task.name)
        if score is not None:
            systems.setdefault(task.name, {}).setdefault(name, {})[METRIC_OF[table]] = score.system.scored[task.name]
    return systems


def system_cells(baselines: Baselines) -> dict[tuple[str, str, str], SingleSystem]:
    """(The paper's table, model or oracle, task or mean) -> its predictions, to judge claims with."""
    names = (*(model.name for model in MODELS), ORACLE)
    scores = {key: baselines.score(*key) for key in itertools.product(METRIC_OF, names, baselines.columns)}
    return {key: score.system for key, score in scores.items() if score is not None}


def relaxed(results: Results) -> Results:
    """The same runs, scored by overlap with gold mentions. Their statuses are by exact boundaries: see `by_table`."""
    references = {
        name: reference.with_metric(METRIC_OF[RELAXED])
        for name, reference in results.references.items()
        if reference.task.task_type == "ner"
    }
    return replace(results, references=references)


def by_table(results: Results) -> dict[str, Results]:
    """The paper's table -> the runs by its metric."""
    return {STRICT: results, RELAXED: relaxed(results)}


@dataclass(frozen=True, kw_only=True)
class Gap:
    """How far an encoder is ahead of the oracle over scispaCy's models."""

    comparison: Comparison  # paired: both on the same test examples
    paper: float | None  # in percent

    @property
    def difference(self) -> float:
        """A fraction."""
        return self.comparison.difference or 0.0


def gap(baselines: Baselines, results: Results, *, table: str, encoder: str, column: str) -> Gap | None:
    """By the metric of the table, as `results` are; None if one side has no score."""
    oracle, records = baselines.score(table, ORACLE, column), results.cell(Condition(encoder, FINE_TUNED, column))
    if oracle is None or not records:
        return None
    runs = SeededCell(records=records, references=results.references)
    comparison = compare_cells([[runs, oracle.system]])
    if comparison.difference is None:
        return None
    printed, printed_oracle = (
        shown_number(results, table, name, column) for name in (paper_column(encoder), f"scispaCy {ORACLE}")
    )
    return Gap(
        comparison=comparison, paper=None if printed is None or printed_oracle is None else printed - printed_oracle
    )


def paper_column(encoder: str) -> str:
    """The paper's column of an encoder."""
    return PAPER_COLUMNS.get(encoder, encoder)


def is_released(predictions: BaselinePredictions) -> bool:
    """Whether the model was released by scispaCy."""
    return predictions.model.origin == RELEASED


def training_tasks(name: str) -> str:
    """The tasks that a retrained model was trained on, in words."""
    return " and ".join(get_model(name).types)
