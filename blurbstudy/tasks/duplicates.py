"""Examples of dev and test that stand in train as well: word for word, or nearly (Jaccard of word 3-grams).

Near means at least 0.8 of the distinct 3-grams of both texts together are shared. Texts are found by the prefix filter
of a set-similarity join (Bayardo et al. 2007, All-Pairs; Xiao et al. 2008, PPJoin): two sets that similar share one of
their few rarest elements, so nothing is missed and little is compared.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from .task import Example, Task

NEAR = 0.8  # least Jaccard similarity of two texts that are nearly the same
GRAM = 3  # words
ENTITY = "@entity$"  # what every mask becomes where masks are not told apart
_MASK = re.compile(r"@[a-z]+(?:-[a-z]+)*\$")
_WORD = re.compile(rf"{_MASK.pattern}|\w+|[^\w\s]")
_ROUNDING = 1e-9


def normalized(example: Example, *, masks: bool = True) -> str:
    """An example's texts in lower case with single spaces, numbers kept; without `masks`, all masks are one."""
    text = "\n".join(" ".join(part.lower().split()) for part in _texts(example))
    return text if masks else _MASK.sub(ENTITY, text)


def _texts(example: Example) -> Iterable[str]:
    return example.texts if len(example.texts) <= 2 else (" ".join(example.texts),)  # the words of a sentence


def duplicates(task: Task, train: Sequence[Example], others: Sequence[Example]) -> dict[str, int | None]:
    """How many of the other split's examples stand in train.

    Returns:
        examples: all of them; exact: same text; other_label: of these, those whose label this text never has in train;
        near: Jaccard at least NEAR, the same ones included; masked_exact, masked_near: the same with all masks alike
        (relations; else None); documents: those whose document has examples in train (None where examples stand alone).
    """
    found: dict[str, int | None] = {"examples": len(others)} | _exact(train, others)
    found["near"] = _near(train, others, masks=True)
    relation = task.kind == "relation"
    known = {normalized(example, masks=False) for example in train} if relation else set()
    found["masked_exact"] = sum(normalized(e, masks=False) in known for e in others) if relation else None
    found["masked_near"] = _near(train, others, masks=False) if relation else None
    units = {example.unit for example in train}
    alone = all(example.unit == example.id for example in (*train, *others))
    found["documents"] = None if alone else sum(example.unit in units for example in others)
    return found


def _exact(train: Sequence[Example], others: Sequence[Example]) -> dict[str, int]:
    labels = defaultdict(set)
    for example in train:
        labels[normalized(example)].add(example.label)
    same = [(example.label, labels[key]) for example in others if (key := normalized(example)) in labels]
    return {"exact": len(same), "other_label": sum(label not in known for label, known in same)}


def _near(train: Sequence[Example], others: Sequence[Example], *, masks: bool) -> int:
    counts = Counter(normalized(example, masks=masks) for example in others)
    texts = list(counts)
    corpus = list({normalized(example, masks=masks) for example in train})
    return sum(counts[text] for text, near in zip(texts, near_texts(texts, corpus), strict=True) if near)


def near_texts(queries: Sequence[str], corpus: Sequence[str], *, least: float = NEAR) -> list[bool]:
    """Whether each query has a text in the corpus whose 3-grams have a Jaccard similarity of at least `least`."""
    sets = [grams(text) for text in (*queries, *corpus)]
    often = Counter(gram for own in sets for gram in own)
    rank = {gram: i for i, (gram, _) in enumerate(sorted(often.items(), key=lambda item: item[1]))}
    numbers = [sorted(rank[gram] for gram in own) for own in sets]
    asked, kept = numbers[: len(queries)], [frozenset(own) for own in numbers[len(queries) :]]
    postings = defaultdict(list)
    for i, own in enumerate(numbers[len(queries) :]):
        for gram in _prefix(own, least):
            postings[gram].append(i)
    return [_has_near(own, kept, postings, least) for own in asked]


def grams(text: str) -> set[tuple[str, ...]]:
    """A text's distinct word 3-grams; of a shorter text, all its words as one."""
    words = _WORD.findall(text)
    return {tuple(words[i : i + GRAM]) for i in range(max(1, len(words) - GRAM + 1))}


def _prefix(own: Sequence[int], least: float) -> Sequence[int]:
    """The rarest elements: of two sets as similar as `least`, these have one in common."""
    return own[: len(own) - math.ceil(least * len(own) - _ROUNDING) + 1]


def _has_near(
    own: Sequence[int], kept: Sequence[frozenset[int]], postings: dict[int, list[int]], least: float
) -> bool:
    seen, mine = set(), frozenset(own)
    for gram in _prefix(own, least):
        for i in postings.get(gram, ()):
            if i in seen:
                continue
            seen.add(i)
            other = kept[i]
            if min(len(mine), len(other)) < least * max(len(mine), len(other)) - _ROUNDING:
                continue
            shared = len(mine & other)
            if shared >= least * (len(mine) + len(other) - shared) - _ROUNDING:
                return True
    return False
