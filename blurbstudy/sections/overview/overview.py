"""Tables of the techniques, tasks and encoders of a run of the study."""

from __future__ import annotations

from pathlib import Path

from ...metrics import METRICS
from ...stabilizers import STABILIZERS, DepthPlan, depth_plan, stabilize
from ...stats.references import load_references
from ...study.conditions import layer_techniques
from ...study.study import Study
from ...tables.table import KeyFinding, RowHeader, Table
from ...tasks import SPLITS, Task
from .grids import Parameters

ASSUMED_LAYERS = 12  # of a BASE encoder, for a run without encoders
MAX_NAMED_TASKS = 4  # more are counted instead of named


def technique_table() -> Table:
    """Every stabilization technique of the package, and who proposed it."""
    rows = [
        (cls.title, " ".join((cls.__doc__ or "").split("\n\n")[0].split()), cls.source, cls.name) for cls in STABILIZERS
    ]
    return Table(
        title="Techniques that stabilize fine-tuning",
        columns=("Technique", "What it does", "Source", "Name in a recipe"),
        rows=rows,
        caption="From the package itself; techniques are applied in this order.",
    )


def depth_plans(study: Study[Parameters]) -> dict[str, DepthPlan]:
    """The effect of each technique and combination on each depth of the run's first encoder (12 layers without one)."""
    settings = layer_techniques(study.parameters, combinations=True)
    architectures = [source.architecture for source in study.sources.encoders.values()]
    n_layers = architectures[0].n_layers if architectures else ASSUMED_LAYERS
    return {name: depth_plan(stabilize(study.recipe(), *used), n_layers) for name, used in settings.items()}


def task_table(study: Study[Parameters]) -> Table:
    """The run's tasks: what is predicted, by which metric, and under which terms the data may be used."""
    references = load_references(study.store, study.sources.fingerprints)
    rows = []
    for task in study.tasks:
        reference = references[task.name]
        examples = "\u00a0/\u00a0".join(f"{reference.n_examples(split):,}" for split in SPLITS)
        score = METRICS[task.metric].title
        name = RowHeader(task.name, task.group)
        rows.append(
            (name, examples, _predicted(task), score, reference.resampling_unit("test"), task.terms, reference.data)
        )
    columns = ("Task", "Examples", "Predicted", "Metric", "Bootstrap over", "Terms", "Data")
    notes = [
        "Examples: train / dev / test; a tagged sentence is one. Bootstrap over: the unit that is resampled for "
        "intervals over test examples, documents if the files name them (for a correlation only differences are "
        "bootstrapped; its own interval is by Fisher's z). Terms: licence or conditions of use of BLURB's files. "
        "Data: fingerprint of the files."
    ]
    return Table(title="Tasks of this run", columns=columns, rows=rows, caption=study.provenance, notes=notes)


def _predicted(task: Task) -> str:
    if task.bounds is not None:
        return f"a score from {task.bounds[0]:g} to {task.bounds[1]:g}"
    if task.output == "multi_label":
        return f"any of {len(task.labels)} labels"
    return f"{'each word: ' if task.output == 'token_labels' else ''}{', '.join(task.labels)}"


def encoder_table(study: Study[Parameters]) -> Table:
    """The run's encoders: family, shape, parameters, fingerprint, and notes."""
    columns = ("Encoder", "Family", "Layers", "Width", "Parameters", "Vocabulary", "Fingerprint", "Remark")
    rows = []
    for name, missing in study.encoders.items():
        source = study.sources.encoders.get(name)
        remark = study.encoder_notes.get(name, "")
        if source is None:
            rows.append((name, missing or "not in this store", *("–" for _ in columns[2:-1]), remark))
            continue
        shape = source.architecture
        cells = (shape.family, str(shape.n_layers), str(shape.width), f"{shape.n_parameters / 1e6:.3g} M")
        notes = "\n".join(text for text in (f"given as {Path(source.spec).name}", remark) if text)
        rows.append((name, *cells, f"{shape.vocab_size:,}", source.fingerprint, notes))
    return Table(title="Encoders of this run", columns=columns, rows=rows, caption=study.provenance)


def overview_answer(study: Study[Parameters]) -> KeyFinding:
    """What this run of the study covers, in a few sentences."""
    sources = study.sources.encoders.values()
    layers = ", ".join(f"{source.name} ({source.architecture.n_layers} layers)" for source in sources)
    empty = [f"{name} ({missing})" for name, missing in study.encoders.items() if missing]
    names = [task.name for task in study.tasks]
    tasks = ", ".join(names) if len(names) <= MAX_NAMED_TASKS else f"{len(names)} datasets"
    sentences = [f"{len(STABILIZERS)} techniques, alone and combined, on {tasks}, with {layers or 'no encoder yet'}."]
    sentences += [f"Encoders without runs: {', '.join(empty)}."] if empty else []
    sentences += [
        "A run counts as collapsed if its loss diverged, its predictions are constant, or its training loss ends where "
        "the best constant prediction's is."
    ]
    return KeyFinding(question="What is compared, on what, and with what?", sentences=sentences)
