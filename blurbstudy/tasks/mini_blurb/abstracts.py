"""The corpus: abstracts that state facts of the invented world, and the trial reports behind PubMedQA's questions.

Consecutive sentences share a drug, gene or disease, so next sentence prediction is possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from .language import Sentence, realize, setting, state_fact
from .phrases import PHRASES
from .world import DISEASE_FAMILIES, DRUG_CLASSES, FIELDS, GENE_FAMILIES, Entity, Fact, Trial, World

N_STUDIES = 1600  # abstracts in addition to one report per trial

CLASS_OF = {suffix: name for suffix, name, _, _ in DRUG_CLASSES}
SPECIALTY_OF = {organ: specialty for organ, _, _, specialty in FIELDS}
FAMILY_OF = {suffix: name for suffix, name, _ in DISEASE_FAMILIES}
_OPENINGS = ("", "we found that ", "our data show that ", "in addition, ", "moreover, ", "furthermore, ")
_CONCLUSIONS = ("these results confirm that ", "we conclude that ", "taken together, ", "in conclusion, ")

_TRIALS = PHRASES["trials"]
RESULTS = _TRIALS["results"]


@dataclass(frozen=True)
class Report:
    """The sentences of a trial report, by section."""

    background: Sentence
    methods: Sentence
    results: tuple[Sentence, Sentence]
    conclusion: Sentence


def trial_report(rng: Random, trial: Trial) -> Report:
    """A random report of the trial, with a conclusion that agrees with its results."""
    outcome, good, bad = trial.outcome
    slots = {
        "drug": trial.drug,
        "disease": trial.disease,
        "outcome": outcome,
        "good": good,
        "bad": bad,
        "n": trial.n,
        "weeks": trial.weeks,
        "participants": trial.participants,
        "comparator": trial.comparator,
        "class": with_article(CLASS_OF[trial.drug.family]),
        "organ": trial.disease.field,
        "specialty": SPECIALTY_OF[trial.disease.field],
        "family": with_article(FAMILY_OF[trial.disease.family]),
    }
    return Report(
        realize(rng, "{disease} is {family} of the {organ} and {drug} is {class}.", **slots),
        realize(
            rng,
            "{n} {participants} with {disease} at a {specialty} clinic were randomized to {drug} or {comparator} "
            "for {weeks} weeks.",
            **slots,
        ),
        (
            realize(rng, rng.choice(RESULTS[trial.verdict]) + ".", **slots),
            realize(rng, rng.choice(_TRIALS["second_results"][trial.verdict] + _TRIALS["asides"]) + ".", **slots),
        ),
        realize(rng, rng.choice(_TRIALS["conclusions"][trial.verdict]) + ".", **slots),
    )


def make_abstracts(rng: Random, world: World) -> list[dict]:
    """The corpus in random order: a report of every trial and N_STUDIES studies, each with one main fact.

    Returns:
        Abstracts {"id", "title", "sentences"}.
    """
    drafts = [_trial_abstract(rng, trial, world) for trial in world.trials]
    # Cycle through the facts, so every one is stated.
    order = rng.sample(world.facts, len(world.facts))
    drafts += [_study(rng, order[i % len(order)], world) for i in range(N_STUDIES)]
    rng.shuffle(drafts)
    return [
        {"id": f"mini-{i:05d}", "title": title.text, "sentences": [sentence.text for sentence in sentences]}
        for i, (title, sentences) in enumerate(drafts, 1)
    ]


def _trial_abstract(rng: Random, trial: Trial, world: World) -> tuple[Sentence, list[Sentence]]:
    report = trial_report(rng, trial)
    title = realize(rng, "{drug} in {p} with {disease}", drug=trial.drug, disease=trial.disease, p=trial.participants)
    known = [rng.choice(world.about[trial.drug]), rng.choice(world.about[trial.disease])]
    beside = [
        state_fact(rng, fact, after=setting(rng, fact, trial.disease.field)) for fact in known[: rng.randint(1, 2)]
    ]
    background = [report.background, *beside]
    return title, [*background, report.methods, *report.results, report.conclusion]


def _study(rng: Random, main: Fact, world: World) -> tuple[Sentence, list[Sentence]]:
    """Background, the main fact, two to four facts about its subject or object, one about the other, conclusion."""
    subject, partner = main.subject, main.object
    if partner in world.about and rng.random() < 0.5:
        subject, partner = partner, subject
    about_subject = [fact for fact in world.about[subject] if fact != main]
    about_partner = [fact for fact in world.about.get(partner, []) if fact != main]
    others = rng.sample(about_subject, min(rng.randint(2, 4), len(about_subject)))
    others += rng.sample(about_partner, min(1, len(about_partner)))
    main_sentence = state_fact(rng, main, before=rng.choice(_OPENINGS[:3]), after=setting(rng, main, subject.field))
    body = [
        state_fact(rng, fact, before=rng.choice(_OPENINGS), after=setting(rng, fact, subject.field)) for fact in others
    ]
    conclusion = state_fact(rng, main, before=rng.choice(_CONCLUSIONS), after=setting(rng, main, subject.field))
    title = realize(rng, rng.choice(("{a} and {b}", "The role of {a} in relation to {b}")), a=subject, b=partner)
    return title, [_background(rng, subject), main_sentence, *body, conclusion]


def _background(rng: Random, subject: Entity) -> Sentence:
    if subject.kind == "drug":
        return realize(rng, f"{{a}} is {with_article(CLASS_OF[subject.family])} in clinical use.", a=subject)
    if subject.kind == "gene":
        return realize(rng, f"{{a}} encodes {with_article(GENE_FAMILIES[subject.family])}.", a=subject)
    family = with_article(FAMILY_OF[subject.family])
    return realize(rng, f"{{a}} is {family} of the {{organ}}.", a=subject, organ=subject.field)


def with_article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
