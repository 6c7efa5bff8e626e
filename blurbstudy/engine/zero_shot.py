"""What an encoder scores on a similarity task with nothing trained, measured once and kept in the run store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..config import Recipe
from ..metrics import pearson
from ..models import Checkpoint, Classifier, load_checkpoint
from ..stats.intervals import Interval, fisher_interval
from ..store.run_store import RunStore
from ..tasks import Task
from ..tasks.features import Features
from ..tasks.features_cache import cached_features
from ..training.evaluation import decode, evaluation_batches, gold_of, predict
from ..training.provenance import pick_device
from .sources.sources import EncoderSource, Sources

FACT = "plain cosine"  # kind of fact


@dataclass(frozen=True, kw_only=True)
class PlainCosine:
    """Pearson's r of plain cosines with the gold scores."""

    splits: tuple[str, ...]  # whose pairs these are
    n: int  # pairs
    score: float
    interval: Interval  # 95%, Fisher's z


def plain_cosine_scores(
    task: Task,
    encoder: EncoderSource,
    *,
    sources: Sources,
    store: RunStore,
    splits: Sequence[Sequence[str]],
    max_length: int,
    device: str = "auto",
) -> tuple[PlainCosine, ...]:
    """One score for each group of splits, whose pairs are taken together; measured unless the store has them.

    Raises:
        StudyError: data or encoder cannot be read.
    """
    limit = min(max_length, encoder.architecture["max_positions"])
    data = sources.fingerprints[task.name]
    name = f"{task.name} {data} {encoder.fingerprint} {limit}"
    kept = (store.fact(FACT, name) or {}).get("scores", {})
    missing = [group for group in splits if " ".join(group) not in kept]
    if missing:
        checkpoint = load_checkpoint(encoder.path)
        features = cached_features(
            task,
            Path(sources.data_folder or ""),
            checkpoint.tokenizer,
            data=data,
            digest=checkpoint.tokenizer_digest(),
            max_length=limit,
            segment_ids=Recipe(head="cosine").layout,
        )
        of = {
            split: (gold_of(features[split], task),
                    plain_cosines(features[split], task=task, checkpoint=checkpoint, device=device))
            for split in dict.fromkeys(split for group in missing for split in group)
        }  # fmt: skip
        for group in missing:
            gold, predicted = ([value for split in group for value in of[split][side]] for side in (0, 1))
            kept = kept | {" ".join(group): {"n": len(gold), "score": pearson(gold, predicted)}}
        store.put_fact(FACT, name, {"scores": kept})
    return tuple(_score(group, **kept[" ".join(group)]) for group in splits)


def _score(splits: Sequence[str], *, n: int, score: float) -> PlainCosine:
    return PlainCosine(splits=tuple(splits), n=n, score=score, interval=fisher_interval(score, n))


MAX_LENGTH = 256  # sub-words of a text


def plain_cosines_of(
    task: Task, encoder: str, *, sources: Sources, store: RunStore, device: str
) -> dict[str, PlainCosine]:
    """Split -> what the encoder scores on it with nothing trained; of similarity tasks alone."""
    if task.output != "score":
        return {}
    splits = [split for split in ("dev", "test") if split in task.splits]
    found = plain_cosine_scores(
        task,
        sources.encoders[encoder],
        sources=sources,
        store=store,
        splits=[(split,) for split in splits],
        max_length=MAX_LENGTH,
        device=device,
    )
    return dict(zip(splits, found, strict=True))


def plain_words(found: Iterable[PlainCosine]) -> str:
    """Scores times 100 with their intervals."""
    return "; ".join(
        f"{' and '.join(own.splits)} {100 * own.score:.1f} [{100 * own.interval[0]:.1f}, {100 * own.interval[1]:.1f}] "
        f"over {own.n} pairs"
        for own in found
    )


def plain_cosines(features: Features, *, task: Task, checkpoint: Checkpoint, device: str = "auto") -> list[float]:
    """One prediction per pair, on the scale of the task's scores.

    Args:
        features: of texts that stand apart.
    """
    place = pick_device(device)
    rows = np.unique(features.ids)
    architecture = checkpoint.architecture
    model = Classifier(architecture, members=1, outputs=1, head="cosine", rows=torch.from_numpy(rows))
    model.load_member(0, checkpoint, seed=0)  # no part of it is drawn
    numbered = features.with_ids(np.searchsorted(rows, features.ids))
    batches = evaluation_batches(numbered, members=1, n_heads=architecture.n_heads)
    (outputs,) = predict(model.to(place), batches, device=place, autocast=False)
    return decode(outputs, numbered, task, tagging="bio")
