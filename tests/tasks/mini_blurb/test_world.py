"""The invented world: names tell families, facts do not contradict each other, trials follow from facts."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from blurbstudy.tasks.mini_blurb.language import FORMS
from blurbstudy.tasks.mini_blurb.world import DRUG_CLASSES, VERDICTS, make_world, stratified_values


@pytest.fixture(scope="module", params=range(3))
def world(request):
    return make_world(Random(request.param))


def test_names_are_unique_and_carry_their_family(world):
    entities = [*world.drugs, *world.genes, *world.diseases]
    assert len({entity.name for entity in entities}) == len(entities)
    assert all(entity.name.endswith(entity.family) for entity in (*world.drugs, *world.diseases))
    assert all(gene.name[3] == gene.family for gene in world.genes)


def test_no_fact_stands_twice_or_beside_its_contrary(world):
    places = Counter((fact.kind, fact.subject, fact.object) for fact in world.facts)
    assert max(places.values()) == 1
    pairs = Counter(frozenset((f.subject, f.object)) for f in world.facts if f.object.kind == f.subject.kind == "drug")
    assert max(pairs.values()) == 1


def test_every_kind_of_fact_has_words(world):
    assert {fact.kind for fact in world.facts} == set(FORMS)


def test_most_targets_of_a_drug_are_of_the_family_that_its_suffix_tells(world):
    family = {suffix: target for suffix, _, target, _ in DRUG_CLASSES}
    action = {suffix: how for suffix, _, _, how in DRUG_CLASSES}
    acts = [f for f in world.facts if f.subject.kind == "drug" and f.kind == action[f.subject.family]]
    assert all(f.object.family == family[f.subject.family] for f in acts if f.holds)


def test_a_trial_succeeds_where_the_drug_acts_on_a_gene_that_drives_the_disease(world):
    targets = {
        (f.subject, f.object) for f in world.facts if f.object.kind == "gene" and f.kind != "substrate" and f.holds
    }
    drivers = {(f.subject, f.object) for f in world.facts if f.kind == "associated" and f.holds}
    shares = {(drug, disease) for drug, gene in targets for driver, disease in drivers if gene == driver}
    for trial in world.trials:
        assert (trial.verdict == "yes") == ((trial.drug, trial.disease) in shares)


def test_trials_are_of_different_pairs_with_the_verdicts_of_pubmedqa(world):
    assert len({(trial.drug, trial.disease) for trial in world.trials}) == len(world.trials)
    counts = Counter(trial.verdict for trial in world.trials)
    for verdict, share in VERDICTS.items():
        assert counts[verdict] / len(world.trials) == pytest.approx(share, abs=0.01)


def test_dealt_values_come_as_often_as_their_shares_say():
    assert Counter(stratified_values(Random(0), {"yes": 0.55, "no": 0.34, "maybe": 0.11}, 100)) == {
        "yes": 55,
        "no": 34,
        "maybe": 11,
    }
    assert Counter(stratified_values(Random(0), {"a": 1, "b": 1, "c": 1}, 4)).total() == 4
