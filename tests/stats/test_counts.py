"""Exact tests of counts against enumerations of all tables, scipy, and published examples."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats

from blurbstudy.stats.counts import (
    Counts,
    boschloo_p,
    compare_rates,
    newcombe_interval,
    permutation_p,
    rate_p,
    stratified_exact_p,
    stratified_newcombe_interval,
)
from blurbstudy.stats.intervals import wilson_interval


def boschloo_by_enumeration(a, n, b, m, steps=4001):
    """Twice the smaller one-sided p: the largest probability, over a common rate, of tables whose one-sided Fisher p is
    no larger than the observed one's.
    """
    rates = np.linspace(0, 1, steps)[1:-1]
    first = scipy.stats.binom.pmf(np.arange(n + 1)[:, None], n, rates)
    second = scipy.stats.binom.pmf(np.arange(m + 1)[:, None], m, rates)
    sides = []
    for alternative in ("less", "greater"):
        fisher = np.array(
            [
                [scipy.stats.fisher_exact([[i, j], [n - i, m - j]], alternative=alternative)[1] for j in range(m + 1)]
                for i in range(n + 1)
            ]
        )
        region = fisher <= fisher[a, b] * (1 + 1e-9)
        sides.append(np.einsum("ik,jk,ij->k", first, second, region).max())
    return min(1.0, 2 * min(sides))


@pytest.mark.parametrize("table", [(0, 5, 4, 5), (4, 8, 0, 8), (1, 10, 6, 10), (2, 6, 3, 9), (5, 5, 0, 5)])
def test_boschloos_p_is_that_of_all_tables(table):
    assert boschloo_p(*table) == pytest.approx(boschloo_by_enumeration(*table), rel=2e-3)


def test_boschloos_p_is_below_fishers_and_1_where_all_runs_are_alike():
    table = [[6, 1], [4, 9]]
    assert boschloo_p(6, 10, 1, 10) < scipy.stats.fisher_exact(table)[1]
    assert boschloo_p(0, 10, 0, 10) == boschloo_p(10, 10, 10, 10) == 1.0
    assert boschloo_p(6, 10, 1, 10) == pytest.approx(boschloo_p(1, 10, 6, 10))


@pytest.mark.parametrize(("n", "smallest"), [(5, 4), (8, 4), (10, 4), (20, 5)])
def test_the_smallest_count_that_differs_from_none(n, smallest):
    decided = [boschloo_p(k, n, 0, n) < 0.05 for k in range(n + 1)]
    assert decided.index(True) == smallest and all(decided[smallest:])


def stratified_by_enumeration(strata):
    """The probability, over all tables with the strata's margins, of totals no more likely than the observed one."""
    likelihood = {}
    supports = [range(max(0, a + b - m), min(n, a + b) + 1) for a, n, b, m in strata]
    for tables in itertools.product(*supports):
        weight = math.prod(
            math.comb(n, x) * math.comb(m, a + b - x) / math.comb(n + m, a + b)
            for x, (a, n, b, m) in zip(tables, strata, strict=True)
        )
        likelihood[sum(tables)] = likelihood.get(sum(tables), 0.0) + weight
    observed = likelihood[sum(s[0] for s in strata)]
    return sum(p for p in likelihood.values() if p <= observed * (1 + 1e-9))


@pytest.mark.parametrize(
    "strata",
    [
        [(3, 5, 0, 5), (4, 5, 1, 5)], [(5, 5, 5, 5), (2, 5, 0, 5), (1, 4, 0, 6)], [(3, 8, 1, 3), (0, 5, 0, 5)],
        [(2, 10, 6, 10), (0, 10, 3, 10), (9, 10, 10, 10), (1, 10, 0, 10)],
    ],
)  # fmt: skip
def test_the_stratified_p_is_that_of_all_tables_with_these_margins(strata):
    counts = [Counts(*stratum) for stratum in strata]
    assert stratified_exact_p(counts) == pytest.approx(stratified_by_enumeration(strata))


def test_of_one_stratum_the_stratified_test_is_fishers():
    table = [[6, 1], [4, 9]]
    assert stratified_exact_p([Counts(6, 10, 1, 10)]) == pytest.approx(scipy.stats.fisher_exact(table)[1])


def test_strata_of_opposite_rates_are_not_pooled():
    """Pooled, 10 of 15 against 10 of 15: no difference. By stratum, all of 10 against 5 of 5 is none either."""
    found = compare_rates([Counts(10, 10, 5, 5), Counts(0, 5, 5, 10)])
    assert found.collapsed == (10, 10) and found.n == (15, 15)
    assert found.difference == pytest.approx(0.5 * 0.0 + 0.5 * -0.5)
    assert found.method == "exact test over 2 strata"
    assert found.p == pytest.approx(stratified_by_enumeration([(10, 10, 5, 5), (0, 5, 5, 10)]))


def test_newcombes_published_example():
    """Newcombe 1998, table II, example (a) by method 10: 56/70 against 48/80."""
    assert newcombe_interval(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert newcombe_interval(0, 0, 1, 2) is None


def test_the_stratified_interval_by_hand():
    strata, weights = [Counts(3, 10, 1, 10), Counts(8, 10, 6, 10)], [0.25, 0.75]
    difference = 0.25 * 0.2 + 0.75 * 0.2
    below = above = 0.0
    for (a, n, b, m), weight in zip(strata, weights, strict=True):
        first, second = wilson_interval(a, n), wilson_interval(b, m)
        below += (weight * (a / n - first[0])) ** 2 + (weight * (second[1] - b / m)) ** 2
        above += (weight * (first[1] - a / n)) ** 2 + (weight * (b / m - second[0])) ** 2
    expected = difference - math.sqrt(below), difference + math.sqrt(above)
    assert stratified_newcombe_interval(strata, weights) == pytest.approx(expected)
    one = stratified_newcombe_interval(strata[:1], [1.0])
    assert one == pytest.approx(newcombe_interval(3, 10, 1, 10))


def test_the_stratified_interval_covers_the_weighted_difference():
    rates, others = np.array([0.1, 0.4, 0.7, 0.0]), np.array([0.3, 0.5, 0.9, 0.1])
    generator, covered = np.random.default_rng(5), 0
    for _ in range(1000):
        a, b = generator.binomial(10, rates), generator.binomial(10, others)
        found = compare_rates([Counts(x, 10, y, 10) for x, y in zip(a, b, strict=True)])
        covered += found.interval[0] <= (rates - others).mean() <= found.interval[1]
    assert covered / 1000 >= 0.93


def test_one_stratum_is_tested_by_boschloo_and_a_side_without_runs_not_at_all():
    found = compare_rates([Counts(6, 10, 1, 10), Counts(2, 5, 0, 0)])
    assert found.method == "Boschloo's exact test" and found.p == boschloo_p(6, 10, 1, 10)
    assert found.interval == newcombe_interval(6, 10, 1, 10) and found.difference == pytest.approx(0.5)
    assert compare_rates([Counts(2, 5, 0, 0)]) is None


def test_tasks_as_units_are_permuted_in_all_ways():
    first, second = [0.8, 0.5, 0.9], [0.1, 0.0, 0.6, 0.0, 0.2]
    oracle = scipy.stats.permutation_test(
        (first, second), lambda x, y, axis: np.mean(x, axis) - np.mean(y, axis), n_resamples=np.inf
    )
    assert permutation_p(first, second) == pytest.approx(
        np.mean(np.abs(oracle.null_distribution) >= abs(oracle.statistic) - 1e-12)
    )
    assert permutation_p([1.0, 0.9, 0.8], [0.0] * 10) == pytest.approx(1 / 286)  # the most extreme of C(13, 3)
    assert permutation_p([0.5, 0.5], [0.5, 0.5, 0.5]) == 1.0


def test_one_rate_is_tested_by_the_binomial_distribution():
    for k in (0, 1, 5, 12):
        assert rate_p(k, 12, 0.25) == pytest.approx(
            (scipy.stats.binom.cdf(k, 12, 0.25), scipy.stats.binom.sf(k - 1, 12, 0.25))
        )


def test_a_mixture_of_rates_has_no_longer_tails_than_one_rate():
    """Hoeffding 1956: three kinds of runs that collapse at 0, 25 and 50%, on average at 25%."""
    kinds = [scipy.stats.binom.pmf(np.arange(6), 5, rate) for rate in (0.0, 0.25, 0.5)]
    mixed = np.convolve(np.convolve(kinds[0], kinds[1]), kinds[2])
    for k in range(16):
        at_most, at_least = rate_p(k, 15, 0.25)
        assert at_most > 0.2 or mixed[: k + 1].sum() <= at_most
        assert at_least > 0.2 or mixed[k:].sum() <= at_least
