"""What a process of prediction.py does: predicts for all texts by one system, or tries the reference's settings. And
the model directory with a random head that both systems load.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from measure import cores, do_job

LABELS = ("O", "B-Disease", "I-Disease", "B-Drug", "I-Drug")
OUTSIDE_SHARE = 0.9  # of words, that a random head leaves outside of entities
Prediction = Callable[[Sequence[str]], list[list[tuple[int, int, str]]]]  # texts -> the entities of each
WARM = 2  # texts that go through before the clock runs


def make_model(folder: Path, encoder: Path, *, texts: Sequence[str]) -> Path:
    """A model directory: the encoder, and a random head whose bias leaves most words of the texts outside."""
    import numpy as np

    from blurbstudy.config import Recipe
    from blurbstudy.inference.inputs.documents import Document
    from blurbstudy.inference.model_directory.directory import read_model_directory, write_model_files
    from blurbstudy.inference.model_directory.settings import settings_of
    from blurbstudy.inference.predictor import Predictor, split_words
    from blurbstudy.models import Classifier, FinetunedWeights, load_checkpoint
    from blurbstudy.tasks import get_task

    checkpoint = load_checkpoint(encoder)
    task = dataclasses.replace(get_task("NCBI-disease"), labels=LABELS, name="a random head")
    settings = settings_of(task, Recipe(max_length=min(512, checkpoint.architecture.max_positions)))
    model = Classifier(checkpoint.architecture, members=1, outputs=len(LABELS), head="token")
    model.load_member(0, checkpoint, seed=1)

    def write(path: Path) -> Path:
        path.mkdir(parents=True)
        trained = FinetunedWeights(checkpoint.architecture, model.member_weights(0), model.head_weights(0))
        tokenizer = checkpoint.tokenizer()
        write_model_files(path, trained, task=task, settings=settings, tokenizer=tokenizer, run={})
        return path

    predictor = Predictor(read_model_directory(write(folder.with_name("before"))))
    words = [
        [text[a:b] for a, b in item] for text in texts for item in split_words(Document("a", (text,)), settings.words)
    ]
    outputs = predictor._outputs(predictor._word_features.of(words))
    lead = outputs[:, 1:].max(-1) - outputs[:, 0]
    model.head.bias.data[0, 0] += float(np.quantile(lead, OUTSIDE_SHARE))
    return write(folder)


def prepare(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """By the job's system."""
    texts = json.loads(Path(job["texts"]).read_text(encoding="utf-8"))
    return {"ours": our_system, "reference": reference_system, "trials": trials}[job["system"]](texts, job)


def our_system(texts: list[str], job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """All texts through the predictor, chunk by chunk, as the command does."""
    return timed(our_prediction(job["model"]), texts)


def timed(predict: Prediction, texts: Sequence[str]) -> Callable[[], dict[str, Any]]:
    """Warmed up by some of the texts."""
    predict(texts[:WARM])

    def go() -> dict[str, Any]:
        began = time.perf_counter()
        results = predict(texts)
        seconds = time.perf_counter() - began
        return {"seconds": [seconds], "entities": sum(map(len, results))}

    return go


def our_prediction(model: str) -> Prediction:
    """Texts -> the entities of each."""
    from blurbstudy.inference.inputs.documents import Document, Item
    from blurbstudy.inference.model_directory.directory import read_model_directory
    from blurbstudy.inference.pipeline import chunks
    from blurbstudy.inference.predictor import Predictor

    predictor = Predictor(read_model_directory(model), device="cpu")

    def predict(texts: Sequence[str]) -> list[list[tuple[int, int, str]]]:
        items = (Item(Document(str(i), (text,)), 0) for i, text in enumerate(texts))
        return [
            [(entity.start, entity.end, entity.type) for entity in prediction.entities]
            for chunk in chunks(items, batch_tokens=predictor.batch_tokens)
            for prediction in predictor.predict([item.content for item in chunk])
        ]

    return predict


def reference_system(texts: list[str], job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """All texts through the pipeline."""
    return timed(reference_prediction(make_pipeline(job["model"]), unit=job["given"], batch=job["batch"]), texts)


def make_pipeline(model: str) -> Any:
    """transformers' own, from the model directory."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return transformers.pipeline("token-classification", model=model, aggregation_strategy="first", device=-1)


def reference_prediction(pipe: Any, *, unit: str, batch: int) -> Callable[[Sequence[str]], list]:
    """Texts -> the entities of each; unit: abstracts | sentences."""
    from blurbstudy.tasks.text.sentences import sentence_spans

    def predict(texts: Sequence[str]) -> list:
        if unit == "abstracts":
            return [shift_entities(item, 0) for item in pipe(list(texts), batch_size=batch)]
        sentences = [(i, start, text[start:end]) for i, text in enumerate(texts) for start, end in sentence_spans(text)]
        results: list[list] = [[] for _ in texts]
        answers = pipe([sentence for _, _, sentence in sentences], batch_size=batch)
        for (i, start, _), item in zip(sentences, answers, strict=True):
            results[i] += shift_entities(item, start)
        return results

    return predict


def shift_entities(entities: list[dict[str, Any]], start: int) -> list[tuple[int, int, str]]:
    """Entities of a sentence that begins at `start`."""
    return [(start + first["start"], start + first["end"], first["entity_group"]) for first in entities]


def trials(texts: list[str], job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """The reference's settings on the first texts; and whether both systems find the same there."""
    import torch

    some, pipe = texts[: job["count"]], make_pipeline(job["model"])

    def go() -> dict[str, Any]:
        measured = []
        for threads in sorted({1, cores()}):
            torch.set_num_threads(threads)
            for unit in ("abstracts", "sentences"):
                for batch in (8,) if job["few"] else (1, 8, 32):
                    predict = reference_prediction(pipe, unit=unit, batch=batch)
                    predict(some[:WARM])  # what is done once must not count
                    began = time.perf_counter()
                    predict(some)
                    seconds = time.perf_counter() - began
                    measured.append({"given": unit, "threads": threads, "batch": batch, "piece_seconds": seconds})
        theirs = {
            (i, *first)
            for i, item in enumerate(reference_prediction(pipe, unit="sentences", batch=8)(some))
            for first in item
        }
        ours = {(i, *first) for i, item in enumerate(our_prediction(job["model"])(some)) for first in item}
        return {"seconds": [0.0], "trials": measured, "same": len(ours & theirs) / max(1, len(ours | theirs))}

    return go


if __name__ == "__main__":
    do_job(prepare)
