"""The plain cosine of an encoder, nothing trained, beside what its fine-tuning scores on a similarity task."""

from __future__ import annotations

from collections.abc import Iterable

from ..results.sources import Sources
from ..results.store import RunStore
from ..results.zero_shot import PlainCosine, plain_cosine_scores
from ..tasks import Task

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
