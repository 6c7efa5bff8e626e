"""Packed features agree with the tokenizer of transformers, whatever the tokenizer's file stores."""

from __future__ import annotations

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, RobertaTokenizer, XLMRobertaTokenizer

from blurbstudy.tasks import Example, get_task
from blurbstudy.tasks.features import task_features, tokenize
from blurbstudy.tasks.task import Task

BIOSSES, BIOASQ = get_task("BIOSSES"), get_task("BioASQ")
WORDS = [f"w{i}" for i in range(60)]
SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
CLS, SEP = 2, 3


def text(n, start=0):
    return " ".join(WORDS[start : start + n])


def pair(a, b, label=1.0):
    return Example("1", "1", (text(a), text(b, 30)), label)


def backend():
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate([*SPECIAL.values(), *WORDS])}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)]
    )
    return tokenizer


@pytest.fixture
def plain():
    return PreTrainedTokenizerFast(tokenizer_object=backend(), **SPECIAL)


@pytest.fixture
def prejudiced(tmp_path):
    """A tokenizer whose file stores a truncation at 16 from the left and a padding to 32."""
    tokenizer = backend()
    tokenizer.enable_truncation(16, direction="left", strategy="only_first")
    tokenizer.enable_padding(length=32)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"), **SPECIAL)


@pytest.mark.parametrize("max_length", [8, 13, 24, 64])
def test_sequences_equal_those_of_transformers(plain, max_length):
    examples = [pair(3, 4), pair(25, 2), pair(2, 25), pair(20, 21)]
    features = tokenize(examples, plain, BIOSSES, max_length=max_length, segment_ids="pair")
    for i, example in enumerate(examples):
        begin, end = features.offsets[i : i + 2]
        expected = plain(*example.texts, truncation="longest_first", max_length=max_length, return_token_type_ids=True)
        assert features.ids[begin:end].tolist() == expected["input_ids"]
        assert features.segments[begin:end].tolist() == expected["token_type_ids"]


def test_a_stored_truncation_and_padding_do_not_leak_in(plain, prejudiced):
    examples = [pair(20, 25), pair(1, 1)]
    stored = prejudiced.backend_tokenizer.to_str()
    features = tokenize(examples, prejudiced, BIOSSES, max_length=40, segment_ids="pair")
    expected = tokenize(examples, plain, BIOSSES, max_length=40, segment_ids="pair")
    assert features.lengths.tolist() == [40, 5]
    assert features.ids.tolist() == expected.ids.tolist()
    assert features.segments.tolist() == expected.segments.tolist()
    assert prejudiced.backend_tokenizer.to_str() == stored


def test_the_first_text_and_its_separator_are_segment_0_and_the_rest_1(plain):
    features = tokenize([pair(2, 3)], plain, BIOSSES, max_length=64, segment_ids="pair")
    assert features.segments.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_a_tokenizer_without_type_ids_gives_the_same_segments(plain):
    expected = tokenize([pair(2, 3)], plain, BIOSSES, max_length=64, segment_ids="pair").segments
    tokenizer = backend()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)]
    )
    untyped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_input_names=["input_ids", "attention_mask"], **SPECIAL
    )
    assert "token_type_ids" not in untyped("w1", "w2")
    assert tokenize([pair(2, 3)], untyped, BIOSSES, max_length=64, segment_ids="pair").segments.tolist() == list(
        expected
    )


def test_single_segment_ids_are_0_throughout(plain):
    features = tokenize([pair(2, 3), pair(5, 5)], plain, BIOSSES, max_length=64, segment_ids="single")
    assert not features.segments.any()
    assert (
        features.ids.tolist()
        == tokenize([pair(2, 3), pair(5, 5)], plain, BIOSSES, max_length=64, segment_ids="pair").ids.tolist()
    )


def test_one_text_is_segment_0_to_its_end(plain):
    features = tokenize([Example("1", "1", (text(4),), "no")], plain, BIOASQ, max_length=64, segment_ids="pair")
    assert features.ids.tolist() == [CLS, 4, 5, 6, 7, SEP]
    assert not features.segments.any()


def test_types_are_fixed_and_targets_are_scores_or_positions(plain):
    scores = tokenize([pair(2, 3, 3.2), pair(1, 1, 0.0)], plain, BIOSSES, max_length=64, segment_ids="pair")
    assert (scores.ids.dtype, scores.segments.dtype, scores.offsets.dtype) == (np.int32, np.uint8, np.int64)
    assert scores.targets.dtype == np.float32 and scores.targets.tolist() == [np.float32(3.2), 0.0]
    assert scores.offsets.tolist() == [0, 8, 13] and scores.lengths.tolist() == [8, 5] and len(scores) == 2
    classes = tokenize([pair(2, 3, "no"), pair(1, 1, "yes")], plain, BIOASQ, max_length=64, segment_ids="pair")
    assert classes.targets.dtype == np.int64 and classes.targets.tolist() == [1, 0]


def test_task_features_hold_every_split(plain, tmp_path):
    task = Task(**{name: getattr(BIOASQ, name) for name in BIOASQ.__dataclass_fields__} | {"folder": "mine"})
    (tmp_path / "Mine").mkdir()
    for n, split in enumerate(task.files, 1):
        lines = "".join(f"{i}\t{text(3)}\t{text(2)}\tyes\n" for i in range(n))
        (tmp_path / "Mine" / f"{split}.tsv").write_text(lines, encoding="utf-8")
    features = task_features(task, tmp_path, plain, max_length=64, segment_ids="pair")
    assert {split: len(packed) for split, packed in features.items()} == {"train": 1, "dev": 2, "test": 3}


NER = get_task("BC5-chem")


def sentence(words, label=None):
    return Example("1", "1", tuple(words), label or " ".join(["O"] * len(words)))


@pytest.fixture(scope="module")
def wordpiece():
    """A WordPiece tokenizer that lower-cases and splits words into pieces."""
    vocabulary = [*SPECIAL.values(), "a", "b", "c", "##a", "##b", "##c", "ab", "##ab", "-"]
    tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", SEP), ("[CLS]", CLS))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL)


def test_the_words_of_a_sentence_are_read_at_their_first_sub_word_as_transformers_splits_them(wordpiece):
    words = ["abab", "A-b", "c", "cab", "xyz"]
    features = tokenize([sentence(words), sentence(["b"])], wordpiece, NER, max_length=64, segment_ids="pair")
    theirs = wordpiece(words, is_split_into_words=True)
    assert features.sequence(0)[0].tolist() == theirs["input_ids"]
    word_ids = theirs.word_ids()
    assert features.word_starts_of(0).tolist() == [word_ids.index(i) for i in range(len(words))]
    assert features.sequence(1)[0].tolist() == [CLS, 5, SEP] and features.word_starts_of(1).tolist() == [1]
    assert not features.segments.any()


def test_every_word_has_a_place_even_one_that_the_tokenizer_drops(wordpiece):
    features = tokenize([sentence(["a", "\u200b", "b"])], wordpiece, NER, max_length=64, segment_ids="pair")
    assert features.sequence(0)[0].tolist() == [CLS, 4, 1, 5, SEP]  # [UNK] in its place
    assert features.word_starts_of(0).tolist() == [1, 2, 3]


@pytest.mark.parametrize("room", [4, 5, 9, 16])
def test_a_long_sentence_is_split_and_its_words_all_keep_their_place(wordpiece, room):
    rng = np.random.default_rng(room)
    words = ["".join(rng.choice(list("abc"), rng.integers(1, 4))) for _ in range(40)]
    tags = ["B" if i % 3 == 0 else "I" if i % 3 == 1 else "O" for i in range(40)]
    examples = [sentence(["c"]), sentence(words, " ".join(tags)), sentence(["a", "b"])]
    features = tokenize(examples, wordpiece, NER, max_length=room, segment_ids="pair")
    assert features.lengths.max() <= room
    assert features.examples.tolist() == [0, 1, 41, 43] and len(features.targets) == 43
    assert [NER.labels[t] for t in features.targets[1:41]] == tags
    whole = tokenize(examples, wordpiece, NER, max_length=512, segment_ids="pair")
    assert features.ids[features.word_starts].tolist() == whole.ids[whole.word_starts].tolist()
    assert sum(len(features.targets_of(i)) for i in range(len(features))) == 43
    pieces = [features.sequence(i)[0][1:-1] for i in range(len(features))]
    longest = room - 2
    if longest >= 3:  # no word is longer than a window, so no sub-word is lost either
        assert np.concatenate(pieces).tolist() == [i for i in whole.ids if i not in (CLS, SEP)]


def test_a_split_sentence_is_cut_into_windows_of_like_length(wordpiece):
    features = tokenize([sentence(["a"] * 11)], wordpiece, NER, max_length=12, segment_ids="pair")
    assert features.lengths.tolist() == [8, 7]  # 6 and 5 words, not 10 and 1


@pytest.fixture(scope="module")
def byte_level(tiny_roberta):
    """RoBERTa's tokenizer as transformers makes it: no space before a text's first word."""
    return RobertaTokenizer.from_pretrained(tiny_roberta)


@pytest.fixture(scope="module")
def spaced(tiny_roberta):
    """The same with a space before every word, which transformers asks for where words come one by one."""
    return RobertaTokenizer.from_pretrained(tiny_roberta, add_prefix_space=True)


ODD_WORDS = [
    "The",
    "β-catenin",
    "5′",
    "(",
    "IL\u20102",
    "a\u00a0b",
    "🧬",
    ",",
    "x",
    "naïve",
    "</s>",
    "p53-/-",
    ")",
    ".",
]


@pytest.mark.parametrize("max_length", [8, 13, 24, 64])
def test_texts_and_pairs_of_byte_level_bpe_equal_those_of_transformers(byte_level, max_length):
    texts = ("A gene of 5 μM, naïve.", "It inhibits the kinase; the β-chain does not, as shown before.")
    examples = [Example("1", "1", own, 1.0) for own in (texts, texts[::-1], (" x ", "y"), (texts[1] * 3, texts[1] * 2))]
    features = tokenize(examples, byte_level, BIOSSES, max_length=max_length, segment_ids="pair")
    single = tokenize(
        [Example("1", "1", texts[1:], "no")], byte_level, BIOASQ, max_length=max_length, segment_ids="pair"
    )
    cut = {"truncation": "longest_first", "max_length": max_length}
    for i, example in enumerate(examples):
        assert features.sequence(i)[0].tolist() == byte_level(*example.texts, **cut)["input_ids"]
    assert single.ids.tolist() == byte_level(texts[1], **cut)["input_ids"] and not single.segments.any()


def test_pairs_of_byte_level_bpe_are_joined_by_two_separators(byte_level):
    begin, end = byte_level.cls_token_id, byte_level.sep_token_id
    first, second = (byte_level(word, add_special_tokens=False)["input_ids"] for word in ("x", "y"))
    features = tokenize([Example("1", "1", ("x", "y"), 1.0)], byte_level, BIOSSES, max_length=16, segment_ids="pair")
    assert features.ids.tolist() == [begin, *first, end, end, *second, end]


@pytest.mark.parametrize("stored", ["byte_level", "spaced"])
def test_words_of_byte_level_bpe_are_read_as_in_running_text(stored, spaced, request):
    tokenizer = request.getfixturevalue(stored)
    before = tokenizer.backend_tokenizer.to_str()
    features = tokenize([sentence(ODD_WORDS)], tokenizer, NER, max_length=128, segment_ids="pair")
    theirs = spaced(ODD_WORDS, is_split_into_words=True)
    assert features.ids.tolist() == theirs["input_ids"]
    word_ids = theirs.word_ids()
    assert features.word_starts.tolist() == [word_ids.index(i) for i in range(len(ODD_WORDS))]
    pieces = np.split(features.ids[:-1], features.word_starts)[1:]
    read = [tokenizer.decode(own, clean_up_tokenization_spaces=False) for own in pieces]
    assert read == [word if word == "</s>" else f" {word}" for word in ODD_WORDS]
    assert tokenizer.backend_tokenizer.to_str() == before


def test_a_long_sentence_of_byte_level_bpe_loses_no_word(byte_level, spaced):
    words = ODD_WORDS * 9
    features = tokenize([sentence(words)], byte_level, NER, max_length=32, segment_ids="pair")
    whole = tokenize([sentence(words)], byte_level, NER, max_length=512, segment_ids="pair")
    assert features.lengths.max() <= 32 and len(features.word_starts) == len(words)
    assert features.ids[features.word_starts].tolist() == whole.ids[whole.word_starts].tolist()
    special = {spaced.cls_token_id}
    assert {int(features.sequence(i)[0][0]) for i in range(len(features))} == special


@pytest.mark.parametrize("add_prefix_space", [True, False])
def test_words_of_sentencepiece_begin_with_its_sign_whatever_the_file_says(add_prefix_space):
    entries = ["<s>", "<pad>", "</s>", "<unk>", "▁gene", "▁", "gene", "s", "▁a", "a"]
    vocabulary = [(entry, -float(place)) for place, entry in enumerate(entries)]
    tokenizer = XLMRobertaTokenizer(vocab=vocabulary, add_prefix_space=add_prefix_space)
    features = tokenize([sentence(["gene", "a", "genes"])], tokenizer, NER, max_length=16, segment_ids="pair")
    theirs = XLMRobertaTokenizer(vocab=vocabulary)(["gene", "a", "genes"], is_split_into_words=True)
    assert features.ids.tolist() == theirs["input_ids"] == [0, 4, 8, 4, 7, 2]
    assert features.word_starts.tolist() == [1, 2, 3]


def test_targets_of_documents_are_one_column_per_label(plain):
    task = get_task("HoC")
    examples = [
        Example("1", "1", (text(3),), f"{task.labels[1]},{task.labels[7]}"),
        Example("2", "2", (text(3),), ""),
    ]
    features = tokenize(examples, plain, task, max_length=64, segment_ids="pair")
    assert features.targets.tolist() == [[float(i in (1, 7)) for i in range(10)], [0.0] * 10]


def test_texts_apart_are_cut_each_by_itself_as_transformers_cuts_single_texts(plain):
    examples = [pair(3, 4), pair(25, 2), pair(2, 25, 3.5)]
    features = tokenize(examples, plain, BIOSSES, max_length=13, segment_ids="bi_encoder")
    assert len(features) == 3 and features.second_lengths.tolist() == [6, 4, 13] and features.targets[2] == 3.5
    assert not features.segments.any()
    for i, example in enumerate(examples):
        expected = [plain(own, truncation=True, max_length=13)["input_ids"] for own in example.texts]
        assert [ids.tolist() for ids, _ in features.texts(i)] == expected
        assert features.sequence(i)[0].tolist() == expected[0] + expected[1]
