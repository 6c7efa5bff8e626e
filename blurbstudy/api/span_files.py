"""Gold and predicted documents with spans, to be scored against each other: from brat folders, PubTator, BioC, JSON,
tables, and what `blurbstudy predict` writes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from ..errors import DataError, ParameterError, count_of
from ..inference.inputs.names import names_in_predictions
from ..inference.inputs.records import document_of_words
from ..inference.outputs.formats import brat_name
from ..metrics import decode_tags
from ..tasks import Task, read_split
from ..tasks.custom.columns import assign_columns
from ..tasks.custom.files import display_path, file_formats
from ..tasks.custom.formats import FORMATS, TEXTS
from ..tasks.custom.spans import DOCUMENTS, span_documents
from ..tasks.formats.lines import LineErrors, describe_columns, quote, raise_data_error, read_lines
from ..tasks.formats.records import first_record
from ..tasks.formats.span_checks import SpanChecks
from ..tasks.formats.standoff import Entity, StandoffDocument, read_brat, standoff_files
from ..tasks.prediction_files import WITHHELD_FILE, fitting_names, unescape
from ..tasks.task import CustomForm, split_tags

TSV_COLUMNS = ["id", "start", "end", "type", "text"]  # of predict's TSV, before the probability


def holds_spans(path: Path) -> bool:
    """Whether a file of predictions for tagged text holds spans, not one tag per word.

    Raises:
        DataError: it is the .ann file of one document, or tags in JSON.
    """
    if path.is_dir() or _is_predict_tsv(path):
        return True
    if path.suffix.lower() == ".ann":
        raise_data_error(str(path), "one .ann file", "the folder of all .ann files", "name the folder")
    try:
        form = file_formats({"test": path}, None, tags=True)["test"]
    except ParameterError:  # an unknown suffix
        return False
    if form == "tagged-jsonl":
        raise_data_error(str(path), "tags in JSON", "spans, or lines of token and tag", "write the entities as spans")
    return FORMATS[form] in DOCUMENTS


def gold_documents(task: Task, folder: Path, split: str) -> tuple[list[StandoffDocument], list[str]]:
    """The documents of a split with their spans, and notes on what is left out. The text of tagged words is as predict
    reads it: words joined by spaces, sentences by line breaks.
    """
    examples = read_split(task, folder, split=split)
    form = task.of_split(split)
    if task.custom and form.reader in DOCUMENTS:
        documents, counts = span_documents(display_path(task.files.get(split, task.files["train"])), form)
        units = {example.unit for example in examples}
        documents = [document for document in documents if document.unit in units]
        discontinuous = (
            [f"{count_of(n, 'discontinuous entity')} counted as missed"] if (n := _discontinuous(documents)) else []
        )
        return documents, [f"gold: {note}" for note in (*counts.sentences(), *discontinuous)]
    documents = []
    by_sentence = form.reader == "own_tagged_jsonl"  # predict reads each as a document
    for name, group in groupby(examples, key=lambda example: example.id if by_sentence else example.unit):
        sentences = list(group)
        document = document_of_words(name, [sentence.texts for sentence in sentences])
        entities = [
            Entity(spans[mention.start][0], spans[mention.end - 1][1], mention.type or task.name, 1)
            for sentence, spans in zip(sentences, document.sentences or (), strict=True)
            for mention in decode_tags(split_tags(str(sentence.label)), scheme="default")
        ]
        text = document.texts[0]
        documents.append(StandoffDocument(id=name, text=text, entities=tuple(entities), path=folder))
    return documents, []


def predicted_entities(
    path: Path, task: Task, gold: Sequence[StandoffDocument], *, split: str
) -> tuple[list[list[Entity]], list[str]]:
    """The predicted entities of each gold document, and notes.

    Raises:
        DataError: the predictions are malformed, are for other documents or texts, or lack some.
    """
    named = _names(gold, task.of_split(split))
    locations = {str(i): (document.text,) for i, document in enumerate(gold)}
    by_predict = {
        written: int(location or -1)  # -1: a text that is not scored, such as one that occurs again
        for name, location in names_in_predictions(task, split, locations).items()
        for written in (name, brat_name(name))
    }
    notes: list[str] = []
    if _is_predict_tsv(path):
        ids = (unescape(line.split("\t")[0]) for line in read_lines(path)[1:])
        names = fitting_names(ids, named, by_predict)
        by_document = _read_tsv(path, task, gold, names, split=split)
        if silent := len(gold) - len(by_document):
            notes.append(f"{silent} of {len(gold)} documents have no predicted entity")
        return [by_document.get(i, []) for i in range(len(gold))], notes
    documents, notes = _read_documents(path, task, gold, by_predict, split=split)
    names = fitting_names((document.id for document in documents), named, by_predict)
    by_document = {}
    for document in documents:
        position = names.get(document.id)
        if position == -1:
            continue
        if position is None:
            raise DataError(
                f"{path}: document {quote(document.id)} is not in {task.name} {split} ("
                f"{count_of(len(gold), 'document')}, the first {quote(gold[0].id)}); give the documents the "
                "ids of the gold file, or name the right --split"
            )
        if position in by_document:
            raise DataError(f"{path}: document {quote(document.id)} occurs twice; remove one")
        text = gold[position].text
        if document.text != text:
            pairs = enumerate(zip(document.text, text, strict=False))
            first = next((i for i, (a, b) in pairs if a != b), min(len(document.text), len(text)))
            raise DataError(
                f"{path}: the text of document {quote(document.id)} differs from the gold's from character {first} on; "
                "score spans of the same text"
            )
        by_document[position] = list(document.entities)
    if missing := [document.id for i, document in enumerate(gold) if i not in by_document]:
        raise DataError(
            f"{path}: {len(missing)} of {len(gold)} documents are missing, the first {quote(missing[0])}; give each "
            "document, also those without entities"
        )
    return [by_document[i] for i in range(len(gold))], notes


def _names(gold: Sequence[StandoffDocument], form: Task) -> dict[str, int]:
    """The names that a document may have in predictions -> its position."""
    numbered = form.custom and form.reader.startswith("own_span") and not form.form.id and not form.form.start
    names = {}
    for position, document in enumerate(gold):
        names |= dict.fromkeys((document.id, brat_name(document.id)), position)
        if numbered:  # d1, d2, ... here and 1, 2, ... in prediction
            names[document.id.removeprefix("d")] = position
    return names


def _read_documents(
    path: Path, task: Task, gold: Sequence[StandoffDocument], by_predict: Mapping[str, int], *, split: str
) -> tuple[list[StandoffDocument], list[str]]:
    policies = task.of_split(split).custom or CustomForm()
    custom = CustomForm(discontinuous=policies.discontinuous, mismatched=policies.mismatched)
    if path.is_dir():
        checks = SpanChecks(custom.mismatched)
        texts = {brat_name(document.id): document.text for document in gold}
        texts |= {document.id: document.text for document in gold}
        texts = {name: gold[location].text for name, location in by_predict.items() if location >= 0} | texts
        documents = read_brat(path, discontinuous=custom.discontinuous, checks=checks, texts=texts)
        passed_over = standoff_files(path).passed_over.total() - (path / WITHHELD_FILE).is_file()
        notes = [f"{count_of(passed_over, 'other file')} of the folder passed over"] if passed_over else []
    else:
        form = file_formats({"test": path}, None, tags=True)["test"]
        if form == "span-jsonl" and not TEXTS & {name.lower() for name in first_record(path)}:
            raise_data_error(str(path), "records without text", "id, text and entities", "add the texts")
        part = dataclasses.replace(
            task, reader=FORMATS[form], files={"train": str(path)}, labels=(), columns=(), custom=custom
        )
        documents, counts = span_documents(path, assign_columns(part, path, form, {}))
        notes, checks = list(counts.sentences()), SpanChecks()
    if checks.trusted or checks.skipped:
        notes.append(f"{count_of(checks.trusted or checks.skipped, 'entity')} with another text than the document's")
    if n := _discontinuous(documents):
        notes.append(f"{count_of(n, 'discontinuous entity')} counted as wrong")
    return documents, [f"predictions: {note}" for note in notes]


def _discontinuous(documents: Sequence[StandoffDocument]) -> int:
    return sum(bool(entity.pieces) for document in documents for entity in document.entities)


def _is_predict_tsv(path: Path) -> bool:
    lines = read_lines(path) if path.is_file() else []
    return bool(lines) and lines[0].split("\t")[: len(TSV_COLUMNS)] == TSV_COLUMNS


def _read_tsv(
    path: Path, task: Task, gold: Sequence[StandoffDocument], names: Mapping[str, int], *, split: str
) -> dict[int, list[Entity]]:
    """The entities in a TSV of `blurbstudy predict` by the position of their document."""
    errors, checks = LineErrors(path), SpanChecks()
    entities: dict[int, list[Entity]] = {}
    header, *lines = read_lines(path)
    for number, line in enumerate(lines, 2):
        cells = [unescape(cell) for cell in line.split("\t")]
        if len(cells) != header.count("\t") + 1:
            errors.add(number, describe_columns(line), header.replace("\t", ", "), "restore the line")
            continue
        name, start, end, kind, surface = cells[: len(TSV_COLUMNS)]
        if not kind:  # below the minimum of confidence
            continue
        if (position := names.get(name)) is None:
            errors.add(number, f"unknown id {quote(name)}", f"the ids of {task.name} {split}", "correct the line")
        elif position == -1:
            continue
        elif not (start.isdecimal() and end.isdecimal() and kind.strip()):
            errors.add(number, quote(line), "start and end as integers, and a type", "restore the line")
        elif checks.accepts(f"{path}, line {number}", gold[position].text, int(start), int(end), surface):
            entities.setdefault(position, []).append(Entity(int(start), int(end), "_".join(kind.split()), number))
    errors.raise_first()
    checks.raise_faults(path)
    return entities
