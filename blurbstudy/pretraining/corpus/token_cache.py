"""Cache of tokenized corpora: arrays on disk that are memory-mapped.

A folder contains `train` and `held_out`, each with the three arrays of a TokenizedCorpus as raw little-endian numbers,
and meta.json with the length and checksum of every array. A corrupt folder is detected and rebuilt.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

import numpy as np
from tokenizers import Tokenizer
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from ...config import JsonObject, fingerprint
from ...errors import DataError
from ...filesystem import ensure_directory
from ...paths import cache_folder
from .corpus import Corpus, CorpusProgress, CorpusStats, TokenizedCorpus
from .documents import Document
from .wordpiece import vocabulary_digest

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

REVISION = 1  # raised by any change of code that alters what is written
PARTS = ("train", "held_out")
COLUMNS = ("tokens", "sentences", "documents")
META = "meta.json"
CHUNK_CHARACTERS = 1_000_000  # tokenized at once
UINT16_MAX = 1 << 16  # largest vocabulary whose ids take two bytes; larger ones take four
MAX_CACHED_WORDS = 1_000_000  # strings between spaces whose ids are kept in memory


def tokenize_corpus(
    corpus: Corpus,
    tokenizer: PreTrainedTokenizerFast,
    *,
    held_out: float,
    statistics: Callable[[], CorpusStats],
    on_progress: CorpusProgress | None = None,
) -> tuple[TokenizedCorpus, TokenizedCorpus, JsonObject]:
    """Tokenize a corpus unless it is cached.

    Args:
        held_out: fraction of documents held out.
        statistics: computes the corpus statistics for that fraction; called only if they are needed.

    Returns:
        The training part, the held-out part, and the contents of meta.json.
    """

    def build(folder: Path) -> None:
        with corpus.guard_unchanged():
            _write(folder, corpus, tokenizer, statistics=statistics(), on_progress=on_progress)

    identity = {
        "corpus": corpus.fingerprint,
        "vocabulary": vocabulary_digest(tokenizer),
        "held_out": held_out,
        "revision": REVISION,
    }
    folder = cache_folder().absolute() / "tokens" / fingerprint(identity)
    return _open(ensure_directory(folder, build, is_complete=_is_complete))


def _open(folder: Path) -> tuple[TokenizedCorpus, TokenizedCorpus, JsonObject]:
    meta = json.loads((folder / META).read_text(encoding="utf-8"))
    columns = meta["columns"]
    train, held_out = (
        TokenizedCorpus(*(_memory_map(folder / part / f"{name}.bin", columns[part][name]) for name in COLUMNS))
        for part in PARTS
    )
    return train, held_out, meta


def _memory_map(file: Path, column: JsonObject) -> np.ndarray:
    dtype = np.dtype(column["dtype"])
    if file.stat().st_size != column["length"] * dtype.itemsize:
        raise ValueError(f"{file}: wrong size")
    # A plain view, because indexing np.memmap is slow.
    return np.asarray(np.memmap(file, dtype, "r"))


def _is_complete(folder: Path) -> bool:
    try:
        train, held_out, meta = _open(folder)
        return all(
            zlib.crc32(getattr(corpus, name)) == meta["columns"][part][name]["crc32"]
            for part, corpus in zip(PARTS, (train, held_out), strict=True)
            for name in COLUMNS
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _write(
    folder: Path,
    corpus: Corpus,
    tokenizer: PreTrainedTokenizerFast,
    *,
    statistics: CorpusStats,
    on_progress: CorpusProgress | None,
) -> None:
    """Tokenize the corpus into an empty folder."""
    encoder = _CachingEncoder(tokenizer)
    dtype = np.dtype("<u2" if len(tokenizer) <= UINT16_MAX else "<i4")
    with contextlib.ExitStack() as files:
        parts = [_Part(folder / name, dtype, files) for name in PARTS]
        for documents in _chunks(corpus.documents("tokenizing", on_progress)):
            _append(documents, encoder, parts, statistics=statistics)
        columns = [part.finish() for part in parts]
    for part, name in zip(columns, PARTS, strict=True):
        if not part["tokens"]["length"]:
            raise DataError(f"{corpus.files[0]}: no {name.replace('_', '-')} document has a word; use other text")
    meta = {
        "documents": statistics.n_documents,
        "marked": statistics.n_test_documents,
        "columns": dict(zip(PARTS, columns, strict=True)),
    }
    with (folder / META).open("w", encoding="utf-8") as stream:
        json.dump(meta, stream, indent=2)
        _fsync(stream)


def _chunks(documents: Iterable[Document]) -> Iterator[list[Document]]:
    chunk: list[Document] = []
    characters = 0
    for document in documents:
        chunk.append(document)
        characters += sum(map(len, document.sentences))
        if characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _append(
    documents: list[Document], encoder: _CachingEncoder, parts: list[_Part], *, statistics: CorpusStats
) -> None:
    rows = encoder.encode([sentence for document in documents for sentence in document.sentences])
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    ids = np.fromiter(chain.from_iterable(rows), np.int64, int(lengths.sum()))
    document_of = np.repeat(np.arange(len(documents)), [len(document.sentences) for document in documents])
    held_out = np.array([statistics.is_held_out(document) for document in documents])[document_of]
    for part, chosen in zip(parts, (~held_out, held_out), strict=True):
        part.append(ids[np.repeat(chosen, lengths)], lengths[chosen], document_of[chosen])


class _CachingEncoder:
    """Token ids of sentences.

    BERT's tokenizer treats each string between spaces independently, so every distinct string is tokenized only once.
    This is several times faster than tokenizing all text.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.tokenizer.encode_special_tokens = True  # "[MASK]" in a text is ordinary text
        self.by_word = isinstance(self.tokenizer.normalizer, BertNormalizer) and isinstance(
            self.tokenizer.pre_tokenizer, BertPreTokenizer
        )
        self.cache: dict[str, list[int]] = {}

    def encode(self, sentences: list[str]) -> list[list[int]]:
        if not self.by_word:
            return self._encode(sentences)
        if len(self.cache) > MAX_CACHED_WORDS:
            self.cache.clear()
        words = [sentence.split(" ") for sentence in sentences]
        new = list(set(chain.from_iterable(words)).difference(self.cache))
        self.cache.update(zip(new, self._encode(new), strict=True))
        return [list(chain.from_iterable(map(self.cache.__getitem__, sentence))) for sentence in words]

    def _encode(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


class _Part:
    """Writer of one TokenizedCorpus."""

    def __init__(self, folder: Path, dtype: np.dtype, files: contextlib.ExitStack) -> None:
        folder.mkdir()
        offset = np.dtype("<i8")
        self.tokens, self.sentences, self.documents = (
            _Column(files.enter_context((folder / f"{name}.bin").open("wb")), kind)
            for name, kind in zip(COLUMNS, (dtype, offset, offset), strict=True)
        )
        self.sentences.append(np.zeros(1))
        self.documents.append(np.zeros(1))

    def append(self, ids: np.ndarray, lengths: np.ndarray, document_of: np.ndarray) -> None:
        """Append sentences; skip those without tokens, and documents without sentences."""
        non_empty = lengths > 0
        counts = np.unique(document_of[non_empty], return_counts=True)[1]
        self.sentences.append(self.tokens.length + np.cumsum(lengths[non_empty]))
        self.documents.append(self.documents.last + np.cumsum(counts))
        self.tokens.append(ids)

    def finish(self) -> dict[str, JsonObject]:
        """Flush all columns to disk and return their entries for meta.json."""
        return {name: getattr(self, name).finish() for name in COLUMNS}


class _Column:
    """Writer of one array."""

    def __init__(self, stream: BinaryIO, dtype: np.dtype) -> None:
        self.stream, self.dtype = stream, dtype
        self.length = self.last = self.crc32 = 0

    def append(self, values: np.ndarray) -> None:
        if len(values):
            data = values.astype(self.dtype).tobytes()
            self.stream.write(data)
            self.crc32 = zlib.crc32(data, self.crc32)
            self.length, self.last = self.length + len(values), int(values[-1])

    def finish(self) -> JsonObject:
        _fsync(self.stream)
        return {"dtype": self.dtype.str, "length": self.length, "crc32": self.crc32}


def _fsync(stream: IO) -> None:
    stream.flush()
    os.fsync(stream.fileno())
