"""From documents to predictions: sentences and words, packed batches by length, the model, and what its outputs say.

Entities are read from the most probable tag of every word, an I that continues none begins one, as in transformers'
pipeline with aggregation_strategy="first"; an entity's probability is the mean over its words of their tags'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from ..metrics.entities import mentions
from ..tasks import Example, Task
from ..tasks.features import Features, tokenize
from ..tasks.text.sentences import sentence_spans
from ..tasks.text.words import WORD_RULES, Span
from ..training.evaluation import EVALUATION_TOKENS, decode, evaluation_batches, predict
from ..training.provenance import pick_device
from .inputs.items import Document
from .model_directory.directory import ModelDirectory, load_classifier
from .word_features import WordFeatures


@dataclass(frozen=True, slots=True)
class Entity:
    """text[start:end] of a document's text, counted in characters (Unicode code points)."""

    start: int
    end: int
    type: str
    text: str
    probability: float  # mean over the entity's words of the probability of their tags


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """The words of a sentence as the model read them, and their tags."""

    words: tuple[Span, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was predicted for one document. By the task's output: entities and sentences, label, labels or score."""

    document: Document
    entities: tuple[Entity, ...] = ()
    sentences: tuple[TaggedSentence, ...] = ()
    label: str | None = None  # the most probable
    labels: tuple[str, ...] | None = None  # those of probability above 1/2
    score: float | None = None
    probabilities: dict[str, float] = field(default_factory=dict)  # of every label

    @property
    def id(self) -> str:
        """The document's."""
        return self.document.id

    @property
    def text(self) -> str:
        """The document's first text."""
        return self.document.texts[0]


class Predictor:
    """A model directory at work.

    Args:
        device: auto, cpu or cuda.
        batch_tokens: sub-words predicted at once.
    """

    def __init__(
        self, directory: ModelDirectory, *, device: str = "auto", batch_tokens: int = EVALUATION_TOKENS
    ) -> None:
        self.directory = directory
        self.task: Task = directory.task
        self.batch_tokens = batch_tokens
        self.full = 0  # documents so far with a text that fills a sequence, tagged ones aside: what follows is not read
        self.device = pick_device(device)
        self.model = load_classifier(directory, device=self.device).eval()
        self._tokenizer = directory.checkpoint.tokenizer()
        self._word_features = WordFeatures(self._tokenizer, max_length=directory.settings.max_length)

    def predict(self, documents: Sequence[Document]) -> list[Prediction]:
        """One prediction per document, in order."""
        if not documents:
            return []
        return self._tagged(documents) if self.task.output == "token_labels" else self._classified(documents)

    def _tagged(self, documents: Sequence[Document]) -> list[Prediction]:
        rule = self.directory.settings.words
        spans = [split(document, rule) for document in documents]
        texts = [document.texts[0] for document in documents]
        words = [[text[a:b] for a, b in own] for text, found in zip(texts, spans, strict=True) for own in found]
        if not words:
            return [Prediction(document) for document in documents]
        features = self._word_features.of(words)
        probabilities = _softmax(self._outputs(features))
        tags = [str(own).split() for own in decode(probabilities, features, self.task, tagging=self._tagging)]
        best = probabilities.max(-1)
        made, at = [], 0
        for document, found in zip(documents, spans, strict=True):
            sentences = [TaggedSentence(own, tuple(tags[at + i])) for i, own in enumerate(found)]
            starts = features.examples[at : at + len(found)]
            entities = [
                entity
                for sentence, start in zip(sentences, starts, strict=True)
                for entity in self._entities(document.texts[0], sentence, best[start:])
            ]
            made.append(Prediction(document, tuple(entities), tuple(sentences)))
            at += len(found)
        return made

    def _entities(self, text: str, sentence: TaggedSentence, probabilities: np.ndarray) -> list[Entity]:
        found = []
        for first, last, kind in mentions(sentence.tags, reading="default"):
            start, end = sentence.words[first][0], sentence.words[last - 1][1]
            probability = float(probabilities[first:last].mean())
            found.append(Entity(start, end, kind or self.task.name, text[start:end], probability))
        return found

    def _classified(self, documents: Sequence[Document]) -> list[Prediction]:
        settings = self.directory.settings
        nothing = {"score": 0.0, "multi_label": ""}.get(self.task.output, (*self.task.labels, "")[0])
        examples = [Example(document.id, document.id, document.texts, nothing) for document in documents]
        features = tokenize(
            examples, self._tokenizer, self.task, max_length=settings.max_length, segment_ids=settings.layout
        )
        lengths = np.diff(features.offsets).reshape(len(documents), -1)
        self.full += int((lengths.max(1) >= settings.max_length).sum())
        outputs = self._outputs(features)
        found = decode(outputs, features, self.task, tagging=self._tagging)
        if self.task.output == "score":
            return [Prediction(document, score=float(one)) for document, one in zip(documents, found, strict=True)]
        several = self.task.output == "multi_label"
        rows = (1 / (1 + np.exp(-outputs.astype(np.float64))) if several else _softmax(outputs)).tolist()
        probabilities = [dict(zip(self.task.labels, row, strict=True)) for row in rows]
        if several:
            sets = [tuple(label for label in own.split(",") if label) for own in map(str, found)]
            return [Prediction(d, labels=own, probabilities=p)
                    for d, own, p in zip(documents, sets, probabilities, strict=True)]  # fmt: skip
        return [Prediction(d, label=str(own), probabilities=p)
                for d, own, p in zip(documents, found, probabilities, strict=True)]  # fmt: skip

    @property
    def _tagging(self) -> str:
        return self.directory.settings.tagging

    def _outputs(self, features: Features) -> np.ndarray:
        """(targets, outputs) of the model."""
        n_heads = self.model.architecture.n_heads
        batches = evaluation_batches(features, members=1, n_heads=n_heads, tokens=self.batch_tokens)
        with torch.inference_mode():  # faster than without gradients alone: see models.dense
            return predict(self.model, batches, device=self.device, autocast=False)[0]


def split(document: Document, rule: str) -> list[tuple[Span, ...]]:
    """Where the words of each sentence stand: those that were given, or those found by the rule (key of WORD_RULES);
    sentences without words are left out.
    """
    if document.sentences is not None:
        return [own for own in document.sentences if own]
    text, found = document.texts[0], []
    for start, end in sentence_spans(text):
        if words := WORD_RULES[rule](text[start:end]):
            found.append(tuple((start + a, start + b) for a, b in words))
    return found


def _softmax(outputs: np.ndarray) -> np.ndarray:
    """In double precision, over the last axis."""
    outputs = outputs.astype(np.float64)
    powers = np.exp(outputs - outputs.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)
