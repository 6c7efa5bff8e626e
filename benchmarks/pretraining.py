"""Pretraining on masked words: tokens a second, this project against Hugging Face Trainer, side by side.

    python benchmarks/pretraining.py --corpus FILE [--documents 3000] [--steps 40] [--repeats 3] [--out FILE.json]

Both systems train the same model from scratch (BERT, 15% of single tokens masked, one segment) on the same tokens of
the same text, with as many of them per optimizer step, AdamW and clipping. The reference is Trainer with
DataCollatorForLanguageModeling at its best: text grouped to full blocks, so without padding (as its run_mlm.py does),
or, in a row of its own, one chunk of sentences a line, padded to the longest of a batch; sdpa attention, fused AdamW,
no logging, saving or scoring. Each measurement is a fresh process; the first steps are not counted; repeats alternate.
Text is read before the clock starts. Tokens are counted without padding. The machine's own matrix rate is measured in
the same processes, and what each system reaches of it is said. Needs the extra `benchmark`.

On a GPU: --device cuda --shape base (bfloat16).
"""

from __future__ import annotations

import argparse
import gzip
import lzma
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import measure
from measure import do_job, log, matrix_rate, medians, run_system

from blurbstudy.paths import CACHE_ENV

SHAPES = {  # of the encoder, as in the configurations of these names, and tokens per optimizer step
    "tiny": {"n_layers": 2, "width": 64, "n_heads": 2, "intermediate": 256, "vocab_size": 1500, "batch_tokens": 1024},
    "small": {
        "n_layers": 4,
        "width": 256,
        "n_heads": 4,
        "intermediate": 1024,
        "vocab_size": 8192,
        "batch_tokens": 4096,
    },
    "base": {
        "n_layers": 12,
        "width": 768,
        "n_heads": 12,
        "intermediate": 3072,
        "vocab_size": 30522,
        "batch_tokens": 65536,
    },
}
LENGTH, MASKED, WARMUP_STEPS = 128, 0.15, 5
SYSTEMS = ("ours", "trainer", "trainer, padded lines")
COMPILED = "trainer, compiled"  # a further system, for GPUs
LOADER_PROCESSES = 4  # of the reference on a GPU, where masking on the same core would hold it up


def main() -> None:
    """Runs the systems in turn and prints a table of medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--corpus", type=Path, required=True, help="JSONL of documents with sentences; .gz, .xz or plain"
    )
    parser.add_argument("--documents", type=int, default=3000)
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--dropout", type=float, nargs="*", default=[0.0, 0.1])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=measure.cores())
    parser.add_argument("--systems", nargs="*", choices=(*SYSTEMS, COMPILED), default=list(SYSTEMS))
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    measured: dict[float, dict[str, list[dict]]] = {}
    with tempfile.TemporaryDirectory() as folder, measure.environment_variable(CACHE_ENV, folder):
        text = excerpt(args.corpus, args.documents, Path(folder) / "text.jsonl")
        for repeat in range(args.repeats):
            for dropout in args.dropout:
                for system in args.systems if repeat % 2 == 0 else reversed(args.systems):
                    job = {"system": system, "corpus": str(text), "shape": args.shape, "dropout": dropout}
                    job |= {"steps": args.steps, "device": args.device, "threads": args.threads}
                    results = run_system(__file__, [job])
                    results |= results.pop("answers")[0]
                    measured.setdefault(dropout, {name: [] for name in args.systems})[system].append(results)
                    log(
                        f"repeat {repeat + 1}/{args.repeats} dropout {dropout:g} {system:22} "
                        f"{results['tokens_per_second']:9.0f} tokens/s"
                    )
    report(measured, args)


def excerpt(corpus: Path, documents: int, out: Path) -> Path:
    """The first lines of a corpus."""
    opener = {".xz": lzma.open, ".gz": gzip.open}.get(corpus.suffix, open)
    with opener(corpus, "rt", encoding="utf-8") as lines, out.open("w", encoding="utf-8") as stream:
        for _, line in zip(range(documents), lines, strict=False):
            stream.write(line)
    return out


def prepare(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """One system: trains, and tells tokens a second between the warm-up steps and the last."""
    config, prepared = settings(job)

    def go() -> dict[str, Any]:
        stamps: list[tuple[float, int]] = []  # at the end of each step: time, tokens seen
        if job["system"] == "ours":
            train_ours(config, job, stamps)
        else:
            train_reference(config, prepared, job, stamps)
        (began, before), (ended, seen) = stamps[WARMUP_STEPS - 1], stamps[-1]
        rate = matrix_rate(job["device"])
        speed = (seen - before) / (ended - began)
        operations = operations_per_token(config, len(prepared.tokenizer))
        return {
            "seconds": [ended - began],
            "tokens_per_second": speed,
            "tokens_per_step": (seen - before) / (len(stamps) - WARMUP_STEPS),
            "matrix_rate": rate,
            "achieved": speed * operations / rate,
            "vocabulary": len(prepared.tokenizer),
            "device_mib": measure.device_mib(job["device"]),
        }

    return go


def settings(job: dict[str, Any]):  # noqa: ANN201
    """(configuration, text with its tokens); made once and kept in the cache."""
    from blurbstudy.pretraining import pretraining_config
    from blurbstudy.pretraining.corpus.corpus import as_corpus
    from blurbstudy.pretraining.corpus.prepared_corpus import prepare_corpus

    config = pretraining_config(
        SHAPES[job["shape"]]
        | {"max_positions": LENGTH, "max_length": LENGTH, "batch_size": 1, "steps": job["steps"] + 1}
        | {"dropout": job["dropout"], "learning_rate": 1e-4, "mask_rate": MASKED, "whole_word": False}
        | {"n_evaluations": 1, "held_out_sequences": 1}
    )
    text = as_corpus(Path(job["corpus"]))
    return config, prepare_corpus(text, vocabulary=config.vocab_size, held_out=config.held_out)


def train_ours(config, job: dict[str, Any], stamps: list) -> None:  # noqa: ANN001
    """This project's loop, as its command runs it; the last step, which scores, is not counted."""
    from blurbstudy.pretraining import Callbacks, TrainingOptions, get_objective, pretrain

    def settings_(step: int, steps: int, tokens: int) -> None:
        if step < steps:
            stamps.append((time.perf_counter(), tokens))

    with tempfile.TemporaryDirectory() as out:
        pretrain(
            get_objective("single-sequence"),
            config,
            corpus=Path(job["corpus"]),
            out=Path(out),
            callbacks=Callbacks(on_step=settings_),
            precision=precision(job),
            options=TrainingOptions(device=job["device"], micro_batch_tokens=job.get("micro_batch_tokens", 0)),
        )


def precision(job: dict[str, Any]) -> str:
    """Of a job; on a GPU bfloat16 if nothing else is said."""
    return job.get("precision") or ("bfloat16" if job["device"] == "cuda" else "float32")


def train_reference(config, prepared, job: dict[str, Any], stamps: list) -> None:  # noqa: ANN001
    """Hugging Face Trainer on the same tokens."""
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    cuda, padded = job["device"] == "cuda", job["system"] == "trainer, padded lines"
    tokenizer = prepared.tokenizer
    rows = padded_rows(prepared, config) if padded else full_rows(prepared)
    lengths = [len(row["input_ids"]) for row in rows]
    batch_size = max(1, round(config.batch_tokens / statistics.mean(lengths)))
    model = transformers.BertForMaskedLM._from_config(
        transformers.BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.width,
            num_hidden_layers=config.n_layers,
            num_attention_heads=config.n_heads,
            intermediate_size=config.intermediate,
            max_position_embeddings=LENGTH,
            hidden_dropout_prob=config.dropout,
            attention_probs_dropout_prob=config.dropout,
        ),
        attn_implementation="sdpa",
    )
    seen = [0]
    collate = transformers.DataCollatorForLanguageModeling(tokenizer, mlm_probability=MASKED)

    def counted(examples: list[dict]) -> dict:
        seen[0] += sum(len(example["input_ids"]) for example in examples)
        return collate(examples)

    class Stamps(transformers.TrainerCallback):
        """Notes the time after each step. The loader runs one batch ahead, which the difference of two stamps is not
        changed by."""

        def on_step_end(self, _: object, state: transformers.TrainerState, *__: object, **___: object) -> None:
            if cuda:
                torch.cuda.synchronize()
            # Full rows are counted here: what a loader's own process counts is not heard of.
            stamps.append((time.perf_counter(), seen[0] if padded else state.global_step * batch_size * LENGTH))

    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            folder,
            per_device_train_batch_size=batch_size,
            max_steps=job["steps"],
            learning_rate=config.learning_rate,
            warmup_steps=max(1, job["steps"] // 10),
            weight_decay=config.weight_decay,
            adam_beta2=config.adam_beta2,
            adam_epsilon=config.adam_epsilon,
            optim="adamw_torch_fused",
            max_grad_norm=config.max_grad_norm,
            report_to=[],
            use_cpu=not cuda,
            bf16=precision(job) == "bfloat16",
            save_strategy="no",
            eval_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            dataloader_pin_memory=cuda,
            dataloader_drop_last=True,
            dataloader_num_workers=LOADER_PROCESSES if cuda and not padded else 0,
            torch_compile=job["system"] == COMPILED,
        )
        trainer = transformers.Trainer(
            model, arguments, train_dataset=rows, data_collator=counted, callbacks=[Stamps()]
        )
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()


def full_rows(prepared) -> list[dict]:  # noqa: ANN001
    """All text one after another, cut into full sequences."""
    tokenizer, tokens = prepared.tokenizer, prepared.train.tokens
    inner = LENGTH - 2
    rows = [tokens[i : i + inner] for i in range(0, len(tokens) - inner, inner)]
    return [{"input_ids": [tokenizer.cls_token_id, *row.tolist(), tokenizer.sep_token_id]} for row in rows]


def padded_rows(prepared, config) -> list[dict]:  # noqa: ANN001
    """The sequences that this project cuts, whole sentences of one document; the collator pads them."""
    import numpy as np

    from blurbstudy.pretraining import get_objective

    tokenizer, corpus = prepared.tokenizer, prepared.train
    cut = get_objective("single-sequence").make_sequences(corpus, np.random.default_rng(0), config)
    return [
        {"input_ids": [tokenizer.cls_token_id, *corpus.tokens[a:b].tolist(), tokenizer.sep_token_id]}
        for a, b, _, _ in cut.ranges
    ]


def operations_per_token(config, vocabulary: int) -> float:  # noqa: ANN001
    """Multiplications and additions that the task itself needs, forward and backward: all layers but the last over all
    tokens (attention over a full sequence); of the last, keys and values of all tokens and the rest at masked tokens
    alone, as is the word head.
    """
    width, ahead = config.width, 2 * config.width * config.intermediate
    attention = 2 * LENGTH * width
    layer = 4 * width**2 + ahead + attention
    last = 2 * width**2 + MASKED * (2 * width**2 + ahead + attention)
    head = MASKED * (width**2 + width * vocabulary)
    return 6 * ((config.n_layers - 1) * layer + last + head)


def report(measured: dict, args: argparse.Namespace) -> None:
    """Prints medians and ratios; writes them with every repeat where `--out` names a file."""
    rows = []
    print(f"{args.shape}, {args.device}, {args.threads} threads, {args.steps} steps, median of {args.repeats} repeats")
    print("| dropout | side | tokens/s | of the matrix rate | peak MiB | ours / it |")
    print("| --- " * 6 + "|")
    for dropout, systems in measured.items():
        median = {system: medians(repeats) for system, repeats in systems.items()}
        for system, values in median.items():
            ratio = median["ours"]["tokens_per_second"] / values["tokens_per_second"]
            rows.append({"dropout": dropout, "system": system, "ratio": ratio} | values)
            print(
                f"| {dropout:g} | {system} | {values['tokens_per_second']:.0f} | {100 * values['achieved']:.0f}% | "
                f"{values['peak_mib']:.0f} | {ratio:.2f} |"
            )
    if args.out:
        arguments = {
            name: getattr(args, name) for name in ("shape", "documents", "steps", "repeats", "device", "threads")
        }
        values = {
            "rows": rows,
            "repeats": measured,
            "settings": arguments,
            "versions": measure.environment()["versions"],
        }
        measure.write_json(args.out, values)


if __name__ == "__main__":
    do_job(prepare) if measure.JOB in sys.argv else main()
