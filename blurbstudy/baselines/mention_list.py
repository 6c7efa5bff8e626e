"""A second baseline for entities: the list of train's mentions, looked up in the text.

The trivial baseline of an F1, no mention at all, is 0 and says nothing. A model that a list of strings beats has not
learned to read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ..metrics import decode_tags, score
from ..tasks import Task, split_tags
from ..tasks.task import OUTSIDE, Example

MIN_SHARE = 0.5  # of a phrase's occurrences in train that are mentions

Phrase = tuple[str, ...]


class MentionList:
    """Phrases that are mentions in at least half of their occurrences in train, each with its most frequent type."""

    def __init__(self, train: Sequence[Example]) -> None:
        types: dict[Phrase, Counter[str]] = {}
        for example in train:
            for start, end, kind in decode_tags(split_tags(str(example.label))):
                types.setdefault(example.texts[start:end], Counter())[kind] += 1
        self.longest = max(map(len, types), default=0)
        starts = {phrase[0] for phrase in types}
        occurrences = Counter(
            phrase for example in train for _, phrase in self._phrases(example.texts, starts) if phrase in types
        )
        self.types: dict[Phrase, str] = {
            phrase: counts.most_common(1)[0][0]
            for phrase, counts in types.items()
            if counts.total() >= MIN_SHARE * occurrences[phrase]
        }
        self._starts = {phrase[0] for phrase in self.types}

    def _phrases(self, words: Sequence[str], starts: set[str]) -> Iterator[tuple[int, Phrase]]:
        for start, word in enumerate(words):
            if word in starts:
                for end in range(min(len(words), start + self.longest), start, -1):
                    yield start, tuple(words[start:end])

    def tags(self, words: Sequence[str]) -> list[str]:
        """Tags of one sentence: from left to right, the longest listed phrase."""
        tags = [OUTSIDE] * len(words)
        free = 0
        for start, phrase in self._phrases(words, self._starts):
            if start >= free and phrase in self.types:
                suffix = f"-{self.types[phrase]}" if self.types[phrase] else ""
                tags[start : start + len(phrase)] = [f"B{suffix}"] + [f"I{suffix}"] * (len(phrase) - 1)
                free = start + len(phrase)
        return tags


def mention_list_scores(task: Task, splits: Mapping[str, Sequence[Example]]) -> dict[str, float]:
    """Split -> the task's metric of the list of train's mentions, a fraction; of dev and, if there is one, test."""
    mentions = MentionList(splits["train"])
    return {
        split: score(
            task.metric,
            [example.label for example in examples],
            [" ".join(mentions.tags(example.texts)) for example in examples],
            positives=task.positive_labels,
        )
        for split, examples in splits.items()
        if split != "train"
    }
