"""The data audit: sizes, lengths, labels, mentions, near-duplicates and sub-words per word of a dataset.

Results are plain numbers by name, so a run store can save them and tables can be rebuilt from it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from tokenizers import Encoding, Tokenizer

from ..config import JsonObject, fingerprint
from ..metrics import Mention, decode_tags, io_ceiling
from .duplicates import duplicates
from .features import without_truncation
from .task import OUTSIDE, Example, Task, example_size, split_labels, split_tags

AUDIT_REVISION = 1  # raise it with any change of code that alters a number
LIMITS = (64, 128, 256, 512)  # sub-words per sequence, special tokens included
QUANTILES = (5, 25, 50, 75, 95)  # percent
ALL_SPLITS = "all"  # all splits together
BATCH = 1000  # texts per tokenizer call
_MASK = re.compile(r"@[A-Z-]+\$")
_WORD = re.compile(r"\w+")

Splits = Mapping[str, Sequence[Example]]


def audit_data(task: Task, splits: Splits) -> JsonObject:
    """The statistics that need no vocabulary.

    Returns:
        splits: split -> examples, size (in Task.size_unit), words (per example), labels, mentions (NER only);
        words: of all splits together; duplicates: dev, test -> see duplicates().
    """
    seen = (
        {form for example in splits["train"] for form in _surface_forms(example)} if task.task_type == "ner" else set()
    )
    lengths = {split: [_n_words(example) for example in examples] for split, examples in splits.items()}
    return {
        "splits": {
            split: {
                "examples": len(examples),
                "size": sum(example_size(task, example.label) for example in examples),
                "words": spread(lengths[split]),
                "labels": label_counts(task, [example.label for example in examples]),
                "mentions": mention_counts(examples, seen) if task.task_type == "ner" else None,
            }
            for split, examples in splits.items()
        },
        "words": spread([length for counts in lengths.values() for length in counts]),
        "duplicates": duplicates(
            task, splits["train"], {split: examples for split, examples in splits.items() if split != "train"}
        ),
    }


def audit_vocabulary(task: Task, splits: Splits, tokenizer: Tokenizer) -> JsonObject:
    """The statistics that depend on the vocabulary.

    Returns:
        lengths: split or ALL_SPLITS -> spread of sub-words per example, special tokens included; limits: split ->
        limit -> see `_truncation_cost`; words: see `fertility`.
    """
    cutter = without_truncation(tokenizer, words=task.output == "token_labels")
    lengths, limits = {}, {}
    for split, examples in splits.items():
        pieces = list(_pieces(task, examples, cutter))
        special = _special(task, examples, cutter)
        lengths[split] = [int(values.sum()) + special for values in pieces]
        limits[split] = {
            str(limit): _truncation_cost(task, examples, pieces, lengths[split], limit=limit, special=special)
            for limit in LIMITS
        }
    every = [length for values in lengths.values() for length in values]
    return {
        "lengths": {split: spread(values) for split, values in lengths.items()} | {ALL_SPLITS: spread(every)},
        "limits": limits,
        "words": fertility(running_words(splits), tokenizer),
    }


def sub_word_counts(task: Task, examples: Sequence[Example], tokenizer: Tokenizer) -> list[int]:
    """Sub-words of each example, special tokens included, without truncation."""
    cutter = without_truncation(tokenizer, words=task.output == "token_labels")
    special = _special(task, examples, cutter)
    return [int(pieces.sum()) + special for pieces in _pieces(task, examples, cutter)]


def unknown_counts(task: Task, examples: Sequence[Example], tokenizer: Tokenizer) -> tuple[int, int]:
    """The unknown sub-words of some examples, and all of theirs; a word without sub-words becomes an unknown one."""
    cutter, lost, total = without_truncation(tokenizer, words=task.output == "token_labels"), 0, 0
    unknown = _unknown(cutter)
    for example, encoding in _encodings(task, examples, cutter):
        without = len(example.texts) - len(set(encoding.word_ids)) if task.output == "token_labels" else 0
        lost += without + sum(piece == unknown for piece in encoding.ids)
        total += without + len(encoding.ids)
    return lost, total


def tokenizer_fingerprint(tokenizer: Tokenizer) -> str:
    """Fingerprint of the tokenizer without its truncation and padding (20 hexadecimal digits)."""
    return fingerprint(without_truncation(tokenizer, words=False).to_str())


def spread(values: Sequence[float]) -> dict[str, float]:
    """Quantiles (attained values, method inverted_cdf), maximum, total and number of values."""
    attained = np.percentile(values, QUANTILES, method="inverted_cdf")
    quantiles = {f"q{percent:02d}": float(value) for percent, value in zip(QUANTILES, attained, strict=True)}
    return quantiles | {"max": float(max(values)), "total": float(sum(values)), "n": len(values)}


def label_counts(task: Task, labels: Sequence[str | float]) -> dict[str, float]:
    """Label -> examples; tag -> words; label of a set -> documents ("" for those without); for scores mean, sd, min,
    max and n.
    """
    if task.output == "score":
        values = np.array(labels, np.float64)
        statistics = {
            "mean": values.mean(),
            "sd": values.std(),
            "min": values.min(),
            "max": values.max(),
            "n": len(values),
        }
        return {name: float(value) for name, value in statistics.items()}
    if task.output == "token_labels":
        counts = Counter(tag for label in labels for tag in split_tags(str(label)))
    elif task.output == "multi_label":
        counts = Counter(part for label in labels for part in split_labels(str(label)) or [""])
    else:
        counts = Counter(labels)
    keys = (*task.labels, "") if task.output == "multi_label" else task.labels
    return {key: counts[key] for key in keys}


def mention_counts(examples: Sequence[Example], seen: set[str]) -> dict[str, float]:
    """Statistics of entity mentions: number, length, adjacent ones, those unseen in train, and the best F1 of IO tags.

    Args:
        seen: surface forms of train, lower case.
    """
    tagged = [decode_tags(split_tags(str(example.label))) for example in examples]
    forms = [form for example in examples for form in _surface_forms(example)]
    lengths = [mention.end - mention.start for sentence in tagged for mention in sentence]
    follows = sum(a.end == b.start for sentence in tagged for a, b in zip(sentence, sentence[1:], strict=False))
    return {
        "mentions": len(lengths),
        "words": float(np.mean(lengths)) if lengths else 0.0,  # mean per mention
        "single": sum(length == 1 for length in lengths),  # mentions of one word
        "longest": max(lengths, default=0),
        "adjacent": follows,
        "unseen": sum(form not in seen for form in forms),
        "forms": len(set(forms)),
        "unseen_forms": len(set(forms) - seen),
        "io_ceiling": io_ceiling([str(example.label) for example in examples]),
    }


def running_words(splits: Splits) -> Counter[str]:
    """Frequency of each word that contains a letter, case-sensitive, without entity masks."""
    counts: Counter[str] = Counter()
    for examples in splits.values():
        for example in examples:
            counts.update(_WORD.findall(_MASK.sub(" ", " ".join(example.texts))))
    return Counter({word: n for word, n in counts.items() if any(map(str.isalpha, word))})


def fertility(counts: Mapping[str, int], tokenizer: Tokenizer) -> dict[str, float]:
    """Of running words: n, sub-words per word, the fraction not split (`whole`), and the fraction with [UNK]."""
    words, tokenizer = list(counts), without_truncation(tokenizer, words=True)
    unknown = _unknown(tokenizer)
    pieces = unsplit = lost = 0
    for start in range(0, len(words), BATCH):
        batch = words[start : start + BATCH]
        encoded = tokenizer.encode_batch([[w] for w in batch], is_pretokenized=True, add_special_tokens=False)
        for word, encoding in zip(batch, encoded, strict=True):
            missed = unknown in encoding.ids or not encoding.ids
            pieces += counts[word] * max(1, len(encoding.ids))
            unsplit += counts[word] * (len(encoding.ids) == 1 and not missed)
            lost += counts[word] * missed
    total = sum(counts.values())
    of = max(total, 1)
    return {"n": total, "subwords": pieces / of, "whole": unsplit / of, "unknown": lost / of}


def _n_words(example: Example) -> int:
    return sum(len(text.split()) for text in example.texts)


def _surface_forms(example: Example) -> Iterator[str]:
    """Surface forms of a sentence's mentions, in lower case."""
    for mention in decode_tags(split_tags(str(example.label))):
        yield " ".join(example.texts[mention.start : mention.end]).lower()


def _pieces(task: Task, examples: Sequence[Example], tokenizer: Tokenizer) -> Iterator[np.ndarray]:
    """Sub-words without special tokens: per word of tagged sentences, (1,) for other examples."""
    for example, encoding in _encodings(task, examples, tokenizer):
        if task.output == "token_labels":
            # A word without sub-words becomes [UNK].
            yield np.maximum(np.bincount(encoding.word_ids or [0], minlength=len(example.texts)), 1)  # pyright: ignore[reportArgumentType]
        else:
            yield np.array([len(encoding.ids)])


def _encodings(task: Task, examples: Sequence[Example], tokenizer: Tokenizer) -> Iterator[tuple[Example, Encoding]]:
    """The examples with their sub-words, without special tokens."""
    words = task.output == "token_labels"
    for start in range(0, len(examples), BATCH):
        batch = examples[start : start + BATCH]
        texts = [list(e.texts) if words else " ".join(e.texts) if len(e.texts) == 1 else e.texts for e in batch]
        encoded = tokenizer.encode_batch(texts, is_pretokenized=words, add_special_tokens=False)
        yield from zip(batch, encoded, strict=True)


def _special(task: Task, examples: Sequence[Example], tokenizer: Tokenizer) -> int:
    """Number of special tokens of an example."""
    return tokenizer.num_special_tokens_to_add(len(examples[0].texts) == 2 and task.output != "token_labels")


def _truncation_cost(
    task: Task,
    examples: Sequence[Example],
    pieces: Sequence[np.ndarray],
    lengths: Sequence[int],
    *,
    limit: int,
    special: int,
) -> JsonObject:
    """What a length limit costs.

    Returns:
        over: examples beyond the limit; cut: sub-words beyond it; past (tagged sentences): mentions or PICO words that
        start beyond it; kept (NER): [index, words that start within it] of each longer sentence.
    """
    longer = [i for i, length in enumerate(lengths) if length > limit]
    cost: JsonObject = {"over": len(longer), "cut": sum(lengths[i] - limit for i in longer)}
    if task.output != "token_labels":
        return cost
    within_limit = {i: int((np.cumsum(pieces[i]) - pieces[i] < limit - special).sum()) for i in longer}
    cost["past"] = sum(
        counted.start >= words
        for i, words in within_limit.items()
        for counted in _counted(task, str(examples[i].label))
    )
    return cost | ({"kept": [[i, words] for i, words in within_limit.items()]} if task.task_type == "ner" else {})


def _counted(task: Task, label: str) -> list[Mention]:
    """The mentions, or the PICO words as mentions of one word."""
    tags = split_tags(label)
    if task.task_type == "ner":
        return decode_tags(tags)
    return [Mention(i, i + 1, tag) for i, tag in enumerate(tags) if tag != OUTSIDE]


def _unknown(tokenizer: Tokenizer) -> int | None:
    name = getattr(tokenizer.model, "unk_token", None)
    return None if name is None else tokenizer.token_to_id(name)
