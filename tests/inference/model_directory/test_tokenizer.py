"""The saved tokenizer alone reproduces the model's training input."""

from __future__ import annotations

from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from blurbstudy.inference.model_directory.tokenizer import with_segments
from tests.inference.conftest import TEXTS


def test_token_types_of_pairs_are_added(wordpiece):
    plain = Tokenizer.from_str(wordpiece.backend_tokenizer.to_str())
    specials = [(token, plain.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    plain.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=specials
    )
    expected = wordpiece.backend_tokenizer.encode(*TEXTS[:2])
    assert set(plain.encode(*TEXTS[:2]).type_ids) != set(expected.type_ids) == {0, 1}
    typed = with_segments(plain)
    assert (typed.encode(*TEXTS[:2]).ids, typed.encode(*TEXTS[:2]).type_ids) == (expected.ids, expected.type_ids)
    assert typed.encode(TEXTS[0]).ids == plain.encode(TEXTS[0]).ids
    assert with_segments(wordpiece.backend_tokenizer) is wordpiece.backend_tokenizer


def test_the_encoders_own_truncation_and_padding_are_not_stored(write_random, wordpiece):
    wordpiece.backend_tokenizer.enable_truncation(8)
    wordpiece.backend_tokenizer.enable_padding(length=8)
    try:
        folder, *_ = write_random("bert", "question")
    finally:
        wordpiece.backend_tokenizer.no_truncation()
        wordpiece.backend_tokenizer.no_padding()
    stored = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert stored.truncation is None and stored.padding is None
    assert len(stored.encode(TEXTS[0] * 3).ids) > 40
