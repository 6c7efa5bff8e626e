"""How many points are only scoring: one run's predictions under every convention in use."""

from __future__ import annotations

from collections.abc import Sequence

from ...metrics import Convention, io_ceiling, scoring_conventions
from ...stats.collapse import GoldReference
from ...study.grid import Results
from ...tables.table import NOT_RUN, KeyFinding, Table, format_number, format_signed
from ...tasks.audit import LIMITS
from ...training.run_record import RunRecord
from .data_audit import Audit, kept_words

QUESTION = "How many points are only scoring?"


def scoring_table(results: Results, audit: Audit) -> Table:
    """Precision, recall and F1 of the run on test by every convention, strict BIO (BLURB's) first."""
    name, record = _record(results)
    columns = ("Convention", "What counts", "Precision", "Recall", "F1", "F1 − strict")
    title = f"{QUESTION} One run on {name}, test"
    if record is None:
        rows = [(NOT_RUN, _why_not(results), *[format_number(None)] * 4)]
        return Table(title=title, columns=columns, rows=rows, caption=results.provenance)
    found, reference = conventions(results, audit), results.references[name]
    strict = found[0]
    rows = [
        (
            convention.name,
            convention.meaning,
            *(format_number(100 * value) for value in (convention.precision, convention.recall, convention.f1)),
            "" if convention is strict else format_signed(100 * (convention.f1 - strict.f1)),
        )
        for convention in found
    ]
    rows.append(
        (
            "ceiling of IO tags",
            "strict BIO score of an exact predictor that is trained and decoded with IO tags",
            *[format_number(None)] * 2,
            format_number(100 * io_ceiling(reference.gold["test"].gold)),
            "",
        )
    )
    encoder = record.config.encoder_name
    notes = [
        f"{encoder}, {len(reference.gold['test'].gold):,} sentences, "
        f"{strict.gold_mentions:,} mentions, {strict.predicted_mentions:,} predicted. All rows but the last score the "
        "same predictions; × 100.",
        "Long sentences cut: sub-words by this encoder's vocabulary; a limit that every sentence keeps is left out.",
    ]
    commit = record.environment.get("commit") or "unknown"
    caption = f"1 run · seed {record.config.seed} · commit {commit} · {results.provenance}"
    return Table(title=title, columns=columns, rows=rows, caption=caption, notes=notes)


def conventions(results: Results, audit: Audit) -> list[Convention]:
    """The run's predictions by every convention; the one that drops words once per limit that some sentence exceeds."""
    name, record = _record(results)
    reference = results.references[name]
    gold, predicted = _both(reference, record)
    found = scoring_conventions(gold, predicted)
    for limit in LIMITS:
        kept = kept_words(audit, reference.task, limit=limit, sentences=len(gold))
        if kept is not None:
            cut = scoring_conventions(gold, predicted, kept_words=kept)[-1]
            found.append(
                Convention(**{**vars(cut), "name": f"{cut.name} at {limit}"}),
            )
    return found


def scoring_answer(results: Results, audit: Audit) -> KeyFinding:
    """How far apart the same predictions score."""
    name, record = _record(results)
    if record is None:
        return KeyFinding(question=QUESTION, sentences=[f"Not known: {_why_not(results)}."])
    strict, *others = conventions(results, audit)
    others = [other for other in others if other.name != "word level"]  # words are no mentions
    low, high = min(others, key=lambda c: c.f1), max(others, key=lambda c: c.f1)
    sentence = (
        f"On {name}, the same predictions score {format_number(100 * strict.f1)} strictly (BLURB), "
        f"{format_number(100 * high.f1)} as “{high.name}” ({format_signed(100 * (high.f1 - strict.f1))}) and "
        f"{format_number(100 * low.f1)} as “{low.name}” ({format_signed(100 * (low.f1 - strict.f1))}): numbers "
        "by different conventions are no comparison."
    )
    return KeyFinding(question=QUESTION, sentences=[sentence])


def _record(results: Results) -> tuple[str, RunRecord | None]:
    """The task, and its run where there is one with predictions."""
    (part,) = results.grid.columns
    found = [record for record in results.records.values() if record.predictions.get("test")]
    return part.label, found[0] if found else None


def _why_not(results: Results) -> str:
    missing = "".join(results.grid.missing_reasons.values())
    diverged = "the run's loss diverged" if results.records else "this run is not in the store"
    return missing or diverged


def _both(reference: GoldReference, record: RunRecord) -> tuple[Sequence[str], Sequence[str]]:
    reference.check(record)
    return list(map(str, reference.gold["test"].gold)), list(map(str, record.predictions["test"]))
