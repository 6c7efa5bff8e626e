"""Uncased WordPiece vocabularies (Wu et al. 2016; used by PubMedBERT, Gu et al. 2021), trained or loaded.

The `tokenizers` library numbers its alphabet in the order of a randomly seeded hash table and breaks ties between
equally frequent merges by these numbers, so two trainings differ. Here the alphabet is numbered in advance, so the same
text always gives the same vocabulary. Words are counted while the text is streamed, in bounded memory.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from ...config import fingerprint
from ...errors import ParameterError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")  # ids 0 to 4
CONTINUATION_PREFIX = "##"  # of every sub-word that does not start a word
MAX_ALPHABET = 1000  # characters; a word with a rarer one becomes [UNK]
MAX_WORD_LENGTH = 100  # characters; WordPiece reads a longer word as [UNK]
MAX_WORDS = 2_000_000  # distinct words counted; beyond that the rarest are dropped
MAX_SURFACE_FORMS = 1_000_000  # distinct strings between spaces collected before they are split into words
MAX_OCCURRENCES = 200_000_000  # passed to `tokenizers`; counts of a larger text are scaled down
_HINT = "name a folder with a Hugging Face tokenizer, or a vocab.txt (read as uncased)"


def train_vocabulary(sentences: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """Train a transformers fast tokenizer (lower case, accents stripped) with at most `size` entries.
    Raises ParameterError: `size` is too small for the special tokens and the characters of the text.
    """
    words, characters = _count_words(sentences)
    alphabet = sorted(sorted(characters), key=lambda character: -characters[character])[:MAX_ALPHABET]
    alphabet.sort()
    reserved = len(SPECIAL) + 2 * len(alphabet)
    if size <= reserved:
        raise ParameterError(f"vocab_size={size} leaves no room for words; use more than {reserved} for this corpus")
    return _wordpiece_tokenizer(_train_merges(words, alphabet, size))


def is_continuation(tokenizer: PreTrainedTokenizerFast) -> list[bool]:
    """For each id, tell whether the entry continues a word (starts with ##)."""
    entries = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    return [entry.startswith(CONTINUATION_PREFIX) and len(entry) > len(CONTINUATION_PREFIX) for entry in entries]


def load_vocabulary(path: Path | str) -> PreTrainedTokenizerFast:
    """Load a WordPiece tokenizer from a folder, or an uncased one from a vocab.txt.
    Raises ParameterError: there is none, it is not WordPiece with ##, or a special token is missing.
    """
    path = Path(path).expanduser()
    tokenizer = _load_folder(path) if path.is_dir() else _wordpiece_tokenizer(_read_vocab_txt(path))
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    if model.get("type") != "WordPiece" or model.get("continuing_subword_prefix") != CONTINUATION_PREFIX:
        raise ParameterError(f"{path}: {model.get('type')} is not WordPiece with {CONTINUATION_PREFIX}; {_HINT}")
    missing = [token for token in SPECIAL if token not in tokenizer.get_vocab()]
    if missing:
        raise ParameterError(f"{path}: the vocabulary has no {missing[0]}; it needs {' '.join(SPECIAL)}")
    return tokenizer


def check_vocabulary(path: Path | str) -> None:
    """Check a vocab.txt without transformers; a folder is checked when its tokenizer is loaded.
    Raises ParameterError: it cannot be read, or is no vocabulary.
    """
    if not (path := Path(path).expanduser()).is_dir():
        _read_vocab_txt(path)


def vocabulary_digest(tokenizer: PreTrainedTokenizerFast) -> str:
    """Return 20 hexadecimal digits that identify everything that determines the ids of a text."""
    parts = json.loads(tokenizer.backend_tokenizer.to_str())
    relevant = {name: parts[name] for name in ("normalizer", "pre_tokenizer", "model", "added_tokens")}
    return fingerprint(relevant)


def tokenizer_from_json(text: str) -> PreTrainedTokenizerFast:
    """Rebuild the tokenizer of `train_vocabulary` from its `backend_tokenizer.to_str()`."""
    return _bert_tokenizer(Tokenizer.from_str(text))


def _load_folder(folder: Path) -> PreTrainedTokenizerFast:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, local_files_only=True, trust_remote_code=False)
        tokenizer.backend_tokenizer.to_str()
    except Exception as error:  # transformers raises many kinds
        cause = " ".join(str(error).split())[:120]
        raise ParameterError(f"{folder}: cannot load a tokenizer ({cause}); {_HINT}") from None
    return tokenizer


def _read_vocab_txt(file: Path) -> dict[str, int]:
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise ParameterError(f"{file}: cannot be read as a vocabulary ({error.strerror}); {_HINT}") from None
    except UnicodeDecodeError:
        raise ParameterError(f"{file}: is not UTF-8; {_HINT}") from None
    entries = [line.rstrip("\r") for line in (lines[:-1] if not lines[-1] else lines)]
    if len(set(entries)) != len(entries):
        (duplicate, _), *_ = Counter(entries).most_common(1)
        raise ParameterError(f"{file}: entry {duplicate!r} appears twice; write each entry once")
    missing = [token for token in SPECIAL if token not in entries]
    if missing:
        raise ParameterError(f"{file}: the vocabulary has no {missing[0]}; it needs {' '.join(SPECIAL)}")
    return {entry: number for number, entry in enumerate(entries)}


def _count_words(sentences: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    """Count words and characters. Exact up to MAX_WORDS distinct words."""
    words: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    surface_forms: Counter[str] = Counter()
    rare = 0  # words that occur at most this often are dropped
    for sentence in sentences:
        surface_forms.update(sentence.split(" "))  # words never contain spaces
        if len(surface_forms) >= MAX_SURFACE_FORMS:
            _split_into_words(surface_forms, words)
            while len(words) > MAX_WORDS:
                rare += 1
                _prune_rare(words, characters, rare)
    _split_into_words(surface_forms, words)
    for word, count in words.items():
        _count_characters(word, count, characters)
    return words, characters


def _split_into_words(surface_forms: Counter[str], words: Counter[str]) -> None:
    normalize = normalizers.BertNormalizer(lowercase=True).normalize_str
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    for surface_form, count in surface_forms.items():
        for word, _ in split(normalize(surface_form)):
            if len(word) <= MAX_WORD_LENGTH:
                words[word] += count
    surface_forms.clear()


def _prune_rare(words: Counter[str], characters: Counter[str], rare: int) -> None:
    """Drop words that occur at most `rare` times; their characters stay counted."""
    for word in [word for word, count in words.items() if count <= rare]:
        _count_characters(word, words.pop(word), characters)


def _count_characters(word: str, count: int, characters: Counter[str]) -> None:
    for character in word:
        characters[character] += count


def _train_merges(words: Counter[str], alphabet: list[str], size: int) -> dict[str, int]:
    """Train the vocabulary: special tokens, alphabet, then merges, most frequent first."""
    numbered = [*alphabet, *(CONTINUATION_PREFIX + character for character in alphabet)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        special_tokens=[*SPECIAL, *numbered],  # numbered first, in this order
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        continuing_subword_prefix=CONTINUATION_PREFIX,
        show_progress=False,
    )
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.train_from_iterator(_occurrences(words), trainer)
    return tokenizer.get_vocab()


def _occurrences(words: Counter[str]) -> Iterator[str]:
    """Repeat every word as often as it occurs, because the trainer takes no counts."""
    divisor = max(1, -(-words.total() // MAX_OCCURRENCES))
    for word, count in sorted(words.items()):
        remaining = count // divisor
        while remaining > 0:
            yield " ".join([word] * min(remaining, 10_000))
            remaining -= 10_000


def _wordpiece_tokenizer(vocabulary: dict[str, int]) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(
        models.WordPiece(vocabulary, unk_token="[UNK]", continuing_subword_prefix=CONTINUATION_PREFIX)
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix=CONTINUATION_PREFIX)
    sep, cls = ("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"])
    tokenizer.post_processor = processors.BertProcessing(sep, cls)
    return _bert_tokenizer(tokenizer)


def _bert_tokenizer(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    from transformers import BertTokenizer

    return BertTokenizer(tokenizer_object=tokenizer, do_lower_case=True)
