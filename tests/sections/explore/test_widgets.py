"""Controls are tied to what they show; a fine-tuning moves and stops while the event loop stays free."""

import asyncio
import dataclasses
import time

import pytest

from blurbstudy.config import Recipe
from blurbstudy.sections import explore as section
from blurbstudy.sections.explore.catalog import open_catalog, read_store
from blurbstudy.sections.explore.controls import SearchList
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
    assert "These techniques cannot be combined" in panel.picture.value and "<svg" not in panel.picture.value


def test_the_store_is_filtered_and_a_run_is_followed(make_catalog, study):
    panel = StorePanel(make_catalog({"Baseline": [90, 92], "Layer freeze": [80, 85]}), study)
    assert len(panel.group.options) == 2 and panel.seed.value == 1
    assert "another version of BioASQ" in panel.predictions.value  # these runs are of no data that are here
    panel.words.value = "2e-05"
    assert [name for name, _ in panel.group.options] == ["BERT · BioASQ · No technique, rate 2e-05"]
    panel.words.value = "nothing of the kind"
    shown = [panel.matches.value, panel.runs.value, panel.curves.value, panel.predictions.value]
    assert panel.group.options == () and "".join(shown).count("No setting") == 1
    assert panel.next.disabled and panel.previous.disabled and panel.one_run.layout.display == "none"
    panel.words.value = ""
    assert len(panel.group.options) == 2 and panel.one_run.layout.display == "flex"


def test_a_long_list_is_searched_by_words_and_searching_changes_nothing():
    seen = []
    chosen = SearchList("Setting", [(f"BERT · BIOSSES · rate {i}e-5", i) for i in range(1, 200)])
    chosen.observe(lambda change: seen.append(change["new"]), "value")
    assert chosen.selected == chosen.list.value == 1 and chosen.count.value == "199 of 199"
    chosen.words.value = "17e rate"
    assert [value for _, value in chosen.list.options] == [17, 117] and chosen.count.value == "2 of 199"
    assert chosen.selected == 1 and chosen.list.value is None and seen == []
    chosen.list.value = 117
    assert chosen.selected == 117 and seen == [117]
    chosen.words.value = "no such words"
    assert chosen.list.options == () and chosen.list.disabled and chosen.selected == 117
    chosen.words.value = ""
    assert chosen.list.value == 117 and not chosen.list.disabled and seen == [117]
    chosen.set_options([("other", 300)])
    assert chosen.selected == chosen.list.value == 300


def test_an_empty_store_is_a_sentence_in_every_panel(study):
    empty = open_catalog(study)
    for html in (StorePanel(empty, study).runs.value, ComparisonPanel(empty).result.value):
        assert "This run store has no runs yet. To fill it: blurbstudy run --scale mini" in html
    assert "<svg" in DepthPanel(empty, TechniqueSelection(), task="BIOSSES", recipe=Recipe()).picture.value


def test_what_came_into_the_store_is_read_again(make_catalog, study):
    filled = make_catalog({"Baseline": [90, 92]})
    panel = StorePanel(open_catalog(study), study)
    panel.study.store = filled.store
    panel.reload.click()
    assert [name for name, _ in panel.group.options] == ["BERT · BioASQ · No technique"]


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
        await until(lambda: "<svg" in panel.picture.value)
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
