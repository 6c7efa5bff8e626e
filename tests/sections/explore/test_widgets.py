"""Controls are tied to what they show; a fine-tuning moves and stops while the event loop stays free."""

import asyncio
import dataclasses
import time

import pytest

from blurbstudy.config import Recipe
from blurbstudy.sections import explore as section
from blurbstudy.sections.explore.catalog import open_catalog, read_store
from blurbstudy.sections.explore.depth import TechniqueSelection
from blurbstudy.sections.explore.widgets import ComparisonPanel, DepthPanel, LivePanel, StorePanel
from blurbstudy.store.run_store import RunStore
from blurbstudy.study.parameters import scale_parameters
from blurbstudy.study.study import Study


@pytest.fixture
def study(tmp_path, tiny_encoder):
    return Study(
        section,
        scale_parameters("mini", section.NOTEBOOK)
        | {"store": str(tmp_path / "store"), "encoders": {"BERT": str(tiny_encoder)}},
    )


def test_the_picture_follows_every_control(make_catalog):
    panel = DepthPanel(make_catalog({"Baseline": [90]}), TechniqueSelection(), task="BIOSSES", recipe=Recipe())
    seen = {panel.picture.value}
    for control, value in (
        (panel.encoder, "any LARGE encoder"),
        (panel.task, "BC5-chem"),
        (panel.techniques.freeze, "embeddings"),
        (panel.techniques.decay, 0.75),
        (panel.techniques.reinit, 2),
        (panel.techniques.remove, 3),
        (panel.techniques.bias, False),
    ):
        control.value = value
        assert panel.picture.value not in seen, control.description
        seen.add(panel.picture.value)
    assert panel.techniques.value == TechniqueSelection(
        freeze="embeddings", decay=0.75, reinit_layers=2, remove_layers=3, bias_correction=False
    )


def test_what_does_not_fit_a_shallower_encoder_is_taken_back(make_catalog):
    panel = DepthPanel(make_catalog({"Baseline": [90]}), TechniqueSelection(), task="BIOSSES", recipe=Recipe())
    panel.encoder.value = "any LARGE encoder"
    panel.techniques.freeze.value, panel.techniques.reinit.value = 20, 0
    panel.encoder.value = "any BASE encoder"
    assert panel.techniques.value.freeze == 12 and "Figure 1 for any BASE encoder" in panel.picture.value


def test_a_contradiction_is_a_sentence_in_the_place_of_the_picture(make_catalog):
    panel = DepthPanel(make_catalog({"Baseline": [90]}), TechniqueSelection(), task="BIOSSES", recipe=Recipe())
    panel.techniques.freeze.value, panel.techniques.reinit.value = 12, 1
    assert "These techniques cannot be combined" in panel.picture.value and "<img" not in panel.picture.value


def test_the_store_is_filtered_and_a_run_is_followed(make_catalog, study):
    panel = StorePanel(make_catalog({"Baseline": [90, 92], "Layer freeze": [80, 85]}), study)
    assert len(panel.group.options) == 2 and panel.seed.value == 1
    assert "another version of BioASQ" in panel.predictions.value  # these runs are of no data that are here
    panel.words.value = "2e-05"
    assert [name for name, _ in panel.group.options] == ["BERT · BioASQ · Baseline, rate 2e-05"]
    panel.words.value = "nothing of the kind"
    assert panel.group.options == () and panel.predictions.value == "" and "No setting" in panel.runs.value


def test_an_empty_store_is_a_sentence_in_every_panel(study):
    empty = open_catalog(study)
    for html in (StorePanel(empty, study).runs.value, ComparisonPanel(empty).result.value):
        assert "This run store has no runs yet. To fill it: blurbstudy run --scale mini" in html
    assert "<img" in DepthPanel(empty, TechniqueSelection(), task="BIOSSES", recipe=Recipe()).picture.value


def test_what_came_into_the_store_is_read_again(make_catalog, study):
    filled = make_catalog({"Baseline": [90, 92]})
    panel = StorePanel(open_catalog(study), study)
    panel.study.store = filled.store
    panel.reload.click()
    assert [name for name, _ in panel.group.options] == ["BERT · BioASQ · Baseline"]


def test_choosing_another_setting_changes_the_comparison(make_catalog):
    catalog = make_catalog({"a": [90, 92, 91], "b": [80, 85, 82], "c": [70, 73, 75]})
    panel = ComparisonPanel(catalog)
    seen = panel.result.value
    panel.second.value = next(key for _, key in panel.second.options if key != panel.second.value)
    assert panel.result.value != seen and "pairs" in panel.result.value


async def until(condition):
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


def test_a_run_moves_and_stops_while_the_loop_stays_free(study):
    recipe = Recipe(epochs=1000, batch_size=1, max_length=48, n_evaluations=200)

    async def use():
        panel = LivePanel(study, open_catalog(study), task="BIOSSES", recipe=recipe)
        panel.start.click()
        assert panel.start.disabled and not panel.stop.disabled
        await until(lambda: "<img" in panel.picture.value)
        first, at = panel.picture.value, panel.bar.value
        await until(lambda: panel.picture.value != first)
        assert panel.bar.value > at
        panel.stop.click()
        await panel.watching
        assert "It left no record in the store" in panel.status.value
        assert panel.stop.disabled and not panel.start.disabled

    asyncio.run(use())
    assert len(study.store) == 0 and read_store(study.store).unreadable == ()


def test_a_run_that_ends_is_in_the_store(study):
    recipe = Recipe(epochs=1, max_length=48, n_evaluations=2)

    async def use():
        panel = LivePanel(study, open_catalog(study), task="BIOSSES", recipe=recipe)
        panel.start.click()
        await until(lambda: "Finished" in panel.status.value)
        return panel

    panel = asyncio.run(use())
    (group,) = read_store(RunStore(study.store.folder)).groups
    assert group.runs[1].id in panel.status.value and panel.bar.value == 1.0


def test_what_cannot_be_started_is_told(study, monkeypatch):
    encoders = dict.fromkeys(study.parameters.encoders)
    study.parameters = study.parameters.model_copy(update={"encoders": encoders})
    panel = LivePanel(study, open_catalog(study), task="BIOSSES", recipe=Recipe())
    assert panel.start.disabled and "No encoder of this study has a path" in panel.status.value
    assert dataclasses.is_dataclass(panel.techniques.value)
