"""Two settings: better is said by the test over seeds and examples, and rates of collapse stand beside."""

import pytest
from scipy import stats

from blurbstudy.sections.explore.compare import comparable_groups, compare_groups, default_pair
from blurbstudy.stats.summary import compare
from blurbstudy.tables.formatting import format_signed
from blurbstudy.tables.table import Remark

GOOD, BAD = [90, 92, 91, 93], [70, 75, 69, 74]


def pair(catalog):
    baseline, technique = catalog.groups
    return compare_groups(catalog, technique, baseline)


def test_the_first_minus_the_second_by_the_joint_test(make_catalog):
    catalog = make_catalog({"Baseline": GOOD, "Layer freeze": BAD})
    made = pair(catalog)
    (row,) = made.parts[1].rows
    assert row[0] == format_signed(sum(BAD) / 4 - sum(GOOD) / 4, 1) and row[4:6] == ("4", "0 of 4 against 0 of 4")
    baseline, technique = catalog.groups
    joint = compare([[catalog.records(technique), catalog.records(baseline)]], catalog.references(baseline))
    assert joint.p < 0.001 and row[3] == "< 0.001"
    assert made.parts[0].text.startswith(
        "No technique, rate 2e-05 is worse than No technique, rate 1e-05 by 19.5 (95% ["
    )


def test_sentence_caption_figure_and_table_name_the_two_in_one_order(make_catalog):
    made = pair(make_catalog({"Baseline": GOOD, "Layer freeze": BAD}))
    names = "No technique, rate 2e-05", "No technique, rate 1e-05"
    assert made.parts[1].title == f"BioASQ, BERT: {names[0]} against {names[1]}"
    for text in (made.parts[0].text, made.parts[1].title, made.parts[2].alt):
        assert 0 <= text.index(names[0]) < text.index(names[1])


def test_rates_of_collapse_are_compared_by_boschloos_test(make_catalog):
    (row,) = pair(make_catalog({"Baseline": [90] * 5, "Layer freeze": [60] * 5})).parts[1].rows
    oracle = stats.boschloo_exact([[5, 0], [0, 5]]).pvalue
    assert row[5] == "5 of 5 against 0 of 5" and row[6].startswith("+100.00\n[") and row[7] == f"{oracle:.2g}"


@pytest.mark.parametrize(
    ("right", "said"),
    [
        ({"a": [90] * 5, "b": [91, 91, 91, 91, 92]}, "80% of such studies would decide a difference of"),
        ({"a": [30, 31], "b": [40, 20]}, "every run of both settings collapsed"),
        ({"a": [90], "b": [80]}, "fewer than two seeds"),
        ({"a": [None, 90], "b": [80, None]}, "2 seeds: no interval"),
    ],
)
def test_what_is_not_clear_is_undecided_and_says_why(make_catalog, right, said):
    verdict = pair(make_catalog(right)).parts[0].text
    assert verdict.startswith("Undecided: ") and said in verdict


def test_settings_without_a_common_seed_are_not_offered(make_catalog):
    catalog = make_catalog({"Baseline": GOOD})
    (alone,) = catalog.groups
    assert comparable_groups(catalog, alone) == [] and default_pair(catalog) == (None, None)
    assert isinstance(compare_groups(catalog, *default_pair(catalog)), Remark)
    assert isinstance(compare_groups(catalog, alone, alone), Remark)
