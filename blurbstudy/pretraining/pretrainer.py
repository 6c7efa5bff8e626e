"""Pretraining from scratch: corpus, vocabulary, encoder, one loop, a published checkpoint."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import StudyError
from ..models import DropoutStream, seed_for
from ..training.circumstances import describe_device, pick_device, software
from ..training.optimizer import MemberSettings, PopulationAdamW
from ..training.schedule import evaluation_steps, rate_factor
from .batches import Batches
from .corpus import Corpus, as_corpus
from .masking import Vocabulary
from .model import Batch, PretrainingModel, means
from .objectives import Objective
from .prepared import prepared_text
from .publishing import publish
from .settings import PretrainingConfig
from .vocabulary import continues_word

# Raised by any change of code that alters the encoder that comes out.
PRETRAINER_REVISION = 1
HELD_OUT_SEQUENCES = 512  # scored at each point of the curve, at most

Progress = Callable[[int, int], None]  # optimizer steps done, and of all


@dataclass(frozen=True, eq=False)
class Pretraining:
    """What one pretraining was: everything the model card tells."""

    objective: Objective
    config: PretrainingConfig
    seed: int
    corpus: dict[str, Any]  # prepared.PreparedText.facts
    curve: list[dict[str, float]]  # step, tokens, train_loss, and the held-out means of model.MEANS
    seconds: float  # wall-clock time of the loop
    circumstances: dict[str, Any]


def pretrain(
    objective: Objective,
    config: PretrainingConfig,
    *,
    corpus: Corpus | Path,
    out: Path,
    seed: int = 0,
    device: str = "auto",
    on_progress: Progress | None = None,
) -> Pretraining:
    """Pretrains an encoder on a corpus and writes it to the folder `out` as a Hugging Face checkpoint.

    Args:
        corpus: one file (text of BLURB's test sets is left out), or what Corpus says.

    Raises:
        DataError: the corpus cannot be read.
        StudyError: the loss left the finite numbers.
    """
    where = pick_device(device)
    text = prepared_text(as_corpus(corpus), vocabulary=config.vocab_size, held_out=config.held_out)
    tokenizer = text.tokenizer
    vocabulary = _vocabulary(tokenizer)
    special = (tokenizer.cls_token_id, tokenizer.sep_token_id)
    shared = {"objective": objective, "config": config, "vocabulary": vocabulary, "special": special}
    model = objective.model(config.architecture(objective.family, len(tokenizer)), config=config, seed=seed).to(where)
    began = time.perf_counter()
    curve = _train(
        model,
        Batches(text.train, **shared, seed=seed).training(),
        Batches(text.held_out, **shared, seed=seed_for(seed, "held out")).once(HELD_OUT_SEQUENCES),
        config=config,
        seed=seed,
        device=where,
        on_progress=on_progress,
    )
    done = Pretraining(
        objective=objective,
        config=config,
        seed=seed,
        corpus=text.facts,
        curve=curve,
        seconds=time.perf_counter() - began,
        circumstances={"device": describe_device(where), "threads": torch.get_num_threads(), **software()},
    )
    tokenizer.model_max_length = config.max_positions
    publish(done, model.encoder_weights(), model.architecture, tokenizer, out)
    return done


def _train(
    model: PretrainingModel,
    batches: Iterable[Batch],
    held_out: list[Batch],
    *,
    config: PretrainingConfig,
    seed: int,
    device: torch.device,
    on_progress: Progress | None,
) -> list[dict[str, float]]:
    """The loop; -> the curve."""
    settings = MemberSettings(scales=(1.0,), weight_decay=config.weight_decay, clip=config.clip, bias_correction=True)
    optimizer = PopulationAdamW(
        list(model.parameters_by_depth()), [settings], beta1=config.beta1, beta2=config.beta2, eps=config.eps
    )
    points = evaluation_steps(config.evaluations, config.steps)
    curve, losses, tokens = [], [], 0
    for step, batch in zip(range(1, config.steps + 1), batches, strict=False):
        batch = batch.to(device)
        streams = [seed_for(seed, "pretraining", "dropout", step)]
        dropout = DropoutStream(streams, config.dropout, device=device) if config.dropout else None
        loss = model.loss(model(batch, dropout=dropout), batch.counts)
        loss.backward()
        optimizer.step([config.learning_rate * rate_factor(step, total=config.steps, warmup=config.warmup)], [step])
        losses.append(loss.detach())
        tokens += batch.packing.tokens
        if step in points:
            train_loss = float(torch.stack(losses).mean())
            if not math.isfinite(train_loss):
                raise StudyError(
                    f"the pretraining loss is not finite by step {step}; "
                    f"learning_rate={config.learning_rate:g} may be too high: use a lower one"
                )
            losses.clear()
            curve.append({"step": step, "tokens": tokens, "train_loss": train_loss} | _score(model, held_out, device))
        if on_progress:
            on_progress(step, config.steps)
    return curve


@torch.no_grad()
def _score(model: PretrainingModel, held_out: list[Batch], device: torch.device) -> dict[str, float]:
    """Mean losses and accuracies (fractions) on the held-out part."""
    sums: Counter[str] = Counter()
    for batch in held_out:
        batch = batch.to(device)
        sums.update({name: float(value) for name, value in model(batch).items()})
        sums.update(batch.counts)
    return means(sums)


def _vocabulary(tokenizer: Any) -> Vocabulary:
    special = np.zeros(len(tokenizer), bool)
    special[tokenizer.all_special_ids] = True
    return Vocabulary(len(tokenizer), tokenizer.mask_token_id, special, np.asarray(continues_word(tokenizer)))
