"""Two settings: the paired test is SciPy's, and better is said only where both uncertainties say so."""

import pytest
from scipy import stats

from blurbstudy.sections.explore.catalog import Notice
from blurbstudy.sections.explore.compare import comparable, compared_pair, default_pair
from blurbstudy.tables.table import signed

GOOD, BAD = [90, 92, 91, 93], [70, 75, 69, 74]


def pair(explored):
    first, second = explored.settings
    return compared_pair(explored, first, second)


def test_the_second_minus_the_first_paired_by_seed(make_explored):
    made = pair(make_explored({"Baseline": GOOD, "Layer freeze": BAD}))
    (row,) = made.table.rows
    assert row[0] == signed(sum(BAD) / 4 - sum(GOOD) / 4) and row[4:] == ("4", "0 of 4 against 0 of 4")
    assert stats.ttest_rel(BAD, GOOD).pvalue < 0.001 and row[2] == "< 0.001"
    assert made.verdict == "The second setting is worse by 19.50: clear over seeds and over test examples."


def test_p_is_that_of_scipy(make_explored):
    ours = [91, 90, 92, 95]
    (row,) = pair(make_explored({"Baseline": GOOD, "Layer freeze": ours})).table.rows
    assert row[2] == f"{stats.ttest_rel(ours, GOOD).pvalue:.2g}"


@pytest.mark.parametrize(
    ("right", "said"),
    [
        ({"a": [90] * 5, "b": [91, 91, 91, 91, 92]}, "clear over seeds but not over test examples"),
        ({"a": GOOD, "b": [91, 90, 92, 94]}, "within both uncertainties"),
        ({"a": [30, 31], "b": [40, 20]}, "every run of both settings collapsed"),
        ({"a": [90], "b": [80]}, "a single pair of seeds tells nothing"),
        ({"a": [None, 90], "b": [80, None]}, "no seed has a score on both sides"),
    ],
)
def test_what_is_not_clear_is_undecided_and_says_why(make_explored, right, said):
    verdict = pair(make_explored(right)).verdict
    assert verdict.startswith("Undecided: ") and said in verdict


def test_settings_without_a_common_seed_are_not_offered(make_explored):
    explored = make_explored({"Baseline": GOOD})
    (alone,) = explored.settings
    assert comparable(explored, alone) == [] and default_pair(explored) == (None, None)
    assert isinstance(compared_pair(explored, *default_pair(explored)), Notice)
    assert isinstance(compared_pair(explored, alone, alone), Notice)
