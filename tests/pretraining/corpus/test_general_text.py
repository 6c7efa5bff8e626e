"""General English from Python's own manual: prose alone, once in the cache, and an error where there is none."""

import json
import sys

import pytest

from blurbstudy.errors import DataError, DiskError
from blurbstudy.pretraining.corpus.corpus import Corpus
from blurbstudy.pretraining.corpus.general_text import PARAGRAPHS, general_corpus


def documents():
    return [json.loads(line)["sentences"] for line in general_corpus().read_text(encoding="utf-8").splitlines()]


def test_it_is_a_corpus_with_documents_enough_to_hold_some_out():
    corpus = Corpus((general_corpus(),))
    stats = corpus.statistics(0.02)
    assert stats.n_documents[0] > 100 and sum(map(stats.is_held_out, corpus.documents())) >= 2


def test_it_is_prose_without_code_and_headings():
    sentences = [sentence for document in documents() for sentence in document]
    text = "\n".join(sentences)
    assert "::=" not in text and "****" not in text and ">>>" not in "".join(s[:3] for s in sentences)
    assert len(text) > 200_000 and sum(map(str.islower, text)) > 0.6 * len(text)


def test_documents_are_a_few_paragraphs_long():
    assert max(map(len, documents())) < 20 * PARAGRAPHS


def test_the_same_python_gives_the_same_file_which_is_written_once():
    first = general_corpus()
    written = first.stat().st_mtime_ns
    assert general_corpus() == first and first.stat().st_mtime_ns == written


def test_a_python_without_its_manual_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(DataError, match="came without the text of its manual.*name a file of text instead"):
        general_corpus()


def test_a_cache_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path / "file"))
    with pytest.raises(DiskError, match="cannot be written: .*BLURBSTUDY_CACHE"):
        general_corpus()
