"""Entities in new text on a CPU: `blurbstudy predict` against transformers' pipeline, from raw abstracts to entities.

    python benchmarks/prediction.py --encoder DIR --abstracts FILE [--texts 500] [--repeats 3]

FILE is JSON lines (.xz or not) with `text`, or with `title` and `sentences`, which are joined. Both sides load one
model directory, made from the encoder with a random head that finds an entity in about one word of ten, or --model
DIR. The clock runs from texts in memory to entities in memory: sentences, words, sub-words, model, spans. Loading and
imports are outside on both sides, and a few texts go through before.

The peer is pipeline("token-classification", aggregation_strategy="first"). On the first texts all of these are tried,
and it goes with the fastest: one thread or all, batches of 1, 8 and 32, whole abstracts or the sentences that this
project splits (then the splitting counts). Whole abstracts are cut at the model's limit, which is 512 sub-words: the
peer reads less there. Ours is the predictor as the command uses it, one process with all threads; beside it one with
one thread. Repeats alternate, each in a fresh process. `same` is the share of entities that both sides find when the
peer is given sentences. Needs the extra `benchmark` for memory (PSS).
"""

from __future__ import annotations

import argparse
import json
import lzma
import tempfile
import time
from pathlib import Path
from typing import Any

import measuring
import prediction_sides
from material import random_encoder
from measuring import cores, medians, run_side, say

RESULTS = Path(__file__).with_suffix(".json")
PEER = "transformers pipeline"
GOAL = 2.0  # peer's time over ours
TRIED = 24  # texts on which the peer's settings are tried


def main() -> None:
    """Measures both sides; writes and prints what it found."""
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
        model = args.model or prediction_sides.make_model(Path(folder) / "model", args.encoder, texts=texts[:TRIED])
        found = compare({"model": str(model), "texts": str(source)}, args)
        found["texts"] = {"number": len(texts), "characters": sum(map(len, texts))}
    measuring.write_json(args.out, found)
    print("\n".join(table(found)))


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
    """Tries the peer's settings, then measures both sides."""
    program = prediction_sides.__file__
    job = shared | {"side": "trials", "threads": cores(), "count": TRIED, "few": args.tiny}
    trials = run_side(program, [job])["answers"][0]
    best = min(trials["trials"], key=lambda trial: trial["piece_seconds"])
    chosen = {name: value for name, value in best.items() if name != "piece_seconds"}
    say(
        f"the peer's best of {len(trials['trials'])} settings: {chosen}; the same entities: {100 * trials['same']:.2f}%"
    )
    sides = {
        PEER: shared | chosen | {"side": "peer"},
        f"one process, {cores()} threads": shared | {"side": "ours", "threads": cores()},
        "one process, one thread": shared | {"side": "ours", "threads": 1},
    }
    repeats: dict[str, list[dict]] = {side: [] for side in sides}
    began = time.perf_counter()
    for repeat in range(args.repeats):
        for side in list(sides) if repeat % 2 == 0 else list(reversed(sides)):
            repeats[side].append(run_side(program, [sides[side]]))
            say(f"repeat {repeat + 1} of {args.repeats}, {side}: {repeats[side][-1]['seconds']:.2f} s")
        left = (time.perf_counter() - began) / (repeat + 1) * (args.repeats - repeat - 1)
        say(f"about {left / 60:.1f} minutes left")
    found = {}
    for side, own in repeats.items():
        found[side] = {"median": medians(own), "entities": own[0]["answers"][0]["entities"]}
        found[side]["repeats"] = [{k: v for k, v in one.items() if k != "answers"} for one in own]
    for own in found.values():
        own["ratio"] = found[PEER]["median"]["seconds"] / own["median"]["seconds"]
    return {
        "settings": {"repeats": args.repeats, "tiny": args.tiny}, "circumstances": measuring.circumstances(),
        "goal": GOAL, "peer": {"chosen": chosen, **trials}, "sides": found,
    }  # fmt: skip


def table(found: dict[str, Any]) -> list[str]:
    """Markdown."""
    where, texts = found["circumstances"], found["texts"]
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    lines = [
        f"{where['cores']} cores ({where['processor']}), {versions}; median of {found['settings']['repeats']}",
        "",
        f"{texts['number']} texts, {texts['characters']} characters; the same entities: "
        f"{100 * found['peer']['same']:.2f}%; goal {found['goal']:g}",
        "",
        "| side | s | texts / s | peer / ours | entities | peak MiB | whole s |",
        "| --- " * 7 + "|",
    ]
    for side, own in found["sides"].items():
        chosen = ", ".join(f"{name} {value}" for name, value in found["peer"]["chosen"].items())
        median = own["median"]
        cells = [
            f"{side} ({chosen})" if side == PEER else side,
            f"{median['seconds']:.2f}",
            f"{texts['number'] / median['seconds']:.1f}",
            "" if side == PEER else f"{own['ratio']:.2f}",
            str(own["entities"]),
            f"{median['peak_mib']:.0f}" if median["peak_mib"] else "not told",
            f"{median['whole_seconds']:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
