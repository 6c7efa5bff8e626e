"""pretrain:OBJECTIVE with a configuration, a text, a length and a seed of its own."""

import json
from dataclasses import replace

import pytest

from blurbstudy.engine.sources.encoder_spec import PretrainSpec, read_pretrain_spec
from blurbstudy.engine.sources.resolve import encoders_to_pretrain
from blurbstudy.engine.sources.sources import PretrainingPlan
from blurbstudy.errors import ParameterError


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("pretrain:bert", PretrainSpec(objective="bert")),
        ("pretrain:electra@3", PretrainSpec(objective="electra", seed=3)),
        ("pretrain:bert?config=mini-large", PretrainSpec(objective="bert", config="mini-large")),
        (
            "pretrain:bert?config=x.yaml&corpus=/a/b.jsonl&tokens=500@2",
            PretrainSpec(objective="bert", config="x.yaml", corpus="/a/b.jsonl", tokens=500, seed=2),
        ),
    ],
)
def test_a_spec_says_what_is_to_be_pretrained(spec, expected):
    assert read_pretrain_spec("x", spec) == expected


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("pretrain:bert@x", "has no valid seed"),
        ("pretrain:bert?size=large", "has invalid options; after . use each of config, corpus, tokens"),
        ("pretrain:bert?config=", "has invalid options"),
        ("pretrain:bert?config=mini&config=small", "has invalid options"),
        ("pretrain:bert?tokens=many", "has invalid options"),
    ],
)
def test_a_spec_that_says_something_else_is_refused(spec, said):
    with pytest.raises(ParameterError, match=said):
        read_pretrain_spec("x", spec)


def test_what_a_spec_leaves_open_is_the_plans(mini_data):
    plan = PretrainingPlan(config="small", tokens=700)
    specs = {
        "plain": "pretrain:bert", "large": "pretrain:bert?config=mini-large&tokens=0", "other": "pretrain:bert@1",
        "general": "pretrain:bert?corpus=general", "given": "elsewhere",
    }  # fmt: skip
    wanted = encoders_to_pretrain(specs, folder=mini_data, plan=plan)
    assert set(wanted) == set(specs) - {"given"}
    plain = wanted["plain"]
    assert (plain.config, plain.tokens, plain.seed) == ("small", 700, 0)
    assert plain.corpus == (str(mini_data / "corpus.jsonl"),)
    assert wanted["large"] == replace(plain, config="mini-large", tokens=0)
    assert wanted["other"] == replace(plain, seed=1)
    assert wanted["general"] == replace(plain, corpus=wanted["general"].corpus)
    assert len({one.folder() for one in wanted.values()}) == 4


def test_general_text_is_no_text_of_mini_blurb(mini_data):
    (file,) = encoders_to_pretrain({"x": "pretrain:bert?corpus=general"}, folder=mini_data, plan=PretrainingPlan())[
        "x"
    ].corpus
    with open(file, encoding="utf-8") as lines:
        general = {sentence for line in lines for sentence in json.loads(line)["sentences"]}
    with (mini_data / "corpus.jsonl").open(encoding="utf-8") as lines:
        assert not general & {sentence for line in lines for sentence in json.loads(line)["sentences"]}
