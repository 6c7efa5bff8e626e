"""The clock: where nobody sets one time never ends; what is left undone is told once; what fits in time is begun."""

import math
import os
from types import SimpleNamespace

import pytest

from blurbstudy.engine import deadline as clock
from blurbstudy.engine.deadline import CLOCK_SETTING, Clock, Left, Pace, stopping_after


@pytest.fixture
def now(monkeypatch):
    """A time that stands still until it is moved."""
    time = SimpleNamespace(at=1000.0)
    monkeypatch.setattr(clock.time, "time", lambda: time.at)
    return time


def test_without_the_option_time_never_ends_and_nothing_is_noted(now):
    with stopping_after(None, began=0.0) as left:
        assert CLOCK_SETTING not in os.environ
        mine = Clock()
        assert mine.deadline == math.inf and not mine.is_up(after=1e12)
        mine.note(runs=["a"], encoders=["BERT"])
        assert left() == Left()


def test_the_time_is_counted_from_the_beginning_of_the_command(now):
    with stopping_after(2, began=940.0):
        mine = Clock()
        assert mine.deadline == 1060.0 and not mine.is_up() and not mine.is_up(after=59.9) and mine.is_up(after=60)
        now.at = 1060.0
        assert mine.is_up()
    assert CLOCK_SETTING not in os.environ and not Clock().is_up()


def test_a_setting_of_before_is_there_afterwards(now, monkeypatch):
    with stopping_after(1, began=1000.0):
        outer = os.environ[CLOCK_SETTING]
        with stopping_after(5, began=1000.0):
            assert Clock().deadline == 1300.0
        assert os.environ[CLOCK_SETTING] == outer and Clock().deadline == 1060.0


def test_what_is_left_is_told_once_however_many_notebooks_note_it(now):
    with stopping_after(1, began=0.0) as left:
        assert left() == Left()
        Clock().note(runs=["a", "b"])
        Clock().note(runs=["b", "c"], encoders=["BERT, cased", "ELECTRA"])
        Clock().note(encoders=["ELECTRA"])
        Clock().note()
        assert left() == Left(runs=frozenset("abc"), encoders=("BERT, cased", "ELECTRA"))


def population(task="BIOSSES", n=1, max_length=48):
    return [SimpleNamespace(task=task, encoder="e", recipe=SimpleNamespace(max_length=max_length))] * n


def test_a_population_is_begun_where_its_kind_is_known_to_end_in_time(now):
    with stopping_after(1, began=1000.0):
        pace = Pace(Clock(), steps=lambda population: 10 * len(population))
        assert pace.may_begin(population(n=100))  # nobody knows yet
        pace.took(population(), 20.0)  # 2 seconds a step
        pace.took(population(), 10.0)  # of two the slowest counts
        assert pace.may_begin(population(n=2)) and not pace.may_begin(population(n=3))
        assert pace.may_begin(population("PubMedQA", n=100)) and pace.may_begin(population(n=100, max_length=64))
        now.at = 1060.0
        assert not pace.may_begin(population()) and not pace.may_begin(population("PubMedQA"))


def test_one_slow_population_does_not_speak_for_all_that_follow(now):
    with stopping_after(1, began=1000.0):
        pace = Pace(Clock(), steps=lambda population: 10 * len(population))
        for seconds in (10.0, 500.0, 10.0):
            pace.took(population(), seconds)
        assert not pace.may_begin(population())  # one of three: it may be the rule
        pace.took(population(), 12.0)
        assert pace.may_begin(population(n=4)) and not pace.may_begin(population(n=5))  # 1.2 seconds a step


def test_a_machine_that_has_become_slower_or_faster_is_believed(now):
    with stopping_after(1, began=1000.0):
        pace = Pace(Clock(), steps=lambda population: 10 * len(population))
        for seconds in [10.0] * 20 + [100.0] * 3:
            pace.took(population(), seconds)
        assert not pace.may_begin(population())
        for seconds in [10.0] * 6:
            pace.took(population(), seconds)
        assert pace.may_begin(population(n=5)) and not pace.may_begin(population(n=6))


def test_without_a_clock_every_population_is_begun(now):
    pace = Pace(Clock(), steps=len)
    pace.took(population(), 1e9)
    assert pace.may_begin(population(n=1000))
