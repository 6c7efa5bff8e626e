"""Tables of the data audit: lengths and limits, labels, duplicates, mentions, how words are broken up.

Shares are in percent. Every number is counted from the files; where the store lacks them, a table says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...tables.table import Table, format_number
from ...tasks import SPLITS, Task, trivial_predictions
from ...tasks.audit import ALL_SPLITS, LIMITS
from ...tasks.duplicates import JACCARD_THRESHOLD
from .data_audit import Audit, Vocabulary
from .general_vocabulary import GENERATED

NONE = "–"


def length_table(audit: Audit) -> Table:
    """Words and sub-words of an example: median, 95th percentile, maximum; all splits together."""
    rows = []
    for task in audit.known:
        words = _three(audit.data[task.name]["words"])
        pieces = [
            _three(found["lengths"][ALL_SPLITS]) if (found := audit.of(task, v)) else NONE for v in audit.vocabularies
        ]
        rows.append((task.name, EXAMPLE[task.task_type], words, *pieces))
    columns = ("Task", "An example is", "Words", *(f"Sub-words, {v.name}" for v in audit.vocabularies))
    notes = [
        "Median / 95th percentile / maximum over all splits. Words: tokens of the tagged files, else what spaces "
        "separate. Sub-words: special tokens included.",
        *_vocabulary_notes(audit),
        *audit.notes,
    ]
    return Table(title="How long the examples are", columns=columns, rows=rows, caption=audit.origin, notes=notes)


EXAMPLE = {
    "ner": "a sentence",
    "pico": "a sentence",
    "relation": "a sentence, two entities masked",
    "similarity": "two sentences",
    "document": "an abstract",
    "question": "a question and its context",
}


def _three(spread: Mapping[str, float]) -> str:
    return " / ".join(f"{spread[name]:,.0f}" for name in ("q50", "q95", "max"))


def _vocabulary_notes(audit: Audit) -> list[str]:
    if not audit.vocabularies:
        return ["Sub-words: no encoder of this run is at hand."]
    return [f"Vocabulary of {v.name}: {v.entries:,} entries." for v in audit.vocabularies]


def limit_table(audit: Audit) -> Table:
    """What each length limit costs on test: examples that are longer, and mentions or sub-words past it."""
    several = len(audit.vocabularies) > 1
    rows = [
        (
            task.name,
            *([vocabulary.name] if several else []),
            *(_limit_cell(task, audit.data[task.name], found, limit) if found else NONE for limit in LIMITS),
        )
        for task in audit.known
        for vocabulary in audit.vocabularies
        for found in [audit.of(task, vocabulary)]
    ]
    columns = ("Task", *(["Vocabulary"] if several else []), *(f"{limit} sub-words" for limit in LIMITS))
    notes = [
        "% of test examples that are longer than the limit, and what lies past it. Tagged sentences: here, longer ones "
        "are split into windows and nothing is lost; a program that drops the words past its limit does not count the "
        "mentions (PICO words) that begin there, which flatters its recall. All others are cut, here as elsewhere: the "
        "share of test sub-words that no model sees.",
        *_vocabulary_notes(audit),
        *audit.notes,
    ]
    return Table(title="What a length limit costs (test)", columns=columns, rows=rows, n_header_columns=1 + several,
                 caption=audit.origin, notes=notes)  # fmt: skip


def _limit_cell(task: Task, data: Mapping[str, Any], found: Mapping[str, Any], limit: int) -> str:
    cost, split = found["limits"]["test"][str(limit)], data["splits"]["test"]
    if not cost["over"]:
        return "none"
    said = f"{percent(cost['over'], split['examples'])}% longer"
    if task.output == "token_labels":
        return f"{said}\n{cost['past']:,} of {split['size']:,} {task.size_unit}"
    return f"{said}\n{percent(cost['cut'], found['lengths']['test']['total'])}% cut"


def percent(part: float, whole: float) -> str:
    """A share in percent with one decimal; `<0.1` where it is more than none but rounds to none."""
    share = 100 * part / whole if whole else 0.0
    return "<0.1" if 0 < share < 0.05 else f"{share:.1f}"


def label_table(audit: Audit) -> Table:
    """Label shares of each split, and what predictions that read nothing score on dev and test."""
    rows = []
    for task in audit.known:
        names, shares = _label_rows(task, audit.data[task.name]["splits"])
        reference = audit.references[task.name]
        trivial = [format_number(100 * reference.trivial_score(split)) for split in ("dev", "test")]
        rows.append(
            (task.name, "\n".join(names), *map("\n".join, shares), _trivial_name(audit, task), *trivial)
        )  # fmt: skip
    columns = (
        "Task", "Label", "Train, %", "Dev, %", "Test, %", "Trivial prediction", "Its score, dev", "Its score, test"
    )  # fmt: skip
    notes = [
        "Tagged sentences: % of words. HoC: % of documents, which may have several labels. BIOSSES: mean ± standard "
        "deviation of its scores. Trivial prediction: what train alone suggests, by the task's metric × 100; it tells "
        "when a high number is none (a correlation with a constant is 0).",
        *audit.notes,
    ]
    return Table(title="How labels are spread, and what guessing scores", columns=columns, rows=rows,
                 caption=audit.origin, notes=notes)  # fmt: skip


def _label_rows(task: Task, splits: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Names, and per split their shares in the same order."""
    counts = [splits[split]["labels"] for split in SPLITS]
    if task.output == "score":
        return ["score"], [[f"{own['mean']:.2f} ± {own['sd']:.2f}"] for own in counts]
    if task.task_type == "ner":
        names, parts = ["in a mention"], [[own["B"] + own["I"]] for own in counts]
    else:
        keys = (
            task.positive_labels
            if task.task_type == "pico"
            else (*task.labels, *([""] if task.output == "multi_label" else []))
        )
        names, parts = [key or "none of them" for key in keys], [[own[key] for key in keys] for own in counts]
    wholes = [
        splits[split]["examples"] if task.output == "multi_label" else sum(own.values())
        for split, own in zip(SPLITS, counts, strict=True)
    ]
    return names, [[percent(n, whole) for n in own] for own, whole in zip(parts, wholes, strict=True)]


def _trivial_name(audit: Audit, task: Task) -> str:
    if task.output == "token_labels":
        return "no mention" if task.task_type == "ner" else "no PICO word"
    if task.output == "score":
        return "the mean of train"
    gold = audit.references[task.name].gold
    (guess,) = trivial_predictions(task, gold["train"].gold, gold["test"].gold[:1])
    return str(guess) or "no label"


def duplicate_table(audit: Audit) -> Table:
    """Dev and test examples that also occur in train."""
    rows = []
    for task in audit.known:
        found = audit.data[task.name]["duplicates"]
        shown = [_of_both(found, key) for key in ("exact", "other_label", "near", "masked_exact", "masked_near")]
        rows.append((task.name, _of_both(found, "examples"), *shown, _of_both(found, "documents")))
    columns = (
        "Task", "Examples", "Same text", "Other label", "Nearly same", "Masks alike", "Same words", "Document",
    )  # fmt: skip
    notes = [
        "Dev / test: examples with such a one in train (% of the split). Same text: letter case and spaces aside. "
        "Other label: of these, those whose label this text never has in train (of a tagged sentence: tags). "
        f"Nearly same: Jaccard similarity of the sets of word 3-grams at least {JACCARD_THRESHOLD:g}, the same "
        "text included.",
        "Relations, where an example is a sentence with one pair of entities masked: Masks alike: the same text where "
        f"every mask is read as one. Same words: Jaccard similarity of word sets at least {JACCARD_THRESHOLD:g}, "
        "masks left out, as where the same sentence occurs in train with another pair masked.",
        "Document: examples whose document has others in train; – where every one stands alone.",
        *audit.notes,
    ]
    return Table(title="What dev / test share with train", columns=columns, rows=rows, caption=audit.origin,
                 notes=notes)  # fmt: skip


def _of_both(found: Mapping[str, Mapping[str, int | None]], key: str) -> str:
    """A count of dev and of test, each with its share in percent."""
    counts = [(found[split][key], found[split]["examples"]) for split in ("dev", "test")]
    if counts[0][0] is None:
        return NONE
    shown = [
        f"{n:,}" if key in ("examples", "other_label") or not n else f"{n:,} ({percent(n, of)})" for n, of in counts
    ]
    return " / ".join(shown).replace(" ", "\u00a0")  # no line break within


def mention_table(audit: Audit) -> Table:
    """Entity mentions of test: length, adjacency, novelty, and the ceiling of IO tags."""
    rows = []
    for task in audit.known:
        found = audit.data[task.name]["splits"]["test"]["mentions"]
        if found is not None:
            n = found["mentions"]
            rows.append(
                (
                    task.name,
                    f"{n:,}",
                    f"{found['words']:.2f}",
                    percent(found["single"], n),
                    f"{found['longest']}",
                    f"{found['adjacent']:,} ({percent(found['adjacent'], n)})",
                    format_number(100 * found["io_ceiling"]),
                    percent(found["unseen"], n),
                    percent(found["unseen_forms"], found["forms"]),
                )
            )
    columns = (
        "Task", "Mentions", "Words, mean", "One word, %", "Longest", "Adjacent (%)", "IO ceiling, F1", "Unseen, %",
        "Unseen forms, %",
    )  # fmt: skip
    notes = [
        "Adjacent: mentions that follow another with no word between (% of mentions). IO tags merge them, so that even "
        "an exact predictor reaches only the ceiling (strict entity-level F1 × 100). Longest: words. Unseen: mentions "
        "whose words, letter case aside, are no mention of train; unseen forms: each distinct one counted once.",
        *audit.notes,
    ]
    return Table(title="Mentions of the entity tasks (test)", columns=columns, rows=rows, caption=audit.origin,
                 notes=notes)  # fmt: skip


def vocabulary_table(audit: Audit) -> Table:
    """Sub-words per word and share of words kept whole, with a general vocabulary and the encoders' own."""
    chosen = ([audit.general] if audit.general else []) + list(audit.vocabularies)
    rows = [
        (task.name, *(_words(audit, task, vocabulary, key) for key in ("subwords", "whole") for vocabulary in chosen))
        for task in audit.known
    ]
    columns = ("Task", *(f"{what}, {v.name}" for what in ("Sub-words per word", "Whole words, %") for v in chosen))
    if audit.general:
        said = f"{audit.general.name}: {audit.general.origin}, {audit.general.entries:,} entries."
        if audit.general.name == GENERATED:
            said += " It has no biomedical text, and no result depends on it."
        if any(audit.general.entries < vocabulary.entries for vocabulary in audit.vocabularies):
            said += " Smaller than the encoder's, which by itself breaks up more words."
    else:
        said = f"No general vocabulary to compare with: {audit.general_missing}."
    notes = [
        "Running words with a letter, all splits together; masks of entities are none. Whole: one sub-word, not "
        "unknown. The more a word is broken up, the more of it the model must put together.",
        said,
        *_vocabulary_notes(audit),
        *audit.notes,
    ]
    return Table(title="How vocabularies break up words", columns=columns, rows=rows, caption=audit.origin, notes=notes)


def _words(audit: Audit, task: Task, vocabulary: Vocabulary, key: str) -> str:
    found = audit.of(task, vocabulary)
    if found is None:
        return NONE
    return f"{found['words'][key]:.2f}" if key == "subwords" else f"{100 * found['words'][key]:.1f}"
