"""Fine-tuning and prediction on a CPU: this project against Hugging Face Trainer, side by side, a row per goal.

    python benchmarks/finetuning.py --encoder DIR --data DIR [--rows biosses bc5 ...] [--repeats 3] [--share S]

Both sides make the same runs: encoder, sub-words, recipe (batch 16, rate 5e-5, dropout 0.1, warm-up 10%, clipping 1),
epochs, one prediction of dev (16 examples) and of test at the end; the order of the data is each side's own. The peer
makes one run after the other, with dynamic padding and the fused AdamW, with the number of threads and the attention
that were fastest in a short piece before. This project takes a process of one thread per core, as its engine does, and
one process alone beside. Repeats alternate, each in fresh processes.

The clock: tokenization and imports are outside on both sides. The peer's starts when model and Trainer are built; ours
also holds the building of the model, from weights in memory. Both end with the predictions of test. In the rows of
prediction the clock runs from texts in memory to labels, tokenization included, and the peer is the faster of
Trainer.predict and transformers' pipeline, with its best batch size. `whole` is from the start of the processes to
their end, imports, tokenization and reading the encoder included.

Long rows take a share of train and test, the same sequences on both sides; the table says which. Memory is the peak of
the proportional set size (PSS) summed over a side's processes, loading included. The rate reached is counted operations
(operations.py) over the machine's own rate of a large float32 product, measured with each repeat, with one thread or
all. Needs the extra `benchmark`.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measuring
from material import Fitting, Material, random_encoder, read_material
from measuring import cores, do_job, medians, run_side, say
from operations import operations, run_operations

RESULTS = Path(__file__).with_suffix(".json")
PIECE = 4000  # sub-words of the piece on which prediction settings are tried
PROFILED_STEPS = 4
PEER = "Hugging Face Trainer"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One comparison."""

    title: str
    fitting: Fitting
    runs: int  # of the peer, and of this project with a process per core
    goal: float  # peer's time over ours
    predicts: bool = False  # prediction alone
    half_frozen: bool = False


ROWS = {
    "biosses": Row(
        title="BIOSSES", fitting=Fitting(task="BIOSSES", epochs=5, max_length=256), runs=4, goal=2.0
    ),
    "bc5": Row(
        title="BC5-chem", fitting=Fitting(task="BC5-chem", epochs=1, max_length=256, share=0.2), runs=2, goal=2.5
    ),
    "pubmedqa": Row(
        title="PubMedQA", fitting=Fitting(task="PubMedQA", epochs=1, max_length=512, share=0.25), runs=2, goal=1.6
    ),
    "frozen": Row(
        title="BIOSSES, lower half frozen", fitting=Fitting(task="BIOSSES", epochs=5, max_length=256), runs=4, goal=2.0,
        half_frozen=True,
    ),
    "predict-bc5": Row(
        title="prediction, BC5-chem", fitting=Fitting(task="BC5-chem", epochs=1, max_length=256, share=0.5), runs=2,
        goal=2.0, predicts=True,
    ),
    "predict-pubmedqa": Row(
        title="prediction, PubMedQA", fitting=Fitting(task="PubMedQA", epochs=1, max_length=512, share=0.5), runs=2,
        goal=2.0, predicts=True,
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Way:
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
        "--grouped", action="store_true", help="also a peer with batches of like length, for information"
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
        found = {"settings": {"repeats": args.repeats, "tiny": args.tiny}, "circumstances": measuring.circumstances()}
        found["rows"] = {}
        for name in args.rows:
            found["rows"][name] = compare(name, chosen_row(name, args), args)
            measuring.write_json(args.out, found)
    print("\n".join(table(found)))


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


def ways(row: Row) -> list[Way]:
    """A process of one thread per core first: what several runs take. Then one process: for memory, and for one run."""
    count = min(cores(), row.runs)
    several = Way(name=f"{count} processes of one thread", processes=count, threads=1, runs=row.runs)
    if row.fitting.task == "BIOSSES":
        return [several, Way(name="one process of one thread", processes=1, threads=1, runs=min(2, row.runs))]
    return [several, Way(name=f"one run, {cores()} threads", processes=1, threads=cores(), runs=1)]


def compare(name: str, row: Row, args: argparse.Namespace) -> dict[str, Any]:
    """Measures one row."""
    material = read_material(row.fitting, encoder=args.encoder, data=args.data)
    shared = {"fitting": dataclasses.asdict(row.fitting), "encoder": str(args.encoder), "data": str(args.data)}
    shared |= {"predicts": row.predicts}
    peer = tried(row, shared, tiny=args.tiny)
    say(f"{row.title}: the peer's best of a short piece: {peer['chosen']}")
    minutes = args.repeats * expected_seconds(row, material, peer["piece_seconds"]) / 60
    say(f"{row.title}: about {minutes:.0f} minutes for {args.repeats} repeats")
    peer_job = shared | peer["chosen"] | {"side": "peer", "seeds": list(range(1, row.runs + 1))}
    sides: dict[str, list[dict]] = {PEER: [peer_job]}
    if args.grouped and not row.predicts:
        sides[f"{PEER}, grouped by length"] = [peer_job | {"grouped": True}]
    for way in ways(row):
        seeds = list(range(1, way.runs + 1))
        jobs = [
            {"side": "ours", "threads": way.threads, "seeds": seeds[i :: way.processes]} for i in range(way.processes)
        ]
        sides[way.name] = [shared | job for job in jobs]
    repeats: dict[str, list[dict]] = {side: [] for side in sides}
    rates: list[dict[str, float]] = []
    began = time.perf_counter()
    for repeat in range(args.repeats):
        rates.append(run_side(__file__, [{"side": "rates", "threads": cores()}])["answers"][0]["rates"])
        for side in list(sides) if repeat % 2 == 0 else list(reversed(sides)):
            repeats[side].append(run_side(__file__, sides[side]))
            say(f"{row.title}: repeat {repeat + 1} of {args.repeats}, {side}: {repeats[side][-1]['seconds']:.2f} s")
        left = (time.perf_counter() - began) / (repeat + 1) * (args.repeats - repeat - 1)
        say(f"{row.title}: about {left / 60:.1f} minutes left of this row")
    found = summary(name, row, material, peer, repeats, medians(rates))
    if not row.predicts:
        job = shared | {"side": "profile", "threads": 1, "seeds": [1]}
        found["where_time_goes"] = run_side(__file__, [job])["answers"][0]["shares"]
    return found


def tried(row: Row, shared: dict[str, Any], *, tiny: bool) -> dict[str, Any]:
    """The peer's settings on a short piece: all that were tried, in seconds, and the fastest."""
    answer = run_side(__file__, [shared | {"side": "trials", "threads": cores(), "few": tiny}])["answers"][0]
    best = min(answer["trials"], key=lambda trial: trial["piece_seconds"])
    chosen = {name: value for name, value in best.items() if name != "piece_seconds"}
    return {"chosen": chosen, "piece_seconds": best["piece_seconds"], "trials": answer["trials"]}


def expected_seconds(row: Row, material: Material, piece: float) -> float:
    """Roughly of one repeat, from the peer's short piece, with this project as fast as the goal says.

    Args:
        piece: seconds of a step, or of the piece of test that was predicted.
    """
    tokens = material.features["test"].lengths.sum()
    run = piece * (max(1.0, tokens / PIECE) if row.predicts else material.steps)
    ours = sum(way.runs * run / row.goal * cores() / (way.processes * way.threads) for way in ways(row))
    return row.runs * run + ours + 10 * (1 + len(ways(row)))  # each side starts for some seconds


def summary(
    name: str,
    row: Row,
    material: Material,
    peer: dict[str, Any],
    repeats: dict[str, list[dict]],
    rates: dict[str, float],
) -> dict[str, Any]:
    """Medians, ratios and the share of the machine's rate of every side."""
    architecture, splits = material.checkpoint.architecture, material.features
    if row.predicts:
        needed = operations(architecture, splits["test"], **material.shape, train=False)
    else:
        needed = run_operations(
            architecture, splits, epochs=row.fitting.epochs, **material.shape, frozen=row.fitting.frozen
        )
    sides = {way.name: (way.processes, way.threads, way.runs) for way in ways(row)}
    found = {}
    for side, own in repeats.items():
        processes, threads, runs = sides.get(side, (1, peer["chosen"]["threads"], row.runs))
        rate = rates["one_thread" if processes * threads == 1 else "all_cores"]
        median = medians(own)
        found[side] = {
            "processes": processes, "threads": threads, "runs": runs, "median": median,
            "seconds_per_run": median["seconds"] / runs, "share_of_rate": needed * runs / median["seconds"] / rate,
            "scores": sum((answer.get("scores", []) for answer in own[0]["answers"]), []),
            "repeats": [{k: v for k, v in repeat.items() if k != "answers"} for repeat in own],
        }  # fmt: skip
    theirs = found[PEER]
    for own in found.values():
        own["ratio"] = theirs["seconds_per_run"] / own["seconds_per_run"]
        own["memory_ratio"] = own["median"]["peak_mib"] / theirs["median"]["peak_mib"]
    lengths = {split: [len(features), int(features.lengths.sum())] for split, features in splits.items()}
    found_row = {
        "title": row.title, "goal": row.goal, "fitting": dataclasses.asdict(material.fitting), "runs": row.runs,
        "sequences_and_tokens": lengths, "steps": material.steps, "operations_per_run": needed, "rates": rates,
        "peer": peer, "sides": found,
    }  # fmt: skip
    if row.predicts:
        found_row["same_predictions"] = alike(repeats, ways(row)[0].name)
    return found_row


def alike(repeats: dict[str, list[dict]], ours: str) -> float | None:
    """Share of test examples for which both sides give the same label with the same head; None where the peer gives
    none that can be compared."""
    theirs, mine = repeats[PEER][0]["answers"], repeats[ours][0]["answers"]
    labels = {answer["seeds"][0]: answer["labels"] for answer in mine}
    expected = theirs[0]["labels"]
    if expected is None:
        return None
    return sum(a == b for a, b in zip(labels[1], expected, strict=True)) / len(expected)


def table(found: dict[str, Any]) -> list[str]:
    """Markdown."""
    where = found["circumstances"]
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    lines = [f"{where['cores']} cores ({where['processor']}), {versions}; median of {found['settings']['repeats']}", ""]
    heads = ["row", "side", "runs", "s a run", "peer / ours", "goal", "of the matrix rate", "peak MiB", "ours / peer"]
    lines += [f"| {' | '.join([*heads, 'whole s'])} |", "| --- " * (len(heads) + 1) + "|"]
    for row in found["rows"].values():
        fitting = row["fitting"]
        train, test = (row["sequences_and_tokens"][split] for split in ("train", "test"))
        share = f", {100 * fitting['share']:.0f}% of it" if fitting["share"] < 1 else ""
        what = f"{test[0]} sequences" if row["title"].startswith("prediction") else (
            f"{train[0]} sequences x {fitting['epochs']:g} epochs")  # fmt: skip
        for number, (side, own) in enumerate(row["sides"].items()):
            peer = side.startswith(PEER)
            chosen = ", ".join(f"{name} {value}" for name, value in row["peer"]["chosen"].items())
            cells = [
                f"{row['title']}{share}: {what}" if not number else "",
                f"{side} ({chosen})" if peer else side,
                f"{own['runs']}",
                f"{own['seconds_per_run']:.2f}",
                "" if side == PEER else f"{own['ratio']:.2f}",
                f"{row['goal']:g}" if number == list(row["sides"]).index(first_way(row)) else "",
                f"{100 * own['share_of_rate']:.0f}%",
                f"{own['median']['peak_mib']:.0f}",
                "" if side == PEER else f"{own['memory_ratio']:.2f}",
                f"{own['median']['whole_seconds']:.1f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "| row | one thread, all cores: 10^9 operations/s | where this project's time goes |",
        "| --- " * 3 + "|",
    ]
    for row in found["rows"].values():
        shares = ", ".join(f"{kind} {100 * share:.0f}%" for kind, share in row.get("where_time_goes", {}).items())
        rates = f"{row['rates']['one_thread'] / 1e9:.0f}, {row['rates']['all_cores'] / 1e9:.0f}"
        lines.append(f"| {row['title']} | {rates} | {shares or 'not profiled'} |")
    return lines


def first_way(row: dict[str, Any]) -> str:
    """The side that the goal is about."""
    return next(side for side in row["sides"] if not side.startswith(PEER))


# What a process does


def prepare(job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """By the job's side."""
    if job["side"] == "rates":
        return rates
    material = read_material(Fitting(**job["fitting"]), encoder=job["encoder"], data=job["data"])
    if job["side"] == "trials":
        return (prediction_trials if job["predicts"] else training_trials)(material, job)
    if job["side"] == "profile":
        return lambda: {"seconds": [0.0], "shares": profile(material)}
    prepared = {
        ("ours", False): our_training, ("ours", True): our_prediction,
        ("peer", False): peer_training, ("peer", True): peer_prediction,
    }  # fmt: skip
    return prepared[job["side"], job["predicts"]](material, job)


def rates() -> dict[str, Any]:
    """The machine's own: one thread, and all cores."""
    import torch

    everything = measuring.matrix_rate()
    torch.set_num_threads(1)
    return {"seconds": [0.0], "rates": {"one_thread": measuring.matrix_rate(), "all_cores": everything}}


def our_training(material: Material, job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Run after run, each a population of one, as the engine does with encoders of this size."""
    from blurbstudy.training import train_population

    def go() -> dict[str, Any]:
        seconds, scores = [], []
        for seed in job["seeds"]:
            began = time.perf_counter()
            (record,) = train_population(
                [material.config(seed)], features=material.features, task=material.task,
                checkpoint=material.checkpoint, device="cpu",
            )  # fmt: skip
            seconds.append(time.perf_counter() - began)
            scores.append(record.scores["test"])
        return {"seconds": seconds, "scores": scores}

    return go


def peer_training(material: Material, job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    import peer

    peer.import_all()

    def go() -> dict[str, Any]:
        grouped = job.get("grouped", False)
        runs = [
            peer.fine_tune(material, seed=seed, attention=job["attention"], grouped=grouped) for seed in job["seeds"]
        ]
        return {"seconds": [run["seconds"] for run in runs], "scores": [run["scores"]["test"] for run in runs]}

    return go


def training_trials(material: Material, job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Threads and kinds of attention, three steps each."""
    import peer
    import torch

    peer.import_all()

    def go() -> dict[str, Any]:
        trials = []
        for threads in sorted({1, cores()}):
            for attention in ("sdpa",) if job["few"] else ("sdpa", "eager"):
                torch.set_num_threads(threads)
                seconds = peer.seconds_per_step(material, steps=3, attention=attention)
                trials.append({"threads": threads, "attention": attention, "piece_seconds": seconds})
        return {"seconds": [0.0], "trials": trials}

    return go


def our_model(material: Material, seed: int):  # noqa: ANN201
    """An encoder with a fresh head."""
    from blurbstudy.models import Classifier

    head = "pooler" if material.shape["pooled"] else "words"
    architecture = material.checkpoint.architecture
    model = Classifier(architecture, members=1, outputs=material.shape["outputs"], head=head)
    model.load_member(0, material.checkpoint, seed=seed)
    return model.eval()


def test_features(material: Material):  # noqa: ANN201
    from blurbstudy.tasks.features import tokenize

    length = material.fitting.max_length
    return tokenize(material.examples["test"], material.tokenizer, material.task, max_length=length, segment_ids="pair")


def our_prediction(material: Material, job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """From texts to labels."""
    import torch

    from blurbstudy.training.evaluation import decode, evaluation_batches, predict

    def go() -> dict[str, Any]:
        seconds, labels = [], None
        for seed in job["seeds"]:
            model = our_model(material, seed)
            began = time.perf_counter()
            features = test_features(material)
            batches = evaluation_batches(features, members=1, n_heads=model.architecture.n_heads)
            outputs = predict(model, batches, device=torch.device("cpu"), autocast=False)
            found = decode(outputs[0], features, material.task, tagging=material.recipe.tagging)
            seconds.append(time.perf_counter() - began)
            labels = labels or found
        return {"seconds": seconds, "labels": labels, "seeds": job["seeds"]}

    return go


def peer_prediction(material: Material, job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """From texts to labels, by the tool that was faster; the head is ours, so that the labels can be compared."""
    import peer

    from blurbstudy.training.evaluation import decode

    peer.import_all()

    def go() -> dict[str, Any]:
        seconds, labels = [], None
        for seed in job["seeds"]:
            model = peer.with_our_head(peer.make_model(material, seed=seed), our_model(material, seed)).eval()
            if job["tool"] == "pipeline":
                pipe = peer.make_pipeline(model, material)
                began = time.perf_counter()
                given = peer.piped(pipe, material, batch_size=job["batch"])
                seconds.append(time.perf_counter() - began)
                labels = labels or peer.labels_piped(given, material)
                continue
            with tempfile.TemporaryDirectory() as folder:
                trainer = peer.make_trainer(model, material, seed=seed, folder=folder, eval_batch=job["batch"])
                began = time.perf_counter()
                features = test_features(material)
                predictions = trainer.predict(peer.items(features, material.task)).predictions
                outputs = peer.outputs_of(predictions, features, material.task)
                found = decode(outputs, features, material.task, tagging=material.recipe.tagging)
                seconds.append(time.perf_counter() - began)
            labels = labels or found
        return {"seconds": seconds, "labels": labels, "seeds": job["seeds"]}

    return go


def prediction_trials(material: Material, job: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """Tools, threads and batch sizes on the first examples of test; batches of one are not padded at all."""
    import peer
    import torch

    peer.import_all()

    def go() -> dict[str, Any]:
        reached = material.features["test"].offsets.searchsorted(PIECE)
        count = max(8, min(int(reached), len(material.examples["test"])))
        features = material.features["test"]
        model = peer.make_model(material, seed=0).eval()
        pipe, trials = peer.make_pipeline(model, material), []
        for threads in sorted({1, cores()}):
            torch.set_num_threads(threads)
            for batch in (8,) if job["few"] else (1, 8, 32):
                with tempfile.TemporaryDirectory() as folder:
                    trainer = peer.make_trainer(model, material, seed=0, folder=folder, eval_batch=batch)
                    rows = peer.items(features, material.task)[:count]
                    tools = {
                        "Trainer.predict": lambda given, trainer=trainer: trainer.predict(given),
                        "pipeline": lambda given, batch=batch: peer.piped(
                            pipe, material, batch_size=batch, count=len(given)
                        ),
                    }
                    for tool, predict in tools.items():
                        predict(rows[:2])  # what is done once must not count
                        began = time.perf_counter()
                        predict(rows)
                        seconds = time.perf_counter() - began
                        trials.append({"tool": tool, "threads": threads, "batch": batch, "piece_seconds": seconds})
        return {"seconds": [0.0], "trials": trials}

    return go


KINDS = {  # of torch's operations, by the beginning of their names
    "matrix products": ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm"),
    "normalization, activation, softmax": ("aten::native_layer_norm", "aten::gelu", "aten::_softmax", "aten::tanh"),
    "optimizer": ("aten::_fused_adamw", "aten::_foreach", "aten::linalg_vector_norm"),
}


def profile(material: Material) -> dict[str, float]:
    """Shares of the wall time of a few steps of one run on one thread, by kind; its start and its end included."""
    import torch

    from blurbstudy.training import train_population

    batch = material.fitting.batch_size
    epochs = max(0.01, PROFILED_STEPS / -(-len(material.features["train"]) // batch))
    material = dataclasses.replace(material, fitting=dataclasses.replace(material.fitting, epochs=epochs))
    splits = material.features | {"test": material.features["dev"]}  # training is what is looked at
    began = time.perf_counter()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        train_population(
            [material.config(1)], features=splits, task=material.task, checkpoint=material.checkpoint, device="cpu"
        )
    wall = time.perf_counter() - began
    shares = dict.fromkeys([*KINDS, "other operations of torch"], 0.0)
    for event in profiler.key_averages():
        kind = next((kind for kind, names in KINDS.items() if event.key.startswith(names)), "other operations of torch")
        shares[kind] += event.self_cpu_time_total / 1e6 / wall
    return shares | {"outside torch": max(0.0, 1 - sum(shares.values()))}


if __name__ == "__main__":
    do_job(prepare) if measuring.JOB in sys.argv else main()
