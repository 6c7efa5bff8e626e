"""A corpus tokenized once, in chunks, and kept on disk: columns of numbers that are mapped, not read, when used.

A folder holds `train` and `held_out`, each with the three columns of a TokenizedCorpus as bare little-endian numbers,
and meta.json, written last, with every column's length and checksum: a torn folder is noticed and made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from tokenizers import Tokenizer
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from ...config import canonical_json
from ...errors import DataError
from ...filesystem import ensure_directory
from ...paths import cache_folder
from .corpus import Corpus, ReadingProgress, Survey, TokenizedCorpus
from .documents import Document
from .wordpiece import vocabulary_digest

REVISION = 1  # raised by any change of code that alters what is written
PARTS = ("train", "held_out")
COLUMNS = ("tokens", "sentences", "documents")
META = "meta.json"
CHUNK = 1_000_000  # characters tokenized at once
TWO_BYTES = 1 << 16  # entries of a vocabulary at most, for ids of two bytes; four otherwise
MOST_RUNS = 1_000_000  # different runs between spaces remembered


def tokenized(
    corpus: Corpus,
    tokenizer: Any,
    *,
    held_out: float,
    survey: Callable[[], Survey],
    on_progress: ReadingProgress | None = None,
) -> tuple[TokenizedCorpus, TokenizedCorpus, dict[str, Any]]:
    """(train, held out, what meta.json says) of a corpus; tokenized now unless that was done before.

    Args:
        held_out: share of documents held out.
        survey: gives the corpus' survey for that share; asked for only where there is something to do.
    """

    def make(unfinished: Path) -> None:
        with corpus.unchanged():
            _write(unfinished, corpus, tokenizer, survey=survey(), on_progress=on_progress)

    identity = {
        "corpus": corpus.fingerprint,
        "vocabulary": vocabulary_digest(tokenizer),
        "held_out": held_out,
        "revision": REVISION,
    }
    digest = hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:20]
    return _opened(ensure_directory(cache_folder().absolute() / "tokens" / digest, make, is_complete=_is_whole))


def _opened(folder: Path) -> tuple[TokenizedCorpus, TokenizedCorpus, dict[str, Any]]:
    meta = json.loads((folder / META).read_text(encoding="utf-8"))
    columns = meta["columns"]
    train, held_out = (
        TokenizedCorpus(*(_mapped(folder / part / f"{name}.bin", columns[part][name]) for name in COLUMNS))
        for part in PARTS
    )
    return train, held_out, meta


def _mapped(file: Path, column: dict[str, Any]) -> np.ndarray:
    dtype = np.dtype(column["dtype"])
    if file.stat().st_size != column["length"] * dtype.itemsize:
        raise ValueError(f"{file}: is torn")
    # The plain view: indexing a memmap itself is slow.
    return np.asarray(np.memmap(file, dtype, "r"))


def _is_whole(folder: Path) -> bool:
    try:
        train, held_out, meta = _opened(folder)
        return all(
            zlib.crc32(getattr(corpus, name)) == meta["columns"][part][name]["crc32"]
            for part, corpus in zip(PARTS, (train, held_out), strict=True)
            for name in COLUMNS
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _write(
    folder: Path, corpus: Corpus, tokenizer: Any, *, survey: Survey, on_progress: ReadingProgress | None
) -> None:
    """Tokenizes the corpus into an empty folder, a chunk at a time."""
    encoder = _Encoder(tokenizer)
    dtype = np.dtype("<u2" if len(tokenizer) <= TWO_BYTES else "<i4")
    with contextlib.ExitStack() as files:
        parts = [_Part(folder / name, dtype, files) for name in PARTS]
        for documents in _chunks(corpus.documents("tokenizing", on_progress)):
            _add(documents, encoder, parts, survey=survey)
        columns = [part.settled() for part in parts]
    for part, name in zip(columns, PARTS, strict=True):
        if not part["tokens"]["length"]:
            raise DataError(f"{corpus.files[0]}: no {name.replace('_', '-')} document holds a word; name other text")
    meta = {"documents": survey.documents, "marked": survey.marked, "columns": dict(zip(PARTS, columns, strict=True))}
    with (folder / META).open("w", encoding="utf-8") as stream:
        json.dump(meta, stream, indent=2)
        _settle(stream)


def _chunks(documents: Iterable[Document]) -> Iterator[list[Document]]:
    chunk: list[Document] = []
    characters = 0
    for document in documents:
        chunk.append(document)
        characters += sum(map(len, document.sentences))
        if characters >= CHUNK:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _add(documents: list[Document], encoder: _Encoder, parts: list[_Part], *, survey: Survey) -> None:
    rows = encoder.rows([sentence for document in documents for sentence in document.sentences])
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    ids = np.fromiter(chain.from_iterable(rows), np.int64, int(lengths.sum()))
    document_of = np.repeat(np.arange(len(documents)), [len(document.sentences) for document in documents])
    held_out = np.array([survey.held_out(document) for document in documents])[document_of]
    for part, chosen in zip(parts, (~held_out, held_out), strict=True):
        part.add(ids[np.repeat(chosen, lengths)], lengths[chosen], document_of[chosen])


class _Encoder:
    """Ids of sentences. What BERT's tokenizer makes of a run between spaces does not depend on its neighbours, so each
    different run is tokenized once, several times faster than all text.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.tokenizer.encode_special_tokens = True  # "[MASK]" in a text is text
        self.by_runs = isinstance(self.tokenizer.normalizer, BertNormalizer) and isinstance(
            self.tokenizer.pre_tokenizer, BertPreTokenizer
        )
        self.runs: dict[str, list[int]] = {}

    def rows(self, sentences: list[str]) -> list[list[int]]:
        """The ids of each sentence."""
        if not self.by_runs:
            return self._encoded(sentences)
        if len(self.runs) > MOST_RUNS:
            self.runs.clear()
        divided = [sentence.split(" ") for sentence in sentences]
        new = list(set(chain.from_iterable(divided)).difference(self.runs))
        self.runs.update(zip(new, self._encoded(new), strict=True))
        return [list(chain.from_iterable(map(self.runs.__getitem__, runs))) for runs in divided]

    def _encoded(self, texts: list[str]) -> list[list[int]]:
        return [found.ids for found in self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


class _Part:
    """Columns of one TokenizedCorpus in the making."""

    def __init__(self, folder: Path, dtype: np.dtype, files: contextlib.ExitStack) -> None:
        folder.mkdir()
        offset = np.dtype("<i8")
        self.tokens, self.sentences, self.documents = (
            _Column(files.enter_context((folder / f"{name}.bin").open("wb")), kind)
            for name, kind in zip(COLUMNS, (dtype, offset, offset), strict=True)
        )
        self.sentences.append(np.zeros(1))
        self.documents.append(np.zeros(1))

    def add(self, ids: np.ndarray, lengths: np.ndarray, document_of: np.ndarray) -> None:
        """Sentences one after another; those without a token, and documents without one, fall away."""
        held = lengths > 0
        counts = np.unique(document_of[held], return_counts=True)[1]
        self.sentences.append(self.tokens.length + np.cumsum(lengths[held]))
        self.documents.append(self.documents.last + np.cumsum(counts))
        self.tokens.append(ids)

    def settled(self) -> dict[str, dict[str, Any]]:
        """What meta.json says of each column, all on the disk."""
        return {name: getattr(self, name).settled() for name in COLUMNS}


class _Column:
    """One file of numbers in the making."""

    def __init__(self, stream: BinaryIO, dtype: np.dtype) -> None:
        self.stream, self.dtype = stream, dtype
        self.length = self.last = self.crc32 = 0

    def append(self, values: np.ndarray) -> None:
        if len(values):
            data = values.astype(self.dtype).tobytes()
            self.stream.write(data)
            self.crc32 = zlib.crc32(data, self.crc32)
            self.length, self.last = self.length + len(values), int(values[-1])

    def settled(self) -> dict[str, Any]:
        _settle(self.stream)
        return {"dtype": self.dtype.str, "length": self.length, "crc32": self.crc32}


def _settle(stream: Any) -> None:
    """Onto the disk itself, before the folder gets its name."""
    stream.flush()
    os.fsync(stream.fileno())
