"""Calibration error, Brier score and risk by coverage against plain formulas, scikit-learn and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import brier_score_loss

from blurbstudy.inference.calibration import ALL, TEMPERATURE, Calibration
from blurbstudy.stats.calibration.fit import fit_binary_temperature
from blurbstudy.stats.calibration.reliability import (
    Outcomes,
    bins_of,
    changes,
    coverage_rows,
    error_values,
    reliability_rows,
)
from blurbstudy.stats.intervals import wilson_interval


def outcomes(p, happened, *, units=None):
    unit = np.arange(len(p)) if units is None else np.asarray(units)
    n = np.ones(len(p), bool)
    return Outcomes(
        probability=np.asarray(p), happened=np.asarray(happened, bool), unit=unit, n_units=unit.max() + 1, predicted=n
    )


def overconfident(n, seed, *, sharpness=3.0):
    """Stated probabilities whose log-odds are too large by a factor, and what happened."""
    generator = np.random.default_rng(seed)
    odds = generator.normal(1.0, 1.0, size=n)
    return expit(sharpness * odds), generator.random(n) < expit(odds)


def test_ece_is_the_mean_gap_over_bins_of_equal_mass():
    p, happened = overconfident(600, 1)
    order = np.argsort(p)
    parts = np.array_split(order, 15)
    expected = sum(len(part) * abs(p[part].mean() - happened[part].mean()) for part in parts) / 600
    found = error_values(outcomes(p, happened))
    assert (found["bins"], found["ece"][0]) == (15, pytest.approx(expected))


def test_the_brier_score_is_that_of_scikit_learn():
    p, happened = overconfident(300, 2)
    assert error_values(outcomes(p, happened))["brier"][0] == pytest.approx(brier_score_loss(happened, p))


def test_equal_probabilities_share_a_bin_and_few_have_few_bins():
    assert len(set(bins_of(np.repeat([0.2, 0.9], [30, 270])))) == 2
    assert bins_of(np.linspace(0, 1, 60)).max() + 1 == 3
    assert bins_of(np.linspace(0, 1, 7)).max() + 1 == 1


def test_perfect_probabilities_show_the_ece_that_is_expected_of_them():
    generator = np.random.default_rng(3)
    p = generator.beta(4, 1, size=400)
    drawn = [error_values(outcomes(p, generator.random(400) < p)) for _ in range(15)]
    assert np.mean([one["ece"][0] for one in drawn]) == pytest.approx(drawn[0]["ece_of_perfect"], rel=0.15)


def test_a_fitted_temperature_lowers_the_errors_on_other_data_and_the_interval_shows_it():
    temperature = fit_binary_temperature(*overconfident(500, 4))
    p, happened = overconfident(1500, 5)
    after = Calibration(method=TEMPERATURE, maps={ALL: np.array([temperature])}).binary(p)
    assert temperature == pytest.approx(3.0, rel=0.3)
    before, found = outcomes(p, happened), outcomes(after, happened)
    change = changes(before, found)
    for name in ("ece", "brier"):
        value, (low, high) = change[name]
        assert value == pytest.approx(error_values(found)[name][0] - error_values(before)[name][0])
        assert low < value < high < 0


def test_the_interval_resamples_whole_units():
    """Of copies of each event within one unit, the interval is that of single events; as units of their own it is
    narrower."""
    p, happened = overconfident(200, 6)
    copied, units = (np.repeat(p, 9), np.repeat(happened, 9)), np.repeat(np.arange(200), 9)
    alone, together, apart = (
        error_values(one)["brier"][1]
        for one in (outcomes(p, happened), outcomes(*copied, units=units), outcomes(*copied))
    )
    assert together == pytest.approx(alone)
    assert (apart[1] - apart[0]) == pytest.approx((alone[1] - alone[0]) / 3, rel=0.15)


def test_few_units_have_no_interval():
    p, happened = overconfident(390, 7)
    assert error_values(outcomes(p, happened, units=np.arange(390) % 39))["ece"][1] is None
    assert error_values(outcomes(p, happened, units=np.arange(390) % 40))["ece"][1] is not None


def test_intervals_of_errors_cover_the_true_one_about_as_often_as_they_say():
    p, happened = overconfident(100_000, 8)
    wrong, covered = 1 - happened.mean(), 0
    for seed in range(60):
        found = outcomes(*overconfident(100, 100 + seed))
        low, high = found.shares(~found.happened, np.ones((100, 1), bool))[0][1]
        covered += low <= wrong <= high
    assert 52 <= covered <= 60


def test_coverage_and_error_by_minimum_and_wilson_where_nothing_is_wrong():
    p = np.repeat([0.55, 0.75, 0.97], 40)
    happened = np.concatenate([np.arange(40) % 2 == 0, np.arange(40) % 4 > 0, np.ones(40, bool)])
    rows = {row["minimum"]: row for row in coverage_rows(outcomes(p, happened), n_gold=200)}
    assert [rows[m]["kept"] for m in (0.0, 0.6, 0.8)] == [120, 80, 40] and 0.99 not in rows
    assert [rows[m]["error"] for m in (0.0, 0.6, 0.8)] == [0.25, 0.125, 0.0]
    assert (rows[0.6]["coverage"], rows[0.6]["found"]) == (80 / 120, 70 / 200)
    assert rows[0.8]["interval"] == pytest.approx((0.0, 0.0876), abs=1e-3)
    assert rows[0.0]["interval"][0] < 0.25 < rows[0.0]["interval"][1]


def test_where_all_are_right_the_interval_counts_documents_not_their_predictions():
    found = outcomes(np.full(200, 0.9), np.ones(200), units=np.arange(200) // 20)
    (row,) = reliability_rows(found)
    assert row["interval"] == pytest.approx(wilson_interval(10, 10)) and row["interval"][0] < 0.75
    assert coverage_rows(found)[0]["interval"] == pytest.approx(wilson_interval(0, 10))


def test_reliability_has_a_row_per_bin():
    p, happened = overconfident(300, 9)
    rows = reliability_rows(outcomes(p, happened))
    assert sum(row["n"] for row in rows) == 300
    assert sum(row["n"] * row["happened"] for row in rows) == pytest.approx(happened.sum())
    assert all(row["interval"][0] <= row["happened"] <= row["interval"][1] for row in rows)


def test_a_temperature_of_one_changes_nothing_and_log_odds_are_divided():
    p = np.array([0.0, 1e-9, 0.3, 0.5, 0.999, 1.0])
    one, two = (Calibration(method=TEMPERATURE, maps={ALL: np.array([t])}) for t in (1.0, 2.0))
    assert one.binary(p) == pytest.approx(p)
    assert logit(two.binary(p[1:-1])) == pytest.approx(logit(p[1:-1]) / 2)
