"""PubMedQA and BioASQ in the invented world: questions about its trials and facts, with evidence."""

from __future__ import annotations

from random import Random

from .abstracts import trial_report
from .language import clauses, question_about, realize, setting, state_fact
from .world import VERDICTS, Fact, Trial, World, stratified_values

PUBMEDQA_SIZES = {"train": 120, "dev": 150, "test": 250}  # dev and test are what decisions need (docs/demonstration.md)
BIOASQ_SIZES = {"train": 130, "dev": 150, "test": 300}
BIOASQ_ANSWERS = {"yes": 0.6, "no": 0.4}  # fractions

_FIRST_PMID = 90_000_001
_ASKS = (
    "Does {drug} improve {outcome} in {participants} with {disease}?",
    "Is {drug} of benefit to {participants} with {disease}?",
    "Can {drug} improve the {outcome} of {participants} with {disease}?",
)
_LEADS = ("", "we report that ", "several studies found that ", "it is known that ")


def make_trial_questions(rng: Random, world: World) -> dict[str, dict[str, dict]]:
    """Split -> PMID -> record with the keys of PubMedQA's files; LONG_ANSWER contains the conclusion."""
    pools = {verdict: [t for t in world.trials if t.verdict == verdict] for verdict in VERDICTS}
    pmids = iter(range(_FIRST_PMID, _FIRST_PMID + sum(PUBMEDQA_SIZES.values())))
    return {
        split: {
            str(next(pmids)): _trial_question(rng, pools[verdict].pop())
            for verdict in stratified_values(rng, VERDICTS, n)
        }
        for split, n in PUBMEDQA_SIZES.items()
    }


def make_fact_questions(rng: Random, world: World) -> dict[str, list[tuple[str, str, str, str]]]:
    """Split -> rows of id, question, snippets, yes or no, as in BLURB's BioASQ."""
    shuffled = rng.sample(world.facts, len(world.facts))
    pools = {"yes": [f for f in shuffled if f.holds], "no": [f for f in shuffled if not f.holds]}
    return {
        split: [_fact_question(rng, pools[answer].pop(), world) for answer in stratified_values(rng, BIOASQ_ANSWERS, n)]
        for split, n in BIOASQ_SIZES.items()
    }


def _trial_question(rng: Random, trial: Trial) -> dict:
    report = trial_report(rng, trial)
    slots = {"drug": trial.drug, "disease": trial.disease, "participants": trial.participants}
    return {
        "QUESTION": realize(rng, rng.choice(_ASKS), outcome=trial.outcome[0], **slots).text,
        "CONTEXTS": [
            report.background.text,
            report.methods.text,
            " ".join(sentence.text for sentence in report.results),
        ],
        "LABELS": ["BACKGROUND", "METHODS", "RESULTS"],
        "MESHES": [trial.drug.name.capitalize(), trial.disease.name.capitalize()],
        "YEAR": str(rng.randint(1995, 2019)),
        "final_decision": trial.verdict,
        "LONG_ANSWER": report.conclusion.text,
    }


def _fact_question(rng: Random, fact: Fact, world: World) -> tuple[str, str, str, str]:
    """The fact in one or two phrasings, sometimes with another fact about its subject."""
    evidence = rng.sample(clauses(fact), rng.randint(1, 2))
    beside = [f for f in world.about[fact.subject] if f.object != fact.object]
    stated = [(fact, clause) for clause in evidence]
    stated += [(other, "") for other in rng.sample(beside, rng.randint(0, 1))]
    snippets = [
        state_fact(rng, f, before=rng.choice(_LEADS), after=setting(rng, f, fact.subject.field), clause=clause).text
        for f, clause in stated
    ]
    rng.shuffle(snippets)
    name = f"{rng.getrandbits(96):024x}"
    return name, question_about(rng, fact).text, " ".join(snippets), "yes" if fact.holds else "no"
