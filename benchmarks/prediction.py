"""Entities in new text on a CPU: `blurbstudy predict` against transformers' pipeline, from raw abstracts to entities.

    python benchmarks/prediction.py --encoder DIR --abstracts FILE [--texts 500] [--repeats 3]

FILE is JSON lines (.xz or not) with `text`, or with `title` and `sentences`, which are joined. Both systems load one
model directory, made from the encoder with a random head that finds an entity in about one word of ten, or --model
DIR. The clock runs from texts in memory to entities in memory: sentences, words, sub-words, model, spans. Loading and
imports are outside on both systems, and a few texts go through before.

The reference is pipeline("token-classification", aggregation_strategy="first"). On the first texts all of these are
tried, and it goes with the fastest: one thread or all, batches of 1, 8 and 32, whole abstracts or the sentences that
this project splits (then the splitting counts). Whole abstracts are cut at the model's limit, which is 512 sub-words:
the reference reads less there. Ours is the predictor as the command uses it, one process with all threads; beside it
one with one thread. Repeats alternate, each in a fresh process. `same` is the share of entities that both systems find
when the reference is given sentences. Needs the extra `benchmark` for memory (PSS).
"""

from __future__ import annotations

import argparse
import json
import lzma
import tempfile
import time
from pathlib import Path
from typing import Any

import measure
import prediction_workers
from inputs import random_encoder
from measure import cores, log, medians, run_system

RESULTS = Path(__file__).with_suffix(".json")
REFERENCE = "transformers pipeline"
GOAL = 2.0  # reference's time over ours
TRIED = 24  # texts on which the reference's settings are tried


def main() -> None:
    """Measures both systems; writes and prints what it found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", type=Path, help="checkpoint directory")
    parser.add_argument("--model", type=Path, help="a model directory, instead of one with a random head")
    parser.add_argument("--abstracts", type=Path, help="JSON lines, .xz or not")
    parser.add_argument("--texts", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tiny", action="store_true", help="a rehearsal: generated text, a tiny untrained encoder")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    if not args.tiny and not (args.abstracts and (args.encoder or args.model)):
        parser.error("name --encoder DIR (or --model DIR) and --abstracts FILE (or --tiny for a rehearsal)")
    with tempfile.TemporaryDirectory() as folder:
        if args.tiny:
            from blurbstudy.tasks.mini_blurb import mini_blurb_folder

            args.abstracts = mini_blurb_folder() / "corpus.jsonl"
            args.encoder = random_encoder(
                Path(folder) / "encoder", "tiny", data=str(mini_blurb_folder().resolve()), tasks=("BIOSSES",)
            )
        texts = read_texts(args.abstracts, args.texts)
        source = Path(folder) / "texts.json"
        source.write_text(json.dumps(texts), encoding="utf-8")
        model = args.model or prediction_workers.make_model(Path(folder) / "model", args.encoder, texts=texts[:TRIED])
        results = compare({"model": str(model), "texts": str(source)}, args)
        results["texts"] = {"number": len(texts), "characters": sum(map(len, texts))}
    measure.write_json(args.out, results)
    print("\n".join(table(results)))


def read_texts(path: Path, count: int) -> list[str]:
    """The first texts of a file, of those that are not split into words already."""
    texts = []
    with (lzma.open if path.suffix == ".xz" else open)(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if not record.get("tokenized"):
                parts = [record.get("title") or "", *record.get("sentences", [record.get("text", "")])]
                texts.append(" ".join(filter(None, parts)))
            if len(texts) == count:
                break
    return texts


def compare(shared: dict[str, Any], args: argparse.Namespace) -> dict[str, Any]:
    """Tries the reference's settings, then measures both systems."""
    program = prediction_workers.__file__
    job = shared | {"system": "trials", "threads": cores(), "count": TRIED, "few": args.tiny}
    trials = run_system(program, [job])["answers"][0]
    best = min(trials["trials"], key=lambda trial: trial["piece_seconds"])
    chosen = {name: value for name, value in best.items() if name != "piece_seconds"}
    log(
        f"the reference's best of {len(trials['trials'])} settings: {chosen}; "
        f"the same entities: {100 * trials['same']:.2f}%"
    )
    systems = {
        REFERENCE: shared | chosen | {"system": "reference"},
        f"one process, {cores()} threads": shared | {"system": "ours", "threads": cores()},
        "one process, one thread": shared | {"system": "ours", "threads": 1},
    }
    repeats: dict[str, list[dict]] = {system: [] for system in systems}
    began = time.perf_counter()
    for repeat in range(args.repeats):
        for system in list(systems) if repeat % 2 == 0 else list(reversed(systems)):
            repeats[system].append(run_system(program, [systems[system]]))
            log(f"repeat {repeat + 1} of {args.repeats}, {system}: {repeats[system][-1]['seconds']:.2f} s")
        left = (time.perf_counter() - began) / (repeat + 1) * (args.repeats - repeat - 1)
        log(f"about {left / 60:.1f} minutes left")
    results = {}
    for system, item in repeats.items():
        results[system] = {"median": medians(item), "entities": item[0]["answers"][0]["entities"]}
        results[system]["repeats"] = [{k: v for k, v in first.items() if k != "answers"} for first in item]
    for item in results.values():
        item["ratio"] = results[REFERENCE]["median"]["seconds"] / item["median"]["seconds"]
    return {
        "settings": {"repeats": args.repeats, "tiny": args.tiny},
        "environment": measure.environment(),
        "goal": GOAL,
        "reference": {"chosen": chosen, **trials},
        "systems": results,
    }


def table(results: dict[str, Any]) -> list[str]:
    """Markdown."""
    where, texts = results["environment"], results["texts"]
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    lines = [
        f"{where['cores']} cores ({where['processor']}), {versions}; median of {results['settings']['repeats']}",
        "",
        f"{texts['number']} texts, {texts['characters']} characters; the same entities: "
        f"{100 * results['reference']['same']:.2f}%; goal {results['goal']:g}",
        "",
        "| system | s | texts / s | peer / ours | entities | peak MiB | whole s |",
        "| --- " * 7 + "|",
    ]
    for system, item in results["systems"].items():
        chosen = ", ".join(f"{name} {value}" for name, value in results["reference"]["chosen"].items())
        median = item["median"]
        cells = [
            f"{system} ({chosen})" if system == REFERENCE else system,
            f"{median['seconds']:.2f}",
            f"{texts['number'] / median['seconds']:.1f}",
            "" if system == REFERENCE else f"{item['ratio']:.2f}",
            str(item["entities"]),
            f"{median['peak_mib']:.0f}" if median["peak_mib"] else "not told",
            f"{median['whole_seconds']:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
