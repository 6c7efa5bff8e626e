"""The statuses of the BIOSSES runs in benchmarks/records, which an earlier version wrote: real runs on a dev set of 16.

    python benchmarks/biosses_statuses.py --data DIR

The last entry of a run's curve stands for its final training loss. An entry is the mean since the one before, so of a
run with a single entry over several epochs nothing is known about the end. Needs BLURB's folder for the gold labels.
"""

from __future__ import annotations

import argparse
import json
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import _path  # noqa: F401
import numpy as np

from blurbstudy.config import Recipe, RunConfig
from blurbstudy.stats.intervals import fisher_interval
from blurbstudy.stats.references import GoldReference
from blurbstudy.stats.status import judge_run
from blurbstudy.store.run_store import Gold
from blurbstudy.tasks import get_task, read_task
from blurbstudy.training.run_record import RunRecord

RECORDS = Path(__file__).resolve().parent / "records"
DATA = "0" * 20  # in place of the data's fingerprint


def main() -> None:
    """Prints how many runs have each status, and on which side of two bounds those above the trivial score lie."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="BLURB's folder")
    reference = read_reference(parser.parse_args().data)
    statuses, above = Counter[str](), Counter[str]()
    for record in read_records(reference):
        judgement = judge_run(record, reference)
        statuses[str(judgement)] += 1
        if not judgement.status.failed:
            r = reference.score(reference.gold["dev"].gold, record.predictions["dev"])
            for name, confidence in (("two-sided 95%", 0.95), ("one-sided 95%", 0.9)):
                above[name] += fisher_interval(r, len(reference.gold["dev"].gold), confidence=confidence)[0] > 0
    print(f"{sum(statuses.values())} runs")
    for status, n in statuses.most_common():
        print(f"{n:4} {status}")
    for name, n in above.items():
        print(f"{n:4} of those above the trivial score have a {name} bound above it")


def read_reference(folder: str) -> GoldReference:
    """BIOSSES with its gold scores."""
    task = get_task("BIOSSES")
    gold = {}
    for split, examples in read_task(task, folder).items():
        names = tuple(str(i) for i in range(len(examples)))
        gold[split] = Gold(ids=names, units=names, gold=tuple(example.label for example in examples))
    return GoldReference(task=task, data=DATA, gold=gold)


def read_records(reference: GoldReference) -> Iterator[RunRecord]:
    """The runs on BIOSSES of all archives, with what this version adds to a record."""
    constant = float(np.var(reference.gold["train"].gold))
    for path in sorted(RECORDS.glob("*.tar.gz")):
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.name.startswith("runs/") else None
                values = json.load(file) if file else {}
                if values.get("config", {}).get("task") == reference.task.name:
                    yield as_record(values, constant_loss=constant)


def as_record(values: Mapping[str, Any], *, constant_loss: float) -> RunRecord:
    """A record of this version; its recipe is left out but for the epochs."""
    curve, recipe = values["curve"], values["config"]["recipe"]
    ends_known = len(curve["train_loss"]) > 1 or recipe["epochs"] <= 1
    config = RunConfig(
        task=values["config"]["task"],
        data_fingerprint=DATA,
        encoder_fingerprint=values["config"]["encoder"],
        recipe=Recipe(epochs=recipe["epochs"]),
        seed=values["config"]["seed"],
    )
    kept = ("status", "stopped_at_step", "selected_step", "scores", "curve", "predictions", "seconds", "peak_bytes")
    return RunRecord(
        config=config,
        **{name: values[name] for name in kept},
        final_loss=curve["train_loss"][-1] if ends_known else None,
        constant_loss=constant_loss,
    )


if __name__ == "__main__":
    main()
