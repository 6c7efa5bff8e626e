"""The BLURB score reproduces every one that the paper prints."""

from __future__ import annotations

import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.metrics import blurb_score, group_means
from blurbstudy.tables.paper import paper_tables
from blurbstudy.tasks import TASKS

GROUPS = {task.name: task.group for task in TASKS}
PRINTED = {
    f"{table} {column}": cells
    for table, content in paper_tables().items()
    if "cells" in content
    for column, cells in content["cells"].items()
    if "BLURB score" in cells
}


def test_the_paper_prints_16_blurb_scores():
    assert len(PRINTED) == 16 and len(GROUPS) == 13 and len(set(GROUPS.values())) == 6


@pytest.mark.parametrize("column", PRINTED)
def test_every_printed_blurb_score_comes_out_to_half_a_hundredth(column):
    cells = PRINTED[column]
    assert abs(blurb_score(cells, groups=GROUPS) - cells["BLURB score"]) <= 0.005 + 1e-9


def test_each_group_weighs_the_same_whatever_its_number_of_tasks():
    groups = {"a": "words", "b": "words", "c": "pairs"}
    scores = {"a": 0.2, "b": 0.4, "c": 0.9}
    assert group_means(scores, groups=groups) == pytest.approx({"words": 0.3, "pairs": 0.9})
    assert blurb_score(scores, groups=groups) == pytest.approx(0.6)


@pytest.mark.parametrize("missing", [None, float("nan"), float("inf")])
def test_missing_tasks_are_named(missing):
    scores = {"b": 0.5, "c": missing}
    with pytest.raises(ParameterError, match="needs finite scores of 3 tasks; missing: a, c; run them first"):
        blurb_score(scores, groups={"a": "x", "b": "x", "c": "y"})


def test_no_tasks_have_no_blurb_score():
    with pytest.raises(ParameterError, match="groups is empty"):
        blurb_score({"a": 1.0}, groups={})
