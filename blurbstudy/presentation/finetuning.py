"""One encoder fine-tuned on one task with several seeds, for people who bring their own (blurbstudy finetune)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import Recipe, recipe_from_dict
from ..results.engine import LocalEngine
from ..results.failure import failure, load_references
from ..results.sources import EncoderSource, resolve_sources
from ..results.statistics import CellSummary, summarize
from ..results.store import RunStore
from ..results.sweep import SweepResult, run_missing
from ..tasks import Task, get_task
from .parameters import hub_id
from .score_tables import score_details
from .tables import number

# Long training with bias correction at a small rate: the settings that Mosbach et al. 2021 found safe, with more epochs
# where an epoch is only a handful of steps.
DEFAULT_RECIPES = {
    "similarity": {"epochs": 40, "learning_rate": 5e-5, "max_length": 256},
    "question": {"epochs": 10, "learning_rate": 3e-5, "max_length": 512},
    "ner": {"epochs": 10, "learning_rate": 5e-5, "max_length": 256},  # longer sentences are split, never cut
    "pico": {"epochs": 5, "learning_rate": 5e-5, "max_length": 256},
    "relation": {"epochs": 10, "learning_rate": 3e-5, "max_length": 256},
    "document": {"epochs": 20, "learning_rate": 3e-5, "max_length": 512},
}


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """The runs of one encoder on one task, and what they say."""

    task: Task
    encoder: EncoderSource
    recipe: Recipe
    store: Path
    sweep: SweepResult
    reasons: dict[str, str | None]  # run id -> why it failed, judged on dev
    dev: CellSummary
    test: CellSummary

    def to_dict(self) -> dict[str, Any]:
        """Plain values only; scores are fractions."""
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
        return {
            "task": self.task.name,
            "metric": self.task.metric,
            "encoder": {"given": self.encoder.spec, "fingerprint": self.encoder.fingerprint},
            "recipe": self.recipe.to_dict(),
            "store": str(self.store),
            "trained": self.sweep.trained,
            "reused": self.sweep.reused,
            "runs": runs,
            "summary": {"dev": _summary(self.dev), "test": _summary(self.test)},
        }

    def text(self) -> str:
        """A table for people; scores times 100."""
        lines = [f"{self.task.name} ({self.task.metric}, times 100), {self.encoder.description}"]
        lines.append(f"{'seed':>6} {'dev':>8} {'test':>8} {'seconds':>8}  failed")
        for run in self.to_dict()["runs"]:
            dev, test = (number(None if run[split] is None else run[split] * 100) for split in ("dev", "test"))
            lines.append(f"{run['seed']:>6} {dev:>8} {test:>8} {run['seconds']:>8.1f}  {run['reason'] or 'no'}")
        for name, summary in (("dev", self.dev), ("test", self.test)):
            lines.append(f"{name}: " + ", ".join(f"{label} {value}" for label, value in score_details(summary)))
        lines.append(f"{self.sweep.trained} runs trained, {self.sweep.reused} reused from {self.store}")
        return "\n".join(lines)


def fine_tune(
    task: str,
    encoder: str,
    *,
    data: str,
    seeds: Sequence[int],
    store: Path,
    recipe: Recipe | None = None,
    device: str = "auto",
    progress: str = "auto",
) -> FineTuning:
    """Fine-tune an encoder on a task, once per seed; runs that the store holds are not made again.

    Raises:
        StudyError: a parameter, the data, the encoder or the store is wrong; the message says which and what to do.
    """
    known, kept = get_task(task), RunStore(store)
    sources = resolve_sources(kept, tasks=[known.name], encoders={encoder: hub_id(encoder)}, data=data)
    chosen = recipe or default_recipe(known, positions=sources.encoders[encoder].architecture["max_positions"])
    configs = [sources.run_config(known.name, encoder, recipe=chosen, seed=seed) for seed in seeds]
    sweep = run_missing(
        configs, kept, sources=sources, engine=LocalEngine(device=device), progress=progress, label=known.name
    )
    references = load_references(kept, sources.fingerprints)
    records = list(sweep.values())
    return FineTuning(
        task=known,
        encoder=sources.encoders[encoder],
        recipe=chosen,
        store=store,
        sweep=sweep,
        reasons={record.id: failure(record, references[known.name]) for record in records},
        dev=summarize(records, references, split="dev"),
        test=summarize(records, references),
    )


def default_recipe(task: Task, *, positions: int) -> Recipe:
    """The recipe for a task where none is given; no sequence is longer than the encoder's positions."""
    fields = DEFAULT_RECIPES[task.kind]
    return recipe_from_dict(fields | {"max_length": min(fields["max_length"], positions)})


def _summary(summary: CellSummary) -> dict[str, Any]:
    """A cell's numbers as fractions, with both intervals."""
    return {
        "n": summary.n,
        "scored": summary.n_scored,
        "mean": summary.mean,
        "sd": summary.sd,
        "worst": summary.worst,
        "failed": summary.failed,
        "failed_rate": summary.failed_rate,
        "trivial": summary.trivial,
        "interval_over_seeds": summary.seed_interval,
        "interval_over_examples": summary.example_interval,
        "interval_over_examples_by": summary.example_method,
    }
