"""A recommendation for a task and an encoder: recipe, reasons, what may be expected, for people (a YAML file that
--recipe takes, with comments) and for programs.
"""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ...config import Recipe
from ...engine.estimates.flops import CostModel
from ...engine.sources.resolve import resolve_sources
from ...engine.sources.sources import EncoderSource, Sources
from ...engine.zero_shot import MAX_LENGTH, ZeroShotScore, describe_zero_shot, zero_shot_scores
from ...store.run_store import RunStore
from ...study.parameters import hub_id
from ...tables.table import Table
from ...tasks import Task
from ...tasks.custom.audit import check_learnable
from ...training.provenance import pick_device
from .evidence import Evidence, own_evidence, paper_evidence, study_evidence
from .rules import SEEDS, Choice, chosen_by_rules, recipe_of
from .task_profile import KINDS, PRETRAININGS, Situation, situation_of

WIDTH = 100  # characters of a comment's line


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """A recipe with its reasons."""

    task: Task
    encoder: EncoderSource
    store: Path
    situation: Situation
    choices: tuple[Choice, ...]
    evidence: tuple[Evidence, ...]
    seconds: float | None  # of a run, roughly; None: not known on this device

    @property
    def recipe(self) -> Recipe:
        """What is recommended."""
        return recipe_of(self.choices)

    @property
    def seeds(self) -> int:
        """How many."""
        return next(choice.value for choice in self.choices if choice.field == SEEDS)

    @property
    def counted(self) -> Evidence | None:
        """The nearest evidence that counts failed runs; None: there is none."""
        return next((own for own in self.evidence if own.runs), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values only; scores in percent, as in the texts."""
        plain = self.situation.plain
        return {
            "task": self.task.name,
            "metric": self.task.metric,
            "encoder": {"given": self.encoder.spec, "fingerprint": self.encoder.fingerprint},
            "situation": dataclasses.asdict(self.situation),
            "recipe": {choice.field: choice.value for choice in self.choices if choice.field != SEEDS},
            "choices": [dataclasses.asdict(choice) for choice in self.choices],
            "seeds": self.seeds,
            "plain_cosine": None if plain is None else dataclasses.asdict(plain),
            "evidence": [dataclasses.asdict(own) | {"failed_interval": own.failed_interval} for own in self.evidence],
            "seconds_per_run": self.seconds,
            "store": str(self.store),
        }

    def text(self) -> str:
        """A YAML file of the recipe, its reasons as comments."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        at = self.situation
        yield from _comment(
            f"Recommended for {self.task.name}: {KINDS[at.kind]}, {at.train:,} training examples"
            + (f" ({at.counted:,} {self.task.size_unit})" if at.counted != at.train else "")
        )
        tuned = ", tuned for sentences" if at.sentence_tuned else ""
        yield from _comment(
            f"with {self.encoder.spec}: {self.encoder.description}; taken as {at.size}, "
            f"pretrained by {PRETRAININGS[at.family]}{tuned}"
        )
        for choice in self.choices:
            if choice.field == SEEDS:
                continue
            yield ""
            yield from _comment(f"{choice.why} [{choice.source}]")
            yield yaml.safe_dump({choice.field: choice.value}).strip()
        yield ""
        yield from _comment(f"Seeds: {self.seeds} (--seeds 1-{self.seeds}): {self._reason(SEEDS)}")
        for said in self._expectations():
            yield from _comment(said, hanging="  " if said.startswith("- ") else "")

    def _repr_html_(self) -> str:
        rows = [(own.field, yaml.safe_dump(own.value, default_flow_style=True).removesuffix("...\n").strip(), own.why,
                 own.source) for own in self.choices]  # fmt: skip
        title = f"Recommended for {self.task.name} with {self.encoder.spec}"
        notes = [said.removeprefix("- ") for said in self._expectations()]
        return Table(title=title, columns=("Field", "Value", "Why", "Source"), rows=rows, notes=notes)._repr_html_()

    def _expectations(self) -> Iterator[str]:
        """What may be expected, a sentence or an item each."""
        yield from self._plain()
        yield from self._expected()
        yield f"Failure: {self._failure()}"
        if self.seconds is not None:
            total = self.seeds * self.seconds
            yield (
                f"Cost: about {_duration(self.seconds)} a run on one core, {_duration(total)} for {self.seeds} "
                "seeds one after another; rough, evaluations not counted"
            )

    def _reason(self, field: str) -> str:
        choice = next(choice for choice in self.choices if choice.field == field)
        return f"{choice.why} [{choice.source}]"

    def _plain(self) -> Iterator[str]:
        plain = self.situation.plain
        if plain is None:
            return
        yield (
            f"Nothing trained: the plain cosine of this encoder scores {describe_zero_shot([plain])} (Pearson's r x "
            "100). "
            "Train only what beats it on dev; finetune prints both."
        )
        if not self.situation.mean_pooled:
            yield (
                "Its own files say that it was tuned with another pooling than the mean: its plain cosine is better "
                "with that."
            )

    def _expected(self) -> Iterator[str]:
        origins = {"this task": "your store", "store": "your store", "study": "this study's runs", "paper": "the paper"}
        yield "Expected (a task of your own can differ from all of these):"
        if not any(own.origin in ("this task", "store") for own in self.evidence):
            yield f"- your store ({self.store}): no run of this kind with such an encoder"
        for own in self.evidence:
            counts = f"; {own.runs} runs of {own.seeds} seeds, {own.failed} failed" if own.runs else ""
            score = _range(own.low, own.high)
            yield f"- {origins[own.origin]}: {score} on {own.words}{counts}"

    def _failure(self) -> str:
        nearest = self.counted
        if nearest is None:
            return (
                "not known: no run like these was counted, in your store or elsewhere (the paper counts none); your "
                f"own {self.seeds} seeds will tell"
            )
        low, high = nearest.failed_interval
        whose = "those of this study" if nearest.origin == "study" else "those of your store"
        return (
            f"{nearest.failed} of {nearest.runs} of the nearest runs above failed ({whose}: {nearest.words}), 95% "
            f"{low:.0%} to {high:.0%}"
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
    """A recommendation; nothing is trained. Facts of data and encoder, and a plain cosine, are kept in the store.

    Raises:
        StudyError: data, encoder or store cannot be read or written.
    """
    kept = RunStore(store)
    if task.custom:
        check_learnable(task)
        data = str(Path(task.files["train"]).parent)
    sources = resolve_sources(kept, tasks=[task], encoders={encoder: hub_id(encoder)}, data=data)
    return recommendation_of(task, encoder, sources=sources, store=kept, sentence_tuned=sentence_tuned, device=device)


def recommendation_of(
    task: Task,
    encoder: str,
    *,
    sources: Sources,
    store: RunStore,
    sentence_tuned: bool | None = None,
    device: str = "auto",
) -> Recommendation:
    """The same of sources that are found already."""
    source, data = sources.encoders[encoder], sources.fingerprints[task.name]
    plain = _plain(task, source, sources=sources, store=store, device=device)
    train = store.gold(task.name, data, "train")
    situation = situation_of(task, train, source, sentence_tuned=sentence_tuned, plain=plain)
    choices = chosen_by_rules(situation)
    config = sources.run_config(task.name, encoder, recipe=recipe_of(choices), seed=1)
    own = own_evidence(store, task, data, source.fingerprint, situation=situation, recipe=config.recipe)
    head = "words" if task.output == "token_labels" else config.recipe.head
    study = study_evidence(situation, head=head, recipe=config.recipe)
    place = pick_device(device).type
    costs = CostModel(sources, place)
    return Recommendation(
        task=task,
        encoder=source,
        store=store.folder,
        situation=situation,
        choices=choices,
        evidence=(*own, *study, paper_evidence(situation, metric=task.metric)),
        seconds=costs.seconds(config) if place == "cpu" else None,  # counted operations tell nothing of a GPU
    )


def _plain(
    task: Task, source: EncoderSource, *, sources: Sources, store: RunStore, device: str
) -> ZeroShotScore | None:
    if task.output != "score":
        return None
    given = {"sources": sources, "store": store, "max_length": MAX_LENGTH, "device": device}
    # Nothing is trained, so train tells as much as dev.
    (found,) = zero_shot_scores(task, source, splits=[("train", "dev")], **given)
    return found


def _comment(text: str, *, hanging: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent="# ", subsequent_indent=f"# {hanging}", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "no score"
    return f"{low:.1f}" if high - low < 0.05 else f"{low:.1f} to {high:.1f}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
