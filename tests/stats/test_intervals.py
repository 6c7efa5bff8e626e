"""Intervals and tests against scipy, worked examples and simulated coverage."""

import math
import statistics

import numpy as np
import pytest
import scipy.stats

from blurbstudy.errors import ParameterError
from blurbstudy.metrics import score
from blurbstudy.stats import intervals
from blurbstudy.stats.intervals import (
    bootstrap_p,
    bootstrap_scores,
    fisher_interval,
    fisher_lower_bound,
    holm,
    newcombe_interval,
    percentile_interval,
    percentile_lower_bound,
    student_interval,
    student_p,
    t_interval,
    t_test,
    wilson_interval,
)


def test_fishers_interval_is_scipys(correlated):
    for n, r in [(16, 0.2), (20, 0.93), (100, -0.5)]:
        x, y = correlated(n, r)
        expected = scipy.stats.pearsonr(x, y).confidence_interval(0.95)
        assert fisher_interval(r, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_r_of_93_at_20_pairs_means_83_to_97():
    low, high = fisher_interval(0.93, 20)
    assert (round(low, 2), round(high, 2)) == (0.83, 0.97)


@pytest.mark.parametrize(("n", "bound"), [(16, 0.43), (20, 0.38)])
def test_a_correlation_is_above_0_from_the_design_s_bound_on(n, bound):
    below, above = bound - 0.01, bound + 0.01
    assert fisher_lower_bound(below, n) <= 0 < fisher_lower_bound(above, n)
    exact = math.tanh(statistics.NormalDist().inv_cdf(0.95) / math.sqrt(n - 3))
    assert round(exact, 2) == bound


def test_correlations_at_the_edge_have_intervals():
    assert fisher_interval(1.0, 20) == (1.0, 1.0)
    assert fisher_interval(-1.0, 20) == (-1.0, -1.0)
    assert fisher_interval(0.9, 3) == (-1.0, 1.0)
    assert fisher_lower_bound(0.9, 3) == -1.0


@pytest.mark.parametrize(("successes", "n"), [(0, 5), (3, 20), (20, 20), (250, 500)])
def test_wilsons_interval_is_scipys(successes, n):
    expected = scipy.stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
    assert wilson_interval(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert wilson_interval(0, 0) is None


def test_students_interval_and_test_are_scipys():
    a, b = np.random.default_rng(0).normal(size=(2, 8))
    oracle = scipy.stats.ttest_rel(a, b)
    assert t_test(list(a - b)) == pytest.approx(oracle.pvalue)
    expected = oracle.confidence_interval(0.95)
    assert t_interval(list(a - b)) == pytest.approx((expected.low, expected.high))


def test_degrees_of_freedom_need_not_be_whole():
    assert student_interval(0.5, error=0.1, df=2.54) == pytest.approx(scipy.stats.t.interval(0.95, 2.54, 0.5, 0.1))
    low, high = student_interval(0.5, error=0.1, df=2.54, confidence=1 - student_p(0.5, error=0.1, df=2.54))
    assert low == pytest.approx(0, abs=1e-12) and high == pytest.approx(1)  # p is where the interval meets 0


def test_students_test_does_not_exist_for_one_pair_or_equal_differences():
    assert t_interval([0.5]) is None and t_test([0.5]) is None
    assert t_test([0.5, 0.5, 0.5]) is None
    assert t_test([0.0, 0.0]) == 1.0


def test_holm_on_a_worked_example():
    # Sorted .005, .01, .03, .04 times 4, 3, 2, 1 is .02, .03, .06, .04; each at least the one before: .06 for the last.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_leaves_out_what_has_no_test_and_stops_at_one():
    assert holm([None, 0.6, 0.7, None]) == [None, 1.0, 1.0, None]
    assert holm([]) == []
    assert holm([0.02]) == [0.02]


@pytest.mark.parametrize("metric", ["accuracy", "pearson"])
def test_a_resampled_score_is_the_metric_on_the_drawn_examples(metric):
    generator = np.random.default_rng(1)
    units = [str(i // 2) for i in range(12)]  # units of two examples
    if metric == "accuracy":
        gold, predicted = (generator.choice(["yes", "no"], 12) for _ in range(2))
    else:
        gold, predicted = generator.normal(size=(2, 12))
    scores = bootstrap_scores(metric, list(gold), list(predicted), units=units)
    counts = intervals._bootstrap_counts(6)
    for draw in range(20):
        rows = [i for i in range(12) for _ in range(int(counts[draw, i // 2]))]
        assert scores[draw] == pytest.approx(score(metric, list(gold[rows]), list(predicted[rows])), abs=1e-9)


def test_resampled_accuracy_has_the_binomial_spread_and_whole_units_more():
    right = ["yes"] * 300 + ["no"] * 200
    alone = bootstrap_scores("accuracy", ["yes"] * 500, right, units=[str(i) for i in range(500)])
    together = bootstrap_scores("accuracy", ["yes"] * 500, right, units=[str(i // 10) for i in range(500)])
    assert alone.std() == pytest.approx(math.sqrt(0.6 * 0.4 / 500), rel=0.05)
    assert together.std() == pytest.approx(math.sqrt(0.6 * 0.4 / 50), rel=0.05)


def test_a_bootstrap_draws_the_same_every_time():
    values = [float(i % 7) for i in range(30)]
    units = [str(i) for i in range(30)]
    first = bootstrap_scores("pearson", values, values[::-1], units=units)
    intervals._bootstrap_counts.cache_clear()
    assert np.array_equal(first, bootstrap_scores("pearson", values, values[::-1], units=units))


def test_constant_predictions_have_correlation_0_in_every_draw():
    draws = bootstrap_scores("pearson", [1.0, 2.0, 3.0], [5.0, 5.0, 5.0], units=["a", "b", "c"])
    assert np.array_equal(draws, np.zeros(intervals.RESAMPLES))


def test_one_unit_has_no_draws_and_so_no_interval():
    draws = bootstrap_scores("accuracy", ["yes"] * 3, ["yes", "yes", "no"], units=["a"] * 3)
    assert draws is None and percentile_interval(draws) is None and bootstrap_p(draws) is None
    assert percentile_lower_bound(draws) == -math.inf
    two = bootstrap_scores("accuracy", ["yes"] * 3, ["yes", "yes", "no"], units=["a", "a", "b"])
    assert percentile_interval(two) == (0.0, 1.0) and percentile_lower_bound(two) == 0.0


def test_a_metric_without_bootstrap_is_refused():
    with pytest.raises(ParameterError, match="use accuracy or pearson"):
        bootstrap_scores("bleu", ["a"], ["a"], units=["a"])


def test_the_bootstrap_interval_of_an_accuracy_covers_as_often_as_it_says():
    generator = np.random.default_rng(2)
    units = [str(i) for i in range(100)]
    covered = 0
    for _ in range(400):
        predicted = ["yes" if right else "no" for right in generator.random(100) < 0.7]
        low, high = percentile_interval(bootstrap_scores("accuracy", ["yes"] * 100, predicted, units=units))
        covered += low <= 0.7 <= high
    assert 0.90 <= covered / 400 <= 0.985


def test_bootstrap_p_counts_the_smaller_tail_twice_and_is_never_0():
    assert bootstrap_p(np.array([1.0] * 99)) == pytest.approx(2 / 100)
    assert bootstrap_p(np.array([1.0] * 90 + [-1.0] * 9)) == pytest.approx(20 / 100)
    assert bootstrap_p(np.zeros(99)) == 1.0


def test_the_interval_of_a_difference_of_proportions_is_newcombes_published_example():
    """Newcombe 1998, table II, example (a) by method 10: 56/70 against 48/80."""
    assert newcombe_interval(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_a_difference_of_proportions_without_trials_has_no_interval():
    assert newcombe_interval(0, 0, 1, 2) is None


def test_scores_that_were_resampled_before_are_the_same_array_and_cannot_be_changed():
    given = (["yes", "no", "yes"], ["yes", "yes", "yes"])
    first, second = (bootstrap_scores("accuracy", *given, units="abc") for _ in range(2))
    assert first is second
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1.0
