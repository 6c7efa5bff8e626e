"""Configurations are read from YAML; unknown, missing and out-of-bounds values are errors with a remedy."""

from __future__ import annotations

import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.pretraining import OBJECTIVES, pretraining_config
from blurbstudy.pretraining.config import CONFIGS, OBJECTIVE_NAMES
from blurbstudy.pretraining.objectives.electra import generator_architecture

from .conftest import TINY


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_configuration_is_valid(path):
    for objective in (None, *OBJECTIVES):
        config = pretraining_config(path.stem, objective)
        assert config == pretraining_config(path, objective)
        assert config.whole_word


def test_an_objective_block_overrides_shared_values():
    assert tuple(OBJECTIVES) == OBJECTIVE_NAMES
    values = TINY | {"electra": {"generator_size": 0.5, "steps": 7}}
    assert pretraining_config(values, "bert") == pretraining_config(values) == pretraining_config(TINY)
    electra = pretraining_config(values, "electra")
    assert (electra.generator_size, electra.steps, electra.width) == (0.5, 7, TINY["width"])


def test_base_and_large_have_the_values_of_gu_and_of_clark():
    base, large = (pretraining_config(name) for name in ("base", "large"))
    for config, layers, width in ((base, 12, 768), (large, 24, 1024)):
        assert (config.n_layers, config.width, config.vocab_size, config.max_length) == (layers, width, 30522, 512)
        assert (config.learning_rate, config.batch_size, config.steps, config.warmup_ratio) == (6e-4, 8192, 62500, 0.1)
    base, large = (pretraining_config(name, "electra") for name in ("electra-base", "electra-large"))
    assert (base.learning_rate, base.batch_size, base.steps, base.mask_rate) == (2e-4, 256, 766_000, 0.15)
    assert (large.learning_rate, large.batch_size, large.steps, large.mask_rate) == (2e-4, 2048, 400_000, 0.25)
    assert [round(config.warmup_ratio * config.steps, -2) for config in (base, large)] == [10_000, 10_000]
    assert [config.batch_tokens for config in (base, large)] == [0, 0]
    for original, name in ((base, "base"), (large, "large")):
        shared = pretraining_config(name, "electra")
        assert (original.generator_size, original.mask_rate) == (shared.generator_size, shared.mask_rate)
    for config in (base, large):  # both papers give 256 features in 4 heads
        generator = generator_architecture(config.architecture("electra", 30522), config.generator_size)
        assert (generator.width, generator.n_heads, generator.intermediate) == (256, 4, 1024)
        assert (generator.n_layers, generator.embedding_width) == (config.n_layers, config.width)


@pytest.mark.parametrize("name", ["small", "base", "large"])
def test_all_objectives_see_the_same_tokens_in_the_same_steps(name):
    configs = [pretraining_config(name, objective) for objective in OBJECTIVES]
    assert len({(config.steps, config.batch_tokens) for config in configs}) == 1
    assert configs[0].batch_tokens == {"small": 4096}.get(name, 8192 * 512)


def test_the_paper_masks_15_percent_of_whole_words():
    config = pretraining_config(TINY)
    assert (config.mask_rate, config.whole_word) == (0.15, True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widht": 8}, "unknown field 'widht'; did you mean 'width'"),
        ({"clip": 1.0}, "the configuration: field 'clip' is now 'max_grad_norm'; rename it"),
        ({"width": 33}, "width=33 must be a multiple of n_heads=2"),
        ({"max_length": 64}, "max_length=64 exceeds max_positions=48; lower it"),
        ({"mask_rate": 1.5}, "mask_rate=1.5 is out of bounds; use 0.01 to 0.9"),
        ({"steps": 2.5}, "steps=2.5 must be an integer from 1 to"),
        ({"learning_rate": "1e-3"}, "learning_rate='1e-3' must be a number from 0 to 1"),
        ({"whole_word": 1}, "whole_word=1 must be true or false"),
        ({"batch_tokens": 39}, "batch_tokens=39 is less than max_length=40; raise it, or use 0"),
        ({"generator_size": 3}, "generator_size=3 is out of bounds; use 0.01 to 1"),
        ({"electra_segments": 3}, "electra_segments=3 is out of bounds; use 1 to 2"),
        ({"electra": 0.25}, "electra must be a block; write `electra: {field: value}`"),
        ({"electra": {"sice": 1}}, "the configuration, electra: unknown field 'sice'"),
        ({"no-nsp": {"steps": 0}}, "steps=0 is out of bounds"),
    ],
)
def test_a_wrong_value_is_an_error(changes, message):
    with pytest.raises(ParameterError, match=message):
        pretraining_config(TINY | changes)


def test_a_missing_field_and_an_unknown_name_are_errors(tmp_path):
    with pytest.raises(ParameterError, match="missing steps; add a value for each"):
        pretraining_config({name: value for name, value in TINY.items() if name != "steps"})
    with pytest.raises(ParameterError, match="objective='gpt' is unknown; use bert, no-nsp, single"):
        pretraining_config(TINY, "gpt")
    with pytest.raises(
        ParameterError,
        match="'giant' is neither a known configuration nor a readable file; use base, electra-base, "
        "electra-large, large, mini, mini-large, small or small-large",
    ):
        pretraining_config("giant")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(ParameterError, match="expected lines of `field: value`, got a list"):
        pretraining_config(tmp_path / "list.yaml")
