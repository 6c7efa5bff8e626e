"""Populations on a GPU: this project against Hugging Face Trainer, in one command of under 10 minutes.

    python benchmarks/gpu.py [--data DIR] [--rows biosses bc5 large pretraining] [--budget 540] [--out FILE.json]
    python benchmarks/gpu.py --tiny          the same code at toy size on a CPU, in about a minute

It needs torch, transformers, accelerate, numpy and safetensors, and nothing to be downloaded: encoders have the size
of BASE (110 million parameters) or LARGE (335 million), random weights made on the spot, and a vocabulary made from the
train texts (or --tokenizer DIR). Without --data the text is synthetic too, in BLURB's sizes and lengths. How fast they
learn is what is measured; what they learn says nothing.

This project trains all runs of a row as one population; the reference makes one run after the other, two of them whole,
and the rest is extrapolated from their mean. Both: bfloat16 with float32 weights, batch 16, one prediction of dev (16
examples) and of test at the end. The reference has dynamic padding, sdpa attention and the fused AdamW, predicts 128
sequences at once and is never made to wait for its loss. Each system is a fresh process, warmed up by a few steps that
do not count. The clock starts when tokens lie in memory; the reference's also when its model is built, ours before. A
population that does not fit in the GPU's memory is halved, and the row says so. Pretraining is pretraining.py's
comparison at the size of BASE, also with the reference compiled.

Every result is written as soon as it is there; a row that no longer fits the budget is left out, one that would run
past it is ended.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _path  # noqa: F401
import measure
import pretraining
from inputs import FinetuningSettings, random_encoder, read_inputs
from measure import do_job, log, run_system
from operations import run_operations
from synthetic_text import synthetic_corpus, synthetic_data

from blurbstudy.paths import CACHE_ENV
from blurbstudy.training.memory import is_out_of_memory

RESULTS = Path(__file__).with_suffix(".json")
OURS, REFERENCE = "ours", "Hugging Face Trainer"
OUT_OF_MEMORY = "out of memory"
TASKS = ("BIOSSES", "BC5-chem")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One comparison."""

    title: str
    expected: int  # seconds that it takes on one large GPU, start-up included
    goal: float  # reference's time over ours; of pretraining: share of the matrix rate
    shape: str = "base"
    fitting: FinetuningSettings | None = None  # None: pretraining
    runs: int = 1  # of a population
    reference_runs: int = 2  # that are made; the others are extrapolated


ROWS = {
    "biosses": Row(
        title="20 BIOSSES runs, BASE",
        expected=150,
        goal=15,
        runs=20,
        fitting=FinetuningSettings(task="BIOSSES", epochs=100, max_length=256, precision="bfloat16"),
    ),
    "bc5": Row(
        title="5 BC5-chem runs, BASE",
        expected=120,
        goal=4,
        runs=5,
        fitting=FinetuningSettings(task="BC5-chem", epochs=1, max_length=256, precision="bfloat16"),
    ),
    "large": Row(
        title="8 BIOSSES runs, LARGE",
        expected=130,
        goal=8,
        runs=8,
        shape="large",
        fitting=FinetuningSettings(task="BIOSSES", epochs=20, max_length=256, precision="bfloat16"),
    ),
    "pretraining": Row(title="pretraining on masked words, BASE", expected=140, goal=0.4),
}
PRETRAINING_STEPS = 30


def main() -> None:
    """Measures the rows one after another; writes and prints what it found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the BLURB datasets; none: synthetic text of their sizes and lengths")
    parser.add_argument("--tokenizer", type=Path, help="folder of a tokenizer; none: a vocabulary made on the spot")
    parser.add_argument("--corpus", type=Path, help="text to pretrain on (JSONL with sentences); none: synthetic words")
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=list(ROWS), metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--budget", type=float, default=540, help="seconds for all")
    parser.add_argument("--tiny", action="store_true", help="a rehearsal at toy size on a CPU")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    ends = time.monotonic() + args.budget
    args.device = "cpu" if args.tiny else "cuda"
    if not args.tiny:
        import torch

        if not torch.cuda.is_available():
            parser.error("torch sees no CUDA device here; --tiny rehearses the same code on a CPU")
    results = {"settings": {"tiny": args.tiny, "device": args.device, "budget": args.budget}, "rows": {}}
    results["environment"] = measure.environment()
    # The cache holds the pretraining text's tokens, and is gone afterwards.
    with tempfile.TemporaryDirectory() as folder, measure.environment_variable(CACHE_ENV, folder):
        if args.data is None:
            args.data = str(synthetic_data(Path(folder) / "data"))
        for name in args.rows:
            row = toy(ROWS[name]) if args.tiny else ROWS[name]
            item = results["rows"][name] = {"title": row.title, "goal": row.goal, "systems": {}}
            left = ends - time.monotonic()
            if left < row.expected:
                item["left_out"] = f"{left:.0f} s were left, {row.expected} are expected"
                log(f"{row.title}: left out, {item['left_out']}")
            for system, measured in (
                measure_systems(name, row, args, Path(folder), ends) if "left_out" not in item else ()
            ):
                item["systems"][system] = measured
                conclude(item, row)
                measure.write_json(args.out, results)
                log(f"{row.title}: {system}: {describe(measured)}")
            measure.write_json(args.out, results)
    print("\n".join(table(results)))


def toy(row: Row) -> Row:
    """The row at toy size."""
    fitting = row.fitting and dataclasses.replace(row.fitting, epochs=2, share=0.05, max_length=64)
    return dataclasses.replace(row, shape="tiny", fitting=fitting, runs=min(row.runs, 3), reference_runs=1, expected=1)


def measure_systems(
    name: str, row: Row, args: argparse.Namespace, folder: Path, ends: float
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(system, what was measured or why nothing was), one after another."""
    for system, attempts in systems(name, row, args, folder).items():
        measured = {"failed": "no time was left"}
        for job in attempts:
            left = ends - time.monotonic()
            if left < 1:
                break
            try:
                answer = run_system(program(row), [job], timeout=left)
            except RuntimeError as error:
                measured = {"failed": str(error)}
                continue
            measured = {k: v for k, v in answer.items() if k != "answers"} | answer["answers"][0]
            measured["attempt"] = {k: job[k] for k in ("members", "micro_batch_tokens") if k in job}
            if "failed" not in measured:
                break
        yield system, measured


def program(row: Row) -> str:
    """Which file does the row's jobs."""
    return __file__ if row.fitting else pretraining.__file__


def systems(name: str, row: Row, args: argparse.Namespace, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Side -> jobs: if the first does not go through, the next is tried."""
    shared = {"device": args.device, "threads": 1 if args.tiny else measure.cores()}
    if row.fitting is None:
        shared |= {"corpus": str(args.corpus or corpus_file(folder / "text.jsonl", tiny=args.tiny)), "dropout": 0.1}
        shared |= {"shape": row.shape, "steps": 8 if args.tiny else PRETRAINING_STEPS, "precision": "bfloat16"}
        tokens = pretraining.SHAPES[row.shape]["batch_tokens"]
        ours = [shared | {"system": "ours", "micro_batch_tokens": tokens // parts} for parts in (1, 2, 4)]
        results = {OURS: ours, REFERENCE: [shared | {"system": "trainer"}]}
        return (
            results if args.tiny else results | {f"{REFERENCE}, compiled": [shared | {"system": pretraining.COMPILED}]}
        )
    encoder = folder / row.shape
    if not encoder.exists():
        random_encoder(encoder, row.shape, data=args.data, tasks=TASKS, tokenizer=args.tokenizer)
    shared |= {"fitting": dataclasses.asdict(row.fitting), "encoder": str(encoder), "data": args.data}
    members = [row.runs]
    while members[-1] > 1:
        members.append(-(-members[-1] // 2))
    ours = [shared | {"system": "ours", "seeds": list(range(1, row.runs + 1)), "members": count} for count in members]
    return {OURS: ours, REFERENCE: [shared | {"system": "reference", "seeds": list(range(1, row.reference_runs + 1))}]}


def corpus_file(path: Path, *, tiny: bool) -> Path:
    """Invented text to pretrain on."""
    return synthetic_corpus(path, **({"words": 400, "documents": 200} if tiny else {}))


def conclude(item: dict[str, Any], row: Row) -> None:
    """The row's result, as far as its systems are there."""
    ours, theirs = (item["systems"].get(system, {}) for system in (OURS, REFERENCE))
    if row.fitting is None:
        measured = {
            system: each["tokens_per_second"] for system, each in item["systems"].items() if "tokens_per_second" in each
        }
        if OURS in measured:
            item["ratios"] = {system: measured[OURS] / value for system, value in measured.items() if system != OURS}
        return
    if "runs" in theirs:
        item["peer_seconds"] = row.runs * statistics.mean(theirs["runs"])  # extrapolated from the runs that were made
    if "runs" in ours:
        item["our_seconds"] = sum(ours["runs"])
        item["members"] = ours["attempt"]["members"]
        item["mib_per_member"] = ours["device_mib"] / item["members"]
    if "runs" in ours and "runs" in theirs:
        item["ratios"] = {REFERENCE: item["peer_seconds"] / item["our_seconds"]}


def describe(measured: dict[str, Any]) -> str:
    """One line on per system."""
    if "failed" in measured:
        return measured["failed"]
    if "tokens_per_second" in measured:
        return f"{measured['tokens_per_second']:.0f} tokens/s, {100 * measured['achieved']:.0f}% of the matrix rate"
    return f"{', '.join(f'{seconds:.2f}' for seconds in measured['runs'])} s"


def table(results: dict[str, Any]) -> list[str]:
    """Markdown."""
    where = results["environment"]
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    heads = ["row", "system", "speed", "peer / ours", "goal", "of the matrix rate", "GPU memory MiB"]
    lines = [f"{where['gpu']}, {versions}", "", f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for row in results["rows"].values():
        if "left_out" in row:
            lines.append(f"| {row['title']} | left out: {row['left_out']} | | | {row['goal']:g} | | |")
        for system, measured in row["systems"].items():
            ours = system == OURS
            cells = [row["title"] if ours else "", system]
            if "failed" in measured:
                cells += [measured["failed"], "", "", "", ""]
            else:
                cells += [
                    speed(row, system, measured),
                    "" if ours else f"{row['ratios'][system]:.1f}" if "ratios" in row else "",
                ]
                cells += [f"{row['goal']:g}" if ours else "", f"{100 * measured['achieved']:.0f}%"]
                memory = f"{measured['device_mib']:.0f}"
                cells.append(
                    f"{memory} ({row['mib_per_member']:.0f} a member)" if "mib_per_member" in row and ours else memory
                )
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def speed(row: dict[str, Any], system: str, measured: dict[str, Any]) -> str:
    """For the table."""
    if "tokens_per_second" in measured:
        parts = measured["attempt"].get("micro_batch_tokens")
        return f"{measured['tokens_per_second']:.0f} tokens/s" + (f", {parts} at once" if parts else "")
    sequences, tokens = measured["sequences_and_tokens"]["train"]
    if system == OURS:
        text = f"{sequences} sequences of {tokens / sequences:.0f} sub-words in train"
        return f"{row['our_seconds']:.1f} s, {row['members']} members at once; {text}"
    return f"{row['peer_seconds']:.1f} s, extrapolated from {len(measured['runs'])}"


# What a process does


def prepare(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """By the job's system; warmed up."""
    inputs = read_inputs(FinetuningSettings(**job["fitting"]), encoder=job["encoder"], data=job["data"])
    architecture = inputs.checkpoint.architecture
    needed = run_operations(architecture, inputs.features, epochs=inputs.fitting.epochs, **inputs.shape)
    train = our_runs if job["system"] == "ours" else reference_runs

    def go() -> dict[str, Any]:
        runs, scores, device_bytes = train(inputs, job)
        rate = measure.matrix_rate(job["device"], size=512 if job["device"] == "cpu" else 0)
        return {
            "seconds": runs,
            "runs": runs,
            "scores": scores,
            "matrix_rate": rate,
            "operations_per_run": needed,
            "achieved": needed * len(scores) / sum(runs) / rate,
            "device_mib": device_bytes / 2**20,
            "sequences_and_tokens": {
                split: [len(features), int(features.lengths.sum())] for split, features in inputs.features.items()
            },
        }

    try:
        train(dataclasses.replace(inputs, fitting=dataclasses.replace(inputs.fitting, epochs=0.01)), job)
        return catch_out_of_memory(go)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return lambda: {"seconds": [0.0], "failed": OUT_OF_MEMORY}


def catch_out_of_memory(go: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    """The same, but for memory that does not suffice: that is a result."""

    def run() -> dict[str, Any]:
        try:
            return go()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return {"seconds": [0.0], "failed": OUT_OF_MEMORY}

    return run


def our_runs(inputs, job: dict[str, Any]) -> tuple[list[float], list[float | None], float]:  # noqa: ANN001
    """(seconds of each population, test scores of all runs, most bytes of the GPU that one took)."""
    from blurbstudy.training.trainer import train_population

    seconds, scores, peaks = [], [], [0]
    for first in range(0, len(job["seeds"]), job["members"]):
        began = time.perf_counter()
        records = train_population(
            [inputs.config(seed) for seed in job["seeds"][first : first + job["members"]]],
            features=inputs.features,
            task=inputs.task,
            checkpoint=inputs.checkpoint,
            device=job["device"],
        )
        seconds.append(time.perf_counter() - began)
        scores += [record.scores["test"] for record in records]
        peaks += [record.peak_bytes for record in records if job["device"] != "cpu"]
    return seconds, scores, max(peaks)


def reference_runs(inputs, job: dict[str, Any]) -> tuple[list[float], list[float | None], float]:  # noqa: ANN001
    """(seconds of each run, their test scores, most bytes of the GPU)."""
    import reference

    reference.import_all()
    runs = [reference.fine_tune(inputs, seed=seed, device=job["device"]) for seed in job["seeds"]]
    return (
        [run["seconds"] for run in runs],
        [run["scores"]["test"] for run in runs],
        2**20 * measure.device_mib(job["device"]),
    )


if __name__ == "__main__":
    do_job(prepare) if measure.JOB in sys.argv else main()
