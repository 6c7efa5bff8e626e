"""A partial training set for EBM PICO from EBM-NLP 1.00: its documents that are not among BLURB's dev and test.

BLURB's train.tsv comes from EBM-NLP 2.00, of which no public file of moderate size is known. The 1.00 documents bear no
PMIDs, so overlap is seen in their words; 746 of 960 remain. A score after training on them is not BLURB's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ...formats.lines import fail, lines_of, shown
from ...task import OUTSIDE

RAW = "raw/ebm_nlp_1_00.lstm-crf.dev.txt"
MARK = "-DOCSTART-"
TAGS = {"N": OUTSIDE, "p": "I-PAR", "i": "I-INT", "o": "I-OUT"}
N_GRAM = 8  # words
MOST_SHARED = 0.05  # of a document's N-grams, with any one other document
CHANCE = 1  # N-grams that two documents may share in any case: stock phrases of trial reports

Lines = list[str]
NGram = tuple[str, ...]


def rebuild_pico(folder: Path, name: str) -> bytes:
    """`train_partial.tsv` from the raw file, `dev.tsv` and `test.tsv`.

    Raises:
        DataError: one of them is missing or not what it should be.
    """
    held_out = holders(
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
            fail(where, shown(" ".join(strange)), f"TOKEN POS TAG with tag {' or '.join(TAGS)}", "get the file again")
        if not overlaps([row[0] for row in rows], held_out):
            lines += [f"{MARK} (ebm1dev-{number:04d})", *_tagged(document)]
    return "".join(f"{line}\n" for line in lines).encode()


def holders(documents: Iterable[Sequence[str]]) -> dict[NGram, list[int]]:
    """N-gram -> the documents (by position) that hold it."""
    found: dict[NGram, list[int]] = {}
    for i, words in enumerate(documents):
        for gram in _n_grams(words):
            found.setdefault(gram, []).append(i)
    return found


def overlaps(words: Sequence[str], held_out: Mapping[NGram, Sequence[int]]) -> bool:
    """Whether the words are likely those of one of the documents that `held_out` came from."""
    grams = _n_grams(words)
    shared = max(Counter(i for gram in grams for i in held_out.get(gram, ())).values(), default=0)
    return shared > CHANCE and shared > MOST_SHARED * len(grams)


def _n_grams(words: Sequence[str]) -> set[NGram]:
    return {tuple(words[i : i + N_GRAM]) for i in range(len(words) - N_GRAM + 1)}


def _documents(path: Path) -> list[Lines]:
    """The lines of each document, an empty one after each sentence and at the end."""
    documents: list[Lines] = []
    for number, line in enumerate(lines_of(path), 1):
        if line.startswith(MARK):
            documents.append([])
        elif documents:
            documents[-1].append(line)
        else:
            fail(f"{path}, line {number}", shown(line), f"a line {MARK} first", "get the file again")
    return [document if document[-1:] == [""] else [*document, ""] for document in documents]


def _tagged(document: Lines) -> Lines:
    return ["\t".join((line.split(" ")[0], TAGS[line.split(" ")[2]])) if line else "" for line in document]
