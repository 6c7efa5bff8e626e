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
    continues_word,
    load_vocabulary,
    train_vocabulary,
    vocabulary_digest,
    vocabulary_from_text,
)

SENTENCES = [
    "Zorvatinib inhibits the kinase QRX1 in resistant cells.",
    "The kinase QRX1 is expressed in resistant tumours, and zorvatinib binds to it (p < 0.05).",
    "Pelomycin does not inhibit QRX2; naïve cells resisted pelomycin.",
] * 3


def test_a_tokenizer_read_back_gives_the_same_ids(tmp_path):
    tokenizer = train_vocabulary(SENTENCES, 120)
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again.is_fast
    assert again.get_vocab() == tokenizer.get_vocab()
    for sentence in SENTENCES:
        assert again(sentence, "QRX2.") == tokenizer(sentence, "QRX2.")


def test_text_comes_back_in_lower_case_without_accents():
    tokenizer = train_vocabulary(SENTENCES, 120)
    ids = tokenizer("Naïve QRX1 cells", add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == "naive qrx1 cells"


def test_pairs_carry_bert_special_tokens_and_segments():
    tokenizer = train_vocabulary(SENTENCES, 120)
    pair = tokenizer("kinase", "cells")
    tokens = tokenizer.convert_ids_to_tokens(pair["input_ids"])
    assert [tokens[0], tokens[-1]] == ["[CLS]", "[SEP]"]
    middle = tokens.index("[SEP]")
    assert pair["token_type_ids"] == [int(place > middle) for place in range(len(tokens))]


def test_the_vocabulary_holds_its_size_and_all_special_tokens():
    tokenizer = train_vocabulary(SENTENCES, 100)
    assert len(tokenizer) == 100
    assert tokenizer.convert_ids_to_tokens([0, 1, 2, 3, 4]) == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def test_sub_words_that_continue_a_word_are_known():
    tokenizer = train_vocabulary(SENTENCES, 100)
    marks = continues_word(tokenizer)
    entries = tokenizer.convert_ids_to_tokens(range(100))
    assert any(marks) and not all(marks)
    assert marks == [entry.startswith("##") for entry in entries]


def test_a_size_without_room_for_the_alphabet_is_refused():
    with pytest.raises(ParameterError, match="vocab_size=20 leaves no room for words; use more than"):
        train_vocabulary(SENTENCES, 20)


def test_another_process_trains_the_same_vocabulary():
    """tokenizers seeds its hash tables anew in every process; equally frequent merges must not depend on that."""
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


def test_words_counted_in_small_portions_give_the_same_vocabulary(monkeypatch):
    expected = train_vocabulary(SENTENCES, 120).get_vocab()
    monkeypatch.setattr(vocabulary, "MOST_SPELLINGS", 3)
    assert train_vocabulary(SENTENCES, 120).get_vocab() == expected


def test_words_are_counted_as_the_tokenizer_divides_them():
    """Oracle: normalizer and pre-tokenizer over each whole sentence."""
    odd = [*SENTENCES, "", "  a  b ", "e\u0301 \u0301x", "Σας ΟΔΟΣ", "tab\tand\u2003space\x1fx\x85y", "ﬁ İ ß a中b"]
    backend = train_vocabulary(SENTENCES, 120).backend_tokenizer
    expected = Counter(
        word
        for sentence in odd
        for word, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(sentence))
    )
    words, letters = vocabulary._count(odd)
    assert words == expected
    assert letters == Counter("".join(expected.elements()))


def test_past_the_limit_the_rarest_words_are_forgotten_and_their_letters_stay(monkeypatch):
    monkeypatch.setattr(vocabulary, "MOST_SPELLINGS", 1)
    monkeypatch.setattr(vocabulary, "MOST_WORDS", 10)
    words, letters = vocabulary._count(["often"] * 50 + [f"rare{chr(97 + i)}" for i in range(26)] + ["often"] * 5)
    assert words["often"] == 55 and len(words) <= 11
    assert letters["z"] == 1 and letters["o"] == 56


def test_counts_of_a_large_text_are_divided_and_rare_words_not_shown(monkeypatch):
    monkeypatch.setattr(vocabulary, "MOST_OCCURRENCES", 10)
    shown = " ".join(vocabulary._occurrences(Counter({"often": 30, "seldom": 8, "once": 1}))).split()
    assert Counter(shown) == {"often": 7, "seldom": 2}


def test_a_word_too_long_for_a_tokenizer_is_not_counted():
    assert not vocabulary._count(["x" * 101])[0]
    assert vocabulary._count(["x" * 100])[0]


def test_the_digest_is_of_what_determines_the_ids(tmp_path):
    tokenizer = train_vocabulary(SENTENCES, 120)
    digest = vocabulary_digest(tokenizer)
    tokenizer(SENTENCES, truncation=True, max_length=8, padding=True)
    assert vocabulary_digest(tokenizer) == digest
    tokenizer.save_pretrained(tmp_path)
    assert vocabulary_digest(load_vocabulary(tmp_path)) == digest
    assert vocabulary_digest(vocabulary_from_text(tokenizer.backend_tokenizer.to_str())) == digest
    assert vocabulary_digest(train_vocabulary(SENTENCES, 119)) != digest


def test_a_vocab_txt_gives_the_ids_of_the_tokenizer_that_it_lists(tmp_path):
    tokenizer = train_vocabulary(SENTENCES, 120)
    lines = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    (tmp_path / "vocab.txt").write_text("\r\n".join(lines) + "\n", encoding="utf-8")
    loaded = load_vocabulary(tmp_path / "vocab.txt")
    assert [loaded(sentence) for sentence in SENTENCES] == [tokenizer(sentence) for sentence in SENTENCES]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\nword\n", r"lacks \[MASK\]; it needs \[PAD\]"),
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nword\nword\n", "entry 'word' stands on two lines"),
        (b"na\xefve\n", "is not UTF-8"),
        (None, r"cannot be read as a vocabulary \(No such file"),
    ],
)
def test_what_is_no_vocabulary_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(ParameterError, match=message):
        load_vocabulary(tmp_path / "vocab.txt")


def test_a_folder_without_a_word_piece_tokenizer_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="holds no tokenizer that can be loaded"):
        load_vocabulary(tmp_path)
    tokenizer = Tokenizer(models.BPE({"a": 0}, []))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(tmp_path / "bpe")
    with pytest.raises(ParameterError, match="is no WordPiece vocabulary with ##"):
        load_vocabulary(tmp_path / "bpe")
