"""Published scores are of our tasks and name their source."""

from statistics import fmean

import pytest

from blurbstudy.sections.state_of_the_art.published_scores import PAPER, published_systems
from blurbstudy.tables.paper import paper_number
from blurbstudy.tasks import TASKS


@pytest.mark.parametrize("name", published_systems())
def test_published_scores_are_of_our_tasks_and_name_their_source(name):
    cells = published_systems()[name]["cells"]
    assert set(cells) == {*(task.name for task in TASKS), "BLURB score"} and published_systems()[name]["source"]
    assert all(50 < score < 100 for score in cells.values())


@pytest.mark.parametrize("name", published_systems())
def test_the_blurb_score_follows_from_the_tasks(name):
    cells = published_systems()[name]["cells"]
    groups = dict.fromkeys(task.group for task in TASKS)
    means = [fmean(cells[task.name] for task in TASKS if task.group == group) for group in groups]
    assert round(fmean(means), 2) == cells["BLURB score"]


def test_the_papers_optimal_columns_are_found():
    scores = [paper_number(table, column, "BLURB score") for table, column in PAPER.values()]
    assert scores == [82.75, 82.41, 82.91, 82.44]
