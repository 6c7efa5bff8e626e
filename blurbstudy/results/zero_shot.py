"""What an encoder scores on a similarity task with nothing trained, measured once and kept in the run store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..config import Recipe
from ..metrics import pearson
from ..models import load_checkpoint
from ..tasks import Task
from ..tasks.features_cache import cached_features
from ..training.evaluation import gold_of
from ..training.plain_cosine import plain_cosines
from .intervals import Interval, fisher_interval
from .sources import EncoderSource, Sources
from .store import RunStore

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
            vocabulary=checkpoint.architecture.vocab_size,
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
