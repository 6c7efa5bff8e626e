"""Values of parameters: wrong ones end in one clear line that names value, bound and meaning."""

import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.sections import get_section
from blurbstudy.study.parameter_types import read_seeds
from blurbstudy.study.parameters import scale_parameters


@pytest.mark.parametrize("given", ["0-2000000000", "1-9999,10001-10002", list(range(10_001)), 10_001, "9" * 5000])
def test_more_seeds_than_anyone_runs_are_refused_before_a_list_is_made(given):
    with pytest.raises(ParameterError, match="at most 10,000 distinct seeds") as raised:
        read_seeds(given)
    assert len(str(raised.value)) < 250


def parse(notebook, **changes):
    return get_section(notebook).Parameters.parse(scale_parameters("mini", notebook) | changes)


@pytest.mark.parametrize(
    ("notebook", "name", "value", "message"),
    [
        ("03_layer_adaptation", "freeze", -1, "freeze.*=-1: must be greater than or equal to 0"),
        ("03_layer_adaptation", "freeze", "embedding", "freeze.*='embedding': .*did you mean 'embeddings'"),
        ("02_optimization_ablation", "epochs_long", 0, "epochs_long=0: must be greater than or equal to 0.01"),
        ("02_optimization_ablation", "learning_rate", "5e-5", "learning_rate='5e-5': must be a valid number"),
        ("02_optimization_ablation", "batch_size", 1.5, "batch_size=1.5: must be a valid integer"),
        ("03_layer_adaptation", "combinations", 1, "combinations=1: must be a valid boolean"),
        ("03_layer_adaptation", "encoders", {}, "encoders={}: .*at least 1"),
        ("03_layer_adaptation", "encoders", ["x"], "encoders=.*mapping"),
        ("03_layer_adaptation", "tasks", [], "tasks=.*at least 1"),
        ("03_layer_adaptation", "tasks", ["GAD", "GAD"], "tasks=.*'GAD' only once"),
        ("03_layer_adaptation", "scale", "huge", "scale='huge': must be 'mini', 'small' or 'paper'"),
        ("03_layer_adaptation", "device", "tpu", "device='tpu': must be 'auto', 'cpu' or 'cuda'"),
        ("03_layer_adaptation", "store", 3, "store=3: must be a valid string; store is: folder of the run store"),
        ("03_layer_adaptation", "encoder_remarks", {"BERT": 1}, "encoder_remarks.BERT=1: must be a valid string"),
        ("03_layer_adaptation", "workers", -1, "workers=-1: must be greater than or equal to 0"),
        ("03_layer_adaptation", "workers", True, "workers=True: must be a valid integer"),
        ("03_layer_adaptation", "seeds", 0, "seeds=0: expected a number such as 5"),
        (
            "04_large_models",
            "base_counterparts",
            {"PubMedBERT-LARGE": None},
            "base_counterparts.PubMedBERT-LARGE=None: must be a valid string",
        ),
        ("04_large_models", "on_all_tasks", "BERT", "must be a list; write -p on_all_tasks '.BERT.'"),
        ("03_layer_adaptation", "tasks", "BIOSES", "tasks='BIOSES': must be a list; write -p tasks '.BIOSSES.'"),
        ("04_large_models", "seeds_otherwise", 0, "seeds_otherwise=0: must be greater than or equal to 1"),
        ("05_pruning", "removed", 4, "removed=4: must be a list; write -p removed '.4.'"),
        ("05_pruning", "removed", [0, -2], "removed.1=-2: must be greater than or equal to 0"),
        ("05_pruning", "pretraining", {"config": "mini"}, "pretraining.corpus=.*field required"),
        ("06_state_of_the_art", "search_space", {"nonsense": [1]}, "unknown dimension 'nonsense'"),
        ("08_claims", "margin", "2", "margin='2': must be a valid number"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_value_and_bound(notebook, name, value, message):
    with pytest.raises(ParameterError, match=message):
        parse(notebook, **{name: value})


def test_freezing_the_embeddings_alone_is_allowed():
    assert parse("03_layer_adaptation", freeze="embeddings").freeze == "embeddings"


@pytest.mark.parametrize(
    ("given", "seeds"),
    [
        (3, (1, 2, 3)),
        ("3", (1, 2, 3)),
        ("7-7", (7,)),
        ([4, 2], (4, 2)),
        ("1-3", (1, 2, 3)),
        ("1,3,7", (1, 3, 7)),
        ("1-2,9", (1, 2, 9)),
    ],
)
def test_seeds_are_a_number_a_list_or_text(given, seeds):
    assert read_seeds(given) == seeds


@pytest.mark.parametrize("given", [0, "0", -1, [], [1, 1], [1.5], "", "x", "3-1", "1-2-3", True, None, [-1], [True]])
def test_what_is_no_set_of_seeds_is_refused(given):
    with pytest.raises(ParameterError, match="expected a number such as 5"):
        read_seeds(given)
