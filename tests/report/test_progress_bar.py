"""How far a whole command has come is counted in expected seconds, and what it takes corrects what was expected."""

import pytest

from blurbstudy.report.plan_text import duration, size
from blurbstudy.report.progress_bar import Course, Stage


def stage(stem, kind, count, seconds):
    return Stage(stem=stem, kind=kind, count=count, seconds=seconds)


@pytest.fixture
def course():
    return Course(
        [stage("a", "encoders", 2, 30.0), stage("a", "runs", 8, 50.0), stage("a", "rest", 0, 20.0),
         stage("b", "runs", 8, 100.0)]
    )  # fmt: skip


def report(label, done, total, runs):
    return {"label": label, "done": done, "total": total, "runs": runs}


def test_stages_are_done_by_the_share_that_is_reported_and_whole_when_the_next_begins(course):
    course.begin("a")
    course.hear("a", report("pretraining", 5, 10, 2))
    assert course.done == 15
    course.hear("a", report("a", 1, 4, 8))
    assert course.done == 30 + 12.5
    course.begin("b")
    assert course.done == 100
    course.hear("b", report("b", 10, 10, 8))
    assert course.done == course.total == 200


def test_what_was_not_foreseen_counts_for_nothing(course):
    course.begin("a")
    course.hear("a", report("a", 3, 4, 99))
    assert course.done == 0


def test_the_time_left_follows_what_is_seen_once_much_is_done(course):
    assert course.seconds_left(0.0) == 200  # nothing is seen yet: as expected
    course.begin("b")
    assert course.seconds_left(100.0) == pytest.approx(100)  # as fast as expected
    assert 180 < course.seconds_left(200.0) < 200  # half as fast: nearly twice the time


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (3599.6, "1 h 0 min"), (7500, "2 h 5 min"),
     (172_800, "2 d 0 h")],
)  # fmt: skip
def test_durations_are_told_in_two_units(seconds, text):
    assert duration(seconds) == text


def test_sizes_are_told_in_gigabytes():
    assert size(403_456_000) == "0.4 GB"
