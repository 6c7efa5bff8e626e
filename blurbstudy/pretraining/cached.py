"""An encoder pretrained on the spot, once: kept in the cache folder under a fingerprint of all that determines it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from ..config import canonical_json
from ..paths import cache_folder
from ..training.circumstances import one_torch_thread
from .corpus import corpus_fingerprint
from .keeping import made_once
from .objectives import get_objective
from .pretrainer import PRETRAINER_REVISION, pretrain
from .settings import pretraining_config

CORPUS_FILE = "corpus.jsonl"  # beside the datasets of mini-BLURB


def pretrained_encoder(
    objective: str,
    *,
    config: str | Path = "mini",
    data_folder: Path,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """The checkpoint directory of an encoder pretrained on `data_folder`/corpus.jsonl; pretrained now if it is missing.

    Args:
        objective: a name in OBJECTIVES.
        config: a name in configs/, or a YAML file.
        on_progress: called with optimizer steps done and of all; not at all where the encoder is there already.

    Raises:
        ParameterError: unknown objective or configuration.
        DataError: no corpus there.
    """
    goal = get_objective(objective)
    settings = pretraining_config(config, goal.name)
    corpus = Path(data_folder) / CORPUS_FILE
    identity = {
        "corpus": corpus_fingerprint(corpus),
        "config": settings.to_dict(),
        "objective": goal.name,
        "seed": seed,
        "pretrainer_revision": PRETRAINER_REVISION,
    }
    fingerprint = hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:20]
    folder = cache_folder().absolute() / "encoders" / f"{goal.name}-{Path(config).stem}-{seed}-{fingerprint}"

    def make(unfinished: Path) -> None:
        # On a CPU the sums, and with them the weights, depend on the number of threads: one, on every machine.
        with one_torch_thread():
            told = (lambda step, steps, _: on_progress(step, steps)) if on_progress else None
            pretrain(goal, settings, corpus=corpus, out=unfinished, seed=seed, on_progress=told)

    return made_once(folder, make)
