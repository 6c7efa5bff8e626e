"""Suggestions: the choice that a wrong word is most like, or all of them."""

from __future__ import annotations

import pytest

from blurbstudy.errors import ParameterError, any_of, check_choice, closest

NOTEBOOKS = ("03_layer_adaptation", "04_large_models", "05_pruning")


@pytest.mark.parametrize(
    ("word", "known", "suggestion"),
    [
        ("BIOSES", ("BIOSSES", "BioASQ"), "BIOSSES"),
        ("bioasq", ("BIOSSES", "BioASQ"), "BioASQ"),
        ("03_layer", NOTEBOOKS, "03_layer_adaptation"),  # less than half of it, but it begins no other
        ("05", NOTEBOOKS, "05_pruning"),
        ("0", NOTEBOOKS, None),
        ("", NOTEBOOKS, None),
        ("gpu", ("auto", "cpu", "cuda"), "cuda"),  # though cpu is spelt more like it
        ("tpu", ("auto", "cuda"), None),
    ],
)
def test_the_closest_word_is_the_one_that_was_meant(word, known, suggestion):
    assert closest(word, known) == suggestion


@pytest.mark.parametrize(("names", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a or b"), ("abc", "a, b or c")])
def test_choices_are_listed_in_words(names, text):
    assert any_of(names) == text


def test_a_wrong_choice_is_suggested_or_all_are_listed():
    check_choice("scale", "mini", ("mini", "small"))
    with pytest.raises(ParameterError, match=r"^scale='smal' is unknown; did you mean 'small'\?$"):
        check_choice("scale", "smal", ("mini", "small"))
    with pytest.raises(ParameterError, match="^scale='huge' is unknown; use mini or small$"):
        check_choice("scale", "huge", ("mini", "small"))
    with pytest.raises(ParameterError, match=f"^scale='{'x' * 60}' is unknown"):
        check_choice("scale", "x" * 61, ("mini", "small"))
