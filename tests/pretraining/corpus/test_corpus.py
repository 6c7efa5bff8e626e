"""A corpus of several files: what stays in, what is held out, progress, fingerprints."""

from __future__ import annotations

import json

import numpy as np
import pytest

from blurbstudy.errors import DataError, ParameterError
from blurbstudy.pretraining.corpus.corpus import Corpus, as_corpus, text_digest


def written(path, texts, **more):
    path.write_text("".join(json.dumps({"sentences": [text, "end"], **more}) + "\n" for text in texts))
    return path


@pytest.fixture
def files(tmp_path):
    """60 documents in two files, and 5 that are marked in a third."""
    return (
        written(tmp_path / "a.jsonl", [f"sentence {i}" for i in range(20)]),
        written(tmp_path / "b.jsonl", [f"sentence {i}" for i in range(20, 60)]),
        written(tmp_path / "t.jsonl", [f"test sentence {i}" for i in range(5)], blurb_test=["HoC"]),
    )


def held(corpus, survey):
    return {document.sentences for document in corpus.documents() if survey.held_out(document)}


def test_files_are_read_in_their_order_and_test_text_is_left_out_unless_kept(files):
    texts = [document.sentences[0] for document in Corpus(files).documents()]
    assert texts == [f"sentence {i}" for i in range(60)]
    assert len(list(Corpus(files, test_text=True).documents())) == 65


def test_the_survey_counts_every_file_and_its_marked_documents(files):
    survey = Corpus(files).survey(0.1)
    assert (survey.documents, survey.marked) == ((20, 40, 5), (0, 0, 5))


def test_what_is_held_out_depends_neither_on_order_nor_on_files(files, tmp_path):
    corpus = Corpus(files)
    survey = corpus.survey(0.1)
    assert len(held(corpus, survey)) == 6
    again = Corpus((written(tmp_path / "c.jsonl", [f"sentence {i}" for i in range(60)][::-1]),))
    assert held(again, again.survey(0.1)) == held(corpus, survey)


def test_a_larger_share_holds_out_the_same_documents_and_more(files):
    corpus = Corpus(files)
    assert held(corpus, corpus.survey(0.1)) < held(corpus, corpus.survey(0.3))


def test_the_lowest_digests_are_held_out(files):
    corpus = Corpus(files)
    ranked = sorted(corpus.documents(), key=text_digest)
    assert held(corpus, corpus.survey(0.2)) == {document.sentences for document in ranked[:12]}


def test_a_text_that_occurs_twice_lies_on_one_side(tmp_path):
    corpus = Corpus((written(tmp_path / "c.jsonl", [f"sentence {i // 3}" for i in range(60)]),))
    survey = corpus.survey(0.1)
    sides = {}
    for document in corpus.documents():
        sides.setdefault(document.sentences, set()).add(survey.held_out(document))
    assert all(len(side) == 1 for side in sides.values())


def test_too_few_documents_or_texts_and_only_test_text_are_refused(tmp_path, files):
    with pytest.raises(DataError, match="has 3 documents; pretraining needs at least 4"):
        Corpus((written(tmp_path / "c.jsonl", "xyz"),)).survey(0.5)
    with pytest.raises(DataError, match="nearly all documents of the corpus are the same text"):
        Corpus((written(tmp_path / "c.jsonl", "xxxxxxxx"),)).survey(0.02)
    with pytest.raises(DataError, match=r"all 5 documents of the corpus are marked as text of a BLURB test set"):
        Corpus(files[2:]).survey(0.1)


def test_progress_ends_with_all_documents_and_all_bytes(files, monkeypatch):
    monkeypatch.setattr("blurbstudy.pretraining.corpus.corpus.REPORT_EVERY", 10)
    told = []
    list(Corpus(files).documents("tokenizing", lambda *now: told.append(now)))
    size = sum(file.stat().st_size for file in files)
    assert told[-1] == ("tokenizing", 65, size, size)
    done, read = np.array([now[1:3] for now in told]).T
    assert len(told) > 5 and (np.diff(done) >= 0).all() and (np.diff(read) >= 0).all()


def test_bytes_order_and_what_is_left_out_change_the_fingerprint(files, tmp_path):
    prints = {
        Corpus(files).fingerprint,
        Corpus(files[::-1]).fingerprint,
        Corpus(files[:2]).fingerprint,
        Corpus(files, test_text=True).fingerprint,
    }
    before = Corpus(files[:1]).fingerprint
    files[0].write_text(files[0].read_text().replace("sentence 7", "sentence 8"))
    assert Corpus(files[:1]).fingerprint != before
    assert len(prints | {Corpus(files).fingerprint}) == 5


def test_no_file_a_file_named_twice_and_a_missing_one_are_errors(files, tmp_path):
    with pytest.raises(ParameterError, match="the corpus names no file"):
        Corpus(())
    with pytest.raises(ParameterError, match=r"a\.jsonl: is named twice"):
        Corpus((files[0], tmp_path / "." / "a.jsonl"))
    with pytest.raises(DataError, match=r"none\.jsonl: cannot be read \(No such file"):
        Corpus((tmp_path / "none.jsonl",)).fingerprint  # noqa: B018 (read when asked for)
    with pytest.raises(DataError, match=r"none\.jsonl: cannot be read \(No such file"):
        list(Corpus((files[0], tmp_path / "none.jsonl")).documents())


def test_a_file_changed_while_it_is_read_is_noticed(files):
    corpus = Corpus(files)
    with pytest.raises(DataError, match=r"b\.jsonl: was changed while it was read"), corpus.unchanged():
        files[1].write_text(files[1].read_text() + '{"sentences": ["more"]}\n')


def test_one_path_several_and_a_corpus_itself_are_taken(files):
    assert as_corpus(files[0]) == as_corpus(str(files[0])) == Corpus(files[:1])
    assert as_corpus([str(file) for file in files]) == Corpus(files)
    kept = Corpus(files, test_text=True)
    assert as_corpus(kept) is kept
