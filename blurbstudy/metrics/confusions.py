"""Which classes are taken for which: pairs of gold and predicted class with their numbers, most frequent first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .entities import mention_pairs

NO_ENTITY = "(none)"  # in place of the type of a mention that one side lacks
MAX_CLASSES = 15  # of a matrix; of more, the most frequent confusions are listed
MAX_LISTED = 20

Confusions = dict[tuple[str, str], int]


def label_confusions(gold: Sequence[str], predicted: Sequence[str]) -> Confusions:
    return dict(Counter(zip(gold, predicted, strict=True)).most_common())


def entity_confusions(gold: Sequence[str], predicted: Sequence[str]) -> Confusions:
    """Of the types of mentions with the same words, under strict BIO."""
    counts: Counter[tuple[str, str]] = Counter()
    for expected, actual in mention_pairs(gold, predicted):
        right = set(expected).intersection(actual)
        types = {mention[:2]: mention.type for mention in actual if mention not in right}
        counts.update((mention.type, mention.type) for mention in right)
        counts.update((mention.type, types.pop(mention[:2], NO_ENTITY)) for mention in expected if mention not in right)
        counts.update((NO_ENTITY, kind) for kind in types.values())
    return dict(counts.most_common())
