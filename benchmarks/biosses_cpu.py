"""Fine-tuning on BIOSSES on a CPU: this project against Hugging Face Trainer, side by side.

    python benchmarks/biosses_cpu.py --encoder DIR --data DIR [--repeats 5] [--runs 2] [--epochs 3] [--out FILE.json]

Both sides make the same runs (seeds, epochs, batch size, rate, dropout, no evaluation in between, test predictions at
the end) on the same cores: the peer one run after the other with all threads, dynamic padding and the fused AdamW;
this project with one process per core, one thread each. Repeats alternate. Timed is training and test prediction,
with each run's model set up; imports and tokenization happen before the clock starts, on both sides. Memory is the
peak of the proportional set size (PSS), summed over a side's processes, loading included. Needs the extra
`benchmark`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

RATE, BATCH, MAX_LENGTH, EPS = 5e-5, 16, 256, 1e-6


def main() -> None:
    """Runs both sides in turn and prints a table of medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--worker", choices=("ours", "trainer"), help=argparse.SUPPRESS)
    parser.add_argument("--seeds", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args)
        return
    cores = len(os.sched_getaffinity(0))
    seeds = list(range(1, args.runs + 1))
    sides = {"trainer": [(seeds, cores)], "ours": [(seeds[i::cores], 1) for i in range(min(cores, args.runs))]}
    measured: dict[str, list[dict]] = {side: [] for side in sides}
    for repeat in range(args.repeats):
        for side in list(sides) if repeat % 2 == 0 else list(reversed(sides)):
            result = run_side(side, sides[side], args)
            measured[side].append(result)
            print(f"repeat {repeat + 1}/{args.repeats} {side:8} {result['seconds']:7.2f} s", file=sys.stderr)
    report(measured, args, cores)


def run_side(side: str, shares: list[tuple[list[int], int]], args: argparse.Namespace) -> dict:
    """Starts a side's processes, lets them go together, and waits for the last."""
    workers = []
    for seeds, threads in shares:
        command = [sys.executable, __file__, "--encoder", args.encoder, "--data", args.data, "--worker", side]
        command += ["--seeds", ",".join(map(str, seeds)), "--threads", str(threads), "--epochs", str(args.epochs)]
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false"}
        workers.append(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        )
    peak = [0]
    stop = threading.Event()
    sampler = threading.Thread(target=sample_memory, args=([w.pid for w in workers], peak, stop), daemon=True)
    sampler.start()
    for worker in workers:
        if worker.stdout.readline().strip() != "ready":
            raise SystemExit(f"{side}: a worker did not start; see its output above")
    began = time.perf_counter()
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    scores = [json.loads(worker.stdout.readline()) for worker in workers]
    seconds = time.perf_counter() - began
    stop.set()
    sampler.join()
    for worker in workers:
        worker.wait()
    return {"seconds": seconds, "peak_mib": peak[0] / 2**20, "test_pearson": sorted(sum(scores, []))}


def sample_memory(pids: list[int], peak: list[int], stop: threading.Event) -> None:
    """Keeps the largest sum of the processes' PSS in `peak[0]`, bytes."""
    import psutil

    processes = [psutil.Process(pid) for pid in pids]
    while not stop.wait(0.5):  # reading PSS costs time on the same cores
        try:
            peak[0] = max(peak[0], sum(process.memory_full_info().pss for process in processes))
        except psutil.Error:
            return


def work(args: argparse.Namespace) -> None:
    """One process of one side: prepares, waits for the word, trains its seeds, prints their test scores."""
    import torch

    torch.set_num_threads(args.threads)
    seeds = [int(seed) for seed in args.seeds.split(",")]
    go = {"ours": prepare_ours, "trainer": prepare_trainer}[args.worker](args, seeds)
    print("ready", flush=True)
    sys.stdin.readline()
    with contextlib.redirect_stdout(sys.stderr):  # Trainer prints its summaries
        scores = go()
    print(json.dumps(scores), flush=True)


def prepare_ours(args: argparse.Namespace, seeds: list[int]):  # noqa: ANN201
    """This project's side: a population of one per process."""
    from blurbstudy.config import Recipe, RunConfig
    from blurbstudy.models import load_checkpoint
    from blurbstudy.tasks import data_fingerprint, get_task
    from blurbstudy.tasks.features import task_features
    from blurbstudy.training import train_population

    task, checkpoint = get_task("BIOSSES"), load_checkpoint(args.encoder)
    tokenizer = checkpoint.tokenizer()
    features = task_features(task, args.data, tokenizer, max_length=MAX_LENGTH, segment_ids="pair")
    recipe = Recipe(
        epochs=args.epochs, learning_rate=RATE, batch_size=BATCH, max_length=MAX_LENGTH, eps=EPS, evaluations=1
    )
    data = data_fingerprint(task, args.data)

    def go() -> list[float]:
        scores = []
        for seed in seeds:
            config = RunConfig(task="BIOSSES", data=data, encoder=checkpoint.fingerprint, recipe=recipe, seed=seed)
            records = train_population([config], features=features, task=task, checkpoint=checkpoint, device="cpu")
            scores.append(records[0].scores["test"])
        return scores

    return go


def prepare_trainer(args: argparse.Namespace, seeds: list[int]):  # noqa: ANN201
    """The peer's side: Trainer with dynamic padding, its tokens the same."""
    import tempfile

    import numpy as np
    import transformers

    from blurbstudy.metrics import score
    from blurbstudy.tasks import get_task, read_task

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    # What Trainer imports only when it is first made must not count.
    with tempfile.TemporaryDirectory() as folder:
        peer = transformers.AutoModelForSequenceClassification.from_pretrained(args.encoder, num_labels=1)
        transformers.Trainer(peer, transformers.TrainingArguments(folder, use_cpu=True, report_to=[]))
        del peer
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.encoder)
    tokenizer.backend_tokenizer.no_truncation()

    def encode(examples) -> list[dict]:  # noqa: ANN001
        texts = list(zip(*(example.texts for example in examples), strict=True))
        encoded = tokenizer(list(texts[0]), list(texts[1]), truncation=True, max_length=MAX_LENGTH)
        return [
            {name: values[i] for name, values in encoded.items()} | {"labels": float(example.label)}
            for i, example in enumerate(examples)
        ]

    splits = {name: encode(examples) for name, examples in read_task(get_task("BIOSSES"), args.data).items()}
    gold = [item["labels"] for item in splits["test"]]

    def go() -> list[float]:
        scores = []
        for seed in seeds:
            transformers.set_seed(seed)
            model = transformers.AutoModelForSequenceClassification.from_pretrained(args.encoder, num_labels=1)
            steps = args.epochs * -(-len(splits["train"]) // BATCH)
            with tempfile.TemporaryDirectory() as folder:
                settings = transformers.TrainingArguments(
                    folder, per_device_train_batch_size=BATCH, per_device_eval_batch_size=BATCH, learning_rate=RATE,
                    num_train_epochs=args.epochs, warmup_steps=-(-steps // 10), weight_decay=0.01, adam_epsilon=EPS,
                    optim="adamw_torch_fused", max_grad_norm=1.0, seed=seed, use_cpu=True, report_to=[],
                    save_strategy="no", eval_strategy="no", logging_strategy="no", disable_tqdm=True,
                    dataloader_pin_memory=False,
                )  # fmt: skip
                trainer = transformers.Trainer(
                    model, settings, train_dataset=splits["train"],
                    data_collator=transformers.DataCollatorWithPadding(tokenizer),
                )  # fmt: skip
                trainer.train()
                predictions = trainer.predict(splits["test"]).predictions
            scores.append(score("pearson", gold, list(np.asarray(predictions).reshape(-1))))
        return scores

    return go


def report(measured: dict[str, list[dict]], args: argparse.Namespace, cores: int) -> None:
    """Prints medians and ratios; writes them with every repeat where `--out` names a file."""
    import torch
    import transformers

    median = {
        side: {name: statistics.median(repeat[name] for repeat in repeats) for name in ("seconds", "peak_mib")}
        for side, repeats in measured.items()
    }
    ratio = {name: median["trainer"][name] / median["ours"][name] for name in ("seconds", "peak_mib")}
    print(f"{args.runs} runs x {args.epochs} epochs of BIOSSES, {cores} cores, median of {args.repeats} repeats")
    print(f"{'side':28} {'seconds':>9} {'peak MiB':>9}")
    print(f"{'Hugging Face Trainer':28} {median['trainer']['seconds']:9.2f} {median['trainer']['peak_mib']:9.0f}")
    print(f"{'blurbstudy':28} {median['ours']['seconds']:9.2f} {median['ours']['peak_mib']:9.0f}")
    print(f"{'ratio (peer / ours)':28} {ratio['seconds']:9.2f} {ratio['peak_mib']:9.2f}")
    if args.out:
        versions = {"torch": torch.__version__, "transformers": transformers.__version__}
        settings = {"runs": args.runs, "epochs": args.epochs, "cores": cores, "batch_size": BATCH, "rate": RATE}
        values = {"median": median, "ratio": ratio, "repeats": measured, "settings": settings, "versions": versions}
        args.out.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
