"""Pretraining on masked words: tokens a second, this project against Hugging Face Trainer, side by side.

    python benchmarks/pretraining.py --corpus FILE [--documents 3000] [--steps 40] [--repeats 3] [--out FILE.json]

Both sides train the same model from scratch (BERT, 15% of single tokens masked, one segment) on the same tokens of the
same text, with as many of them per optimizer step, AdamW and clipping. The peer is Trainer with
DataCollatorForLanguageModeling at its best: text grouped to full blocks, so without padding (as its run_mlm.py does),
or, in a row of its own, one chunk of sentences a line, padded to the longest of a batch; sdpa attention, fused AdamW,
no logging, saving or scoring. Each measurement is a fresh process; the first steps are not counted; repeats alternate.
Text is read before the clock starts. Tokens are counted without padding. The machine's own matrix rate is measured in
the same processes, and what each side reaches of it is said. Needs the extra `benchmark`.

On a GPU: --device cuda --shape base (bfloat16).
"""

from __future__ import annotations

import argparse
import gzip
import json
import lzma
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

SHAPES = {  # of the encoder, as in the configurations of these names, and tokens per optimizer step
    "tiny": {"n_layers": 2, "width": 64, "n_heads": 2, "intermediate": 256, "vocab_size": 1500, "batch_tokens": 1024},
    "small": {"n_layers": 4, "width": 256, "n_heads": 4, "intermediate": 1024, "vocab_size": 8192,
              "batch_tokens": 4096},
    "base": {"n_layers": 12, "width": 768, "n_heads": 12, "intermediate": 3072, "vocab_size": 30522,
             "batch_tokens": 65536},
}  # fmt: skip
LENGTH, MASKED, WARMUP_STEPS = 128, 0.15, 5
SIDES = ("ours", "trainer", "trainer, padded lines")


def main() -> None:
    """Runs the sides in turn and prints a table of medians and ratios."""
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
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--worker", choices=SIDES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args)
        return
    measured: dict[float, dict[str, list[dict]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BLURBSTUDY_CACHE"] = folder
        text = excerpt(args.corpus, args.documents, Path(folder) / "text.jsonl")
        for repeat in range(args.repeats):
            for dropout in args.dropout:
                for side in SIDES if repeat % 2 == 0 else reversed(SIDES):
                    found = run_side(side, text, dropout, args)
                    measured.setdefault(dropout, {name: [] for name in SIDES})[side].append(found)
                    print(f"repeat {repeat + 1}/{args.repeats} dropout {dropout:g} {side:22} "
                          f"{found['tokens_per_second']:9.0f} tokens/s", file=sys.stderr, flush=True)  # fmt: skip
    report(measured, args)


def excerpt(corpus: Path, documents: int, out: Path) -> Path:
    """The first lines of a corpus."""
    opener = {".xz": lzma.open, ".gz": gzip.open}.get(corpus.suffix, open)
    with opener(corpus, "rt", encoding="utf-8") as lines, out.open("w", encoding="utf-8") as stream:
        for _, line in zip(range(documents), lines, strict=False):
            stream.write(line)
    return out


def run_side(side: str, text: Path, dropout: float, args: argparse.Namespace) -> dict:
    """One measurement in a fresh process."""
    command = [sys.executable, __file__, "--corpus", str(text), "--worker", side, "--shape", args.shape]
    command += ["--dropout", str(dropout), "--steps", str(args.steps), "--threads", str(args.threads)]
    environment = os.environ | {"OMP_NUM_THREADS": str(args.threads), "TOKENIZERS_PARALLELISM": "false"}
    process = subprocess.Popen([*command, "--device", args.device], stdout=subprocess.PIPE, text=True, env=environment)
    peak, stop = [0], threading.Event()
    sampler = threading.Thread(target=sample_memory, args=(process.pid, peak, stop), daemon=True)
    sampler.start()
    told = process.stdout.read()
    stop.set()
    sampler.join()
    if process.wait():
        raise SystemExit(f"{side}: the process failed; see its output above")
    return json.loads(told.splitlines()[-1]) | {"peak_mib": peak[0] / 2**20}


def sample_memory(pid: int, peak: list[int], stop: threading.Event) -> None:
    """Keeps the largest PSS in `peak[0]`, bytes."""
    import psutil

    while not stop.wait(0.5):  # reading PSS costs time on the same cores
        try:
            peak[0] = max(peak[0], psutil.Process(pid).memory_full_info().pss)
        except psutil.Error:
            return


def work(args: argparse.Namespace) -> None:
    """One side: trains, and prints tokens a second between the warm-up steps and the last."""
    import torch

    torch.set_num_threads(args.threads)
    config, prepared = settings(args)
    stamps: list[tuple[float, int]] = []  # at the end of each step: time, tokens seen
    if args.worker == "ours":
        train_ours(config, args, stamps)
    else:
        train_peer(config, prepared, args, stamps, padded=args.worker != "trainer")
    (began, before), (ended, seen) = stamps[WARMUP_STEPS - 1], stamps[-1]
    rate = matrix_rate(args.device)
    speed = (seen - before) / (ended - began)
    operations = operations_per_token(config, len(prepared.tokenizer))
    print(json.dumps({"tokens_per_second": speed, "tokens_per_step": (seen - before) / (len(stamps) - WARMUP_STEPS),
                      "matrix_rate": rate, "achieved": speed * operations / rate,
                      "vocabulary": len(prepared.tokenizer)}))  # fmt: skip


def settings(args: argparse.Namespace):  # noqa: ANN201
    """(configuration, text with its tokens); made once and kept in the cache."""
    from blurbstudy.pretraining import pretraining_config
    from blurbstudy.pretraining.corpus import as_corpus
    from blurbstudy.pretraining.prepared import prepared_text

    config = pretraining_config(
        SHAPES[args.shape]
        | {
            "max_positions": LENGTH,
            "max_length": LENGTH,
            "batch_size": 1,
            "steps": args.steps + 1,
            "dropout": args.dropout[0],
        }
        | {"learning_rate": 1e-4, "mask_rate": MASKED, "whole_word": False, "evaluations": 1, "held_out_sequences": 1}
    )
    return config, prepared_text(as_corpus(args.corpus), vocabulary=config.vocab_size, held_out=config.held_out)


def train_ours(config, args: argparse.Namespace, stamps: list) -> None:  # noqa: ANN001
    """This project's loop, as its command runs it; the last step, which scores, is not counted."""
    from blurbstudy.pretraining import Conduct, get_objective, pretrain

    def told(step: int, steps: int, tokens: int) -> None:
        if step < steps:
            stamps.append((time.perf_counter(), tokens))

    with tempfile.TemporaryDirectory() as out:
        pretrain(
            get_objective("single-sequence"), config, corpus=args.corpus, out=Path(out), on_progress=told,
            precision="bfloat16" if args.device == "cuda" else "float32", conduct=Conduct(device=args.device),
        )  # fmt: skip


def train_peer(config, prepared, args: argparse.Namespace, stamps: list, *, padded: bool) -> None:  # noqa: ANN001
    """Hugging Face Trainer on the same tokens."""
    import transformers

    transformers.logging.set_verbosity_error()
    tokenizer = prepared.tokenizer
    rows = padded_rows(prepared, config) if padded else full_rows(prepared)
    lengths = [len(row["input_ids"]) for row in rows]
    batch_size = max(1, round(config.batch_tokens / statistics.mean(lengths)))
    model = transformers.BertForMaskedLM._from_config(
        transformers.BertConfig(
            vocab_size=len(tokenizer), hidden_size=config.width, num_hidden_layers=config.n_layers,
            num_attention_heads=config.n_heads, intermediate_size=config.intermediate,
            max_position_embeddings=LENGTH, hidden_dropout_prob=config.dropout,
            attention_probs_dropout_prob=config.dropout,
        ),
        attn_implementation="sdpa",
    )  # fmt: skip
    seen = [0]
    collate = transformers.DataCollatorForLanguageModeling(tokenizer, mlm_probability=MASKED)

    def counted(examples: list[dict]) -> dict:
        seen[0] += sum(len(example["input_ids"]) for example in examples)
        return collate(examples)

    class Stamps(transformers.TrainerCallback):
        """Notes the time after each step. The loader runs one batch ahead, which the difference of two stamps is not
        changed by."""

        def on_step_end(self, *_: object, **__: object) -> None:
            stamps.append((time.perf_counter(), seen[0]))

    with tempfile.TemporaryDirectory() as folder:
        given = transformers.TrainingArguments(
            folder, per_device_train_batch_size=batch_size, max_steps=args.steps, learning_rate=config.learning_rate,
            warmup_steps=max(1, args.steps // 10), weight_decay=config.weight_decay, adam_beta2=config.beta2,
            adam_epsilon=config.eps, optim="adamw_torch_fused", max_grad_norm=config.clip, report_to=[],
            use_cpu=args.device == "cpu", bf16=args.device == "cuda", save_strategy="no", eval_strategy="no",
            logging_strategy="no", disable_tqdm=True, dataloader_pin_memory=args.device == "cuda",
        )  # fmt: skip
        trainer = transformers.Trainer(model, given, train_dataset=rows, data_collator=counted, callbacks=[Stamps()])
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
    cut = get_objective("single-sequence").sequences(corpus, np.random.default_rng(0), config=config)
    return [
        {"input_ids": [tokenizer.cls_token_id, *corpus.tokens[a:b].tolist(), tokenizer.sep_token_id]}
        for a, b, _, _ in cut.ranges
    ]


def matrix_rate(device: str) -> float:
    """Operations a second of a large matrix product (float32 on a CPU, by the faster of its libraries; bfloat16 on a
    GPU), the best of several.
    """
    import torch

    from blurbstudy.models.dense import dense

    size, dtype = (8192, torch.bfloat16) if device == "cuda" else (1536, torch.float32)
    a = torch.randn(size, size, dtype=dtype, device=device)
    nothing = torch.zeros(size, dtype=dtype, device=device)
    best = float("inf")
    for product in (lambda: a @ a, lambda: dense(a, a, nothing)):
        for _ in range(8):
            if device == "cuda":
                torch.cuda.synchronize()
            began = time.perf_counter()
            product().sum().item()
            best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best


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
    import torch
    import transformers

    rows = []
    print(f"{args.shape}, {args.device}, {args.threads} threads, {args.steps} steps, median of {args.repeats} repeats")
    print("| dropout | side | tokens/s | of the matrix rate | peak MiB | ours / it |")
    print("| --- " * 6 + "|")
    for dropout, sides in measured.items():
        median = {side: {name: statistics.median(one[name] for one in repeats) for name in repeats[0]}
                  for side, repeats in sides.items()}  # fmt: skip
        for side, values in median.items():
            ratio = median["ours"]["tokens_per_second"] / values["tokens_per_second"]
            rows.append({"dropout": dropout, "side": side, "ratio": ratio} | values)
            print(f"| {dropout:g} | {side} | {values['tokens_per_second']:.0f} | {100 * values['achieved']:.0f}% | "
                  f"{values['peak_mib']:.0f} | {ratio:.2f} |")  # fmt: skip
    if args.out:
        versions = {"torch": torch.__version__, "transformers": transformers.__version__}
        given = {name: getattr(args, name) for name in ("shape", "documents", "steps", "repeats", "device", "threads")}
        values = {"rows": rows, "repeats": measured, "settings": given, "versions": versions}
        args.out.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
