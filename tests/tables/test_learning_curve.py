"""A learning curve in words and as a figure: what doubling bought, and a forecast only with its caveats."""

import re

import numpy as np
import pytest

from blurbstudy.stats.seeds.learning_curve import learning_curve
from blurbstudy.tables.learning_curve import FORECAST_CAVEATS, curve_figure, curve_rows, curve_table, curve_text

GOLD = ["yes", "no"] * 100
SHARES, SIZES = (0.125, 0.25, 0.5, 1.0), (100, 200, 400, 800)


@pytest.fixture
def curve(make_reference, make_record):
    def make(means):
        generator = np.random.default_rng(3)
        flip = {"yes": "no", "no": "yes"}

        def answers(mean):
            wrong = round(200 * (1 - mean)) + int(generator.integers(-2, 3))
            return [flip[g] if i < wrong else g for i, g in enumerate(GOLD)]

        runs = {
            share: [make_record(s, task="BioASQ", test=answers(mean)) for s in range(5)]
            for share, mean in zip(SHARES[-len(means) :], means, strict=True)
        }
        return learning_curve(runs, dict(zip(SHARES, SIZES, strict=True)), {"BioASQ": make_reference("BioASQ", GOLD)})

    return make


def test_a_forecast_has_its_caveats_beside_it(curve):
    found = curve([0.7, 0.76, 0.8, 0.83])
    lines = curve_text(found)
    assert [row[:2] for row in curve_rows(found)] == [("1/8", "100"), ("1/4", "200"), ("1/2", "400"), ("all", "800")]
    assert lines[0] == "learning curve, scores on test" and lines[-2].startswith("from half of train to all of it: +")
    assert lines[-1].startswith("twice the labels (1,600) are expected to add +") and FORECAST_CAVEATS in lines[-1]
    assert curve_table(found).notes[-1] == lines[-1] and curve_figure(found).notes[-1] == lines[-1]


def test_a_decision_says_what_it_can_see(curve):
    undecided = curve([0.7, 0.76, 0.8, 0.8])
    line = curve_text(undecided)[-2]
    assert ": undecided; such a study shows differences from " in line
    better = curve([0.7, 0.75, 0.8, 0.9])
    assert ": better" in curve_text(better)[-2]


def test_without_a_law_the_reason_is_given(curve):
    found = curve([0.8, 0.83])
    assert curve_text(found)[-1] == "no forecast: a power law needs 4 sizes, here are 2"
    figure = curve_figure(found)
    assert "400 examples 80" in figure.alt
    assert not any("power law" in key.text for key in figure.keys)


def test_the_figure_has_every_draw_their_mean_and_the_law_within_its_axes(curve):
    figure = curve_figure(curve([0.7, 0.76, 0.8, 0.83]))
    (panel,) = figure.panels
    shown = panel.svg()
    assert shown.count("<circle") == 20 and [key.text.split(",")[0] for key in figure.keys] == [
        "a draw",
        "mean of the draws that did not collapse",
        "the power law",
    ]
    for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', shown):
        assert panel.box_left < float(x) < panel.box_right and panel.box_top < float(y) < panel.box_bottom
    assert all(f">{size}</text>" in shown for size in ("100", "200", "400", "800", "1,600"))
