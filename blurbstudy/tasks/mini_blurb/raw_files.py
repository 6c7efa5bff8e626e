"""mini-BLURB's BC5CDR in the formats of annotators, for tutorials: a brat folder for training, a table with one row per
mention for testing, and text files without annotations.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from ..blurb import BC5_CHEM, BC5_DISEASE
from ..formats.conll import read_conll
from ..task import OUTSIDE, Example, split_tags

TYPES = {"Chemical": BC5_CHEM, "Disease": BC5_DISEASE}  # the same sentences, annotated for one type each
SENTENCES = 5  # per document
TIGHT = set(".,;:)%")  # without a space before them

Marked = tuple[str, list[tuple[int, int, str]]]  # a text, and its entities: start, end, type


def write_raw_files(data: Path, folder: Path) -> dict[str, Path]:
    """Write train (.txt and .ann files), test (CSV) and new (.txt files) into a folder.

    Args:
        data: the folder of mini-BLURB.
    """
    documents = {split: _documents(data, split) for split in ("train", "dev", "test")}
    paths = {"train": folder / "train", "test": folder / "test.csv", "new": folder / "new"}
    for name in ("train", "new"):
        paths[name].mkdir(parents=True, exist_ok=True)
    for number, (text, entities) in enumerate(documents["train"], 1):
        lines = [f"T{i}\t{kind} {a} {b}\t{text[a:b]}\n" for i, (a, b, kind) in enumerate(entities, 1)]
        (paths["train"] / f"report{number:03}.txt").write_text(text, encoding="utf-8")
        (paths["train"] / f"report{number:03}.ann").write_text("".join(lines), encoding="utf-8")
    with paths["test"].open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "start", "end", "type", "mention"))
        for text, entities in documents["test"]:
            rows = [(text, start, end, kind, text[start:end]) for start, end, kind in entities]
            writer.writerows(rows or [(text, "", "", "", "")])
    for number, (text, _) in enumerate(documents["dev"], 1):
        (paths["new"] / f"note{number:03}.txt").write_text(text, encoding="utf-8")
    return paths


def _documents(data: Path, split: str) -> list[Marked]:
    """Consecutive sentences as running text, SENTENCES per document."""
    by_type = {kind: read_conll(data / task.folder / task.files[split], task) for kind, task in TYPES.items()}
    sentences = list(zip(*by_type.values(), strict=True))
    return [_document(sentences[at : at + SENTENCES]) for at in range(0, len(sentences), SENTENCES)]


def _document(sentences: Sequence[Sequence[Example]]) -> Marked:
    text, entities = "", []
    for same in sentences:
        spans: list[tuple[int, int]] = []
        for word in same[0].texts:
            text += "" if not text or word in TIGHT or text.endswith("(") else " "
            spans.append((len(text), len(text) + len(word)))
            text += word
        for kind, example in zip(TYPES, same, strict=True):
            entities += [(spans[a][0], spans[b - 1][1], kind) for a, b in _mentions(split_tags(str(example.label)))]
    return text, sorted(entities)


def _mentions(tags: Sequence[str]) -> list[tuple[int, int]]:
    """First and last word of each mention, end exclusive."""
    spans: list[tuple[int, int]] = []
    for i, tag in enumerate(tags):
        if tag == "B":
            spans.append((i, i + 1))
        elif tag != OUTSIDE:
            spans[-1] = (spans[-1][0], i + 1)
    return spans
