"""Recommendations: every kind, size and encoder gets a valid recipe whose reasons quote the paper or recorded runs."""

import math
from itertools import product

import pytest

from blurbstudy.api.recommend.decision import SEEDS, study_runs
from blurbstudy.api.recommend.evidence import bundled_runs, paper_results
from blurbstudy.api.recommend.rules import MIN_STEPS, apply_rules, recipe_of
from blurbstudy.api.recommend.task_profile import KINDS, TaskProfile, size_of
from blurbstudy.config import Recipe
from blurbstudy.engine.zero_shot import ZeroShotScore
from blurbstudy.inference.model_directory.heads import HEADS
from blurbstudy.models import Architecture
from blurbstudy.stabilizers import check_recipe
from blurbstudy.stats.intervals import fisher_interval
from blurbstudy.tables.paper import paper_number
from blurbstudy.tasks.task import OUTPUT_TYPES
from blurbstudy.training.schedule import total_steps

LAYERS = {"SMALL": 6, "BASE": 12, "LARGE": 24}


def zero_shot(r, n=80):
    return ZeroShotScore(splits=("train", "dev"), n=n, score=r, interval=fisher_interval(r, n))


def profile(kind="relation", train=64, size="BASE", family="mlm", **more):
    values = {"size_in_units": train, "layers": LAYERS[size], "positions": 512, "sentence_tuned": False}
    values |= {"zero_shot": zero_shot(0.3)} if kind == "similarity" else {}
    return TaskProfile(kind=kind, train=train, size=size, family=family, **(values | more))


EVERY = [
    profile(kind, train, size, family, sentence_tuned=tuned)
    for kind, train, size, family, tuned in product(
        KINDS, (20, 64, 200, 670, 4_000, 30_000), LAYERS, ("mlm", "electra"), (False, True)
    )
]
GOOD_ZERO_SHOT = [
    profile("similarity", train, size, zero_shot=zero_shot(0.85)) for train, size in product((64, 5_000), LAYERS)
]


def decisions_of(*args, **more):
    return {decision.field: decision for decision in apply_rules(profile(*args, **more))}


def test_every_kind_size_and_encoder_has_a_valid_recipe():
    assert set(KINDS) == set(OUTPUT_TYPES)
    for case in (*EVERY, *GOOD_ZERO_SHOT):
        decisions = apply_rules(case)
        check_recipe(recipe_of(decisions), case.layers)
        fields = [decision.field for decision in decisions]
        assert len(fields) == len(set(fields))
        assert {"stabilizers", "epochs", "learning_rate", "bias_correction", "max_length", SEEDS} <= set(fields)
        assert ("head" in fields) == (case.kind not in ("ner", "pico"))
        assert all(decision.why and decision.source for decision in decisions)


def stabilizers(*args, **more):
    return dict(recipe_of(apply_rules(profile(*args, **more))).stabilizers)


def test_stabilizers_are_those_of_the_paper_and_only_for_small_datasets():
    assert stabilizers("question", 450) == {"freeze": {"layers": 6}}
    assert stabilizers("question", 450, "LARGE") == {"layerwise_decay": {"factor": 0.9}}
    assert stabilizers("question", 450, "BASE", "electra") == {"layerwise_decay": {"factor": 0.8}}
    for size, family in product(("BASE", "LARGE"), ("mlm", "electra")):
        assert stabilizers("similarity", 64, size, family) == {"reinitialize": {"layers": 1}}
    assert stabilizers("ner", 5_000) == stabilizers("question", 450, "SMALL") == {}


@pytest.mark.parametrize("train", [50, 160, 450, 999, 1_000])
def test_nothing_is_frozen_for_entities_but_named_for_comparison(train):
    decision = decisions_of("ner", train)["stabilizers"]
    assert decision.value == {} and "compare with freeze: {layers: " in decision.why
    frozen, plain = (study_runs()[name]["test"] for name in ("minilm-ner-160-frozen", "minilm-ner-160"))
    assert f"gives {frozen:g} instead of {plain:g}" in decision.why


SIZES = [*range(8, 130), *(round(130 * 1.02**i) for i in range(300)), 299, 999, 19_999]  # old thresholds among them


@pytest.mark.parametrize("family", ["mlm", "electra"])
@pytest.mark.parametrize(("kind", "tuned"), [(kind, False) for kind in KINDS] + [("similarity", True)])
def test_one_more_example_never_changes_a_recipe_much(kind, tuned, family):
    for size, train in product(LAYERS, SIZES):
        cases = [profile(kind, n, size, family, sentence_tuned=tuned) for n in (train, train + 1)]
        decisions = [apply_rules(case) for case in cases]
        recipes = [recipe_of(of_case) for of_case in decisions]
        steps = [total_steps(recipe, case.train) for recipe, case in zip(recipes, cases, strict=True)]
        assert min(steps) >= MIN_STEPS and abs(math.log(steps[1] / steps[0])) < 0.02
        assert abs(math.log(recipes[1].learning_rate / recipes[0].learning_rate)) < 0.05  # two digits
        seeds = [d.value for of_case in decisions for d in of_case if d.field == SEEDS]
        frozen = [recipe.stabilizers.get("freeze", {}).get("layers", 0) for recipe in recipes]
        decay = [recipe.stabilizers.get("layerwise_decay", {}).get("factor", 1.0) for recipe in recipes]
        assert abs(seeds[1] - seeds[0]) <= 1 >= abs(frozen[1] - frozen[0]) and abs(decay[1] - decay[0]) < 0.02


@pytest.mark.parametrize(
    ("case", "steps", "learning_rate"),
    [
        (("similarity", 64), 500, 2e-5),
        (("relation", 16), 500, 2e-5),
        (("question", 450), 600, 2e-5),
        (("question", 450, "BASE", "electra"), 600, 1e-4),
        (("question", 450, "LARGE", "electra"), 600, 5e-5),
        (("question", 450, "SMALL"), 600, 1e-4),
        (("ner", 3_000), 1_880, 5e-5),
        (("ner", 30_000), 9_375, 5e-5),
        (("ner", 4_000, "LARGE"), 2_200, 2e-5),
        (("document", 30_000), 37_500, 3e-5),
        (("relation", 4_000), 2_200, 3e-5),
    ],
)
def test_steps_and_learning_rates(case, steps, learning_rate):
    recipe = recipe_of(apply_rules(profile(*case)))
    assert total_steps(recipe, case[1]) == pytest.approx(steps, rel=0.05) and recipe.learning_rate == learning_rate


@pytest.mark.parametrize(
    ("train", "size", "steps", "learning_rate"),
    [(64, "SMALL", 500, 5e-5), (64, "BASE", 500, 2e-5), (640, "SMALL", 500, 2e-5), (6_000, "SMALL", 1_500, 2e-5)],
)
def test_steps_and_learning_rates_with_a_cosine_head(train, size, steps, learning_rate):
    recipe = recipe_of(apply_rules(profile("similarity", train, size, sentence_tuned=True)))
    assert (recipe.head, recipe.learning_rate) == ("cosine", learning_rate)
    assert total_steps(recipe, train) == pytest.approx(steps, rel=0.02)


def test_scores_of_pairs_are_centered_except_for_cosines():
    assert recipe_of(apply_rules(profile("similarity"))).center_scores
    assert "center_scores" not in decisions_of("similarity", sentence_tuned=True)
    assert "center_scores" not in decisions_of("relation")


def test_reasons_quote_the_paper():
    printed = [paper_number("table4", "BERT", setting, "QA") for setting in ("Baseline", "Layer freeze")]
    assert printed == [71.7, 76.3]
    assert "freezing takes BERT from 71.7 to 76.3" in decisions_of("question", 450)["stabilizers"].why


def test_unmeasured_choices_are_called_judgement_or_carried_over():
    assert decisions_of("question", 450, "SMALL")["stabilizers"].source == "judgement"
    why = decisions_of("relation", 200)["stabilizers"].why
    assert "carried over from question answering" in why
    assert "there is no measurement for classification of sentences with so few examples" in why
    assert decisions_of("relation", 200)["epochs"].source == "judgement"


@pytest.mark.parametrize(
    ("case", "head"),
    [
        (profile("similarity"), "pooler"),
        (profile("similarity", sentence_tuned=True), "cosine"),
        (profile("similarity", zero_shot=zero_shot(0.84)), "cosine"),
        (profile("similarity", zero_shot=zero_shot(0.84, n=12)), "pooler"),  # 12 pairs leave 0.84 uncertain
        (profile("question", sentence_tuned=True), "pooler"),
    ],
)
def test_a_cosine_head_is_for_encoders_with_a_good_zero_shot_cosine(case, head):
    recipe = recipe_of(apply_rules(case))
    assert recipe.head == head and (head == "pooler" or not recipe.stabilizers)


def test_encoder_size_depends_on_layers_and_their_parameters_not_on_the_vocabulary():
    def size(n_layers, width, vocab_size=30_522):
        return size_of(
            Architecture(
                family="bert",
                vocab_size=vocab_size,
                n_layers=n_layers,
                width=width,
                n_heads=2,
                intermediate=4 * width,
            )
        )

    assert size(12, 768, vocab_size=250_000) == "BASE"
    assert size(24, 1024) == "LARGE" and size(24, 32) == "LARGE" and size(6, 384) == "SMALL"


def test_paper_results_are_from_the_task_of_nearest_size_and_compare_the_sizes():
    result = paper_results(profile("similarity"), metric="pearson")
    assert (result.low, result.high, result.runs) == (75.5, 93.46, 0)
    assert "about as many as yours" in result.description
    small = paper_results(profile("ner", 200, size_in_units=300), metric="entity_f1")
    assert "BC5-disease (4,182 mentions" in small.description
    assert "no guide for so few, expect less" in small.description
    other = paper_results(profile("relation", 4_000), metric="accuracy")
    assert "scored there by" in other.description and other.collapse_interval is None


def test_bundled_runs_have_comparable_sizes_heads_and_encoders():
    runs = bundled_runs(profile("similarity", 64, "SMALL"), head="pooler", recipe=Recipe())
    assert [(run.collapsed, run.failed, run.runs) for run in runs] == [(0, 0, 5)]
    constant = bundled_runs(profile("question", 450, "SMALL"), head="pooler", recipe=Recipe())
    assert [(run.collapsed, run.failed, run.runs) for run in constant] == [(12, 12, 12)]
    assert bundled_runs(profile("similarity", 64, "BASE"), head="pooler", recipe=Recipe()) == []
    assert bundled_runs(profile("similarity", 5_000, "SMALL"), head="pooler", recipe=Recipe()) == []
    assert len(bundled_runs(profile("ner", 4_560, "SMALL"), head="token", recipe=Recipe())) == 1
    for run in study_runs().values():
        assert run["head"] in ("none", *HEADS)
        assert run["collapsed"] <= run["failed"] <= run["runs"] >= run["seeds"]
        assert set(run) == set(study_runs()["minilm-pair"])


@pytest.mark.parametrize(
    ("epochs", "rate", "first"), [(40, 5e-5, "40 epochs at 5e-5"), (10, 2e-5, "10 epochs at 2e-5")]
)
def test_bundled_runs_of_the_recommended_recipe_come_first(epochs, rate, first):
    recipe = Recipe(head="cosine", epochs=epochs, learning_rate=rate)
    runs = bundled_runs(profile("similarity", 64, "SMALL"), head="cosine", recipe=recipe)
    assert len(runs) == 2 and first in runs[0].description
