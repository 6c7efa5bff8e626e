"""Values of parameters: wrong ones end in one clear line that names value and bound."""

import pytest
from blurbstudy.study.parameter_schema import check_values, read_seeds

from blurbstudy.errors import ParameterError


@pytest.mark.parametrize("given", ["0-2000000000", "1-9999,10001-10002", list(range(10_001)), 10_001, "9" * 5000])
def test_more_seeds_than_anyone_runs_are_refused_before_a_list_is_made(given):
    with pytest.raises(ParameterError, match="at most 10,000 seeds") as raised:
        read_seeds(given)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("freeze", -1, "freeze=-1 is out of bounds; use a whole number from 0"),
        ("freeze", "embedding", "freeze='embedding' is out of bounds"),
        ("epochs_long", 0, "epochs_long=0 is out of bounds; use a number from 0.01 to 1000"),
        ("learning_rate", "5e-5", "learning_rate='5e-5' is out of bounds"),
        ("batch_size", 1.5, "batch_size=1.5 is out of bounds; use a whole number"),
        ("combinations", 1, "combinations=1 is no switch; use true or false"),
        ("encoders", {}, "encoders={} is no set of encoders"),
        ("encoders", ["x"], "is no set of encoders"),
        ("tasks", [], "tasks=\\[\\] is no list of names"),
        ("scale", "huge", "scale='huge' is unknown; use mini or small or paper"),
        ("device", "tpu", "device='tpu' is unknown"),
        ("store", 3, "store=3 is no text"),
        ("encoder_remarks", {"BERT": 1}, "is no set of remarks"),
        ("workers", -1, "workers=-1 is out of bounds"),
        ("large_encoders", {}, "large_encoders={} is no set of encoders"),
        ("base_encoders", ["x"], "is no set of encoders"),
        ("twins", {"PubMedBERT-LARGE": None}, "is no table of names; use {LARGE encoder: BASE encoder}"),
        ("on_all_tasks", "BERT", "is no list of names"),
        ("seeds_otherwise", 0, "seeds_otherwise=0 is out of bounds; use a whole number from 1"),
        ("removed", 4, "removed=4 is no list of layers"),
        ("removed", [0, -2], "removed=-2 is out of bounds"),
        ("margin", "2", "margin='2' is out of bounds"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_value_and_bound(name, value, message):
    with pytest.raises(ParameterError, match=message):
        check_values({name: value})


def test_freezing_the_embeddings_alone_is_allowed():
    check_values({"freeze": "embeddings"})


@pytest.mark.parametrize(
    ("given", "seeds"),
    [(3, (1, 2, 3)), ([4, 2], (4, 2)), ("1-3", (1, 2, 3)), ("1,3,7", (1, 3, 7)), ("1-2,9", (1, 2, 9))],
)
def test_seeds_are_a_number_a_list_or_text(given, seeds):
    assert read_seeds(given) == seeds


@pytest.mark.parametrize("given", [0, -1, [], [1, 1], [1.5], "", "x", "3-1", "1-2-3", True, None, [-1], [True]])
def test_what_is_no_set_of_seeds_is_refused(given):
    with pytest.raises(ParameterError, match="is no set of seeds; use a number such as 5"):
        read_seeds(given)
