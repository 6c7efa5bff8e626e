"""A vocabulary of general English, for comparison: one from disk or the Hub, or one trained on Python's own manual.

`trained` needs no network: every Python brings the text of its reference manual (pydoc_data.topics), half a megabyte of
English prose about programming.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import ParameterError
from ...filesystem import atomic_write, disk_errors
from ...paths import CACHE_HINT, cache_folder

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TRAINED = "trained"
MANUAL = "Python's manual"  # what a trained one is called in tables: its text, not more


def general_tokenizer(spec: str, *, size: int) -> tuple[Tokenizer | None, str, str]:
    """Tokenizer, where it comes from, and why there is none ('' where there is one).

    Args:
        spec: TRAINED, a directory or a Hub id.
        size: entries of a trained one.

    Raises:
        ParameterError: the directory or Hub id has no fast tokenizer.
    """
    return _trained(size) if spec == TRAINED else (_loaded(spec), Path(spec).name, "")


def _loaded(spec: str) -> Tokenizer:
    from transformers import AutoTokenizer

    folder = Path(spec).expanduser()
    try:
        found = AutoTokenizer.from_pretrained(
            folder if folder.is_dir() else spec,
            local_files_only=folder.is_dir(),
            use_fast=True,
            trust_remote_code=False,
        )
        return found.backend_tokenizer
    except Exception as error:  # transformers raises many kinds
        cause = " ".join(str(error).split())[:120]
        raise ParameterError(
            f"general_vocabulary={spec!r} cannot be loaded ({cause}); use a directory with tokenizer.json or "
            f"vocab.txt, a Hub id, {TRAINED}, or null to leave it out"
        ) from None


def _trained(size: int) -> tuple[Tokenizer | None, str, str]:
    from tokenizers import Tokenizer

    from ...pretraining.corpus.general_text import manual, manual_version
    from ...pretraining.corpus.wordpiece import train_vocabulary

    text = manual()
    if not text:
        return None, "", "this Python came without the text of its manual (pydoc_data)"
    origin = f"a WordPiece vocabulary trained on general English, the reference manual of Python {manual_version()}"
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
