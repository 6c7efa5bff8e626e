"""The text of a pretraining: one or several files, what is held out of them, and the same as one row of token ids.

Text is streamed, never held as a whole. What is held out is decided by a document's own text: the documents with the
lowest digests, as many as asked for, so a text that occurs twice lies on one side.
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

from ...config import canonical_json
from ...errors import DataError, ParameterError
from .documents import Document, read_documents

REPORT_EVERY = 500  # documents between two reports of progress

# What is going on (surveying, counting words, tokenizing), documents read, bytes of the files read, and of all.
ReadingProgress = Callable[[str, int, int, int], None]


@dataclass(frozen=True, eq=False)
class TokenizedCorpus:
    """Sentence s is tokens[sentences[s]:sentences[s + 1]]; document d is sentences documents[d] to documents[d + 1]."""

    tokens: np.ndarray  # (n_tokens,) uint16 or int32, no special tokens; may lie on disk
    sentences: np.ndarray  # (n_sentences + 1,) int64
    documents: np.ndarray  # (n_documents + 1,) int64

    @property
    def n_documents(self) -> int:
        """Documents that hold a token."""
        return len(self.documents) - 1


@dataclass(frozen=True)
class Corpus:
    """Files of documents, read in this order, and whether text of BLURB's test sets stays in."""

    files: tuple[Path, ...]
    test_text: bool = False  # True: documents marked `blurb_test` are kept

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", tuple(Path(file) for file in self.files))
        if not self.files:
            raise ParameterError("the corpus names no file; name at least one (JSONL or plain text)")
        seen: set[Path] = set()
        for file in self.files:
            if file.resolve() in seen:
                raise ParameterError(f"{file}: is named twice in the corpus; name each file once")
            seen.add(file.resolve())

    @functools.cached_property
    def digests(self) -> tuple[str, ...]:
        """The SHA-256 of each file's bytes, as they were when first asked for."""
        return tuple(_file_digest(file) for file in self.files)

    @functools.cached_property
    def fingerprint(self) -> str:
        """20 hexadecimal digits: of the files' bytes and order, and of what is left out."""
        identity = canonical_json({"files": self.digests, "test_text": self.test_text})
        return hashlib.sha256(identity.encode()).hexdigest()[:20]

    @contextlib.contextmanager
    def unchanged(self) -> Iterator[None]:
        """Refuses to go on where a file was changed while it was read.

        Raises:
            DataError: at the end, with the file's name.
        """
        before = [_stamp(file) for file in self.files]
        yield
        for file, stamp in zip(self.files, before, strict=True):
            if _stamp(file) != stamp:
                raise DataError(f"{file}: was changed while it was read; start again when it is finished")

    def documents(self, doing: str = "reading", on_progress: ReadingProgress | None = None) -> Iterator[Document]:
        """The documents that stay in, one at a time.

        Raises:
            DataError: a file is missing, torn, not UTF-8 or empty, or a line is no document; names file and line.
        """
        return (document for _, document in self._all(doing, on_progress) if self.test_text or not document.test_text)

    def survey(self, held_out: float, on_progress: ReadingProgress | None = None) -> Survey:
        """Counts the documents, and finds which are to be held out.

        Args:
            held_out: share of documents, between 0 and 1; at least two are held out (another document is needed for a
                random next segment) and two are left.

        Raises:
            DataError: as `documents`; or fewer than four different documents stay in.
        """
        counts, marked = [0] * len(self.files), [0] * len(self.files)
        found = array("Q")
        for number, document in self._all("surveying", on_progress):
            counts[number] += 1
            marked[number] += document.test_text
            if self.test_text or not document.test_text:
                found.append(text_digest(document))
        if not found:
            raise DataError(
                f"{self.files[0]}: all {sum(counts)} documents of the corpus are marked as text of a BLURB test set "
                "(blurb_test) and left out; name other text, or keep them"
            )
        ordered = np.sort(np.frombuffer(found, np.uint64))
        count = min(max(2, round(held_out * len(ordered))), len(ordered) - 2)
        if count < 2:
            raise DataError(f"the corpus has {len(ordered)} documents; pretraining needs at least 4")
        limit = int(ordered[count - 1])
        if len(ordered) - np.searchsorted(ordered, np.uint64(limit), side="right") < 2:
            raise DataError("nearly all documents of the corpus are the same text; name a corpus of different texts")
        return Survey(tuple(counts), tuple(marked), limit)

    def _all(self, doing: str, on_progress: ReadingProgress | None) -> Iterator[tuple[int, Document]]:
        """(number of the file, document), marked ones too."""
        sizes = [_stamp(file)[0] for file in self.files]
        done, here = 0, 0

        def read_so_far(position: int) -> None:
            nonlocal here
            here = position

        for number, file in enumerate(self.files):
            before, here = sum(sizes[:number]), 0
            for document in read_documents(file, read_so_far):
                yield number, document
                done += 1
                if on_progress and done % REPORT_EVERY == 0:
                    on_progress(doing, done, before + here, sum(sizes))
        if on_progress:
            on_progress(doing, done, sum(sizes), sum(sizes))


@dataclass(frozen=True)
class Survey:
    """What a corpus holds, file by file, and which documents are held out of training."""

    documents: tuple[int, ...]  # of each file, marked ones too
    marked: tuple[int, ...]  # of these, marked as text of a BLURB test set
    limit: int  # documents whose digest is at most this are held out

    def held_out(self, document: Document) -> bool:
        """Whether the document must not be trained on."""
        return text_digest(document) <= self.limit


def text_digest(document: Document) -> int:
    """The first 64 bits of a SHA-256 over the sentences."""
    return int.from_bytes(hashlib.sha256("\n".join(document.sentences).encode()).digest()[:8], "big")


def as_corpus(given: Corpus | Path | str | Iterable[Path | str]) -> Corpus:
    """A corpus of one file or several, test text left out; a corpus stays as it is."""
    if isinstance(given, Corpus):
        return given
    return Corpus((Path(given),) if isinstance(given, str | Path) else tuple(Path(file) for file in given))


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from None


def _stamp(path: Path) -> tuple[int, int]:
    """(bytes, time of the last change)."""
    try:
        status = path.stat()
        return status.st_size, status.st_mtime_ns
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path}: cannot be read ({error.strerror}); name a corpus file (JSONL or plain text)")
