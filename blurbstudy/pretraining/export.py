"""A pretrained encoder as a Hugging Face directory, with a model card that tells how it came about."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import ParameterError
from ..filesystem import UNFINISHED, disk_errors, fsync, remove_unfinished
from ..models import Architecture, export_checkpoint
from ..models.weight_files import forget_weights
from .checkpoints import DISK_HINT
from .config import PretrainingConfig
from .objectives.registry import Objective

LADDER = "ladder"  # folder, beside the encoder, of what it was on the way
POINTS = 20  # of the curve in a card, at most; the record holds all
RECORD = "pretraining.json"  # the curve and the settings, for figures
CARD = """---
language: en
library_name: transformers
tags: [{family}, biomedical, pretraining]
---

# {family} encoder, {layers} layers of width {width}, pretrained from scratch

Objective: {title}. Random seed {seed}. Pretrained by blurbstudy.

## Text

{files} (fingerprint {fingerprint}): {documents:,} documents of {tokens:,} tokens were trained on, {held_out:,}
documents were held out. {marked:,} documents that are marked as text of a BLURB test set were {blurb_test}. {alone:,}
of the documents have one sentence ({alone_tokens:,} tokens): objectives of two segments leave these out. The WordPiece
vocabulary of {vocabulary:,} entries is from {vocabulary_from}.

## Training

{seen:,} tokens seen in {step:,} of {steps:,} optimizer steps, about {passes:.1f} passes over the text;
{precision}, {processes} process(es) on {device}, {seconds:.0f} seconds of training.{unfinished}

| setting | value |
| --- | --- |
{settings}

## Curve

Train loss is the mean since the row before, all losses of the objective weighted and added; the others are on the
held-out documents, accuracies and shares as fractions. Word loss and accuracy are of masked words (ELECTRA: by its
generator, of which this encoder is not a part), masked alike for every objective. But each objective cuts the held-out
text into sequences of its own kind, so a small difference between the word losses of two objectives means little.

{curve}

## Limits

Compare this encoder only with others pretrained on the same text for as many tokens. One that has seen a few million
tokens or fewer, or generated text, has learned word forms and little else: it shows that the machinery works. {leaves}
It may repeat whatever bias its text has, and is not meant for clinical decisions.
"""


@dataclass(frozen=True, eq=False, kw_only=True)
class Pretraining:
    """What one pretraining was, or was so far: everything the model card tells."""

    objective: Objective
    config: PretrainingConfig
    seed: int
    precision: str
    corpus: dict[str, Any]  # prepared.PreparedText.facts
    step: int  # optimizer steps taken
    tokens: int  # seen
    curve: list[dict[str, float]]  # step, tokens, train_loss, and the held-out means of model.MEANS
    seconds: float  # wall-clock time of training, scoring and saving aside
    sessions: int  # 1, and 1 more each time that it was gone on with
    circumstances: dict[str, Any]

    @property
    def finished(self) -> bool:
        """Whether all steps were taken."""
        return self.step == self.config.steps

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {
            "objective": self.objective.name,
            "seed": self.seed,
            "precision": self.precision,
            "config": self.config.to_dict(),
            "corpus": self.corpus,
            "step": self.step,
            "tokens": self.tokens,
            "curve": self.curve,
            "seconds": round(self.seconds, 2),
            "tokens_per_second": round(self.tokens / self.seconds, 1) if self.seconds else None,
            "sessions": self.sessions,
            "circumstances": self.circumstances,
        }


def publish(
    done: Pretraining,
    weights: dict[str, Tensor],
    architecture: Architecture,
    tokenizer: Any,
    folder: Path,
    *,
    shard_bytes: int = 0,
) -> Path:
    """Writes config.json, weights, tokenizer files, README.md (the card) and pretraining.json.

    Args:
        shard_bytes: of a file of weights at most; 0: all in model.safetensors.

    Raises:
        DiskError: the disk is full or cannot be written; what `folder` held stays as it was.
    """
    with disk_errors(folder, DISK_HINT):
        folder.mkdir(parents=True, exist_ok=True)
        remove_unfinished(folder, older_than=0.0)
        with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=folder) as temporary:
            unfinished = Path(temporary)
            export_checkpoint(weights, architecture, folder=unfinished, tokenizer=tokenizer, shard_bytes=shard_bytes)
            (unfinished / "README.md").write_text(model_card(done, architecture), encoding="utf-8")
            record = json.dumps(done.to_dict(), indent=2, allow_nan=False) + "\n"
            (unfinished / RECORD).write_text(record, encoding="utf-8")
            files = sorted(unfinished.iterdir(), key=lambda file: file.name == RECORD)
            for file in files:
                fsync(file)
            # The record last, when the others lie there for good.
            for file in files:
                if file.name == RECORD:
                    forget_weights(folder, but=[file.name for file in files])  # of one that was killed here
                    fsync(folder)
                file.replace(folder / file.name)
            fsync(folder)
    return folder


def publish_rung(
    done: Pretraining,
    weights: dict[str, Tensor],
    architecture: Architecture,
    tokenizer: Any,
    *,
    out: Path,
    rung: int,
    shard_bytes: int = 0,
) -> Path:
    """Writes the encoder as it is after `rung` tokens, under `out`/ladder."""
    return publish(done, weights, architecture, tokenizer, rung_folder(out, rung), shard_bytes=shard_bytes)


def rung_folder(out: Path, rung: int) -> Path:
    """Where the encoder of a rung lies."""
    return out / LADDER / f"tokens-{rung}"


def check_ladder(ladder: tuple[int, ...], *, total: int) -> None:
    """Refuses a rung that is known never to be reached.

    Args:
        total: tokens that will be seen, about; 0: not known yet.

    Raises:
        ParameterError: names it.
    """
    if total and ladder and max(ladder) >= total:
        raise ParameterError(
            f"the ladder has a rung of {max(ladder):,} tokens, but only about {total:,} are seen; "
            "use smaller rungs (the encoder at the end is published anyway)"
        )


def forget_ladder(out: Path) -> None:
    """Lets go of the rungs of whatever was begun in `out` before."""
    shutil.rmtree(out / LADDER, ignore_errors=True)


def is_published(folder: Path) -> bool:
    """Whether a whole encoder of a pretraining lies in a folder."""
    return (folder / RECORD).is_file()


def model_card(done: Pretraining, architecture: Architecture) -> str:
    """Corpus, tokens seen, settings, curve and limits, as Markdown."""
    on_the_way = (
        " Taken on the way: the learning rate had not decayed yet, so the same encoder trained to its end is better."
    )
    return CARD.format(
        family=architecture.family,
        layers=architecture.n_layers,
        width=architecture.width,
        title=done.objective.title,
        seed=done.seed,
        files=", ".join(f"`{file['file']}`" for file in done.corpus["files"]),
        fingerprint=done.corpus["fingerprint"],
        documents=done.corpus["documents"],
        tokens=done.corpus["tokens"],
        held_out=done.corpus["held_out_documents"],
        marked=done.corpus["blurb_test_documents"],
        blurb_test=done.corpus["blurb_test"],
        alone=done.corpus["one_sentence_documents"],
        alone_tokens=done.corpus["one_sentence_tokens"],
        vocabulary_from=done.corpus["vocabulary_from"],
        vocabulary=architecture.vocab_size,
        seen=done.tokens,
        step=done.step,
        steps=done.config.steps,
        precision=done.precision,
        processes=done.circumstances["processes"],
        unfinished="" if done.finished else on_the_way,
        passes=done.tokens / done.corpus["tokens"],
        seconds=done.seconds,
        device=done.circumstances["device"],
        settings="\n".join(f"| {name} | {value} |" for name, value in acting(done, architecture).items()),
        curve=_table(done.curve),
        leaves=done.objective.leaves,
    )


def acting(done: Pretraining, architecture: Architecture) -> dict[str, Any]:
    """The settings that this pretraining went by; of the vocabulary, the size that came out."""
    settings = done.config.to_dict() | {"vocab_size": architecture.vocab_size}
    idle = ["batch_size"] if done.config.batch_tokens else ["batch_tokens"]
    if architecture.family != "electra":
        idle += ["generator_size", "discriminator_weight", "electra_segments"]
    return {name: value for name, value in settings.items() if name not in idle}


def _table(curve: list[dict[str, float]]) -> str:
    if not curve:
        return "No point yet."
    every = -(-len(curve) // POINTS)
    curve = curve[::-1][::every][::-1]  # the last always
    names = list(curve[0])
    rows = [[f"{point[n]:,}" if isinstance(point[n], int) else f"{point[n]:.3f}" for n in names] for point in curve]
    lines = [[name.replace("_", " ") for name in names], ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
