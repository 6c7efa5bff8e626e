"""Score predictions with the study's metrics (blurbstudy score): score, confidence interval, trivial baseline."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from scipy.stats import rankdata

from ..errors import DataError, ParameterError, StoreError, StudyError, check_choice
from ..inference.inputs.names import names_in_predictions
from ..metrics import (
    BY_CLASS,
    COUNTING,
    METRICS,
    decode_tags,
    pearson,
    precision_recall_f1,
    scoring_conventions,
)
from ..stats.classes.class_report import class_report
from ..stats.classes.ranking_scores import Rows
from ..stats.example_interval import example_interval
from ..stats.references import GoldReference, is_unscored, load_gold, with_gold
from ..stats.status import count_units
from ..store.caveats import stored_caveats
from ..store.custom_tasks import stored_task
from ..store.run_store import Gold, RunStore
from ..tasks import SPLITS, Example, Task, data_fingerprint, read_split
from ..tasks.caveats import Caveat, find_caveats
from ..tasks.prediction_files import read_predictions, read_probabilities, write_predictions
from ..tasks.task import split_labels, split_tags
from ..training.run_record import RunRecord
from .caveats import caveats_of_predictions, caveats_of_runs, selection_caveats, withheld_caveat
from .score_result import ScoredPredictions
from .score_spans import SpanScores, score_span_file
from .span_files import holds_spans

ADDITIONAL_METRICS = {  # Task.output -> metrics to report beside the task's
    "single_label": ("accuracy", "macro_f1", "balanced_accuracy", "mcc", "kappa"),
    "multi_label": ("document_f1", "example_based_f1", "label_macro_f1"),
}


def score_file(path: Path, task: Task, folder: Path, *, split: str = "test") -> ScoredPredictions | SpanScores:
    """Score a file of predictions against the gold labels of a task, or spans against its gold spans.

    Args:
        folder: of the datasets.

    Raises:
        ParameterError: the split is unknown.
        DataError: the data or the predictions are missing, malformed, or do not match.
    """
    _check_split(split)
    if task.output == "token_labels" and holds_spans(path):
        result = score_span_file(path, task, folder, split=split)
        splits = {"train": _train(task, folder), split: read_split(task, folder, split=split)}
        withheld = withheld_caveat(path, split, result.scores["exact"].predicted)
        return dataclasses.replace(result, caveats=(*withheld, *find_caveats(task, splits, None, max_length=0)))
    examples = read_split(task, folder, split=split)
    names = names_in_predictions(task, split, {example.id: example.texts for example in examples})
    predicted = read_predictions(path, task, examples, split=split, names=names)
    probabilities = read_probabilities(path, task, examples, names=names)
    scored = score_examples(
        predicted, examples, task, folder, split=split, origin=str(path), probabilities=probabilities
    )
    n_kept = sum(len(split_labels(str(label))) for label in predicted)
    if task.output == "token_labels":
        n_kept = sum(len(decode_tags(split_tags(str(label)), scheme="default")) for label in predicted)
    return dataclasses.replace(scored, caveats=(*withheld_caveat(path, split, n_kept), *(scored.caveats or ())))


def score_examples(
    predicted: Sequence[str | float],
    examples: Sequence[Example],
    task: Task,
    folder: Path,
    *,
    split: str,
    origin: str,
    probabilities: Rows | None = None,
) -> ScoredPredictions:
    """Score predictions for the examples of a split, in their order; probabilities are of the task's labels."""
    splits = {"train": _train(task, folder)} | {split: examples}
    reference = GoldReference(task=task, data="", gold={name: _gold(result) for name, result in splits.items()})
    caveats = caveats_of_predictions(predicted, splits, reference)
    return score_predictions(
        predicted, reference, split=split, origin=origin, caveats=caveats, probabilities=probabilities
    )


def _train(task: Task, folder: Path) -> list[Example]:
    """Train, for the trivial baseline and for what is also in train; [] if it is missing and the baseline can do."""
    try:
        return read_split(task, folder, split="train")
    except DataError:
        if task.output in ("single_label", "multi_label"):
            raise
        return []


def score_run(run_id: str, store: RunStore, *, split: str = "test", task: Task | None = None) -> ScoredPredictions:
    """Score the predictions of a run with the gold labels in its store.

    Args:
        task: if given, must be the run's task.
    """
    record = _scored_record(run_id, store, split=split, task=task)
    reference = load_gold(store, [record])[record.config.task]
    reference.check(record)
    stored = None if record.config.n_folds else stored_caveats(store, record.config)
    caveats = None
    if stored is not None:
        every = (*caveats_of_runs(stored, [record], reference), *selection_caveats(record.config.recipe, [record]))
        caveats = [caveat for caveat in every if caveat.split == split]
    return score_predictions(
        record.predictions[split],
        with_gold(reference.of_run(record)),
        split=split,
        origin=f"run {run_id}{_fold_name(record)}",
        caveats=caveats,
        probabilities=record.probabilities.get(split),
    )


def _fold_name(record: RunRecord) -> str:
    """What the split of a run on resampled splits is, for its origin."""
    config = record.config
    return f", fold {config.fold + 1} of {config.n_folds}, repeat {config.repeat + 1}" if config.n_folds else ""


def export_predictions(run_id: str, store: RunStore, *, folder: Path, file: Path, split: str = "test") -> None:
    """Write the predictions of a run in the format of `score_file`. A store has no texts, so this needs the data of the
    run.

    Args:
        folder: of the datasets.
        file: must not exist.

    Raises:
        ParameterError: the split is unknown, or the file exists or cannot be written.
        StoreError: the store has no such run.
        StudyError: the run has no score on the split, or used other data.
        DataError: the data are missing or malformed.
    """
    record = _scored_record(run_id, store, split=split)
    if record.config.n_folds:
        raise StudyError(
            f"run {run_id} is of one fold of resampled splits, whose examples are of all files, so it has no file of "
            "predictions for one of them; name a run on the official split"
        )
    task = stored_task(store, record.config.task, record.config.data_fingerprint)
    fingerprint = data_fingerprint(task, folder)
    if fingerprint != record.config.data_fingerprint:
        raise StudyError(
            f"run {run_id} used {task.name} with fingerprint {record.config.data_fingerprint}, but {folder} has "
            f"{fingerprint}; name the folder of the run's data (--data DIR)"
        )
    write_predictions(file, task, read_split(task, folder, split=split), record.predictions[split])


def _scored_record(run_id: str, store: RunStore, *, split: str, task: Task | None = None) -> RunRecord:
    _check_split(split)
    record = store.get(run_id) if run_id in store.ids() else None
    if record is None:
        raise StoreError(
            f"{store.folder}: no run {run_id[:40]!r} of this version of blurbstudy; check --run and --store"
        )
    if task is not None and task.name != record.config.task:
        raise ParameterError(f"run {run_id} is on {record.config.task}, not {task.name}; remove --task")
    if missing := _why_unscored(record, split):
        raise StudyError(f"run {run_id} has no score on {split}: {missing}")
    return record


def _why_unscored(record: RunRecord, split: str) -> str:
    """Why a run has no score on a split; "" if it has one."""
    if split == "train":
        return "stores have predictions on dev and test only; use --split dev or test"
    if split == "test" and record.status == "finished" and "test" not in record.predictions:
        return "its task has no test set; use --split dev"
    if split == "dev" and record.config.recipe.train_on_dev:
        return "dev was joined to train; use --split test"
    return "its loss or a prediction became NaN or infinite" if is_unscored(record, split) else ""


def score_predictions(
    predicted: Sequence[str | float],
    reference: GoldReference,
    *,
    split: str,
    origin: str,
    caveats: Sequence[Caveat] | None = None,
    probabilities: Rows | None = None,
) -> ScoredPredictions:
    """Score predictions in the order of the gold labels.

    Args:
        probabilities: of the task's labels, by example.
    """
    task, gold = reference.task, reference.gold[split].gold
    score = reference.score(gold, predicted)
    bounds, method = example_interval([reference.score_of(predicted, split=split)], reference, split=split)
    positives = {"positives": task.positive_labels}
    return ScoredPredictions(
        task=task,
        split=split,
        origin=origin,
        score=score,
        n=len(gold),
        unit=reference.resampling_unit(split),
        units=reference.n_units(split),
        unit_count=count_units(reference.n_units(split), reference, split),
        interval=bounds,
        method=method,
        trivial=reference.trivial_score(split),
        precision_recall=(
            precision_recall_f1(task.metric, gold, predicted, **positives) if task.metric in COUNTING else None
        ),
        by_class=class_report(reference, predicted, probabilities, split=split),
        conventions=(
            tuple(scoring_conventions(_texts(gold), _texts(predicted), raw_text=task.is_raw_text(split)))
            if task.metric == "entity_f1"
            else ()
        ),
        others=further_scores(task, gold, predicted),
        caveats=caveats,
    )


def further_scores(task: Task, gold: Sequence[str | float], predicted: Sequence[str | float]) -> dict[str, float]:
    """Metric -> score, of those that the field reports beside the task's own."""
    others = [name for name in ADDITIONAL_METRICS.get(task.output, ()) if name != task.metric]
    scores = {
        name: METRICS[name].score(gold, predicted, positives=task.labels if name in BY_CLASS else ()) for name in others
    }
    return scores | ({"spearman": spearman(gold, predicted)} if task.output == "score" else {})


def spearman(gold: Sequence[str | float], predicted: Sequence[str | float]) -> float:
    """Spearman's rank correlation; 0 where either side is constant."""
    return pearson(rankdata([float(score) for score in gold]), rankdata([float(score) for score in predicted]))


def _texts(labels: Sequence[str | float]) -> list[str]:
    return [str(label) for label in labels]


def _check_split(split: str) -> None:
    check_choice("split", split, SPLITS)


def _gold(examples: Sequence[Example]) -> Gold:
    return Gold(
        ids=tuple(example.id for example in examples),
        units=tuple(example.unit for example in examples),
        gold=tuple(example.label for example in examples),
    )
