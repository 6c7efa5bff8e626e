"""Entities at character offsets as tagged sentences: equal texts from every format, and none lost."""

import csv
import json

import pytest

from blurbstudy.errors import DataError, ParameterError
from blurbstudy.tasks import custom_task, read_split, read_task, task_from_dict, task_to_dict

# id, text, entities
DOCUMENTS = [
    (
        "11",
        "IL-2 helps.\nAspirin (ASA) helps patients with lung cancer, e.g. men. It is “safe” 🧬.",
        [(0, 4, "Gene"), (12, 19, "Drug"), (21, 24, "Drug"), (46, 57, "Disease")],
    ),
    ("12", "Nothing is here\nBut more text is there, as one sees.", []),
    ("13", "Aspirin, p53; again\nAspirin was given to them all.", [(0, 7, "Drug"), (9, 12, "Gene"), (20, 27, "Drug")]),
]
TAGGED = [
    ("11.0", "11", "IL - 2 helps .", "B-Gene I-Gene I-Gene O O"),
    (
        "11.1",
        "11",
        "Aspirin ( ASA ) helps patients with lung cancer , e . g . men .",
        "B-Drug O B-Drug O O O O B-Disease I-Disease O O O O O O O",
    ),
    ("11.2", "11", "It is “ safe ” 🧬 .", "O O O O O O O"),
    ("12.0", "12", "Nothing is here", "O O O"),
    ("12.1", "12", "But more text is there , as one sees .", "O O O O O O O O O O"),
    ("13.0", "13", "Aspirin , p53 ; again", "B-Drug O B-Gene O O"),
    ("13.1", "13", "Aspirin was given to them all .", "B-Drug O O O O O O"),
]


def write_brat(path):
    path.mkdir()
    for name, text, entities in DOCUMENTS:
        (path / f"{name}.txt").write_text(text)
        lines = [f"T{i}\t{kind} {a} {b}\t{text[a:b]}" for i, (a, b, kind) in enumerate(entities, 1)]
        (path / f"{name}.ann").write_text("\n".join(lines))


def write_pubtator(path):
    blocks = []
    for name, text, entities in DOCUMENTS:
        title, abstract = text.split("\n")
        rows = ["\t".join((name, str(a), str(b), text[a:b], kind, "-")) for a, b, kind in entities]
        blocks.append("\n".join([f"{name}|t|{title}", f"{name}|a|{abstract}", *rows]))
    path.write_text("\n\n".join(blocks) + "\n")


def write_json(path, *, key="entities", entity=lambda text, a, b, kind: [a, b, kind], **more):
    rows = [
        {"id": name, "text": text, key: [entity(text, *own) for own in entities]} | more
        for name, text, entities in DOCUMENTS
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))


def write_rows(path, rows, delimiter=","):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)


def write_cells(path):
    rows = [(name, text, str(entities)) for name, text, entities in DOCUMENTS]  # as pandas writes a list of tuples
    write_rows(path, [("id", "text", "spans"), *rows])


def write_mentions(path):
    rows = [("pmid", "text", "start", "end", "label", "mention")]
    for name, text, entities in DOCUMENTS:
        rows += [(name, text, a, b, kind, text[a:b]) for a, b, kind in entities] or [(name, text, "", "", "", "")]
    write_rows(path, rows, ";")


WRITERS = {
    "brat": ("a", write_brat),
    "pubtator": ("a.pubtator", write_pubtator),
    "pubtator as text": ("a.txt", write_pubtator),
    "spacy": ("a.jsonl", write_json),
    "doccano": ("b.jsonl", lambda path: write_json(path, key="label")),
    "doccano with relations": (
        "c.jsonl",
        lambda path: write_json(
            path, entity=lambda text, a, b, kind: {"id": 7, "label": kind, "start_offset": a, "end_offset": b}
        ),
    ),
    "prodigy": (
        "d.jsonl",
        lambda path: write_json(
            path,
            key="spans",
            entity=lambda text, a, b, kind: {"start": a, "end": b, "label": kind, "token_start": 0},
            tokens=[],
            answer="accept",
        ),
    ),
    "cells": ("a.csv", write_cells),
    "mentions": ("b.csv", write_mentions),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_sentences(tmp_path, name):
    file, write = WRITERS[name]
    write(tmp_path / file)
    task = custom_task(kind="ner", files={"train": tmp_path / file, "dev": tmp_path / file})
    assert task.labels == ("O", "B-Disease", "I-Disease", "B-Drug", "I-Drug", "B-Gene", "I-Gene")
    found = [(e.id, e.unit, " ".join(e.texts), e.label) for e in read_split(task, split="train")]
    counted = {"11": "d1", "12": "d2", "13": "d3"} if name == "mentions" else {}  # there, no text has an id
    assert found == [(counted.get(own[:2], own[:2]) + own[2:], *more) for own, *more in TAGGED]


def test_splits_of_different_formats_are_one_task(tmp_path):
    write_brat(tmp_path / "train")
    write_mentions(tmp_path / "dev.csv")
    (tmp_path / "test.conll").write_text("a O\nAspirin S-Drug\nlung B-Disease\ncancer E-Disease\n")
    task = custom_task(kind="ner", files=tmp_path)
    splits = read_task(task)
    assert [e.label for e in splits["train"]] == [e.label for e in splits["dev"]] == [label for *_, label in TAGGED]
    assert splits["test"][0].label == "O B-Drug B-Disease I-Disease"
    again = task_from_dict(json.loads(json.dumps(task_to_dict(task))))
    assert again == task and read_task(again) == splits


def test_a_folder_that_is_split_off_keeps_documents_together(tmp_path):
    folder = tmp_path / "train"
    folder.mkdir()
    for i in range(40):
        text = f"RESULTS. Case {i} had flu {i}. It was given aspirin {i}. CONCLUSIONS. It helped patient {i} well."
        (folder / f"{i}.txt").write_text(text)
        at = text.index("flu")
        (folder / f"{i}.ann").write_text(f"T1\tDisease {at} {at + 3}\tflu")
    splits = read_task(custom_task(kind="ner", files={"train": folder}))
    train, dev = ({e.unit for e in splits[split]} for split in ("train", "dev"))
    assert len(dev) == 8 and len(train) == 32 and not train & dev


def test_pieces_are_refused_unless_they_are_to_be_left_out(write, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.txt").write_text("breast and lung cancer")
    (tmp_path / "a" / "1.ann").write_text("T1\tD 0 6;16 22\tbreast cancer\nT2\tD 11 22\tlung cancer")
    with pytest.raises(DataError, match=r"1\.ann, line 1: found an entity in 2 fragments .*discontinuous: skip"):
        custom_task(kind="ner", files={"train": "a"})
    task = custom_task(kind="ner", files={"train": "a", "dev": "a"}, discontinuous="skip")
    assert [e.label for e in read_split(task, split="train")] == ["O O B-D I-D | 0:3.5:D 2:4:D"]
    with pytest.raises(ParameterError, match="discontinuous='drop' is unknown; use refuse or skip"):
        custom_task(kind="ner", files={"train": "a"}, discontinuous="drop")


def test_types_with_white_space_are_types(write):
    write(a__jsonl='{"text": "IL-2", "label": [[0, 4, "Gene or protein"]]}')
    assert custom_task(kind="ner", files={"train": "a.jsonl"}).labels == ("O", "B-Gene_or_protein", "I-Gene_or_protein")


def test_what_an_annotator_rejected_is_not_learned(write):
    lines = [
        {"text": f"IL-{i}", "spans": [{"start": 0, "end": 4, "label": "G"}], "answer": answer}
        for i, answer in enumerate(("accept", "reject", "ignore"))
    ]
    write(a__jsonl="\n".join(map(json.dumps, lines)))
    task = custom_task(kind="ner", files={"train": "a.jsonl", "dev": "a.jsonl"})
    assert [e.texts for e in read_split(task, split="train")] == [("IL", "-", "0")]
