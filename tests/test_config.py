"""Recipes and run ids."""

import dataclasses

import pytest

from blurbstudy.config import (
    TRAINER_REVISION,
    Recipe,
    RunConfig,
    fingerprint,
    load_recipe,
    recipe_from_dict,
    run_config_from_dict,
)
from blurbstudy.errors import ParameterError


def make_config(**changes) -> RunConfig:
    values = dict(task="BIOSSES", data_fingerprint="d", encoder_fingerprint="e", recipe=Recipe(), seed=1) | changes
    return RunConfig(**values)


def test_equal_runs_have_equal_ids_however_they_are_written():
    whole, fraction = (
        Recipe(epochs=20, stabilizers={"freeze": {"layers": 1}}),
        Recipe(epochs=20.0, stabilizers={"freeze": {"layers": 1}}),
    )
    assert make_config(recipe=whole).id == make_config(recipe=fraction).id
    assert make_config(encoder_name="for people").id == make_config().id


@pytest.mark.parametrize(
    "change",
    [
        {"task": "BioASQ"},
        {"data_fingerprint": "x"},
        {"encoder_fingerprint": "x"},
        {"seed": 2},
        {"precision": "bfloat16"},
        *(
            {"recipe": Recipe(**r)}
            for r in (
                {"epochs": 3},
                {"learning_rate": 1e-5},
                {"batch_size": 8},
                {"dropout": 0.0},
                {"adam_epsilon": 1e-8},
                {"max_grad_norm": 0.0},
                {"bias_correction": False},
                {"segment_ids": "single"},
                {"checkpoint_selection": "best_dev"},
                {"head": "gelu"},
                {"class_weights": "balanced"},
                {"class_weights": {"yes": 2}},
                {"focal_gamma": 2},
                {"threshold": "dev"},
                {"checkpoint_selection": "best_dev", "early_stopping": 3},
                {"stabilizers": {"freeze": {"layers": 1}}},
            )
        ),
    ],
)
def test_every_setting_that_determines_the_outcome_is_in_the_id(change):
    assert make_config(**change).id != make_config().id


def test_a_config_survives_the_round_trip():
    config = make_config(recipe=Recipe(stabilizers={"reinitialize": {"layers": 2, "pooler": True}}))
    assert run_config_from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs=0 is out of bounds; use 0.01 to 1000"),
        ({"learning_rate": float("nan")}, "learning_rate=nan is out of bounds"),
        ({"batch_size": 2.5}, "batch_size=2.5 must be a whole number"),
        ({"dropout": True}, "dropout=True is out of bounds"),
        ({"bias_correction": "yes"}, "bias_correction='yes' must be true or false"),
        ({"checkpoint_selection": "first"}, "checkpoint_selection='first' is unknown; use last or best_dev"),
        ({"checkpoint_selection": "best_dev", "train_on_dev": True}, "needs a dev split"),
        ({"threshold": "dev", "train_on_dev": True}, "threshold='dev' needs a dev split, but train_on_dev is on"),
        ({"early_stopping": 3}, "early_stopping keeps the best weights on dev; set checkpoint_selection=best_dev"),
        (
            {"early_stopping": 9, "checkpoint_selection": "best_dev"},
            "n_evaluations=10 are too few for early_stopping=9 to stop a run; use at least 11",
        ),
        ({"class_weights": "balancd"}, "class_weights='balancd' is unknown; did you mean 'balanced'?"),
        ({"class_weights": {"yes": 0}}, "class_weights: the weight 0 of 'yes' is out of bounds; use 1e-6 to 1e6"),
        ({"class_weights": {True: 2}}, "class_weights: True is no label; write it in quotes, such as 'yes': 2"),
        ({"focal_gamma": -1}, "focal_gamma=-1 is out of bounds; use 0 to 10"),
        ({"lerning_rate": 1e-5}, "unknown recipe field 'lerning_rate'; did you mean 'learning_rate'"),
        ({"clip": 1.0}, "recipe field 'clip' is now 'max_grad_norm'; rename it"),
        ({"stabilizers": ["freeze"]}, "stabilizers=.* must be a mapping"),
        ({"stabilizers": {"freeze": 3}}, "stabilizer 'freeze': expected freeze: {option: value}, got 3"),
    ],
)
def test_a_wrong_recipe_names_value_bound_and_remedy(values, message):
    with pytest.raises(ParameterError, match=message):
        recipe_from_dict(values)


def test_recipes_are_read_from_yaml(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("epochs: 30\nlearning_rate: 5.0e-5\nstabilizers:\n  freeze: {layers: 6}\n")
    assert load_recipe(path) == Recipe(epochs=30, learning_rate=5e-5, stabilizers={"freeze": {"layers": 6}})
    path.write_text("epochs: [\n")
    with pytest.raises(ParameterError, match="is not valid YAML"):
        load_recipe(path)
    path.write_text("- epochs\n")
    with pytest.raises(ParameterError, match="expected lines of `field: value`"):
        load_recipe(path)
    path.write_bytes(b"\xff\xfe\x00epochs")
    with pytest.raises(ParameterError, match="is not valid YAML"):
        load_recipe(path)
    path.write_text("1: 2\na: 3\n")
    with pytest.raises(ParameterError, match="unknown recipe field '1'"):
        load_recipe(path)
    path.write_text("stabilizers: {freeze: {layers: 2024-01-01}}\n")
    with pytest.raises(ParameterError, match="freeze: 'layers' is datetime.date"):
        load_recipe(path)
    with pytest.raises(ParameterError, match="cannot be read"):
        load_recipe(tmp_path / "none.yaml")


def test_a_rate_written_as_yaml_1_1_reads_it_is_explained(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("learning_rate: 5e-5\n")  # YAML 1.1 takes this for text: it wants 5.0e-5
    assert load_recipe(path).learning_rate == 5e-5


@pytest.mark.parametrize("seed", [-1, 2**31, 1.0, True])
def test_seeds_are_whole_numbers(seed):
    with pytest.raises(ParameterError, match="seed="):
        make_config(seed=seed)


def test_an_id_covers_only_what_differs_from_the_defaults():
    values = {"task": "BIOSSES", "data_fingerprint": "d", "encoder_fingerprint": "e", "seed": 1}
    expected = fingerprint(values | {"recipe": {"epochs": 3.0}, "trainer_revision": TRAINER_REVISION})
    assert make_config(recipe=Recipe(epochs=3)).id == expected
    changed = fingerprint(values | {"recipe": {}, "precision": "bfloat16", "trainer_revision": TRAINER_REVISION})
    assert make_config(precision="bfloat16").id == changed


def test_what_is_off_by_default_leaves_ids_and_values_as_they_were_before_it_existed():
    off = {"class_weights": "none", "focal_gamma": 0, "threshold": "fixed", "early_stopping": 0}
    assert Recipe(**off) == Recipe() and not Recipe().to_dict().keys() & off.keys()
    assert make_config().id == "0de6c45535d4f9ccda4a" and Recipe(class_weights={}) == Recipe()
    on = {"class_weights": {"b": 2.0, "1": 3.0}, "focal_gamma": 2.0, "threshold": "dev", "early_stopping": 3}
    recipe = Recipe(**on | {"class_weights": {"b": 2, 1: "3"}}, checkpoint_selection="best_dev")
    assert {name: recipe.to_dict()[name] for name in on} == on
    assert (
        recipe_from_dict(recipe.to_dict()) == recipe and recipe.replace(**off, checkpoint_selection="last") == Recipe()
    )


def test_a_field_of_a_later_version_is_refused_by_name():
    with pytest.raises(ParameterError, match="unknown field 'flavor' of a run"):
        run_config_from_dict(make_config().to_dict() | {"flavor": 2})


def test_folds_are_in_the_id_only_of_runs_that_have_them():
    """An official run's id and values are as before there were folds; each fold of each repeat has its own id."""
    official = RunConfig(task="BIOSSES", data_fingerprint="d", encoder_fingerprint="e", recipe=Recipe(), seed=1)
    assert not official.to_dict().keys() & {"n_folds", "fold", "repeat"}
    runs = [
        dataclasses.replace(official, n_folds=n, fold=fold, repeat=repeat)
        for n in (5, 6)
        for fold in range(2)
        for repeat in range(2)
    ]
    assert len({run.id for run in (official, *runs)}) == 9
    assert all(run_config_from_dict(run.to_dict()) == run and run.on_official_split() == official for run in runs)


@pytest.mark.parametrize("fields", [{"n_folds": 5, "fold": 5}, {"n_folds": 1}, {"fold": 1}, {"repeat": 1}])
def test_a_fold_is_one_of_its_folds(fields):
    with pytest.raises(ParameterError, match="use 2 folds or more, numbered from 0"):
        RunConfig(task="t", data_fingerprint="d", encoder_fingerprint="e", recipe=Recipe(), seed=1, **fields)
