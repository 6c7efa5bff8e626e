"""A corpus of several files: test text, held-out documents, progress, fingerprints."""

from __future__ import annotations

import json

import numpy as np
import pytest

from blurbstudy.errors import DataError, ParameterError
from blurbstudy.pretraining.corpus.corpus import Corpus, as_corpus, text_digest


def write(path, texts, **more):
    path.write_text("".join(json.dumps({"sentences": [text, "end"], **more}) + "\n" for text in texts))
    return path


@pytest.fixture
def files(tmp_path):
    """60 documents in two files, and 5 of test text in a third."""
    return (
        write(tmp_path / "a.jsonl", [f"sentence {i}" for i in range(20)]),
        write(tmp_path / "b.jsonl", [f"sentence {i}" for i in range(20, 60)]),
        write(tmp_path / "t.jsonl", [f"test sentence {i}" for i in range(5)], blurb_test=["HoC"]),
    )


def held_out(corpus, stats):
    return {document.sentences for document in corpus.documents() if stats.is_held_out(document)}


def test_files_are_read_in_order_and_test_text_is_left_out_unless_included(files):
    texts = [document.sentences[0] for document in Corpus(files).documents()]
    assert texts == [f"sentence {i}" for i in range(60)]
    assert len(list(Corpus(files, include_test_text=True).documents())) == 65


def test_statistics_count_documents_and_test_documents_per_file(files):
    stats = Corpus(files).statistics(0.1)
    assert (stats.n_documents, stats.n_test_documents) == ((20, 40, 5), (0, 0, 5))


def test_held_out_documents_depend_neither_on_order_nor_on_files(files, tmp_path):
    corpus = Corpus(files)
    stats = corpus.statistics(0.1)
    assert len(held_out(corpus, stats)) == 6
    other = Corpus((write(tmp_path / "c.jsonl", [f"sentence {i}" for i in range(60)][::-1]),))
    assert held_out(other, other.statistics(0.1)) == held_out(corpus, stats)


def test_a_larger_fraction_holds_out_a_superset(files):
    corpus = Corpus(files)
    assert held_out(corpus, corpus.statistics(0.1)) < held_out(corpus, corpus.statistics(0.3))


def test_the_lowest_digests_are_held_out(files):
    corpus = Corpus(files)
    ranked = sorted(corpus.documents(), key=text_digest)
    assert held_out(corpus, corpus.statistics(0.2)) == {document.sentences for document in ranked[:12]}


def test_copies_of_a_text_are_on_one_side_of_the_split(tmp_path):
    corpus = Corpus((write(tmp_path / "c.jsonl", [f"sentence {i // 3}" for i in range(60)]),))
    stats = corpus.statistics(0.1)
    sides = {}
    for document in corpus.documents():
        sides.setdefault(document.sentences, set()).add(stats.is_held_out(document))
    assert all(len(side) == 1 for side in sides.values())


def test_too_few_documents_or_texts_and_only_test_text_are_errors(tmp_path, files):
    with pytest.raises(DataError, match="has 3 documents; pretraining needs at least 4"):
        Corpus((write(tmp_path / "c.jsonl", "xyz"),)).statistics(0.5)
    with pytest.raises(DataError, match="nearly all documents of the corpus have the same text"):
        Corpus((write(tmp_path / "c.jsonl", "xxxxxxxx"),)).statistics(0.02)
    with pytest.raises(DataError, match=r"all 5 documents are marked as text of a BLURB test set"):
        Corpus(files[2:]).statistics(0.1)


def test_progress_ends_with_all_documents_and_all_bytes(files, monkeypatch):
    monkeypatch.setattr("blurbstudy.pretraining.corpus.corpus.REPORT_EVERY", 10)
    calls = []
    list(Corpus(files).documents("tokenizing", lambda *now: calls.append(now)))
    size = sum(file.stat().st_size for file in files)
    assert calls[-1] == ("tokenizing", 65, size, size)
    done, read = np.array([now[1:3] for now in calls]).T
    assert len(calls) > 5 and (np.diff(done) >= 0).all() and (np.diff(read) >= 0).all()


def test_bytes_order_and_test_text_change_the_fingerprint(files, tmp_path):
    prints = {
        Corpus(files).fingerprint,
        Corpus(files[::-1]).fingerprint,
        Corpus(files[:2]).fingerprint,
        Corpus(files, include_test_text=True).fingerprint,
    }
    before = Corpus(files[:1]).fingerprint
    files[0].write_text(files[0].read_text().replace("sentence 7", "sentence 8"))
    assert Corpus(files[:1]).fingerprint != before
    assert len(prints | {Corpus(files).fingerprint}) == 5


def test_no_file_a_duplicate_file_and_a_missing_file_are_errors(files, tmp_path):
    with pytest.raises(ParameterError, match="the corpus has no files"):
        Corpus(())
    with pytest.raises(ParameterError, match=r"a\.jsonl: appears twice"):
        Corpus((files[0], tmp_path / "." / "a.jsonl"))
    with pytest.raises(DataError, match=r"none\.jsonl: cannot be read \(No such file"):
        Corpus((tmp_path / "none.jsonl",)).fingerprint  # noqa: B018 (read when asked for)
    with pytest.raises(DataError, match=r"none\.jsonl: cannot be read \(No such file"):
        list(Corpus((files[0], tmp_path / "none.jsonl")).documents())


def test_a_file_that_changes_while_read_is_an_error(files):
    corpus = Corpus(files)
    with pytest.raises(DataError, match=r"b\.jsonl: changed while it was being read"), corpus.guard_unchanged():
        files[1].write_text(files[1].read_text() + '{"sentences": ["more"]}\n')


def test_as_corpus_accepts_a_path_several_paths_and_a_corpus(files):
    assert as_corpus(files[0]) == as_corpus(str(files[0])) == Corpus(files[:1])
    assert as_corpus([str(file) for file in files]) == Corpus(files)
    corpus = Corpus(files, include_test_text=True)
    assert as_corpus(corpus) is corpus
