"""Learning rates of the real study, chosen on dev before its runs: no test score is read or printed.

    python benchmarks/learning_rates.py --data DIR --store DIR --encoder BERT=DIR [--encoder ELECTRA=DIR]
        [--tasks BIOSSES PubMedQA] [--rates 1e-4 3e-4 1e-3] [--seeds 1001-1003] [NAME=VALUE ...]

Takes the recipes of notebook 01 at scale small; NAME=VALUE changes one of its parameters (YAML). The seeds are others
than the study's. Prints, for each task, encoder and rate, dev scores (x 100), how many runs collapsed, and seconds.
"""

from __future__ import annotations

import argparse
from statistics import fmean, stdev

import _path  # noqa: F401
import yaml

from blurbstudy.sections import pretraining_ablation
from blurbstudy.stats.status import judge_run
from blurbstudy.study.grid import Condition
from blurbstudy.study.parameters import scale_parameters
from blurbstudy.study.study import Study


def main() -> None:
    """Runs what the store lacks and prints a line for each task, encoder and rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="BLURB's folder")
    parser.add_argument("--store", required=True, help="folder for these runs, not the study's")
    parser.add_argument("--encoder", required=True, action="append", help="NAME=DIR")
    parser.add_argument("--tasks", nargs="+", default=["BIOSSES", "PubMedQA"])
    parser.add_argument("--rates", nargs="+", type=float, default=[1e-4, 3e-4, 1e-3])
    parser.add_argument("--seeds", default="1001-1003")
    parser.add_argument("changes", nargs="*", metavar="NAME=VALUE")
    given = parser.parse_args()
    first, last = map(int, given.seeds.split("-"))
    values = scale_parameters("small", pretraining_ablation.NOTEBOOK) | {
        "data": given.data,
        "store": given.store,
        "encoders": dict(text.split("=", 1) for text in given.encoder),
        "tasks": given.tasks,
        "seeds": list(range(first, last + 1)),
        "segment_ids": False,
        **{name: yaml.safe_load(value) for name, value in (text.split("=", 1) for text in given.changes)},
    }
    for rate in given.rates:
        parameters = pretraining_ablation.Parameters.parse(values | {"learning_rate": rate})
        study = Study(pretraining_ablation, parameters)
        results = study.results(pretraining_ablation.grids(study)["table2"])
        for column in results.grid.columns:
            for name in results.grid.levels:
                records = results.cell(Condition("", name, column.label))
                dev = [100 * (record.scores["dev"] or 0.0) for record in records]
                collapsed = sum(judge_run(r, results.references[r.config.task]).status.collapsed for r in records)
                print(
                    f"{column.label:12} {name:26} {rate:.0e}  dev {fmean(dev):5.1f} (sd {stdev(dev):4.1f})  "
                    f"collapsed {collapsed} of {len(dev)}  {fmean(record.seconds for record in records):.0f} s a run",
                    flush=True,
                )


if __name__ == "__main__":
    main()
