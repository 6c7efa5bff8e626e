"""What it brings to join dev to train at the end: the chosen recipe with dev and without it, by the same seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...stats.intervals import holm
from ...stats.summary import Comparison
from ...study.grid import Condition, Results
from ...tables.comparison_table import format_p_value
from ...tables.score_table import percent, percents
from ...tables.table import Table, format_interval, format_number, format_signed
from .grids import OPTIMAL
from .searches import DEV_APART


def joined_dev_table(tables: Mapping[str, Results], *, title: str = "What joining dev brings") -> Table:
    """A row per encoder and task whose dev joins train.

    Args:
        tables: BASE or LARGE -> results.
    """
    found = [(size, results, *one) for size, results in tables.items() for one in _compared(results)]
    corrected = holm([change.p_seeds for *_, change in found])
    rows, runs = [], {}
    for (size, results, key, change), p in zip(found, corrected, strict=True):
        both = [results.summaries[one] for one in (key, key._replace(level=DEV_APART))]
        runs[f"{key.group}-{size}, {key.column}"] = tuple(run for one in both for run in one.run_ids)
        rows.append(
            (
                f"{key.group}-{size}",
                key.column,
                *(format_number(percent(one.mean)) for one in both),
                format_signed(percent(change.difference)),
                format_interval(percents(change.seed_interval)),
                format_p_value(p),
                format_interval(percents(change.example_interval)),
                str(change.n_pairs),
            )
        )
    columns = ("Encoder", "Task", "With dev", "Train alone", "Difference", "over seeds", "p (Holm)", "over examples",
               "pairs")  # fmt: skip
    notes = [
        "Test scores times 100 of the chosen recipe, trained on train and dev, and on train alone; nothing else "
        "differs. Paired by seed; 95% intervals; p: paired t-test over seeds, Holm's correction over the rows. Where "
        "dev joins train, failures are judged on test alone, and only if predictions are constant."
    ]
    caption = " · ".join(dict.fromkeys(said for one in tables.values() for said in one.caption.split(" · ")))
    return Table(title=title, columns=columns, n_header_columns=2, caption=caption, notes=notes, runs=runs,
                 rows=rows or [("not run", *("–" for _ in columns[1:]))])  # fmt: skip


def _compared(results: Results) -> Iterator[tuple[Condition, Comparison]]:
    for key in (key for key in results.conditions() if key.level == OPTIMAL):
        change = results.compare(key, key._replace(level=DEV_APART))
        if change is not None and change.difference is not None:
            yield key, change
