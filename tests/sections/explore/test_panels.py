"""Controls where a frontend can ask its user something; elsewhere what they begin with, as it stays."""

from types import SimpleNamespace

import pytest

from blurbstudy.config import Recipe
from blurbstudy.sections.explore import panels
from blurbstudy.sections.explore.catalog import read_store
from blurbstudy.sections.explore.depth import TechniqueSelection
from blurbstudy.sections.explore.widgets import ComparisonPanel, DepthPanel
from blurbstudy.store.run_store import RunStore
from blurbstudy.tables.table import FIGURES_MIME


@pytest.fixture
def ask(monkeypatch):
    """The next cells are sent with this content."""

    def sent(content):
        shell = SimpleNamespace(get_parent=lambda: {"content": content})
        monkeypatch.setattr(panels, "get_ipython", lambda: shell)

    return sent


def test_jupyterlab_has_controls_and_papermill_what_they_begin_with(make_catalog, ask):
    catalog = make_catalog({"Baseline": [90, 92, 91], "Layer freeze": [80, 85, 82]})
    ask({"allow_stdin": True})
    depth = panels.depth_panel(catalog, TechniqueSelection(), task="BIOSSES", recipe=Recipe())
    comparison = panels.comparison_panel(catalog)
    assert isinstance(depth, DepthPanel) and isinstance(comparison, ComparisonPanel)
    ask({"allow_stdin": False})
    still = panels.depth_panel(catalog, TechniqueSelection(), task="BIOSSES", recipe=Recipe())
    assert still._repr_html_() == depth.picture.value
    assert panels.comparison_panel(catalog)._repr_html_() == comparison.result.value


def test_without_a_kernel_nobody_attends(monkeypatch):
    monkeypatch.setattr(panels, "get_ipython", lambda: None)
    assert not panels.is_attended()


def test_stills_are_listed_one_by_one_and_an_empty_store_is_a_sentence(make_catalog, tmp_path):
    shown = panels.store_panel(make_catalog({"Baseline": [90, 92], "Layer freeze": [80, 85]}), None)
    bundle = shown._repr_mimebundle_()
    titles = [info["title"] for info in bundle[FIGURES_MIME]]
    assert titles == ["Every run of these settings, by seed", "These settings in numbers"]
    assert all(f'id="{info["id"]}"' in bundle["text/html"] for info in bundle[FIGURES_MIME])
    empty = read_store(RunStore(tmp_path / "empty"), remedy="Fill it.")
    assert panels.store_panel(empty, None).text == "This run store has no runs yet. Fill it."
