"""A dev set split off train: stratified by label, grouped by document; a seed gives one division.

A document is never on both sides, nor is a text that stands in train several times; but headings and other short
sentences, which many documents have, tie no documents together. Where longer ones that many documents share (a line of
copyright) tie so many that dev falls far short of its share, they tie none either; the audit counts such texts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from ..duplicates import normalized
from ..task import Example, Task, split_labels, split_tags

SCORE_BINS = 5  # of like size, by which scores are stratified
SHORT = 6  # words below which a sentence of a document may well stand in others
TIES = (None, 2, 1)  # in how many documents a text may stand that ties them, from any number to none; the first that
ENOUGH = 0.5  # leaves dev at least this part of what its share asks for
PASSES = 50  # over all groups, at most: few change sides after the second
ROUNDING = 1e-9
EXAMPLE = "an example"  # the stratum that all belong to: it keeps the sizes


def divided(task: Task, examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Train and dev, both in file order; by Task.own's share and seed."""
    strata = _strata(task, examples)
    for most in TIES:
        groups = _groups(examples, most=most)
        counts = [sum((strata[i] for i in own), Counter()) for own in groups]
        in_dev = _chosen(counts, share=task.custom.dev_share, rng=np.random.default_rng(task.custom.split_seed))
        size = sum(count[EXAMPLE] for count, chosen in zip(counts, in_dev, strict=True) if chosen)
        if size >= ENOUGH * task.custom.dev_share * len(examples):
            break
    dev = {i for own, chosen in zip(groups, in_dev, strict=True) if chosen for i in own}
    return (
        [example for i, example in enumerate(examples) if i not in dev],
        [example for i, example in enumerate(examples) if i in dev],
    )


def _groups(examples: Sequence[Example], *, most: int | None) -> list[list[int]]:
    """Examples that stay together: of one document, or of one text that stands in so many documents at most (None: any
    number); groups in the order of their first examples.
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
        is_common = len(text.split()) < SHORT or (most is not None and len(documents[text]) > most)
        ties_none = example.unit != example.id and is_common  # a text that is a document itself ties always
        for key in (("document", example.unit), *(() if ties_none else (("text", text),))):
            a, b = sorted((first(i), first(seen.setdefault(key, i))))
            leader[b] = a
    groups = defaultdict(list)
    for i in range(len(examples)):
        groups[first(i)].append(i)
    return list(groups.values())


def _strata(task: Task, examples: Sequence[Example]) -> list[Counter[str]]:
    """What each example counts towards: its label, labels, entity types (by mention; PICO: by word) or score's bin."""
    if task.output == "score":
        order = np.argsort([float(example.label) for example in examples], kind="stable")
        bins = np.empty(len(examples), int)
        bins[order] = np.arange(len(examples)) * SCORE_BINS // len(examples)
        own = [[f"bin {bin}"] for bin in bins]
    elif task.output == "token_labels":
        begins = "I" if task.task_type == "pico" else "B"
        own = [[tag for tag in split_tags(str(e.label)) if tag.startswith(begins)] for e in examples]
    elif task.output == "multi_label":
        own = [split_labels(str(example.label)) for example in examples]
    else:
        own = [[str(example.label)] for example in examples]
    return [Counter([*labels, EXAMPLE]) for labels in own]


def _chosen(counts: Sequence[Counter[str]], *, share: float, rng: np.random.Generator) -> list[bool]:
    """Whether each group goes to dev: in a random order each changes sides if that brings every stratum's part in dev
    nearer to the share (squares of what it is off, a rare stratum's as weighty as a common one's), until none does.
    """
    names = sorted(set().union(*counts))
    own = np.array([[group[name] for name in names] for group in counts], np.float64)  # (groups, strata)
    total = own.sum(0)
    off = -share * total  # (strata,): what dev has too much; negative: lacks
    in_dev = np.zeros(len(counts), bool)
    order = rng.permutation(len(counts))
    for _ in range(PASSES):
        changed = False
        for place in order:
            moved = off - own[place] if in_dev[place] else off + own[place]
            if (moved * moved / total).sum() < (off * off / total).sum() - ROUNDING:
                off, in_dev[place], changed = moved, not in_dev[place], True
        if not changed:
            break
    return in_dev.tolist()
