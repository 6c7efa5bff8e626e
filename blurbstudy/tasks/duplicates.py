"""Duplicates and near-duplicates of train in dev and test (Jaccard similarity of word 3-grams).

Near-duplicates share at least 0.8 of the union of their distinct 3-grams. The search is exact and uses the prefix
filter of a set-similarity join (Bayardo et al. 2007, All-Pairs; Xiao et al. 2008, PPJoin): two such sets share one of
their rarest elements.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from .task import Example, Task

JACCARD_THRESHOLD = 0.8  # minimum Jaccard similarity of near-duplicates
NGRAM = 3  # words
ENTITY = "@entity$"  # replaces every mask if masks are not distinguished
_MASK = re.compile(r"@[a-z]+(?:-[a-z]+)*\$")
_WORD = re.compile(rf"{_MASK.pattern}|\w+|[^\w\s]")
_ROUNDING = 1e-9


def normalized(example: Example, *, masks: bool = True) -> str:
    """An example's texts in lower case with single spaces; without `masks`, all entity masks are the same."""
    text = "\n".join(" ".join(part.lower().split()) for part in _texts(example))
    return text if masks else _MASK.sub(ENTITY, text)


def _texts(example: Example) -> Iterable[str]:
    return example.texts if len(example.texts) <= 2 else (" ".join(example.texts),)  # the words of a sentence


def duplicates(
    task: Task, train: Sequence[Example], others: Mapping[str, Sequence[Example]]
) -> dict[str, dict[str, int | None]]:
    """Number of examples of each other split that also occur in train.

    Returns:
        split -> examples: total; exact: same text; other_label: of these, with a label that the text never has in
        train; near: 3-gram similarity of at least JACCARD_THRESHOLD, exact ones included; masked_exact: same text if
        all masks are equal; masked_near: similarity of distinct words without masks of at least JACCARD_THRESHOLD, as
        for one sentence with different pairs masked (both only for relations); documents: from a document of train
        (None if examples have no named documents).
    """
    relation = task.task_type == "relation"
    labels = defaultdict(set)
    for example in train:
        labels[normalized(example)].add(example.label)
    near = near_duplicates(train, others, parts=lambda example: ngrams(normalized(example)))
    masked = {normalized(example, masks=False) for example in train} if relation else set()
    same_words = near_duplicates(train, others, parts=unmasked_words) if relation else {}
    units = named_documents(train)
    counts = {}
    for split, examples in others.items():
        same = [(example.label, labels[key]) for example in examples if (key := normalized(example)) in labels]
        counts[split] = {
            "examples": len(examples),
            "exact": len(same),
            "other_label": sum(label not in known for label, known in same),
            "near": sum(near[split]),
            "masked_exact": sum(normalized(e, masks=False) in masked for e in examples) if relation else None,
            "masked_near": sum(same_words[split]) if relation else None,
            "documents": sum(example.unit in units for example in examples) if units else None,
        }
    return counts


def named_documents(examples: Sequence[Example]) -> set[str]:
    """Ids of the examples' documents; empty if there are none or they are only numbered."""
    documents = {example.unit for example in examples}
    numbered = {f"d{i}" for i in range(1, len(examples) + 1)}  # those of different files are unrelated
    named = {example.unit for example in examples if example.unit != example.id} - numbered
    return documents if named else set()


def near_duplicates(
    train: Sequence[Example],
    others: Mapping[str, Sequence[Example]],
    *,
    parts: Callable[[Example], frozenset[Hashable]],
) -> dict[str, list[bool]]:
    """Split -> whether each of its examples is similar to an example of train.

    Args:
        parts: the elements of which similar examples share most.
    """
    sets = {split: list(map(parts, examples)) for split, examples in others.items()}
    queries = list({query for queries in sets.values() for query in queries})  # each distinct set once
    near = dict(zip(queries, has_near_duplicate(queries, list(set(map(parts, train)))), strict=True))
    return {split: [near[query] for query in queries] for split, queries in sets.items()}


def has_near_duplicate(
    queries: Sequence[frozenset[Hashable]],
    corpus: Sequence[frozenset[Hashable]],
    *,
    threshold: float = JACCARD_THRESHOLD,
) -> list[bool]:
    """Whether the corpus has a set with a Jaccard similarity of at least `threshold` to each query."""
    often = Counter(part for elements in (*queries, *corpus) for part in elements)
    rank = {part: i for i, (part, _) in enumerate(sorted(often.items(), key=lambda item: item[1]))}
    ranked_queries, ranked_corpus = (
        [sorted(rank[part] for part in elements) for elements in sets] for sets in (queries, corpus)
    )
    postings = defaultdict(list)
    for i, elements in enumerate(ranked_corpus):
        for part in _prefix(elements, threshold):
            postings[part].append(i)
    candidates = [frozenset(elements) for elements in ranked_corpus]
    return [_matches_any(elements, candidates, postings, threshold) for elements in ranked_queries]


def ngrams(text: str) -> frozenset[tuple[str, ...]]:
    """A text's distinct word 3-grams; a shorter text is one n-gram."""
    words = _WORD.findall(text)
    return frozenset(tuple(words[i : i + NGRAM]) for i in range(max(1, len(words) - NGRAM + 1)))


def unmasked_words(example: Example) -> frozenset[str]:
    """The distinct words of an example without masks and punctuation."""
    words = _WORD.findall(normalized(example))
    return frozenset(word for word in words if word[0] != "@" and any(map(str.isalnum, word)))


def _prefix(elements: Sequence[int], threshold: float) -> Sequence[int]:
    """The rarest elements; two sets as similar as `threshold` share one of them."""
    return elements[: len(elements) - math.ceil(threshold * len(elements) - _ROUNDING) + 1]


def _matches_any(
    query: Sequence[int], candidates: Sequence[frozenset[int]], postings: Mapping[int, Sequence[int]], threshold: float
) -> bool:
    seen, mine = set(), frozenset(query)
    for gram in _prefix(query, threshold):
        for i in postings.get(gram, ()):
            if i in seen:
                continue
            seen.add(i)
            other = candidates[i]
            if min(len(mine), len(other)) < threshold * max(len(mine), len(other)) - _ROUNDING:
                continue
            shared = len(mine & other)
            if shared >= threshold * (len(mine) + len(other) - shared) - _ROUNDING:
                return True
    return False
