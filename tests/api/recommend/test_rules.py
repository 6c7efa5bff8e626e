"""Recommendations: every rule holds somewhere, every number is the paper's or a run's, and what is decided can run."""

from itertools import product

import pytest

from blurbstudy.api.recommend.evidence import paper_evidence, study_evidence
from blurbstudy.api.recommend.rules import chosen_by_rules, filled, recipe_of, rules, study_runs
from blurbstudy.api.recommend.task_profile import KINDS, Situation, size_of
from blurbstudy.config import Recipe
from blurbstudy.engine.zero_shot import ZeroShotScore
from blurbstudy.errors import ParameterError
from blurbstudy.stabilizers import check_recipe
from blurbstudy.stats.intervals import fisher_interval
from blurbstudy.tables.paper import paper_number
from blurbstudy.tasks.task import OUTPUT_TYPES

LAYERS = {"SMALL": 6, "BASE": 12, "LARGE": 24}


def plain(r, n=80):
    return ZeroShotScore(splits=("train", "dev"), n=n, score=r, interval=fisher_interval(r, n))


def at(kind="relation", train=64, size="BASE", family="mlm", **more):
    given = {"counted": train, "layers": LAYERS[size], "positions": 512, "sentence_tuned": False}
    given |= {"plain": plain(0.3)} if kind == "similarity" else {}
    return Situation(kind=kind, train=train, size=size, family=family, **(given | more))


EVERY = [
    at(kind, train, size, family, sentence_tuned=tuned)
    for kind, train, size, family, tuned in product(
        KINDS, (20, 64, 200, 670, 4_000, 30_000), LAYERS, ("mlm", "electra"), (False, True)
    )
]
VECTORS = [at("similarity", train, size, plain=plain(0.85)) for train, size in product((64, 5_000), LAYERS)]


def test_every_kind_size_and_encoder_has_a_recipe_that_fits_it():
    assert set(KINDS) == set(OUTPUT_TYPES)
    for situation in EVERY:
        choices = chosen_by_rules(situation)
        recipe = recipe_of(choices)
        check_recipe(recipe, situation.layers)
        assert {"stabilizers", "epochs", "learning_rate", "bias_correction", "max_length", "seeds"} <= {
            choice.field for choice in choices
        }
        assert all(choice.why and choice.source and "{" not in choice.why + choice.source for choice in choices)


def test_every_rule_is_the_one_that_counts_somewhere():
    used = {(c.field, str(c.value), c.source[:20]) for s in (*EVERY, *VECTORS) for c in chosen_by_rules(s)}
    halves = {"half": {6, 12, 3}}
    assert halves  # a value of half is a number of layers by then
    for rule in rules():
        assert any(field == rule.field and source == filled(rule.source, {})[:20] for field, _, source in used), rule


def technique(*args, **more):
    return dict(recipe_of(chosen_by_rules(at(*args, **more))).stabilizers)


def test_techniques_are_those_of_the_paper_and_only_for_small_sets():
    assert technique("question", 450) == {"freeze": {"layers": 6}}
    assert technique("question", 450, "LARGE") == {"layerwise_decay": {"factor": 0.9}}
    assert technique("question", 450, "BASE", "electra") == {"layerwise_decay": {"factor": 0.8}}
    for size, family in product(("BASE", "LARGE"), ("mlm", "electra")):
        assert technique("similarity", 64, size, family) == {"reinitialize": {"layers": 1}}
    assert technique("ner", 5_000) == technique("question", 450, "SMALL") == {}


def test_reasons_carry_the_papers_own_numbers():
    choices = {choice.field: choice for choice in chosen_by_rules(at("question", 450))}
    printed = [paper_number("table4", "BERT", setting, "QA") for setting in ("Baseline", "Layer freeze")]
    assert printed == [71.7, 76.3] and all(f"{number:g}" in choices["stabilizers"].why for number in printed)
    with pytest.raises(ParameterError, match="'table4/BERT/Baseline/NER' names no number"):
        filled("{table4/BERT/Baseline/NER}", {})


def test_what_nobody_measured_is_called_judgement_or_carried_over():
    small = {choice.field: choice for choice in chosen_by_rules(at("question", 450, "SMALL"))}
    assert small["stabilizers"].source == "judgement"
    ner = {choice.field: choice for choice in chosen_by_rules(at("ner", 200))}
    assert "carried over from question answering" in ner["stabilizers"].why
    assert "nobody has measured it for entities" in ner["stabilizers"].why


@pytest.mark.parametrize(
    ("situation", "head"),
    [
        (at("similarity"), "pooler"),
        (at("similarity", sentence_tuned=True), "cosine"),
        (at("similarity", plain=plain(0.84)), "cosine"),
        (at("similarity", plain=plain(0.84, n=12)), "pooler"),  # so few pairs leave .84 uncertain
        (at("question", sentence_tuned=True), "pooler"),
    ],
)
def test_a_cosine_head_is_for_encoders_whose_plain_cosine_is_good(situation, head):
    recipe = recipe_of(chosen_by_rules(situation))
    assert recipe.head == head and (head == "pooler" or not recipe.stabilizers)


def test_size_is_told_by_layers_and_their_weights_not_by_the_vocabulary():
    assert size_of({"width": 768, "n_layers": 12, "intermediate": 3072, "vocab_size": 250_000}) == "BASE"
    assert size_of({"width": 1024, "n_layers": 24, "intermediate": 4096}) == "LARGE"
    assert size_of({"width": 32, "n_layers": 24, "intermediate": 128}) == "LARGE"
    assert size_of({"width": 384, "n_layers": 6, "intermediate": 1536}) == "SMALL"


def test_the_papers_range_is_of_the_nearest_task_and_says_how_far_it_is():
    found = paper_evidence(at("similarity"), metric="pearson")
    assert (found.low, found.high, found.runs) == (75.5, 93.46, 0) and "about as many as yours" in found.words
    far = paper_evidence(at("ner", 200, counted=300), metric="entity_f1")
    assert "BC5-disease (4,182 mentions" in far.words and "no guide for so few, expect less" in far.words
    other = paper_evidence(at("relation", 4_000), metric="accuracy")
    assert "scored there by" in other.words and other.failed_interval is None


def test_runs_of_the_study_count_only_for_like_sizes_heads_and_encoders():
    found = study_evidence(at("similarity", 64, "SMALL"), head="pooler", recipe=Recipe())
    assert sorted((own.failed, own.runs) for own in found) == [(0, 5), (12, 20)]
    assert study_evidence(at("similarity", 64, "BASE"), head="pooler", recipe=Recipe()) == []
    assert study_evidence(at("similarity", 5_000, "SMALL"), head="pooler", recipe=Recipe()) == []
    for run in study_runs().values():
        assert run["failed"] <= run["runs"] >= run["seeds"] and set(run) == set(study_runs()["minilm-pair"])


@pytest.mark.parametrize(
    ("epochs", "rate", "first"), [(40, 5e-5, "40 epochs at 5e-5"), (10, 2e-5, "10 epochs at 2e-5")]
)
def test_the_studys_runs_of_the_recommended_recipe_stand_first(epochs, rate, first):
    recipe = Recipe(head="cosine", epochs=epochs, learning_rate=rate)
    found = study_evidence(at("similarity", 64, "SMALL"), head="cosine", recipe=recipe)
    assert len(found) == 2 and first in found[0].words
