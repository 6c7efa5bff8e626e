"""Export of a pretrained encoder as a Hugging Face directory with a model card."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from huggingface_hub import ModelCard, ModelCardData
from torch import Tensor

from ..config import JsonObject
from ..filesystem import UNFINISHED, disk_errors, fsync, remove_unfinished
from ..models import Architecture, export_checkpoint
from ..models.weight_files import delete_other_weights
from .checkpoints import DISK_HINT
from .config import PretrainingConfig
from .objectives.registry import Objective
from .output_folder import INTERMEDIATE_FOLDER, RECORD_FILE

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MAX_CURVE_POINTS = 20  # in the model card; the record has all
CARD = """# {family} encoder, {layers} layers of width {width}, pretrained from scratch

This encoder was pretrained with blurbstudy. Objective: {title}. Random seed: {seed}.

## Training data

{files} (fingerprint {fingerprint}). The encoder was trained on {documents:,} documents with {tokens:,} tokens;
{held_out:,} documents were held out. {test_documents:,} documents marked as text of a BLURB test set were {blurb_test}.
{single:,} of the training documents have one sentence ({single_tokens:,} tokens); objectives with two segments do not
use them. The WordPiece vocabulary has {vocabulary:,} entries and comes from {vocabulary_from}.

## Training

The encoder saw {seen:,} tokens in {step:,} of {steps:,} optimizer steps, which is {epochs:.1f} epochs. Precision:
{precision}. Hardware: {processes} process(es) on {device}; {seconds:.0f} seconds of training.{unfinished}

| setting | value |
| --- | --- |
{settings}

## Learning curve

The train loss is the weighted sum of the objective's losses, averaged since the previous row. The other columns are
computed on the held-out documents; accuracies and shares are fractions. Word loss and accuracy refer to masked tokens
(for ELECTRA, to its generator, which is not part of this encoder), masked in the same way for every objective. Each
objective makes its own kind of sequences from the held-out text, so do not interpret small differences in word loss
between objectives.

{curve}

## Limitations

Compare this encoder only with encoders pretrained on the same text for the same number of tokens. An encoder that has
seen only a few million tokens, or generated text, has learned little more than word forms and is suitable only for
testing. {notes} The encoder may reproduce biases of its training data. It is not intended for clinical decisions.
"""


@dataclass(frozen=True, eq=False, kw_only=True)
class PretrainingRecord:
    """A pretraining run, finished or so far, as described by its record and model card."""

    objective: Objective
    config: PretrainingConfig
    seed: int
    precision: str
    corpus: JsonObject  # prepared_corpus.PreparedCorpus.metadata
    step: int  # optimizer steps taken
    tokens: int  # seen
    curve: list[dict[str, float]]  # step, tokens, train_loss, and the held-out metrics of objectives.base.METRICS
    seconds: float  # wall-clock time of training, without evaluation and saving
    sessions: int  # number of times the run was started or resumed
    environment: JsonObject  # device, threads, processes, versions

    @property
    def finished(self) -> bool:
        return self.step == self.config.steps

    def to_dict(self) -> JsonObject:
        """Return plain values, as stored in RECORD_FILE."""
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
            "environment": self.environment,
        }


def publish(
    record: PretrainingRecord,
    weights: dict[str, Tensor],
    architecture: Architecture,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    *,
    shard_bytes: int = 0,
) -> Path:
    """Write config.json, weights, tokenizer files, README.md (the model card) and pretraining.json.
    `shard_bytes`: maximum size of a file of weights; 0: one file, model.safetensors.
    """
    with disk_errors(folder, DISK_HINT):
        folder.mkdir(parents=True, exist_ok=True)
        remove_unfinished(folder, older_than=0.0)
        with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=folder) as name:
            unfinished = Path(name)
            export_checkpoint(weights, architecture, folder=unfinished, tokenizer=tokenizer, shard_bytes=shard_bytes)
            (unfinished / "README.md").write_text(model_card(record, architecture), encoding="utf-8")
            text = json.dumps(record.to_dict(), indent=2, allow_nan=False) + "\n"
            (unfinished / RECORD_FILE).write_text(text, encoding="utf-8")
            files = sorted(unfinished.iterdir(), key=lambda file: file.name == RECORD_FILE)
            for file in files:
                fsync(file)
            # The record is moved last, when all other files are safely on disk.
            for file in files:
                if file.name == RECORD_FILE:
                    delete_other_weights(folder, keep=[file.name for file in files])  # left by a killed process
                    fsync(folder)
                file.replace(folder / file.name)
            fsync(folder)
    return folder


def delete_intermediate(out: Path) -> None:
    shutil.rmtree(out / INTERMEDIATE_FOLDER, ignore_errors=True)


def model_card(record: PretrainingRecord, architecture: Architecture) -> str:
    """Return the model card, as Markdown with YAML front matter."""
    corpus = record.corpus
    text = CARD.format(
        family=architecture.family,
        layers=architecture.n_layers,
        width=architecture.width,
        title=record.objective.title,
        seed=record.seed,
        files=", ".join(f"`{file['file']}`" for file in corpus["files"]),
        fingerprint=corpus["fingerprint"],
        documents=corpus["documents"],
        tokens=corpus["tokens"],
        held_out=corpus["held_out_documents"],
        test_documents=corpus["blurb_test_documents"],
        blurb_test=corpus["blurb_test"],
        single=corpus["one_sentence_documents"],
        single_tokens=corpus["one_sentence_tokens"],
        vocabulary=architecture.vocab_size,
        vocabulary_from=corpus["vocabulary_from"],
        seen=record.tokens,
        step=record.step,
        steps=record.config.steps,
        epochs=record.tokens / corpus["tokens"],
        precision=record.precision,
        processes=record.environment["processes"],
        device=record.environment["device"],
        seconds=record.seconds,
        unfinished=""
        if record.finished
        else " This is an intermediate encoder: the learning rate has not decayed yet, so the final encoder is better.",
        settings="\n".join(f"| {name} | {value} |" for name, value in effective_settings(record, architecture).items()),
        curve=_curve_table(record.curve),
        notes=record.objective.notes,
    )
    data = ModelCardData(
        language="en", library_name="transformers", tags=[architecture.family, "biomedical", "pretraining"]
    )
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{text}"))


def effective_settings(record: PretrainingRecord, architecture: Architecture) -> JsonObject:
    """Return the settings that had an effect; the vocabulary size is the actual one."""
    settings = record.config.to_dict() | {"vocab_size": architecture.vocab_size}
    unused = ["batch_size"] if record.config.batch_tokens else ["batch_tokens"]
    if architecture.family != "electra":
        unused += ["generator_size", "discriminator_weight", "electra_segments"]
    return {name: value for name, value in settings.items() if name not in unused}


def _curve_table(curve: list[dict[str, float]]) -> str:
    if not curve:
        return "No evaluation yet."
    stride = -(-len(curve) // MAX_CURVE_POINTS)
    points = curve[::-1][::stride][::-1]  # includes the last
    names = list(points[0])
    rows = [[f"{point[n]:,}" if isinstance(point[n], int) else f"{point[n]:.3f}" for n in names] for point in points]
    lines = [[name.replace("_", " ") for name in names], ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
