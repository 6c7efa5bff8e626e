"""A model directory's predictions for the examples of a task, in the form that metrics take."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ParameterError
from ..tasks import Example, Task
from ..tasks.task import OUTSIDE
from .inputs.items import Document
from .predictor import Prediction, Predictor


def predict_examples(predictor: Predictor, task: Task, examples: Sequence[Example]) -> list[str | float]:
    """Predictions in the order of the examples; tagged sentences keep their words.

    Raises:
        ParameterError: the model predicts something else than the task asks for.
    """
    check_fits(predictor.task, task)
    found = predictor.predict([_document(task, number, example) for number, example in enumerate(examples)])
    return [_in_form(task, prediction) for prediction in found]


def check_fits(model: Task, task: Task) -> None:
    """Refuse a model of another kind of task, or one that knows none of the task's labels."""
    if model.output != task.output or len(model.text_columns) != len(task.text_columns):
        raise ParameterError(
            f"the model is of a {model.task_type} task ({model.name}), {task.name} is a {task.task_type} task"
        )
    known = set(model.labels) & set(task.labels) - {OUTSIDE}
    if task.labels and not known:
        named = " and ".join(f"{one.name}: {', '.join(_labels(one))}" for one in (model, task))
        raise ParameterError(f"the model has no label of the task ({named}); name a model that was trained for it")


def _labels(task: Task) -> list[str]:
    return [label for label in task.labels if label != OUTSIDE]


def _document(task: Task, number: int, example: Example) -> Document:
    if task.output != "token_labels":
        return Document(str(number), example.texts)
    words, at = [], 0
    for word in example.texts:
        words.append((at, at + len(word)))
        at += len(word) + 1
    return Document(str(number), (" ".join(example.texts),), (tuple(words),))


def _in_form(task: Task, prediction: Prediction) -> str | float:
    """As Example.label has it."""
    if task.output == "token_labels":
        return " ".join(prediction.sentences[0].tags)
    if task.output == "score":
        return float(prediction.score)
    if task.output == "multi_label":
        return ",".join(label for label in task.labels if label in prediction.labels)
    return str(prediction.label)
