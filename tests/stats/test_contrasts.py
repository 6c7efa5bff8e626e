"""One decision per contrast: the joint variance worked by hand, against explicit formulas, and its parts alone."""

import math

import numpy as np
import pytest
import scipy.stats

from blurbstudy.errors import StudyError
from blurbstudy.stats.contrasts import contrast
from blurbstudy.stats.crossed_seeds import CROSSED, TOO_FEW, mean_over_seeds
from blurbstudy.stats.panels import ContrastGroup, ScoredTask, sum_variances
from blurbstudy.stats.resampling import Resampling, bootstrap_counts
from blurbstudy.stats.scale import MAX_CORRELATION, Scale


def scored(right, seeds=None):
    """A task from right answers (seeds, units), each unit one example."""
    right = np.asarray(right, float)
    n_units = right.shape[1]
    resampling, sums = Resampling(n_units=n_units), right.sum(axis=1, keepdims=True)
    replicates = (sums - right) / (n_units - 1)
    if resampling.is_bootstrap:
        replicates = right @ bootstrap_counts(n_units).T / n_units
    names = range(1, len(right) + 1) if seeds is None else seeds
    return ScoredTask(
        scores=dict(zip(names, right.mean(axis=1).tolist(), strict=True)),
        replicates=dict(zip(names, replicates, strict=True)),
        resampling=resampling,
    )


def group(*tasks, weights=None, seeds=None, seeded=True):
    """A cell from one array of right answers per task."""
    weights = weights or [1 / len(tasks)] * len(tasks)
    return ContrastGroup(
        tasks={f"task {i}": scored(right, seeds) for i, right in enumerate(tasks)},
        weights={f"task {i}": weight for i, weight in enumerate(weights)},
        seeded=seeded,
    )


def drawn(generator, n, units, rate=0.8):
    return generator.random((n, units)) < rate


def parts(x):
    """V_s, V_e, V_i and the joint variance with its degrees of freedom, of differences (seeds, units)."""
    n, units = x.shape
    v_s, v_e = x.mean(axis=1).var(ddof=1) / n, x.mean(axis=0).var(ddof=1) / units
    v_i = max(0.0, x.var(axis=1, ddof=1).mean() / units - v_e) / (n - 1)
    v = max(v_s + v_e - v_i, v_s, v_e)
    return v_s, v_e, v_i, v, v**2 / (v_s**2 / (n - 1) + v_e**2 / (units - 1))


def test_a_contrast_of_two_seeds_and_six_units_by_hand():
    first = [[1, 1, 1, 1, 1, 0], [1, 1, 1, 0, 1, 1]]
    second = [[1, 0, 0, 1, 0, 0], [1, 0, 1, 0, 1, 0]]
    # Differences by unit: 0 1 1 0 1 0 and 0 1 0 0 0 1, so 1/2 and 1/3 by seed; D = 5/12, V_s = (1/6)^2 / 2 / 2 = 1/144.
    # Means by unit: 0 1 .5 0 .5 .5, sum of squares about 5/12: 1.75 - 25/24 = 17/24; V_e = 17/24 / 5 / 6 = 17/720.
    # By seed: 3/2 and 4/3 over 30, mean 17/360; V_i = 17/360 - 17/720 = 17/720 = V_e. So V = max(V_s, V_s, V_e) = V_e.
    found = contrast([[group(first), group(second)]], is_z=False)
    v_s, v_e = 1 / 144, 17 / 720
    df = v_e**2 / (v_s**2 / 1 + v_e**2 / 5)
    assert found.difference == pytest.approx(5 / 12) and found.differences == pytest.approx((1 / 2, 1 / 3))
    assert found.error == pytest.approx(math.sqrt(v_e)) and found.df == pytest.approx(df)
    joint = 2 * scipy.stats.t.sf(5 / 12 / math.sqrt(v_e), df)
    over_seeds = 2 * scipy.stats.t.sf(5 / 12 / math.sqrt(v_s), 1)
    assert joint < over_seeds and found.p == pytest.approx(over_seeds)  # of two seeds their own test must agree
    assert found.seeds == (1, 2) and found.n == 2 and found.paired


@pytest.mark.parametrize(("n", "units"), [(3, 12), (5, 30), (10, 39), (20, 8)])
def test_the_joint_variance_is_that_of_the_explicit_formula(n, units):
    generator = np.random.default_rng(n)
    first, second = drawn(generator, n, units, 0.9), drawn(generator, n, units, 0.8)
    found = contrast([[group(first), group(second)]], is_z=False)
    difference = first.astype(float) - second
    v_s, v_e, v_i, v, df = parts(difference)
    assert v_i > 0 and v < v_s + v_e
    assert found.error**2 == pytest.approx(v) and found.df == pytest.approx(df)
    d = difference.mean()
    assert found.seed_interval == pytest.approx(scipy.stats.t.interval(0.95, n - 1, d, math.sqrt(v_s)))
    assert found.example_interval == pytest.approx(scipy.stats.t.interval(0.95, units - 1, d, math.sqrt(v_e)))
    tests = [(df, math.sqrt(v))] + [(n - 1, math.sqrt(v_s))] * (n <= 3)  # few seeds: their own test must agree
    half = max(scipy.stats.t.ppf(0.975, freedom) * error for freedom, error in tests)
    assert found.interval == pytest.approx((d - half, d + half))
    assert found.p == pytest.approx(max(2 * scipy.stats.t.sf(abs(d) / error, freedom) for freedom, error in tests))
    reach = [(scipy.stats.t.ppf(0.975, f) + scipy.stats.t.ppf(0.8, f)) * error for f, error in tests]
    assert found.detectable == pytest.approx(max(reach))


def test_from_forty_units_on_the_bootstrap_gives_the_same_to_a_few_percent():
    generator = np.random.default_rng(4)
    first, second = drawn(generator, 5, 200, 0.9), drawn(generator, 5, 200, 0.7)
    found = contrast([[group(first), group(second)]], is_z=False)
    assert found.error**2 == pytest.approx(parts(first.astype(float) - second)[3], rel=0.07)


def test_the_other_way_round_it_is_the_same_with_another_sign():
    generator = np.random.default_rng(5)
    sides = [group(drawn(generator, 4, 20, rate)) for rate in (0.9, 0.5)]
    one, other = contrast([sides], is_z=False), contrast([sides[::-1]], is_z=False)
    assert one.difference == -other.difference and one.p == other.p
    assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]))


def test_where_seeds_differ_the_sides_are_independent_as_welchs():
    generator = np.random.default_rng(6)
    first, second = drawn(generator, 6, 30, 0.9), drawn(generator, 4, 30, 0.5)
    found = contrast([[group(first), group(second)]], is_z=False)
    oracle = scipy.stats.ttest_ind(first.mean(axis=1), second.mean(axis=1), equal_var=False)
    bounds = oracle.confidence_interval()
    assert found.seed_interval == pytest.approx((bounds.low, bounds.high))
    assert not found.paired and found.seeds == () and found.differences == () and found.n == 4
    v_s = sum(side.mean(axis=1).var(ddof=1) / len(side) for side in (first, second))
    v_e = (first.mean(axis=0) - second.mean(axis=0)).var(ddof=1) / 30
    v_i = sum(parts(side.astype(float))[2] for side in (first, second))
    assert found.error**2 == pytest.approx(max(v_s + v_e - v_i, v_s, v_e))


def test_a_difference_of_differences_takes_the_second_away_seed_by_seed():
    generator = np.random.default_rng(7)
    sides = [drawn(generator, 5, 24, rate).astype(float) for rate in (0.9, 0.5, 0.8, 0.7)]
    found = contrast([[group(side) for side in sides]], is_z=False)
    x = sides[0] - sides[1] - sides[2] + sides[3]
    assert found.differences == pytest.approx(x.mean(axis=1)) and found.error**2 == pytest.approx(parts(x)[3])


def test_a_system_without_seeds_counts_for_every_seed():
    generator = np.random.default_rng(8)
    runs, system = drawn(generator, 5, 24, 0.9).astype(float), drawn(generator, 1, 24, 0.6).astype(float)
    once = group(system, seeded=False)
    found = contrast([[group(runs), once]], is_z=False)
    assert found.error**2 == pytest.approx(parts(runs - system)[3]) and found.seeds == (1, 2, 3, 4, 5)
    with pytest.raises(StudyError, match="compare one with a cell of runs"):
        contrast([[once, once]], is_z=False)


def test_several_tasks_add_variances_over_their_own_examples_by_squared_weights():
    generator = np.random.default_rng(9)
    first = [drawn(generator, 5, units, 0.9).astype(float) for units in (30, 12)]
    second = [drawn(generator, 5, units, 0.7).astype(float) for units in (30, 12)]
    weights = [0.75, 0.25]
    found = contrast([[group(*first, weights=weights), group(*second, weights=weights)]], is_z=False)
    x = [a - b for a, b in zip(first, second, strict=True)]
    d = sum(w * one.mean(axis=1) for w, one in zip(weights, x, strict=True))
    each = [parts(one) for one in x]
    v_s, v_e = d.var(ddof=1) / 5, sum(w**2 * one[1] for w, one in zip(weights, each, strict=True))
    v_i = sum(w**2 * (len(one) - 1) * of[2] for w, one, of in zip(weights, x, each, strict=True)) / 4
    df_e = v_e**2 / sum((w**2 * one[1]) ** 2 / (u - 1) for w, one, u in zip(weights, each, (30, 12), strict=True))
    v = max(v_s + v_e - v_i, v_s, v_e)
    assert found.difference == pytest.approx(d.mean()) and found.error**2 == pytest.approx(v)
    assert found.df == pytest.approx(v**2 / (v_s**2 / 4 + v_e**2 / df_e))


def test_an_average_over_encoders_shares_the_examples_and_adds_the_seeds():
    generator = np.random.default_rng(10)
    encoders = [[drawn(generator, n, 30, rate).astype(float) for rate in (0.9, 0.7)] for n in (5, 4, 6)]
    found = contrast([[group(side) for side in sides] for sides in encoders], is_z=False)
    x = [first - second for first, second in encoders]
    each = [parts(one) for one in x]
    v_s, v_i = sum(one[0] for one in each) / 9, sum(one[2] for one in each) / 9
    v_e = np.mean([one.mean(axis=0) for one in x], axis=0).var(ddof=1) / 30
    df_s = v_s**2 / sum((one[0] / 9) ** 2 / (len(d) - 1) for one, d in zip(each, x, strict=True))
    v = max(v_s + v_e - v_i, v_s, v_e)
    assert found.difference == pytest.approx(np.mean([one.mean() for one in x]))
    assert found.error**2 == pytest.approx(v)
    assert found.df == pytest.approx(v**2 / (v_s**2 / df_s + v_e**2 / 29))
    assert found.n == 15 and len(found.differences) == 15 and found.seeds == ()


def test_pretraining_seeds_are_crossed_with_finetuning_seeds():
    generator = np.random.default_rng(11)
    seeds = [(i, j) for i in range(3) for j in range(4)]
    sides = [drawn(generator, 12, 30, rate).astype(float) for rate in (0.9, 0.8)]
    found = contrast([[group(side, seeds=seeds) for side in sides]], is_z=False)
    x = sides[0] - sides[1]
    over_seeds = mean_over_seeds(dict(zip(seeds, x.mean(axis=1).tolist(), strict=True)))
    assert found.seed_method == CROSSED and found.seed_interval == pytest.approx(over_seeds.interval)
    _, v_e, v_i, *_ = parts(x)
    expected = max(over_seeds.variance + v_e - v_i, over_seeds.variance, v_e)
    assert found.error**2 == pytest.approx(expected)


def correlations(values, units=20):
    """A cell of correlations with replicates that vary a little."""
    generator = np.random.default_rng(12)
    noise = 1 - 0.02 * generator.random(units)
    rows = {seed: np.array(r * noise) for seed, r in enumerate(values, start=1)}
    task = ScoredTask(scores=dict(enumerate(values, start=1)), replicates=rows, resampling=Resampling(n_units=units))
    return ContrastGroup(tasks={"BIOSSES": task}, weights={"BIOSSES": 1.0})


def test_correlations_are_compared_on_fishers_z_scale_and_told_in_points():
    first, second = [0.95, 0.93, 0.96, 0.94], [0.85, 0.80, 0.88, 0.86]
    found = contrast([[correlations(first), correlations(second)]], is_z=True)
    d = np.arctanh(first) - np.arctanh(second)
    middle = (np.arctanh(first).mean() + np.arctanh(second).mean()) / 2
    assert found.length == pytest.approx(d.mean())
    half = d.mean() / 2
    assert found.difference == pytest.approx(math.tanh(middle + half) - math.tanh(middle - half))
    reach = scipy.stats.t.ppf(0.975, found.df) * found.error
    ends = [math.tanh(middle + end / 2) - math.tanh(middle - end / 2) for end in (d.mean() - reach, d.mean() + reach)]
    assert found.interval == pytest.approx(ends)
    assert found.p == pytest.approx(2 * scipy.stats.t.sf(d.mean() / found.error, found.df))
    assert np.mean(first) - np.mean(second) == pytest.approx(found.difference, abs=0.01)


@pytest.mark.parametrize("middle", [0.0, 0.7, 1.8])
def test_lengths_on_the_scale_and_points_are_each_others_inverse(middle):
    scale = Scale(is_z=True, middle=middle)
    for points in (-0.2, -0.01, 0.0, 0.02, 0.1):
        assert scale.points(scale.length(points)) == pytest.approx(points, abs=1e-12)
    assert scale.length(2.0) > 1 and scale.points(scale.length(2.0)) <= 2.0
    assert Scale(is_z=False).points(0.3) == Scale(is_z=False).length(0.3) == 0.3
    perfect = scale.forward(np.array([1.0, -1.0]))
    assert perfect == pytest.approx([math.atanh(MAX_CORRELATION), -math.atanh(MAX_CORRELATION)])


def test_a_difference_of_scores_is_never_told_beyond_what_can_be():
    sides = [[1] * 11 + [0], [0] * 12, [1] * 12], [[0] * 12, [1] + [0] * 11, [1] * 12]
    found = contrast([[group(side) for side in sides]], is_z=False)
    assert found.interval == (-1.0, 1.0)


@pytest.mark.parametrize("is_z", [False, True])
def test_equivalence_by_the_90_percent_interval_and_by_two_one_sided_tests_agree(is_z):
    if is_z:
        sides = [correlations([0.90, 0.92, 0.91, 0.9]), correlations([0.89, 0.92, 0.90, 0.91])]
    else:
        generator = np.random.default_rng(13)
        sides = [group(drawn(generator, 6, 30)) for _ in range(2)]
    found = contrast([sides], is_z=is_z)
    low, high = found.interval_at(0.9)
    for margin in np.linspace(0.005, 0.3, 40):
        above, below = found.p_beyond(-margin)[0], found.p_beyond(margin)[1]
        assert (max(above, below) < 0.05) == (-margin < low and high < margin)
    assert min(found.p_beyond(0.0)) == pytest.approx(found.p / 2)


def test_why_nothing_is_decided():
    generator = np.random.default_rng(14)
    one, few, same = drawn(generator, 1, 20), drawn(generator, 4, 4), np.tile(drawn(generator, 1, 20), (4, 1))
    reasons = {
        "fewer than two seeds": [group(one), group(one)],
        "fewer than 5 test units": [group(few), group(few[::-1])],
        "neither seeds nor examples vary": [group(same), group(same)],
        f"no variance over seeds: {TOO_FEW}": [
            group(drawn(generator, 2, 20), seeds=[(0, 0), (1, 1)]) for _ in range(2)
        ],
    }
    for reason, sides in reasons.items():
        found = contrast([sides], is_z=False)
        assert (found.reason, found.p, found.interval) == (reason, None, None)
        assert found.difference is not None and found.p_beyond(0.02) is None
    nothing = contrast([[group(one), group(np.zeros((0, 20)))]], is_z=False)
    assert (nothing.n, nothing.difference, nothing.reason) == (0, None, "no scored seeds")


def test_an_encoder_whose_runs_do_not_vary_stays_in_the_average():
    generator = np.random.default_rng(15)
    first, second = drawn(generator, 5, 30, 0.9).astype(float), drawn(generator, 5, 30, 0.7).astype(float)
    still = np.tile(drawn(generator, 1, 30), (5, 1))
    found = contrast([[group(first), group(second)], [group(still), group(still)]], is_z=False)
    alone = contrast([[group(first), group(second)]], is_z=False)
    assert found.difference == pytest.approx(alone.difference / 2) and found.error == pytest.approx(alone.error / 2)


def test_variances_add_with_satterthwaites_degrees_of_freedom():
    assert sum_variances([(1.0, 4.0), (1.0, 4.0)]) == (2.0, 8.0)
    assert sum_variances([(2.0, 3.0), (0.0, 1.0)]) == (2.0, 3.0)
    assert sum_variances([(0.0, 1.0)])[0] == 0.0


def test_two_seeds_have_no_interval_but_a_p():
    right = np.random.default_rng(1).random((3, 50)) < 0.7
    for n in (2, 3):
        found = contrast([[group(right[:n]), group(~right[:n])]], is_z=False)
        assert (found.seed_interval is None) == (found.interval is None) == (n == 2) and found.p is not None
        assert found.reason == ("2 seeds: no interval" if n == 2 else "")
