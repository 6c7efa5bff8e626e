"""Prediction from Python: `predict(model, texts)` gives what the command writes, as a table of pandas or a page too."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from ..errors import DataError, ParameterError
from ..tasks import Task
from ..tasks.own.tabular import joined_text
from ..training.evaluation import EVALUATION_TOKENS
from .chunks import chunks
from .documents import read_documents
from .html_page import html_begin, html_document, html_end
from .items import Document, Fault, Item, text_count
from .model_directory import ModelDirectory, read_model_directory
from .outputs import as_plain
from .predictor import Prediction, Predictor

if TYPE_CHECKING:
    import pandas

Given = str | Sequence[str] | Document  # a text, a pair of texts, or a document


@dataclass(frozen=True)
class Predictions(Sequence[Prediction]):
    """One prediction per document, in order."""

    task: Task
    found: tuple[Prediction, ...]

    @overload
    def __getitem__(self, place: int) -> Prediction: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Prediction, ...]: ...

    def __getitem__(self, place: int | slice) -> Prediction | tuple[Prediction, ...]:
        return self.found[place]

    def __len__(self) -> int:
        return len(self.found)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Plain values, as the lines of `blurbstudy predict --format jsonl`."""
        return [as_plain(prediction, self.task) for prediction in self.found]

    def table(self) -> pandas.DataFrame:
        """A row per entity; of other tasks one per document, with a column for the probability of every label."""
        import pandas

        if self.task.output == "tags":
            columns = ["id", "start", "end", "type", "text", "probability"]
            rows = [
                (found.id, one.start, one.end, one.type, one.text, one.probability)
                for found in self.found
                for one in found.entities
            ]
            return pandas.DataFrame(rows, columns=columns)
        said = {"label": "label", "label_set": "labels", "score": "score"}[self.task.output]
        rows = [{"id": one.id, said: getattr(one, said), **one.probabilities} for one in self.found]
        return pandas.DataFrame(rows, columns=["id", said, *self.task.labels])

    def html(self) -> str:
        """A page, as `blurbstudy predict --format html` writes it."""
        shown = "".join(html_document(prediction, self.task) for prediction in self.found)
        return html_begin(self.task) + shown + html_end(self.task)

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def predict(
    model: Path | str | ModelDirectory | Predictor,
    documents: Path | Given | Iterable[Given],
    *,
    batch_tokens: int = EVALUATION_TOKENS,
    device: str = "auto",
    progress: str = "auto",
    input_format: str = "auto",
    columns: Mapping[str, str] | None = None,
) -> Predictions:
    """What a fine-tuned model predicts.

    Args:
        model: a model directory, or a Predictor, which is not loaded again.
        documents: a text; an iterable of texts, of pairs of texts or of Documents; or the Path of a file or a folder,
            as the command reads it. Texts are counted from 1 for their ids.
        batch_tokens: sub-words predicted at once.
        device: auto, cpu or cuda.
        progress: auto (a bar where somebody looks) or silent.
        input_format: of a Path, as --input-format.
        columns: of a Path, role -> name, as --columns.

    Raises:
        CheckpointError: the directory is no model directory.
        DataError: a document cannot be read.
        ParameterError: an argument is out of bounds.
    """
    if progress not in ("auto", "silent"):
        raise ParameterError(f"progress={progress!r} is unknown; use auto or silent")
    if isinstance(batch_tokens, bool) or not isinstance(batch_tokens, int) or batch_tokens < 1:
        raise ParameterError(f"batch_tokens={batch_tokens!r} is out of bounds; use a whole number from 1")
    predictor = model
    if not isinstance(predictor, Predictor):
        directory = model if isinstance(model, ModelDirectory) else read_model_directory(model)
        predictor = Predictor(directory, device=device, batch_tokens=batch_tokens)
    task = predictor.task
    if isinstance(documents, Path):
        items: Iterable[Item] = read_documents(documents, task, form=input_format, columns=columns)
    else:
        items = _items(documents, task)
    found: list[Prediction] = []
    for chunk in _watched(chunks(items, batch_tokens=predictor.batch_tokens), progress):
        for item in chunk.items:
            if isinstance(item.found, Fault):
                raise DataError(item.found.said)
        found += predictor.predict(chunk.documents)
    return Predictions(task, tuple(found))


def _items(documents: Given | Iterable[Given], task: Task) -> Iterator[Item]:
    alone = isinstance(documents, (str, Document)) or (
        isinstance(documents, tuple) and text_count(task) == len(documents) == 2
        and all(isinstance(text, str) for text in documents)
    )  # fmt: skip
    for number, given in enumerate([documents] if alone else documents, 1):
        yield Item(given if isinstance(given, Document) else _document(number, given, task), 0)


def _document(number: int, given: Any, task: Task) -> Document | Fault:
    texts = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, (tuple, list)) else ()
    if len(texts) != text_count(task) or not all(isinstance(text, str) for text in texts):
        expected = "a text" if text_count(task) == 1 else "a pair of texts"
        return Fault(f"document {number}: found {type(given).__name__}; {task.name} needs {expected}; give a str for each")
    for text in texts:
        _, wrong = joined_text(text)
        if wrong and not (task.output == "tags" and not text.strip()):
            return Fault(f"document {number}: found {wrong} text; expected text; correct it or leave it out")
    return Document(str(number), texts)


def _watched(parts: Iterator[Any], progress: str) -> Iterator[Any]:
    """The chunks, counted in documents on a bar where somebody looks."""
    if progress == "silent" or not (sys.stderr.isatty() or "ipykernel" in sys.modules):
        yield from parts
        return
    from tqdm.auto import tqdm

    with tqdm(unit=" documents", desc="predict", dynamic_ncols=True) as bar:
        for part in parts:
            yield part
            bar.update(len(part.items))
