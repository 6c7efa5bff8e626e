"""Two settings: the paired test is SciPy's, and better is said only where both uncertainties say so."""

import pytest
from scipy import stats

from blurbstudy.sections.explore.catalog import Message
from blurbstudy.sections.explore.compare import comparable_groups, compare_groups, default_pair
from blurbstudy.tables.formatting import format_signed

GOOD, BAD = [90, 92, 91, 93], [70, 75, 69, 74]


def pair(catalog):
    first, second = catalog.groups
    return compare_groups(catalog, first, second)


def test_the_second_minus_the_first_paired_by_seed(make_catalog):
    made = pair(make_catalog({"Baseline": GOOD, "Layer freeze": BAD}))
    (row,) = made.table.rows
    assert row[0] == format_signed(sum(BAD) / 4 - sum(GOOD) / 4) and row[4:] == ("4", "0 of 4 against 0 of 4")
    assert stats.ttest_rel(BAD, GOOD).pvalue < 0.001 and row[2] == "< 0.001"
    assert made.verdict == "The second setting is worse by 19.50: significant over seeds and over test examples."


def test_p_is_that_of_scipy(make_catalog):
    ours = [91, 90, 92, 95]
    (row,) = pair(make_catalog({"Baseline": GOOD, "Layer freeze": ours})).table.rows
    assert row[2] == f"{stats.ttest_rel(ours, GOOD).pvalue:.2g}"


@pytest.mark.parametrize(
    ("right", "said"),
    [
        ({"a": [90] * 5, "b": [91, 91, 91, 91, 92]}, "significant over seeds but not over test examples"),
        ({"a": GOOD, "b": [91, 90, 92, 94]}, "within both uncertainties"),
        ({"a": [30, 31], "b": [40, 20]}, "every run of both settings failed"),
        ({"a": [90], "b": [80]}, "one pair of seeds says nothing"),
        ({"a": [None, 90], "b": [80, None]}, "no seed has a score on both sides"),
    ],
)
def test_what_is_not_clear_is_undecided_and_says_why(make_catalog, right, said):
    verdict = pair(make_catalog(right)).verdict
    assert verdict.startswith("Undecided: ") and said in verdict


def test_settings_without_a_common_seed_are_not_offered(make_catalog):
    catalog = make_catalog({"Baseline": GOOD})
    (alone,) = catalog.groups
    assert comparable_groups(catalog, alone) == [] and default_pair(catalog) == (None, None)
    assert isinstance(compare_groups(catalog, *default_pair(catalog)), Message)
    assert isinstance(compare_groups(catalog, alone, alone), Message)
