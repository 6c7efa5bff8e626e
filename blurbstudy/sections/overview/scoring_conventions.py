"""How much a score depends on the scoring convention: one run's predictions scored by every convention in use."""

from __future__ import annotations

from dataclasses import replace

from ...metrics import Convention, io_ceiling, scoring_conventions
from ...stats.references import NEEDS_DATA, GoldReference, is_unscored, with_gold
from ...study.grid import Results
from ...tables.formatting import format_number, format_signed
from ...tables.table import NOT_RUN, KeyFinding, Table
from ...tasks.audit import LIMITS
from ...training.run_record import RunRecord
from .data_audit import Audit, words_within_limit

QUESTION = "How much does a score depend on the scoring convention?"


def scoring_table(results: Results, audit: Audit) -> Table:
    """Precision, recall and F1 of the run on test by every convention, strict BIO (BLURB's) first."""
    name, record = _record(results)
    columns = ("Convention", "What counts", "Precision", "Recall", "F1", "F1 − strict")
    title = f"{QUESTION} One run on {name}, test"
    if record is None:
        rows = [(NOT_RUN, _why_not(results), *[format_number(None)] * 4)]
        return Table(title=title, columns=columns, rows=rows, caption=results.provenance)
    reference = with_gold(results.references[name])
    strict, *others = conventions(record, reference, audit)
    rows = [
        (
            convention.name,
            convention.meaning,
            *(format_number(100 * value) for value in (convention.precision, convention.recall, convention.f1)),
            "" if convention is strict else format_signed(100 * (convention.f1 - strict.f1)),
        )
        for convention in (strict, *others)
    ]
    rows.append(
        (
            "ceiling of IO tags",
            "strict BIO score of an exact predictor that is trained and decoded with IO tags",
            *[format_number(None)] * 2,
            format_number(100 * io_ceiling(list(map(str, reference.gold["test"].gold)))),
            "",
        )
    )
    encoder = record.config.encoder_name
    notes = [
        f"{encoder}, {len(reference.gold['test'].gold):,} sentences, "
        f"{strict.gold_mentions:,} mentions, {strict.predicted_mentions:,} predicted. All rows but the last score the "
        "same predictions; times 100."
    ]
    if any(" at " in convention.name for convention in others):
        notes.append(
            "Truncated sentences: length in sub-words of this encoder's vocabulary; limits that no sentence exceeds "
            "are omitted."
        )
    commit = record.environment.get("commit") or "unknown"
    caption = f"1 run · seed {record.config.seed} · commit {commit} · {results.provenance}"
    return Table(title=title, columns=columns, rows=rows, caption=caption, notes=notes)


def conventions(record: RunRecord, reference: GoldReference, audit: Audit) -> list[Convention]:
    """The run's predictions by every convention, strict first. The one that truncates is repeated for each limit that
    some sentence exceeds.
    """
    reference.check(record)
    gold = list(map(str, reference.gold["test"].gold))
    predicted = list(map(str, record.predictions["test"]))
    scored = scoring_conventions(gold, predicted)
    for limit in LIMITS:
        words = words_within_limit(audit, reference.task, limit=limit, sentences=len(gold))
        if words is not None:
            truncating = scoring_conventions(gold, predicted, kept_words=words)[-1]
            scored.append(replace(truncating, name=f"{truncating.name} at {limit}"))
    return scored


def scoring_answer(results: Results, audit: Audit) -> KeyFinding:
    """How far apart the same predictions score."""
    name, record = _record(results)
    if record is None:
        return KeyFinding(question=QUESTION, sentences=[f"Unknown: {_why_not(results)}."])
    strict, *others = conventions(record, with_gold(results.references[name]), audit)
    others = [other for other in others if other.name != "word level"]  # it counts words, not mentions
    low, high = min(others, key=lambda c: c.f1), max(others, key=lambda c: c.f1)
    sentence = (
        f"On {name}, the same predictions score {format_number(100 * strict.f1)} by the strict convention (BLURB), "
        f"{format_number(100 * high.f1)} as “{high.name}” ({format_signed(100 * (high.f1 - strict.f1))}) and "
        f"{format_number(100 * low.f1)} as “{low.name}” ({format_signed(100 * (low.f1 - strict.f1))}): scores "
        "by different conventions cannot be compared."
    )
    return KeyFinding(question=QUESTION, sentences=[sentence])


def _record(results: Results) -> tuple[str, RunRecord | None]:
    (column,) = results.grid.columns
    scored = [record for record in results.records.values() if record.predictions.get("test")]
    return column.label, scored[0] if scored else None


def _why_not(results: Results) -> str:
    missing = "".join(results.grid.missing_reasons.values())
    if any(not is_unscored(record, "test") for record in results.records.values()):
        return f"this table {NEEDS_DATA}"
    diverged = "the run's loss diverged" if results.records else "this run is not in the store"
    return missing or diverged
