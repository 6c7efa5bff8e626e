"""One run of predictions: documents read, predicted and written chunk by chunk, from where an earlier run stopped."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from ..errors import DataError
from .inputs.batching import Digest, Faults, chunks
from .inputs.items import Fault, Item
from .outputs.resumable import Output
from .predictor import Predictor

Watch = Callable[[Item, int, int], None]  # the last item, documents done, entities found


@dataclass
class Outcome:
    """What a run did."""

    documents: int = 0  # predicted for, those of earlier runs included
    before: int = 0  # of them, by earlier runs
    entities: int = 0  # found by this run
    faults: Faults = field(default_factory=Faults)


def predict_into(
    predictor: Predictor, items: Iterable[Item], output: Output, *, skip_errors: bool, watch: Watch | None = None
) -> Outcome:
    """Predictions of all items, written as they are made.

    Args:
        skip_errors: what is no document is passed over and counted.

    Raises:
        DataError: something is no document; what stands before it is written.
        ParameterError: the input is another than the one that an earlier run began with, or the disk refuses.
    """
    outcome, digest, coming = Outcome(), Digest(), iter(items)
    done = _pass_over(coming, output.done, outcome, digest)
    if output.done:
        output.check(digest.text())
    stopped: list[Fault] = []
    with contextlib.closing(output):
        output.begin()
        for chunk in chunks(_up_to_fault(coming, stopped, skip_errors), batch_tokens=predictor.batch_tokens):
            documents = chunk.documents
            predictions = predictor.predict(documents)
            for item in chunk.items:
                digest.add(item)
                if isinstance(item.found, Fault):
                    outcome.faults.add(item.found)
            done += len(chunk.items)
            output.write(predictions, items=done, digest=digest.text())
            outcome.documents += len(documents)
            outcome.entities += sum(len(prediction.entities) for prediction in predictions)
            if watch:
                watch(chunk.items[-1], outcome.documents, outcome.entities)
        if stopped:
            before = f"{outcome.documents} document{'s'[: outcome.documents != 1]} before it predicted"
            raise DataError(f"{stopped[0].said} ({before}; --skip-errors passes over what cannot be read)")
        output.end()
    return outcome


def _pass_over(items: Iterator[Item], count: int, outcome: Outcome, digest: Digest) -> int:
    """Reads so many items that an earlier run has dealt with."""
    for number in range(count):
        item = next(items, None)
        if item is None:
            return number
        digest.add(item)
        if isinstance(item.found, Fault):
            outcome.faults.add(item.found)
        else:
            outcome.documents += 1
            outcome.before += 1
    return count


def _up_to_fault(items: Iterator[Item], stopped: list[Fault], skip_errors: bool) -> Iterator[Item]:
    for item in items:
        if isinstance(item.found, Fault) and not skip_errors:
            stopped.append(item.found)
            return
        yield item
