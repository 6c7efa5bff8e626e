"""A general-domain vocabulary for comparison: from disk or the Hub, or trained on generated text."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tokenizers import Tokenizer

from ...errors import ParameterError
from ...filesystem import atomic_write, disk_errors
from ...paths import CACHE_HINT, cache_folder
from ...pretraining.corpus.documents import read_documents
from ...pretraining.corpus.wordpiece import train_vocabulary
from ...tasks.mini_blurb.general_text import general_corpus

TRAINED = "trained"
GENERATED = "general (generated)"  # name of a trained one in tables


def general_tokenizer(spec: str, *, size: int) -> tuple[Tokenizer | None, str, str]:
    """Tokenizer, its origin, and the reason if there is none.

    Args:
        spec: TRAINED, a directory or a Hub id.
        size: entries of a trained one.

    Raises:
        ParameterError: the directory or Hub id has no fast tokenizer.
    """
    return _train(size) if spec == TRAINED else (_load(spec), Path(spec).name, "")


def _load(spec: str) -> Tokenizer:
    from transformers import AutoTokenizer

    folder = Path(spec).expanduser()
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder if folder.is_dir() else spec,
            local_files_only=folder.is_dir(),
            use_fast=True,
            trust_remote_code=False,
        )
        return tokenizer.backend_tokenizer
    except Exception as error:  # transformers raises many kinds
        cause = " ".join(str(error).split())[:120]
        raise ParameterError(
            f"general_vocabulary={spec!r} cannot be loaded ({cause}); use a directory with tokenizer.json or "
            f"vocab.txt, a Hub id, {TRAINED}, or null to leave it out"
        ) from None


def _train(size: int) -> tuple[Tokenizer | None, str, str]:
    text = [sentence for document in read_documents(general_corpus()) for sentence in document.sentences]
    origin = "a WordPiece vocabulary trained on the generated general-domain text of mini-BLURB"
    digest = hashlib.sha256("\n".join(text).encode()).hexdigest()[:12]
    file = cache_folder() / "vocabularies" / f"general-{size}-{digest}.json"
    if not file.is_file():
        try:
            tokenizer = train_vocabulary(text, size=size).backend_tokenizer
        except ParameterError as error:
            return None, "", str(error)
        with disk_errors(file, f"{CACHE_HINT}, or set general_vocabulary to null"):
            atomic_write(file, tokenizer.to_str())
    return Tokenizer.from_file(str(file)), origin, ""
