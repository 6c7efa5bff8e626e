"""A corpus ready for pretraining: its tokenizer and the token ids of its training and held-out parts, both cached."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...config import JsonObject, fingerprint
from ...filesystem import ensure_directory
from ...paths import cache_folder
from .corpus import Corpus, CorpusProgress, CorpusStats, TokenizedCorpus
from .token_cache import tokenize_corpus
from .wordpiece import load_vocabulary, tokenizer_from_json, train_vocabulary, vocabulary_digest

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

VOCABULARY_REVISION = 1  # raised by any change of code that alters a trained vocabulary
VOCABULARY_FILE = "tokenizer.json"


@dataclass(frozen=True, eq=False)
class PreparedCorpus:
    """The input of a pretraining run."""

    tokenizer: Any  # transformers' PreTrainedTokenizerFast
    train: TokenizedCorpus
    held_out: TokenizedCorpus
    metadata: JsonObject  # plain values, for records and the model card


def prepare_corpus(
    corpus: Corpus, *, vocabulary: int | Path | str, held_out: float, on_progress: CorpusProgress | None = None
) -> PreparedCorpus:
    """Train the vocabulary and tokenize the corpus, in three passes over the files, unless both are cached.

    Args:
        vocabulary: size of a vocabulary to train on the documents that are not held out, or the path of an existing
            one (see load_vocabulary).
        held_out: fraction of documents on which neither the vocabulary nor the encoder is trained.
        on_progress: called while files are read; not at all if everything is cached.
    """

    @functools.cache
    def statistics() -> CorpusStats:
        return corpus.statistics(held_out, on_progress)

    if isinstance(vocabulary, int):
        tokenizer = _trained_tokenizer(corpus, vocabulary, held_out, statistics=statistics, on_progress=on_progress)
    else:
        tokenizer = load_vocabulary(vocabulary)
    train, unseen, meta = tokenize_corpus(
        corpus, tokenizer, held_out=held_out, statistics=statistics, on_progress=on_progress
    )
    single = np.diff(train.documents) == 1
    files = zip(corpus.files, corpus.digests, meta["documents"], meta["marked"], strict=True)
    metadata = {
        "fingerprint": corpus.fingerprint,
        "files": [
            {"file": file.name, "sha256": digest, "documents": documents, "blurb_test_documents": test_documents}
            for file, digest, documents, test_documents in files
        ],
        "blurb_test": "kept" if corpus.include_test_text else "left out",
        "blurb_test_documents": sum(meta["marked"]),
        "documents": train.n_documents,
        "held_out_documents": unseen.n_documents,
        "sentences": len(train.sentences) - 1,
        "tokens": len(train.tokens),
        # Objectives of two segments cannot use documents of one sentence.
        "one_sentence_documents": int(single.sum()),
        "one_sentence_tokens": int(np.diff(train.sentences)[train.documents[:-1][single]].sum()),
        "held_out_tokens": len(unseen.tokens),
        "vocabulary": len(tokenizer),
        "vocabulary_digest": vocabulary_digest(tokenizer),
        "vocabulary_from": "the same text" if isinstance(vocabulary, int) else Path(vocabulary).name,
    }
    return PreparedCorpus(tokenizer, train, unseen, metadata)


def _trained_tokenizer(
    corpus: Corpus,
    size: int,
    held_out: float,
    *,
    statistics: Callable[[], CorpusStats],
    on_progress: CorpusProgress | None,
) -> PreTrainedTokenizerFast:
    def build(folder: Path) -> None:
        stats = statistics()
        with corpus.guard_unchanged():
            documents = corpus.documents("counting words", on_progress)
            sentences = (
                sentence for document in documents if not stats.is_held_out(document) for sentence in document.sentences
            )
            tokenizer_json = train_vocabulary(sentences, size).backend_tokenizer.to_str()
        (folder / VOCABULARY_FILE).write_text(tokenizer_json, encoding="utf-8")

    identity = {"corpus": corpus.fingerprint, "held_out": held_out, "size": size, "revision": VOCABULARY_REVISION}
    folder = cache_folder().absolute() / "vocabularies" / f"corpus-{size}-{fingerprint(identity)}"
    ensure_directory(folder, build, is_complete=lambda folder: _read_tokenizer(folder) is not None)
    tokenizer = _read_tokenizer(folder)
    assert tokenizer is not None, "complete"
    return tokenizer


def _read_tokenizer(folder: Path) -> PreTrainedTokenizerFast | None:
    """The cached tokenizer; None if it is missing or corrupt."""
    try:
        return tokenizer_from_json((folder / VOCABULARY_FILE).read_text(encoding="utf-8"))
    except Exception:  # tokenizers raises bare exceptions
        return None
