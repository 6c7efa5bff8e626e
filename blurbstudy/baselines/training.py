"""Training of a baseline model with spaCy's training loop and scispaCy's published configuration.

Trained models are cached under a fingerprint of everything that determines them. As in scispaCy, the model is evaluated
on dev every 500 steps and the best weights are saved.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import JsonObject, fingerprint
from ..errors import DataError, Interrupted
from ..filesystem import ensure_directory
from ..paths import cache_folder
from ..tasks import data_fingerprint, get_task
from .corpora import Sentence, typed_corpus
from .models import get_model

if TYPE_CHECKING:
    from spacy.tokens import DocBin

CONFIG_FILE = Path(__file__).with_name("scispacy_ner.cfg")
BASELINE_REVISION = 1  # raised by any change of code that alters the model
LOGGER = "blurbstudy.progress.v1"  # name of the logger in the configuration
BATCHES = (1.0, 32.0, 1.001)  # as in the configuration: first and largest batch size in sentences, growth per step


@dataclass(frozen=True, kw_only=True)
class BaselineSpec:
    """A baseline model to train or to take from the cache."""

    name: str  # of a BaselineModel
    data_folder: str
    fingerprints: Mapping[str, str]  # training task -> fingerprint of its files
    epochs: int = 7
    seed: int = 0

    @property
    def identity(self) -> JsonObject:
        """Everything that determines the weights, except software versions."""
        return {
            "name": self.name,
            "types": dict(get_model(self.name).types),
            "data": dict(self.fingerprints),
            "epochs": self.epochs,
            "seed": self.seed,
            "config": hashlib.sha256(CONFIG_FILE.read_bytes()).hexdigest(),
            "revision": BASELINE_REVISION,
        }

    @property
    def fingerprint(self) -> str:
        """20 hexadecimal digits of the identity's SHA-256."""
        return fingerprint(self.identity)

    def folder(self) -> Path:
        return cache_folder().absolute() / "baselines" / f"{self.name}-{self.seed}-{self.fingerprint}"


def ensure_model(
    spec: BaselineSpec,
    *,
    on_progress: Callable[[int, int], None] = lambda step, steps: None,
    stop: Callable[[], bool] = lambda: False,
) -> Path:
    """Return the folder of the model; train it now unless it is cached.

    Args:
        on_progress: called with (steps done, steps); not called if the model is cached.
        stop: called after every step; True stops the training without a result.
    """
    return ensure_directory(spec.folder(), lambda folder: _train(spec, folder, on_progress=on_progress, stop=stop))


def _train(
    spec: BaselineSpec, folder: Path, *, on_progress: Callable[[int, int], None], stop: Callable[[], bool]
) -> None:
    from spacy import util
    from spacy.training.initialize import init_nlp
    from spacy.training.loop import train

    data = Path(spec.data_folder)
    corpus = typed_corpus(get_model(spec.name).types, data)
    for task, expected in spec.fingerprints.items():
        if data_fingerprint(get_task(task), data) != expected:
            raise DataError(f"{data}: the files of {task} have changed; run again")
    _log_steps(total_steps(len(corpus["train"]), spec.epochs), on_progress=on_progress, stop=stop)
    with tempfile.TemporaryDirectory(prefix="blurbstudy-") as scratch:
        overrides: JsonObject = {"system.seed": spec.seed, "training.max_epochs": spec.epochs}
        for split, sentences in corpus.items():
            file = Path(scratch) / f"{split}.spacy"
            packed_sentences(sentences).to_disk(file)
            overrides[f"paths.{split}"] = str(file)
        out = Path(scratch) / "model"
        out.mkdir()
        config = util.load_config(CONFIG_FILE, overrides=overrides, interpolate=False)
        ignored = io.StringIO()
        train(init_nlp(config), out, stdout=ignored, stderr=ignored)
        shutil.copytree(out / "model-best", folder, dirs_exist_ok=True)


def total_steps(sentences: int, epochs: int) -> int:
    """Compute the number of optimizer steps; the batch size grows by a schedule that continues over epochs."""
    first, largest, growth = BATCHES
    steps, n_sizes = 0, 0
    for _ in range(epochs):
        remaining = sentences
        while remaining > 0:
            remaining -= int(min(first * growth**n_sizes, largest))
            steps, n_sizes = steps + 1, n_sizes + 1
        n_sizes += 1  # an epoch ends with an empty batch, which also takes a size from the schedule
    return steps


def packed_sentences(sentences: Sequence[Sentence]) -> DocBin:
    """Convert sentences to spaCy's training format, with our tokens."""
    from spacy.tokens import Doc, DocBin
    from spacy.vocab import Vocab

    vocab = Vocab()
    return DocBin(docs=[Doc(vocab, words=list(words), ents=tags) for words, tags in sentences])


def _log_steps(steps: int, *, on_progress: Callable[[int, int], None], stop: Callable[[], bool]) -> None:
    """Register the logger that the configuration names; spaCy calls it after every step."""
    from spacy.util import registry

    def make_logger() -> Callable[..., tuple[Callable[[dict | None], None], Callable[[], None]]]:
        done = itertools.count(1)

        def log_step(info: dict | None) -> None:
            on_progress(next(done), steps)
            if stop():
                raise Interrupted("the training of a baseline model was stopped; run again to start over")

        return lambda nlp, stdout, stderr: (log_step, lambda: None)

    registry.loggers.register(LOGGER, func=make_logger)
