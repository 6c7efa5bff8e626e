"""Tables of the data audit: lengths and limits, labels, duplicates, mentions, vocabularies.

Shares are in percent. Every number is counted from the files; a table says which the store lacks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...config import JsonMapping
from ...tables.formatting import format_number
from ...tables.table import Table
from ...tasks import SPLITS, Task
from ...tasks.audit import ALL_SPLITS, LIMITS
from ...tasks.duplicates import JACCARD_THRESHOLD
from .data_audit import Audit, Vocabulary
from .general_vocabulary import GENERATED

NONE = "–"


def _table(
    audit: Audit,
    title: str,
    columns: Sequence[str],
    rows: Sequence[tuple[str, ...]],
    notes: Sequence[str],
    *,
    folded: bool = False,
    n_header_columns: int = 1,
) -> Table:
    """With the audit's provenance, and which tasks the store has no counts of."""
    return Table(
        title=title,
        columns=columns,
        rows=rows,
        caption=audit.provenance,
        notes=[*notes, *audit.notes],
        folded=folded,
        n_header_columns=n_header_columns,
    )


def length_table(audit: Audit) -> Table:
    """Words and sub-words of an example: median, 95th percentile, maximum; all splits together."""
    rows = []
    for task in audit.known:
        words = _quantiles(audit.data[task.name]["words"])
        subwords = [
            _quantiles(counts["lengths"][ALL_SPLITS]) if (counts := audit.of(task, vocabulary)) else NONE
            for vocabulary in audit.vocabularies
        ]
        rows.append((task.name, EXAMPLE[task.task_type], words, *subwords))
    columns = ("Task", "An example is", "Words", *(f"Sub-words, {v.name}" for v in audit.vocabularies))
    notes = [
        "Median / 95th percentile / maximum over all splits. Words: tokens of the tagged files, otherwise separated by "
        "spaces. Sub-words: special tokens included.",
        *_vocabulary_notes(audit),
    ]
    return _table(audit, "How long the examples are", columns, rows, notes, folded=True)


EXAMPLE = {
    "ner": "a sentence",
    "pico": "a sentence",
    "relation": "a sentence, two entities masked",
    "similarity": "two sentences",
    "document": "an abstract",
    "question": "a question and its context",
}


def _quantiles(spread: Mapping[str, float]) -> str:
    return " / ".join(f"{spread[name]:,.0f}" for name in ("q50", "q95", "max"))


def _vocabulary_notes(audit: Audit) -> list[str]:
    if not audit.vocabularies:
        return ["Sub-words: no encoder of this run is available."]
    return [f"Vocabulary of {v.name}: {v.entries:,} entries." for v in audit.vocabularies]


def limit_table(audit: Audit) -> Table:
    """The effect of each length limit on test: longer examples, and mentions or sub-words beyond it."""
    several = len(audit.vocabularies) > 1
    rows = [
        (
            task.name,
            *([vocabulary.name] if several else []),
            *(_limit_cell(task, audit.data[task.name], counts, limit) if counts else NONE for limit in LIMITS),
        )
        for task in audit.known
        for vocabulary in audit.vocabularies
        for counts in [audit.of(task, vocabulary)]
    ]
    columns = ("Task", *(["Vocabulary"] if several else []), *(f"{limit} sub-words" for limit in LIMITS))
    notes = [
        "% of test examples that are longer than the limit, and what is beyond it. Tagged sentences: we split longer "
        "ones into windows and lose nothing; a program that drops the words beyond its limit also drops the mentions "
        "(PICO words) that begin there from its gold labels, which inflates its recall. All other examples are "
        "truncated, here as elsewhere: % of test sub-words that no model sees.",
        *_vocabulary_notes(audit),
    ]
    return _table(
        audit, "What a length limit costs (test)", columns, rows, notes, folded=True, n_header_columns=1 + several
    )


def _limit_cell(task: Task, data: JsonMapping, counts: JsonMapping, limit: int) -> str:
    cost, split = counts["limits"]["test"][str(limit)], data["splits"]["test"]
    if not cost["over"]:
        return "none"
    longer = f"{percent(cost['over'], split['examples'])}% longer"
    if task.output == "token_labels":
        return f"{longer}\n{cost['past']:,} of {split['size']:,} {task.size_unit}"
    return f"{longer}\n{percent(cost['cut'], counts['lengths']['test']['total'])}% truncated"


def percent(part: float, total: float) -> str:
    """A share in percent with one decimal; `<0.1` if it is positive but rounds to 0."""
    share = 100 * part / total if total else 0.0
    return "<0.1" if 0 < share < 0.05 else f"{share:.1f}"


def label_table(audit: Audit) -> Table:
    """Label shares of each split, and the trivial baseline on dev and test."""
    rows = []
    for task in audit.known:
        names, shares = _label_rows(task, audit.data[task.name]["splits"])
        reference = audit.references[task.name]
        trivial = [format_number(100 * reference.trivial_score(split)) for split in ("dev", "test")]
        rows.append((task.name, "\n".join(names), *map("\n".join, shares), _trivial_name(audit, task), *trivial))
    columns = (
        "Task",
        "Label",
        "Train, %",
        "Dev, %",
        "Test, %",
        "Trivial prediction",
        "Its score, dev",
        "Its score, test",
    )
    notes = [
        "Tagged sentences: % of words. HoC: % of documents, which may have several labels. BIOSSES: mean ± standard "
        "deviation of its scores. Trivial prediction: from the labels of train alone, scored by the task's metric, "
        "times 100. A score near it is not an achievement, however high (the correlation with a constant is 0).",
    ]
    return _table(audit, "Label distributions and trivial baselines", columns, rows, notes, folded=True)


def _label_rows(task: Task, splits: JsonMapping) -> tuple[list[str], list[list[str]]]:
    """Names, and their shares per split."""
    counts = [splits[split]["labels"] for split in SPLITS]
    if task.output == "score":
        return ["score"], [[f"{split['mean']:.2f} ± {split['sd']:.2f}"] for split in counts]
    if task.task_type == "ner":
        names, parts = ["in a mention"], [[split["B"] + split["I"]] for split in counts]
    else:
        keys = (
            task.positive_labels
            if task.task_type == "pico"
            else (*task.labels, *([""] if task.output == "multi_label" else []))
        )
        names, parts = [key or "none of them" for key in keys], [[split[key] for key in keys] for split in counts]
    totals = [
        splits[name]["examples"] if task.output == "multi_label" else sum(split.values())
        for name, split in zip(SPLITS, counts, strict=True)
    ]
    return names, [[percent(n, total) for n in split] for split, total in zip(parts, totals, strict=True)]


def _trivial_name(audit: Audit, task: Task) -> str:
    if task.output == "token_labels":
        return "no mention" if task.task_type == "ner" else "no PICO word"
    if task.output == "score":
        return "the mean of train"
    return audit.references[task.name].trivial_label() or "no label"


def duplicate_table(audit: Audit) -> Table:
    """Dev and test examples that also occur in train."""
    rows = []
    for task in audit.known:
        counts = audit.data[task.name]["duplicates"]
        keys = ("examples", "exact", "other_label", "near", "masked_exact", "masked_near", "documents")
        rows.append((task.name, *(_dev_and_test(counts, key) for key in keys)))
    columns = ("Task", "Examples", "Same text", "Other label", "Nearly same", "Masks alike", "Same words", "Document")
    notes = [
        "Dev / test: number of examples with such a duplicate in train (% of the split). Same text: ignoring case and "
        "spaces. Other label: of these, examples whose label (tags, in a tagged sentence) this text never has in "
        f"train. Nearly same: Jaccard similarity of the sets of word 3-grams at least {JACCARD_THRESHOLD:g}, the same "
        "text included.",
        "Only for relations, whose examples are sentences with one pair of entities masked. Masks alike: the same "
        f"text if all masks are equal. Same words: Jaccard similarity of word sets at least {JACCARD_THRESHOLD:g}, "
        "ignoring masks; for example the same sentence with another pair masked.",
        "Document: examples from a document that also has examples in train; – if every example is a document.",
    ]
    return _table(audit, "What dev / test share with train", columns, rows, notes)


def _dev_and_test(duplicates: JsonMapping, key: str) -> str:
    """A count of dev and of test, each with its share in percent."""
    counts = [(duplicates[split][key], duplicates[split]["examples"]) for split in ("dev", "test")]
    if counts[0][0] is None:
        return NONE
    plain = key in ("examples", "other_label")
    cells = [f"{n:,}" if plain or not n else f"{n:,} ({percent(n, total)})" for n, total in counts]
    return " / ".join(cells).replace(" ", "\u00a0")  # no line break within


def mention_table(audit: Audit) -> Table:
    """Entity mentions of test: length, adjacency, novelty, and the ceiling of IO tags."""
    rows = []
    for task in audit.known:
        counts = audit.data[task.name]["splits"]["test"]["mentions"]
        if counts is not None:
            n = counts["mentions"]
            rows.append(
                (
                    task.name,
                    f"{n:,}",
                    f"{counts['words']:.2f}",
                    percent(counts["single"], n),
                    f"{counts['longest']}",
                    f"{counts['adjacent']:,} ({percent(counts['adjacent'], n)})",
                    format_number(100 * counts["io_ceiling"]),
                    percent(counts["unseen"], n),
                    percent(counts["unseen_forms"], counts["forms"]),
                )
            )
    columns = (
        "Task",
        "Mentions",
        "Words, mean",
        "One word, %",
        "Longest",
        "Adjacent (%)",
        "IO ceiling, F1",
        "Unseen, %",
        "Unseen forms, %",
    )
    notes = [
        "Adjacent: mentions directly after another one (% of mentions). IO tags merge them, so even an exact "
        "predictor only reaches the ceiling (strict entity-level F1, times 100). Longest: in words. Unseen: mentions "
        "whose words, ignoring case, are not a mention in train; unseen forms: the same with each distinct form "
        "counted once.",
    ]
    return _table(audit, "Mentions of the entity tasks (test)", columns, rows, notes)


def vocabulary_table(audit: Audit) -> Table:
    """Sub-words per word and share of unsplit words, with a general vocabulary and those of the encoders."""
    compared = ([audit.general] if audit.general else []) + list(audit.vocabularies)
    rows = [
        (task.name, *(_words(audit, task, vocabulary, key) for key in ("subwords", "whole") for vocabulary in compared))
        for task in audit.known
    ]
    columns = ("Task", *(f"{what}, {v.name}" for what in ("Sub-words per word", "Unsplit words, %") for v in compared))
    if audit.general:
        comparison = f"{audit.general.name}: {audit.general.origin}, {audit.general.entries:,} entries."
        if audit.general.name == GENERATED:
            comparison += " That text is not biomedical, and no result depends on this vocabulary."
        if any(audit.general.entries < vocabulary.entries for vocabulary in audit.vocabularies):
            comparison += " It is smaller than the encoder's, which by itself splits more words."
    else:
        comparison = f"No general vocabulary to compare with: {audit.general_missing}."
    notes = [
        "Running words that contain a letter, all splits together, without entity masks. Unsplit: a single sub-word, "
        "not unknown. A model must compose the meaning of words that are split.",
        comparison,
        *_vocabulary_notes(audit),
    ]
    return _table(audit, "How vocabularies split words", columns, rows, notes, folded=True)


def _words(audit: Audit, task: Task, vocabulary: Vocabulary, key: str) -> str:
    counts = audit.of(task, vocabulary)
    if counts is None:
        return NONE
    return f"{counts['words'][key]:.2f}" if key == "subwords" else f"{100 * counts['words'][key]:.1f}"
