"""The 13 BLURB datasets (Gu et al. 2021, table 1), described in blurb.yaml, and any others."""

from __future__ import annotations

from pathlib import Path

import yaml

from .task import Task

TSV = {"train": "train.tsv", "dev": "dev.tsv", "test": "test.tsv"}
_SEQUENCES = ("columns", "labels", "positive_labels", "bounds")


def _read_tasks(file: Path) -> tuple[Task, ...]:
    tasks = []
    for name, values in yaml.safe_load(file.read_text(encoding="utf-8")).items():
        sequences = {key: tuple(values[key]) for key in _SEQUENCES if key in values}
        tasks.append(Task(**{"name": name, "files": TSV} | values | sequences))
    return tuple(tasks)


TASKS = _read_tasks(Path(__file__).with_name("blurb.yaml"))
BC5_CHEM, BC5_DISEASE, NCBI_DISEASE, BC2GM, JNLPBA, EBM_PICO, CHEMPROT, DDI, GAD, BIOSSES, HOC, PUBMEDQA, BIOASQ = TASKS

OTHER_TASKS: tuple[Task, ...] = ()  # additional datasets: in no BLURB score, in no table of the paper
