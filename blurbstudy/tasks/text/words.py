"""Word splitting by the rule that a model's training sentences follow.

basic: BERT's rule, as in a Hugging Face pipeline. White space separates words; every punctuation mark and ideograph is
a separate word: IL - 2. joined: punctuation inside words is kept, as in JNLPBA and EBM PICO. Brackets, quotes and
sentence marks are separate words only at the edges: IL-2, 0.05.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

from tokenizers import PreTokenizedString
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

Span = tuple[int, int]  # start and end of a word, end exclusive

# Classes of characters: space, punctuation, removed by BERT's normalizer (zero width, control), others.
_SPACE, _MARK, _REMOVED, _LETTER = " pxw"
_WORD = re.compile(f"{_MARK}|{_LETTER}(?:[{_LETTER}{_REMOVED}]*{_LETTER})?")


def word_spans(text: str) -> list[Span]:
    """(start, end) of each word by the basic rule, in order."""
    return [match.span() for match in _WORD.finditer(text.translate(_CLASSES))]


def unsplit_word_spans(text: str) -> list[Span]:
    """(start, end) of each word by the rule `joined`."""
    spans: list[Span] = []
    run: list[Span] = []  # basic words with nothing between them
    for span in [*word_spans(text), (-1, -1)]:
        if run and span[0] != run[-1][1]:
            spans += _keep_inner_punctuation(text, run)
            run = []
        run.append(span)
    return spans


def _keep_inner_punctuation(text: str, run: list[Span]) -> list[Span]:
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

WORD_SPLITTERS: dict[str, Callable[[str], list[Span]]] = {"basic": word_spans, "joined": unsplit_word_spans}
TOLERANCE = 0.01  # "joined" needs this fraction of words more than "basic" in its favour


def detect_word_splitter(words: Iterable[str]) -> str:
    """Key of WORD_SPLITTERS: the rule that leaves most of a corpus's words unsplit; `basic` if both are close."""
    counts = Counter(words)
    unsplit = {
        name: sum(n for word, n in counts.items() if len(split(word)) == 1) for name, split in WORD_SPLITTERS.items()
    }
    return "joined" if unsplit["joined"] - unsplit["basic"] > TOLERANCE * counts.total() else "basic"


class _Classes(dict[int, str]):
    """Character -> class according to the tokenizer, since Unicode tables differ between Python versions."""

    def __missing__(self, code: int) -> str:
        self[code] = _class_of(chr(code))
        return self[code]


_CLASSES = _Classes()
_NORMALIZER = BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False)
_PRE_TOKENIZER = BertPreTokenizer()


def _class_of(character: str) -> str:
    try:
        between = PreTokenizedString(f"a{character}b")
    except UnicodeEncodeError:  # half of a surrogate pair, which tokenizers refuse
        return _REMOVED
    between.normalize(lambda part: _NORMALIZER.normalize(part))
    _PRE_TOKENIZER.pre_tokenize(between)
    parts = len(between.get_splits(offset_referential="original", offset_type="char"))
    if parts > 1:
        return _MARK if parts == 3 else _SPACE
    return _LETTER if _NORMALIZER.normalize_str(character) else _REMOVED
