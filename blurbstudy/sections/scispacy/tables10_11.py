"""Tables 10 and 11, the models behind them, and how much of scispaCy's scores is its own reading and scoring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...baselines import MODELS, evaluated_tags, scispacy_score, score_on_scispacy_gold
from ...baselines.corpora import merged_labels
from ...metrics import precision_recall_f1
from ...study.grid import Condition, Results
from ...tables.paper import paper_number
from ...tables.score_table import PERCENT, cell_notes, cell_score, percents
from ...tables.table import NOT_RUN, Score, Table, format_interval, format_number, format_signed
from ...tasks import Task
from .grids import FINE_TUNED
from .scores import METRIC_OF, ORACLE, STRICT, Baselines, by_table, gap, is_released, learned_from, paper_column

BOTH = "both types"  # of BC5CDR at once
EVERY = "every mention"
NO_VECTORS = (
    "A retrained model has no word vectors (scispaCy's own, of 50,000 words from PubMed, are no part of its "
    "configuration), so it stands for the released one and is no copy of it."
)


def baseline_table(baselines: Baselines, results: Results, *, title: str, paper: str) -> Table:
    """A row per entity set and their mean; scispaCy's models, their oracle, then encoders, the paper's number in each.

    `paper`: table10 (exact boundaries) or table11 (overlap counts).
    """
    names = [*(model.name for model in MODELS), ORACLE]
    strict, mine = results, by_table(results)[paper]
    encoders = list(results.grid.groups)
    rows = [
        (
            part,
            *(tool_score(baselines, name, part, paper=paper) for name in names),
            *(_encoder_score(mine, strict, encoder, part, paper=paper) for encoder in encoders),
        )
        for part in baselines.parts
    ]
    tools = [*(f"scispaCy {name}" for name in names[:-1]), "scispaCy max (best of 2 on test)"]
    columns = ("Entity set", *tools, *encoders)
    return Table(
        title=title, columns=columns, rows=rows, notes=_notes(baselines, results, paper=paper),
        caption=f"{results.caption} · {models_in_words(baselines)}",
    )  # fmt: skip


def tool_score(baselines: Baselines, name: str, part: str, *, paper: str) -> Score:
    """A cell of a model, or of the oracle over both."""
    judged, printed = baselines.judged(paper, name, part), paper_number(paper, f"scispaCy {name}", part)
    if judged is None:
        state = baselines.missing.get(name) or (NOT_RUN if name != ORACLE else "not both models there")
        return Score(mean=None, paper=printed, state=state)
    return Score(
        mean=judged.score * PERCENT,
        over_examples=percents(judged.interval),
        paper=printed,
        n=1,
        runs=1,
        single_run=True,
    )


def _encoder_score(mine: Results, strict: Results, encoder: str, part: str, *, paper: str) -> Score:
    printed, key = paper_number(paper, paper_column(encoder), part), Condition(encoder, FINE_TUNED, part)
    if key not in strict.grid.cells:
        return Score(mean=None, paper=printed, state=strict.grid.missing_reasons.get(encoder) or "not asked for")
    score, judged = (replace(cell_score(results, key, paper=paper), paper=printed) for results in (mine, strict))
    return replace(score, failed=judged.failed, failed_on_test=judged.failed_on_test)


def _notes(baselines: Baselines, results: Results, *, paper: str) -> list[str]:
    meaning = (
        "Exact: a mention counts where its boundaries are exactly right, micro F1 over mentions."
        if paper == STRICT
        else "Overlap: a mention counts where it overlaps one of the other side (any overlap); micro F1 over mentions. "
        "Whether a run has failed is judged by exact boundaries here too."
    )
    notes = [
        meaning,
        "Both systems read the tokens of our files. Of scispaCy's mentions, CHEMICAL alone counts on the chemical set, "
        "DISEASE alone on the disease sets, every mention where a model knows no such type, as the paper's numbers "
        "imply (3.60 of a gene model on chemicals, 6.73 of a chemical and disease model on genes).",
        "max: per set, the model that scores better on test, which cannot be known in advance: an upper bound. One "
        "model each, so no interval over seeds.",
    ]
    if any(not is_released(found) for found in baselines.found.values()):
        notes.append(NO_VECTORS)
    return notes + cell_notes(results, paper)


def models_in_words(baselines: Baselines) -> str:
    """Which models stand behind the columns, for a caption."""
    said = []
    for name, found in baselines.found.items():
        model = found.model
        how = model["package"] if is_released(found) else f"retrained, {model['epochs']} epochs, seed {model['seed']}"
        said.append(f"scispaCy {name}: {how}, id {model['fingerprint']}, commit {model['commit'] or 'unknown'}")
    said += [f"scispaCy {name}: {why}" for name, why in baselines.missing.items()]
    return "; ".join(said)


def model_table(baselines: Baselines) -> Table:
    """Which model answered to which name, what it learned from, what of it counts on each set."""
    columns = ("Model", "Which", "Learned from", "Types", "Epochs, seed", "F1 on its dev", "Counts")
    rows = []
    for model in MODELS:
        found = baselines.found.get(model.name)
        if found is None:
            rows.append((f"scispaCy {model.name}", baselines.missing[model.name], *["–"] * (len(columns) - 2)))
            continue
        told, released = found.model, is_released(found)
        dev = told["dev_f1"]
        rows.append(
            (
                f"scispaCy {model.name}",
                f"released: {told['package']}" if released else "retrained here, published configuration",
                "as released" if released else f"train of {learned_from(model.name)}",
                ", ".join(told["types"]),
                "as released" if released else f"{told['epochs']}, {told['seed']}",
                format_number(None if dev is None else dev * PERCENT),
                _counting(baselines, model.name),
            )
        )
    notes = [
        "Released models are used where they are installed (ordinary spaCy packages, read by spaCy alone; nothing is "
        "downloaded). Else models are trained by spaCy's own loop with scispaCy's published configuration on the same "
        "corpora: BC5CDR with both types, from BLURB's two files of the same sentences; JNLPBA with its types "
        "collapsed, as BLURB has it; both read rightly, not as scispaCy's own reader does. The weights kept are those "
        "best on dev, looked at every 500 steps.",
        NO_VECTORS,
    ]
    return Table(
        title="The models behind scispaCy's columns", columns=columns, rows=rows, notes=notes,
        caption=f"{models_in_words(baselines)} · {baselines.origin}",
    )  # fmt: skip


def _counting(baselines: Baselines, name: str) -> str:
    """Which mentions of a model count on which sets: `DISEASE: BC5-disease, NCBI-disease`."""
    sets: dict[str, list[str]] = {}
    for task in baselines.tasks:
        sets.setdefault(baselines.kind(name, task) or EVERY, []).append(task.name)
    return (
        "\n".join(f"{kind}: {', '.join(names)}" for kind, names in sets.items()) if len(sets) > 1 else next(iter(sets))
    )


def gap_table(baselines: Baselines, results: Results) -> Table:
    """Encoders less the oracle over scispaCy's models, by exact boundaries and by overlap."""
    columns = ("Entity set", "Encoder", "Exact", "over seeds", "over examples", "the paper's", "Overlap", "over seeds",
               "over examples", "the paper's")  # fmt: skip
    rows = []
    tables = by_table(results)
    for part in baselines.parts:
        for encoder in results.grid.groups:
            gaps = [gap(baselines, own, table=table, encoder=encoder, part=part) for table, own in tables.items()]
            if None not in gaps:
                cells = [
                    (
                        format_signed(one.difference * PERCENT),
                        format_interval(percents(one.over_seeds)),
                        format_interval(percents(one.over_examples)),
                        format_signed(one.paper),
                    )
                    for one in gaps
                ]
                rows.append((part, encoder, *cells[0], *cells[1]))
    notes = [
        "Encoder less scispaCy max, times 100, mean over seeds; 95% intervals, over examples paired (both systems on "
        "the same draws of test sentences or documents). The oracle is chosen on test, so these gaps are, if anything, "
        "too small."
    ]
    return Table(
        title="How far encoders are ahead", columns=columns, n_header_columns=2, notes=notes,
        rows=rows or [(NOT_RUN, *["–"] * (len(columns) - 1))],
        caption=f"{results.caption} · {models_in_words(baselines)}",
    )  # fmt: skip


def slips_table(baselines: Baselines) -> Table:
    """The same predictions by our metric, with gold as scispaCy's reader has it, and summed as its scorer does."""
    columns = ("Entity set", "Model", "Counts", "Our F1", "its reading", "less ours", "its summing", "less ours",
               "every type", "less ours")  # fmt: skip
    rows = [row for task in baselines.tasks for row in _slips_of(baselines, task)]
    rows += _both_types(baselines)
    notes = [
        "The same predictions in each row, exact boundaries. Its reading: scispaCy's reader begins a gold mention only "
        "after a word outside, so neighbours merge and none of them can be found. Its summing: gold read so, counts "
        "summed over a set, so two types with equal counts count once, which only more than one type can show. Every "
        "type: our reading, but mentions of the other type count too: what typing is worth on sets of one type.",
        f"{BOTH}: BC5CDR's test with chemicals and diseases in one gold, as scispaCy scores its model.",
    ]
    return Table(
        title="How much is reading and scoring: the same predictions by scispaCy's own pipeline", columns=columns,
        rows=rows or [(NOT_RUN, *["–"] * (len(columns) - 1))], n_header_columns=2, notes=notes,
        caption=f"{models_in_words(baselines)} · {baselines.origin}",
    )  # fmt: skip


def _slips_of(baselines: Baselines, task: Task) -> list[tuple[str, ...]]:
    rows = []
    gold = list(map(str, baselines.references[task.name].gold["test"].gold))
    for name, found in baselines.found.items():
        if task.name in found.tags:
            kind = baselines.kind(name, task)
            every = [evaluated_tags(tags, None) for tags in found.tags[task.name]]
            scores = _by_each(gold, baselines.predicted(name, task))
            scores.append(None if kind is None else precision_recall_f1(METRIC_OF[STRICT], gold, every).f1)
            rows.append((task.name, f"scispaCy {name}", kind or EVERY, *_told(scores)))
    return rows


def _both_types(baselines: Baselines) -> list[tuple[str, ...]]:
    """BC5CDR's model on both its sets at once, the only one that several types can be summed for."""
    rows = []
    for model in MODELS:
        found = baselines.found.get(model.name)
        if found is None or len(model.types) < 2 or not set(model.types) <= set(found.tags):
            continue
        truth = {kind: baselines.references[task].gold["test"] for task, kind in model.types.items()}
        gold = merged_labels({kind: list(map(str, own.gold)) for kind, own in truth.items()})
        predicted = list(found.tags[next(iter(model.types))])
        if set(model.types.values()) <= set(found.model["types"]):
            rows.append((learned_from(model.name), f"scispaCy {model.name}", BOTH, *_told([*_by_each(gold, predicted),
                         None])))  # fmt: skip
    return rows


def _by_each(gold: Sequence[str], predicted: Sequence[str]) -> list[float | None]:
    ours = precision_recall_f1(METRIC_OF[STRICT], gold, predicted)
    return [ours.f1, *(way(gold, predicted).f1 for way in (score_on_scispacy_gold, scispacy_score))]


def _told(scores: Sequence[float | None]) -> list[str]:
    ours, *others = (None if score is None else score * PERCENT for score in scores)
    told = [format_number(ours)]
    for score in others:
        told += [format_number(score), "–" if score is None else format_signed(score - ours)]
    return told
