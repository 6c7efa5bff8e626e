"""Raw text with spans: gold is every span, whatever the format, and scores are those of an independent scorer."""

import csv
import json
import random

import pytest

from blurbstudy.metrics import METRICS, entity_terms_by_type, scores_from_counts
from blurbstudy.metrics.entities import decode_tags, gold_mentions
from blurbstudy.tasks import custom_task, data_fingerprint, read_split
from blurbstudy.tasks.custom.raw_text import SpanCounts, labelled_sentences
from blurbstudy.tasks.custom.spans import span_counts
from blurbstudy.tasks.formats.standoff import Entity
from blurbstudy.tasks.text.sentences import sentence_words

pico_f1 = METRICS["pico_f1"].score

PIECES = ["IL-2", "癌", "🧬", "e\u0301", "a", " ", " ", "\u200b", "(", ". ", "ß", "words", "A", ". Then", "- "]
TYPES = ("Gene", "Drug or food", "X")


def tagged(text, *entities, **options):
    counts = SpanCounts()
    found = labelled_sentences(text, [Entity(*entity, 1) for entity in entities], counts, **options)
    return [(" ".join(words), label) for words, label in found], counts


def test_gold_lists_what_tags_cannot_express_and_counts_say_what_no_prediction_matches():
    found, counts = tagged(
        "Anti-IL2 in lung cancer cells. Dr. A\n\nB helped.",
        (0, 8, "Drug"),
        (5, 8, "Gene"),
        (5, 8, "Gene"),
        (6, 7, "Part"),
        (12, 23, "Disease"),
        (24, 27, "Cell"),
        (35, 39, "Name"),
    )
    assert found == [
        (
            "Anti - IL2 in lung cancer cells .",
            "B-Drug I-Drug I-Drug O B-Disease I-Disease B-Cell O | "
            "0:3:Drug 2:3:Gene 2.5:2.5:Part 4:6:Disease 6:6.5:Cell",
        ),
        ("Dr . A", "O O B-Name | 2:4:Name"),
        ("B helped .", "B-Name O O | "),
    ]
    assert counts == SpanCounts(entities=6, overlapping=2, inside_words=2, across_sentences=1)
    assert counts.unreachable == 3


def test_white_space_around_a_span_is_no_part_of_it():
    assert tagged("Give aspirin now.", (4, 13, "Drug"))[0] == [("Give aspirin now .", "O B-Drug O O")]


def test_pico_words_are_scored_one_by_one():
    found, counts = tagged("Adults with flus got tea.", (0, 15, "P"), (7, 11, "I"), (21, 24, "I"), by_word=True)
    assert found == [
        (
            "Adults with flus got tea .",
            "I-P I-I I-P O I-I O | 0:1:P 1:2:I 1:2:P 2.5:2.5:P 4:5:I",
        )
    ]
    assert counts == SpanCounts(entities=3, inside_words=1)
    gold, positives = [found[0][1]], ("I-P", "I-I")
    assert pico_f1(gold, ["I-P I-P I-P O I-I O"], positives=positives) == (2 / 3 + 2 / 3) / 2
    assert pico_f1(gold, ["I-P I-I O O I-I O"], positives=positives) == (0.5 + 1) / 2


def random_documents(draw, n):
    """(id, title, abstract, spans): spans begin and end anywhere and are nested or adjacent."""
    for i in range(n):
        title, abstract = ("".join(draw.choice(PIECES) for _ in range(size)).strip() for size in (8, 40))
        text, spans = f"T{title}\n{abstract}Z", []
        for _ in range(draw.randrange(12)):
            start = draw.randrange(len(text))
            if spans and draw.random() < 0.3:  # adjacent or nested
                start = draw.choice(spans)[draw.randrange(2)]
            end = min(len(text), start + draw.randrange(1, 9))
            span = (start, end, draw.choice(TYPES))
            if any(c.isalnum() for c in text[start:end]) and "\n" not in text[start:end]:
                spans.append(span)
        yield f"d{i + 1}", text, spans


def write_brat(folder, documents):
    folder.mkdir()
    for name, text, spans in documents:
        (folder / f"{name}.txt").write_text(text)
        lines = [f"T{i}\t{kind.replace(' ', '_')} {a} {b}\t{text[a:b]}\n" for i, (a, b, kind) in enumerate(spans, 1)]
        (folder / f"{name}.ann").write_text("".join(lines))


def write_pubtator(path, documents):
    blocks = []
    for name, text, spans in documents:
        title, abstract = text.split("\n")
        rows = ["\t".join((name, str(a), str(b), text[a:b], kind, "-")) for a, b, kind in spans]
        blocks.append("\n".join([f"{name}|t|{title}", f"{name}|a|{abstract}", *rows]))
    path.write_text("\n\n".join(blocks))


def write_jsonl(path, documents):
    rows = [{"id": name, "text": text, "entities": spans} for name, text, spans in documents]
    path.write_text("\n".join(map(json.dumps, rows)))


def write_cells(path, documents):
    write_rows(path, [("id", "text", "spans"), *((name, text, json.dumps(spans)) for name, text, spans in documents)])


def write_mentions(path, documents):
    rows = [("pmid", "text", "start", "end", "label")]
    for name, text, spans in documents:
        rows += [(name, text, *span) for span in spans] or [(name, text, "", "", "")]
    write_rows(path, rows)


def write_rows(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


FORMATS = {
    "brat": ("a", write_brat),
    "pubtator": ("a.pubtator", write_pubtator),
    "jsonl": ("a.jsonl", write_jsonl),
    "cells": ("a.csv", write_cells),
    "mentions": ("b.csv", write_mentions),
}


def independent_f1(gold, predicted):
    """F1 of exact (document, start, end, type), by its definition."""
    right = len(gold & predicted)
    precision, recall = right / max(1, len(predicted)), right / max(1, len(gold))
    return 2 * precision * recall / (precision + recall) if right else 0.0


def gold_spans(documents):
    """All spans, without surrounding white space."""
    spans = set()
    for name, text, listed in documents:
        for start, end, kind in listed:
            inner = text[start:end]
            start += len(inner) - len(inner.lstrip())
            spans.add((name, start, start + len(inner.strip()), kind.replace(" ", "_")))
    return spans


@pytest.mark.parametrize("kind", ["ner", "pico"])
def test_every_format_has_the_same_gold_and_scores_equal_those_of_spans_in_the_text(tmp_path, kind):
    draw = random.Random(11)
    documents = list(random_documents(draw, 60))
    labels = {}
    for name, (file, write) in FORMATS.items():
        write(tmp_path / file, documents)
        task = custom_task(kind=kind, files={"train": tmp_path / file, "dev": tmp_path / file}, name=name)
        by_id = {e.id: (e.unit, " ".join(e.texts), e.label) for e in read_split(task, split="dev")}
        labels[name] = {key: value for key, value in sorted(by_id.items())}
    assert all(found == labels["brat"] for found in labels.values())
    if kind == "pico":
        return
    words = {name: sentence_words(text, "basic") for name, text, _ in documents}
    examples = {e.id: e for e in read_split(task, split="dev")}
    gold, predicted, spans = [], [], set()
    for name, sentences in words.items():
        for number, sentence in enumerate(sentences):
            label = examples[name if len(sentences) == 1 else f"{name}.{number}"].label
            reachable = [m for m in gold_mentions(label) if m.start % 1 == m.end % 1 == 0 and m.end <= len(sentence)]
            tags, end = ["O"] * len(sentence), 0
            for mention in sorted(reachable, key=lambda m: draw.random()):
                start, end, of = int(mention.start), int(mention.end), draw.choice([mention.type, "X"])
                if draw.random() < 0.7 and all(tag == "O" for tag in tags[start:end]):
                    tags[start:end] = [f"B-{of}"] + [f"I-{of}"] * (end - start - 1)
            tags = [draw.choice(task.labels) if draw.random() < 0.05 else tag for tag in tags]
            gold.append(label)
            predicted.append(" ".join(tags))
            spans |= {(name, sentence[a][0], sentence[b - 1][1], of) for a, b, of in decode_tags(tags)}
    expected = gold_spans(documents)
    assert METRICS["entity_f1"].score(gold, predicted) == independent_f1(expected, spans) > 0.1
    types = sorted({label[2:] for label in task.labels if label != "O"})
    terms = entity_terms_by_type(gold, predicted, types)
    for of, scores in zip(types, map(scores_from_counts, terms.sum(axis=0)), strict=True):
        assert scores.f1 == independent_f1(*({s for s in side if s[3] == of} for side in (expected, spans)))
        assert (scores.gold, scores.predicted) == tuple(sum(s[3] == of for s in side) for side in (expected, spans))
    counts = span_counts(tmp_path / "a", custom_task(kind="ner", files={"train": tmp_path / "a"}))
    reachable = {
        (n, a, b) for n, rows in words.items() for row in rows for i, (a, _) in enumerate(row) for _, b in row[i:]
    }
    assert counts.entities == len(expected)
    assert counts.unreachable == sum(span[:3] not in reachable for span in expected) > 0


def test_words_of_raw_text_are_split_as_those_of_tagged_train(tmp_path):
    (tmp_path / "train.conll").write_text("IL-2 B-Gene\nhelps O\n. O\n\np53-null B-Gene\n, O\ntoo O\n\n" * 4)
    (tmp_path / "test.jsonl").write_text(json.dumps({"text": "IL-2 helps.", "entities": [[0, 2, "Gene"]]}))
    task = custom_task(kind="ner", files=tmp_path)
    assert task.form.words == "joined" and not task.is_raw_text("dev") and task.is_raw_text("test")
    (example,) = read_split(task, split="test")
    assert (example.texts, example.label) == (("IL-2", "helps", "."), "B-Gene O O | 0:0.5:Gene")
    again = custom_task(kind="ner", files={"train": tmp_path / "train.conll"})
    assert again.form.words == "basic" and data_fingerprint(again) != data_fingerprint(task)
