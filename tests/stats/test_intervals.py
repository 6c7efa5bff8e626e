"""Intervals and tests against scipy, worked examples and simulated coverage."""

import math

import numpy as np
import pytest
import scipy.stats

from blurbstudy.stats.intervals import (
    binomial_lower_bound,
    clip_interval,
    fisher_interval,
    holm,
    mixture_interval,
    percentile_interval,
    student_interval,
    student_lower_bound,
    student_p,
    t_interval,
    wilson_interval,
)
from blurbstudy.stats.resampling import bootstrap_of_sums, unit_sums


def test_fishers_interval_is_scipys(correlated):
    for n, r in [(16, 0.2), (20, 0.93), (100, -0.5)]:
        x, y = correlated(n, r)
        expected = scipy.stats.pearsonr(x, y).confidence_interval(0.95)
        assert fisher_interval(r, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_r_of_93_at_20_pairs_means_83_to_97():
    low, high = fisher_interval(0.93, 20)
    assert (round(low, 2), round(high, 2)) == (0.83, 0.97)


def test_correlations_at_the_edge_have_intervals():
    assert fisher_interval(1.0, 20) == (1.0, 1.0)
    assert fisher_interval(-1.0, 20) == (-1.0, -1.0)
    assert fisher_interval(0.9, 3) == (-1.0, 1.0)


@pytest.mark.parametrize(("successes", "n"), [(0, 5), (3, 20), (20, 20), (250, 500)])
def test_wilsons_interval_is_scipys(successes, n):
    expected = scipy.stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
    assert wilson_interval(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert wilson_interval(0, 0) is None


@pytest.mark.parametrize(("successes", "n"), [(0, 16), (1, 16), (33, 50), (68, 75), (75, 75)])
def test_the_bound_of_a_proportion_is_clopper_and_pearsons(successes, n):
    expected = scipy.stats.binomtest(successes, n, alternative="greater").proportion_ci(0.95, method="exact")
    assert binomial_lower_bound(successes, n) == pytest.approx(expected.low, abs=1e-12)


def test_students_interval_of_a_mean_is_scipys():
    values = np.random.default_rng(0).normal(size=8)
    bounds = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert t_interval(values.tolist()) == pytest.approx((bounds.low, bounds.high))
    assert t_interval([0.5]) is None


def test_degrees_of_freedom_need_not_be_whole():
    assert student_interval(0.5, error=0.1, df=2.54) == pytest.approx(scipy.stats.t.interval(0.95, 2.54, 0.5, 0.1))
    low, high = student_interval(0.5, error=0.1, df=2.54, confidence=1 - student_p(0.5, error=0.1, df=2.54))
    assert low == pytest.approx(0, abs=1e-12) and high == pytest.approx(1)  # p is where the interval meets 0
    assert student_lower_bound(0.5, error=0.1, df=2.54) == pytest.approx(scipy.stats.t.ppf(0.05, 2.54, 0.5, 0.1))


def test_holm_on_a_worked_example():
    # Sorted .005, .01, .03, .04 times 4, 3, 2, 1 is .02, .03, .06, .04; each at least the one before: .06 for the last.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_leaves_out_what_has_no_test_and_stops_at_one():
    assert holm([None, 0.6, 0.7, None]) == [None, 1.0, 1.0, None]
    assert holm([]) == []
    assert holm([0.02]) == [0.02]


def test_the_bootstrap_interval_of_an_accuracy_covers_as_often_as_it_says():
    generator = np.random.default_rng(2)
    units = [str(i) for i in range(100)]
    covered = 0
    for _ in range(400):
        predicted = ["yes" if right else "no" for right in generator.random(100) < 0.7]
        low, high = percentile_interval(
            bootstrap_of_sums("accuracy", unit_sums("accuracy", ("yes",) * 100, tuple(predicted), tuple(units), ()))
        )
        covered += low <= 0.7 <= high
    assert 0.90 <= covered / 400 <= 0.985


def test_intervals_are_cut_to_what_a_score_can_be():
    assert clip_interval((-2.68, 2.87), low=0.0) == (0.0, 1.0)
    assert clip_interval((-2.68, 0.5), low=-1.0) == (-1.0, 0.5)
    assert clip_interval((1.2, 1.4), low=0.0) == (1.0, 1.0)
    assert clip_interval(None, low=0.0) is None


def test_two_runs_have_no_mixture_interval():
    assert mixture_interval([0.8, 0.9], [0.1], n=3, trivial=0.0, low=0.0) is None


def mixture_by_draws(healthy, collapsed, trivial, draws=200_000):
    """Quantiles of (1 - p) h + p c, drawn by scipy's distributions."""
    k, n = len(collapsed), len(healthy) + len(collapsed)
    generator = np.random.default_rng(9)
    sem = scipy.stats.sem
    rate = scipy.stats.beta.rvs(k + 0.5, n - k + 0.5, size=draws, random_state=generator)
    h = scipy.stats.t.rvs(n - k - 1, np.mean(healthy), sem(healthy), size=draws, random_state=generator)
    c = np.mean(collapsed) if k else trivial
    if k > 1:
        c = scipy.stats.t.rvs(k - 1, c, sem(collapsed), size=draws, random_state=generator)
    return tuple(np.quantile((1 - rate) * h + rate * c, [0.025, 0.975]))


@pytest.mark.parametrize("collapsed", [[0.1], [0.1, 0.2, 0.05], [0.0, 0.1, 0.2, 0.3, 0.1]])
def test_a_mixture_is_that_of_many_draws(collapsed):
    healthy = [0.85, 0.9, 0.88, 0.91, 0.87]
    found = mixture_interval(healthy, collapsed, n=5 + len(collapsed), trivial=0.0, low=-1.0)
    assert found == pytest.approx(mixture_by_draws(healthy, collapsed, 0.0), abs=0.01)


def test_a_mixture_without_collapsed_runs_holds_students_interval_too():
    healthy = [0.6, 0.9, 0.75, 0.8, 0.7]
    low, high = mixture_interval(healthy, [], n=5, trivial=0.1, low=0.0)
    draws, plain = mixture_by_draws(healthy, [], 0.1), t_interval(healthy)
    assert (low, high) == pytest.approx((min(draws[0], plain[0]), max(draws[1], plain[1])), abs=0.01)
    assert low < plain[0] and high == plain[1]


def test_collapsed_runs_without_a_score_count_as_trivial_ones():
    healthy = [0.85, 0.9, 0.88]
    unscored = mixture_interval(healthy, [], n=5, trivial=0.55, low=0.0)
    one = mixture_interval(healthy, [0.55], n=5, trivial=0.0, low=0.0)
    assert unscored == one and 0.55 < unscored[0] < 0.7


@pytest.mark.parametrize(("rate", "n"), [(0.1, 10), (0.4, 5), (0.2, 20)])
def test_a_mixture_covers_the_expected_score(rate, n):
    """400 cells of healthy runs around .9 and collapsed ones around .05: .91 is three standard errors below .95."""
    generator, covered, told = np.random.default_rng(3), 0, 0
    for _ in range(400):
        bad = generator.random(n) < rate
        healthy = generator.normal(0.9, 0.02, (~bad).sum()).tolist()
        collapsed = generator.normal(0.05, 0.15, bad.sum()).tolist()
        found = mixture_interval(healthy, collapsed, n=n, trivial=0.0, low=-1.0)
        if found is not None:
            told += 1
            covered += found[0] <= (1 - rate) * 0.9 + rate * 0.05 <= found[1]
    assert told > 200 and covered / told >= 0.91


def test_a_mean_of_0_without_any_spread_has_p_1_and_any_other_has_none():
    assert student_p(0.0, error=0.0, df=2) == 1.0 and student_p(0.3, error=0.0, df=2) is None
    assert student_p(0.3, error=0.1, df=math.inf) == pytest.approx(2 * scipy.stats.norm.sf(3))
