"""What joining dev brings: the same recipe and seeds, with dev and without."""

from dataclasses import replace

import pytest
from scipy import stats

from blurbstudy.sections.state_of_the_art.grids import DEFAULT_RECIPE, SEARCHED_RECIPE
from blurbstudy.sections.state_of_the_art.searches import SEARCHED_WITHOUT_DEV
from blurbstudy.sections.state_of_the_art.train_plus_dev import train_plus_dev_table
from blurbstudy.study.grid import Condition

WITH, WITHOUT = [90, 93, 91], [85, 84, 88]


@pytest.fixture
def results(make_results):
    return make_results({DEFAULT_RECIPE: [80, 82, 81], SEARCHED_RECIPE: WITH, SEARCHED_WITHOUT_DEV: WITHOUT})


def test_both_means_and_the_paired_difference_stand_in_a_row(results):
    table = train_plus_dev_table({"BASE": results})
    ((name, task, joined, alone, difference, _, _, p, pairs),) = table.rows
    assert (name, task, joined, alone, difference, pairs) == ("BERT-BASE", "QA", "91.33", "85.67", "+5.7", "3")
    assert float(p) >= stats.ttest_rel(WITH, WITHOUT).pvalue - 5e-4  # three seeds: their own test must agree


def test_its_runs_are_those_with_dev_and_those_without(results):
    (runs,) = train_plus_dev_table({"BASE": results}).runs.values()
    cells = [
        results.grid.cells[Condition("BERT", setting, "QA")] for setting in (SEARCHED_RECIPE, SEARCHED_WITHOUT_DEV)
    ]
    assert set(runs) == {config.id for cell in cells for config in cell}


def test_where_dev_joins_no_train_the_table_says_so(results):
    cells = {key: runs for key, runs in results.grid.cells.items() if key.level != SEARCHED_WITHOUT_DEV}
    table = train_plus_dev_table({"BASE": replace(results, grid=replace(results.grid, cells=cells))})
    assert table.rows[0][0] == "not run" and len(table.rows[0]) == len(table.columns)
