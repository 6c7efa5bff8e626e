"""The audit: numbers that can be counted by hand, and what a limit costs against the windows that training makes."""

import json
import os

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from blurbstudy.metrics import entity_f1
from blurbstudy.paths import DATA_ENV
from blurbstudy.tasks import TASKS, Example, get_task, read_split, read_task
from blurbstudy.tasks import audit as module
from blurbstudy.tasks.audit import (
    audit_data,
    audit_vocabulary,
    fertility,
    label_counts,
    mention_counts,
    running_words,
    spread,
    tokenizer_fingerprint,
)

NER = get_task("BC5-chem")


@pytest.fixture
def letters():
    """A tokenizer that makes a sub-word of every letter; `whole` is one entry."""
    entries = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "whole", *"abcdxyz", *(f"##{letter}" for letter in "abcdxyz")]
    tokenizer = Tokenizer(models.WordPiece({e: i for i, e in enumerate(entries)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def sentence(words, tags, name="1"):
    return Example(name, name, tuple(words.split()), tags)


def splits(*test, train=None):
    return {"train": train or list(test), "dev": list(test), "test": list(test)}


def test_quantiles_are_attained_values():
    values = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]
    found = spread(values)
    assert found["q50"] == np.median(values) and found["max"] == 9 and found["total"] == sum(values)
    assert all(found[name] in values for name in ("q05", "q25", "q75", "q95"))
    assert np.mean(np.array(values) <= found["q95"]) >= 0.95


def test_mentions_are_counted_as_a_reader_would():
    train = [sentence("aspirin helps", "B O")]
    test = [
        sentence("Aspirin sodium chloride works", "B B I O", "1"),
        sentence("no drug", "O O", "2"),
        sentence("chloride", "B", "3"),
    ]
    seen = {"aspirin"}
    found = mention_counts(test, seen)
    assert (found["mentions"], found["adjacent"], found["single"], found["longest"]) == (3, 1, 2, 2)
    assert (found["unseen"], found["forms"], found["unseen_forms"]) == (2, 3, 2)
    assert found["words"] == pytest.approx(4 / 3)
    assert found["io_ceiling"] == entity_f1([e.label for e in test], ["B I I O", "O O", "B"])
    assert audit_data(NER, splits(*test, train=train))["splits"]["test"]["mentions"] == found


@pytest.mark.parametrize(
    ("task", "labels", "expected"),
    [
        ("BC5-chem", ["B I O", "O"], {"O": 2, "B": 1, "I": 1}),
        ("BioASQ", ["yes", "no", "yes"], {"yes": 2, "no": 1}),
        ("BIOSSES", [1.0, 3.0], {"mean": 2.0, "sd": 1.0, "min": 1.0, "max": 3.0, "n": 2}),
    ],
)
def test_labels_are_counted_by_what_is_predicted(task, labels, expected):
    assert label_counts(get_task(task), labels) == expected


def test_a_document_counts_for_each_of_its_labels_or_for_none():
    found = label_counts(get_task("HoC"), ["cellular energetics,resisting cell death", "", "resisting cell death"])
    assert {label: n for label, n in found.items() if n} == {"cellular energetics": 1, "resisting cell death": 2, "": 1}


def test_running_words_have_a_letter_and_are_no_masks():
    examples = [Example("1", "1", ("The @GENE$ level, 5 mg: the IL-2",), "0")]
    assert running_words({"train": examples}) == {"The": 1, "the": 1, "level": 1, "mg": 1, "IL": 1}


def test_sub_words_per_word_are_weighed_by_how_often_words_stand(letters):
    found = fertility({"whole": 6, "abc": 3, "queer": 1}, letters)  # 1, 3 and 1 (unknown) sub-words
    assert found == {"n": 10, "subwords": (6 + 9 + 1) / 10, "whole": 0.6, "unknown": 0.1}


def test_a_limit_costs_the_mentions_that_begin_past_it(letters, monkeypatch):
    monkeypatch.setattr(module, "LIMITS", (6, 64))
    long = sentence("ab cd xy z whole", "B O B I B")  # 2 2 2 1 1 sub-words and two special ones: 10
    found = audit_vocabulary(NER, splits(long, sentence("ab", "B", "2")), letters)
    assert found["lengths"]["test"]["max"] == 10 and found["lengths"]["all"]["n"] == 6
    # Room for 4 sub-words: ab and cd; the mentions that begin at xy and at whole lie past.
    assert found["limits"]["test"]["6"] == {"over": 1, "cut": 4, "past": 2, "kept": [[0, 2]]}
    assert found["limits"]["test"]["64"] == {"over": 0, "cut": 0, "past": 0, "kept": []}


def test_a_word_whose_first_sub_word_fits_is_kept(letters, monkeypatch):
    monkeypatch.setattr(module, "LIMITS", (5,))
    found = audit_vocabulary(NER, splits(sentence("ab cd", "O B")), letters)  # room for ab and c
    assert found["limits"]["test"]["5"] == {"over": 1, "cut": 1, "past": 0, "kept": [[0, 2]]}


def test_pico_words_past_a_limit_are_counted_word_by_word(letters, monkeypatch):
    monkeypatch.setattr(module, "LIMITS", (4,))
    found = audit_vocabulary(get_task("EBM PICO"), splits(sentence("a b c d", "O I-PAR I-PAR O")), letters)
    assert found["limits"]["test"]["4"] == {"over": 1, "cut": 2, "past": 1}


def test_texts_lose_the_sub_words_past_a_limit(letters, monkeypatch):
    monkeypatch.setattr(module, "LIMITS", (8,))
    pair = Example("1", "1", ("abcd", "xyz a"), 1.0)  # 4 + 3 + 1 sub-words and three special ones
    found = audit_vocabulary(get_task("BIOSSES"), splits(pair), letters)
    assert found["limits"]["dev"]["8"] == {"over": 1, "cut": 3}


@pytest.mark.parametrize("encoder", ["tiny_encoder", "tiny_roberta"])
def test_lengths_are_those_of_the_features_that_training_reads(mini_data, encoder, request):
    from transformers import AutoTokenizer

    from blurbstudy.tasks.features import tokenize

    tokenizer = AutoTokenizer.from_pretrained(request.getfixturevalue(encoder))
    for name in ("BIOSSES", "BC5-chem", "GAD"):
        task = get_task(name)
        examples = read_task(task, mini_data)
        found = audit_vocabulary(task, examples, tokenizer.backend_tokenizer)
        made = tokenize(examples["test"], tokenizer, task, max_length=512, segment_ids="pair")
        assert found["lengths"]["test"]["total"] == made.lengths.sum()
        assert found["lengths"]["test"]["max"] == made.lengths.max()


def test_a_tokenizers_stored_truncation_and_padding_do_not_count(letters):
    before, words = tokenizer_fingerprint(letters), fertility({"abcd": 1}, letters)
    letters.enable_truncation(3)
    letters.enable_padding(length=9)
    assert tokenizer_fingerprint(letters) == before
    assert fertility({"abcd": 1}, letters) == words
    found = audit_vocabulary(NER, splits(sentence("ab cd xy", "O O O")), letters)
    assert found["lengths"]["test"]["max"] == 8


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_task_of_mini_blurb_is_audited_in_plain_numbers(task, mini_data, letters):
    found = read_task(task, mini_data)
    both = {"data": audit_data(task, found), "vocabulary": audit_vocabulary(task, found, letters)}
    assert json.loads(json.dumps(both)) == both
    assert all(isinstance(value, (int, float, type(None))) for value in leaves(both))
    assert both["data"]["splits"]["test"]["examples"] == len(found["test"])


def leaves(values):
    for value in values.values() if isinstance(values, dict) else values:
        yield from leaves(value) if isinstance(value, (dict, list)) else [value]


@pytest.mark.data
@pytest.mark.skipif(not os.environ.get(DATA_ENV), reason=f"{DATA_ENV} names no folder of the BLURB datasets")
@pytest.mark.parametrize(("name", "ceiling"), [("BC2GM", 98.17), ("JNLPBA", 98.35)])
def test_io_ceilings_of_the_real_test_sets(name, ceiling):
    found = mention_counts(read_split(get_task(name), os.environ[DATA_ENV], split="test"), set())
    assert round(100 * found["io_ceiling"], 2) == ceiling
