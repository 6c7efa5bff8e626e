"""An encoder pretrained on the spot, once: kept in the cache folder under a fingerprint of all that determines it."""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import canonical_json
from ..filesystem import ensure_directory
from ..paths import cache_folder
from ..training.provenance import one_torch_thread
from .config import PretrainingConfig, pretraining_config
from .corpus.corpus import Corpus
from .objectives.registry import get_objective
from .pretrainer import PRETRAINER_REVISION, Conduct, pretrain

CORPUS_FILE = "corpus.jsonl"  # beside the datasets of mini-BLURB
SAVE_EVERY = 120.0  # seconds between two states: an encoder that takes hours survives a kill


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """An encoder to be pretrained, or found in the cache."""

    objective: str  # a name in OBJECTIVES
    corpus: tuple[str, ...]  # files
    config: str = "mini"  # a name in configs/, or a YAML file
    tokens: int = 0  # to be seen; 0: the configuration's steps
    precision: str = "float32"  # float32 | bfloat16
    seed: int = 0
    device: str = "cpu"

    @property
    def settings(self) -> PretrainingConfig:
        """The configuration, with the objective's own values."""
        return pretraining_config(self.config, get_objective(self.objective).name)

    @property
    def steps(self) -> int:
        """Optimizer steps, about, before the text is known."""
        settings = self.settings
        per_step = settings.batch_tokens or settings.batch_size * settings.max_length
        return math.ceil(self.tokens / per_step) if self.tokens else settings.steps

    def folder(self) -> Path:
        """Where it lies, or will."""
        identity: dict[str, Any] = {
            "corpus": Corpus(tuple(map(Path, self.corpus))).fingerprint,
            "config": self.settings.to_dict(),
            "objective": self.objective,
            "tokens": self.tokens,
            "precision": self.precision,
            "seed": self.seed,
            "pretrainer_revision": PRETRAINER_REVISION,
        }
        fingerprint = hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:20]
        name = f"{self.objective}-{Path(self.config).stem}-{self.seed}-{fingerprint}"
        return cache_folder().absolute() / "encoders" / name


def pretrained_encoder(
    objective: str,
    *,
    config: str | Path = "mini",
    data_folder: Path,
    corpus: Sequence[Path | str] = (),
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
    **more: Any,
) -> Path:
    """The checkpoint directory of an encoder pretrained on `corpus`; pretrained now if it is missing.

    Args:
        objective: a name in OBJECTIVES.
        config: a name in configs/, or a YAML file.
        corpus: files; none: `data_folder`/corpus.jsonl.
        on_progress: called with optimizer steps done and of all; not at all where the encoder is there already.
        more: further fields of Wanted.

    Raises:
        ParameterError: unknown objective or configuration.
        DataError: no corpus there.
    """
    files = tuple(map(str, corpus)) or (str(Path(data_folder) / CORPUS_FILE),)
    wanted = Wanted(objective=get_objective(objective).name, corpus=files, config=str(config), seed=seed, **more)
    return make_encoder(wanted, on_progress=on_progress)


def make_encoder(
    wanted: Wanted,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Path:
    """The checkpoint directory of what is wanted; one that was interrupted goes on where it stood.

    Args:
        stop: asked after every step; True saves a state and ends.

    Raises:
        Interrupted: `stop` said so.
    """
    folder = wanted.folder()
    begun = folder.parent / f".begun-{folder.name}"
    goal = get_objective(wanted.objective)

    def make(unfinished: Path) -> None:
        told = (lambda step, steps, _: on_progress(step, steps)) if on_progress else None
        # On a CPU the sums, and with them the weights, depend on the number of threads: one, on every machine.
        with one_torch_thread():
            pretrain(
                goal,
                wanted.settings,
                corpus=Corpus(tuple(map(Path, wanted.corpus))),
                out=begun,
                seed=wanted.seed,
                tokens=wanted.tokens,
                precision=wanted.precision,
                conduct=Conduct(device=wanted.device, save_every=SAVE_EVERY, resume=True),
                on_progress=told,
                stop=stop,
            )
        for file in begun.iterdir():
            file.replace(unfinished / file.name)
        shutil.rmtree(begun)

    return ensure_directory(folder, make)
