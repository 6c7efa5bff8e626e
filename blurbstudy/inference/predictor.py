"""Predict entities, labels or scores for documents with the model of a model directory.

Entities are decoded from the most probable tag of each word, and an I tag without a preceding B starts an entity, as in
transformers' pipeline with aggregation_strategy="first". The probability of an entity is the mean over its words of the
probability of their tags. The model directory's calibration then changes probabilities, never labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..metrics.entities import decode_tags
from ..tasks import Example, Task
from ..tasks.features import Features, tokenize
from ..tasks.text.sentences import sentence_words
from ..tasks.text.words import Span
from ..training.decoding import EVALUATION_TOKENS, decode
from .calibration import calibration_of
from .inputs.documents import Document
from .word_features import WordFeatures

if TYPE_CHECKING:
    from .read_model import AnyModel


@dataclass(frozen=True, slots=True)
class Entity:
    """A mention; text[start:end] in characters (Unicode code points) of the document's text."""

    start: int
    end: int
    type: str
    text: str
    probability: float  # mean over its words of the probability of their tags, calibrated if the model is


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """The word spans and tags of a sentence."""

    words: tuple[Span, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction for one document. By the task's output: entities and sentences, label, labels, or score."""

    document: Document
    entities: tuple[Entity, ...] = ()
    sentences: tuple[TaggedSentence, ...] = ()
    label: str | None = None  # the most probable one; None if it is withheld
    labels: tuple[str, ...] | None = None  # those with a probability above the model's threshold
    score: float | None = None
    probabilities: dict[str, float] = field(default_factory=dict)  # label -> probability
    withheld: int | None = None  # predictions below the minimum of confidence, left out; None: no minimum
    withheld_entities: tuple[Entity, ...] = ()

    def entities_with_withheld(self) -> list[tuple[Entity, str]]:
        """All entities in their order, with their types; those that are withheld have ""."""
        both = [(e, e.type) for e in self.entities] + [(e, "") for e in self.withheld_entities]
        return sorted(both, key=lambda pair: pair[0].start)

    @property
    def id(self) -> str:
        return self.document.id

    @property
    def text(self) -> str:
        """The first text of the document."""
        return self.document.texts[0]


class Predictor:
    """Predicts with the model of a model directory.

    Args:
        device: auto, cpu or cuda.
        batch_tokens: sub-words per batch.
        raw_confidence: probabilities as computed, without the directory's calibration.
    """

    def __init__(
        self,
        directory: AnyModel,
        *,
        device: str = "auto",
        batch_tokens: int = EVALUATION_TOKENS,
        raw_confidence: bool = False,
    ) -> None:
        self.directory = directory
        self.calibration = None if raw_confidence else calibration_of(directory.run)
        self.task: Task = directory.task
        self.batch_tokens = batch_tokens
        self.truncated = 0  # classified documents so far that fill a sequence, so that the rest of their text is cut
        self.outputs_of = directory.load(device)
        self._tokenizer = directory.tokenizer()
        self._word_features = WordFeatures(self._tokenizer, max_length=directory.settings.max_length)

    def predict(self, documents: Sequence[Document]) -> list[Prediction]:
        """One prediction per document, in order."""
        if not documents:
            return []
        return self._predict_tags(documents) if self.task.output == "token_labels" else self._predict_labels(documents)

    def _predict_tags(self, documents: Sequence[Document]) -> list[Prediction]:
        rule = self.directory.settings.words
        spans = [split_words(document, rule) for document in documents]
        words = [
            [document.texts[0][start:end] for start, end in sentence]
            for document, sentences in zip(documents, spans, strict=True)
            for sentence in sentences
        ]
        if not words:
            return [Prediction(document) for document in documents]
        features = self._word_features.of(words)
        assert features.examples is not None
        probabilities = _softmax(self._outputs(features))
        tags = [str(line).split() for line in decode(probabilities, features, self.task, tag_scheme=self._tag_scheme)]
        best = probabilities.max(-1)
        predictions, first = [], 0  # first: index of the document's first sentence
        for document, document_spans in zip(documents, spans, strict=True):
            sentences = [TaggedSentence(words, tuple(tags[first + i])) for i, words in enumerate(document_spans)]
            starts = features.examples[first : first + len(document_spans)]
            entities = [
                entity
                for sentence, start in zip(sentences, starts, strict=True)
                for entity in self._entities(document.texts[0], sentence, best[start:])
            ]
            predictions.append(Prediction(document, tuple(entities), tuple(sentences)))
            first += len(document_spans)
        return predictions

    def _entities(self, text: str, sentence: TaggedSentence, probabilities: np.ndarray) -> list[Entity]:
        entities = []
        for first, last, kind in decode_tags(sentence.tags, scheme="default"):
            start, end = sentence.words[first][0], sentence.words[last - 1][1]
            probability = float(probabilities[first:last].mean())
            if self.calibration:
                probability = float(self.calibration.binary([probability])[0])
            entities.append(Entity(start, end, kind or self.task.name, text[start:end], probability))
        return entities

    def _predict_labels(self, documents: Sequence[Document]) -> list[Prediction]:
        settings = self.directory.settings
        placeholder = {"score": 0.0, "multi_label": ""}.get(self.task.output, (*self.task.labels, "")[0])
        examples = [Example(document.id, document.id, document.texts, placeholder) for document in documents]
        features = tokenize(
            examples, self._tokenizer, self.task, max_length=settings.max_length, segment_ids=settings.layout
        )
        lengths = np.diff(features.offsets).reshape(len(documents), -1)
        self.truncated += int((lengths.max(1) >= settings.max_length).sum())
        outputs = self._outputs(features)
        decoded = decode(outputs, features, self.task, tag_scheme=self._tag_scheme, threshold=settings.threshold)
        if self.task.output == "score":
            return [
                Prediction(document, score=float(score)) for document, score in zip(documents, decoded, strict=True)
            ]
        multi_label = self.task.output == "multi_label"
        rows = 1 / (1 + np.exp(-outputs.astype(np.float64))) if multi_label else _softmax(outputs)
        if self.calibration and multi_label:
            rows = self.calibration.label_sets(rows, self.task.labels)
        elif self.calibration:
            rows = self.calibration.distributions(rows)
        probabilities = [dict(zip(self.task.labels, row, strict=True)) for row in rows.tolist()]
        if multi_label:
            return [
                Prediction(document, labels=tuple(filter(None, str(labels).split(","))), probabilities=row)
                for document, labels, row in zip(documents, decoded, probabilities, strict=True)
            ]
        return [
            Prediction(document, label=str(label), probabilities=row)
            for document, label, row in zip(documents, decoded, probabilities, strict=True)
        ]

    @property
    def _tag_scheme(self) -> str:
        return self.directory.settings.tag_scheme

    def _outputs(self, features: Features) -> np.ndarray:
        """(targets, outputs) of the model."""
        return self.outputs_of(features, self.batch_tokens)


def split_words(document: Document, rule: str) -> list[tuple[Span, ...]]:
    """The word spans of each non-empty sentence: those of the document, or split by a rule (key of WORD_SPLITTERS)."""
    if document.sentences is not None:
        return [sentence for sentence in document.sentences if sentence]
    return sentence_words(document.texts[0], rule)


def _softmax(outputs: np.ndarray) -> np.ndarray:
    """Over the last axis, in double precision."""
    outputs = outputs.astype(np.float64)
    powers = np.exp(outputs - outputs.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)
