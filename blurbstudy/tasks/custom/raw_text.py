"""Documents with entities at character offsets as sentences, with words and sentences split as those of new text are.

A sentence has tags to learn from, and gold mentions to score against. A word has one tag: of overlapping entities, that
of one that begins and ends at words, else of the longest, else of the first. Gold has every entity. Those that no
prediction can match, since they begin or end inside a word, cross a sentence boundary or are discontinuous, are missed
by every model. SpanCounts records all of this.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from ...metrics.entities import Mention, gold_label
from ..formats.standoff import Entity
from ..task import OUTSIDE
from ..text.sentences import sentence_words
from ..text.words import Span

PART = 0.5  # of a word: a mention that begins or ends there matches no prediction


@dataclass
class SpanCounts:
    """The entities of a file, and those that are not learned or that no prediction can match."""

    entities: int = 0  # without duplicates
    overlapping: int = 0  # not learned, since another one has their words
    discontinuous: int = 0
    inside_words: int = 0  # begin or end there
    across_sentences: int = 0

    @property
    def unreachable(self) -> int:
        """Entities that no prediction can match."""
        return self.discontinuous + self.inside_words + self.across_sentences

    def sentences(self) -> Iterator[str]:
        """The nonzero counts, as sentences."""
        unreachable = "no prediction can match them, so they count as missed"
        for count, what in (
            (self.inside_words, f"begin or end inside a word: {unreachable}"),
            (self.across_sentences, f"cross a sentence boundary: {unreachable}"),
            (self.discontinuous, f"are discontinuous (discontinuous: skip): {unreachable}"),
            (self.overlapping, "overlap one that is learned instead; the score counts them all"),
        ):
            if count:
                yield f"{count} of {self.entities} entities {what}"


def labelled_sentences(
    text: str, entities: Sequence[Entity], counts: SpanCounts, *, rule: str = "basic", by_word: bool = False
) -> list[tuple[list[str], str]]:
    """The words and the gold label (see metrics.entities) of each sentence.

    Args:
        counts: the document's are added.
        rule: key of WORD_SPLITTERS.
        by_word: words are scored one by one (PICO), and all tags are I.
    """
    sentences = _Sentences(text, rule)
    distinct = list(dict.fromkeys(_trimmed(text, entity) for entity in entities))
    placed = [_Placed(entity, sentences, by_word=by_word) for entity in distinct]
    owners = _owners(placed, by_word=by_word)
    learned = {id(entity) for entity in owners.values()}
    counts.entities += len(placed)
    for entity in placed:
        counts.discontinuous += entity.is_discontinuous
        counts.inside_words += entity.is_inside_word
        counts.across_sentences += entity.is_across and not (entity.is_discontinuous or entity.is_inside_word)
        counts.overlapping += id(entity) not in learned and not entity.is_discontinuous
    mentions = _words_in_mentions(placed) if by_word else [entity.mention for entity in placed]
    return [
        (
            [text[slice(*sentences.words[i])] for i in range(first, last)],
            gold_label(
                _tags(owners, first, last, by_word=by_word),
                [Mention(a - first, b - first, kind) for a, b, kind in sorted(mentions) if first <= a < last],
                words=by_word,
            ),
        )
        for first, last in sentences.bounds
    ]


class _Sentences:
    """The words of a text, and the first word of each sentence and that after its last."""

    def __init__(self, text: str, rule: str) -> None:
        sentences = sentence_words(text, rule)
        self.words: list[Span] = [word for sentence in sentences for word in sentence]
        ends = list(accumulate(map(len, sentences)))
        self.bounds = list(zip([0, *ends], ends, strict=False))
        self._starts, self._ends = [start for start, _ in self.words], [end for _, end in self.words]
        self._sentence_starts = [first for first, _ in self.bounds]

    def covered(self, start: int, end: int) -> range:
        """The words that characters start to end - 1 are in, if only in part."""
        return range(bisect_right(self._ends, start), bisect_left(self._starts, end))

    def sentence_of(self, word: int) -> int:
        return bisect_right(self._sentence_starts, word)


class _Placed:
    """An entity in the words of its text."""

    def __init__(self, entity: Entity, sentences: _Sentences, *, by_word: bool) -> None:
        spans = entity.pieces or ((entity.start, entity.end),)
        pieces = [(span, sentences.covered(*span)) for span in spans]
        self.type, self.start, self.length = entity.type, entity.start, entity.end - entity.start
        self.words = {  # word -> whether all of it is in the entity
            i: start <= sentences.words[i][0] and sentences.words[i][1] <= end
            for (start, end), covered in pieces
            for i in covered
        }
        first, last = min(self.words), max(self.words)
        starts, ends = entity.start == sentences.words[first][0], entity.end == sentences.words[last][1]
        self.is_discontinuous = len(pieces) > 1 and not by_word
        self.is_inside_word = not (all(self.words.values()) if by_word else starts and ends)
        self.is_across = sentences.sentence_of(first) != sentences.sentence_of(last) and not by_word
        self.is_reachable = not (self.is_discontinuous or self.is_inside_word or self.is_across)
        end = last + 1 if ends and not self.is_discontinuous else last + 1 - PART
        self.mention = Mention(first if starts else first + PART, end, entity.type)  # pyright: ignore[reportArgumentType]


def _owners(placed: Sequence[_Placed], *, by_word: bool) -> dict[int, _Placed]:
    """Word -> the entity that it is tagged with; discontinuous entities have no tags."""
    owners: dict[int, _Placed] = {}
    for entity in sorted(placed, key=lambda e: (not e.is_reachable, -e.length, e.start)):
        if by_word or not (entity.is_discontinuous or any(word in owners for word in entity.words)):
            owners = dict.fromkeys(entity.words, entity) | owners
    return owners


def _tags(owners: Mapping[int, _Placed], first: int, last: int, *, by_word: bool) -> list[str]:
    """The tags of a sentence (IOB2, typed)."""
    tags, before = [], None
    for word in range(first, last):
        owner = owners.get(word)
        prefix = "I" if by_word or owner is before else "B"
        tags.append(OUTSIDE if owner is None else f"{prefix}-{owner.type}")
        before = owner
    return tags


def _words_in_mentions(placed: Sequence[_Placed]) -> list[Mention]:
    """The words inside entities, once for each type; a word of which only a part is inside as a part of it."""
    whole: dict[tuple[int, str], bool] = {}
    for entity in placed:
        for word, is_whole in entity.words.items():
            whole[word, entity.type] = whole.get((word, entity.type), False) or is_whole
    return [
        Mention(word, word + 1, kind) if is_whole else Mention(word + PART, word + PART, kind)  # pyright: ignore[reportArgumentType]
        for (word, kind), is_whole in whole.items()
    ]


def _trimmed(text: str, entity: Entity) -> Entity:
    """The entity without surrounding white space and without its line."""
    inner = text[entity.start : entity.end]
    start = entity.start + len(inner) - len(inner.lstrip())
    return dataclasses.replace(entity, start=start, end=start + len(inner.strip()), line=0)
