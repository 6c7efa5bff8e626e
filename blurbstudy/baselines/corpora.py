"""Sentences that a baseline model is trained on: one task's, or several tasks' whose files tag the same sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import DataError
from ..tasks import Example, get_task, read_task, split_tags

Sentence = tuple[tuple[str, ...], list[str]]  # words, and a typed tag for each


def typed_corpus(types: Mapping[str, str], folder: Path) -> dict[str, list[Sentence]]:
    """Split -> sentences with the mentions of every task, each of its type: {"BC5-chem": "CHEMICAL", ...}.

    Raises:
        DataError: a file is missing or malformed, or the tasks tag other sentences or one word twice.
    """
    read = {name: read_task(get_task(name), folder) for name in types}
    return {
        split: merged_sentences({types[name]: splits[split] for name, splits in read.items()}, split=split)
        for split in ("train", "dev")
    }


def merged_sentences(examples: Mapping[str, Sequence[Example]], *, split: str) -> list[Sentence]:
    """Type -> sentences, the same in each, as sentences with all types.

    Raises:
        DataError: they are not the same sentences, or a word is tagged twice.
    """
    first, *others = examples.values()
    for other in others:
        same = [a.texts == b.texts for a, b in zip(first, other, strict=False)]
        if len(first) != len(other) or not all(same):
            place = f"sentence {same.index(False) + 1}" if False in same else f"{len(first)} and {len(other)} sentences"
            raise DataError(
                f"{' and '.join(examples)} ({split}): {place} differ, but one model learns both types from the same "
                "text; take both files from one source"
            )
    labels = merged_labels({kind: [example.label for example in own] for kind, own in examples.items()})
    return [(example.texts, split_tags(label)) for example, label in zip(first, labels, strict=True)]


def merged_labels(labels: Mapping[str, Sequence[str]]) -> list[str]:
    """Type -> bare tags of the same sentences ("O B I"), as typed tags ("O B-DISEASE I-DISEASE").

    Raises:
        DataError: a word belongs to mentions of two types.
    """
    merged = []
    for number, sentence in enumerate(zip(*labels.values(), strict=True), 1):
        typed = [
            [tag if tag == "O" else f"{tag}-{kind}" for tag in split_tags(tags)]
            for kind, tags in zip(labels, sentence, strict=True)
        ]
        words = [[tag for tag in word if tag != "O"] for word in zip(*typed, strict=True)]
        twice = next((i for i, tags in enumerate(words, 1) if len(tags) > 1), None)
        if twice is not None:
            raise DataError(
                f"{' and '.join(labels)}: word {twice} of sentence {number} is in a mention of each; give it one type"
            )
        merged.append(" ".join(tags[0] if tags else "O" for tags in words))
    return merged
