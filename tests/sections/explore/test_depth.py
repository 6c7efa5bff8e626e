"""Figure 1 for what is picked: it follows encoder, task and techniques, and tells what the store knows of them."""

import re

import pytest

from blurbstudy.config import Recipe
from blurbstudy.sections.explore.depth import (
    GENERIC,
    TechniqueSelection,
    default_encoder,
    depth_picture,
    encoder_layers,
)
from blurbstudy.tables.table import Remark
from blurbstudy.tasks import get_task

BASE = "any BASE encoder"


@pytest.fixture
def picture(make_catalog):
    catalog = make_catalog({"Baseline": [90, 92]})

    def draw(*, encoder=BASE, task="BioASQ", recipe=None, **techniques):
        recipe = recipe or Recipe(learning_rate=1e-5)
        return depth_picture(
            catalog, TechniqueSelection(**techniques), encoder=encoder, task=get_task(task), recipe=recipe
        )

    return draw


def texts(figure):
    return re.findall(r"<text[^>]*>(.*?)</text>", figure.svg)


def test_the_picture_follows_the_encoders_layers(picture):
    for name, layers in GENERIC.items():
        shown = texts(picture(encoder=name))
        assert f"layer {layers}" in shown and f"layer {layers + 1}" not in shown


def test_the_picture_follows_the_techniques(picture):
    shown = texts(picture(freeze=3, decay=0.5))
    assert shown.count("frozen") == 4  # embeddings and three layers of what is picked
    assert "0.5" in shown and "0.25" in shown
    assert "re-initialized" in picture(reinit_layers=2).alt
    assert picture(remove_layers=4).alt != picture().alt


def test_the_picture_follows_the_task(picture):
    """A head over words has no pooler, so none can start anew."""
    whole, words = (picture(task=task, reinit_pooler=True) for task in ("BioASQ", "BC5-chem"))
    assert "pooler, head" in texts(whole) and "1, new" in texts(whole)
    assert "token head" in texts(words) and "1, new" not in texts(words)


def test_what_contradicts_itself_is_a_sentence_instead_of_a_picture(picture):
    said = picture(freeze=12, reinit_layers=1)
    assert isinstance(said, Remark)
    assert said.text.startswith("These techniques cannot be combined: layer 12 is both frozen and re-initialized")
    assert "freeze=13 exceeds the encoder's 12 layers" in picture(freeze=13).text


def test_peak_rates_are_those_of_the_depths_that_move(picture):
    notes = " ".join(picture(decay=0.5, recipe=Recipe(learning_rate=1e-3)).notes)
    assert "Peak learning rate 1.2e-07 to 0.001" in notes  # 1e-3 x 0.5^13
    assert "0.001 at every trained depth" in " ".join(picture(recipe=Recipe(learning_rate=1e-3)).notes)


def test_the_first_step_without_bias_correction_is_longer_by_adams_own_factor(picture):
    assert any("3.2 times as long" in note for note in picture(bias_correction=False).notes)  # .1 / sqrt(.001)
    assert not any("times as long" in note for note in picture().notes)


def test_the_stores_runs_with_just_these_techniques_are_told(make_catalog):
    catalog = make_catalog({"Baseline": [90, 92]})

    def said(techniques):
        task = get_task("BioASQ")
        from blurbstudy.sections.explore.depth import describe_matching_runs

        return describe_matching_runs(catalog, techniques.on(Recipe(), task=task), encoder="BERT", task=task)

    assert said(TechniqueSelection()) == [
        "In the store: No technique: mean 91.00, worst 90.00 over 2 seeds, 0 collapsed."
    ]
    nothing = ["The store has no run of BERT on BioASQ with this selection."]
    assert said(TechniqueSelection(freeze=1)) == said(TechniqueSelection(bias_correction=False)) == nothing


def test_without_any_encoder_there_is_one_to_look_at(make_catalog):
    catalog = make_catalog({"Baseline": [90]})
    assert default_encoder(catalog) == BASE and encoder_layers(catalog) == GENERIC
