"""Pretraining seeds crossed with fine-tuning seeds, against a table worked by hand and drawn tables of known parts."""

import math

import numpy as np
import pytest
import scipy.stats

from blurbstudy.stats.crossed_seeds import (
    CROSSED,
    INCOMPLETE,
    ONE_FINETUNING,
    ONE_PRETRAINING,
    STUDENT,
    TOO_FEW,
    complete_table,
    mean_over_seeds,
    mean_squares,
    variance_parts,
)

BY_HAND = np.array([[10.0, 12, 17], [14, 13, 18]])  # mean 14, rows 13 and 15, columns 12, 12.5 and 17.5


def as_scores(table):
    return {(i, j): float(value) for (i, j), value in np.ndenumerate(table)}


def drawn(rng, shape, sd_pretraining, sd_finetuning, sd_residual):
    a, n = shape
    parts = rng.normal(0, sd_pretraining, (a, 1)), rng.normal(0, sd_finetuning, (1, n))
    return sum(parts) + rng.normal(0, sd_residual, shape)


def test_mean_squares_and_parts_by_hand():
    # 3 (1 + 1) / 1; 2 (4 + 2.25 + 12.25) / 2; residuals -1, .5, .5 and their negatives: 3 / 2.
    assert mean_squares(BY_HAND) == pytest.approx((6, 18.5, 1.5))
    found = variance_parts(BY_HAND)
    assert (found.n_encoders, found.n_seeds) == (2, 3)
    variances = [sd**2 for sd in (found.pretraining, found.finetuning, found.residual)]
    assert variances == pytest.approx([(6 - 1.5) / 3, (18.5 - 1.5) / 2, 1.5])


def test_the_interval_by_hand():
    found = mean_over_seeds(as_scores(BY_HAND))
    # 12.71 x sqrt(6/6) over the two encoders; 4.30 x sqrt(18.5/6) over seeds, 3.53 x sqrt(23/6) crossed are narrower.
    assert found.mean == 14 and found.method == CROSSED
    assert found.interval == pytest.approx(scipy.stats.t.interval(0.95, 1, 14, 1))
    assert found.p == pytest.approx(2 * scipy.stats.t.sf(14, 1))


def test_with_more_encoders_the_interval_has_satterthwaites_degrees_of_freedom():
    table = drawn(np.random.default_rng(3), (6, 5), 1, 1, 0.5)
    p, s, e = mean_squares(table)
    variance = (p + s - e) / 30
    df = (p + s - e) ** 2 / (p**2 / 5 + s**2 / 4 + e**2 / 20)
    found = mean_over_seeds(as_scores(table))
    assert found.interval == pytest.approx(scipy.stats.t.interval(0.95, df, table.mean(), math.sqrt(variance)))
    assert found.p == pytest.approx(2 * scipy.stats.t.sf(abs(table.mean()) / math.sqrt(variance), df))


def test_a_part_below_0_is_0_and_its_mean_square_leaves_the_interval():
    table = np.array([[1.0, 2, 4], [4, 1, 2], [2, 4, 1.5], [6, 7, 8.5]])  # columns vary less than what is left
    p, s, e = mean_squares(table)
    assert s < e < p and variance_parts(table).finetuning == 0
    means = table.mean(axis=1)
    expected = scipy.stats.t.interval(0.95, 3, table.mean(), np.std(means, ddof=1) / 2)
    assert mean_over_seeds(as_scores(table)).interval == pytest.approx(expected)


@pytest.mark.parametrize(
    ("shape", "sds"),
    [
        ((5, 3), (1, 0, 1)), ((5, 3), (1, 2, 1)), ((5, 3), (0.5, 2, 0.5)), ((5, 3), (0, 0, 1)),
        ((2, 20), (1, 1, 0.2)), ((5, 2), (0.5, 2, 0.5)),
    ],
)  # fmt: skip
def test_95_percent_intervals_hold_the_mean_in_95_percent_of_drawn_tables(shape, sds):
    """1500 tables: .933 is three standard errors below; where a part is 0 more is held, its estimate being cut off."""
    rng = np.random.default_rng(20)
    tables = [drawn(rng, shape, *sds) for _ in range(1500)]
    found = [mean_over_seeds(as_scores(table)) for table in tables]
    held = np.mean([low <= 0 <= high for low, high in (one.interval for one in found)])
    assert held >= 0.933
    assert np.mean([one.p >= 0.05 for one in found]) == held


def test_intervals_hold_the_mean_where_runs_have_no_score():
    rng = np.random.default_rng(21)
    held = []
    for _ in range(1500):
        scores = as_scores(drawn(rng, (5, 5), 1, 2, 1))
        del scores[0, 4], scores[3, 4], scores[1, 2]
        found = mean_over_seeds(scores)
        held.append(found.interval[0] <= 0 <= found.interval[1])
    assert found.method == INCOMPLETE
    assert np.mean(held) >= 0.933


def test_parts_are_unbiased():
    rng = np.random.default_rng(22)
    parts = [variance_parts(drawn(rng, (6, 6), 1.5, 2, 1)) for _ in range(3000)]
    means = np.mean([(one.pretraining**2, one.finetuning**2, one.residual**2) for one in parts], axis=0)
    assert means == pytest.approx([1.5**2, 2**2, 1], rel=0.05)  # parts this large seldom fall below 0


def test_of_an_incomplete_table_all_scores_are_in_the_mean_and_whole_columns_in_the_parts():
    table = drawn(np.random.default_rng(4), (3, 5), 1, 1, 1)
    scores = as_scores(table)
    del scores[1, 2]
    found, whole = mean_over_seeds(scores), np.delete(table, 2, axis=1)
    assert complete_table(scores) == pytest.approx(whole)
    assert found.parts == variance_parts(whole)
    assert found.mean == pytest.approx(np.mean(list(scores.values())))
    assert sum(found.interval) / 2 == pytest.approx(found.mean)


def test_a_single_seed_of_one_kind_leaves_students_t_over_the_other():
    values = [0.5, 0.9, 0.7]
    expected = scipy.stats.t.interval(0.95, 2, 0.7, 0.2 / math.sqrt(3))
    for scores, method, known in (
        ({(i, 7): value for i, value in enumerate(values)}, ONE_FINETUNING, "pretraining"),
        ({(7, i): value for i, value in enumerate(values)}, ONE_PRETRAINING, "finetuning"),
    ):
        found = mean_over_seeds(scores)
        assert found.method == method and found.interval == pytest.approx(expected)
        told = {name: getattr(found.parts, name) for name in ("pretraining", "finetuning", "residual")}
        assert told.pop(known) == pytest.approx(0.2) and set(told.values()) == {None}
    plain = mean_over_seeds(dict(enumerate(values)))
    assert plain.interval == pytest.approx(expected) and plain.method == STUDENT and plain.parts is None


@pytest.mark.parametrize("lost", [[(1, 1)], [(0, 0), (1, 1)]])
def test_without_two_seeds_that_all_encoders_have_there_is_a_mean_and_no_interval(lost):
    scores = {pair: value for pair, value in as_scores(BY_HAND[:, :2]).items() if pair not in lost}
    found = mean_over_seeds(scores)
    assert found.method == TOO_FEW and found.interval is None and found.p is None
    assert found.mean == pytest.approx(np.mean(list(scores.values())))


def test_no_spread_at_all_leaves_no_test_unless_the_mean_is_0():
    assert mean_over_seeds(as_scores(np.full((3, 3), 0.25))).p is None
    still = mean_over_seeds(as_scores(np.zeros((3, 3))))
    assert still.p == 1 and still.interval == (0, 0)
    assert mean_over_seeds({}).mean is None
