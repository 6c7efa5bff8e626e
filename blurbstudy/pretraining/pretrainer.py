"""Pretrain an encoder from scratch: corpus, vocabulary, training loop, exported checkpoint.

An interrupted run resumes from its last checkpoint; on a CPU the result is the same bit for bit.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from ..config import PRECISIONS
from ..errors import check_choice
from .checkpoints import check_resumable, delete_checkpoints, latest_checkpoint, output_lock
from .config import PretrainingConfig
from .corpus.corpus import Corpus, as_corpus
from .corpus.prepared_corpus import prepare_corpus
from .corpus.wordpiece import load_vocabulary, vocabulary_digest
from .distributed import process_group
from .export import PretrainingRecord
from .loop import Callbacks, PretrainingLoop, TrainingOptions
from .objectives.registry import Objective
from .output_folder import check_intermediate


def pretrain(
    objective: Objective,
    config: PretrainingConfig,
    *,
    corpus: Corpus | Path,
    out: Path,
    seed: int = 0,
    tokens: int = 0,
    precision: str = "float32",
    vocabulary: Path | str | None = None,
    options: TrainingOptions | None = None,
    callbacks: Callbacks | None = None,
) -> PretrainingRecord:
    """Pretrain an encoder on a corpus and write it to the folder `out` as a Hugging Face checkpoint.

    Under torchrun, all processes share each step.

    Args:
        corpus: a file (text of BLURB's test sets is left out), or a Corpus.
        tokens: approximate number of tokens to see, instead of config.steps steps.
        precision: float32, or bfloat16 (autocast; weights and moments stay float32).
        vocabulary: path of an existing vocabulary (see load_vocabulary); None: train one on the corpus.

    Raises:
        DataError: the corpus cannot be read.
        ParameterError: the vocabulary cannot be loaded, a value of checkpoint_at is past the end, a shard cannot hold
            the largest tensor, another process is writing to `out`, or a resumed run was started with other settings.
        Interrupted: should_stop returned True.
        StudyError: the loss diverged, or disk or memory is full; the last checkpoint is intact.
    """
    options, callbacks, corpus = options or TrainingOptions(), callbacks or Callbacks(), as_corpus(corpus)
    check_choice("precision", precision, PRECISIONS)
    check_intermediate(options.checkpoint_at, total=tokens or config.steps * config.batch_tokens)
    with process_group(options.device) as group, output_lock(out) if group.is_main else contextlib.nullcontext():
        checkpoint = latest_checkpoint(out) if options.resume else None
        identity = {"objective": objective.name, "seed": seed, "precision": precision, "corpus": corpus.fingerprint}
        if vocabulary is not None:
            identity["vocabulary"] = vocabulary_digest(load_vocabulary(vocabulary))
        if checkpoint:  # check before the corpus is read
            check_resumable(checkpoint.identity, identity, out=out)
        text = prepare_corpus(
            corpus,
            vocabulary=config.vocab_size if vocabulary is None else vocabulary,
            held_out=config.held_out,
            on_progress=callbacks.on_corpus_progress,
        )
        loop = PretrainingLoop(
            objective,
            config,
            text,
            seed=seed,
            tokens=tokens,
            precision=precision,
            group=group,
            options=options,
            out=out,
        )
        loop.identity = identity | loop.identity
        if checkpoint:
            check_resumable(checkpoint.identity, loop.identity, out=out)
            loop.restore(checkpoint)
        loop.train(callbacks)
        record = loop.summary()
        if group.is_main:
            loop.export(out)
            delete_checkpoints(out)
        group.barrier()
        del loop  # it references the process group
    return record
