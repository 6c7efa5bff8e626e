"""A partial training set for EBM PICO from EBM-NLP 1.00: its documents that are not in BLURB's dev and test.

BLURB's train.tsv comes from EBM-NLP 2.00, which has no known public file of moderate size. The 1.00 documents have no
PMIDs, so overlap is detected from their words; 746 of 960 remain. Scores after training on them are not BLURB's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ...formats.lines import quote, raise_data_error, read_lines
from ...task import OUTSIDE

RAW = "raw/ebm_nlp_1_00.lstm-crf.dev.txt"
MARK = "-DOCSTART-"
TAGS = {"N": OUTSIDE, "p": "I-PAR", "i": "I-INT", "o": "I-OUT"}
N_GRAM = 8  # words
MAX_SHARED = 0.05  # fraction of a document's n-grams shared with one other document
CHANCE = 1  # shared n-grams allowed in any case: stock phrases of trial reports

Lines = list[str]
NGram = tuple[str, ...]


def rebuild_pico(folder: Path, name: str) -> bytes:
    """`train_partial.tsv` from the raw file, `dev.tsv` and `test.tsv`.

    Raises:
        DataError: a file is missing or malformed.
    """
    held_out = index_ngrams(
        [line.split("\t")[0] for line in document if line]
        for split in ("dev", "test")
        for document in _documents(folder / f"{split}.tsv")
    )
    lines: Lines = []
    for number, document in enumerate(_documents(folder / RAW)):
        rows = [line.split(" ") for line in document if line]
        strange = next((row for row in rows if len(row) != 3 or row[2] not in TAGS), None)
        if strange:
            where = f"{folder / RAW}, document {number}"
            raise_data_error(
                where, quote(" ".join(strange)), f"TOKEN POS TAG with tag {' or '.join(TAGS)}", "get the file again"
            )
        if not overlaps([row[0] for row in rows], held_out):
            lines += [f"{MARK} (ebm1dev-{number:04d})", *_tagged(document)]
    return "".join(f"{line}\n" for line in lines).encode()


def index_ngrams(documents: Iterable[Sequence[str]]) -> dict[NGram, list[int]]:
    """N-gram -> indices of the documents that contain it."""
    documents_by_ngram: dict[NGram, list[int]] = {}
    for i, words in enumerate(documents):
        for gram in _n_grams(words):
            documents_by_ngram.setdefault(gram, []).append(i)
    return documents_by_ngram


def overlaps(words: Sequence[str], held_out: Mapping[NGram, Sequence[int]]) -> bool:
    """Whether the words are probably from one of the indexed documents."""
    grams = _n_grams(words)
    shared = max(Counter(i for gram in grams for i in held_out.get(gram, ())).values(), default=0)
    return shared > CHANCE and shared > MAX_SHARED * len(grams)


def _n_grams(words: Sequence[str]) -> set[NGram]:
    return {tuple(words[i : i + N_GRAM]) for i in range(len(words) - N_GRAM + 1)}


def _documents(path: Path) -> list[Lines]:
    """The lines of each document, with an empty line after each sentence."""
    documents: list[Lines] = []
    for number, line in enumerate(read_lines(path), 1):
        if line.startswith(MARK):
            documents.append([])
        elif documents:
            documents[-1].append(line)
        else:
            raise_data_error(f"{path}, line {number}", quote(line), f"a line {MARK} first", "get the file again")
    return [document if document[-1:] == [""] else [*document, ""] for document in documents]


def _tagged(document: Lines) -> Lines:
    return ["\t".join((line.split(" ")[0], TAGS[line.split(" ")[2]])) if line else "" for line in document]
