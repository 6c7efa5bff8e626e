"""The result of fine-tuning: runs, summaries and the exported model, as text, JSON and HTML."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..config import JsonMapping, JsonObject, Recipe
from ..engine.sources.sources import EncoderSource
from ..engine.sweep import SweepResult
from ..engine.zero_shot import ZeroShotScore, describe_zero_shot
from ..inference.model_directory.card_calibration import summary as summary_of_calibration
from ..inference.model_directory.card_results import describe_statuses
from ..stats.classes.class_report import ClassReport
from ..stats.seeds.learning_curve import LearningCurve
from ..stats.status import UNDERTRAINED_RATIO, Judgement, RunStatus
from ..stats.summary import CellSummary
from ..tables.calibration import calibration_html, calibration_lines
from ..tables.class_scores import ranking_lines, report_lines, report_tables
from ..tables.formatting import format_count, format_interval, format_number
from ..tables.learning_curve import curve_figure, curve_table, curve_text
from ..tables.score_table import percents
from ..tables.table import Table
from ..tasks import Task
from ..tasks.caveats import Caveat
from ..tasks.custom.audit import CustomTaskAudit
from ..tasks.task import describe_scoring
from .caveats import caveat_lines, selection_caveats, selection_lines, weighted_lines
from .model_facts import BestOnDev, dev_choices, judgement_values, status_counts, summary_values
from .seeds import SeedsReport, curve_values


@dataclass(frozen=True, kw_only=True)
class FinetuneResult:
    """The runs of one encoder on one task, their summaries, and the exported model."""

    task: Task
    encoder: EncoderSource
    recipe: Recipe
    store: Path
    sweep: SweepResult
    judgements: Mapping[str, Judgement]  # run id -> status, judged by training loss and on dev
    best: BestOnDev | None  # None: no run has a score
    dev: CellSummary
    test: CellSummary | None  # None: no test set
    by_class: ClassReport | None = None  # on test or else on dev
    seeds: SeedsReport | None = None  # agreement, ensembles and choice of three seeds or more, on test or else on dev
    curve: LearningCurve | None = None  # if asked for
    audit: CustomTaskAudit | None = None  # of a custom task
    caveats: tuple[Caveat, ...] = ()  # of the scores
    zero_shot: Mapping[str, ZeroShotScore] = field(default_factory=dict)  # split -> cosine similarity without training
    model: Path | None = None  # directory of the best run on dev
    model_notes: tuple[str, ...] = ()  # remarks on the model, or why there is none
    model_problem: str = ""  # why the export failed
    calibration: JsonMapping | None = None  # of the model's probabilities (stats.calibration); None for scores

    def to_dict(self) -> JsonObject:
        """JSON values; scores are fractions."""
        runs = [
            {
                "seed": record.config.seed,
                "dev": record.scores["dev"],
                "test": record.scores["test"],
                **judgement_values(self.judgements[run_id]),
                **dev_choices(record),
                "seconds": round(record.seconds, 3),
                "id": run_id,
            }
            for run_id, record in self.sweep.items()
        ]
        test = None if self.test is None else summary_values(self.test)
        records = list(self.sweep.values())
        return {
            "task": self.task.name,
            "metric": self.task.metric,
            "scored_on": {split: self.task.scored_on(split) for split in self.task.splits if split != "train"},
            "encoder": {"given": self.encoder.spec, "fingerprint": self.encoder.fingerprint},
            "recipe": self.recipe.to_dict(),
            "store": str(self.store),
            "trained": self.sweep.trained,
            "reused": self.sweep.reused,
            "runs": runs,
            "summary": {"dev": summary_values(self.dev), "test": test},
            "best": None if self.best is None else self.best.to_dict(),
            "caveats": [caveat.to_dict() for caveat in (*self.caveats, *selection_caveats(self.recipe, records))],
            "warnings": self._warnings(),
            **({"classes": {}} if self.by_class is None else self.by_class.to_dict()),
            "seeds": None if self.seeds is None else self.seeds.to_dict(),
            "learning_curve": None if self.curve is None else curve_values(self.curve),
            "model": None if self.model is None else str(self.model),
            "calibration": self.calibration
            and {**self.calibration, "summary": summary_of_calibration(self._calibrated())},
            "model_notes": [*self.model_notes, *filter(None, [self.model_problem])],
            "audit": None if self.audit is None else {"facts": self.audit.facts, "warnings": self.audit.warnings},
            "zero_shot_cosine": {split: dataclasses.asdict(cosine) for split, cosine in self.zero_shot.items()},
        }

    def text(self) -> str:
        """A table for the terminal; scores times 100."""
        head = f"{'seed':>6} {'dev':>8} {'test':>8} {'loss ratio':>11} {'seconds':>8}  status"
        rows = [
            f"{seed:>6} {dev:>8} {test:>8} {ratio:>11} {seconds:>8}  {status}"
            for seed, dev, test, ratio, seconds, status in self._rows()
        ]
        curve = curve_text(self.curve) if self.curve else []
        return "\n".join(
            [f"{self._title()}, {self.encoder.description}", head, *rows, *self._notes(by_class=True), *curve]
        )

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        told = {caveat.text for caveat in self.caveats}
        warnings = [f"warning: {text}" for text in (self.audit.warnings if self.audit else ()) if text not in told]
        curve = [curve_table(self.curve), curve_figure(self.curve)] if self.curve else []
        runs = Table(
            title=self._title(),
            columns=("Seed", "Dev", "Test", "Loss ratio", "Seconds", "Status"),
            rows=list(self._rows()),
            caption=self.encoder.description,
            notes=[*self._notes(), *warnings],
        )
        classes = report_tables(self.by_class) if self.by_class else []
        confidence = calibration_html(self._calibrated()) if self.calibration else ""
        return "".join(part._repr_html_() for part in (runs, *classes, *curve)) + confidence

    def _calibrated(self) -> JsonObject:
        """The calibration with the recipe, as in the metadata of a run."""
        return {"calibration": self.calibration, "recipe": self.recipe.to_dict()}

    def _title(self) -> str:
        return f"{self.task.name} ({self.task.metric}, times 100)"

    def _rows(self) -> Iterator[tuple[str, str, str, str, str, str]]:
        for run_id, record in self.sweep.items():
            dev, test = (_percent(record.scores[split]) for split in ("dev", "test"))
            judgement = self.judgements[run_id]
            ratio = format_number(judgement.loss_ratio)
            yield str(record.config.seed), dev, test, ratio, f"{record.seconds:.1f}", str(judgement)

    def _notes(self, *, by_class: bool = False) -> list[str]:
        """Statuses, summaries, comparisons and the model; one line each.

        Args:
            by_class: with the scores of each class.
        """
        notes = [*self._status_notes(), *describe_scoring(self.task, [s for s in self.task.splits if s != "train"])]
        for name, summary in (("dev", self.dev), ("test", self.test)):
            if summary is not None:
                notes += [f"{name}: {describe_scores(summary)}", *caveat_lines(self.caveats, name)]
        if self.test is None:
            notes.append("test: none; scores are on dev only")
            notes += self._best_notes()
        if self.zero_shot:
            notes.append(f"zero-shot cosine similarity of the encoder: {describe_zero_shot(self.zero_shot.values())}")
            if "dev" in self.zero_shot and self.dev.mean is not None and self.dev.mean < self.zero_shot["dev"].score:
                notes.append(
                    "on dev, the mean of these runs is below zero-shot (not tested): consider the encoder untrained, "
                    "or head: cosine"
                )
        if self.by_class is not None:
            notes += report_lines(self.by_class) if by_class else ranking_lines(self.by_class.ranking)
            notes += weighted_lines(self.caveats, self.by_class.split)
        notes += self.seeds.lines() if self.seeds else []
        notes.append(f"{format_count(self.sweep.trained, 'run')} trained, {self.sweep.reused} reused from {self.store}")
        notes += calibration_lines(self._calibrated()) if self.calibration else []
        return notes + [*self.model_notes, *([f"model: {self.model}"] if self.model is not None else [])]

    def _status_notes(self) -> Iterator[str]:
        statuses = {judgement.status for judgement in self.judgements.values()}
        rate = format_interval(percents(self.dev.collapse_interval))
        yield f"status: {describe_statuses(status_counts(self.dev.statuses))}; rate of collapse in %, 95% {rate}"
        if RunStatus.NOT_SHOWN in statuses:
            yield (
                "not shown: the dev score is above the trivial one, but its 95% lower bound is not, which says as much "
                "about the size of dev as about the run"
            )
        yield from selection_lines(self.recipe, list(self.sweep.values()))
        yield from (f"warning: {warning}" for warning in self._warnings())

    def _warnings(self) -> list[str]:
        """Which runs may need more steps, and whether a list of train's mentions does better."""
        ratios = {
            str(record.config.seed): self.judgements[run_id].loss_ratio or 0.0 for run_id, record in self.sweep.items()
        }
        undertrained = [seed for seed, ratio in ratios.items() if ratio > UNDERTRAINED_RATIO]
        scored = self.test or self.dev
        listed, mean = scored.mention_list, scored.noncollapsed_mean
        below = [
            f"on {scored.split}, looking up the mentions of train in the text scores {_percent(listed)}, more than "
            f"these runs ({_percent(mean)})"
        ]
        warnings = below if listed is not None and mean is not None and mean < listed else []
        if not undertrained:
            return warnings
        return [
            *warnings,
            f"with {'seeds' if len(undertrained) > 1 else 'seed'} {', '.join(undertrained)} training ended above "
            f"{UNDERTRAINED_RATIO:g} times the loss of the best constant prediction (loss ratio); train longer"
            f"{', or, above 1, with a lower learning rate' if max(ratios.values()) > 1 else ''}",
        ]

    def _best_notes(self) -> Iterator[str]:
        """The dev score of the model, where no test set gives a better one."""
        best = self.best
        if best is None or best.candidates < 2 or best.record.scores["dev"] is None:
            return
        naive = f"{_percent(best.record.scores['dev'])} (seed {best.record.config.seed}, the best of {best.candidates})"
        if best.out_of_bag is None:
            yield f"dev score of the model: {naive}, too high, since dev selected it; no correction: {best.reason}"
        else:
            yield (
                f"dev score of the model: {_percent(best.out_of_bag)} (out-of-bag estimate); its own {naive} is too "
                "high, since dev selected it"
            )


def describe_scores(summary: CellSummary) -> str:
    """Mean, intervals and counts of a cell as one line; scores times 100."""
    if not summary.n_scored:
        return "no score"
    parts = []
    if summary.all_collapsed:
        parts.append(f"mean {_percent(summary.mean)} over {format_count(summary.n_scored, 'seed')}, all collapsed")
    else:
        without = " without a collapsed run" if summary.collapsed else ""
        mean, sd = _percent(summary.noncollapsed_mean), _percent(summary.noncollapsed_sd)
        parts.append(f"mean {mean} (sd {sd}) over {format_count(summary.n_noncollapsed, 'seed')}{without}")
        parts.append(f"95% over seeds {format_interval(percents(summary.seed_interval))}")
        examples = percents(summary.example_interval)
        method = summary.example_method
        parts.append(f"over examples {method if examples is None else f'{format_interval(examples)} ({method})'}")
    if summary.mixture_interval is not None:
        parts.append(
            f"mean of all runs, collapsed ones included, 95% {format_interval(percents(summary.mixture_interval))}"
        )
    parts += [f"worst {_percent(summary.worst)}", f"trivial {_percent(summary.trivial)}"]
    if summary.mention_list is not None:
        parts.append(f"list of train's mentions {_percent(summary.mention_list)}")
    return ", ".join(parts)


def _percent(fraction: float | None) -> str:
    return format_number(None if fraction is None else 100 * fraction)
