"""Configurations are read from YAML; what is unknown, missing or out of bounds is named with its remedy."""

from __future__ import annotations

import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.pretraining import pretraining_config
from blurbstudy.pretraining.settings import CONFIGS

from .conftest import TINY


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_shipped_is_valid(path):
    assert pretraining_config(path.stem) == pretraining_config(path)


def test_the_paper_masks_15_percent_of_whole_words():
    config = pretraining_config(TINY)
    assert (config.mask_rate, config.whole_word) == (0.15, True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widht": 8}, "unknown field 'widht'; known: vocab_size"),
        ({"width": 33}, "width=33 is no multiple of n_heads=2"),
        ({"max_length": 64}, "max_length=64 exceeds max_positions=48; use at most that"),
        ({"mask_rate": 1.5}, "mask_rate=1.5 is out of bounds; use 0.01 to 0.9"),
        ({"steps": 2.5}, "steps=2.5 is no whole number; use 1 to"),
        ({"learning_rate": "1e-3"}, "learning_rate='1e-3' is no number; use 0 to 1"),
        ({"whole_word": 1}, "whole_word=1 is no switch; use true or false"),
    ],
)
def test_a_wrong_value_is_refused(changes, message):
    with pytest.raises(ParameterError, match=message):
        pretraining_config(TINY | changes)


def test_a_missing_field_and_an_unknown_name_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="lacks steps; give each a value"):
        pretraining_config({name: value for name, value in TINY.items() if name != "steps"})
    with pytest.raises(ParameterError, match="config='giant' is neither known nor a file .*; known: mini"):
        pretraining_config("giant")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(ParameterError, match="holds no mapping"):
        pretraining_config(tmp_path / "list.yaml")
