"""Scores of peers: complete, consistent with themselves, found beside ours."""

import pytest

from blurbstudy.metrics import blurb_score
from blurbstudy.presentation.paper import paper_number
from blurbstudy.presentation.peers import PAPER, peers
from blurbstudy.tasks import TASKS


@pytest.mark.parametrize("name", peers())
def test_a_peers_blurb_score_follows_from_its_scores_by_task(name):
    cells = peers()[name]["cells"]
    scores = {task.name: cells[task.name] for task in TASKS}
    assert set(cells) == {*scores, "BLURB score"} and peers()[name]["source"]
    found = blurb_score(scores, groups={task.name: task.group for task in TASKS})
    assert found == pytest.approx(cells["BLURB score"], abs=0.0051)


def test_the_papers_optimal_columns_are_found():
    scores = [paper_number(table, column, "BLURB score") for table, column in PAPER.values()]
    assert scores == [82.75, 82.41, 82.91, 82.44]
