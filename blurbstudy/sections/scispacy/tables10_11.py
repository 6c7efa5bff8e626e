"""Tables 10 and 11, the models behind them, and how scispaCy's own reader and scorer change its scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...baselines import MODELS, evaluated_tags, scispacy_score, score_on_scispacy_gold
from ...baselines.corpora import merged_labels
from ...metrics import precision_recall_f1
from ...stats.references import NEEDS_DATA, GoldReference, with_gold
from ...study.grid import Condition, Results
from ...tables.comparison_table import ONE_SEED_DEMO
from ...tables.formatting import format_interval, format_number, format_signed
from ...tables.paper import shown_number
from ...tables.score_table import PERCENT, cell_caveats, cell_legend, cell_score, percents
from ...tables.table import NOT_RUN, Remark, Score, Table
from ...tasks import Task
from .grids import FINE_TUNED
from .scores import METRIC_OF, ORACLE, STRICT, Baselines, by_table, gap, is_released, paper_column, training_tasks

BOTH_TYPES = "both types"  # of BC5CDR
EVERY_MENTION = "every mention"
NO_VECTORS = (
    "A retrained model has no word vectors: scispaCy's (50,000 words from PubMed) are not part of its published "
    "configuration. It approximates the released model."
)


def baseline_table(baselines: Baselines, results: Results, *, title: str, paper: str) -> Table:
    """A row per entity set and their mean; scispaCy's models, their oracle and encoders, with the paper's numbers.
    `paper`: table10 (exact boundaries) or table11 (overlap).
    """
    names = [*(model.name for model in MODELS), ORACLE]
    encoders, scored = list(results.grid.groups), by_table(results)[paper]
    rows = [
        (
            column,
            *(tool_score(baselines, results, name, column, paper=paper) for name in names),
            *(_encoder_score(scored, results, encoder, column, paper=paper) for encoder in encoders),
        )
        for column in baselines.columns
    ]
    tools = [*(f"scispaCy {name}" for name in names[:-1]), "scispaCy max (best of 2 on test)"]
    return Table(
        title=title,
        columns=("Entity set", *tools, *encoders),
        rows=rows,
        notes=_notes(baselines, results, paper=paper),
        legend=cell_legend(results, paper),
        caption=f"{results.caption} · {describe_models(baselines)}",
    )


def tool_score(baselines: Baselines, results: Results, name: str, column: str, *, paper: str) -> Score:
    """A cell of a model, or of the oracle over both."""
    score, printed = baselines.score(paper, name, column), shown_number(results, paper, f"scispaCy {name}", column)
    if score is None:
        state = baselines.missing.get(name) or (NOT_RUN if name != ORACLE else "needs both models")
        return Score(mean=None, paper=printed, state=state)
    return Score(
        mean=score.score * PERCENT,
        over_examples=percents(score.interval) if results.decides else None,
        paper=printed,
        n=1,
        runs=1,
        single_run=True,
        decides=results.decides,
    )


def _encoder_score(scored: Results, strict: Results, encoder: str, column: str, *, paper: str) -> Score:
    """The score by the table's metric, with failures by exact boundaries (`strict`)."""
    printed, condition = (
        shown_number(scored, paper, paper_column(encoder), column),
        Condition(encoder, FINE_TUNED, column),
    )
    if condition not in strict.grid.cells:
        return Score(mean=None, paper=printed, state=strict.grid.missing_reasons.get(encoder) or "not requested")
    score, exact = (cell_score(results, condition, paper=paper) for results in (scored, strict))
    return replace(score, paper=printed, failed=exact.failed, n_shown=exact.n_shown)


def _notes(baselines: Baselines, results: Results, *, paper: str) -> list[str]:
    definition = (
        "Exact: a predicted mention is correct if both boundaries match. Micro F1 over mentions."
        if paper == STRICT
        else "Overlap: a mention is correct if it overlaps one of the other side. Micro F1 over mentions. The "
        "status of runs is still by exact boundaries."
    )
    notes = [
        definition,
        "Both systems read the tokens of our files. Of scispaCy's mentions, only CHEMICAL is evaluated on the chemical "
        "set and only DISEASE on the disease sets; all mentions are evaluated if a model does not have that type. The "
        "paper's numbers imply the same (3.60 of a gene model on chemicals, 6.73 of a chemical and disease model on "
        "genes).",
        "max: for each set, the model with the better test score. It cannot be known in advance, so this is an upper "
        "bound. There is one run per model, so no interval over seeds.",
    ]
    if any(not is_released(predictions) for predictions in baselines.predictions.values()):
        notes.append(NO_VECTORS)
    return notes + cell_caveats(results)


def describe_models(baselines: Baselines) -> str:
    """The models behind the columns, for a caption."""
    sentences = []
    for name, predictions in baselines.predictions.items():
        model = predictions.model
        how = model.package if is_released(predictions) else f"retrained, {model.epochs} epochs, seed {model.seed}"
        sentences.append(f"scispaCy {name}: {how}, id {model.fingerprint}, commit {model.commit or 'unknown'}")
    sentences += [f"scispaCy {name}: {reason}" for name, reason in baselines.missing.items()]
    return "; ".join(sentences)


def model_table(baselines: Baselines) -> Table:
    """Which model stands for each name, its training data, and which of its mentions are evaluated on each set."""
    columns = ("Model", "Version", "Trained on", "Types", "Epochs, seed", "F1 on its dev", "Evaluated")
    rows = []
    for name in (model.name for model in MODELS):
        predictions = baselines.predictions.get(name)
        if predictions is None:
            rows.append((f"scispaCy {name}", baselines.missing[name], *["–"] * (len(columns) - 2)))
            continue
        model, released = predictions.model, is_released(predictions)
        rows.append(
            (
                f"scispaCy {name}",
                f"released: {model.package}" if released else "retrained here, published configuration",
                "as released" if released else f"train of {training_tasks(name)}",
                ", ".join(model.types),
                "as released" if released else f"{model.epochs}, {model.seed}",
                format_number(None if model.dev_f1 is None else model.dev_f1 * PERCENT),
                _evaluated_types(baselines, name),
            )
        )
    notes = [
        "Released models are used if they are installed (ordinary spaCy packages; nothing is downloaded). Otherwise "
        "models are trained by spaCy with scispaCy's published configuration on the same corpora: BC5CDR with both "
        "types, merged from BLURB's two files of the same sentences, and JNLPBA with its types collapsed, as in BLURB. "
        "Both are read without the errors of scispaCy's own reader. The weights with the best dev score, evaluated "
        "every 500 steps, are used.",
        NO_VECTORS,
    ]
    return Table(
        title="The models behind scispaCy's columns",
        columns=columns,
        rows=rows,
        notes=notes,
        caption=f"{describe_models(baselines)} · {baselines.provenance}",
    )


def _evaluated_types(baselines: Baselines, name: str) -> str:
    """Types with their sets, `DISEASE: BC5-disease, NCBI-disease`; just the type if it is the same on all sets."""
    sets: dict[str, list[str]] = {}
    for task in baselines.tasks:
        sets.setdefault(baselines.evaluated_type(name, task) or EVERY_MENTION, []).append(task.name)
    if len(sets) == 1:
        return next(iter(sets))
    return "\n".join(f"{kind}: {', '.join(names)}" for kind, names in sets.items())


def gap_table(baselines: Baselines, results: Results) -> Table | Remark:
    """Encoders minus the oracle over scispaCy's models, by exact boundaries and by overlap."""
    if not results.decides:
        return ONE_SEED_DEMO
    columns = ("Entity set", "Encoder", "Exact", "95%", "Paper", "Overlap", "95%", "Paper")
    rows, tables = [], by_table(results)
    for column in baselines.columns:
        for encoder in results.grid.groups:
            cells: list[str] = []
            for table, scored in tables.items():
                difference = gap(baselines, scored, table=table, encoder=encoder, column=column)
                if difference is None:
                    break
                cells += (
                    format_signed(difference.difference * PERCENT),
                    format_interval(percents(difference.comparison.interval)),
                    format_signed(difference.paper),
                )
            else:
                rows.append((column, encoder, *cells))
    notes = [
        "Encoder minus scispaCy max, times 100, mean over seeds. The interval is over seeds and test examples, "
        "on which both are paired. The oracle is chosen on test, so these gaps are, if anything, too small."
    ]
    return Table(
        title="How far encoders are ahead",
        columns=columns,
        n_header_columns=2,
        notes=notes,
        rows=rows or [(NOT_RUN, *["–"] * (len(columns) - 1))],
        caption=f"{results.caption} · {describe_models(baselines)}",
    )


def scorer_discrepancy_table(baselines: Baselines) -> Table:
    """The same predictions by our metric, on gold as scispaCy's reader has it, and summed as its scorer does."""
    columns = (
        "Entity set",
        "Model",
        "Evaluated",
        "Our F1",
        "its reader",
        "minus ours",
        "its scorer",
        "minus ours",
        "all types",
        "minus ours",
    )
    complete = all(isinstance(reference, GoldReference) for reference in baselines.references.values())
    rows = [row for task in baselines.tasks for row in _discrepancy_rows(baselines, task)] if complete else []
    rows += _both_types_rows(baselines)
    notes = [
        "Each row scores the same predictions by exact boundaries. Its reader: scispaCy's reader starts a gold mention "
        "only after a word outside mentions, so adjacent mentions merge and none of them can be found. Its scorer: "
        "gold as read by that reader, and counts summed over a set, so that two types with equal counts are counted "
        "once; only models with several types are affected. All types: our reader, but mentions of the other type are "
        "evaluated too: this shows the effect of typing on sets of one type.",
        f"{BOTH_TYPES}: BC5CDR's test set with chemicals and diseases together, as scispaCy scores its model.",
        *([] if complete else [f"This table {NEEDS_DATA}."]),
    ]
    return Table(
        title="The same predictions, read and scored by scispaCy's own pipeline",
        columns=columns,
        rows=rows or [(NOT_RUN, *["–"] * (len(columns) - 1))],
        n_header_columns=2,
        notes=notes,
        caption=f"{describe_models(baselines)} · {baselines.provenance}",
    )


def _discrepancy_rows(baselines: Baselines, task: Task) -> list[tuple[str, ...]]:
    rows = []
    gold = list(map(str, with_gold(baselines.references[task.name]).gold["test"].gold))
    for name, predictions in baselines.predictions.items():
        if task.name in predictions.tags:
            kind = baselines.evaluated_type(name, task)
            all_types = [evaluated_tags(tags, None) for tags in predictions.tags[task.name]]
            scores = _three_scores(gold, baselines.evaluated_tags(name, task))
            scores.append(None if kind is None else precision_recall_f1(METRIC_OF[STRICT], gold, all_types).f1)
            rows.append((task.name, f"scispaCy {name}", kind or EVERY_MENTION, *_format_scores(scores)))
    return rows


def _both_types_rows(baselines: Baselines) -> list[tuple[str, ...]]:
    """BC5CDR's model on both its sets together."""
    rows = []
    for model in MODELS:
        predictions = baselines.predictions.get(model.name)
        if predictions is None or len(model.types) < 2 or not set(model.types) <= set(predictions.tags):
            continue
        gold = merged_labels(
            {
                kind: list(map(str, with_gold(baselines.references[task]).gold["test"].gold))
                for task, kind in model.types.items()
            }
        )
        predicted = list(predictions.tags[next(iter(model.types))])
        if set(model.types.values()) <= set(predictions.model.types):
            scores = _format_scores([*_three_scores(gold, predicted), None])
            rows.append((training_tasks(model.name), f"scispaCy {model.name}", BOTH_TYPES, *scores))
    return rows


def _three_scores(gold: Sequence[str], predicted: Sequence[str]) -> list[float | None]:
    """F1 by our metric, on gold as scispaCy reads it, and by scispaCy's scorer."""
    ours = precision_recall_f1(METRIC_OF[STRICT], gold, predicted)
    return [ours.f1, score_on_scispacy_gold(gold, predicted).f1, scispacy_score(gold, predicted).f1]


def _format_scores(scores: Sequence[float | None]) -> list[str]:
    """The first score, then each other with its difference to the first."""
    ours, *others = (None if score is None else score * PERCENT for score in scores)
    cells = [format_number(ours)]
    for score in others:
        difference = None if score is None or ours is None else score - ours
        cells += [format_number(score), format_signed(difference)]
    return cells
