"""Encoders pretrained on demand and cached under a fingerprint of everything that determines their weights.

One that the repository ships under that name, rounded to bfloat16, is used instead of being pretrained.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..config import JsonObject, fingerprint
from ..filesystem import ensure_directory
from ..paths import ENCODERS, cache_folder
from ..training.provenance import one_torch_thread
from .config import PretrainingConfig, pretraining_config
from .corpus.corpus import Corpus
from .loop import PRETRAINER_REVISION, Callbacks, TrainingOptions
from .objectives.registry import get_objective
from .output_folder import is_published
from .pretrainer import pretrain

SAVE_EVERY = 120.0  # seconds between two checkpoints


@dataclass(frozen=True, kw_only=True)
class EncoderRequest:
    """An encoder to pretrain or to take from the cache."""

    objective: str  # a name in OBJECTIVES
    corpus: tuple[str, ...]  # files
    config: str = "mini"  # a name in configs/, or a YAML file
    tokens: int = 0  # approximate number to see; 0: the configuration's steps
    precision: str = "float32"  # float32 | bfloat16
    seed: int = 0
    device: str = "cpu"
    engine: str = "local"  # local, or ray: a machine of the cluster pretrains it

    @property
    def pretraining_config(self) -> PretrainingConfig:
        """The configuration with the objective's overrides."""
        return pretraining_config(self.config, get_objective(self.objective).name)

    @property
    def steps(self) -> int:
        """Approximate number of optimizer steps, estimated without reading the text."""
        config = self.pretraining_config
        tokens_per_step = config.batch_tokens or config.batch_size * config.max_length
        return math.ceil(self.tokens / tokens_per_step) if self.tokens else config.steps

    def folder(self) -> Path:
        """Return the encoder's folder: the shipped one, if there is one, otherwise in the cache."""
        identity: JsonObject = {
            "corpus": Corpus(tuple(map(Path, self.corpus))).fingerprint,
            "config": self.pretraining_config.to_dict(),
            "objective": self.objective,
            "tokens": self.tokens,
            "precision": self.precision,
            "seed": self.seed,
            "pretrainer_revision": PRETRAINER_REVISION,
        }
        name = f"{self.objective}-{Path(self.config).stem}-{self.seed}-{fingerprint(identity)}"
        shipped = ENCODERS / name
        return shipped if is_published(shipped) else cache_folder().absolute() / "encoders" / name


def make_encoder(
    request: EncoderRequest,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Path:
    """Return the checkpoint directory of the requested encoder; an interrupted pretraining resumes.

    Args:
        on_progress: called with (steps done, steps); not called if the encoder is cached.
        stop: called at every step; True saves a checkpoint and stops.
    """
    folder = request.folder()
    work_folder = folder.parent / f".begun-{folder.name}"

    def on_step(step: int, n_steps: int, tokens: int) -> None:
        if on_progress:
            on_progress(step, n_steps)

    def build(unfinished: Path) -> None:
        # On a CPU the order of sums, and so the weights, depend on the number of threads: use one on every machine.
        with one_torch_thread():
            pretrain(
                get_objective(request.objective),
                request.pretraining_config,
                corpus=Corpus(tuple(map(Path, request.corpus))),
                out=work_folder,
                seed=request.seed,
                tokens=request.tokens,
                precision=request.precision,
                options=TrainingOptions(device=request.device, save_every=SAVE_EVERY, resume=True),
                callbacks=Callbacks(on_step=on_step, should_stop=stop),
            )
        for file in work_folder.iterdir():
            file.replace(unfinished / file.name)
        shutil.rmtree(work_folder)

    return ensure_directory(folder, build)
