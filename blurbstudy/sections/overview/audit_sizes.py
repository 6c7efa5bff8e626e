"""Sizes of the datasets compared with published ones, and the data audit in a few sentences."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from ...config import JsonMapping, JsonObject
from ...tables.formatting import format_number
from ...tables.table import KeyFinding, Table
from ...tasks import SPLITS, Task
from .data_audit import REMEDY, Audit

PUBLISHED = Path(__file__).with_name("published_sizes.yaml")
NONE = "–"


@cache
def published_sizes() -> dict[str, JsonObject]:
    """Sizes printed in other papers: name -> paper, checked, sizes (task -> split -> number), counts."""
    return yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))


def size_table(audit: Audit) -> Table:
    """Our sizes, BLURB's and those of other papers; each difference to BLURB's with its reason."""
    others = published_sizes()
    rows = [
        (
            task.name,
            task.size_unit,
            _splits({split: audit.data[task.name]["splits"][split]["size"] for split in SPLITS}),
            _splits(task.sizes),
            *(_other_size(audit, task, other) for other in others.values()),
            _differences(audit, task) or "none",
        )
        for task in audit.known
    ]
    sources = [f"{name}: {other['paper']}, checked in {other['checked']}." for name, other in others.items()]
    notes = [
        "Train / dev / test. Files: counted in the data of this run, in the unit of BLURB's table (Gu et al. 2021, "
        "table 1). " + " ".join(sources),
        "BLUE counts differently: in ChemProt and DDI only pairs with a relation, in HoC only documents with a label. "
        "Our files counted that way are below its numbers. No file here explains the remaining differences (BLUE's "
        "own division of HoC's 1,580 labelled documents and of DDI's train and dev; some pairs of ChemProt).",
        "BioBERT's table (Lee et al. 2020) is omitted because it could not be checked against its source.",
        *audit.notes,
    ]
    columns = ("Task", "Counted", "Files", "BLURB's table", *(f"{name}'s table" for name in others), "Files − BLURB")
    return Table(
        title="Dataset sizes, here and as published",
        columns=columns,
        rows=rows,
        caption=audit.provenance,
        notes=notes,
        folded=True,
    )


def _splits(sizes: Mapping[str, int]) -> str:
    return "\u00a0/\u00a0".join(f"{sizes[split]:,}" for split in SPLITS)  # no line break within


def _other_size(audit: Audit, task: Task, other: JsonMapping) -> str:
    sizes = other["sizes"].get(task.name)
    if sizes is None:
        return NONE
    count = COUNTS.get(other["counts"].get(task.name, ""))
    if count is None:
        return _splits(sizes)
    name, count_split = count
    ours = {split: count_split(task, audit.data[task.name]["splits"][split]) for split in SPLITS}
    return f"{_splits(sizes)}\nfiles, {name}:\n{_splits(ours)}"


def _positive(task: Task, split: JsonMapping) -> int:
    return sum(split["labels"][label] for label in task.positive_labels)


def _labelled(task: Task, split: JsonMapping) -> int:
    return split["examples"] - split["labels"][""]


# how published_sizes.yaml names a count -> (what it is, how the audit's numbers give it)
COUNTS = {"positive": ("positive pairs", _positive), "labelled": ("with a label", _labelled)}


def _differs(audit: Audit, task: Task, split: str) -> bool:
    return audit.data[task.name]["splits"][split]["size"] != task.sizes[split]


def _differences(audit: Audit, task: Task) -> str:
    """One line per reason: the splits that differ, and by how much."""
    reasons: dict[str, list[str]] = {}
    for split in (split for split in SPLITS if _differs(audit, task, split)):
        size = audit.data[task.name]["splits"][split]["size"]
        reason = size_reason(task, split, size, generated=audit.generated)
        reasons.setdefault(reason, []).append(f"{split} {size - task.sizes[split]:+,}".replace("-", "−"))
    return "\n".join(f"{', '.join(splits)}: {reason}" for reason, splits in reasons.items())


def size_reason(task: Task, split: str, size: int, *, generated: bool) -> str:
    """Why a size is not that of BLURB's table."""
    if generated:
        return "generated, smaller on purpose"
    if size == task.known_sizes.get(split):
        return task.known_differences.get(split, "as in the public files")
    return "unexplained"


def audit_answer(audit: Audit) -> KeyFinding:
    """What to know about the data before reading any score, in a few sentences."""
    question = "What is in the data?"
    if not audit.known:
        return KeyFinding(question=question, sentences=[f"Unknown: the counts are {REMEDY}."])
    sentences = [_size_sentence(audit), _duplicate_sentence(audit)]
    ceilings = {
        task.name: audit.data[task.name]["splits"]["test"]["mentions"]["io_ceiling"]
        for task in audit.known
        if task.task_type == "ner"
    }
    if ceilings:
        lowest = min(ceilings, key=lambda name: ceilings[name])
        sentences.append(
            f"With IO tags an exact predictor would score only {format_number(100 * ceilings[lowest])} on {lowest}, "
            "because adjacent mentions merge."
        )
    return KeyFinding(question=question, sentences=sentences)


def _size_sentence(audit: Audit) -> str:
    differing = [(task, split) for task in audit.known for split in SPLITS if _differs(audit, task, split)]
    if audit.generated:
        return f"{len(audit.known)} datasets, generated: their sizes are smaller than BLURB's on purpose."
    reasons = [
        size_reason(task, split, audit.data[task.name]["splits"][split]["size"], generated=False)
        for task, split in differing
    ]
    unexplained = reasons.count("unexplained")
    splits = len(audit.known) * len(SPLITS)
    equal = (
        f"{splits - len(differing)} of {splits} splits of {len(audit.known)} datasets have the size of BLURB's table"
    )
    if not differing:
        return f"{equal}."
    names = ", ".join(f"{task.name} {split}" for task, split in differing)
    details = f"{unexplained} of them unexplained" if unexplained else "each listed with what is known about it"
    return f"{equal}; {names} differ{'s' * (len(differing) == 1)}, {details}."


def _duplicate_sentence(audit: Audit) -> str:
    shares = {}
    for task in audit.known:
        for split, counts in audit.data[task.name]["duplicates"].items():
            shared = max(counts["near"], counts["masked_near"] or 0)
            shares[f"{task.name} {split}"] = (100 * shared / counts["examples"], shared, counts["examples"])
    worst = max(shares, key=lambda name: shares[name])
    share, shared, examples = shares[worst]
    if not shared:
        return "No example of dev or test occurs in train, verbatim or nearly so."
    return (
        f"{worst} shares most with train: {shared:,} of {examples:,} examples ({share:.1f}%) occur there in nearly "
        "the same words, ignoring entity masks."
    )
