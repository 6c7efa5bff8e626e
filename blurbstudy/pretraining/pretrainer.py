"""Pretraining from scratch: corpus, vocabulary, encoder, one loop, a published checkpoint.

A pretraining that was stopped, by whatever means, goes on from its last saved state, on a CPU to the same bits.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import Interrupted, ParameterError, StudyError
from ..models import DropoutStream, check_shard_bytes, seed_for
from ..training.optimizer import MemberSettings, PopulationAdamW
from ..training.provenance import describe_device, software
from ..training.schedule import evaluation_steps, rate_factor
from .batches import Batches
from .checkpoints import (
    Standing,
    State,
    begin_anew,
    check_same,
    forget_states,
    newest_state,
    save_curve,
    save_state,
    sole_writer,
    tensors_of,
)
from .config import PretrainingConfig
from .corpus.corpus import Corpus, ReadingProgress, as_corpus
from .corpus.prepared_corpus import PreparedText, prepared_text
from .corpus.wordpiece import continues_word, load_vocabulary, vocabulary_digest
from .distributed import Processes, joined
from .evaluation import scored, share_of
from .export import Pretraining, check_ladder, forget_ladder, is_published, publish, publish_rung, rung_folder
from .gradient_accumulation import divide, fitting, most_tokens, parts_needed
from .objectives.base import Batch, PretrainingModel
from .objectives.masking import Vocabulary
from .objectives.registry import Objective

# Raised by any change of code that alters the encoder that comes out.
PRETRAINER_REVISION = 3

Progress = Callable[[int, int, int], None]  # optimizer steps done, of all, tokens seen


@dataclass(frozen=True, kw_only=True)
class Conduct:
    """How a pretraining is carried out. What comes out is the same but for the order in which numbers are added and,
    with dropout, for micro_batch_tokens and the number of processes: each part of a step draws what it drops by itself.
    """

    device: str = "auto"
    micro_batch_tokens: int = 0  # tokens that pass through the model at once, at most; 0: division.MOST_TOKENS
    save_every: float | None = None  # seconds between two saved states; None: no states
    ladder: tuple[int, ...] = ()  # tokens seen at which the encoder is published on the way
    resume: bool = False  # goes on from the last state where there is one
    shard_bytes: int = 0  # of a file of published weights at most; 0: all in one


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
    conduct: Conduct | None = None,
    on_progress: Progress | None = None,
    on_reading: ReadingProgress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Pretraining:
    """Pretrains an encoder on a corpus and writes it to the folder `out` as a Hugging Face checkpoint.

    Started by torchrun, all its processes share each step.

    Args:
        corpus: one file (text of BLURB's test sets is left out), or what Corpus says.
        tokens: about as many are seen, instead of config.steps steps.
        precision: float32, or bfloat16 (autocast; weights and moments stay float32).
        vocabulary: where a given one lies (see load_vocabulary); None: trained on the corpus.
        on_progress: told after every step, in the first process alone.
        on_reading: told while the corpus is read, in every process; what it raises ends the reading.
        stop: asked after every step; True saves a state and ends.

    Raises:
        DataError: the corpus cannot be read.
        ParameterError: the vocabulary cannot be loaded, a rung of the ladder lies past the end, a shard cannot hold the
            largest tensor, another process is at it, or a resumed pretraining was begun with something else.
        Interrupted: `stop` said so; a state was saved.
        StudyError: the loss left the finite numbers, or disk or memory are full; the last saved state is whole.
    """
    conduct, corpus = conduct or Conduct(), as_corpus(corpus)
    if precision not in ("float32", "bfloat16"):
        raise ParameterError(f"precision={precision!r} is unknown; use float32 or bfloat16")
    check_ladder(conduct.ladder, total=tokens or config.steps * config.batch_tokens)
    with joined(conduct.device) as processes, sole_writer(out) if processes.first else contextlib.nullcontext():
        begun = newest_state(out) if conduct.resume else None
        identity = {"objective": objective.name, "seed": seed, "precision": precision, "corpus": corpus.fingerprint}
        if vocabulary is not None:
            identity["vocabulary"] = vocabulary_digest(load_vocabulary(vocabulary))
        if begun:  # before the corpus is read
            check_same(begun.identity, identity, out=out)
        text = prepared_text(
            corpus,
            vocabulary=config.vocab_size if vocabulary is None else vocabulary,
            held_out=config.held_out,
            on_progress=on_reading,
        )
        loop = _Loop(objective, config, text, seed=seed, tokens=tokens, precision=precision, processes=processes,
                     conduct=conduct, out=out)  # fmt: skip
        loop.identity = identity | loop.identity
        if begun:
            check_same(begun.identity, loop.identity, out=out)
            loop.restore(begun)
        loop.run(on_progress if processes.first else None, stop)
        done = loop.told()
        if processes.first:
            weights, architecture = loop.model.encoder_weights(), loop.model.architecture
            publish(done, weights, architecture, text.tokenizer, out, shard_bytes=conduct.shard_bytes)
            forget_states(out)
        processes.wait()
        del loop  # and with it what holds the processes' group
    return done


class _Loop:
    """One pretraining: model, optimizer, batches, and how far they have come."""

    def __init__(
        self,
        objective: Objective,
        config: PretrainingConfig,
        text: PreparedText,
        *,
        seed: int,
        tokens: int,
        precision: str,
        processes: Processes,
        conduct: Conduct,
        out: Path,
    ) -> None:
        tokenizer = text.tokenizer
        special = (tokenizer.cls_token_id, tokenizer.sep_token_id)
        self.device = processes.device(conduct.device)
        shared = {"objective": objective, "config": config, "vocabulary": _vocabulary(tokenizer), "special": special}
        shared |= {"device": self.device}
        self.batches = Batches(text.train, **shared, seed=seed)
        if tokens:
            config = replace(config, steps=math.ceil(tokens / self.batches.tokens_per_step()))
        self.objective, self.config, self.text, self.seed, self.precision = objective, config, text, seed, precision
        self.processes, self.conduct, self.out = processes, conduct, out
        self.micro_batch_tokens = most_tokens(conduct.micro_batch_tokens, self.device)
        apart = Batches(text.held_out, **shared, seed=seed_for(seed, "held out")).once(config.held_out_sequences)
        self.held_out = share_of(
            apart, processes, micro_batch_tokens=self.micro_batch_tokens, n_heads=config.n_heads, device=self.device
        )
        architecture = config.architecture(objective.family, len(tokenizer), pad_id=tokenizer.pad_token_id)
        self.model: PretrainingModel = objective.model(architecture, config=config, seed=seed).to(self.device)
        check_shard_bytes(self.model.encoder_weights(), architecture, conduct.shard_bytes)
        self.shared = processes.shared(self.model, self.device)
        self.optimizer = PopulationAdamW(
            list(self.model.parameters_by_depth()),
            [MemberSettings(scales=(1.0,), weight_decay=config.weight_decay, clip=config.clip, bias_correction=True)],
            beta1=config.beta1,
            beta2=config.beta2,
            eps=config.eps,
        )
        self.identity = {
            "config": config.to_dict(),
            "vocabulary": text.facts["vocabulary_digest"],
            "pretrainer_revision": PRETRAINER_REVISION,
        }
        self.at = Standing()
        self.circumstances = {
            "device": describe_device(self.device),
            "threads": torch.get_num_threads(),
            "processes": processes.count,
            "micro_batch_tokens": self.micro_batch_tokens,
            **software(),
        }
        tokenizer.model_max_length = config.max_positions

    def restore(self, state: State) -> None:
        """Goes on from a saved state."""
        for name, tensor in tensors_of(self.model, self.optimizer).items():
            tensor.copy_(state.tensors[name])
        self.at = replace(state.standing, sessions=state.standing.sessions + 1)

    def run(self, on_progress: Progress | None, stop: Callable[[], bool]) -> None:
        """All steps that are left."""
        if self.processes.first and not self.at.step:
            begin_anew(self.out)
            forget_ladder(self.out)
        points = evaluation_steps(self.config.evaluations, self.config.steps)
        saved = time.monotonic()
        steps = range(self.at.step + 1, self.config.steps + 1)
        at = self.at
        batches = self.batches.training(done=at.step, epoch=at.epoch, epoch_began=at.epoch_began)
        for step, batch in zip(steps, batches, strict=False):
            stopped = self._take(step, batch, asked_to_stop=stop())
            at.epoch, at.epoch_began = self.batches.epoch, self.batches.epoch_began
            if step in points:
                self._point()
            self._climb()
            every = self.conduct.save_every
            if every is not None and step < self.config.steps and (stopped or time.monotonic() - saved >= every):
                self._save()
                saved = time.monotonic()
            if on_progress:
                on_progress(step, self.config.steps, self.at.tokens)
            if stopped and step < self.config.steps:
                self.processes.wait()  # torchrun ends the one that saves as soon as another is gone
                kept = "a state is saved" if every is not None else "nothing is saved"
                raise Interrupted(f"{self.out}: stopped after step {step} of {self.config.steps}; {kept}")

    def _take(self, step: int, batch: Batch, *, asked_to_stop: bool) -> bool:
        """One optimizer step; -> whether any process was asked to stop."""
        began = time.perf_counter()
        processes = self.processes
        needed = parts_needed(batch, micro_batch_tokens=self.micro_batch_tokens, processes=processes.count)
        parts = list(enumerate(divide(batch, needed, n_heads=self.config.n_heads, device=self.device)))
        mine = parts[processes.rank :: processes.count]  # one after another
        total = torch.zeros(2, device=self.device)
        with fitting(self.micro_batch_tokens):
            for place, part in mine:
                # What is dropped goes by a part's place among all, whoever takes it.
                stream = (step,) if len(parts) == 1 else (step, place)
                last = place == mine[-1][0]
                with contextlib.nullcontext() if last or processes.count == 1 else self.shared.no_sync():
                    loss = self._loss(part.to(self.device), batch.counts, stream=stream)
                    # Gradients become means over the processes, and are to be sums.
                    (loss * processes.count if processes.count > 1 else loss).backward()
                total[0] += loss.detach()
        total[1] = asked_to_stop
        loss, stopped = processes.summed(total).tolist()
        rate = self.config.learning_rate * rate_factor(step, total=self.config.steps, warmup=self.config.warmup)
        norm = float(self.optimizer.step([rate], [step]))
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise StudyError(
                f"the pretraining loss is not finite at step {step}; "
                f"learning_rate={self.config.learning_rate:g} may be too high: use a lower one"
            )
        self.at.step = step
        self.at.tokens += batch.packing.counts[0]
        self.at.losses.append(loss)
        self.at.seconds += time.perf_counter() - began
        return stopped > 0

    def _loss(self, part: Batch, counts: dict[str, int], *, stream: tuple[int, ...]) -> torch.Tensor:
        dropout = None
        if self.config.dropout:
            streams = [seed_for(self.seed, "pretraining", "dropout", *stream)]
            dropout = DropoutStream(streams, self.config.dropout, device=self.device)
        with self._autocast():
            found = self.shared(part, dropout=dropout)
        return self.model.loss(found, counts)

    def _autocast(self) -> Any:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")

    def _point(self) -> None:
        """A point of the curve: mean loss since the last, and the held-out part."""
        train_loss = float(torch.tensor(self.at.losses).mean())
        self.at.losses.clear()
        with fitting(self.micro_batch_tokens):
            found = scored(self.model, self.held_out, self.processes, device=self.device, autocast=self._autocast)
        self.at.curve.append({"step": self.at.step, "tokens": self.at.tokens, "train_loss": train_loss} | found)
        if self.processes.first and self.conduct.save_every is not None:
            save_curve(self.out, self.at.curve)

    def _climb(self) -> None:
        """Publishes the encoder where a rung of the ladder is reached."""
        for rung in self.conduct.ladder:
            due = self.at.tokens >= rung and self.processes.first and self.at.step < self.config.steps
            if due and not is_published(rung_folder(self.out, rung)):
                publish_rung(
                    self.told(), self.model.encoder_weights(), self.model.architecture, self.text.tokenizer,
                    out=self.out, rung=rung, shard_bytes=self.conduct.shard_bytes,
                )  # fmt: skip

    def _save(self) -> None:
        if self.processes.first:
            tensors = {name: tensor.cpu() for name, tensor in tensors_of(self.model, self.optimizer).items()}
            state = State(standing=self.at, tensors=tensors, identity=self.identity, circumstances=self.circumstances)
            save_state(self.out, state)

    def told(self) -> Pretraining:
        """What it was, so far."""
        return Pretraining(
            objective=self.objective,
            config=self.config,
            seed=self.seed,
            precision=self.precision,
            corpus=self.text.facts,
            step=self.at.step,
            tokens=self.at.tokens,
            curve=list(self.at.curve),
            seconds=self.at.seconds,
            sessions=self.at.sessions,
            circumstances=self.circumstances,
        )


def _vocabulary(tokenizer: Any) -> Vocabulary:
    special = np.zeros(len(tokenizer), bool)
    special[tokenizer.all_special_ids] = True
    return Vocabulary(len(tokenizer), tokenizer.mask_token_id, special, np.asarray(continues_word(tokenizer)))
