"""What training on train and dev at the end brings: the chosen recipe with dev and without it, by the same seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...stats.contrasts import Comparison
from ...stats.intervals import holm
from ...study.grid import Condition, Results, merge_captions
from ...tables.comparison_table import DIFFERENCE_NOTE, difference_cells, format_p_value
from ...tables.formatting import format_number
from ...tables.score_table import percent
from ...tables.table import Table, empty_row
from .grids import SEARCHED_RECIPE
from .searches import SEARCHED_WITHOUT_DEV


def train_plus_dev_table(tables: Mapping[str, Results]) -> Table:
    """A row per encoder and task that is trained on train and dev. `tables`: BASE or LARGE -> results."""
    compared = [(size, results, *entry) for size, results in tables.items() for entry in _comparisons(results)]
    corrected = holm([change.p for *_, change in compared])
    rows, runs = [], {}
    for (size, results, condition, change), p in zip(compared, corrected, strict=True):
        encoder = f"{condition.group}-{size}"
        sides = [results.summaries[key] for key in (condition, condition._replace(level=SEARCHED_WITHOUT_DEV))]
        runs[f"{encoder}, {condition.column}"] = tuple(run for summary in sides for run in summary.run_ids)
        rows.append(
            (
                encoder,
                condition.column,
                *(format_number(percent(summary.mean)) for summary in sides),
                *difference_cells(change),
                format_p_value(p),
                str(change.n),
            )
        )
    columns = (
        "Encoder", "Task", "With dev", "Train alone", "Difference", "95%", "80%", "p (Holm)", "seeds",
    )  # fmt: skip
    notes = [
        "Test scores times 100 of the chosen recipe, trained on train and dev or on train alone; nothing else differs. "
        f"Means of all runs; Holm's correction over the rows. {DIFFERENCE_NOTE} Of runs trained on dev it is known "
        "whether they collapsed, not whether they are better than trivial: dev is no longer unseen."
    ]
    return Table(
        title="What training on dev brings",
        columns=columns,
        n_header_columns=2,
        caption=merge_captions(list(tables.values())),
        notes=notes,
        runs=runs,
        rows=rows or [empty_row(columns)],
    )


def _comparisons(results: Results) -> Iterator[tuple[Condition, Comparison]]:
    for condition in results.conditions():
        if condition.level == SEARCHED_RECIPE:
            change = results.compare(condition, condition._replace(level=SEARCHED_WITHOUT_DEV))
            if change is not None and change.difference is not None:
                yield condition, change
