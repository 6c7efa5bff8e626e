"""A corpus is read as documents of sentences; what is broken is named by file, line and remedy."""

from __future__ import annotations

import gzip
import json
import lzma

import numpy as np
import pytest

from blurbstudy.errors import DataError
from blurbstudy.pretraining.corpus import (
    Document,
    corpus_fingerprint,
    hold_out,
    read_corpus,
    tokenize_corpus,
)
from blurbstudy.pretraining.vocabulary import train_vocabulary

LINES = [
    {"id": "a", "title": "On zorvatinib.", "sentences": ["It inhibits QRX1.", "Cells died."]},
    {"id": "b", "title": "", "sentences": ["No title here.", "Still two sentences."]},
    {"id": "c", "title": "Test text.", "sentences": ["Must not be seen."], "blurb_test": ["HoC"]},
]
TEXT = "".join(json.dumps(line) + "\n" for line in LINES)


@pytest.mark.parametrize(("name", "opener"), [("c.jsonl", open), ("c.jsonl.gz", gzip.open), ("c.jsonl.xz", lzma.open)])
def test_documents_are_read_plain_or_compressed_and_test_text_is_left_out(tmp_path, name, opener):
    with opener(tmp_path / name, "wt", encoding="utf-8") as stream:
        stream.write(TEXT)
    assert read_corpus(tmp_path / name) == [
        Document("a", ("On zorvatinib.", "It inhibits QRX1.", "Cells died.")),
        Document("b", ("No title here.", "Still two sentences.")),
    ]


@pytest.mark.parametrize(
    "broken",
    ["{not json", "[]", '{"sentences": "one text"}', '{"title": 3, "sentences": ["x"]}', '{"title": "no sentences"}'],
)
def test_a_broken_line_is_named_with_its_remedy(tmp_path, broken):
    (tmp_path / "c.jsonl").write_text(TEXT + broken + "\n")
    with pytest.raises(DataError, match=r'c\.jsonl: line 4: is no document .*; write one object a line: \{"title"'):
        read_corpus(tmp_path / "c.jsonl")


def test_a_missing_an_empty_and_a_torn_file_are_errors(tmp_path):
    with pytest.raises(DataError, match=r"none\.jsonl: cannot be read \(No such file"):
        read_corpus(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match=r"none\.jsonl: cannot be read \(No such file"):
        corpus_fingerprint(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(DataError, match=r"empty\.jsonl: holds no document"):
        read_corpus(tmp_path / "empty.jsonl")
    (tmp_path / "torn.jsonl.xz").write_bytes(lzma.compress(TEXT.encode() * 50)[:-40])
    with pytest.raises(DataError, match=r"torn\.jsonl\.xz: line \d+: the archive is torn"):
        read_corpus(tmp_path / "torn.jsonl.xz")


def test_one_changed_byte_changes_the_fingerprint(tmp_path):
    (tmp_path / "a").write_text(TEXT)
    (tmp_path / "b").write_text(TEXT.replace("Cells died", "Cells lied"))
    assert corpus_fingerprint(tmp_path / "a") != corpus_fingerprint(tmp_path / "b")


def test_tokenized_ranges_give_every_sentence_back():
    documents = [Document("a", ("One two.", "Three.")), Document("b", (" ",)), Document("c", ("Two one.",))]
    tokenizer = train_vocabulary((s for d in documents for s in d.sentences), 60)
    corpus = tokenize_corpus(documents, tokenizer)
    found = [
        [
            tokenizer.decode(corpus.tokens[corpus.sentences[s] : corpus.sentences[s + 1]])
            for s in range(corpus.documents[d], corpus.documents[d + 1])
        ]
        for d in range(corpus.n_documents)
    ]
    assert found == [["one two.", "three."], ["two one."]]
    assert corpus.tokens.dtype == np.int32


def test_held_out_documents_do_not_depend_on_the_others_order():
    documents = [Document(str(i), (f"sentence {i}", "end")) for i in range(50)]
    train, held = hold_out(documents, 0.1)
    assert len(held) == 5 and len(train) == 45
    _, again = hold_out(documents[::-1], 0.1)
    assert {d.id for d in again} == {d.id for d in held}
    assert not {d.id for d in train} & {d.id for d in held}


def test_too_few_documents_are_refused():
    with pytest.raises(DataError, match="has 3 documents; pretraining needs at least 4"):
        hold_out([Document(str(i), ("x", "y")) for i in range(3)], 0.5)
