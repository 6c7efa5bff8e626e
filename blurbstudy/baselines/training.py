"""A baseline model trained by spaCy's own loop with scispaCy's published configuration, once: kept in the cache folder
under a fingerprint of all that determines it, whole or not at all.

Kept are the weights that were best on dev among those looked at every 500 steps, as scispaCy's package keeps them.
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
from typing import TYPE_CHECKING, Any

from ..config import fingerprint
from ..errors import DataError, Interrupted
from ..filesystem import ensure_directory
from ..paths import cache_folder
from ..tasks import data_fingerprint, get_task
from .corpora import Sentence, typed_corpus
from .models import get_model

if TYPE_CHECKING:
    from spacy.tokens import DocBin

CONFIG_FILE = Path(__file__).with_name("scispacy_ner.cfg")
BASELINE_REVISION = 1  # raised by any change of code that alters what comes out
LOGGER = "blurbstudy.progress.v1"  # the configuration's name of what hears of every step
BATCHES = (1.0, 32.0, 1.001)  # of the configuration: sentences of the first batch, of the largest, growth by step


@dataclass(frozen=True, kw_only=True)
class WantedModel:
    """A baseline model to be trained, or found in the cache."""

    name: str  # of a BaselineModel
    data_folder: str
    fingerprints: Mapping[str, str]  # task that it learns -> fingerprint of its files
    epochs: int = 7
    seed: int = 0

    @property
    def identity(self) -> dict[str, Any]:
        """All that determines the weights, but for versions of software."""
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
        """Of the identity."""
        return fingerprint(self.identity)

    def folder(self) -> Path:
        """Where it lies, or will."""
        return cache_folder().absolute() / "baselines" / f"{self.name}-{self.seed}-{self.fingerprint}"


def make_model(
    wanted: WantedModel,
    *,
    on_progress: Callable[[int, int], None] = lambda step, steps: None,
    stop: Callable[[], bool] = lambda: False,
) -> Path:
    """The folder of what is wanted, trained now if it is not there.

    Args:
        on_progress: called with optimizer steps done and of all; not at all where the model is there already.
        stop: asked after every step; True ends it, and nothing is kept.

    Raises:
        DataError: the data are missing or malformed, or not those of the fingerprints.
        Interrupted: `stop` said so.
    """
    return ensure_directory(wanted.folder(), lambda folder: _train(wanted, folder, on_progress=on_progress, stop=stop))


def _train(
    wanted: WantedModel, folder: Path, *, on_progress: Callable[[int, int], None], stop: Callable[[], bool]
) -> None:
    from spacy import util
    from spacy.training.initialize import init_nlp
    from spacy.training.loop import train

    data = Path(wanted.data_folder)
    corpus = typed_corpus(get_model(wanted.name).types, data)
    for task, expected in wanted.fingerprints.items():
        if data_fingerprint(get_task(task), data) != expected:
            raise DataError(f"{data}: the files of {task} changed meanwhile; start again")
    _hear_steps(total_steps(len(corpus["train"]), wanted.epochs), on_progress=on_progress, stop=stop)
    with tempfile.TemporaryDirectory(prefix="blurbstudy-") as scratch:
        changes = {"system.seed": wanted.seed, "training.max_epochs": wanted.epochs}
        for split, sentences in corpus.items():
            file = Path(scratch) / f"{split}.spacy"
            packed_sentences(sentences).to_disk(file)
            changes[f"paths.{split}"] = str(file)
        out = Path(scratch) / "model"
        out.mkdir()
        config = util.load_config(CONFIG_FILE, overrides=changes, interpolate=False)
        told = io.StringIO()
        train(init_nlp(config), out, stdout=told, stderr=told)
        shutil.copytree(out / "model-best", folder, dirs_exist_ok=True)


def total_steps(sentences: int, epochs: int) -> int:
    """Optimizer steps of a training: batches grow by the configuration's schedule, which goes on over epochs."""
    first, largest, growth = BATCHES
    steps, drawn = 0, 0
    for _ in range(epochs):
        left = sentences
        while left > 0:
            left -= int(min(first * growth**drawn, largest))
            steps, drawn = steps + 1, drawn + 1
        drawn += 1  # that an epoch is over shows in an empty batch, for which a size is drawn too
    return steps


def packed_sentences(sentences: Sequence[Sentence]) -> DocBin:
    """The sentences as spaCy's loop reads them: our tokens, all tags known."""
    from spacy.tokens import Doc, DocBin
    from spacy.vocab import Vocab

    vocab = Vocab()
    return DocBin(docs=[Doc(vocab, words=list(words), ents=tags) for words, tags in sentences])


def _hear_steps(steps: int, *, on_progress: Callable[[int, int], None], stop: Callable[[], bool]) -> None:
    """Have spaCy's loop tell of every step: it finds by its name the logger that its configuration asks for."""
    from spacy import registry

    def make_logger() -> Callable[..., tuple[Callable[[dict | None], None], Callable[[], None]]]:
        done = itertools.count(1)

        def log_step(info: dict | None) -> None:
            on_progress(next(done), steps)
            if stop():
                raise Interrupted("the training of a baseline model was stopped; nothing of it is kept")

        return lambda nlp, stdout, stderr: (log_step, lambda: None)

    registry.loggers.register(LOGGER, func=make_logger)
