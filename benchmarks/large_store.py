"""What commands cost in a run store of 18,000 records, beside the same store with few.

    python benchmarks/large_store.py STORE [--records 18000]

STORE: of a finished mini study. Its records are multiplied under other learning rates in a copy, 10 seeds of each. Each
command runs twice; the first time it reads the records into the index of the local cache.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import _path  # noqa: F401

from blurbstudy.store.run_store import RunStore

SEEDS = 10  # of a setting
PAGES = {"a page of runs": "03_layer_adaptation", "claims": "08_claims", "explore": "90_explore"}


def main() -> None:
    """Measure both stores and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--records", type=int, default=18_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        few, many = work / "few", work / "many"
        for copy in (few, many):
            shutil.copytree(options.store, copy, ignore=shutil.ignore_patterns("leases", "plan.json"))
        multiply(RunStore(many), options.records)
        seconds = {len(RunStore(store)): _measure(store, work) for store in (few, many)}
        print("| command, s: first time, second time |", " | ".join(f"{n:,} records" for n in seconds), "|")
        for name in next(iter(seconds.values())):
            print(f"| {name} |", " | ".join(f"{a:.1f}, {b:.1f}" for a, b in (of[name] for of in seconds.values())), "|")


def multiply(store: RunStore, records: int) -> None:
    """Add copies of the store's records under recipes that no notebook asks for."""
    originals = [record for record in store.records() if not record.config.n_folds]
    for i in range(max(0, records - len(store))):
        setting, seed = divmod(i, SEEDS)
        config = originals[setting % len(originals)].config
        recipe = replace(config.recipe, learning_rate=1e-7 * (setting + 1))
        store.put(replace(originals[setting % len(originals)], config=replace(config, seed=seed + 1, recipe=recipe)))


def _measure(store: Path, work: Path) -> dict[str, tuple[float, float]]:
    """Command -> seconds, the first time and the second."""
    environment = os.environ | {"BLURBSTUDY_CACHE": str(work / f"cache-{store.name}")}
    blurbstudy = [sys.executable, "-m", "blurbstudy"]
    commands = {
        name: [*blurbstudy, "report", "--store", store, "--only", page, "--report", work / "report"]
        for name, page in PAGES.items()
    }
    commands["plan"] = [*blurbstudy, "plan", "--scale", "mini", "--store", store]
    seconds: dict[str, tuple[float, float]] = {}
    for name, command in commands.items():
        times = []
        for _ in range(2):
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, env=environment)
            times.append(time.perf_counter() - start)
        seconds[name] = (times[0], times[1])
    return seconds


if __name__ == "__main__":
    main()
