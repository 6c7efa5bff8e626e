"""Words of a text by one of two rules, whichever a model's tagged sentences were split by.

basic: BERT's own. Whitespace separates, every punctuation mark and every ideograph is a word of its own: IL - 2. So
they are the words of a Hugging Face pipeline too. joined: as in corpora that keep marks inside words (JNLPBA, EBM
PICO). Brackets, quotes and marks of sentences are words of their own at the edges alone: IL-2, 0.05.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

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


def joined_spans(text: str) -> list[Span]:
    """As `word_spans`, by the rule that keeps marks inside words."""
    spans: list[Span] = []
    run: list[Span] = []  # basic words without anything between them
    for span in [*word_spans(text), (-1, -1)]:
        if run and span[0] != run[-1][1]:
            spans += _joined(text, run)
            run = []
        run.append(span)
    return spans


def _joined(text: str, run: list[Span]) -> list[Span]:
    first, last = 0, len(run)
    while first + 1 < last and text[slice(*run[first])] in _OPENING:
        first += 1
    while first + 1 < last and text[slice(*run[last - 1])] in _CLOSING:
        last -= 1
    inner = run[first:last]
    if not any(_IDEOGRAPH.match(text, start) for start, _ in inner):
        inner = [(inner[0][0], inner[-1][1])]
    return [*run[:first], *inner, *run[last:]]


_OPENING = frozenset("([{<\"'“‘«")
_CLOSING = frozenset(")]}>\"'”’».,;:!?…%")
_IDEOGRAPH = re.compile("[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")

WORD_RULES: dict[str, Callable[[str], list[Span]]] = {"basic": word_spans, "joined": joined_spans}
KEPT = 0.01  # share of words, by which joined must keep more than basic


def word_rule(words: Iterable[str]) -> str:
    """Key of WORD_RULES: the one by which most of these words, as a corpus has them, are words; in doubt basic."""
    counts = Counter(words)
    kept = {name: sum(n for word, n in counts.items() if len(split(word)) == 1) for name, split in WORD_RULES.items()}
    return "joined" if kept["joined"] - kept["basic"] > KEPT * counts.total() else "basic"


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
