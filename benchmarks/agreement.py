"""Does this project's trainer give the same scores as Hugging Face Trainer? BIOSSES, 20 seeds per system, one recipe.

    python benchmarks/agreement.py --encoder DIR --data DIR [--seeds 1-20] [--systems ours trainer] [--threads 1]

Both systems: the same encoder and sub-words, its pooler as the checkpoint holds it, a head drawn from N(0, 0.02), 10
epochs of batches of 16, rate 2e-4, linear warm-up over 10% and decay to 0, AdamW with bias correction and eps
1e-6, weight decay 0.01 (none on biases and LayerNorm), gradients clipped to 1, dropout 0.1, weights of the last step.
Random numbers are each system's own, so the two samples are independent and only their distributions can agree.

The bounds, set before any run of the comparison: the 95% interval (Welch's) of the difference of means must lie within
0.2 in Pearson's r on test, and within 0.1 in the training loss (mean over all steps). Three runs of this project alone,
with seeds 101 to 103, told how wide intervals would be: r varied by .14 between seeds at this rate (.24 at 1e-4; at
5e-5 nothing is learned in 10 epochs, and agreement would say nothing), the loss, near 2.1, by .065. If r varies by .2,
20 seeds per system give an interval of +-.13, and two trainers that do agree lie within 0.2 three times in four; at
.15, 97 times in 100. A narrower bound could not be decided by 20 seeds, and 0.2 is half of what the 20 test pairs leave
open for a single r of this size (.25: -.22 to .62). The loss is the sharper check: +-.04 against a bound of 0.1, a
twentieth of it.

Beside them: a Kolmogorov-Smirnov test of the two samples. Every finished run is appended to agreement.jsonl, and a run
that is there is not made again: the program can be stopped and started, or shared between processes by --systems and
--seeds. When all runs are there it writes agreement.json and agreement.png. Needs the extra `benchmark`.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inputs import BenchmarkInputs, FinetuningSettings, read_inputs
from measure import environment, log, write_json

from blurbstudy.config import TRAINER_REVISION, canonical_json
from blurbstudy.study.parameter_types import read_seeds

FOLDER = Path(__file__).resolve().parent
FITTING = FinetuningSettings(task="BIOSSES", epochs=10, max_length=256, learning_rate=2e-4)
BOUNDS = {"test": 0.2, "train_loss": 0.1}  # of the difference of means
SYSTEMS = {"ours": "blurbstudy", "trainer": "Hugging Face Trainer"}
MEASURES = {"test": "Pearson's r on test", "train_loss": "mean training loss"}


def main() -> None:
    """Makes the runs that are missing, then says what all of them say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", required=True, type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--seeds", default="1-20")
    parser.add_argument("--systems", nargs="*", choices=SYSTEMS, default=list(SYSTEMS), help="whose runs are made")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=float, default=FITTING.epochs, help="other than 10: a rehearsal")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the runs and the results")
    args = parser.parse_args()
    import torch

    torch.set_num_threads(args.threads)
    fitting = dataclasses.replace(FITTING, epochs=args.epochs)
    inputs = read_inputs(fitting, encoder=args.encoder, data=args.data)
    seeds, file = read_seeds(args.seeds), args.out / "agreement.jsonl"
    for system in args.systems:
        for seed in seeds:
            if (system, seed) not in finished(file, inputs):
                run = train_run(system, seed, inputs)
                append(file, run)
                log(f"{SYSTEMS[system]}, seed {seed}: r {run['test']}, {run['seconds']:.0f} s")
    runs = finished(file, inputs)
    missing = [f"{system} {seed}" for system in SYSTEMS for seed in seeds if (system, seed) not in runs]
    if missing:
        log(f"{len(missing)} runs are missing: {', '.join(missing)}")
        return
    results = summarize({system: [runs[system, seed] for seed in seeds] for system in SYSTEMS})
    results |= {"fitting": dataclasses.asdict(fitting), "seeds": list(seeds), "environment": environment()}
    write_json(args.out / "agreement.json", results)
    draw(results, args.out / "agreement.png")
    print("\n".join(markdown(results)))


def identity(system: str, inputs: BenchmarkInputs) -> str:
    """Of all that decides a system's runs but the seed."""
    arguments = {"system": system, "fitting": dataclasses.asdict(inputs.fitting), "data": inputs.fingerprint}
    arguments |= {"encoder": inputs.checkpoint.fingerprint, "recipe": inputs.recipe.to_dict()}
    if system == "ours":
        arguments["revision"] = TRAINER_REVISION
    return hashlib.sha256(canonical_json(arguments).encode()).hexdigest()[:20]


def finished(file: Path, inputs: BenchmarkInputs) -> dict[tuple[str, int], dict[str, Any]]:
    """(system, seed) -> run. A line that was cut off, or of other settings, counts as none."""
    runs = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        try:
            run = json.loads(line)
        except ValueError:
            continue
        if run["identity"] == identity(run["system"], inputs):
            runs[run["system"], run["seed"]] = run
    return runs


def append(file: Path, run: dict[str, Any]) -> None:
    """On a line of its own, also after one that was cut off."""
    torn = file.exists() and not file.read_text(encoding="utf-8").endswith("\n") and file.stat().st_size > 0
    with file.open("a", encoding="utf-8") as lines:
        lines.write("\n" * torn + json.dumps(run) + "\n")


def train_run(system: str, seed: int, inputs: BenchmarkInputs) -> dict[str, Any]:
    """One run."""
    began = time.perf_counter()
    if system == "ours":
        from blurbstudy.training.trainer import train_population

        (record,) = train_population(
            [inputs.config(seed)],
            features=inputs.features,
            task=inputs.task,
            checkpoint=inputs.checkpoint,
            device="cpu",
        )
        scores, loss = record.scores, record.curve["train_loss"][-1]
    else:
        import reference

        run = reference.fine_tune(inputs, seed=seed)
        scores, loss = run["scores"], run["train_loss"]
    values = {"dev": scores["dev"], "test": scores["test"], "train_loss": loss}
    return {
        "system": system,
        "seed": seed,
        "identity": identity(system, inputs),
        **values,
        "seconds": round(time.perf_counter() - began, 2),
    }


def summarize(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Differences with their intervals, tests, and the samples; runs without a score are counted and left out."""
    results: dict[str, Any] = {"bounds": BOUNDS, "samples": {}, "unscored": {}, "differences": {}}
    for measure in MEASURES:
        samples = {system: [run[measure] for run in item if run[measure] is not None] for system, item in runs.items()}
        results["samples"][measure] = samples
        results["unscored"][measure] = {system: len(item) - len(samples[system]) for system, item in runs.items()}
        results["differences"][measure] = difference(samples["ours"], samples["trainer"])
    for measure, item in results["differences"].items():
        low, high = item["interval"] or (-float("inf"), float("inf"))
        item["within_bound"] = low > -BOUNDS[measure] and high < BOUNDS[measure]
    return results


def difference(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    """Of means, with Welch's 95% interval (None below two runs per system) and the Kolmogorov-Smirnov p."""
    import numpy as np
    from scipy import stats

    results = {"means": [float(np.mean(ours)), float(np.mean(theirs))], "n": [len(ours), len(theirs)], "interval": None}
    results["difference"] = results["means"][0] - results["means"][1]
    results["ks_p"] = float(stats.ks_2samp(ours, theirs).pvalue)
    if min(results["n"]) > 1:
        results["sds"] = [float(np.std(ours, ddof=1)), float(np.std(theirs, ddof=1))]
        interval = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval()
        results["interval"] = [float(interval.low), float(interval.high)]
    return results


def markdown(results: dict[str, Any]) -> list[str]:
    """Markdown."""
    heads = ["", "blurbstudy", "Hugging Face Trainer", "difference [95%]", "bound", "within", "Kolmogorov-Smirnov p"]
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for measure, title in MEASURES.items():
        item = results["differences"][measure]
        sds = [f" ({sd:.3f})" for sd in item.get("sds", ())] or ["", ""]
        means = " | ".join(f"{mean:.3f}{sd}, n {n}" for mean, sd, n in zip(item["means"], sds, item["n"], strict=True))
        interval = "" if item["interval"] is None else " [{:.3f}, {:.3f}]".format(*item["interval"])
        lines.append(
            f"| {title} | {means} | {item['difference']:+.3f}{interval} | {BOUNDS[measure]:g} | "
            f"{'yes' if item['within_bound'] else 'no'} | {item['ks_p']:.2f} |"
        )
    return lines


def draw(results: dict[str, Any], file: Path) -> None:
    """Every run as a point, beside means with their 95% intervals."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    import numpy as np
    import seaborn as sns

    figure, axes = plt.subplots(1, len(MEASURES), figsize=(7, 3.2), layout="constrained")
    for axis, (measure, title) in zip(axes, MEASURES.items(), strict=True):
        samples = results["samples"][measure]
        x = [SYSTEMS[system] for system, item in samples.items() for _ in item]
        y = [value for item in samples.values() for value in item]
        np.random.seed(0)  # of the points' sideways scatter
        sns.stripplot(x=x, y=y, hue=x, ax=axis, alpha=0.7, legend=False)
        sns.pointplot(x=x, y=y, ax=axis, color="black", linestyle="none", marker="_", linewidth=1.2, seed=0)
        axis.set(ylabel=title, xlabel="")
    figure.savefig(file, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
