"""The space of a search: the standard recipe is in it, what cannot be is refused, every recipe is another run."""

import pytest

from blurbstudy.config import Recipe
from blurbstudy.errors import ParameterError
from blurbstudy.search.space import TECHNIQUES, check_choices, search_space
from blurbstudy.stabilizers import Freeze, LayerwiseDecay, Reinitialize, stabilize

STANDARD = Recipe(epochs=20, learning_rate=3e-5)


def test_the_standard_recipe_is_first_whether_it_is_named_or_not():
    for rates in ([1e-5, 3e-5], [1e-5]):
        space = search_space(STANDARD, {"learning_rate": rates, "freeze": [6], "epochs": [5]}, segments=2)
        assert space.recipe(space.default) == space.recipe(space.params_at(0)) == STANDARD
        assert space.choices["learning_rate"] == (3e-5, 1e-5) and space.choices["freeze"] == (0, 6)


def test_parameters_are_a_recipe_with_its_techniques():
    names = {"learning_rate": [5e-5], "freeze": [2], "decay": [0.9], "reinit_layers": [1], "segment_ids": ["single"]}
    space = search_space(STANDARD, names, segments=2)
    params = {"learning_rate": 5e-5, "freeze": 2, "decay": 0.9, "reinit_layers": 1, "segment_ids": "single"}
    plain = STANDARD.replace(learning_rate=5e-5, segment_ids="single")
    assert space.recipe(params) == stabilize(plain, Freeze(2), LayerwiseDecay(0.9), Reinitialize(1))


def test_all_recipes_of_a_space_come_once_and_differ():
    choices = {"learning_rate": [1e-5, 5e-5], "freeze": ["embeddings", 3], "decay": [0.9], "reinit_layers": [1, 2]}
    space = search_space(STANDARD, choices, segments=2)
    recipes = [space.recipe(params) for params in space.iterate_from(5)]
    assert len(recipes) == space.size == 3 * 3 * 2 * 3 == len(set(recipes))


def test_segment_ids_are_no_choice_where_there_is_one_segment():
    assert "segment_ids" not in search_space(STANDARD, {"segment_ids": ["pair", "single"]}, segments=1).choices


def test_a_layer_that_would_be_frozen_and_fresh_is_refused_before_anything_runs():
    space = search_space(STANDARD, {"freeze": [0, 3], "reinit_layers": [0, 2]}, segments=2)
    space.check(5)
    with pytest.raises(ParameterError, match=r"freeze 3, decay 1.0, reinit_layers 2 cannot be combined: layer 3"):
        space.check(4)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"momentum": [1]}, "unknown dimension 'momentum'; use freeze"),
        ({"train_on_dev": [True]}, "unknown dimension 'train_on_dev'"),
        ({"learning_rate": 1e-5}, "must be a list of values"),
        ({"learning_rate": []}, "must be a list of values"),
        ({"segment_ids": "pair"}, "must be a list of values"),
        ({"learning_rate": [2.0]}, "learning_rate=2.0 is out of bounds"),
        ({"decay": [0]}, "layerwise_decay=0 is out of bounds"),
        ({"freeze": ["all"]}, "freeze='all' is unknown"),
    ],
)
def test_what_is_no_choice_is_named(choices, message):
    with pytest.raises(ParameterError, match=message):
        check_choices(choices)


def test_a_technique_that_is_left_out_leaves_no_trace():
    space = search_space(STANDARD, {name: [none] for name, (_, none) in TECHNIQUES.items()}, segments=2)
    assert space.size == 1 and space.recipe(space.default) == STANDARD
