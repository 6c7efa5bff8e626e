"""A dev split of train: stratified by label, grouped by document, determined by a seed.

Documents and repeated texts stay on one side. Short sentences such as headings, which many documents share, do not
connect documents. If longer shared texts (a line of copyright) connect so many documents that dev becomes too small,
texts shared by several documents do not connect them either; the audit reports such duplicates.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from ..duplicates import normalized
from ..task import Example, Task, split_labels, split_tags

SCORE_BINS = 5  # of equal size, to stratify scores
MIN_SHARED_WORDS = 6  # shorter sentences do not connect documents
# Texts in more documents do not connect them (None: no limit); tried in order until MIN_DEV_FRACTION is reached.
MAX_SHARED_DOCUMENTS = (None, 2, 1)
MIN_DEV_FRACTION = 0.5  # dev has at least this fraction of its intended size
MAX_PASSES = 50  # over all groups; few move after the second
ROUNDING = 1e-9
EXAMPLE = "an example"  # the stratum of all examples, which balances the sizes


def split_dev(task: Task, examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Train and dev in file order, by the task's dev_share and split_seed."""
    strata = label_strata(task, [example.label for example in examples])
    for max_documents in MAX_SHARED_DOCUMENTS:
        groups = _groups(examples, max_documents=max_documents)
        counts = [sum((strata[i] for i in group), Counter()) for group in groups]
        in_dev = assign_groups(counts, share=task.form.dev_share, rng=np.random.default_rng(task.form.split_seed))
        size = sum(count[EXAMPLE] for count, chosen in zip(counts, in_dev, strict=True) if chosen)
        if size >= MIN_DEV_FRACTION * task.form.dev_share * len(examples):
            break
    dev = {i for group, chosen in zip(groups, in_dev, strict=True) if chosen for i in group}
    return (
        [example for i, example in enumerate(examples) if i not in dev],
        [example for i, example in enumerate(examples) if i in dev],
    )


def _groups(examples: Sequence[Example], *, max_documents: int | None) -> list[list[int]]:
    """Indices of examples that stay together: of one document, or of one text.

    Args:
        max_documents: texts in more documents do not connect them; None: no limit.
    """
    texts = [normalized(example) for example in examples]
    documents = defaultdict(set)
    for text, example in zip(texts, examples, strict=True):
        documents[text].add(example.unit)
    leader = list(range(len(examples)))

    def first(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    seen: dict[tuple[str, str], int] = {}
    for i, (text, example) in enumerate(zip(texts, examples, strict=True)):
        is_common = len(text.split()) < MIN_SHARED_WORDS or (
            max_documents is not None and len(documents[text]) > max_documents
        )
        ties_none = example.unit != example.id and is_common  # a text that is its own document always connects
        for key in (("document", example.unit), *(() if ties_none else (("text", text),))):
            a, b = sorted((first(i), first(seen.setdefault(key, i))))
            leader[b] = a
    groups = defaultdict(list)
    for i in range(len(examples)):
        groups[first(i)].append(i)
    return list(groups.values())


def label_strata(task: Task, labels: Sequence[str | float]) -> list[Counter[str]]:
    """The strata of each example: label, labels, entity types (per mention; PICO: per word) or bin of its score."""
    if task.output == "score":
        order = np.argsort([float(label) for label in labels], kind="stable")
        bins = np.empty(len(labels), int)
        bins[order] = np.arange(len(labels)) * SCORE_BINS // len(labels)
        names = [[f"bin {bin}"] for bin in bins]
    elif task.output == "token_labels":
        begins = "I" if task.task_type == "pico" else "B"
        names = [[tag for tag in split_tags(str(label)) if tag.startswith(begins)] for label in labels]
    elif task.output == "multi_label":
        names = [split_labels(str(label)) for label in labels]
    else:
        names = [[str(label)] for label in labels]
    return [Counter([*of_example, EXAMPLE]) for of_example in names]


def assign_groups(counts: Sequence[Counter[str]], *, share: float, rng: np.random.Generator) -> list[bool]:
    """Whether each group is in dev. In random order, groups move while that reduces the sum over strata of the squared
    deviations from the share, relative to the stratum's size.
    """
    names = sorted(set().union(*counts))
    group_counts = np.array([[group[name] for name in names] for group in counts], np.float64)  # (groups, strata)
    total = group_counts.sum(0)
    excess = -share * total  # (strata,): surplus in dev, negative if it lacks examples
    in_dev = np.zeros(len(counts), bool)
    order = rng.permutation(len(counts))
    for _ in range(MAX_PASSES):
        changed = False
        for i in order:
            moved = excess - group_counts[i] if in_dev[i] else excess + group_counts[i]
            if (moved * moved / total).sum() < (excess * excess / total).sum() - ROUNDING:
                excess, in_dev[i], changed = moved, not in_dev[i], True
        if not changed:
            break
    return in_dev.tolist()
