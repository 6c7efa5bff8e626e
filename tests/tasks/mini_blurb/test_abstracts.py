"""The corpus: coherent abstracts that state the facts which the tasks ask about."""

from __future__ import annotations

import re
from random import Random

from blurbstudy.tasks.mini_blurb.abstracts import make_abstracts, trial_report
from blurbstudy.tasks.mini_blurb.language import clauses
from blurbstudy.tasks.mini_blurb.world import make_world

WORLD = make_world(Random(0))
ABSTRACTS = make_abstracts(Random(0), WORLD)
NAMES = {entity.name.lower() for entity in (*WORLD.drugs, *WORLD.genes, *WORLD.diseases)}


def names(text):
    return NAMES.intersection(re.findall(r"\w+", text.lower()))


def test_neighbouring_sentences_share_a_name_and_random_ones_do_not():
    sentences = [abstract["sentences"] for abstract in ABSTRACTS]
    neighbours = [bool(names(a) & names(b)) for text in sentences for a, b in zip(text, text[1:], strict=False)]
    strangers = [bool(names(a[0]) & names(b[1])) for a, b in zip(sentences, sentences[1:], strict=False)]
    assert sum(neighbours) / len(neighbours) > 0.75
    assert sum(strangers) / len(strangers) < 0.1


def test_every_fact_is_stated_in_the_corpus():
    corpus = " ".join(sentence.lower() for abstract in ABSTRACTS for sentence in abstract["sentences"])
    for fact in WORLD.facts:
        forms = [(clause, form) for clause in clauses(fact) for form in fact.object.forms]
        assert any(clause.format(s=fact.subject.name, o=form).lower() in corpus for clause, form in forms), fact


def test_every_trial_is_reported():
    said = {frozenset(names(abstract["title"])) for abstract in ABSTRACTS}
    assert all({frozenset((t.drug.name, t.disease.name))} <= said for t in WORLD.trials)


def test_a_report_gives_the_verdict_away_in_its_conclusion_alone_or_by_its_evidence():
    rng = Random(0)
    for trial in WORLD.trials:
        report = trial_report(rng, trial)
        significant = "p < 0.0" in report.results[0].text or "p = 0.002" in report.results[0].text
        _, good, bad = trial.outcome
        if trial.verdict == "yes":
            assert significant and f" {good}" in report.results[0].text
        elif significant:
            assert trial.verdict == "no" and f" {bad} " in report.results[0].text
