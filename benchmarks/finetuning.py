"""Fine-tuning and prediction on a CPU: this project against Hugging Face Trainer, side by side, a row per goal.

    python benchmarks/finetuning.py --encoder DIR --data DIR [--rows biosses bc5 ...] [--repeats 3] [--share S]

Both systems make the same runs: encoder, sub-words, recipe (batch 16, rate 5e-5, dropout 0.1, warm-up 10%, clipping 1),
epochs, one prediction of dev (16 examples) and of test at the end; the order of the data is each system's own. The
reference makes one run after the other, with dynamic padding and the fused AdamW, with the number of threads and the
attention that were fastest in a short piece before. This project takes a process of one thread per core, as its engine
does, and one process alone beside. Repeats alternate, each in fresh processes.

The clock: tokenization and imports are outside on both systems. The reference's starts when model and Trainer are
built; ours also holds the building of the model, from weights in memory. Both end with the predictions of test. In the
rows of prediction the clock runs from texts in memory to labels, tokenization included, and the reference is the faster
of Trainer.predict and transformers' pipeline, with its best batch size. `whole` is from the start of the processes to
their end, imports, tokenization and reading the encoder included.

Long rows take a share of train and test, the same sequences on both systems; the table says which. Memory is the peak
of the proportional set size (PSS) summed over a system's processes, loading included. The rate reached is counted
operations (operations.py) over the machine's own rate of a large float32 product, measured with each repeat, with one
thread or all. Needs the extra `benchmark`.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import finetuning_workers
import measure
from inputs import BenchmarkInputs, FinetuningSettings, random_encoder, read_inputs
from measure import cores, log, medians, run_system
from operations import operations, run_operations

RESULTS = Path(__file__).with_suffix(".json")
REFERENCE = "Hugging Face Trainer"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One comparison."""

    title: str
    fitting: FinetuningSettings
    runs: int  # of the reference, and of this project with a process per core
    goal: float  # reference's time over ours
    predicts: bool = False  # prediction alone
    half_frozen: bool = False


ROWS = {
    "biosses": Row(
        title="BIOSSES", fitting=FinetuningSettings(task="BIOSSES", epochs=5, max_length=256), runs=4, goal=2.0
    ),
    "bc5": Row(
        title="BC5-chem",
        fitting=FinetuningSettings(task="BC5-chem", epochs=1, max_length=256, share=0.2),
        runs=2,
        goal=2.5,
    ),
    "pubmedqa": Row(
        title="PubMedQA",
        fitting=FinetuningSettings(task="PubMedQA", epochs=1, max_length=512, share=0.25),
        runs=2,
        goal=1.6,
    ),
    "frozen": Row(
        title="BIOSSES, lower half frozen",
        fitting=FinetuningSettings(task="BIOSSES", epochs=5, max_length=256),
        runs=4,
        goal=2.0,
        half_frozen=True,
    ),
    "predict-bc5": Row(
        title="prediction, BC5-chem",
        fitting=FinetuningSettings(task="BC5-chem", epochs=1, max_length=256, share=0.5),
        runs=2,
        goal=2.0,
        predicts=True,
    ),
    "predict-pubmedqa": Row(
        title="prediction, PubMedQA",
        fitting=FinetuningSettings(task="PubMedQA", epochs=1, max_length=512, share=0.5),
        runs=2,
        goal=2.0,
        predicts=True,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Setup:
    """How this project makes a row's runs."""

    name: str
    processes: int
    threads: int  # of each
    runs: int


def main() -> None:
    """Measures the rows one after another; writes and prints what it found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", type=Path, help="checkpoint directory")
    parser.add_argument("--data", help="folder of the BLURB datasets, or mini")
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=list(ROWS), metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--share", type=float, help="of train and test in the rows that take a share")
    parser.add_argument(
        "--grouped", action="store_true", help="also the reference with batches of similar length, for information"
    )
    parser.add_argument("--tiny", action="store_true", help="a rehearsal: generated data, a tiny untrained encoder")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    if not args.tiny and not (args.encoder and args.data):
        parser.error("name --encoder DIR and --data DIR (or --tiny for a rehearsal)")
    with tempfile.TemporaryDirectory() as folder:
        if args.tiny or args.data == "mini":
            from blurbstudy.tasks.mini_blurb import mini_blurb_folder

            args.data = str(mini_blurb_folder().resolve())
        if args.tiny:
            args.encoder = random_encoder(Path(folder), "tiny", data=args.data, tasks=("BIOSSES", "BC5-chem"))
        results = {"settings": {"repeats": args.repeats, "tiny": args.tiny}, "environment": measure.environment()}
        results["rows"] = {}
        for name in args.rows:
            results["rows"][name] = compare(name, chosen_row(name, args), args)
            measure.write_json(args.out, results)
    print("\n".join(table(results)))


def chosen_row(name: str, args: argparse.Namespace) -> Row:
    """A row with the settings of the command line."""
    row = ROWS[name]
    fitting = row.fitting
    if args.share and fitting.share < 1:
        fitting = dataclasses.replace(fitting, share=args.share)
    if args.tiny:
        fitting = dataclasses.replace(fitting, epochs=1, share=0.25, max_length=128)
        row = dataclasses.replace(row, runs=2)
    if row.half_frozen:
        from blurbstudy.models import read_architecture

        fitting = dataclasses.replace(fitting, frozen=read_architecture(args.encoder).n_layers // 2)
    return dataclasses.replace(row, fitting=fitting)


def setups(row: Row) -> list[Setup]:
    """A process of one thread per core first: what several runs take. Then one process: for memory, and for one run."""
    count = min(cores(), row.runs)
    several = Setup(name=f"{count} processes of one thread", processes=count, threads=1, runs=row.runs)
    if row.fitting.task == "BIOSSES":
        return [several, Setup(name="one process of one thread", processes=1, threads=1, runs=min(2, row.runs))]
    return [several, Setup(name=f"one run, {cores()} threads", processes=1, threads=cores(), runs=1)]


def compare(name: str, row: Row, args: argparse.Namespace) -> dict[str, Any]:
    """Measures one row."""
    inputs = read_inputs(row.fitting, encoder=args.encoder, data=args.data)
    shared = {"fitting": dataclasses.asdict(row.fitting), "encoder": str(args.encoder), "data": str(args.data)}
    shared |= {"predicts": row.predicts}
    reference = try_settings(row, shared, tiny=args.tiny)
    log(f"{row.title}: the reference's best of a short piece: {reference['chosen']}")
    minutes = args.repeats * expected_seconds(row, inputs, reference["piece_seconds"]) / 60
    log(f"{row.title}: about {minutes:.0f} minutes for {args.repeats} repeats")
    reference_job = shared | reference["chosen"] | {"system": "reference", "seeds": list(range(1, row.runs + 1))}
    systems: dict[str, list[dict]] = {REFERENCE: [reference_job]}
    if args.grouped and not row.predicts:
        systems[f"{REFERENCE}, grouped by length"] = [reference_job | {"grouped": True}]
    for setup in setups(row):
        seeds = list(range(1, setup.runs + 1))
        jobs = [
            {"system": "ours", "threads": setup.threads, "seeds": seeds[i :: setup.processes]}
            for i in range(setup.processes)
        ]
        systems[setup.name] = [shared | job for job in jobs]
    repeats: dict[str, list[dict]] = {system: [] for system in systems}
    rates: list[dict[str, float]] = []
    began = time.perf_counter()
    for repeat in range(args.repeats):
        rates.append(
            run_system(finetuning_workers.__file__, [{"system": "rates", "threads": cores()}])["answers"][0]["rates"]
        )
        for system in list(systems) if repeat % 2 == 0 else list(reversed(systems)):
            repeats[system].append(run_system(finetuning_workers.__file__, systems[system]))
            log(f"{row.title}: repeat {repeat + 1} of {args.repeats}, {system}: {repeats[system][-1]['seconds']:.2f} s")
        left = (time.perf_counter() - began) / (repeat + 1) * (args.repeats - repeat - 1)
        log(f"{row.title}: about {left / 60:.1f} minutes left of this row")
    results = summary(name, row, inputs, reference, repeats, medians(rates))
    if not row.predicts:
        job = shared | {"system": "profile", "threads": 1, "seeds": [1]}
        results["where_time_goes"] = run_system(finetuning_workers.__file__, [job])["answers"][0]["shares"]
    return results


def try_settings(row: Row, shared: dict[str, Any], *, tiny: bool) -> dict[str, Any]:
    """The reference's settings on a short piece: all that were tried, in seconds, and the fastest."""
    answer = run_system(finetuning_workers.__file__, [shared | {"system": "trials", "threads": cores(), "few": tiny}])[
        "answers"
    ][0]
    best = min(answer["trials"], key=lambda trial: trial["piece_seconds"])
    chosen = {name: value for name, value in best.items() if name != "piece_seconds"}
    return {"chosen": chosen, "piece_seconds": best["piece_seconds"], "trials": answer["trials"]}


def expected_seconds(row: Row, inputs: BenchmarkInputs, piece: float) -> float:
    """Roughly of one repeat, from the reference's short piece, with this project as fast as the goal says.

    Args:
        piece: seconds of a step, or of the piece of test that was predicted.
    """
    tokens = inputs.features["test"].lengths.sum()
    run = piece * (max(1.0, tokens / finetuning_workers.PIECE) if row.predicts else inputs.steps)
    ours = sum(setup.runs * run / row.goal * cores() / (setup.processes * setup.threads) for setup in setups(row))
    return row.runs * run + ours + 10 * (1 + len(setups(row)))  # each system starts for some seconds


def summary(
    name: str,
    row: Row,
    inputs: BenchmarkInputs,
    reference: dict[str, Any],
    repeats: dict[str, list[dict]],
    rates: dict[str, float],
) -> dict[str, Any]:
    """Medians, ratios and the share of the machine's rate of every system."""
    architecture, splits = inputs.checkpoint.architecture, inputs.features
    if row.predicts:
        needed = operations(architecture, splits["test"], **inputs.shape, train=False)
    else:
        needed = run_operations(
            architecture, splits, epochs=row.fitting.epochs, **inputs.shape, frozen=row.fitting.frozen
        )
    systems = {setup.name: (setup.processes, setup.threads, setup.runs) for setup in setups(row)}
    results = {}
    for system, item in repeats.items():
        processes, threads, runs = systems.get(system, (1, reference["chosen"]["threads"], row.runs))
        rate = rates["one_thread" if processes * threads == 1 else "all_cores"]
        median = medians(item)
        results[system] = {
            "processes": processes,
            "threads": threads,
            "runs": runs,
            "median": median,
            "seconds_per_run": median["seconds"] / runs,
            "share_of_rate": needed * runs / median["seconds"] / rate,
            "scores": sum((answer.get("scores", []) for answer in item[0]["answers"]), []),
            "repeats": [{k: v for k, v in repeat.items() if k != "answers"} for repeat in item],
        }
    theirs = results[REFERENCE]
    for item in results.values():
        item["ratio"] = theirs["seconds_per_run"] / item["seconds_per_run"]
        item["memory_ratio"] = measure.ratio(item["median"]["peak_mib"], theirs["median"]["peak_mib"])
    lengths = {split: [len(features), int(features.lengths.sum())] for split, features in splits.items()}
    found_row = {
        "title": row.title,
        "goal": row.goal,
        "fitting": dataclasses.asdict(inputs.fitting),
        "runs": row.runs,
        "sequences_and_tokens": lengths,
        "steps": inputs.steps,
        "operations_per_run": needed,
        "rates": rates,
        "reference": reference,
        "systems": results,
    }
    if row.predicts:
        found_row["same_predictions"] = same_predictions(repeats, setups(row)[0].name)
    return found_row


def same_predictions(repeats: dict[str, list[dict]], ours: str) -> float | None:
    """Fraction of test examples with the same label from both systems, given the same head; None: not comparable."""
    theirs, mine = repeats[REFERENCE][0]["answers"], repeats[ours][0]["answers"]
    labels = {answer["seeds"][0]: answer["labels"] for answer in mine}
    expected = theirs[0]["labels"]
    if expected is None:
        return None
    return sum(a == b for a, b in zip(labels[1], expected, strict=True)) / len(expected)


def table(results: dict[str, Any]) -> list[str]:
    """Markdown."""
    where = results["environment"]
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    lines = [
        f"{where['cores']} cores ({where['processor']}), {versions}; median of {results['settings']['repeats']}",
        "",
    ]
    heads = ["row", "system", "runs", "s a run", "peer / ours", "goal", "of the matrix rate", "peak MiB", "ours / peer"]
    lines += [f"| {' | '.join([*heads, 'whole s'])} |", "| --- " * (len(heads) + 1) + "|"]
    for row in results["rows"].values():
        fitting = row["fitting"]
        train, test = (row["sequences_and_tokens"][split] for split in ("train", "test"))
        share = f", {100 * fitting['share']:.0f}% of it" if fitting["share"] < 1 else ""
        what = (
            f"{test[0]} sequences"
            if row["title"].startswith("prediction")
            else (f"{train[0]} sequences x {fitting['epochs']:g} epochs")
        )
        for number, (system, item) in enumerate(row["systems"].items()):
            reference = system.startswith(REFERENCE)
            chosen = ", ".join(f"{name} {value}" for name, value in row["reference"]["chosen"].items())
            cells = [
                f"{row['title']}{share}: {what}" if not number else "",
                f"{system} ({chosen})" if reference else system,
                f"{item['runs']}",
                f"{item['seconds_per_run']:.2f}",
                "" if system == REFERENCE else f"{item['ratio']:.2f}",
                f"{row['goal']:g}" if number == list(row["systems"]).index(first_setup(row)) else "",
                f"{100 * item['share_of_rate']:.0f}%",
                f"{item['median']['peak_mib']:.0f}" if item["memory_ratio"] else "not told",
                "" if system == REFERENCE or not item["memory_ratio"] else f"{item['memory_ratio']:.2f}",
                f"{item['median']['whole_seconds']:.1f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "| row | one thread, all cores: 10^9 operations/s | where this project's time goes |",
        "| --- " * 3 + "|",
    ]
    for row in results["rows"].values():
        shares = ", ".join(f"{kind} {100 * share:.0f}%" for kind, share in row.get("where_time_goes", {}).items())
        rates = f"{row['rates']['one_thread'] / 1e9:.0f}, {row['rates']['all_cores'] / 1e9:.0f}"
        lines.append(f"| {row['title']} | {rates} | {shares or 'not profiled'} |")
    return lines


def first_setup(row: dict[str, Any]) -> str:
    """The system that the goal is about."""
    return next(system for system in row["systems"] if not system.startswith(REFERENCE))


if __name__ == "__main__":
    main()
