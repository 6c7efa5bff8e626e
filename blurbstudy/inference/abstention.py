"""Abstention: predictions whose probability is below a minimum are withheld."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ..config import JsonMapping
from ..errors import ParameterError
from ..tasks import Task
from ..tasks.task import OUTSIDE
from .predictor import Entity, Prediction, TaggedSentence


@dataclass
class Coverage:
    """How many predictions had the minimum."""

    minimum: float
    predictions: int = 0  # labels of texts, labels of sets, or entities
    kept: int = 0

    def withhold(self, prediction: Prediction) -> Prediction:
        """The prediction without what is below the minimum; counted."""
        found, offered = _withhold(prediction, self.minimum)
        self.predictions += offered
        self.kept += offered - (found.withheld or 0)
        return found

    def text(self, task: Task) -> str:
        """For the terminal."""
        noun = predictions_noun(task)
        share = f" ({self.kept / self.predictions:.1%})" if self.predictions else ""
        return (
            f"coverage: {self.kept:,} of {self.predictions:,} {noun}{share} have a confidence of {self.minimum:g} or "
            f"more; {self.predictions - self.kept:,} {'left out' if task.output != 'single_label' else 'abstained'}"
        )


def predictions_noun(task: Task) -> str:
    """What is kept or withheld."""
    return {"token_labels": "entities", "multi_label": "predicted labels"}.get(task.output, "texts")


def check_minimum(minimum: float, task: Task, *, name: str = "--min-confidence") -> None:
    """Refuse a minimum that is no probability, or where there is none.

    Args:
        name: of the argument, for messages.

    Raises:
        ParameterError: it is out of bounds, or the task predicts scores.
    """
    if not 0 <= minimum <= 1:
        raise ParameterError(f"{name} {minimum:g} is out of bounds; use 0 to 1")
    if task.output == "score":
        raise ParameterError(f"{name} is for probabilities, and {task.name} has scores; remove it")


def error_on_test(run: JsonMapping, minimum: float, task: Task) -> str:
    """What the largest tested minimum that is not above this one did on test; '' if that is unknown."""
    test = (run.get("calibration") or {}).get("test") or {}
    rows = [row for row in test.get("coverage", ()) if row["minimum"] <= minimum]
    if not rows:
        return ""
    row = rows[-1]
    interval = "" if row["interval"] is None else " [{:.1%}, {:.1%}]".format(*row["interval"])
    return (
        f"on the model's test set, a minimum of {row['minimum']:g} kept {row['coverage']:.1%} of "
        f"{predictions_noun(task)}, of which {row['error']:.1%}{interval} were wrong; other text may differ"
    )


def _withhold(prediction: Prediction, minimum: float) -> tuple[Prediction, int]:
    """What is left, and how many predictions there were."""
    if prediction.label is not None:
        keep = prediction.probabilities[prediction.label] >= minimum
        return dataclasses.replace(prediction, label=prediction.label if keep else None, withheld=int(not keep)), 1
    if prediction.labels is not None:
        kept = tuple(label for label in prediction.labels if prediction.probabilities[label] >= minimum)
        withheld = len(prediction.labels) - len(kept)
        return dataclasses.replace(prediction, labels=kept, withheld=withheld), len(prediction.labels)
    entities = tuple(entity for entity in prediction.entities if entity.probability >= minimum)
    dropped = tuple(entity for entity in prediction.entities if entity.probability < minimum)
    left = dataclasses.replace(
        prediction,
        entities=entities,
        sentences=tuple(_without(sentence, dropped) for sentence in prediction.sentences),
        withheld=len(dropped),
        withheld_entities=dropped,
    )
    return left, len(prediction.entities)


def _without(sentence: TaggedSentence, dropped: tuple[Entity, ...]) -> TaggedSentence:
    """The sentence with the words of these entities outside."""
    tags = [
        OUTSIDE if any(entity.start <= start and end <= entity.end for entity in dropped) else tag
        for (start, end), tag in zip(sentence.words, sentence.tags, strict=True)
    ]
    return TaggedSentence(sentence.words, tuple(tags))
