"""Does pretraining help on mini-BLURB? A tiny encoder pretrained on its corpus against the same encoder untrained.

    python benchmarks/mini_pretraining.py --store DIR [--seeds 1-5] [--tasks BC5-chem ...]

Both have the same shape and vocabulary and are fine-tuned by the same recipe with the same seeds. The table goes to
mini_pretraining.json beside this file and, as Markdown, to the screen. Generated data: what it shows is how far the
mini scale can be learned, and no finding.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from blurbstudy.api.finetune import fine_tune
from blurbstudy.config import recipe_from_dict
from blurbstudy.models import export_checkpoint, load_checkpoint, random_checkpoint
from blurbstudy.pretraining import pretrained_encoder
from blurbstudy.study.parameter_types import read_seeds
from blurbstudy.tasks import TASKS
from blurbstudy.tasks.mini_blurb import mini_blurb_folder

RESULTS = Path(__file__).with_suffix(".json")
COMMON = {"learning_rate": 1e-3, "batch_size": 16, "max_length": 128, "n_evaluations": 1}
EPOCHS = {"ner": 10, "pico": 4, "relation": 20, "similarity": 20, "document": 30, "question": 12}


def untrained_encoder(pretrained: Path, folder: Path) -> Path:
    """A directory with the same tokenizer and shape and fresh weights."""
    shutil.copytree(pretrained, folder, ignore=shutil.ignore_patterns("*.safetensors", "*.jsonl"), dirs_exist_ok=True)
    fresh = random_checkpoint(load_checkpoint(pretrained).architecture, seed=0)
    export_checkpoint(fresh.weights, fresh.architecture, folder=folder)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True, help="run store; what it holds is not trained again")
    parser.add_argument("--seeds", default="1-5")
    parser.add_argument("--tasks", nargs="*", default=[task.name for task in TASKS])
    args = parser.parse_args()
    pretrained = pretrained_encoder("bert", data_folder=mini_blurb_folder())
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        encoders = {"pretrained": pretrained, "untrained": untrained_encoder(pretrained, Path(folder))}
        for task in TASKS:
            if task.name not in args.tasks:
                continue
            recipe = recipe_from_dict(COMMON | {"epochs": EPOCHS[task.task_type]})
            row = {"task": task.name, "metric": task.metric}
            for name, encoder in encoders.items():
                results = fine_tune(
                    task.name, str(encoder), data="mini", seeds=read_seeds(args.seeds), store=args.store, recipe=recipe
                )
                test = results.test
                row[name] = {
                    "mean": test.mean,
                    "sd": test.sd,
                    "failed": test.failed,
                    "n": test.n,
                    "seconds": round(sum(record.seconds for record in results.sweep.values()), 1),
                }
                row["trivial"] = test.trivial
            rows.append(row)
            print(markdown([row])[-1], file=sys.stderr, flush=True)
    RESULTS.write_text(json.dumps({"recipe": COMMON | {"epochs": EPOCHS}, "seeds": args.seeds, "rows": rows}, indent=1))
    print("\n".join(markdown(rows)))
    better = sum(_above(row["pretrained"]["mean"], row["untrained"]["mean"]) for row in rows)
    above = sum(_above(row["pretrained"]["mean"], row["trivial"]) for row in rows)
    print(f"\npretrained above untrained on {better} of {len(rows)}, above trivial on {above}")


def markdown(rows: list[dict]) -> list[str]:
    """The table; scores times 100, mean (standard deviation) over seeds, runs that failed on dev."""
    lines = ["| task | metric | trivial | untrained | failed | pretrained | failed |", "| --- " * 7 + "|"]
    for row in rows:
        cells = [
            f"{_percent(row[k]['mean'])} ({_percent(row[k]['sd'])}) | {row[k]['failed']}/{row[k]['n']}"
            for k in ("untrained", "pretrained")
        ]
        lines.append(f"| {row['task']} | {row['metric']} | {row['trivial'] * 100:.1f} | {' | '.join(cells)} |")
    return lines


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.1f}"


def _above(score: float | None, other: float | None) -> bool:
    """Whether a mean exceeds another; one that does not exist (every run diverged) exceeds nothing."""
    return score is not None and (other is None or score > other)


if __name__ == "__main__":
    main()
