"""The training loop of a pretraining run."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..config import JsonObject
from ..errors import Interrupted, StudyError
from ..models import DropoutStream, seed_for
from ..training.optimizer import MemberHyperparameters, PopulationAdamW
from ..training.provenance import describe_device, software_versions
from ..training.schedule import evaluation_steps, lr_factor
from .batches import Batches
from .checkpoints import Checkpoint, TrainingProgress, clear_checkpoints, save_checkpoint, save_curve, tensors_of
from .config import PretrainingConfig
from .corpus.corpus import CorpusProgress, TokenizedCorpus
from .corpus.prepared_corpus import PreparedCorpus
from .corpus.wordpiece import is_continuation
from .distributed import ProcessGroup
from .evaluation import evaluate, local_batches
from .export import PretrainingRecord, delete_intermediate, publish
from .gradient_accumulation import explain_out_of_memory, max_micro_batch_tokens, n_micro_batches, split_batch
from .objectives.base import Batch, PretrainingModel
from .objectives.masking import Vocabulary
from .objectives.registry import Objective
from .output_folder import intermediate_folder, is_published

# Raised by any change of code that alters the encoder that comes out.
PRETRAINER_REVISION = 3


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How a pretraining run is executed, without effect on the model up to the order of floating-point sums.

    With dropout, micro_batch_tokens and the number of processes do matter, because each part of a step draws its own
    dropout masks.
    """

    device: str = "auto"
    micro_batch_tokens: int = 0  # 0: gradient_accumulation.DEFAULT_MICRO_BATCH_TOKENS
    save_every: float | None = None  # seconds between two checkpoints; None: write none
    checkpoint_at: tuple[int, ...] = ()  # numbers of tokens seen after which the encoder is also exported
    resume: bool = False  # from the last checkpoint, if there is one
    shard_bytes: int = 0  # maximum size of a file of exported weights; 0: one file


@dataclass(frozen=True, kw_only=True)
class Callbacks:
    """Functions that a pretraining run calls."""

    on_step: Callable[[int, int, int], None] | None = None  # (steps done, steps, tokens seen), in the main process
    on_corpus_progress: CorpusProgress | None = None  # in every process while the corpus is read
    should_stop: Callable[[], bool] = lambda: False  # after every step; True saves a checkpoint and stops


class PretrainingLoop:
    """One pretraining run: model, optimizer, batches and progress.

    Args:
        tokens: approximate number of tokens to see; 0: config.steps steps.
        out: folder for checkpoints and intermediate encoders.
    """

    def __init__(
        self,
        objective: Objective,
        config: PretrainingConfig,
        text: PreparedCorpus,
        *,
        seed: int,
        tokens: int,
        precision: str,
        group: ProcessGroup,
        options: TrainingOptions,
        out: Path,
    ) -> None:
        tokenizer = text.tokenizer
        self.device = group.device(options.device)

        def batches(corpus: TokenizedCorpus, seed: int) -> Batches:
            return Batches(
                corpus,
                objective=objective,
                config=config,
                vocabulary=_vocabulary(tokenizer),
                special=(tokenizer.cls_token_id, tokenizer.sep_token_id),
                seed=seed,
                device=self.device,
            )

        self.batches = batches(text.train, seed)
        held_out = batches(text.held_out, seed_for(seed, "held out")).evaluation_batches(config.held_out_sequences)
        if tokens:
            config = replace(config, steps=math.ceil(tokens / self.batches.tokens_per_step()))
        self.objective, self.config, self.text, self.seed, self.precision = objective, config, text, seed, precision
        self.group, self.options, self.out = group, options, out
        self.micro_batch_tokens = max_micro_batch_tokens(options.micro_batch_tokens, self.device)
        self.held_out = local_batches(
            held_out, group, micro_batch_tokens=self.micro_batch_tokens, n_heads=config.n_heads, device=self.device
        )
        architecture = config.architecture(objective.family, len(tokenizer), pad_id=tokenizer.pad_token_id)
        self.model: PretrainingModel = objective.build_model(architecture, config, seed).to(self.device)
        self.ddp_model: Any = group.wrap_ddp(self.model, self.device)
        self.optimizer = PopulationAdamW(
            list(self.model.parameters_by_depth()),
            [
                MemberHyperparameters(
                    lr_scales=(1.0,),
                    weight_decay=config.weight_decay,
                    max_grad_norm=config.max_grad_norm,
                    bias_correction=True,
                )
            ],
            beta1=config.adam_beta1,
            beta2=config.adam_beta2,
            eps=config.adam_epsilon,
        )
        self.identity: JsonObject = {
            "config": config.to_dict(),
            "vocabulary": text.metadata["vocabulary_digest"],
            "pretrainer_revision": PRETRAINER_REVISION,
        }
        self.progress = TrainingProgress()
        self.environment = {
            "device": describe_device(self.device),
            "threads": torch.get_num_threads(),
            "processes": group.world_size,
            "micro_batch_tokens": self.micro_batch_tokens,
            **software_versions(),
        }
        tokenizer.model_max_length = config.max_positions

    def restore(self, checkpoint: Checkpoint) -> None:
        for name, tensor in tensors_of(self.model, self.optimizer).items():
            tensor.copy_(checkpoint.tensors[name])
        self.progress = replace(checkpoint.progress, sessions=checkpoint.progress.sessions + 1)

    def train(self, callbacks: Callbacks) -> None:
        progress, n_steps = self.progress, self.config.steps
        if self.group.is_main and not progress.step:
            clear_checkpoints(self.out)
            delete_intermediate(self.out)
        evaluate_at = evaluation_steps(self.config.n_evaluations, n_steps)
        last_save = time.monotonic()
        batches = self.batches.training_batches(
            done=progress.step, epoch=progress.epoch, epoch_began=progress.epoch_began
        )
        for step, batch in zip(range(progress.step + 1, n_steps + 1), batches, strict=False):
            stop = self._train_step(step, batch, should_stop=callbacks.should_stop())
            progress.epoch, progress.epoch_began = self.batches.epoch, self.batches.epoch_began
            if step in evaluate_at:
                self._evaluate()
            self._publish_intermediate()
            interval = self.options.save_every
            if interval is not None and step < n_steps and (stop or time.monotonic() - last_save >= interval):
                self._save()
                last_save = time.monotonic()
            if callbacks.on_step and self.group.is_main:
                callbacks.on_step(step, n_steps, progress.tokens)
            if stop and step < n_steps:
                self.group.barrier()  # torchrun ends the process that saves as soon as another one exits
                saved = "checkpoint saved" if interval is not None else "no checkpoint saved"
                raise Interrupted(f"{self.out}: stopped after step {step} of {n_steps}; {saved}")

    def _train_step(self, step: int, batch: Batch, *, should_stop: bool) -> bool:
        """Take one optimizer step and return whether any process should stop."""
        start = time.perf_counter()
        group, n_heads = self.group, self.config.n_heads
        n_parts = n_micro_batches(batch, micro_batch_tokens=self.micro_batch_tokens, n_processes=group.world_size)
        parts = list(enumerate(split_batch(batch, n_parts, n_heads=n_heads, device=self.device)))
        local_parts = parts[group.rank :: group.world_size]
        total = torch.zeros(2, device=self.device)
        with explain_out_of_memory(self.micro_batch_tokens):
            for index, part in local_parts:
                # Dropout masks depend on the part's index in the step, not on the process that computes it.
                stream = (step,) if len(parts) == 1 else (step, index)
                is_last = index == local_parts[-1][0]
                with contextlib.nullcontext() if is_last or group.world_size == 1 else self.ddp_model.no_sync():
                    loss = self._loss(part.to(self.device), batch.counts, stream=stream)
                    # DDP averages gradients over processes, but the sum is needed.
                    (loss * group.world_size if group.world_size > 1 else loss).backward()
                total[0] += loss.detach()
        total[1] = should_stop
        loss, stop = group.all_reduce_sum(total).tolist()
        factor = lr_factor(step, total=self.config.steps, warmup=self.config.warmup_ratio)
        norm = float(self.optimizer.step([self.config.learning_rate * factor], [step]))
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise StudyError(
                f"the pretraining loss diverged at step {step} (NaN or infinite); "
                f"use a learning_rate below {self.config.learning_rate:g}"
            )
        self.progress.step = step
        self.progress.tokens += batch.packing.counts[0]
        self.progress.losses.append(loss)
        self.progress.seconds += time.perf_counter() - start
        return stop > 0

    def _loss(self, batch: Batch, counts: dict[str, int], *, stream: tuple[int, ...]) -> torch.Tensor:
        dropout = None
        if self.config.dropout:
            seeds = [seed_for(self.seed, "pretraining", "dropout", *stream)]
            dropout = DropoutStream(seeds, self.config.dropout, device=self.device)
        with self._autocast():
            sums = self.ddp_model(batch, dropout=dropout)
        return self.model.loss(sums, counts)

    def _autocast(self) -> AbstractContextManager:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")

    def _evaluate(self) -> None:
        """Add a point to the curve: the mean training loss since the last point, and the held-out metrics."""
        progress = self.progress
        train_loss = float(torch.tensor(progress.losses).mean())
        progress.losses.clear()
        with explain_out_of_memory(self.micro_batch_tokens):
            metrics = evaluate(self.model, self.held_out, self.group, device=self.device, autocast=self._autocast)
        progress.curve.append({"step": progress.step, "tokens": progress.tokens, "train_loss": train_loss} | metrics)
        if self.group.is_main and self.options.save_every is not None:
            save_curve(self.out, progress.curve)

    def _publish_intermediate(self) -> None:
        """Export the encoder if it has seen one of the requested numbers of tokens."""
        if not self.group.is_main or self.progress.step == self.config.steps:
            return
        for tokens in self.options.checkpoint_at:
            folder = intermediate_folder(self.out, tokens)
            if self.progress.tokens >= tokens and not is_published(folder):
                self.export(folder)

    def _save(self) -> None:
        if self.group.is_main:
            tensors = {name: tensor.cpu() for name, tensor in tensors_of(self.model, self.optimizer).items()}
            checkpoint = Checkpoint(
                progress=self.progress, tensors=tensors, identity=self.identity, environment=self.environment
            )
            save_checkpoint(self.out, checkpoint)

    def export(self, folder: Path) -> None:
        publish(
            self.summary(),
            self.model.encoder_weights(),
            self.model.architecture,
            self.text.tokenizer,
            folder,
            shard_bytes=self.options.shard_bytes,
        )

    def summary(self) -> PretrainingRecord:
        return PretrainingRecord(
            objective=self.objective,
            config=self.config,
            seed=self.seed,
            precision=self.precision,
            corpus=self.text.metadata,
            step=self.progress.step,
            tokens=self.progress.tokens,
            curve=list(self.progress.curve),
            seconds=self.progress.seconds,
            sessions=self.progress.sessions,
            environment=self.environment,
        )


def _vocabulary(tokenizer: Any) -> Vocabulary:
    special = np.zeros(len(tokenizer), bool)
    special[tokenizer.all_special_ids] = True
    return Vocabulary(len(tokenizer), tokenizer.mask_token_id, special, np.asarray(is_continuation(tokenizer)))
