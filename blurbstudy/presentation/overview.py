"""Tables of what a run of the study works with: techniques, tasks and encoders."""

from __future__ import annotations

from pathlib import Path

from ..models import Architecture
from ..results.failure import load_references
from ..stabilizers import STABILIZERS, DepthPlan, Stabilizer, depth_plan, stabilize
from .study import Study
from .tables import Answer, Table, number

ASSUMED_LAYERS = 12  # of a BASE encoder, where the run names no encoder


def technique_table() -> Table:
    """Every stabilization technique that the package has, and who proposed it."""
    rows = [(cls.title, _first_line(cls), cls.source, cls.name) for cls in STABILIZERS]
    return Table(
        title="Techniques that keep fine-tuning stable",
        columns=("Technique", "What it does", "Source", "Name in a recipe"),
        rows=rows,
        caption="Read from the package itself; they compose in this order.",
    )


def _first_line(cls: type[Stabilizer]) -> str:
    return " ".join((cls.__doc__ or "").split("\n\n")[0].split())


def depth_plans(study: Study, settings: dict[str, list[Stabilizer]]) -> dict[str, DepthPlan]:
    """What each setting does to each depth of the run's first encoder (of 12 layers where there is none)."""
    architectures = [source.architecture for source in study.sources.encoders.values()]
    n_layers = architectures[0]["n_layers"] if architectures else ASSUMED_LAYERS
    return {name: depth_plan(stabilize(study.recipe(), *used), n_layers) for name, used in settings.items()}


def task_table(study: Study) -> Table:
    """The run's tasks: sizes as read (published ones in brackets where they differ), metric, trivial score."""
    references = load_references(study.store, study.sources.fingerprints)
    rows = []
    for task in study.tasks:
        reference = references[task.name]
        sizes = {split: len(gold.gold) for split, gold in reference.gold.items()}
        shown = [
            f"{size}" if size == task.sizes.get(split) else f"{size} ({task.sizes.get(split, '–')})"
            for split, size in sizes.items()
        ]
        labels = (
            ", ".join(task.labels) or f"{task.bounds[0]:g} to {task.bounds[1]:g}" if task.bounds or task.labels else ""
        )
        trivial = " / ".join(number(reference.trivial(split) * 100) for split in ("dev", "test"))
        rows.append((task.name, task.group, *shown, labels, task.metric, trivial, task.terms, reference.data))
    columns = ("Task", "Group", "Train", "Dev", "Test", "Labels", "Metric", "Trivial, dev / test", "Terms", "Data")
    notes = [
        "Sizes: examples read, the published number in brackets where it differs. Trivial: always the majority class "
        "of train; 0 for a correlation. Terms: licence or conditions of use of BLURB's files. Data: fingerprint of the "
        "files."
    ]
    return Table(title="Tasks of this run", columns=columns, rows=rows, caption=study.origin, notes=notes)


def encoder_table(study: Study) -> Table:
    """The run's encoders: family, shape, parameters, fingerprint, and what must be known beside their numbers."""
    columns = ("Encoder", "Family", "Layers", "Width", "Parameters", "Vocabulary", "Fingerprint", "Remark")
    rows = []
    for name, missing in study.encoders.items():
        source = study.sources.encoders.get(name)
        remark = study.remarks.get(name, "")
        if source is None:
            rows.append((name, missing or "not in this store", *("–" for _ in columns[2:-1]), remark))
            continue
        shape = source.architecture
        shown = (
            shape["family"],
            str(shape["n_layers"]),
            str(shape["width"]),
            f"{Architecture(**shape).n_parameters / 1e6:.3g} M",
        )
        said = "\n".join(text for text in (f"given as {Path(source.spec).name}", remark) if text)
        rows.append((name, *shown, f"{shape['vocab_size']:,}", source.fingerprint, said))
    return Table(title="Encoders of this run", columns=columns, rows=rows, caption=study.origin)


def overview_answer(study: Study) -> Answer:
    """What this run of the study covers, in a few sentences."""
    found = study.sources.encoders.values()
    layers = ", ".join(f"{source.name} ({source.architecture['n_layers']} layers)" for source in found)
    empty = [f"{name} ({missing})" for name, missing in study.encoders.items() if missing]
    tasks = ", ".join(task.name for task in study.tasks)
    sentences = [f"{len(STABILIZERS)} techniques, alone and combined, on {tasks}, with {layers or 'no encoder yet'}."]
    sentences += [f"Rows without runs: {', '.join(empty)}."] if empty else []
    sentences += [
        "A run counts as collapsed if its predictions are constant, its loss left the finite numbers, or its dev score "
        "cannot be told from the trivial score."
    ]
    return Answer(question="What is compared, on what, and with what?", sentences=sentences)
