"""Scores of peers: of our tasks, with their source, beside ours."""

import pytest

from blurbstudy.sections.state_of_the_art.published_scores import PAPER, peers
from blurbstudy.tables.paper import paper_number
from blurbstudy.tasks import TASKS


@pytest.mark.parametrize("name", peers())
def test_a_peers_scores_are_of_our_tasks_and_its_source_is_named(name):
    cells = peers()[name]["cells"]
    assert set(cells) <= {*(task.name for task in TASKS), "BLURB score"} and peers()[name]["source"]
    assert all(50 < score < 100 for score in cells.values())


def test_biolinkberts_blurb_scores_are_as_published():
    assert [system["cells"]["BLURB score"] for system in peers().values()] == [83.39, 84.30]


def test_the_papers_optimal_columns_are_found():
    scores = [paper_number(table, column, "BLURB score") for table, column in PAPER.values()]
    assert scores == [82.75, 82.41, 82.91, 82.44]
