"""The result of fine-tuning: runs, summaries and the exported model, as text, JSON and HTML."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..config import JsonObject, Recipe
from ..engine.sources.sources import EncoderSource
from ..engine.sweep import SweepResult
from ..engine.zero_shot import ZeroShotScore, describe_zero_shot
from ..stats.summary import CellSummary
from ..tables.formatting import format_number
from ..tables.score_table import score_details
from ..tables.table import Table
from ..tasks import Task
from ..tasks.custom.audit import CustomTaskAudit
from .model_facts import summary_values


@dataclass(frozen=True, kw_only=True)
class FinetuneResult:
    """The runs of one encoder on one task, their summaries, and the exported model."""

    task: Task
    encoder: EncoderSource
    recipe: Recipe
    store: Path
    sweep: SweepResult
    reasons: dict[str, str | None]  # run id -> why the run failed, judged on dev
    dev: CellSummary
    test: CellSummary | None  # None: no test set
    classes: Mapping[str, float]  # entity type or PICO class -> mean F1 over seeds, on test or else on dev
    audit: CustomTaskAudit | None = None  # of a custom task
    zero_shot: Mapping[str, ZeroShotScore] = field(default_factory=dict)  # split -> cosine similarity without training
    model: Path | None = None  # directory of the best run on dev
    model_notes: tuple[str, ...] = ()  # remarks on the model, or why there is none
    model_problem: str = ""  # why the export failed

    def to_dict(self) -> JsonObject:
        """JSON values; scores are fractions."""
        runs = [
            {
                "seed": record.config.seed,
                "dev": record.scores["dev"],
                "test": record.scores["test"],
                "failed": self.reasons[run_id] is not None,
                "reason": self.reasons[run_id],
                "seconds": round(record.seconds, 3),
                "id": run_id,
            }
            for run_id, record in self.sweep.items()
        ]
        test = None if self.test is None else summary_values(self.test)
        return {
            "task": self.task.name,
            "metric": self.task.metric,
            "encoder": {"given": self.encoder.spec, "fingerprint": self.encoder.fingerprint},
            "recipe": self.recipe.to_dict(),
            "store": str(self.store),
            "trained": self.sweep.trained,
            "reused": self.sweep.reused,
            "runs": runs,
            "summary": {"dev": summary_values(self.dev), "test": test},
            "classes": dict(self.classes),
            "model": None if self.model is None else str(self.model),
            "model_notes": [*self.model_notes, *filter(None, [self.model_problem])],
            "audit": None if self.audit is None else dataclasses.asdict(self.audit),
            "zero_shot_cosine": {split: dataclasses.asdict(cosine) for split, cosine in self.zero_shot.items()},
        }

    def text(self) -> str:
        """A table for the terminal; scores times 100."""
        head = f"{'seed':>6} {'dev':>8} {'test':>8} {'seconds':>8}  failed"
        rows = [f"{seed:>6} {dev:>8} {test:>8} {sec:>8}  {failed}" for seed, dev, test, sec, failed in self._rows()]
        return "\n".join([f"{self._title()}, {self.encoder.description}", head, *rows, *self._notes()])

    def _repr_html_(self) -> str:
        warnings = [f"warning: {warning}" for warning in (self.audit.warnings if self.audit else ())]
        return Table(
            title=self._title(),
            columns=("Seed", "Dev", "Test", "Seconds", "Failed"),
            rows=list(self._rows()),
            caption=self.encoder.description,
            notes=[*self._notes(), *warnings],
        )._repr_html_()

    def _title(self) -> str:
        return f"{self.task.name} ({self.task.metric}, times 100)"

    def _rows(self) -> Iterator[tuple[str, str, str, str, str]]:
        for run_id, record in self.sweep.items():
            dev, test = (_percent(record.scores[split]) for split in ("dev", "test"))
            yield str(record.config.seed), dev, test, f"{record.seconds:.1f}", self.reasons[run_id] or "no"

    def _notes(self) -> list[str]:
        """Summaries, comparisons and the model; one line each."""
        notes = []
        for name, summary in (("dev", self.dev), ("test", self.test)):
            if summary is not None:
                notes.append(f"{name}: " + ", ".join(f"{label} {value}" for label, value in score_details(summary)))
        if self.test is None:
            notes.append("test: none; scores are on dev only")
        if self.zero_shot:
            notes.append(f"zero-shot cosine similarity of the encoder: {describe_zero_shot(self.zero_shot.values())}")
            if "dev" in self.zero_shot and self.dev.mean is not None and self.dev.mean < self.zero_shot["dev"].score:
                notes.append("on dev, these runs are worse than zero-shot: use the encoder untrained, or head: cosine")
        if self.classes:
            scores = ", ".join(f"{name} {_percent(score)}" for name, score in self.classes.items())
            notes.append(f"mean F1 by class ({'dev' if self.test is None else 'test'}): {scores}")
        notes.append(f"{self.sweep.trained} runs trained, {self.sweep.reused} reused from {self.store}")
        return notes + [*self.model_notes, *([f"model: {self.model}"] if self.model is not None else [])]


def _percent(fraction: float | None) -> str:
    return format_number(None if fraction is None else 100 * fraction)
