"""Examples of dev and test that stand in train as well: word for word, or nearly (Jaccard of word 3-grams).

Near means that at least 0.8 of the distinct 3-grams of both texts together are shared. They are found by the prefix
filter of a set-similarity join (Bayardo et al. 2007, All-Pairs; Xiao et al. 2008, PPJoin): two sets that similar share
one of their few rarest elements, so nothing is missed and little is compared.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

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


def duplicates(
    task: Task, train: Sequence[Example], others: Mapping[str, Sequence[Example]]
) -> dict[str, dict[str, int | None]]:
    """How many examples of each other split stand in train.

    Returns:
        split -> examples: all of them; exact: same text; other_label: of these, those whose label this text never has
        in train; near: Jaccard of 3-grams at least NEAR, the same ones included; masked_exact: same text where all
        masks are one; masked_near: Jaccard of distinct words at least NEAR, masks aside, as of one sentence with other
        entities masked (both None unless relations); documents: those whose document has examples in train (None where
        every example stands alone, or documents are only counted).
    """
    relation = task.task_type == "relation"
    labels = defaultdict(set)
    for example in train:
        labels[normalized(example)].add(example.label)
    near = _near(train, others, parts=lambda example: grams(normalized(example)))
    masked = {normalized(example, masks=False) for example in train} if relation else set()
    same_words = _near(train, others, parts=unmasked_words) if relation else {}
    units = named_documents(train)
    found = {}
    for split, examples in others.items():
        same = [(example.label, labels[key]) for example in examples if (key := normalized(example)) in labels]
        found[split] = {
            "examples": len(examples),
            "exact": len(same),
            "other_label": sum(label not in known for label, known in same),
            "near": near[split],
            "masked_exact": sum(normalized(e, masks=False) in masked for e in examples) if relation else None,
            "masked_near": same_words.get(split),
            "documents": sum(example.unit in units for example in examples) if units else None,
        }
    return found


def named_documents(examples: Sequence[Example]) -> set[str]:
    """The documents that the examples come from; none where each stands alone or its file only counts documents."""
    documents = {example.unit for example in examples if example.unit != example.id}
    # Ids that just count the documents of their file say nothing about another file's.
    return documents if documents - {f"d{i}" for i in range(1, len(examples) + 1)} else set()


def _near(
    train: Sequence[Example],
    others: Mapping[str, Sequence[Example]],
    *,
    parts: Callable[[Example], frozenset[Hashable]],
) -> dict[str, int]:
    """Split -> examples whose parts are nearly those of an example of train."""
    counts = {split: Counter(map(parts, examples)) for split, examples in others.items()}
    asked = list({own for split in counts.values() for own in split})  # the same is looked for once
    near = near_sets(asked, list(set(map(parts, train))))
    found = {own for own, is_near in zip(asked, near, strict=True) if is_near}
    return {split: sum(n for own, n in split_counts.items() if own in found) for split, split_counts in counts.items()}


def near_sets(
    queries: Sequence[frozenset[Hashable]], corpus: Sequence[frozenset[Hashable]], *, least: float = NEAR
) -> list[bool]:
    """Whether each query has a set in the corpus with a Jaccard similarity of at least `least` (empty ones: none)."""
    often = Counter(part for own in (*queries, *corpus) for part in own)
    rank = {part: i for i, (part, _) in enumerate(sorted(often.items(), key=lambda item: item[1]))}
    asked, kept = ([sorted(rank[part] for part in own) for own in sets] for sets in (queries, corpus))
    postings = defaultdict(list)
    for i, own in enumerate(kept):
        for part in _prefix(own, least):
            postings[part].append(i)
    whole = [frozenset(own) for own in kept]
    return [_has_near(own, whole, postings, least) for own in asked]


def grams(text: str) -> frozenset[tuple[str, ...]]:
    """A text's distinct word 3-grams; of a shorter text, all its words as one."""
    words = _WORD.findall(text)
    return frozenset(tuple(words[i : i + GRAM]) for i in range(max(1, len(words) - GRAM + 1)))


def unmasked_words(example: Example) -> frozenset[str]:
    """The distinct words of an example, masks and punctuation aside."""
    words = _WORD.findall(normalized(example))
    return frozenset(word for word in words if word[0] != "@" and any(map(str.isalnum, word)))


def _prefix(own: Sequence[int], least: float) -> Sequence[int]:
    """The rarest elements: of two sets as similar as `least`, these have one in common."""
    return own[: len(own) - math.ceil(least * len(own) - _ROUNDING) + 1]


def _has_near(
    own: Sequence[int], kept: Sequence[frozenset[int]], postings: Mapping[int, Sequence[int]], least: float
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
