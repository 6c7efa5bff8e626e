"""What a process of prediction.py does: predicts for all texts by one side, or tries the peer's settings. And the model
directory with a random head that both sides load.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from measuring import cores, do_job

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
    model = Classifier(checkpoint.architecture, members=1, outputs=len(LABELS), head="words")
    model.load_member(0, checkpoint, seed=1)

    def write(place: Path) -> Path:
        place.mkdir(parents=True)
        trained = FinetunedWeights(checkpoint.architecture, model.member_weights(0), model.head_weights(0))
        tokenizer = checkpoint.tokenizer()
        write_model_files(place, trained, task=task, settings=settings, tokenizer=tokenizer, run={})
        return place

    predictor = Predictor(read_model_directory(write(folder.with_name("before"))))
    words = [
        [text[a:b] for a, b in own] for text in texts for own in split_words(Document("a", (text,)), settings.words)
    ]
    outputs = predictor._outputs(predictor._word_features.of(words))
    lead = outputs[:, 1:].max(-1) - outputs[:, 0]
    model.head.bias.data[0, 0] += float(np.quantile(lead, OUTSIDE_SHARE))
    return write(folder)


def prepare(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """By the job's side."""
    texts = json.loads(Path(job["texts"]).read_text(encoding="utf-8"))
    return {"ours": our_side, "peer": peer_side, "trials": trials}[job["side"]](texts, job)


def our_side(texts: list[str], job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """All texts through the predictor, chunk by chunk, as the command does."""
    return timed(our_prediction(job["model"]), texts)


def timed(predict: Prediction, texts: Sequence[str]) -> Callable[[], dict[str, Any]]:
    """Warmed up by some of the texts."""
    predict(texts[:WARM])

    def go() -> dict[str, Any]:
        began = time.perf_counter()
        found = predict(texts)
        seconds = time.perf_counter() - began
        return {"seconds": [seconds], "entities": sum(map(len, found))}

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
            for prediction in predictor.predict(chunk.documents)
        ]

    return predict


def peer_side(texts: list[str], job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """All texts through the pipeline."""
    return timed(peer_prediction(make_pipeline(job["model"]), given=job["given"], batch=job["batch"]), texts)


def make_pipeline(model: str) -> Any:
    """transformers' own, from the model directory."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return transformers.pipeline("token-classification", model=model, aggregation_strategy="first", device=-1)


def peer_prediction(pipe: Any, *, given: str, batch: int) -> Callable[[Sequence[str]], list]:
    """Texts -> the entities of each; given: abstracts | sentences."""
    from blurbstudy.tasks.text.sentences import sentence_spans

    def predict(texts: Sequence[str]) -> list:
        if given == "abstracts":
            return [placed(own, 0) for own in pipe(list(texts), batch_size=batch)]
        places = [(i, start, text[start:end]) for i, text in enumerate(texts) for start, end in sentence_spans(text)]
        found: list[list] = [[] for _ in texts]
        answers = pipe([sentence for _, _, sentence in places], batch_size=batch)
        for (i, start, _), own in zip(places, answers, strict=True):
            found[i] += placed(own, start)
        return found

    return predict


def placed(entities: list[dict[str, Any]], start: int) -> list[tuple[int, int, str]]:
    """Entities of a sentence that begins at `start`."""
    return [(start + one["start"], start + one["end"], one["entity_group"]) for one in entities]


def trials(texts: list[str], job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """The peer's settings on the first texts; and whether both sides find the same there."""
    import torch

    some, pipe = texts[: job["count"]], make_pipeline(job["model"])

    def go() -> dict[str, Any]:
        tried = []
        for threads in sorted({1, cores()}):
            torch.set_num_threads(threads)
            for given in ("abstracts", "sentences"):
                for batch in (8,) if job["few"] else (1, 8, 32):
                    predict = peer_prediction(pipe, given=given, batch=batch)
                    predict(some[:WARM])  # what is done once must not count
                    began = time.perf_counter()
                    predict(some)
                    seconds = time.perf_counter() - began
                    tried.append({"given": given, "threads": threads, "batch": batch, "piece_seconds": seconds})
        theirs = {(i, *one) for i, own in enumerate(peer_prediction(pipe, given="sentences", batch=8)(some))
                  for one in own}  # fmt: skip
        ours = {(i, *one) for i, own in enumerate(our_prediction(job["model"])(some)) for one in own}
        return {"seconds": [0.0], "trials": tried, "same": len(ours & theirs) / max(1, len(ours | theirs))}

    return go


if __name__ == "__main__":
    do_job(prepare)
