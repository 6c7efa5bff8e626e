"""A corpus is tokenized once into arrays on disk that are memory-mapped, reused, and rebuilt if corrupt."""

from __future__ import annotations

import errno
import json

import numpy as np
import pytest

from blurbstudy.errors import DataError, ParameterError, StudyError
from blurbstudy.paths import cache_folder
from blurbstudy.pretraining.corpus import prepared_corpus as prepared
from blurbstudy.pretraining.corpus import token_cache
from blurbstudy.pretraining.corpus.corpus import Corpus
from blurbstudy.pretraining.corpus.prepared_corpus import prepare_corpus
from blurbstudy.pretraining.corpus.sequences import single_sequences, two_segments
from blurbstudy.pretraining.corpus.wordpiece import train_vocabulary

COLUMNS = token_cache.COLUMNS


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """80 documents of one to four sentences, some blank, and 5 of test text; an empty cache."""
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(3)
    words = [
        "zorvatinib",
        "inhibits",
        "naïve",
        "kinase",
        "QRX1",
        "[MASK]",
        "p<0.05",
        "中文",
        "cells",
        "\u200b",
        "a\u00a0b",
    ]
    with (tmp_path / "c.jsonl").open("w", encoding="utf-8") as stream:
        for number in range(85):
            sentences = [" ".join(rng.choice(words, rng.integers(0, 12))) for _ in range(rng.integers(1, 5))]
            record = {"id": str(number), "title": f"On {number}", "sentences": sentences}
            stream.write(json.dumps(record | ({"blurb_test": ["HoC"]} if number >= 80 else {})) + "\n")
    return Corpus((tmp_path / "c.jsonl",))


def prepare(corpus, **more):
    return prepare_corpus(corpus, **{"vocabulary": 150, "held_out": 0.1} | more)


def sentences_of(corpus, tokens):
    """Token ids by document and sentence."""
    return [
        [
            tokens.tokens[tokens.sentences[s] : tokens.sentences[s + 1]].tolist()
            for s in range(tokens.documents[d], tokens.documents[d + 1])
        ]
        for d in range(tokens.n_documents)
    ]


@pytest.mark.parametrize("chunk", [50, 1_000_000])
def test_token_ids_equal_those_of_transformers(corpus, monkeypatch, chunk):
    monkeypatch.setattr(token_cache, "CHUNK_CHARACTERS", chunk)
    text = prepare(corpus)
    stats = corpus.statistics(0.1)
    for part, is_held_out in ((text.train, False), (text.held_out, True)):
        documents = [d for d in corpus.documents() if stats.is_held_out(d) is is_held_out]
        expected = [
            text.tokenizer(list(d.sentences), add_special_tokens=False, split_special_tokens=True)["input_ids"]
            for d in documents
        ]
        expected = [[row for row in rows if row] for rows in expected]
        assert sentences_of(corpus, part) == [rows for rows in expected if rows]
    assert text.train.n_documents + text.held_out.n_documents == 80


def test_tokenizing_by_word_gives_the_ids_of_complete_sentences(corpus):
    tokenizer = prepare(corpus).tokenizer
    odd = [
        "",
        " ",
        "  a  b ",
        "e\u0301 \u0301x",
        "Σας ΟΔΟΣ",
        "tab\tand\u2003space\x1fx\x85y",
        "x" * 150,
        "ﬁ İ ß",
        "a中b",
    ]
    by_sentence, by_word = token_cache._CachingEncoder(tokenizer), token_cache._CachingEncoder(tokenizer)
    by_sentence.by_word = False
    assert by_word.by_word
    assert by_word.encode(odd) == by_sentence.encode(odd)


def test_a_special_token_in_a_text_is_ordinary_text(corpus):
    text = prepare(corpus)
    for part in (text.train, text.held_out):
        assert not np.isin(part.tokens, [0, 2, 3, 4]).any()


def test_tokens_are_memory_mapped_with_two_bytes_each(corpus):
    train = prepare(corpus).train
    base = train.tokens
    while base.base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    assert train.tokens.dtype == np.uint16
    assert train.sentences.dtype == train.documents.dtype == np.int64
    with pytest.raises(ValueError, match="read-only"):
        train.tokens[0] = 1


def test_a_large_vocabulary_takes_four_bytes(corpus, monkeypatch):
    small = prepare(corpus).train.tokens.copy()
    monkeypatch.setattr(token_cache, "UINT16_MAX", 149)
    monkeypatch.setattr(token_cache, "REVISION", 0)  # another cache
    large = prepare(corpus).train.tokens
    assert (small.dtype, large.dtype) == (np.uint16, np.int32)
    assert (small == large).all()


def test_a_cached_corpus_is_not_read_again(corpus, monkeypatch):
    first = prepare(corpus)
    monkeypatch.setattr(Corpus, "_read", lambda *_: pytest.fail("read again"))
    repeated = prepare(Corpus(corpus.files))
    assert repeated.metadata == first.metadata
    assert all((getattr(repeated.train, name) == getattr(first.train, name)).all() for name in COLUMNS)
    assert repeated.tokenizer.get_vocab() == first.tokenizer.get_vocab()


def test_text_options_and_vocabulary_are_part_of_the_cache_key(corpus, tmp_path):
    prepare(corpus)
    prepare(corpus, held_out=0.2)
    prepare(corpus, vocabulary=120)
    prepare(Corpus(corpus.files, include_test_text=True))
    (tmp_path / "more.jsonl").write_text('{"sentences": ["More kinase."]}\n')
    prepare(Corpus((*corpus.files, tmp_path / "more.jsonl")))
    assert len([path for path in (cache_folder() / "tokens").iterdir() if path.is_dir()]) == 5


def test_a_loaded_vocabulary_equal_to_the_trained_one_shares_its_cache(corpus, tmp_path):
    trained = prepare(corpus)
    trained.tokenizer.save_pretrained(tmp_path / "loaded")
    loaded = prepare(corpus, vocabulary=tmp_path / "loaded")
    assert loaded.metadata["vocabulary_digest"] == trained.metadata["vocabulary_digest"]
    assert loaded.metadata["vocabulary_from"] == "loaded"
    assert len([path for path in (cache_folder() / "tokens").iterdir() if path.is_dir()]) == 1


def test_the_vocabulary_is_trained_without_held_out_documents(corpus):
    stats = corpus.statistics(0.1)
    seen = [s for d in corpus.documents() if not stats.is_held_out(d) for s in d.sentences]
    assert prepare(corpus).tokenizer.get_vocab() == train_vocabulary(seen, 150).get_vocab()


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "meta.json").unlink(),
        lambda folder: (folder / "meta.json").write_text('{"columns": {"train"'),
        lambda folder: (folder / "meta.json").write_text("[]"),
        lambda folder: (folder / "train" / "tokens.bin").write_bytes(b""),
        lambda folder: (folder / "train" / "sentences.bin").unlink(),
        lambda folder: _zero_the_end(folder / "train" / "tokens.bin"),
        lambda folder: _zero_the_end(folder / "held_out" / "documents.bin"),
    ],
)
def test_a_corrupt_cache_is_rebuilt(corpus, damage):
    original = prepare(corpus)
    expected = [getattr(original.train, name).copy() for name in COLUMNS]
    (folder,) = (path for path in (cache_folder() / "tokens").iterdir() if path.is_dir())
    damage(folder)
    repeated = prepare(corpus)
    assert all((getattr(repeated.train, name) == old).all() for name, old in zip(COLUMNS, expected, strict=True))


def _zero_the_end(file):
    data = file.read_bytes()
    file.write_bytes(data[:-8] + bytes(8))


def test_a_corrupt_vocabulary_is_rebuilt(corpus):
    before = prepare(corpus).tokenizer.get_vocab()
    (file,) = (cache_folder() / "vocabularies").glob(f"*/{prepared.VOCABULARY_FILE}")
    file.write_text(file.read_text()[:100])
    assert prepare(corpus).tokenizer.get_vocab() == before


@pytest.mark.parametrize("where", ["append", "finish"])
def test_a_full_disk_is_a_clear_error_and_leaves_no_partial_cache(corpus, monkeypatch, where):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(token_cache._Column, where, full)
        with pytest.raises(
            StudyError,
            match=r"cannot be written: no space is left on the disk; free some space or name another cache folder by",
        ):
            prepare(corpus)
    assert [path.suffix for path in (cache_folder() / "tokens").iterdir()] == [".lock"]
    assert prepare(corpus).train.n_documents == 72


def test_an_interrupted_build_leaves_nothing_and_partial_folders_are_removed(corpus):
    def stop(doing, *_):
        if doing == "tokenizing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(corpus, on_progress=stop)
    (lock,) = (cache_folder() / "tokens").iterdir()
    partial = lock.with_name(f".unfinished-0123abcd-{lock.stem}")
    partial.mkdir()
    prepare(corpus)
    assert not partial.exists()


def test_a_corpus_that_changes_while_read_is_not_cached(corpus):
    def change(doing, *_):
        if doing == "tokenizing":
            with corpus.files[0].open("a") as stream:
                stream.write('{"sentences": ["New."]}\n')

    with pytest.raises(DataError, match="changed while it was being read"):
        prepare(corpus, on_progress=change)
    assert not any(path.is_dir() for path in (cache_folder() / "tokens").iterdir())


def test_the_metadata_describe_the_corpus(corpus):
    facts = prepare(corpus).metadata
    assert facts["blurb_test"] == "left out" and facts["blurb_test_documents"] == 5
    assert facts["documents"] == 72 and facts["held_out_documents"] == 8
    (file,) = facts["files"]
    assert (file["file"], file["documents"], file["blurb_test_documents"]) == ("c.jsonl", 85, 5)
    included = prepare(Corpus(corpus.files, include_test_text=True)).metadata
    assert included["blurb_test"] == "kept" and included["documents"] + included["held_out_documents"] == 85
    json.dumps(facts)


def test_the_metadata_count_what_two_segments_cannot_use(tmp_path):
    lines = [f'{{"sentences": ["Alone {n}."]}}\n{{"sentences": ["First {n}.", "Second {n}."]}}\n' for n in range(30)]
    (tmp_path / "c.jsonl").write_text("".join(lines))
    text = prepare(Corpus((tmp_path / "c.jsonl",)), vocabulary=100)
    single = single_sequences(text.train, np.random.default_rng(0), max_length=48).ranges
    pairs = two_segments(text.train, np.random.default_rng(0), max_length=48, random_next=0.0).ranges
    assert text.metadata["one_sentence_documents"] == len(single) - len(pairs) > 0
    a, b, c, d = pairs.T
    assert text.metadata["one_sentence_tokens"] == len(text.train.tokens) - (b - a + d - c).sum()


def test_progress_names_the_three_passes(corpus):
    doing = []
    prepare(corpus, on_progress=lambda what, *_: doing.append(what))
    assert list(dict.fromkeys(doing)) == ["counting documents", "counting words", "tokenizing"]


def test_text_without_words_and_a_too_small_vocabulary_are_errors(tmp_path, corpus):
    with pytest.raises(ParameterError, match="vocab_size=20 leaves no room"):
        prepare(corpus, vocabulary=20)
    (tmp_path / "empty.jsonl").write_text("".join(f'{{"sentences": ["{chr(0x200B) * i}"]}}\n' for i in range(1, 9)))
    with pytest.raises(DataError, match="no train document has a word"):
        prepare(Corpus((tmp_path / "empty.jsonl",)), vocabulary=100)
