"""What a reader of a score on dev or test must know of the data: the one list that every output shows with the score.

leakage: examples whose text is in train, word for word or nearly. documents: examples of documents of train. few: too
few examples. unmatched: annotated mentions that predictions cannot match. truncated: texts beyond the length limit.
unknown: sub-words that the encoder's vocabulary lacks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from ..config import JsonMapping, JsonObject
from ..errors import count_of
from ..metrics.entities import gold_mentions, gold_words, split_gold
from .audit import sub_word_counts, unknown_counts
from .custom.dev_split import MIN_SHARED_WORDS
from .duplicates import named_documents, near_duplicates, ngrams, normalized
from .task import Example, Task

CAVEATS_REVISION = 1  # raise it with any change of code that alters a caveat
LEAKAGE, DOCUMENTS, SMALL_TEST, UNMATCHED = "leakage", "documents", "few", "unmatched"
TRUNCATED, UNKNOWN = "truncated", "unknown"
POOLED = "all splits"  # together, to be divided into folds
LOW_EXAMPLES = 50  # a caveat below this number of examples
UNKNOWN_SHARE = 0.01  # a caveat from this share of unknown sub-words on
MAX_NAMED = 4  # names listed in a sentence


@dataclass(frozen=True, kw_only=True)
class Caveat:
    """One caveat of a split; a score with its value."""

    kind: str
    split: str
    count: int  # examples, mentions, sub-words or predictions
    total: int
    text: str  # a sentence
    examples: tuple[int, ...] = ()  # leakage: indices in the split
    score: float | None = None  # leakage: the mean over runs, a fraction
    score_without: float | None = None  # of the same runs without these examples; None: no example is left

    def to_dict(self) -> JsonObject:
        """JSON values; scores are fractions."""
        values = dataclasses.asdict(self) | {"text": self.sentence()}
        del values["examples"]
        return values

    def sentence(self) -> str:
        """The text, with both scores (times 100)."""
        if self.score is None:
            return self.text
        without = "none is left" if self.score_without is None else f"{100 * self.score_without:.2f}"
        return f"{self.text}; without them {without}, with them {100 * self.score:.2f}"


def caveat_from_dict(values: JsonMapping) -> Caveat:
    """The inverse of dataclasses.asdict."""
    fields: JsonObject = dict(values) | {"examples": tuple(values["examples"])}
    return Caveat(**fields)


def find_caveats(
    task: Task,
    splits: Mapping[str, Sequence[Example]],
    tokenizer: Tokenizer | None,
    *,
    max_length: int,
    train_on_dev: bool = False,
) -> tuple[Caveat, ...]:
    """The caveats of dev and test, as far as they are among the splits.

    Args:
        splits: train may be missing; then leakage is not looked for.
        tokenizer: of the encoder; None: sub-words are not counted.
        max_length: sub-words per sequence.
        train_on_dev: whether dev is a part of train, and not scored.
    """
    trained_on = ("train", "dev") if train_on_dev else ("train",)
    train = [example for split in trained_on for example in splits.get(split, ())]
    others = {split: examples for split, examples in splits.items() if split not in trained_on}
    leaked = _leaked(task, train, others)
    return tuple(
        caveat
        for split, examples in others.items()
        for caveat in (
            *_leakage(split, train, examples, leaked[split]),
            *_documents(split, train, examples),
            *_few(split, examples),
            *_unmatched(task, split, examples),
            *(_sub_words(task, split, examples, tokenizer, max_length) if tokenizer else ()),
        )
    )


def find_pooled_caveats(
    task: Task, examples: Sequence[Example], units: Sequence[str], tokenizer: Tokenizer, *, max_length: int
) -> tuple[Caveat, ...]:
    """The caveats of all examples of a task, which are divided into test folds, whole units at a time.

    Args:
        units: of the examples.
    """
    units_of: dict[str, set[str]] = {}
    texts = [normalized(example) for example in examples]
    for text, unit in zip(texts, units, strict=True):
        units_of.setdefault(text, set()).add(unit)
    repeated = [i for i, text in enumerate(texts) if len(units_of[text]) > 1 and _can_leak(task, examples[i])]
    caveats = find_caveats(task, {POOLED: examples}, tokenizer, max_length=max_length)
    if not repeated:
        return caveats
    described = (
        f"{len(repeated)} of {len(examples)} examples have the text of an example of another unit: a fold may train on "
        "what it tests, which inflates the mean"
    )
    leakage = Caveat(
        kind=LEAKAGE, split=POOLED, count=len(repeated), total=len(examples), text=described, examples=tuple(repeated)
    )
    return leakage, *caveats


def _can_leak(task: Task, example: Example) -> bool:
    """Short sentences, such as headings, do not leak."""
    return task.output != "token_labels" or len(example.texts) >= MIN_SHARED_WORDS


def _leaked(
    task: Task, train: Sequence[Example], others: Mapping[str, Sequence[Example]]
) -> dict[str, tuple[int, ...]]:
    """Split -> indices of its examples that are in train."""
    near = near_duplicates(train, others, parts=lambda example: ngrams(normalized(example)))
    return {
        split: tuple(i for i, is_near in enumerate(near[split]) if is_near and _can_leak(task, examples[i]))
        for split, examples in others.items()
    }


def _leakage(
    split: str, train: Sequence[Example], examples: Sequence[Example], leaked: Sequence[int]
) -> Iterator[Caveat]:
    if not leaked:
        return
    labels: dict[str, set[str | float]] = {}
    for example in train:
        labels.setdefault(normalized(example), set()).add(example.label)
    same = [(examples[i].label, labels[key]) for i in leaked if (key := normalized(examples[i])) in labels]
    differing = sum(label not in known for label, known in same)
    text = (
        f"{len(leaked)} of {len(examples)} examples of {split} are also in train ({len(same)} verbatim, "
        f"{differing or 'none'} with another label): this leakage inflates its score"
    )
    yield Caveat(kind=LEAKAGE, split=split, count=len(leaked), total=len(examples), text=text, examples=tuple(leaked))


def _documents(split: str, train: Sequence[Example], examples: Sequence[Example]) -> Iterator[Caveat]:
    if shared := named_documents(train) & named_documents(examples):
        count = sum(example.unit in shared for example in examples)
        text = f"train and {split} share {count_of(len(shared), 'document')} ({abbreviate(sorted(shared))})"
        yield Caveat(kind=DOCUMENTS, split=split, count=count, total=len(examples), text=text)


def _few(split: str, examples: Sequence[Example]) -> Iterator[Caveat]:
    n = len(examples)
    if n < LOW_EXAMPLES:
        text = f"{split} has {count_of(n, 'example')}: its scores have wide intervals"
        yield Caveat(kind=SMALL_TEST, split=split, count=n, total=n, text=text)


def _unmatched(task: Task, split: str, examples: Sequence[Example]) -> Iterator[Caveat]:
    """Mentions inside words, across sentences, discontinuous, or of which only one of several can be predicted."""
    if not task.is_raw_text(split):
        return
    by_word = task.task_type == "pico"
    total = unreachable = overlapping = 0
    for example in examples:
        label = str(example.label)
        mentions = gold_words(label) if by_word else gold_mentions(label)
        within = len(split_gold(label)[0])
        reachable = [m for m in mentions if m.start % 1 == m.end % 1 == 0 and m.end <= within]
        matched, free = 0, 0
        for mention in sorted(reachable, key=lambda m: m.end):  # the most mentions without overlap
            if mention.start >= free:
                matched, free = matched + 1, mention.end
        total += len(mentions)
        unreachable += len(mentions) - len(reachable)
        overlapping += len(reachable) - matched
    if not unreachable + overlapping:
        return
    what = "annotated words" if by_word else "entities"
    reasons = [
        (unreachable, "annotated in part" if by_word else "inside words, across sentences or discontinuous"),
        (overlapping, "of several classes" if by_word else "overlapping another"),
    ]
    listed = ", ".join(f"{count} {reason}" for count, reason in reasons if count)
    text = f"predictions can match at most {total - unreachable - overlapping} of {total} {what} of {split} ({listed})"
    yield Caveat(kind=UNMATCHED, split=split, count=unreachable + overlapping, total=total, text=text)


def _sub_words(
    task: Task, split: str, examples: Sequence[Example], tokenizer: Tokenizer, limit: int
) -> Iterator[Caveat]:
    longer = sum(n > limit for n in sub_word_counts(task, examples, tokenizer))
    if longer and task.output != "token_labels":  # sentences of words are split into several sequences
        text = f"{longer} of {len(examples)} examples of {split} exceed {limit} sub-words: the rest is cut off"
        yield Caveat(kind=TRUNCATED, split=split, count=longer, total=len(examples), text=text)
    unknown, total = unknown_counts(task, examples, tokenizer)
    if total and unknown >= UNKNOWN_SHARE * total:
        text = f"{unknown / total:.1%} of the sub-words of {split} are unknown to the encoder ([UNK])"
        yield Caveat(kind=UNKNOWN, split=split, count=unknown, total=total, text=text)


def abbreviate(names: Sequence[str]) -> str:
    """The first names, and the number of the others."""
    return ", ".join(names[:MAX_NAMED]) + (f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else "")
