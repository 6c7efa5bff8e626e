"""Recommend a recipe for a task and an encoder: settings with reasons, evidence on scores and collapses, and cost.

For people the recommendation is a YAML file for `finetune --recipe`, with comments; for programs it is JSON.
"""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from ...config import JsonObject, Recipe
from ...engine.estimates.flops import CostModel
from ...engine.progress import format_duration
from ...engine.sources.resolve import resolve_sources
from ...engine.sources.sources import EncoderSource, Sources
from ...engine.zero_shot import MAX_LENGTH, ZeroShotScore, describe_zero_shot, zero_shot_scores
from ...store.run_store import RunStore
from ...study.parameters import hub_id
from ...tables.table import Table
from ...tasks import Task
from ...tasks.custom.audit import check_trainable
from ...training.provenance import pick_device
from .decision import SEEDS, Decision
from .evidence import Evidence, bundled_runs, local_runs, paper_results
from .rules import apply_rules, recipe_of
from .task_profile import KINDS, PRETRAININGS, TaskProfile, profile_of

WIDTH = 100  # characters of a comment line


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """A recipe with reasons and evidence."""

    task: Task
    encoder: EncoderSource
    store: Path
    profile: TaskProfile
    decisions: tuple[Decision, ...]
    evidence: tuple[Evidence, ...]
    seconds: float | None  # rough duration of a run; None: unknown on this device

    @property
    def recipe(self) -> Recipe:
        """The recommended recipe."""
        return recipe_of(self.decisions)

    @property
    def seeds(self) -> int:
        """The recommended number of seeds."""
        return self._decision(SEEDS).value

    @property
    def nearest_runs(self) -> Evidence | None:
        """The nearest evidence with a count of collapsed runs."""
        return next((evidence for evidence in self.evidence if evidence.runs), None)

    def to_dict(self) -> JsonObject:
        """JSON values; scores in percent."""
        zero_shot = self.profile.zero_shot
        evidence = [(dataclasses.asdict(item), item.collapse_interval) for item in self.evidence]
        return {
            "task": self.task.name,
            "metric": self.task.metric,
            "encoder": {"given": self.encoder.spec, "fingerprint": self.encoder.fingerprint},
            "situation": dataclasses.asdict(self.profile),
            "recipe": {decision.field: decision.value for decision in self.decisions if decision.field != SEEDS},
            "choices": [dataclasses.asdict(decision) for decision in self.decisions],
            "seeds": self.seeds,
            "zero_shot_cosine": None if zero_shot is None else dataclasses.asdict(zero_shot),
            "evidence": [values | {"collapse_interval": interval} for values, interval in evidence],
            "seconds_per_run": self.seconds,
            "store": str(self.store),
        }

    def text(self) -> str:
        """A YAML file of the recipe, with reasons and evidence as comments."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        profile = self.profile
        units = f" ({profile.size_in_units:,} {self.task.size_unit})" if profile.size_in_units != profile.train else ""
        tuned = ", tuned for sentences" if profile.sentence_tuned else ""
        yield from _comment(
            f"Recommended for {self.task.name}: {KINDS[profile.kind]}, {profile.train:,} training examples{units}"
        )
        yield from _comment(
            f"with {self.encoder.spec}: {self.encoder.description}; treated as {profile.size}, pretrained by "
            f"{PRETRAININGS[profile.family]}{tuned}"
        )
        for decision in self.decisions:
            if decision.field != SEEDS:
                yield ""
                yield from _comment(f"{decision.why} [{decision.source}]")
                yield yaml.safe_dump({decision.field: decision.value}).strip()
        yield ""
        seeds = self._decision(SEEDS)
        yield from _comment(f"Seeds: {self.seeds} (--seeds {self.seeds}): {seeds.why} [{seeds.source}]")
        for line in self._expectations():
            yield from _comment(line, hanging="  " if line.startswith("- ") else "")

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        rows = [
            (decision.field, _inline_yaml(decision.value), decision.why, decision.source) for decision in self.decisions
        ]
        return Table(
            title=f"Recommended for {self.task.name} with {self.encoder.spec}",
            columns=("Field", "Value", "Why", "Source"),
            rows=rows,
            notes=[line.removeprefix("- ") for line in self._expectations()],
        )._repr_html_()

    def _decision(self, field: str) -> Decision:
        return next(decision for decision in self.decisions if decision.field == field)

    def _expectations(self) -> Iterator[str]:
        """Sentences and list items on scores, collapses and cost."""
        yield from self._zero_shot()
        yield from self._scores()
        yield f"Collapsed runs: {self._collapses()}"
        if self.seconds is not None:
            yield (
                f"Cost: about {format_duration(self.seconds)} per run on one core, "
                f"{format_duration(self.seeds * self.seconds)} for {self.seeds} seeds in sequence; a rough estimate "
                "without evaluations"
            )

    def _zero_shot(self) -> Iterator[str]:
        if self.profile.zero_shot is None:
            return
        yield (
            f"Zero-shot: the cosine similarity of this encoder scores {describe_zero_shot([self.profile.zero_shot])} "
            "(Pearson's r x 100). Train only if the result is better on dev; finetune prints both."
        )
        if not self.profile.mean_pooled:
            yield "The encoder's files name another pooling than the mean, with which its zero-shot cosine is better."

    def _scores(self) -> Iterator[str]:
        origins = {"this task": "your store", "store": "your store", "study": "this study's runs", "paper": "the paper"}
        yield "Expected scores (your own task may differ from all of these):"
        if not any(item.origin in ("this task", "store") for item in self.evidence):
            yield f"- your store ({self.store}): no runs on this kind of task with a similar encoder"
        for item in self.evidence:
            yield f"- {origins[item.origin]}: {_range(item.low, item.high)} on {item.description}{_counts(item)}"

    def _collapses(self) -> str:
        nearest = self.nearest_runs
        if nearest is None or nearest.collapse_interval is None:
            return (
                "not known: neither your store nor this study has similar runs, and the paper does not count them. "
                f"Your own {self.seeds} seeds will show"
            )
        low, high = nearest.collapse_interval
        owner = "this study's" if nearest.origin == "study" else "your store's"
        return (
            f"{nearest.collapsed} of {nearest.runs} of the most similar runs above ({owner}: {nearest.description}), "
            f"95% CI {low:.0%} to {high:.0%}"
        )


def recommend(
    task: Task,
    encoder: str,
    *,
    data: str = "",
    store: Path,
    sentence_tuned: bool | None = None,
    device: str = "auto",
) -> Recommendation:
    """Recommend a recipe. Nothing is trained; metadata of data and encoder, and a zero-shot score, enter the store."""
    run_store = RunStore(store)
    if task.custom:
        check_trainable(task)
        data = str(Path(task.files["train"]).parent)
    sources = resolve_sources(run_store, tasks=[task], encoders={encoder: hub_id(encoder)}, data=data)
    return recommendation_of(
        task, encoder, sources=sources, store=run_store, sentence_tuned=sentence_tuned, device=device
    )


def recommendation_of(
    task: Task,
    encoder: str,
    *,
    sources: Sources,
    store: RunStore,
    sentence_tuned: bool | None = None,
    device: str = "auto",
) -> Recommendation:
    """As `recommend`, with resolved sources."""
    source, data = sources.encoders[encoder], sources.fingerprints[task.name]
    zero_shot = _zero_shot_score(task, source, sources=sources, store=store, device=device)
    profile = profile_of(
        task, store.gold(task.name, data, "train"), source, sentence_tuned=sentence_tuned, zero_shot=zero_shot
    )
    decisions = apply_rules(profile)
    config = sources.run_config(task.name, encoder, recipe=recipe_of(decisions), seed=1)
    head = "token" if task.output == "token_labels" else config.recipe.head
    device_type = pick_device(device).type
    return Recommendation(
        task=task,
        encoder=source,
        store=store.folder,
        profile=profile,
        decisions=decisions,
        evidence=(
            *local_runs(store, task, data, source.fingerprint, profile=profile, recipe=config.recipe),
            *bundled_runs(profile, head=head, recipe=config.recipe),
            paper_results(profile, metric=task.metric),
        ),
        # A count of operations does not predict the duration on a GPU.
        seconds=CostModel(sources, device_type).seconds(config) if device_type == "cpu" else None,
    )


def _zero_shot_score(
    task: Task, source: EncoderSource, *, sources: Sources, store: RunStore, device: str
) -> ZeroShotScore | None:
    """On train and dev together, since nothing is trained; None unless the task is similarity."""
    if task.output != "score":
        return None
    (score,) = zero_shot_scores(
        task,
        source,
        sources=sources,
        store=store,
        splits=[("train", "dev")],
        max_length=MAX_LENGTH,
        device=device,
    )
    return score


def _inline_yaml(value: object) -> str:
    return yaml.safe_dump(value, default_flow_style=True).removesuffix("...\n").strip()


def _comment(text: str, *, hanging: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent="# ",
        subsequent_indent=f"# {hanging}",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _counts(evidence: Evidence) -> str:
    """Runs, and how many came to nothing."""
    if not evidence.runs:
        return ""
    trivial = evidence.failed - evidence.collapsed
    return (
        f"; {evidence.runs} runs of {evidence.seeds} seeds: {evidence.collapsed} collapsed, {trivial} no better than "
        "trivial on dev"
    )


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "no score"
    return f"{low:.1f}" if high - low < 0.05 else f"{low:.1f} to {high:.1f}"
