"""Figures: drawn from the stabilizers themselves, the same bytes for the same data, and told in words as well."""

import base64
import re

from blurbstudy.config import Recipe
from blurbstudy.stabilizers import Freeze, LayerwiseDecay, Reinitialize, RemoveLayers, depth_plan, stabilize
from blurbstudy.tables.figure import SeedScores, depth_figure, points_figure, seeds_figure


def plans(**settings):
    return {name: depth_plan(stabilize(Recipe(), *used), 4) for name, used in settings.items()}


def texts(figure):
    """What matplotlib writes as a comment beside each text that it draws as paths."""
    return re.findall(r"<!-- (.*?) -->", figure.svg)


def test_the_depth_figure_writes_each_depths_rate_factor():
    shown = texts(depth_figure(plans(decay=[LayerwiseDecay(0.5)])))
    assert [text for text in shown if re.fullmatch(r"[\d.]+", text)] == ["0.031", "0.062", "0.12", "0.25", "0.5", "1"]


def test_frozen_depths_are_zero_and_re_initialized_ones_are_new():
    shown = texts(depth_figure(plans(both=[Freeze(2), Reinitialize(1)])))
    assert shown.count("0") == 3 and shown.count("1 new") == 2


def test_the_depth_figure_is_told_in_words():
    alt = depth_figure(plans(freeze=[Freeze(1)], cut=[RemoveLayers(1)])).alt
    assert "freeze: rate factors 1 to 1; embeddings, layer 1 frozen." in alt and "cut:" in alt


def test_the_same_plans_give_the_same_bytes():
    assert depth_figure(plans(a=[Freeze(1)])).svg == depth_figure(plans(a=[Freeze(1)])).svg


def test_seeds_are_told_in_words_with_failures_and_the_papers_number():
    points = SeedScores(
        label="Baseline", scores=[90.0, None, 80.0], collapsed=[False, True, False], paper=71.7, trivial=60.0
    )
    alt = points_figure({"BERT": [points]}, title="t").alt
    assert "BERT, Baseline: 3 seeds, 80.0 to 90.0, 1 collapsed, the paper 71.7." in alt


def test_the_mean_is_that_of_the_table():
    """Of the runs that did not collapse, where there are any."""
    of = {"label": "Baseline", "scores": [90.0, None, 80.0, 10.0]}
    assert SeedScores(**of, collapsed=[False, True, False, True]).mean == 85
    assert SeedScores(**of, collapsed=[True] * 4).mean == 60
    assert SeedScores(label="Baseline", scores=[None], collapsed=[True]).mean is None


def test_encoders_without_runs_have_no_panel_unless_none_has(make_results):
    groups = {"groups": ("BERT", "ELECTRA"), "missing_reasons": {"ELECTRA": "not released"}}
    assert "ELECTRA" not in seeds_figure(make_results({"Baseline": [90]}, **groups), title="t", paper="table4").alt
    none = make_results({"Baseline": [90]}, missing={"Baseline"}, **groups)
    assert "ELECTRA" in seeds_figure(none, title="t", paper="table4").alt


def test_a_figure_is_whole_in_itself_and_escapes_its_texts(make_results):
    figure = seeds_figure(make_results({"<b>": [90, 91]}), title="<i>", paper="table4")
    html = figure._repr_html_()
    assert 'src="data:image/svg+xml;base64,' in html and "<i>" not in html and "<b>" not in html
    svg = base64.b64decode(re.search(r"base64,([^\"]+)", html)[1]).decode()
    assert not re.search(r"(href|src)=[\"'](?!#|data:)", svg)


def test_dollar_signs_in_names_are_no_formula():
    names = ["A $\\frac{1}$ b", "x^{$", "$x^{$", "$\\nonsense$"]
    points = SeedScores(label="$\\frac{$", scores=[90.0], collapsed=[False])
    shown = "".join(texts(points_figure({name: [points] for name in names}, title="$x^{$")))
    assert all(name in shown for name in names)
    assert "$x^{$" in "".join(texts(depth_figure(plans(**{"$x^{$": [Freeze(1)]}))))
