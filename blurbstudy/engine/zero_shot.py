"""Zero-shot similarity: how an encoder's cosines correlate with the gold scores, measured once per run store."""

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
from ..training.decoding import decode, gold_of
from ..training.evaluation import evaluation_batches, predict
from ..training.provenance import pick_device
from .sources.sources import EncoderSource, Sources

METADATA = "plain cosine"  # kind of metadata in the store
MAX_LENGTH = 256  # sub-word tokens of a text


@dataclass(frozen=True, kw_only=True)
class ZeroShotScore:
    """Pearson's r of the cosines with the gold scores."""

    splits: tuple[str, ...]  # that the pairs are from
    n: int  # pairs
    score: float
    interval: Interval  # 95%, Fisher's z


def zero_shot_scores(
    task: Task,
    encoder: EncoderSource,
    *,
    sources: Sources,
    store: RunStore,
    splits: Sequence[Sequence[str]],
    max_length: int,
    device: str = "auto",
) -> tuple[ZeroShotScore, ...]:
    """One score per group of splits, whose pairs are pooled; computed unless the store has it."""
    limit = min(max_length, encoder.architecture.max_positions)
    data = sources.fingerprints[task.name]
    name = f"{task.name} {data} {encoder.fingerprint} {limit}"
    scores = dict((store.metadata(METADATA, name) or {}).get("scores", {}))
    missing = [group for group in splits if " ".join(group) not in scores]
    if missing:
        assert encoder.path is not None, "scores of a report are in the store"
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
        names = dict.fromkeys(split for group in missing for split in group)
        gold = {split: [float(value) for value in gold_of(features[split], task)] for split in names}
        cosines = {
            split: zero_shot_predictions(features[split], task=task, checkpoint=checkpoint, device=device)
            for split in names
        }
        for group in missing:
            expected = [value for split in group for value in gold[split]]
            predicted = [value for split in group for value in cosines[split]]
            scores[" ".join(group)] = {"n": len(expected), "score": pearson(expected, predicted)}
        store.put_metadata(METADATA, name, {"scores": scores})
    return tuple(_with_interval(group, **scores[" ".join(group)]) for group in splits)


def zero_shot_by_split(
    task: Task, encoder: str, *, sources: Sources, store: RunStore, device: str
) -> dict[str, ZeroShotScore]:
    """Split (dev, test) -> score of an encoder (display name); empty for tasks other than similarity."""
    if task.output != "score":
        return {}
    splits = [split for split in ("dev", "test") if split in task.splits]
    scores = zero_shot_scores(
        task,
        sources.encoders[encoder],
        sources=sources,
        store=store,
        splits=[(split,) for split in splits],
        max_length=MAX_LENGTH,
        device=device,
    )
    return dict(zip(splits, scores, strict=True))


def describe_zero_shot(scores: Iterable[ZeroShotScore]) -> str:
    """Scores times 100 with their intervals."""
    return "; ".join(
        f"{' and '.join(score.splits)} {100 * score.score:.1f} "
        f"[{100 * score.interval[0]:.1f}, {100 * score.interval[1]:.1f}] over {score.n} pairs"
        for score in scores
    )


def zero_shot_predictions(
    features: Features, *, task: Task, checkpoint: Checkpoint, device: str = "auto"
) -> list[float]:
    """One prediction per pair, on the scale of the task's gold scores.

    Args:
        features: of pairs whose texts are encoded separately.
    """
    used_device = pick_device(device)
    rows = np.unique(features.ids)
    architecture = checkpoint.architecture
    model = Classifier(architecture, members=1, outputs=1, head="cosine", rows=torch.from_numpy(rows))
    model.load_member(0, checkpoint, seed=0)  # the seed has no effect: no parameter is drawn at random
    renumbered = features.with_ids(np.searchsorted(rows, features.ids))
    batches = evaluation_batches(renumbered, members=1, n_heads=architecture.n_heads)
    (outputs,) = predict(model.to(used_device), batches, device=used_device, autocast=False)
    return [float(score) for score in decode(outputs, renumbered, task, tag_scheme="bio")]


def _with_interval(splits: Sequence[str], *, n: int, score: float) -> ZeroShotScore:
    return ZeroShotScore(splits=tuple(splits), n=n, score=score, interval=fisher_interval(score, n))
