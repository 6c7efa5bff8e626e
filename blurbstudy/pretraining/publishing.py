"""A pretrained encoder as a Hugging Face directory, with a model card that tells how it came about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..models import Architecture, export_checkpoint

if TYPE_CHECKING:
    from .pretrainer import Pretraining

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
documents were held out. {marked:,} documents that are marked as text of a BLURB test set were {blurb_test}. The
WordPiece vocabulary of {vocabulary:,} entries is from {vocabulary_from}.

## Training

{seen:,} tokens seen, {passes:.1f} passes over the text, {seconds:.0f} seconds on {device}.

| setting | value |
| --- | --- |
{settings}

## Curve

Train loss is the mean since the row before, all losses of the objective weighted and added; the others are on the
held-out documents, accuracies and shares as fractions. Word loss and accuracy are of masked words (ELECTRA: by its
generator, of which this encoder is not a part).

{curve}

## Limits

Compare this encoder only with others pretrained on the same text for as many tokens. One that has seen a few million
tokens or fewer, or generated text, has learned word forms and little else: it shows that the machinery works. {leaves}
It may repeat whatever bias its text has, and is not meant for clinical decisions.
"""


def publish(
    done: Pretraining, weights: dict[str, Tensor], architecture: Architecture, tokenizer: Any, folder: Path
) -> Path:
    """Writes config.json, model.safetensors, tokenizer files, README.md (the card) and pretraining.json."""
    export_checkpoint(weights, architecture, folder=folder, tokenizer=tokenizer)
    (folder / "README.md").write_text(model_card(done, architecture), encoding="utf-8")
    record = {
        "objective": done.objective.name,
        "seed": done.seed,
        "config": done.config.to_dict(),
        "corpus": done.corpus,
        "curve": done.curve,
        "seconds": round(done.seconds, 2),
        "circumstances": done.circumstances,
    }
    (folder / RECORD).write_text(json.dumps(record, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return folder


def model_card(done: Pretraining, architecture: Architecture) -> str:
    """Corpus, tokens seen, settings, curve and limits, as Markdown."""
    last = done.curve[-1]
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
        vocabulary_from=done.corpus["vocabulary_from"],
        vocabulary=architecture.vocab_size,
        seen=last["tokens"],
        passes=last["tokens"] / done.corpus["tokens"],
        seconds=done.seconds,
        device=done.circumstances["device"],
        settings="\n".join(f"| {name} | {value} |" for name, value in done.config.to_dict().items()),
        curve=_table(done.curve),
        leaves=done.objective.leaves,
    )


def _table(curve: list[dict[str, float]]) -> str:
    names = list(curve[0])
    rows = [[f"{point[n]:,}" if isinstance(point[n], int) else f"{point[n]:.3f}" for n in names] for point in curve]
    lines = [[name.replace("_", " ") for name in names], ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
