"""Agreement and ensembles of the runs of a cell: computed from their predictions, or as they were published."""

from __future__ import annotations

from collections.abc import Sequence

from ...config import JsonMapping, JsonObject
from ...errors import StudyError
from ...training.run_record import RunRecord
from ..published_scores.reference import PublishedReference
from ..references import GoldReference, Reference
from .consistency import Agreement, agreement
from .ensembles import Ensemble, Ensembles, ensembles


def seeds_of(records: Sequence[RunRecord], reference: Reference) -> tuple[Agreement, Ensembles]:
    """Agreement and ensembles of runs that differ in their seed alone.
    Raises StudyError: a record is of other data, or theirs were not published.
    """
    if isinstance(reference, PublishedReference):
        published = reference.seeds(records)
        if published is None:
            raise StudyError(f"{reference.task.name}: agreement and ensembles of these runs were not published")
        first, second = (_with_tuples(values) for values in published)
        sizes = tuple(Ensemble(**_with_tuples(size)) for size in second["sizes"])
        return Agreement(**first), Ensembles(**{**second, "sizes": sizes})
    assert isinstance(reference, GoldReference)
    return agreement(records, reference), ensembles(records, reference)


def _with_tuples(values: JsonMapping) -> JsonObject:
    """JSON lists, which were intervals, as tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
