"""The vocabulary is a normal Hugging Face tokenizer, and the same text always gives the same one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest
from tokenizers import Tokenizer, models
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from blurbstudy.errors import ParameterError
from blurbstudy.pretraining.corpus import wordpiece as vocabulary
from blurbstudy.pretraining.corpus.wordpiece import (
    is_continuation,
    load_vocabulary,
    tokenizer_from_json,
    train_vocabulary,
    vocabulary_digest,
)

SENTENCES = [
    "Zorvatinib inhibits the kinase QRX1 in resistant cells.",
    "The kinase QRX1 is expressed in resistant tumours, and zorvatinib binds to it (p < 0.05).",
    "Pelomycin does not inhibit QRX2; naïve cells resisted pelomycin.",
] * 3


def test_a_saved_and_loaded_tokenizer_gives_the_same_ids(tmp_path):
    tokenizer = train_vocabulary(SENTENCES, 120)
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded.is_fast
    assert loaded.get_vocab() == tokenizer.get_vocab()
    for sentence in SENTENCES:
        assert loaded(sentence, "QRX2.") == tokenizer(sentence, "QRX2.")


def test_decoded_text_is_lower_case_without_accents():
    tokenizer = train_vocabulary(SENTENCES, 120)
    ids = tokenizer("Naïve QRX1 cells", add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == "naive qrx1 cells"


def test_pairs_carry_bert_special_tokens_and_segments():
    tokenizer = train_vocabulary(SENTENCES, 120)
    pair = tokenizer("kinase", "cells")
    tokens = tokenizer.convert_ids_to_tokens(pair["input_ids"])
    assert [tokens[0], tokens[-1]] == ["[CLS]", "[SEP]"]
    middle = tokens.index("[SEP]")
    assert pair["token_type_ids"] == [int(index > middle) for index in range(len(tokens))]


def test_the_vocabulary_has_its_size_and_all_special_tokens():
    tokenizer = train_vocabulary(SENTENCES, 100)
    assert len(tokenizer) == 100
    assert tokenizer.convert_ids_to_tokens([0, 1, 2, 3, 4]) == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def test_continuations_are_the_entries_with_a_prefix():
    tokenizer = train_vocabulary(SENTENCES, 100)
    continuations = is_continuation(tokenizer)
    entries = tokenizer.convert_ids_to_tokens(range(100))
    assert any(continuations) and not all(continuations)
    assert continuations == [entry.startswith("##") for entry in entries]


def test_a_size_too_small_for_the_alphabet_is_an_error():
    with pytest.raises(ParameterError, match="vocab_size=20 leaves no room for words; use more than"):
        train_vocabulary(SENTENCES, 20)


def test_another_process_trains_the_same_vocabulary():
    """tokenizers seeds its hash tables differently in every process; ties between merges must not depend on that."""
    program = (
        "from blurbstudy.pretraining.corpus.wordpiece import train_vocabulary\n"
        "words = [f'{a}{b}{c}' for a in 'bdfg' for b in 'aeiou' for c in 'lmnr']\n"
        "print(sorted(train_vocabulary([' '.join(words)], 90).get_vocab().items()))\n"
    )
    outputs = set()
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", program]
        outputs.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(outputs) == 1


def test_counting_in_small_portions_gives_the_same_vocabulary(monkeypatch):
    expected = train_vocabulary(SENTENCES, 120).get_vocab()
    monkeypatch.setattr(vocabulary, "MAX_SURFACE_FORMS", 3)
    assert train_vocabulary(SENTENCES, 120).get_vocab() == expected


def test_words_are_counted_as_the_tokenizer_splits_them():
    """Oracle: normalizer and pre-tokenizer over complete sentences."""
    odd = [*SENTENCES, "", "  a  b ", "e\u0301 \u0301x", "Σας ΟΔΟΣ", "tab\tand\u2003space\x1fx\x85y", "ﬁ İ ß a中b"]
    backend = train_vocabulary(SENTENCES, 120).backend_tokenizer
    expected = Counter(
        word
        for sentence in odd
        for word, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(sentence))
    )
    words, characters = vocabulary._count_words(odd)
    assert words == expected
    assert characters == Counter("".join(expected.elements()))


def test_beyond_the_limit_rare_words_are_dropped_and_their_characters_stay(monkeypatch):
    monkeypatch.setattr(vocabulary, "MAX_SURFACE_FORMS", 1)
    monkeypatch.setattr(vocabulary, "MAX_WORDS", 10)
    words, characters = vocabulary._count_words(
        ["often"] * 50 + [f"rare{chr(97 + i)}" for i in range(26)] + ["often"] * 5
    )
    assert words["often"] == 55 and len(words) <= 11
    assert characters["z"] == 1 and characters["o"] == 56


def test_counts_of_a_large_text_are_scaled_down(monkeypatch):
    monkeypatch.setattr(vocabulary, "MAX_OCCURRENCES", 10)
    passed = " ".join(vocabulary._occurrences(Counter({"often": 30, "seldom": 8, "once": 1}))).split()
    assert Counter(passed) == {"often": 7, "seldom": 2}


def test_a_word_too_long_for_a_tokenizer_is_not_counted():
    assert not vocabulary._count_words(["x" * 101])[0]
    assert vocabulary._count_words(["x" * 100])[0]


def test_the_digest_covers_what_determines_the_ids(tmp_path):
    tokenizer = train_vocabulary(SENTENCES, 120)
    digest = vocabulary_digest(tokenizer)
    tokenizer(SENTENCES, truncation=True, max_length=8, padding=True)
    assert vocabulary_digest(tokenizer) == digest
    tokenizer.save_pretrained(tmp_path)
    assert vocabulary_digest(load_vocabulary(tmp_path)) == digest
    assert vocabulary_digest(tokenizer_from_json(tokenizer.backend_tokenizer.to_str())) == digest
    assert vocabulary_digest(train_vocabulary(SENTENCES, 119)) != digest


def test_a_vocab_txt_gives_the_ids_of_its_tokenizer(tmp_path):
    tokenizer = train_vocabulary(SENTENCES, 120)
    lines = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    (tmp_path / "vocab.txt").write_text("\r\n".join(lines) + "\n", encoding="utf-8")
    loaded = load_vocabulary(tmp_path / "vocab.txt")
    assert [loaded(sentence) for sentence in SENTENCES] == [tokenizer(sentence) for sentence in SENTENCES]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\nword\n", r"the vocabulary has no \[MASK\]; it needs \[PAD\]"),
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nword\nword\n", "entry 'word' appears twice"),
        (b"na\xefve\n", "is not UTF-8"),
        (None, r"cannot be read as a vocabulary \(No such file"),
    ],
)
def test_an_invalid_vocab_txt_is_an_error(tmp_path, content, message):
    if content is not None:
        (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(ParameterError, match=message):
        load_vocabulary(tmp_path / "vocab.txt")


def test_a_folder_without_a_wordpiece_tokenizer_is_an_error(tmp_path):
    with pytest.raises(ParameterError, match="cannot load a tokenizer"):
        load_vocabulary(tmp_path)
    tokenizer = Tokenizer(models.BPE({"a": 0}, []))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(tmp_path / "bpe")
    with pytest.raises(ParameterError, match="BPE is not WordPiece with ##"):
        load_vocabulary(tmp_path / "bpe")
