"""Predict the labels of a task's examples, in the form that metrics take."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ParameterError
from ..tasks import Example, Task
from ..tasks.task import OUTSIDE
from .inputs.documents import Document
from .inputs.records import document_of_words
from .predictor import Prediction, Predictor


def predict_examples(
    predictor: Predictor, task: Task, examples: Sequence[Example]
) -> tuple[list[str | float], list[list[float]] | None]:
    """Predictions in the order of the examples and in the form of `Example.label`, and the probabilities of the task's
    labels where the model has them; the words of tagged sentences are not split again.
    """
    predictions = predictions_of_examples(predictor, task, examples)
    known = predictions and all(label in predictions[0].probabilities for label in task.labels) and task.labels
    probabilities = [[one.probabilities[label] for label in task.labels] for one in predictions] if known else None
    return [as_label(task, prediction) for prediction in predictions], probabilities


def predictions_of_examples(predictor: Predictor, task: Task, examples: Sequence[Example]) -> list[Prediction]:
    """As `predict_examples`, but as the predictor gives them."""
    check_fits(predictor.task, task)
    return predictor.predict([document_of_example(task, number, example) for number, example in enumerate(examples)])


def check_fits(model: Task, task: Task) -> None:
    """Refuse a model whose kind of task differs, or which shares no label with the task."""
    if model.output != task.output or len(model.text_columns) != len(task.text_columns):
        raise ParameterError(
            f"the model is for {model.task_type} tasks ({model.name}), but {task.name} is a {task.task_type} task; use "
            "another model"
        )
    shared = set(model.labels) & set(task.labels) - {OUTSIDE}
    if task.labels and not shared:
        labels = " and ".join(f"{side.name}: {', '.join(_labels(side))}" for side in (model, task))
        raise ParameterError(f"model and task share no label ({labels}); name a model that was trained for the task")


def _labels(task: Task) -> list[str]:
    return [label for label in task.labels if label != OUTSIDE]


def document_of_example(task: Task, number: int, example: Example) -> Document:
    """The input of an example; the words of a tagged sentence are not split again."""
    if task.output != "token_labels":
        return Document(str(number), example.texts)
    return document_of_words(str(number), [example.texts])


def as_label(task: Task, prediction: Prediction) -> str | float:
    """A prediction in the form of `Example.label`."""
    if task.output == "token_labels":
        return " ".join(prediction.sentences[0].tags)
    if task.output == "score":
        assert prediction.score is not None
        return float(prediction.score)
    if task.output == "multi_label":
        return ",".join(label for label in task.labels if label in (prediction.labels or ()))
    return str(prediction.label)
