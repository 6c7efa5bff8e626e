"""EBM PICO in the invented world: reports of its trials, words tagged as participants, interventions and outcomes.

A drug, disease or outcome is tagged only as this trial's intervention, participants or measurement, not in the
background.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from ..blurb import EBM_PICO
from ..task import Task
from .abstracts import CLASS_OF, FAMILY_OF, SPECIALTY_OF, with_article
from .language import Sentence, draw_unused, realize, train_subset
from .phrases import PHRASES
from .tagging import KEEP_PUNCTUATION, document_start, lengths, pico, tagged
from .world import OUTCOMES, SIDE_EFFECTS, Entity, Trial, World

SIZES = {"train": 80, "dev": 20, "test": 20}  # documents; in BLURB 77%, 19% and 4%
LENGTHS = (7, 8, 9, 10)  # sentences of a document

_KIND = "PICO"
_FIRST_PMID = 92_000_001
# Part of a report -> its patterns. A report has any number of the optional parts.
_PATTERNS: dict[str, list[str]] = PHRASES["EBM PICO"]
_ORDER = ("title", "background", "aim", "methods", "design", "result", "findings", "conclusion")
_OPTIONAL = ("background", "design", "findings")
_CORE = tuple(part for part in _ORDER if part not in _OPTIONAL)


@dataclass(frozen=True)
class Scope:
    """The entities and patterns that the reports of a split use."""

    drugs: Sequence[Entity]
    outcomes: Sequence[tuple[str, str, str]]
    effects: Sequence[str]
    patterns: Mapping[str, Sequence[str]]


def make_ebm_pico(rng: Random, world: World, in_corpus: frozenset[str]) -> dict[Task, dict[str, list[str]]]:
    """Lines of EBM PICO by split; every trial is reported at most once."""
    used = set(in_corpus)
    full_scope = Scope(world.drugs, OUTCOMES, SIDE_EFFECTS, _PATTERNS)
    drugs, outcomes, effects = (train_subset(rng, things) for things in (world.drugs, OUTCOMES, SIDE_EFFECTS))
    known = Scope(drugs, outcomes, effects, {part: train_subset(rng, forms) for part, forms in _PATTERNS.items()})
    trials = rng.sample(world.trials, len(world.trials))
    pmid = iter(range(_FIRST_PMID, _FIRST_PMID + sum(SIZES.values())))
    splits: dict[str, list[str]] = {}
    for split, n in SIZES.items():
        splits[split], scope = [], known if split == "train" else full_scope
        for length in lengths(rng, LENGTHS, n):
            trial = next(trial for trial in trials if trial.drug in scope.drugs and trial.outcome in scope.outcomes)
            trials.remove(trial)
            splits[split] += document_start(f"({next(pmid)})")
            for sentence in _report(rng, trial, world, scope=scope, length=length, used=used):
                splits[split] += tagged(sentence, (_KIND,), word_pattern=KEEP_PUNCTUATION, tag=pico)
    return {EBM_PICO: splits}


def _report(rng: Random, trial: Trial, world: World, *, scope: Scope, length: int, used: set[str]) -> list[Sentence]:
    slots = _slots(rng, trial, world, scope)
    chosen = [(part, scope.patterns.get(part) or scope.patterns[f"{part} {trial.verdict}"]) for part in _CORE]
    rest = [(part, (pattern,)) for part in _OPTIONAL for pattern in scope.patterns[part]]
    chosen += rng.sample(rest, length - len(chosen))
    chosen.sort(key=lambda part: _ORDER.index(part[0]))
    return [_sentence(rng, patterns, slots, used) for _, patterns in chosen]


def _sentence(rng: Random, patterns: Sequence[str], slots: dict, used: set[str]) -> Sentence:
    def draw() -> Sentence:
        numbers = {"percent": rng.randint(2, 60), "percent2": rng.randint(2, 60), "visits": rng.randint(2, 30)}
        times = {"year": rng.randint(1980, 2018), "dose": rng.randrange(5, 400, 5)}
        return realize(rng, rng.choice(patterns).removesuffix(".") + ".", **slots, **numbers, **times)

    return draw_unused(draw, used)


def _slots(rng: Random, trial: Trial, world: World, scope: Scope) -> dict[str, Entity | str | int]:
    """The slots of the report: tagged entities, and untagged names of the same things."""
    others = [outcome for outcome in scope.outcomes if outcome != trial.outcome]
    second, third = rng.sample(others, 2)
    name, (outcome, good, bad) = trial.disease.name, trial.outcome
    failed = rng.choice([drug for drug in scope.drugs if drug != trial.drug]).name
    who = f"{trial.participants} with {name}"
    older = rng.randint(18, 50)
    details = rng.choice(
        ("", "", f" who had not responded to {failed}", f" aged {older} to {older + 20} years", " and poor sleep")
    )
    severity = rng.choice(("", "", "severe ", "newly diagnosed ", "mild "))
    return {
        "drug": _entity("INT", trial.drug.name, f"oral {trial.drug.name}", f"{trial.drug.name} tablets"),
        "control": _entity("INT", trial.comparator),
        "comparator": _entity("INT", trial.comparator),
        "outcome": _outcome(outcome),
        "outcome2": _outcome(second[0]),
        "outcome3": _outcome(third[0]),
        "effect": _entity("OUT", *rng.sample(scope.effects, 3)),
        "who": _entity("PAR", who, f"{trial.participants} with {severity}{name}{details}"),
        "crowd": _entity("PAR", f"{trial.n} {who}", f"{trial.n} {trial.participants} with {severity}{name}{details}"),
        "good": good,
        "bad": bad,
        "weeks": trial.weeks,
        "name": name,
        "drug_name": trial.drug.name,
        "outcome_name": outcome,
        "participants": trial.participants,
        "other_drug": failed,
        "other_disease": rng.choice([d for d in world.diseases if d != trial.disease]).name,
        "class": with_article(CLASS_OF[trial.drug.family]),
        "family": with_article(FAMILY_OF[trial.disease.family]),
        "organ": trial.disease.field,
        "specialty": SPECIALTY_OF[trial.disease.field],
    }


def _outcome(name: str) -> Entity:
    return _entity("OUT", name, name, f"mean {name}", f"change in {name}")


def _entity(tag: str, *forms: str) -> Entity:
    return Entity(_KIND, tag, forms)
