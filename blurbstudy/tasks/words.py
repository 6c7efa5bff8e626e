"""Words of a text by BERT's basic rule: whitespace separates, every punctuation mark and every ideograph is a word of
its own. So they are the words of a Hugging Face pipeline too.
"""

from __future__ import annotations

import re

from tokenizers import PreTokenizedString
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

Span = tuple[int, int]  # from the first character to behind the last

# Classes of characters: space, a word of its own, one that BERT's normalizer takes out (zero width, control), others.
_SPACE, _MARK, _TAKEN_OUT, _LETTER = " pxw"
_WORD = re.compile(f"{_MARK}|{_LETTER}(?:[{_LETTER}{_TAKEN_OUT}]*{_LETTER})?")


def word_spans(text: str) -> list[Span]:
    """Where the words of a text stand, in order; text[start:end] is the word."""
    return [match.span() for match in _WORD.finditer(text.translate(_CLASSES))]


class _Classes(dict[int, str]):
    """Character -> class, asked of the tokenizer itself: tables of Unicode differ between versions of Python."""

    def __missing__(self, code: int) -> str:
        self[code] = _class_of(chr(code))
        return self[code]


_CLASSES = _Classes()
_NORMALIZER = BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False)
_PRE_TOKENIZER = BertPreTokenizer()


def _class_of(character: str) -> str:
    try:
        between = PreTokenizedString(f"a{character}b")
    except UnicodeEncodeError:  # half of a surrogate pair: no text, nothing that a tokenizer takes
        return _TAKEN_OUT
    between.normalize(lambda part: _NORMALIZER.normalize(part))
    _PRE_TOKENIZER.pre_tokenize(between)
    parts = len(between.get_splits(offset_referential="original", offset_type="char"))
    if parts > 1:
        return _MARK if parts == 3 else _SPACE
    return _LETTER if _NORMALIZER.normalize_str(character) else _TAKEN_OUT
