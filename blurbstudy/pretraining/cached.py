"""An encoder pretrained on the spot, once: kept in the cache folder under a fingerprint of all that determines it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ..config import canonical_json
from ..errors import StudyError
from ..paths import cache_folder
from ..training.circumstances import one_torch_thread
from .corpus import corpus_fingerprint
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
    goal, settings = get_objective(objective), pretraining_config(config)
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
    if folder.is_dir():
        return folder
    with _sole_maker(folder):
        if not folder.is_dir():
            unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder.parent))
            try:
                # On a CPU the sums, and with them the weights, depend on the number of threads: one, on every machine.
                with one_torch_thread():
                    pretrain(goal, settings, corpus=corpus, out=unfinished, seed=seed, on_progress=on_progress)
                unfinished.chmod(0o755)
                unfinished.rename(folder)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return folder


@contextlib.contextmanager
def _sole_maker(folder: Path) -> Iterator[None]:
    """Lets one process at a time make `folder`; the others wait. A lock dies with its process."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = (folder.parent / f"{folder.name}.lock").open("w")
    except OSError as error:
        raise StudyError(
            f"{folder.parent}: cannot be written ({error.strerror}); name another cache folder by BLURBSTUDY_CACHE"
        ) from None
    with lock:
        if os.name == "posix":
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
