"""Progress is a bar in a terminal, lines in a log, and nothing when silent."""

import io
import sys

import pytest

from blurbstudy.engine import progress as module
from blurbstudy.engine.progress import Progress, format_duration, progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def no_kernel(monkeypatch):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)  # imported by another test


@pytest.fixture
def clock(monkeypatch):
    """A time that a test sets."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_a_terminal_shows_the_fraction_the_runs_and_what_is_running(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress("Table 4", total=10, runs=2) as bar:
        bar.update(10, runs_done=2, current="BIOSSES, BERT")
    drawn = sys.stderr.getvalue()
    assert "Table 4: 100%" in drawn and "2 of 2 runs" in drawn and "BIOSSES, BERT" in drawn and "elapsed" in drawn


def test_a_terminal_is_drawn_at_most_twice_a_second_and_at_the_end(monkeypatch, clock):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress("runs", total=300, runs=1) as bar:
        postfixes = []
        monkeypatch.setattr(bar._bar, "set_postfix_str", postfixes.append)
        for step in range(300):
            clock[0] = 0.01 * step
            bar.update(step, runs_done=0)
        bar.update(300, runs_done=1)
    assert 2 <= len(postfixes) <= 7 and postfixes[-1].startswith("1 of 1 runs")


def test_a_log_gets_a_line_with_an_estimate_every_half_minute(monkeypatch, clock):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with Progress("BIOSSES", total=100, runs=4) as bar:
        for seconds, done, runs in ((40, 10, 0), (60, 20, 0), (80, 50, 2)):  # at 60 s it is too early for a line
            clock[0] = float(seconds)
            bar.update(done, runs_done=runs)
    assert log.getvalue().splitlines() == [
        "BIOSSES: 10%, 0 of 4 runs, 40 s elapsed, about 6 min 0 s left",
        "BIOSSES: 50%, 2 of 4 runs, 1 min 20 s elapsed, about 1 min 20 s left",
    ]


def test_short_work_leaves_no_line_in_a_log(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with Progress("Table 4", total=10, runs=2) as bar:
        bar.update(10, runs_done=2)
    assert sys.stderr.getvalue() == ""


def test_silent_progress_writes_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress("", total=10, runs=1, mode="silent") as bar:
        bar.update(10, runs_done=1)
    assert sys.stderr.getvalue() == ""


def test_the_expected_seconds_count_at_first_and_the_elapsed_ones_later():
    bar = Progress("", total=1, runs=1, expected_seconds=100.0, mode="silent")
    assert bar.seconds_left(0.0, 0.0) == pytest.approx(100.0)
    assert bar.seconds_left(0.05, 10.0) == pytest.approx(0.95 * 150)  # halfway from 100 to 200 seconds in total
    assert bar.seconds_left(0.5, 100.0) == pytest.approx(0.5 * 105 / 0.55)
    assert Progress("", total=1, runs=1, mode="silent").seconds_left(0.0, 5.0) is None


def test_a_simple_bar_counts_in_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress_bar("predict", total=3, unit="text") as advance:
        advance(3)
    assert "predict: 100%" in sys.stderr.getvalue() and "3/3" in sys.stderr.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (3 * 86400 + 4 * 3600, "3 d 4 h")],
)
def test_durations_have_two_units(seconds, text):
    assert format_duration(seconds) == text
