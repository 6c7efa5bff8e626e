"""Text made ready for pretraining: a corpus, its vocabulary, and the tokens of both its parts, each made once."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...config import canonical_json
from ...filesystem import ensure_directory
from ...paths import cache_folder
from .corpus import Corpus, ReadingProgress, Survey, TokenizedCorpus
from .token_cache import tokenized
from .wordpiece import load_vocabulary, train_vocabulary, vocabulary_digest, vocabulary_from_text

VOCABULARY_REVISION = 1  # raised by any change of code that alters a trained vocabulary
VOCABULARY_FILE = "tokenizer.json"


@dataclass(frozen=True, eq=False)
class PreparedText:
    """What a pretraining reads."""

    tokenizer: Any  # transformers, fast
    train: TokenizedCorpus
    held_out: TokenizedCorpus
    facts: dict[str, Any]  # plain values, for records and the model card


def prepared_text(
    corpus: Corpus,
    *,
    vocabulary: int | Path | str,
    held_out: float,
    on_progress: ReadingProgress | None = None,
) -> PreparedText:
    """Trains the vocabulary and tokenizes the corpus, in three passes over the files, unless both lie in the cache.

    Args:
        vocabulary: entries of one trained on what is not held out, or where a given one lies (see load_vocabulary).
        held_out: share of documents never trained on, neither the vocabulary nor the encoder.
        on_progress: called while files are read; not at all where everything is there already.

    Raises:
        DataError: a file of the corpus cannot be read, or it holds too little.
        ParameterError: the vocabulary cannot be loaded, or `vocabulary` entries are too few for the text.
        StudyError: the disk is full, or the cache folder cannot be written.
    """

    @functools.cache
    def survey() -> Survey:
        return corpus.survey(held_out, on_progress)

    if isinstance(vocabulary, int):
        tokenizer = _trained(corpus, vocabulary, held_out=held_out, survey=survey, on_progress=on_progress)
    else:
        tokenizer = load_vocabulary(vocabulary)
    train, unseen, meta = tokenized(corpus, tokenizer, held_out=held_out, survey=survey, on_progress=on_progress)
    alone = np.diff(train.documents) == 1
    files = zip(corpus.files, corpus.digests, meta["documents"], meta["marked"], strict=True)
    facts = {
        "fingerprint": corpus.fingerprint,
        "files": [
            {"file": file.name, "sha256": digest, "documents": documents, "blurb_test_documents": marked}
            for file, digest, documents, marked in files
        ],
        "blurb_test": "kept" if corpus.test_text else "left out",
        "blurb_test_documents": sum(meta["marked"]),
        "documents": train.n_documents,
        "held_out_documents": unseen.n_documents,
        "sentences": len(train.sentences) - 1,
        "tokens": len(train.tokens),
        # Two segments need two sentences: objectives of two segments leave these out, single sequences do not.
        "one_sentence_documents": int(alone.sum()),
        "one_sentence_tokens": int(np.diff(train.sentences)[train.documents[:-1][alone]].sum()),
        "held_out_tokens": len(unseen.tokens),
        "vocabulary": len(tokenizer),
        "vocabulary_digest": vocabulary_digest(tokenizer),
        "vocabulary_from": "the same text" if isinstance(vocabulary, int) else Path(vocabulary).name,
    }
    return PreparedText(tokenizer, train, unseen, facts)


def _trained(corpus: Corpus, size: int, *, held_out: float, survey: Any, on_progress: ReadingProgress | None) -> Any:
    def make(unfinished: Path) -> None:
        found = survey()
        with corpus.unchanged():
            documents = corpus.documents("counting words", on_progress)
            text = (
                sentence for document in documents if not found.held_out(document) for sentence in document.sentences
            )
            trained = train_vocabulary(text, size).backend_tokenizer.to_str()
        (unfinished / VOCABULARY_FILE).write_text(trained, encoding="utf-8")

    identity = {"corpus": corpus.fingerprint, "held_out": held_out, "size": size, "revision": VOCABULARY_REVISION}
    digest = hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:20]
    folder = cache_folder().absolute() / "vocabularies" / f"corpus-{size}-{digest}"
    return _kept(ensure_directory(folder, make, is_complete=lambda folder: _kept(folder) is not None))


def _kept(folder: Path) -> Any:
    """The tokenizer in a folder of the cache; None where there is none that can be read."""
    try:
        return vocabulary_from_text((folder / VOCABULARY_FILE).read_text(encoding="utf-8"))
    except Exception:  # tokenizers raises bare exceptions
        return None
