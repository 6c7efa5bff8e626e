"""The prediction loop: read, predict and write documents chunk by chunk, resuming an interrupted output."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ..errors import DataError, count_of
from .abstention import Coverage
from .inputs.documents import Document, Item, ReadError
from .outputs.resumable import Output, check_resumed
from .predictor import Predictor

BATCHES_PER_CHUNK = 8  # enough to batch texts of similar length
CHARS_PER_TOKEN = 4  # roughly
MAX_DOCUMENTS = 1024  # of a chunk
MAX_LISTED = 20  # errors

ProgressCallback = Callable[[Item, int, int], None]  # last item, documents so far, entities so far


@dataclass
class ErrorLog:
    """Read errors of a run: their number and the first messages."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, error: ReadError) -> None:
        """Count an error."""
        self.count += 1
        if len(self.first) < MAX_LISTED:
            self.first.append(error.message)

    def text(self, documents: int) -> str:
        """The list of errors; "" without any."""
        if not self.count:
            return ""
        more = [f"... and {self.count - len(self.first)} more"] if self.count > len(self.first) else []
        return "\n  ".join(
            [f"skipped {self.count} of {count_of(documents + self.count, 'document')}:", *self.first, *more]
        )


@dataclass
class PredictionSummary:
    """Counts of a run."""

    documents: int = 0  # in the output, those of an interrupted run included
    resumed: int = 0  # documents of an interrupted run
    entities: int = 0  # of this run
    renamed: int = 0  # documents whose id is missing or not unique in the input
    comments: int = 0  # lines of comments left out
    columns: Mapping[str, str] = field(default_factory=dict)  # role -> column that texts and ids are read from
    errors: ErrorLog = field(default_factory=ErrorLog)


def predict_to_output(
    predictor: Predictor,
    items: Iterable[Item],
    output: Output,
    *,
    skip_errors: bool,
    progress: ProgressCallback | None = None,
    coverage: Coverage | None = None,
) -> PredictionSummary:
    """Predict for all documents and write each chunk as soon as it is predicted.

    Args:
        skip_errors: count read errors instead of stopping at the first one.
        coverage: withholds what is below its minimum, and counts.

    Raises:
        DataError: a document cannot be read; the predictions before it are written.
        ParameterError: the input differs from that of the interrupted run; or the disk refuses.
    """
    summary = PredictionSummary(resumed=len(output.ids))
    with output:
        for chunk in chunks(items, batch_tokens=predictor.batch_tokens):
            documents: list[Document] = []
            error: ReadError | None = None
            for item in chunk:
                summary.renamed += item.renamed
                summary.comments += item.comments
                summary.columns = summary.columns or item.columns
                if isinstance(item.content, Document):
                    documents.append(item.content)
                elif skip_errors:
                    summary.errors.add(item.content)
                else:
                    error = item.content
                    break
            check_resumed(output, documents, first=summary.documents)
            written = min(len(documents), max(0, summary.resumed - summary.documents))
            summary.documents += len(documents)
            if written < len(documents):
                # The whole chunk is predicted, so that a resumed run has the same batches and writes the same bytes.
                predictions = predictor.predict(documents)[written:]
                if coverage:
                    predictions = [coverage.withhold(prediction) for prediction in predictions]
                output.write(predictions)
                summary.entities += sum(len(prediction.entities) for prediction in predictions)
            if error is not None:
                done = f"{count_of(summary.documents, 'document')} before it predicted"
                raise DataError(f"{error.message} ({done}; pass --skip-errors to skip unreadable documents)")
            if progress:
                progress(chunk[-1], summary.documents, summary.entities)
        if summary.documents < summary.resumed:
            raise DataError(
                f"the input has {count_of(summary.documents, 'document')}, but the interrupted run has written "
                f"{summary.resumed}; resume with the same input, or name another output (--to)"
            )
    return summary


def chunks(items: Iterable[Item], *, batch_tokens: int) -> Iterator[list[Item]]:
    """The items in groups of about BATCHES_PER_CHUNK batches. Boundaries depend on the items alone."""
    limit = BATCHES_PER_CHUNK * CHARS_PER_TOKEN * batch_tokens
    chunk: list[Item] = []
    characters = 0
    for item in items:
        chunk.append(item)
        if isinstance(item.content, Document):
            characters += sum(map(len, item.content.texts))
        if characters >= limit or len(chunk) >= MAX_DOCUMENTS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
