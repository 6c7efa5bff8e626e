"""A pretraining rehearsed on this machine: a few of its own steps from its own text, timed."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from ..paths import CACHE_SETTING
from ..training.provenance import one_torch_thread, pick_device, working_clock
from ..training.schedule import evaluation_steps
from .corpus.corpus import Corpus
from .corpus.documents import read_documents
from .corpus.prepared_corpus import prepared_text
from .encoder_cache import Wanted
from .objectives.registry import get_objective
from .pretrainer import Conduct, pretrain

STEPS = 24  # rehearsed
UNTIMED = 4  # of them: first touch of memory, first calls of kernels
SAMPLE_BYTES = 32 * 2**20  # of a larger corpus a part is read instead of all
SAMPLE_DOCUMENTS = 20_000


@dataclass(frozen=True, kw_only=True)
class PretrainingTimes:
    """Seconds of a pretraining's parts, as if nothing else ran."""

    reading: float  # vocabulary and tokens of the whole corpus, where no cache holds them; once for all that share it
    opening: float  # until the first step
    step: float  # mean
    point: float  # a point of the curve, scored on what is held out
    closing: float  # after the last step: written and published

    def seconds(self, wanted: Wanted) -> float:
        """All of a pretraining but the reading."""
        points = len(evaluation_steps(wanted.settings.evaluations, wanted.steps))
        return self.opening + wanted.steps * self.step + points * self.point + self.closing


def rehearse_pretraining(wanted: Wanted, out: Path) -> PretrainingTimes:
    """Pretrains for a few steps; what comes out, in the new folder `out`, has the wanted encoder's shape and a
    vocabulary of its text.

    A small corpus is read as the pretraining itself will, which then finds it in the cache.

    Raises:
        as `pretrain`.
    """
    settings = replace(wanted.settings, steps=STEPS, evaluations=1)
    marks: list[float] = []
    clock = working_clock(pick_device(wanted.device))
    with one_torch_thread(), _text(tuple(map(Path, wanted.corpus))) as (corpus, share):
        began = clock()
        prepared_text(corpus, vocabulary=settings.vocab_size, held_out=settings.held_out)
        read = clock()
        pretrain(
            get_objective(wanted.objective),
            settings,
            corpus=corpus,
            out=out,
            seed=wanted.seed,
            precision=wanted.precision,
            conduct=Conduct(device=wanted.device),
            on_progress=lambda step, steps, tokens: marks.append(clock()),
        )
        ended = clock()
    between = [after - before for before, after in zip(marks, marks[1:], strict=False)]
    timed = sorted(between[UNTIMED:-1])[:-1]  # without the slowest, in which something else may have run
    step = sum(timed) / len(timed)
    return PretrainingTimes(
        reading=0.0 if share == 1 else (read - began) / share,
        opening=max(0.0, marks[0] - read - step),
        step=step,
        point=max(0.0, between[-1] - step),
        closing=ended - marks[-1],
    )


@contextlib.contextmanager
def _text(files: tuple[Path, ...]) -> Iterator[tuple[Corpus, float]]:
    """The corpus, or where it is large the beginning of its first file, with a cache of its own; and the share of
    bytes that it is.
    """
    size = sum(file.stat().st_size for file in files)
    if size <= SAMPLE_BYTES:
        yield Corpus(files), 1.0
        return
    before = os.environ.get(CACHE_SETTING)
    with tempfile.TemporaryDirectory(prefix="blurbstudy-") as folder:
        os.environ[CACHE_SETTING] = folder
        try:
            read = _write_sample(files[0], Path(folder) / "sample.jsonl")
            yield Corpus((Path(folder) / "sample.jsonl",)), min(1.0, read / size)
        finally:
            if before is None:
                del os.environ[CACHE_SETTING]
            else:
                os.environ[CACHE_SETTING] = before


def _write_sample(file: Path, sample: Path) -> int:
    """The first documents of a file; -> its bytes that they are."""
    read = [0]
    with sample.open("w", encoding="utf-8") as lines:
        for document in islice(read_documents(file, lambda done: read.append(done)), SAMPLE_DOCUMENTS):
            lines.write(json.dumps({"id": document.id, "sentences": document.sentences}) + "\n")
    return max(1, read[-1])
