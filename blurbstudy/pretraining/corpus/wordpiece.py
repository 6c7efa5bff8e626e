"""An uncased WordPiece vocabulary: trained on the corpus (Wu et al. 2016; PubMedBERT's, Gu et al. 2021), or given.

`tokenizers` counts and merges. Left alone, it numbers its alphabet in the order of a randomly seeded hash table, and
equally frequent merges are taken in the order of those numbers, so two trainings differ. Here the alphabet is numbered
beforehand: same text, same vocabulary. Words are counted as the text streams by, in bounded memory.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from ...config import canonical_json
from ...errors import ParameterError

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")  # ids 0 to 4
CONTINUES = "##"  # begins every sub-word that does not begin a word
ALPHABET = 1000  # characters at most; a word with a rarer one is [UNK]
LONGEST_WORD = 100  # characters; WordPiece reads a longer one as [UNK]
MOST_WORDS = 2_000_000  # different ones counted at once; past that the rarest are forgotten
MOST_SPELLINGS = 1_000_000  # different runs between spaces held before they are divided into words
MOST_OCCURRENCES = 200_000_000  # shown to `tokenizers`; counts of a larger text are divided by what is needed
GIVEN = "name a folder with a Hugging Face tokenizer, or a vocab.txt (read as uncased)"


def train_vocabulary(sentences: Iterable[str], size: int) -> Any:
    """A transformers fast tokenizer (lower case, accents stripped) with at most `size` entries.

    Raises:
        ParameterError: `size` has no room for the special tokens and the characters of the text.
    """
    words, letters = _count(sentences)
    alphabet = sorted(sorted(letters), key=lambda letter: -letters[letter])[:ALPHABET]
    alphabet.sort()
    least = len(SPECIAL) + 2 * len(alphabet)
    if size <= least:
        raise ParameterError(f"vocab_size={size} leaves no room for words; use more than {least} for this corpus")
    return _fast_tokenizer(_merge(words, alphabet, size))


def continues_word(tokenizer: Any) -> list[bool]:
    """Per id: whether the entry continues a word (begins with ##)."""
    entries = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    return [entry.startswith(CONTINUES) and len(entry) > len(CONTINUES) for entry in entries]


def load_vocabulary(path: Path | str) -> Any:
    """A WordPiece tokenizer from a folder, or an uncased one from a vocab.txt.

    Raises:
        ParameterError: there is none, it is no WordPiece with ##, or it lacks a special token.
    """
    path = Path(path).expanduser()
    tokenizer = _from_folder(path) if path.is_dir() else _fast_tokenizer(_entries(path))
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    if model.get("type") != "WordPiece" or model.get("continuing_subword_prefix") != CONTINUES:
        raise ParameterError(f"{path}: is no WordPiece vocabulary with {CONTINUES} ({model.get('type')}); {GIVEN}")
    missing = [token for token in SPECIAL if token not in tokenizer.get_vocab()]
    if missing:
        raise ParameterError(f"{path}: the vocabulary lacks {missing[0]}; it needs {' '.join(SPECIAL)}")
    return tokenizer


def vocabulary_digest(tokenizer: Any) -> str:
    """20 hexadecimal digits of a SHA-256 over all that determines the ids of a text."""
    parts = json.loads(tokenizer.backend_tokenizer.to_str())
    deciding = {name: parts[name] for name in ("normalizer", "pre_tokenizer", "model", "added_tokens")}
    return hashlib.sha256(canonical_json(deciding).encode()).hexdigest()[:20]


def vocabulary_from_text(text: str) -> Any:
    """The tokenizer that `train_vocabulary` gave, from its `backend_tokenizer.to_str()`."""
    return _transformers_tokenizer(Tokenizer.from_str(text))


def _from_folder(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        found = AutoTokenizer.from_pretrained(folder, use_fast=True, local_files_only=True, trust_remote_code=False)
        found.backend_tokenizer.to_str()
    except Exception as error:  # transformers raises many kinds
        cause = " ".join(str(error).split())[:120]
        raise ParameterError(f"{folder}: holds no tokenizer that can be loaded ({cause}); {GIVEN}") from None
    return found


def _entries(file: Path) -> dict[str, int]:
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise ParameterError(f"{file}: cannot be read as a vocabulary ({error.strerror}); {GIVEN}") from None
    except UnicodeDecodeError:
        raise ParameterError(f"{file}: is no vocabulary, since it is not UTF-8; {GIVEN}") from None
    entries = [line.rstrip("\r") for line in (lines[:-1] if not lines[-1] else lines)]
    if len(set(entries)) != len(entries):
        (twice, _), *_ = Counter(entries).most_common(1)
        raise ParameterError(f"{file}: entry {twice!r} stands on two lines; write each once")
    missing = [token for token in SPECIAL if token not in entries]
    if missing:
        raise ParameterError(f"{file}: the vocabulary lacks {missing[0]}; it needs {' '.join(SPECIAL)}")
    return {entry: number for number, entry in enumerate(entries)}


def _count(sentences: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    """How often each word, and each character, occurs. Exact up to MOST_WORDS different words."""
    words: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    spellings: Counter[str] = Counter()
    rare = 0  # words that occurred no more often are forgotten
    for sentence in sentences:
        spellings.update(sentence.split(" "))  # a space always divides words, so each spelling is looked at once
        if len(spellings) >= MOST_SPELLINGS:
            _divide(spellings, words)
            while len(words) > MOST_WORDS:
                rare += 1
                _forget(words, letters, rare)
    _divide(spellings, words)
    for word, count in words.items():
        _spell(word, count, letters)
    return words, letters


def _divide(spellings: Counter[str], words: Counter[str]) -> None:
    normalize = normalizers.BertNormalizer(lowercase=True).normalize_str
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    for spelling, count in spellings.items():
        for word, _ in split(normalize(spelling)):
            if len(word) <= LONGEST_WORD:
                words[word] += count
    spellings.clear()


def _forget(words: Counter[str], letters: Counter[str], rare: int) -> None:
    """Takes words that occur at most `rare` times away; their characters stay counted."""
    for word in [word for word, count in words.items() if count <= rare]:
        _spell(word, words.pop(word), letters)


def _spell(word: str, count: int, letters: Counter[str]) -> None:
    for letter in word:
        letters[letter] += count


def _merge(words: Counter[str], alphabet: list[str], size: int) -> dict[str, int]:
    """The vocabulary: special tokens, alphabet, then merges, most frequent first."""
    numbered = [*alphabet, *(CONTINUES + letter for letter in alphabet)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        special_tokens=[*SPECIAL, *numbered],  # numbered first, in this order
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        continuing_subword_prefix=CONTINUES,
        show_progress=False,
    )
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.train_from_iterator(_occurrences(words), trainer)
    return tokenizer.get_vocab()


def _occurrences(words: Counter[str]) -> Iterator[str]:
    """Every word as often as it occurs (the trainer takes no counts); words hold no white space."""
    share = max(1, -(-words.total() // MOST_OCCURRENCES))
    for word, count in sorted(words.items()):
        left = count // share
        while left > 0:
            yield " ".join([word] * min(left, 10_000))
            left -= 10_000


def _fast_tokenizer(vocabulary: dict[str, int]) -> Any:
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", continuing_subword_prefix=CONTINUES))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix=CONTINUES)
    sep, cls = (("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    tokenizer.post_processor = processors.BertProcessing(sep, cls)
    return _transformers_tokenizer(tokenizer)


def _transformers_tokenizer(tokenizer: Tokenizer) -> Any:
    from transformers import BertTokenizerFast

    return BertTokenizerFast(tokenizer_object=tokenizer, do_lower_case=True)
