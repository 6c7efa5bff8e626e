"""Unlabeled text for pretraining: documents of sentences from JSONL, and the same as one row of token ids.

One JSON object a line: {"id": ..., "title": ..., "sentences": [...]}; plain, .gz or .xz. A document marked `blurb_test`
holds text of a BLURB test set and is left out.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError

OPENERS = {".gz": gzip.open, ".xz": lzma.open}
REMEDY = 'write one object a line: {"title": "...", "sentences": ["...", "..."]}'


@dataclass(frozen=True)
class Document:
    """One abstract; its title, where it has one, is its first sentence."""

    id: str
    sentences: tuple[str, ...]


def read_corpus(path: Path) -> list[Document]:
    """All documents that are not marked as BLURB test text.

    Raises:
        DataError: the file is missing, torn or empty, or a line is no document; names file, line and remedy.
    """
    documents = list(_documents(Path(path)))
    if not documents:
        raise DataError(f"{path}: holds no document; {REMEDY}")
    return documents


def corpus_fingerprint(path: Path) -> str:
    """20 hexadecimal digits of a SHA-256 over the file's bytes."""
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:20]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); name a corpus file (JSONL)") from None


def _documents(path: Path) -> Iterator[Document]:
    number = 0
    try:
        with OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):  # noqa: B007 (named in errors)
                if not line.strip():
                    continue
                record = json.loads(line)
                if "blurb_test" not in record:
                    yield _document(record, number)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); name a corpus file (JSONL)") from None
    except (EOFError, lzma.LZMAError) as error:
        raise DataError(f"{path}: line {number + 1}: the archive is torn ({error}); fetch it again") from None
    except (ValueError, TypeError, KeyError) as error:
        line = number if not isinstance(error, UnicodeDecodeError) else number + 1
        raise DataError(f"{path}: line {line}: is no document ({error}); {REMEDY}") from None


def _document(record: Any, number: int) -> Document:
    if not isinstance(record, dict):
        raise TypeError("no JSON object")
    sentences = record.get("sentences")
    if not isinstance(sentences, list) or not all(isinstance(sentence, str) for sentence in sentences):
        raise TypeError("no list of sentences")
    title = record.get("title") or ""
    if not isinstance(title, str):
        raise TypeError("the title is no text")
    return Document(str(record.get("id", number)), tuple(text for text in (title, *sentences) if text.strip()))


@dataclass(frozen=True, eq=False)
class TokenizedCorpus:
    """Sentence s is tokens[sentences[s]:sentences[s + 1]]; document d is sentences documents[d] to documents[d + 1]."""

    tokens: np.ndarray  # (n_tokens,) int32, no special tokens
    sentences: np.ndarray  # (n_sentences + 1,) int64
    documents: np.ndarray  # (n_documents + 1,) int64

    @property
    def n_documents(self) -> int:
        """Documents that hold a token."""
        return len(self.documents) - 1


def tokenize_corpus(documents: Sequence[Document], tokenizer: Any) -> TokenizedCorpus:
    """The corpus as one row of token ids; sentences and documents without a token fall away."""
    ids: list[np.ndarray] = []
    counts: list[int] = []
    for document in documents:
        rows = tokenizer(list(document.sentences), add_special_tokens=False, truncation=False)["input_ids"]
        rows = [np.asarray(row, np.int32) for row in rows if row]
        ids += rows
        counts += [len(rows)] if rows else []
    lengths = [len(row) for row in ids]
    return TokenizedCorpus(
        tokens=np.concatenate(ids) if ids else np.zeros(0, np.int32),
        sentences=np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64),
        documents=np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64),
    )


def hold_out(documents: Sequence[Document], fraction: float) -> tuple[list[Document], list[Document]]:
    """(train, held-out) documents; which are held out is decided by a document's text alone.

    At least two are held out (another document is needed for a random next segment) and two are left.
    """
    ranked = sorted(documents, key=lambda document: hashlib.sha256("\n".join(document.sentences).encode()).digest())
    count = min(max(2, round(fraction * len(documents))), len(documents) - 2)
    if count < 2:
        raise DataError(f"the corpus has {len(documents)} documents; pretraining needs at least 4")
    chosen = {id(document) for document in ranked[:count]}
    return [d for d in documents if id(d) not in chosen], [d for d in documents if id(d) in chosen]
