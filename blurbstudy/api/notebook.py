"""The Python interface: finetune, evaluate, predict, audit and recommend, with progress bars and HTML tables.

`from blurbstudy import finetune, evaluate, predict, Task, Recipe`
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import paths
from ..config import JsonMapping, Recipe, recipe_from_dict
from ..engine.progress import progress_bar
from ..engine.sources.resolve import resolve_sources
from ..engine.sources.sources import data_folder
from ..errors import DataError, ParameterError
from ..inference.abstention import Coverage, check_minimum
from ..inference.inputs.documents import Document, ReadError, text_count
from ..inference.inputs.readers import read_documents, read_python_records
from ..inference.inputs.records import is_valid_text
from ..inference.predict_examples import predict_examples
from ..inference.predictor import Prediction, Predictor
from ..inference.read_model import read_model
from ..store.run_store import RunStore
from ..study.parameter_types import read_seeds
from ..study.parameters import hub_id
from ..tables.table import Table
from ..tasks import Task, read_split
from ..tasks.custom.audit import check_trainable
from ..tasks.custom.files import is_standoff_folder
from ..tasks.folds import OFFICIAL, parse_splits
from ..tasks.formats.lines import clip
from ..tasks.formats.python_records import is_records
from .caveats import weighted_caveat
from .finetune import audit_with, default_recipe, fine_tune
from .finetune_result import FinetuneResult
from .predictions import Predictions
from .recommend.recommend import Recommendation
from .recommend.recommend import recommend as _recommend
from .resampled import NO_MODEL, ResampledResult, fine_tune_resampled
from .score import score_examples, score_file
from .score_result import ScoredPredictions
from .score_spans import SpanScores

BATCH = 64  # documents between two updates of the progress bar


def finetune(
    task: Task | str,
    encoder: str | Path,
    *,
    seeds: int | str | Sequence[int] = 5,
    recipe: Recipe | JsonMapping | str | None = None,
    data: str | Path | None = None,
    store: str | Path = "runs/finetune",
    model_dir: str | Path | None = None,
    export_model: bool = True,
    overwrite: bool = False,
    learning_curve: bool = False,
    device: str = "auto",
    progress: str = "auto",
    splits: str = OFFICIAL,
) -> FinetuneResult | ResampledResult:
    """Fine-tune an encoder on a task, one run per seed. The best run on dev becomes a model directory (`.model`). Runs
    that the store already has are not repeated.

    Args:
        task: a Task, the name of a BLURB task, or a YAML definition.
        encoder: checkpoint directory, Hub id, hub:NAME or pretrain:bert.
        seeds: their number or the seeds: 5, "1-5", [1, 3, 7].
        recipe: fields, a Recipe, "recommended" (the default for custom tasks) or "default" (the default for BLURB).
        data: folder of the BLURB datasets, or mini (default: BLURBSTUDY_DATA); ignored for custom tasks.
        store: folder of the run store.
        model_dir: directory for the model (default: a new one next to the store); none with export_model=False.
        overwrite: replace the model directory whatever it contains (default: only if unchanged since its export).
        learning_curve: also train on 1/8, 1/4 and 1/2 of train (`.curve`), with 5 seeds or more.
        device: auto, cpu or cuda.
        progress: auto or silent.
        splits: official, or FOLDSxREPEATS such as 5x4: all examples of BIOSSES, PubMedQA, BioASQ or a custom task in
            test folds, one run and seed per fold, and no model.

    Raises:
        StudyError: an argument, the data, the encoder or the store is invalid.
    """
    known_task = task if isinstance(task, Task) else Task.load(task)
    given_recipe = recipe_from_dict(dict(recipe)) if isinstance(recipe, Mapping) else recipe
    folder = None if model_dir is None else Path(model_dir)
    resampled = parse_splits(splits)
    if resampled is not None and learning_curve:
        raise ParameterError("learning_curve and splits are mutually exclusive; a curve is of the official train")
    if resampled is not None:
        return fine_tune_resampled(
            known_task,
            str(encoder),
            splits=resampled,
            data=_data(known_task, data),
            store=Path(store),
            recipe=given_recipe,
            device=device,
            progress=progress,
            model_dir=folder,
            log=lambda line: None,
        )
    result = fine_tune(
        known_task,
        str(encoder),
        data=_data(known_task, data),
        seeds=read_seeds(list(seeds) if isinstance(seeds, (tuple, range)) else seeds),
        store=Path(store),
        recipe=given_recipe,
        device=device,
        progress=progress,
        export_model=export_model,
        model_dir=folder,
        overwrite=overwrite,
        learning_curve=learning_curve,
        log=lambda line: None,  # the HTML table has the warnings
    )
    if result.model_problem:
        raise ParameterError(result.model_problem)
    return result


def evaluate(
    model_or_predictions: FinetuneResult | ResampledResult | str | Path,
    task: Task | str,
    *,
    split: str = "test",
    data: str | Path | None = None,
    device: str = "auto",
) -> ScoredPredictions | SpanScores:
    """Score a model or a file of predictions on a split of a task, with confidence interval and trivial baseline.

    Args:
        model_or_predictions: the result of `finetune`, a model directory, or predictions in a format of
            `blurbstudy score`.
        task: as for `finetune`.

    Raises:
        StudyError: the model, the predictions or the data are invalid, or do not fit the task.
    """
    known_task = task if isinstance(task, Task) else Task.load(task)
    folder = data_folder(_data(known_task, data))
    path = _model_path(model_or_predictions)
    if path.is_file() or is_standoff_folder(path):
        return score_file(path, known_task, folder, split=split)
    predictor = Predictor(read_model(path), device=device)
    examples = read_split(known_task, folder, split=split)
    predicted, probabilities = predict_examples(predictor, known_task, examples)
    scored = score_examples(
        predicted, examples, known_task, folder, split=split, origin=str(path), probabilities=probabilities
    )
    weighted = weighted_caveat(predictor.directory.run.get("recipe") or {}, known_task, split, n=scored.n)
    return dataclasses.replace(scored, caveats=(*(scored.caveats or ()), *weighted))


def predict(
    model: FinetuneResult | str | Path,
    texts: Any,
    *,
    columns: Mapping[str, str] | None = None,
    min_confidence: float | None = None,
    raw_confidence: bool = False,
    device: str = "auto",
) -> Predictions:
    """Predict entities, labels or scores for new texts.

    Args:
        model: the result of `finetune`, or a model directory.
        texts: a text, a list of texts (of pairs, for tasks on pairs), the Path of a file or folder in a format of
            `blurbstudy predict`, or a pandas data frame, datasets.Dataset, list of dicts or dict of columns.
        columns: of a file or table with columns: role (text, text2, id, words) -> name.
        min_confidence: abstain below this probability (0 to 1), as `blurbstudy predict --min-confidence`: labels and
            entities are left out and counted (`.coverage`).
        raw_confidence: probabilities as computed, without the model's calibration.

    Raises:
        StudyError: the model or the texts are invalid, or the model has no probabilities to be a minimum of.
    """
    predictor = Predictor(read_model(_model_path(model)), device=device, raw_confidence=raw_confidence)
    coverage = None
    if min_confidence is not None:
        check_minimum(min_confidence, predictor.task, name="min_confidence")
        coverage = Coverage(min_confidence)
    documents, read = _documents(texts, predictor.task, columns)
    predictions: list[Prediction] = []
    with progress_bar("predict", total=len(documents), unit="text") as advance:
        while part := documents[len(predictions) : len(predictions) + BATCH]:
            predicted = predictor.predict(part)
            predictions += [coverage.withhold(one) for one in predicted] if coverage else predicted
            advance(len(part))
    return Predictions(task=predictor.task, predictions=tuple(predictions), columns=read, coverage=coverage)


def audit(task: Task | str, encoder: str | Path, *, max_length: int | None = None) -> Table:
    """Statistics of a custom task's files, and warnings about problems for training.

    Args:
        encoder: as for `finetune`; its tokenizer counts sub-words.
        max_length: sub-words per sequence (default: as in the default recipe for this kind of task).

    Raises:
        StudyError: nothing can be learned from the files.
    """
    known_task = task if isinstance(task, Task) else Task.load(task)
    if known_task.custom is None:
        raise ParameterError(f"{known_task.name} is a BLURB task; see its audit in 00_overview")
    check_trainable(known_task)
    spec = str(encoder)
    data = str(Path(known_task.files["train"]).parent)
    with tempfile.TemporaryDirectory(prefix="blurbstudy-") as folder:
        sources = resolve_sources(RunStore(Path(folder)), tasks=[known_task], encoders={spec: hub_id(spec)}, data=data)
        source = sources.encoders[spec]
    limit = max_length or default_recipe(known_task, positions=source.architecture.max_positions).max_length
    result = audit_with(source, known_task, max_length=limit)
    rows = [tuple(fact.split(": ", 1)) for fact in result.facts]
    notes = [f"warning: {warning}" for warning in result.warnings] or ["no warnings"]
    return Table(title=f"Data of {known_task.name}", columns=("Item", "Value"), rows=rows, notes=notes)


def recommend(
    task: Task | str,
    encoder: str | Path,
    *,
    data: str | Path | None = None,
    store: str | Path = "runs/finetune",
    sentence_tuned: bool | None = None,
    device: str = "auto",
) -> Recommendation:
    """Recommend a recipe, with reasons and expected scores. Nothing is trained. Pass its `.recipe` to `finetune`.

    Args:
        task, encoder, data: as for `finetune`.
        store: run store whose runs count as evidence.
        sentence_tuned: whether the encoder was trained to compare sentences (default: detected from its files).
        device: for the zero-shot cosine of similarity tasks.

    Raises:
        StudyError: an argument, the data, the encoder or the store is invalid.
    """
    known_task = task if isinstance(task, Task) else Task.load(task)
    return _recommend(
        known_task,
        str(encoder),
        data=_data(known_task, data),
        store=Path(store),
        sentence_tuned=sentence_tuned,
        device=device,
    )


def _data(task: Task, data: str | Path | None) -> str:
    """The folder of the datasets; custom tasks name their files themselves."""
    if task.custom:
        return "."
    folder = data or paths.data_folder()
    if folder is None:
        raise ParameterError(f"no data: name the folder of the datasets (data=...) or set {paths.DATA_ENV}")
    return str(folder)


def _model_path(model: FinetuneResult | ResampledResult | str | Path) -> Path:
    if isinstance(model, ResampledResult):
        raise ParameterError(f"{model.task.name} in {model.splits} folds: {NO_MODEL}")
    if not isinstance(model, FinetuneResult):
        return Path(model)
    if model.model is None:
        reason = "; ".join(model.model_notes) or "export_model=False"
        raise ParameterError(f"no model of {model.task.name} was exported ({reason})")
    return model.model


def _documents(texts: Any, task: Task, columns: Mapping[str, str] | None) -> tuple[list[Document], Mapping[str, str]]:
    """The documents, and role -> column that they are read from."""
    if isinstance(texts, Path) or is_records(texts):
        read = read_documents if isinstance(texts, Path) else read_python_records
        items = list(read(texts, task, columns=columns))
        return [_document(item.content) for item in items], next((item.columns for item in items if item.columns), {})
    if columns is not None:
        raise ParameterError("columns need a file or a table; pass its Path, or a data frame")
    if isinstance(texts, str) and _looks_like_path(texts):
        raise ParameterError(f"{texts!r} is the name of a file; pass Path({texts!r}) to read it")
    if not isinstance(texts, (str, Iterable)):
        expected = "a text, a list of texts, a data frame, or the Path of a file"
        raise ParameterError(f"expected {expected}, got a {type(texts).__name__}")
    count = text_count(task)
    expected = "a text" if count == 1 else "a pair of texts"
    documents = []
    for number, text in enumerate([texts] if isinstance(texts, str) else texts, 1):
        parts = (text,) if isinstance(text, str) else tuple(text) if isinstance(text, (tuple, list)) else ()
        if len(parts) != count or not all(isinstance(part, str) for part in parts):
            raise ParameterError(f"text {number}: {task.name} expects {expected}, got {clip(repr(text), length=60)}")
        for part in parts:
            if not is_valid_text(part):
                raise ParameterError(f"text {number} has a NUL character or a lone surrogate; remove it")
            if task.output != "token_labels" and not part.strip():
                raise ParameterError(f"text {number} is empty; remove it")
        documents.append(Document(str(number), parts))
    return documents, {}


def _looks_like_path(text: str) -> bool:
    """Whether a text names an existing file, or an existing folder with a trailing slash."""
    try:
        return Path(text).is_file() or (text.endswith("/") and Path(text).is_dir())
    except (OSError, ValueError):  # longer than a file name, or with a NUL character
        return False


def _document(content: Document | ReadError) -> Document:
    if isinstance(content, ReadError):
        raise DataError(content.message)
    return content
