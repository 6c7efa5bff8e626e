"""An uncased WordPiece vocabulary trained on the corpus (Wu et al. 2016; PubMedBERT's choice, Gu et al. 2021).

`tokenizers` counts and merges. Left alone, it numbers its alphabet in the order of a randomly seeded hash table, and
equally frequent merges are taken in the order of those numbers, so two trainings differ. Here the alphabet is numbered
beforehand: same text, same vocabulary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from ..errors import ParameterError

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")  # ids 0 to 4
CONTINUES = "##"  # begins every sub-word that does not begin a word
ALPHABET = 1000  # characters at most; a word with a rarer one is [UNK]


def train_vocabulary(sentences: Iterable[str], size: int) -> Any:
    """A transformers fast tokenizer (lower case, accents stripped) with at most `size` entries.

    Raises:
        ParameterError: `size` has no room for the special tokens and the characters of the text.
    """
    words = _words(sentences)
    letters: Counter[str] = Counter()
    for word, count in words.items():
        for letter in word:
            letters[letter] += count
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


def _words(sentences: Iterable[str]) -> Counter[str]:
    normalize = normalizers.BertNormalizer(lowercase=True).normalize_str
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    return Counter(word for sentence in sentences for word, _ in split(normalize(sentence)))


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
    # Every word as often as it occurs; words hold no white space.
    tokenizer.train_from_iterator((" ".join([word] * count) for word, count in sorted(words.items())), trainer)
    return tokenizer.get_vocab()


def _fast_tokenizer(vocabulary: dict[str, int]) -> Any:
    from transformers import BertTokenizerFast

    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", continuing_subword_prefix=CONTINUES))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix=CONTINUES)
    sep, cls = (("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    tokenizer.post_processor = processors.BertProcessing(sep, cls)
    return BertTokenizerFast(tokenizer_object=tokenizer, do_lower_case=True)
