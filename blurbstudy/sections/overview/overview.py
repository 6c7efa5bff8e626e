"""Tables of what a run of the study works with: techniques, tasks and encoders."""

from __future__ import annotations

from pathlib import Path

from ...metrics import METRICS
from ...stabilizers import STABILIZERS, DepthPlan, Stabilizer, depth_plan, stabilize
from ...stats.collapse import load_references
from ...study.conditions import layer_techniques
from ...study.study import Study
from ...tables.table import KeyFinding, RowHeader, Table
from ...tasks import SPLITS, Task
from .grids import Parameters

ASSUMED_LAYERS = 12  # of a BASE encoder, where the run names no encoder
MANY = 5  # tasks that one sentence counts instead of naming them


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


def depth_plans(study: Study[Parameters]) -> dict[str, DepthPlan]:
    """What each technique and combination does to each depth of the run's first encoder (12 layers without one)."""
    settings = layer_techniques(study.parameters, combinations=True)
    architectures = [source.architecture for source in study.sources.encoders.values()]
    n_layers = architectures[0].n_layers if architectures else ASSUMED_LAYERS
    return {name: depth_plan(stabilize(study.recipe(), *used), n_layers) for name, used in settings.items()}


def task_table(study: Study) -> Table:
    """The run's tasks: what is predicted, by which metric, and under which terms the data may be used."""
    references = load_references(study.store, study.sources.fingerprints)
    rows = []
    for task in study.tasks:
        reference = references[task.name]
        # No line break within.
        examples = "\u00a0/\u00a0".join(f"{len(reference.gold[split].gold):,}" for split in SPLITS)
        score = METRICS[task.metric].title
        name = RowHeader(task.name, task.group)
        rows.append(
            (name, examples, _predicted(task), score, reference.resampling_unit("test"), task.terms, reference.data)
        )
    columns = ("Task", "Examples", "Predicted", "Metric", "Bootstrap over", "Terms", "Data")
    notes = [
        "Examples: train / dev / test as read; a sentence with its tags is one. Bootstrap over: what one draw of the "
        "interval over test examples takes, documents where these files name them (a correlation's own interval is "
        "Fisher's z, and differences alone are bootstrapped). Terms: licence or conditions of use of BLURB's files. "
        "Data: fingerprint of the files."
    ]
    return Table(title="Tasks of this run", columns=columns, rows=rows, caption=study.provenance, notes=notes)


def _predicted(task: Task) -> str:
    if task.bounds is not None:
        return f"a score from {task.bounds[0]:g} to {task.bounds[1]:g}"
    if task.output == "multi_label":
        return f"any of {len(task.labels)} labels"
    return f"{'each word: ' if task.output == 'tags' else ''}{', '.join(task.labels)}"


def encoder_table(study: Study) -> Table:
    """The run's encoders: family, shape, parameters, fingerprint, and what must be known beside their numbers."""
    columns = ("Encoder", "Family", "Layers", "Width", "Parameters", "Vocabulary", "Fingerprint", "Remark")
    rows = []
    for name, missing in study.encoders.items():
        source = study.sources.encoders.get(name)
        remark = study.encoder_notes.get(name, "")
        if source is None:
            rows.append((name, missing or "not in this store", *("–" for _ in columns[2:-1]), remark))
            continue
        shape = source.architecture
        shown = (
            shape.family,
            str(shape.n_layers),
            str(shape.width),
            f"{shape.n_parameters / 1e6:.3g} M",
        )
        said = "\n".join(text for text in (f"given as {Path(source.spec).name}", remark) if text)
        rows.append((name, *shown, f"{shape.vocab_size:,}", source.fingerprint, said))
    return Table(title="Encoders of this run", columns=columns, rows=rows, caption=study.provenance)


def overview_answer(study: Study) -> KeyFinding:
    """What this run of the study covers, in a few sentences."""
    found = study.sources.encoders.values()
    layers = ", ".join(f"{source.name} ({source.architecture.n_layers} layers)" for source in found)
    empty = [f"{name} ({missing})" for name, missing in study.encoders.items() if missing]
    names = [task.name for task in study.tasks]
    tasks = ", ".join(names) if len(names) < MANY else f"{len(names)} datasets"
    sentences = [f"{len(STABILIZERS)} techniques, alone and combined, on {tasks}, with {layers or 'no encoder yet'}."]
    sentences += [f"Rows without runs: {', '.join(empty)}."] if empty else []
    sentences += [
        "A run counts as collapsed if its predictions are constant, its loss diverged, or its dev score "
        "cannot be told from the trivial score."
    ]
    return KeyFinding(question="What is compared, on what, and with what?", sentences=sentences)
