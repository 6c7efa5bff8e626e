"""Training sentences of a baseline model, from one task or from several tasks that tag the same sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import DataError
from ..tasks import Example, get_task, read_task, split_tags

Sentence = tuple[tuple[str, ...], list[str]]  # words and their typed tags


def typed_corpus(types: Mapping[str, str], folder: Path) -> dict[str, list[Sentence]]:
    """Read the sentences of train and dev, tagged with the mentions of all tasks.
    `types`: task -> type of its mentions, as {"BC5-chem": "CHEMICAL", ...}.
    """
    examples = {name: read_task(get_task(name), folder) for name in types}
    return {
        split: merged_sentences({types[name]: splits[split] for name, splits in examples.items()}, split=split)
        for split in ("train", "dev")
    }


def merged_sentences(examples: Mapping[str, Sequence[Example]], *, split: str) -> list[Sentence]:
    """Merge the tags of the same sentences.
    `examples`: type -> examples with the mentions of that type.
    Raises DataError: the sentences differ, or mentions of two types overlap.
    """
    first, *others = examples.values()
    for other in others:
        same = [a.texts == b.texts for a, b in zip(first, other, strict=False)]
        if len(first) != len(other) or not all(same):
            where = f"sentence {same.index(False) + 1}" if False in same else f"{len(first)} and {len(other)} sentences"
            raise DataError(
                f"{' and '.join(examples)} ({split}): {where} differ, but one model is trained on both types; "
                "use files from the same source"
            )
    labels = merged_labels({kind: [str(example.label) for example in tagged] for kind, tagged in examples.items()})
    return [(example.texts, split_tags(label)) for example, label in zip(first, labels, strict=True)]


def merged_labels(labels: Mapping[str, Sequence[str]]) -> list[str]:
    """Merge untyped tags ("O B I") into typed tags ("O B-DISEASE I-DISEASE").
    `labels`: type -> tags of the same sentences.
    Raises DataError: a word is in mentions of two types.
    """
    merged = []
    for number, sentence in enumerate(zip(*labels.values(), strict=True), 1):
        typed = [
            [tag if tag == "O" else f"{tag}-{kind}" for tag in split_tags(tags)]
            for kind, tags in zip(labels, sentence, strict=True)
        ]
        words = [[tag for tag in word if tag != "O"] for word in zip(*typed, strict=True)]
        overlap = next((i for i, tags in enumerate(words, 1) if len(tags) > 1), None)
        if overlap is not None:
            raise DataError(
                f"{' and '.join(labels)}: word {overlap} of sentence {number} is in mentions of both types; keep one"
            )
        merged.append(" ".join(tags[0] if tags else "O" for tags in words))
    return merged
