"""A gain in parts: they add up to it exactly, and a known world is told apart."""

import dataclasses

import numpy as np
import pytest

from blurbstudy.stats.decomposition import MIN_SEEDS, decompose
from blurbstudy.stats.status import Judgement, RunStatus
from blurbstudy.stats.summary import CellSummary

STATUSES = {False: RunStatus.NOT_SHOWN, True: RunStatus.NOT_TRAINED}  # not shown to be better is no collapse
BLANK = {field.name: None for field in dataclasses.fields(CellSummary)}


def cell(scores, failed):
    scored = [score for score in scores if score is not None]
    return CellSummary(
        **BLANK
        | dict(
            min_score=0.0, n=len(scores), n_scored=len(scored),
            mean=float(np.mean(scored)) if scored else None, scores=tuple(scores),
            judgements=tuple(Judgement(status=STATUSES[bool(bad)]) for bad in failed),
        )
    )  # fmt: skip


def test_fewer_collapsed_runs_alone_are_all_of_the_gain():
    gain = decompose(cell([0.9, 0.9, 0.9, 0.1], [0, 0, 0, 1]), cell([0.9, 0.1, 0.1, 0.1], [0, 1, 1, 1]))
    assert gain.total == pytest.approx(0.4) == pytest.approx(gain.fewer_collapsed)
    assert (gain.noncollapsed_change, gain.collapsed_change) == pytest.approx((0, 0))
    assert gain.collapsed == (1, 3)


def test_better_runs_alone_are_all_of_the_gain():
    gain = decompose(cell([0.9, 0.8, 0.1], [0, 0, 1]), cell([0.7, 0.6, 0.1], [0, 0, 1]))
    assert gain.noncollapsed_change == pytest.approx(gain.total) == pytest.approx(0.4 / 3)
    assert gain.fewer_collapsed == pytest.approx(0)


def test_a_group_that_is_empty_on_one_side_scores_there_as_on_the_other():
    gain = decompose(cell([0.9, 0.8], [0, 0]), cell([0.8, 0.2], [0, 1]))
    assert gain.collapsed_change == 0
    assert gain.fewer_collapsed == pytest.approx(0.5 * ((0.85 + 0.8) / 2 - 0.2))


@pytest.mark.parametrize(("failed", "part"), [(0, "noncollapsed_change"), (1, "collapsed_change")])
def test_where_all_runs_are_alike_in_this_the_gain_is_theirs(failed, part):
    gain = decompose(cell([0.6, 0.8], [failed] * 2), cell([0.5, 0.5], [failed] * 2))
    assert getattr(gain, part) == pytest.approx(gain.total) == pytest.approx(0.2)


def test_the_parts_always_add_up_to_the_difference_of_the_means():
    generator = np.random.default_rng(1)
    for _ in range(200):
        sides = [cell(list(generator.random(n)), generator.random(n) < 0.4) for n in generator.integers(1, 9, size=2)]
        gain = decompose(*sides)
        parts = gain.fewer_collapsed + gain.noncollapsed_change + gain.collapsed_change
        assert parts == pytest.approx(sides[0].mean - sides[1].mean) == pytest.approx(gain.total)


def test_runs_without_a_score_are_in_no_part_and_are_counted():
    gain = decompose(cell([0.9, None], [0, 1]), cell([0.5, 0.5], [0, 0]))
    assert gain.total == pytest.approx(0.4) and gain.unscored == (1, 0) and gain.n == (1, 2)


def test_a_cell_without_any_score_has_no_decomposition():
    assert decompose(cell([None], [1]), cell([0.5], [0])) is None


def test_the_part_by_fewer_collapses_has_an_interval_from_some_seeds_on_that_holds_it():
    n = MIN_SEEDS
    first, second = [0.9] * n, [0.9] * (n - 3) + [0.1] * 3
    few = decompose(cell(first[1:], [0] * (n - 1)), cell(second, [0] * (n - 3) + [1] * 3))
    gain = decompose(cell(first, [0] * n), cell(second, [0] * (n - 3) + [1] * 3))
    assert few.interval is None
    assert gain.interval[0] <= gain.fewer_collapsed <= gain.interval[1]


def test_rates_of_0_and_1_are_not_taken_for_certain():
    """0 of 5 against 5 of 5: a bootstrap of the seeds would have no spread in either rate."""
    first, second = [0.90, 0.91, 0.92, 0.89, 0.90], [0.57, 0.58, 0.57, 0.56, 0.57]
    low, high = decompose(cell(first, [0] * 5), cell(second, [1] * 5)).interval
    distance = np.mean(first) - np.mean(second)
    assert low < 0.75 * distance and distance - 0.01 < high < distance + 0.03


def test_the_interval_holds_the_true_part_in_19_of_20_studies():
    generator = np.random.default_rng(3)
    rates, n, held = (0.1, 0.5), 10, []
    true = (rates[1] - rates[0]) * 0.3
    for _ in range(400):
        sides = []
        for rate in rates:
            failed = generator.random(n) < rate
            sides.append(cell(list(np.where(failed, 0.5, 0.8) + 0.02 * generator.standard_normal(n)), failed))
        interval = decompose(*sides).interval
        held.append(interval is None or interval[0] <= true <= interval[1])
    assert np.mean(held) > 0.92


def test_where_no_run_collapsed_the_part_has_no_interval():
    assert decompose(cell([0.9] * 5, [0] * 5), cell([0.8] * 5, [0] * 5)).interval is None


def test_the_interval_ends_where_no_two_scores_are_further_apart():
    """0 of 9 against 9 of 9 collapsed, and one outlier that makes the distance of the two groups look unbounded."""
    gain = decompose(cell([1.0] * 8 + [0.0], [0] * 9), cell([0.0] * 9, [1] * 9))
    assert gain.interval[1] <= 1.0
