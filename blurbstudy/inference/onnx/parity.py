"""Compare the predictions of an ONNX model with those of the torch model that it was exported from."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from ...config import JsonObject
from ...errors import DataError, ParameterError, ParityError, count_of
from ...metrics import score
from ...tasks import Example, Task
from ..inputs.documents import Document, ReadError, text_count
from ..inputs.readers import read_documents
from ..predict_examples import as_label, document_of_example
from ..predictor import Prediction, Predictor

N_TEXTS = 200
TOLERANCE = 1e-3  # largest difference of an output in float32, and a tenth of it relative to the largest output
GENERATED_WORDS = (5, 60)  # fewest and most words of a generated text


@dataclass(frozen=True)
class ParityTexts:
    """What both models are compared on."""

    documents: Sequence[Document]
    origin: str  # for the model card
    gold: Sequence[str | float] = ()  # labels in the form of Example.label; (): unknown
    generated: bool = False


@dataclass(frozen=True, kw_only=True)
class Parity:
    """How far the predictions of two models agree."""

    largest_difference: float  # of outputs: logits, scores or cosines
    mean_difference: float
    largest_output: float  # of the torch model, as a magnitude
    equal: int | None  # predictions that both models make; None for scores
    predictions: int  # that either makes: entities, or texts
    score: float | None = None  # of the exported model by the task's metric, a fraction; None: no gold labels
    torch_score: float | None = None

    def check(self) -> None:
        """Refuse a model in float32 with another output.

        Raises:
            ParityError: a difference is beyond rounding.
        """
        limit = TOLERANCE * max(1, self.largest_output / 10)
        if not self.largest_difference <= limit:  # NaN is refused too
            raise ParityError(
                f"the exported model differs: the largest difference of an output is {self.largest_difference:.2g}, "
                f"more than {limit:g}; nothing is written"
            )

    def to_dict(self) -> JsonObject:
        """JSON values."""
        return asdict(self)


def texts_of_file(file: Path, task: Task) -> ParityTexts:
    """The first texts of a file that `predict` reads; a .txt file has one on each line.

    Raises:
        DataError: a text cannot be read, or there is none.
    """
    format_name = "lines" if file.suffix.lower() == ".txt" and text_count(task) == 1 else "auto"
    documents: list[Document] = []
    for item in read_documents(file, task, format_name=format_name):
        if isinstance(item.content, ReadError):
            raise DataError(item.content.message)
        documents.append(item.content)
        if len(documents) == N_TEXTS:
            break
    return ParityTexts(documents, f"the first {count_of(len(documents), 'text')} of {file.name}")


def texts_of_examples(examples: Sequence[Example], task: Task, origin: str) -> ParityTexts:
    """Up to 200 of the examples of a split, evenly spaced.

    Args:
        origin: such as `dev examples`.
    """
    chosen = [examples[i] for i in np.linspace(0, len(examples) - 1, min(N_TEXTS, len(examples))).astype(int)]
    documents = [document_of_example(task, number, example) for number, example in enumerate(chosen)]
    share = f"{len(chosen)} of" if len(chosen) < len(examples) else "all"
    return ParityTexts(documents, f"{share} {len(examples)} {origin}", [example.label for example in chosen])


def generated_texts(tokenizer: Tokenizer, task: Task) -> ParityTexts:
    """Texts of words from the tokenizer's vocabulary, drawn at random."""
    words = sorted({entry.lstrip("Ġ▁") for entry in tokenizer.get_vocab()})
    words = [word for word in words if word.isalpha()]
    draw = random.Random(0)
    texts = [" ".join(draw.choices(words, k=draw.randint(*GENERATED_WORDS))) for _ in range(N_TEXTS * text_count(task))]
    documents = [Document(str(i), tuple(texts[i::N_TEXTS])) for i in range(N_TEXTS)]
    return ParityTexts(documents, f"{N_TEXTS} texts of random words from the tokenizer's vocabulary", generated=True)


def compare(original: Predictor, exported: Predictor, texts: ParityTexts) -> Parity:
    """The agreement of an exported model with the torch model.

    Raises:
        ParityError: they read a text differently.
    """
    task = original.task
    (predictions, outputs), (others, other_outputs) = (_run(model, texts.documents) for model in (original, exported))
    if outputs.shape != other_outputs.shape:
        raise ParityError(f"the exported model has outputs of shape {other_outputs.shape}, not {outputs.shape}")
    differences = np.abs(outputs - other_outputs)
    predicted, other_predicted = ({*_items(task, side)} for side in (predictions, others))
    scores: list[float | None] = [None, None]
    if texts.gold:
        labels = [[as_label(task, prediction) for prediction in side] for side in (predictions, others)]
        scores = [score(task.metric, texts.gold, side, positives=task.positive_labels) for side in labels]
    return Parity(
        largest_difference=float(differences.max()),
        mean_difference=float(differences.mean()),
        largest_output=float(np.abs(outputs).max()),
        equal=None if task.output == "score" else len(predicted & other_predicted),
        predictions=len(predicted | other_predicted) if task.output == "token_labels" else len(predictions),
        torch_score=scores[0],
        score=scores[1],
    )


def _run(predictor: Predictor, documents: Sequence[Document]) -> tuple[list[Prediction], np.ndarray]:
    """Predictions, and the (targets, outputs) from which they were decoded."""
    computed: list[np.ndarray] = []
    outputs_of = predictor.outputs_of
    predictor.outputs_of = lambda *arguments: computed.append(outputs_of(*arguments)) or computed[-1]
    try:
        predictions = predictor.predict(documents)
        if not computed:
            raise ParameterError("the texts to compare on have no words; name others (--texts)")
        return predictions, np.concatenate(computed)
    finally:
        predictor.outputs_of = outputs_of


def _items(task: Task, predictions: Sequence[Prediction]) -> list[tuple]:
    """What is compared: entities, or the labels of a text."""
    if task.output == "token_labels":
        return [(p.id, entity.start, entity.end, entity.type) for p in predictions for entity in p.entities]
    return [(p.id, p.label, p.labels) for p in predictions]
