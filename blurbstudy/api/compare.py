"""Fine-tuned recipes or encoders compared with a baseline on one task (blurbstudy compare).

One test per comparison, over seeds and test examples together, and one of the rates of collapse; each family has Holm's
correction (stats/contrasts.py, stats/counts.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..config import JsonMapping, JsonObject
from ..errors import ParameterError, StoreError
from ..stats.contrasts import Comparison
from ..stats.counts import RateComparison, compare_rates
from ..stats.intervals import holm
from ..stats.references import load_references
from ..stats.summary import CellSummary, collapse_strata, summarize
from ..stats.summary import compare as compare_cells
from ..store.index import condition_key
from ..store.run_store import RunStore
from ..study.decisions import Outcome, decide
from ..tables.comparison_table import DIFFERENCE_NOTE, difference_cells, format_p_value, widest_interval
from ..tables.formatting import format_count, format_interval, format_number, format_signed
from ..tables.score_table import percent, percents
from ..tables.table import Cell, Table
from ..tasks.caveats import POOLED
from ..tasks.folds import OFFICIAL
from ..training.run_record import RunRecord
from .finetune_result import FinetuneResult
from .resampled import ResampledResult

Result = FinetuneResult | ResampledResult | JsonMapping  # the last: `to_dict()` of a result, as --json prints it
NEEDED = {"task": str, "store": str, "runs": list, "recipe": dict, "encoder": dict, "caveats": list}
ON_DEV = "caveat: there is no test set, so dev is compared, on which checkpoints are selected; its scores are too high"
TRIED = "p counts the comparisons of this table, intervals do not; if more were tried, it is too small"
FOLDS = "the exact test of collapsed runs takes folds as independent; those of one repeat share training examples"
COLLAPSED = (
    "collapsed runs count; those that diverged have no score: differences take the trivial baseline for them, means "
    "leave them out"
)


@dataclass(frozen=True, kw_only=True)
class ComparedResult:
    """One result against the baseline."""

    name: str
    settings: str  # in which it differs from the baseline
    summary: CellSummary
    comparison: Comparison  # fractions; positive: better than the baseline
    p: float | None  # after Holm's correction; None: not tested
    rates: RateComparison | None  # collapsed runs
    p_rates: float | None  # after Holm's correction

    @property
    def outcome(self) -> Outcome:
        if self.rates is not None and self.rates.collapsed == self.rates.n:
            return Outcome.BOTH_COLLAPSED
        return decide(self.comparison, self.p)


@dataclass(frozen=True, kw_only=True)
class ComparedResults:
    """Results on one task against a baseline."""

    task: str
    metric: str
    split: str
    splits: str  # official, or such as 5x4: all examples in test folds
    baseline: str  # its name
    summary: CellSummary  # of the baseline
    others: tuple[ComparedResult, ...]
    caveats: tuple[str, ...]

    def to_dict(self) -> JsonObject:
        """JSON values; scores are fractions."""
        others = [
            {
                "name": other.name,
                "settings": other.settings,
                "mean": other.summary.mean,
                "difference": other.comparison.difference,
                "interval": other.comparison.interval,
                "detectable": other.comparison.detectable,
                "p": other.comparison.p,
                "p_holm": other.p,
                "outcome": other.outcome.value,
                "reason": other.comparison.reason,
                "seeds": other.comparison.n,
                "paired": other.comparison.paired,
                "collapsed": None if other.rates is None else list(other.rates.collapsed),
                "runs": None if other.rates is None else list(other.rates.n),
                "collapse_p": None if other.rates is None else other.rates.p,
                "collapse_p_holm": other.p_rates,
            }
            for other in self.others
        ]
        baseline = {"name": self.baseline, "mean": self.summary.mean}
        values = {"task": self.task, "metric": self.metric, "split": self.split}
        return {**values, "splits": self.splits, "baseline": baseline, "others": others, "caveats": list(self.caveats)}

    def text(self) -> str:
        """Lines for the terminal; scores times 100."""
        lines = [self._title(), f"{self.baseline}: {_mean(self.summary)}"]
        trained = "seed" if self.splits == OFFICIAL else "repeat"
        for other in self.others:
            change = other.comparison
            lines.append(f"{other.name}: {_mean(other.summary)}")
            lines += [] if other.name == other.settings else [f"  differs in {other.settings}"]
            known = f"{format_signed(percent(change.difference))}, 95% {format_interval(percents(change.interval))}, "
            known += f"p {format_p_value(other.p)}, {format_count(change.n, trained)}"
            known += "" if change.paired else ", not paired"
            lines.append(f"  {other.outcome.value}: {known}" + (f" ({change.reason})" if change.reason else ""))
            if change.detectable is not None and other.outcome is Outcome.UNDECIDED:
                reach = format_number(percent(change.detectable))
                lines.append(f"  80% of such studies would decide a difference of {reach}")
            lines.append(f"  collapsed: {_counts(other.rates)}, p {format_p_value(other.p_rates)}")
        scale = ["differences of correlations are taken on Fisher's z scale"] if self.metric == "pearson" else []
        return "\n".join([*lines, *self._notes(), *scale])

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        reach = widest_interval([other.comparison for other in self.others])
        rows: list[tuple[Cell, ...]] = [(self.baseline, _mean(self.summary), *("–" for _ in range(7)))]
        for other in self.others:
            cells = difference_cells(other.comparison, reach=reach)
            collapsed = _counts(other.rates), format_p_value(other.p_rates)
            name = other.name if other.name == other.settings else f"{other.name}\n{other.settings}"
            rows.append((name, _mean(other.summary), *cells, format_p_value(other.p), other.outcome.value, *collapsed))
        columns = ("Result", "Mean", "Difference", "95%", "80%", "p (Holm)", "Outcome", "Collapsed", "p (Holm)")
        return Table(
            title=self._title(), columns=columns, rows=rows, notes=[*self._notes(), DIFFERENCE_NOTE]
        )._repr_html_()

    def _title(self) -> str:
        scored = self.split if self.splits == OFFICIAL else f"all examples in {self.splits} folds"
        return f"{self.task}, {scored}: against {self.baseline} ({self.metric}, times 100)"

    def _notes(self) -> list[str]:
        dev = [ON_DEV] if self.split == "dev" else []
        folds = [FOLDS] if self.splits != OFFICIAL else []
        return [*dev, *(f"caveat: {caveat}" for caveat in self.caveats), TRIED, COLLAPSED, *folds]


def compare(baseline: Result, *others: Result, names: Sequence[str] | None = None) -> ComparedResults:
    """Compare results of `finetune` on one task: is another recipe, or encoder, better than the baseline?

    Args:
        baseline, others: what `finetune` returned, or what `blurbstudy finetune --json` printed, read as JSON.
        names: of all results, the baseline's first (default: baseline, and what the others change).

    Raises:
        StudyError: the results are of other tasks, data or splits, or their runs are not in the store.
    """
    sides = [_values(result, number) for number, result in enumerate((baseline, *others), 1)]
    if len(sides) < 2:
        raise ParameterError("nothing to compare; pass a baseline and at least one other result")
    if names is not None and (len(set(names)) != len(sides) or len(names) != len(sides)):
        raise ParameterError(
            f"{len(set(names))} different names for {len(sides)} results; name each, the baseline first"
        )
    groups = [_records(side, name) for side, name in zip(sides, names or range(1, len(sides) + 1), strict=True)]
    settings = [_settings(side, sides[0], group[0], groups[0][0]) for side, group in zip(sides, groups, strict=True)]
    called = list(names) if names is not None else _numbered(["baseline", *settings[1:]])
    _check_comparable(sides, groups, called)
    references = load_references(RunStore(Path(sides[0]["store"])), [record for group in groups for record in group])
    task = references[groups[0][0].config.task].task
    split = "test" if "test" in task.splits or groups[0][0].config.n_folds else "dev"
    changes = [compare_cells([[group, groups[0]]], references, split=split) for group in groups[1:]]
    rates = [compare_rates(collapse_strata([(group, groups[0])], references)) for group in groups[1:]]
    p_rates = holm([rate.p if rate else None for rate in rates])
    summaries = [summarize(group, references, split=split) for group in groups]
    p = holm([change.p for change in changes])
    rows = zip(called[1:], settings[1:], summaries[1:], changes, p, rates, p_rates, strict=True)
    return ComparedResults(
        task=task.name,
        metric=task.metric,
        split=split,
        splits=_splits(sides[0]),
        baseline=called[0],
        summary=summaries[0],
        others=tuple(
            ComparedResult(
                name=name,
                settings=changed,
                summary=summary,
                comparison=change,
                p=p,
                rates=rate,
                p_rates=p_rate,
            )
            for name, changed, summary, change, p, rate, p_rate in rows
        ),
        caveats=tuple(dict.fromkeys(_caveats(sides, called, split))),
    )


def read_result(path: Path) -> JsonObject:
    """What `blurbstudy finetune --json` printed into a file. Raises ParameterError: it is something else."""
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise ParameterError(
            f"{path}: not a result ({error}); write one by blurbstudy finetune ... --json > FILE"
        ) from error
    return dict(_values(values if isinstance(values, dict) else {}, path))


def _values(result: Result, name: object) -> JsonMapping:
    values = result if isinstance(result, Mapping) else result.to_dict()
    wrong = [key for key, kind in NEEDED.items() if not isinstance(values.get(key), kind)]
    lists = {"runs": ("id",), "caveats": ("text", "split"), "encoder": ("given", "fingerprint")}
    wrong += [] if wrong else [key for key, texts in lists.items() if not _has_texts(values[key], texts)]
    if wrong or not values["runs"]:
        reason = f"has no {wrong[0]} as finetune prints it" if wrong else "has no runs"
        raise ParameterError(f"{name}: {reason}; write the file by blurbstudy finetune ... --json > FILE")
    return values


def _has_texts(value: object, keys: Sequence[str]) -> bool:
    """Whether an object, or each of a list, has texts under these keys."""
    return all(
        isinstance(item, dict) and all(isinstance(item.get(key), str) for key in keys)
        for item in (value if isinstance(value, list) else [value])
    )


def _splits(side: JsonMapping) -> str:
    return str(side.get("splits", OFFICIAL))


def _numbered(names: Sequence[str]) -> list[str]:
    """Names, with a number where several are the same."""
    return [
        name if names.count(name) == 1 else f"{name} ({names[: i + 1].count(name)})" for i, name in enumerate(names)
    ]


def _settings(side: JsonMapping, baseline: JsonMapping, run: RunRecord, baseline_run: RunRecord) -> str:
    """In which recipe fields, encoder and precision a result differs from the baseline."""
    changed = [
        f"{field} {_plain(value)} (baseline {_plain(baseline['recipe'].get(field))})"
        for field, value in side["recipe"].items()
        if value != baseline["recipe"].get(field)
    ]
    if side["encoder"]["fingerprint"] != baseline["encoder"]["fingerprint"]:
        changed.insert(0, f"encoder {side['encoder']['given']} (baseline {baseline['encoder']['given']})")
    if run.config.precision != baseline_run.config.precision:
        changed.append(f"precision {run.config.precision} (baseline {baseline_run.config.precision})")
    return ", ".join(changed) or "seeds alone"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _records(side: JsonMapping, name: object) -> list[RunRecord]:
    store, records = RunStore(Path(side["store"])), []
    for run in side["runs"]:
        try:
            record = store.get(run["id"]) if re.fullmatch(r"[0-9a-f]{20}", run["id"]) else None
        except ValueError:  # the store has no valid name
            record = None
        if record is None:
            remedy = "compare in the folder where finetune ran, or run it again"
            raise StoreError(f"{name}: run {run['id']!r} is not in the store {str(store.folder)!r}; {remedy}")
        records.append(record)
    if len({condition_key(record.config) for record in records}) > 1:
        raise ParameterError(f"{name}: its runs are of several recipes, encoders or tasks; write it by finetune --json")
    return records


def _check_comparable(
    sides: Sequence[JsonMapping], groups: Sequence[Sequence[RunRecord]], names: Sequence[str]
) -> None:
    for i, (side, group, name) in enumerate(zip(sides, groups, names, strict=True)):
        for what, first, second in (
            ("task", sides[0]["task"], side["task"]),
            ("metric", sides[0].get("metric"), side.get("metric")),
            ("splits", _splits(sides[0]), _splits(side)),
            ("data", groups[0][0].config.data_fingerprint, group[0].config.data_fingerprint),
        ):
            if first != second:
                raise ParameterError(
                    f"{name}: {what} {second}, the baseline {first}; compare results on the same {what}"
                )
        ids = {record.id for record in group}
        for earlier, other in zip(groups[:i], names[:i], strict=True):
            if ids & {record.id for record in earlier}:
                raise ParameterError(f"{name}: has runs of {other} too; compare results without runs in common")


def _caveats(sides: Sequence[JsonMapping], names: Sequence[str], split: str) -> list[str]:
    """Those of the scores that are compared; one that all results have is given once."""
    listed = [{caveat["text"] for caveat in side["caveats"] if caveat["split"] in (split, POOLED)} for side in sides]
    shared = set.intersection(*listed)
    single = [f"{name}: {text}" for name, texts in zip(names, listed, strict=True) for text in sorted(texts - shared)]
    return [*sorted(shared), *single]


def _mean(summary: CellSummary) -> str:
    sd = "" if summary.sd is None else f" ± {format_number(percent(summary.sd))}"
    return f"{format_number(percent(summary.mean))}{sd}"


def _counts(rates: RateComparison | None) -> str:
    return (
        "–" if rates is None else " against ".join(f"{k} of {n}" for k, n in zip(rates.collapsed, rates.n, strict=True))
    )
