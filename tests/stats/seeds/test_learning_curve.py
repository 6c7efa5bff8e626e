"""Learning curves: the power law against scipy and known laws, the doubling against the comparison of cells."""

import numpy as np
import pytest
import scipy.optimize

from blurbstudy.stats.seeds.learning_curve import fit_power_laws, learning_curve
from blurbstudy.stats.summary import compare

SIZES = np.array([100.0, 200.0, 400.0, 800.0])
SHARES = (0.125, 0.25, 0.5, 1.0)
GOLD = ["yes", "no"] * 100


def test_an_exact_law_is_found():
    limit, slope, exponent = fit_power_laws(SIZES, (0.9 - 2.0 * SIZES**-0.5)[None])[0]
    assert (limit, slope, exponent) == pytest.approx((0.9, 2.0, 0.5), rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_fit_is_least_squares(seed):
    generator = np.random.default_rng(seed)
    scores = 0.85 - 1.5 * SIZES**-0.4 + generator.normal(0, 0.01, 4)
    limit, slope, exponent = fit_power_laws(SIZES, scores[None])[0]
    error = ((scores - limit + slope * SIZES**-exponent) ** 2).sum()

    def loss(values):
        return ((scores - values[0] + values[1] * SIZES ** -values[2]) ** 2).sum()

    bounds = [(0, 1), (0, 50), (0.05, 2)]
    found = scipy.optimize.differential_evolution(loss, bounds, seed=1, tol=1e-12, maxiter=3000)
    assert error <= found.fun + 1e-5  # the grid's step


def test_a_flat_or_falling_curve_gains_nothing():
    laws = fit_power_laws(SIZES, np.array([[0.8] * 4, [0.8, 0.78, 0.76, 0.75]]))
    assert laws[:, 1] == pytest.approx([0.0, 0.0], abs=1e-9) and laws[:, 0] == pytest.approx([0.8, 0.7725])


def answers(n_wrong):
    flip = {"yes": "no", "no": "yes"}
    return [flip[g] if i < n_wrong else g for i, g in enumerate(GOLD)]


@pytest.fixture
def references(make_reference):
    return {"BioASQ": make_reference("BioASQ", GOLD)}


def runs_at(make_record, means, *, draws=5):
    generator = np.random.default_rng(3)
    return {
        share: [
            make_record(seed, task="BioASQ", test=answers(round(200 * (1 - mean)) + int(generator.integers(-2, 3))))
            for seed in range(1, draws + 1)
        ]
        for share, mean in zip(SHARES, means, strict=True)
    }


def test_the_curve_of_runs(make_record, references):
    means = 0.9 - 2.0 * SIZES**-0.5
    runs = runs_at(make_record, means)
    curve = learning_curve(runs, dict(zip(SHARES, SIZES, strict=True)), references)
    assert [point.share for point in curve.points] == list(SHARES)
    assert [point.summary.mean for point in curve.points] == pytest.approx(list(means), abs=0.02)
    assert curve.doubling == compare([[runs[1.0], runs[0.5]]], references)
    low, high = curve.forecast_interval
    truth = 2.0 * (800**-0.5 - 1600**-0.5)  # 2.1 points
    assert low < truth < high and curve.forecast == pytest.approx(truth, abs=0.02)
    assert curve.law.at(1600) - curve.law.at(800) == pytest.approx(curve.forecast)


def test_collapsed_runs_count_and_are_not_fitted(make_record, references):
    runs = runs_at(make_record, [0.7, 0.75, 0.8, 0.82])
    lost = [make_record(1, task="BioASQ", test=["yes"] * 200), *runs[0.125][1:]]
    curve = learning_curve(runs | {0.125: lost}, dict(zip(SHARES, SIZES, strict=True)), references)
    assert curve.points[0].summary.collapsed == 1 and curve.law is not None
    few = [make_record(s, task="BioASQ", test=["yes"] * 200) for s in range(1, 4)] + runs[0.125][3:]
    curve = learning_curve(runs | {0.125: few}, dict(zip(SHARES, SIZES, strict=True)), references)
    assert curve.law is None and "0.125 of train" in curve.reason


def test_three_sizes_have_no_law(make_record, references):
    runs = runs_at(make_record, [0.7, 0.75, 0.8, 0.82])
    del runs[0.125]
    curve = learning_curve(runs, dict(zip(SHARES, SIZES, strict=True)), references)
    assert curve.law is None and curve.reason == "a power law needs 4 sizes, here are 3" and curve.doubling.n == 5


@pytest.mark.parametrize("means", [[0.9, 0.8, 0.75, 0.7], [0.5, 0.9, 0.9, 0.9]])
def test_a_curve_without_the_shape_of_a_law_has_no_forecast(make_record, references, means):
    curve = learning_curve(runs_at(make_record, means), dict(zip(SHARES, SIZES, strict=True)), references)
    assert curve.law is None and curve.forecast_interval is None and "do not rise as a power law" in curve.reason


def test_a_forecast_stays_within_what_the_score_can_be(make_record, references):
    curve = learning_curve(
        runs_at(make_record, [0.8, 0.9, 0.95, 0.97]), dict(zip(SHARES, SIZES, strict=True)), references
    )
    low, high = curve.forecast_interval
    assert low < curve.forecast < high <= 1 - curve.points[-1].summary.mean + 1e-12
