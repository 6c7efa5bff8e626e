"""The pretraining corpus: its files, its held-out documents, and its tokenized form.

Text is streamed and never loaded as a whole. The documents with the lowest digests of their text are held out, so
copies of a text are all on the same side of the split.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...config import canonical_json, fingerprint
from ...errors import DataError, ParameterError, count_of
from .documents import Document, read_documents

REPORT_EVERY = 500  # documents between two progress reports

# Called with the current pass (such as "tokenizing"), documents read, bytes read, and bytes of all files.
CorpusProgress = Callable[[str, int, int, int], None]


@dataclass(frozen=True, eq=False)
class TokenizedCorpus:
    """Token ids of a corpus, with sentence and document boundaries.

    Sentence s is tokens[sentences[s]:sentences[s + 1]]; document d has the sentences documents[d] to documents[d + 1].
    """

    tokens: np.ndarray  # (n_tokens,) uint16 or int32, no special tokens; may be memory-mapped
    sentences: np.ndarray  # (n_sentences + 1,) int64
    documents: np.ndarray  # (n_documents + 1,) int64

    @property
    def n_documents(self) -> int:
        """Number of documents with at least one token."""
        return len(self.documents) - 1


@dataclass(frozen=True)
class Corpus:
    """Files of documents, in reading order."""

    files: tuple[Path, ...]
    include_test_text: bool = False  # False: leave out documents marked `blurb_test`

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", tuple(Path(file) for file in self.files))
        if not self.files:
            raise ParameterError("the corpus has no files; name at least one (JSONL or plain text)")
        seen: set[Path] = set()
        for file in self.files:
            if file.resolve() in seen:
                raise ParameterError(f"{file}: appears twice in the corpus; name each file once")
            seen.add(file.resolve())

    def check_readable(self) -> None:
        """Check that every file can be opened. Raises DataError: one cannot."""
        for file in self.files:
            try:
                file.open("rb").close()
            except OSError as error:
                raise _unreadable(file, error) from None

    @functools.cached_property
    def digests(self) -> tuple[str, ...]:
        """SHA-256 of each file, computed on first access."""
        return tuple(_file_digest(file) for file in self.files)

    @functools.cached_property
    def fingerprint(self) -> str:
        """20 hexadecimal digits that identify the files' bytes, their order, and whether test text is included."""
        identity = canonical_json({"files": self.digests, "test_text": self.include_test_text})
        return fingerprint(identity)

    @contextlib.contextmanager
    def guard_unchanged(self) -> Iterator[None]:
        """Check that no file changes inside the `with` block.
        Raises DataError: a file has changed; raised at the end of the block.
        """
        before = [_file_stat(file) for file in self.files]
        yield
        for file, stat in zip(self.files, before, strict=True):
            if _file_stat(file) != stat:
                raise DataError(f"{file}: changed while it was being read; run again when it is complete")

    def documents(self, activity: str = "reading", on_progress: CorpusProgress | None = None) -> Iterator[Document]:
        """Yield the documents of the corpus, without test text unless it is included."""
        for _, document in self._read(activity, on_progress):
            if self.include_test_text or not document.is_test_text:
                yield document

    def statistics(self, held_out: float, on_progress: CorpusProgress | None = None) -> CorpusStats:
        """Count the documents and choose the held-out ones.

        Args:
            held_out: fraction of documents, between 0 and 1. At least two are held out (a random next segment needs
                another document) and at least two are left for training.

        Raises:
            DataError: as `documents`; or there are fewer than four different documents.
        """
        counts, test_counts = [0] * len(self.files), [0] * len(self.files)
        digests = array("Q")
        for index, document in self._read("counting documents", on_progress):
            counts[index] += 1
            test_counts[index] += document.is_test_text
            if self.include_test_text or not document.is_test_text:
                digests.append(text_digest(document))
        if not digests:
            raise DataError(
                f"{self.files[0]}: all {sum(counts)} documents are marked as text of a BLURB test set (blurb_test) and "
                "were left out; use other text, or include test text"
            )
        ordered = np.sort(np.frombuffer(digests, np.uint64))
        n_held_out = min(max(2, round(held_out * len(ordered))), len(ordered) - 2)
        if n_held_out < 2:
            raise DataError(
                f"{self.files[0]}: the corpus has {count_of(len(ordered), 'document')}; pretraining needs at least "
                "4, in plain text with a blank line after each"
            )
        threshold = int(ordered[n_held_out - 1])
        if len(ordered) - np.searchsorted(ordered, np.uint64(threshold), side="right") < 2:
            raise DataError("nearly all documents of the corpus have the same text; use a corpus of different texts")
        return CorpusStats(tuple(counts), tuple(test_counts), threshold)

    def _read(self, activity: str, on_progress: CorpusProgress | None) -> Iterator[tuple[int, Document]]:
        """Yield (index of the file, document), test text included."""
        sizes = [_file_stat(file)[0] for file in self.files]
        n_documents, position = 0, 0

        def set_position(bytes_read: int) -> None:
            nonlocal position
            position = bytes_read

        for index, file in enumerate(self.files):
            before, position = sum(sizes[:index]), 0
            for document in read_documents(file, set_position):
                yield index, document
                n_documents += 1
                if on_progress and n_documents % REPORT_EVERY == 0:
                    on_progress(activity, n_documents, before + position, sum(sizes))
        if on_progress:
            on_progress(activity, n_documents, sum(sizes), sum(sizes))


@dataclass(frozen=True)
class CorpusStats:
    """Numbers of documents per file, and which documents are held out."""

    n_documents: tuple[int, ...]  # of each file, test text included
    n_test_documents: tuple[int, ...]  # of each file, those marked as text of a BLURB test set
    held_out_threshold: int  # documents with a digest up to this one are held out

    def is_held_out(self, document: Document) -> bool:
        return text_digest(document) <= self.held_out_threshold


def text_digest(document: Document) -> int:
    """Return the first 64 bits of the SHA-256 of the sentences."""
    return int.from_bytes(hashlib.sha256("\n".join(document.sentences).encode()).digest()[:8], "big")


def as_corpus(source: Corpus | Path | str | Iterable[Path | str]) -> Corpus:
    """Return a corpus of the file or files, without test text; a Corpus is returned unchanged."""
    if isinstance(source, Corpus):
        return source
    return Corpus((Path(source),) if isinstance(source, str | Path) else tuple(Path(file) for file in source))


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from None


def _file_stat(path: Path) -> tuple[int, int]:
    """(size in bytes, modification time)."""
    try:
        stat = path.stat()
        return stat.st_size, stat.st_mtime_ns
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path}: cannot be read ({error.strerror}); name a corpus file (JSONL or plain text)")
