"""The vocabulary is a normal Hugging Face tokenizer, and the same text always gives the same one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from transformers import AutoTokenizer

from blurbstudy.errors import ParameterError
from blurbstudy.pretraining.vocabulary import continues_word, train_vocabulary

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
        "from blurbstudy.pretraining.vocabulary import train_vocabulary\n"
        "words = [f'{a}{b}{c}' for a in 'bdfg' for b in 'aeiou' for c in 'lmnr']\n"
        "print(sorted(train_vocabulary([' '.join(words)], 90).get_vocab().items()))\n"
    )
    outputs = set()
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", program]
        outputs.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(outputs) == 1
