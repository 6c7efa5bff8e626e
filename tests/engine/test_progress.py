"""Progress is a bar in a terminal, lines in a log, and nothing when silent."""

import io
import sys
from pathlib import Path

import pytest

from blurbstudy.engine import progress as module
from blurbstudy.engine.progress import Progress, format_duration, progress_bar
from blurbstudy.report import progress_bar as progress_bar_module
from blurbstudy.report.execute import Execution
from blurbstudy.report.progress_bar import page_progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A time that a test sets."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_a_terminal_shows_the_fraction_the_runs_and_what_is_running(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress("Table 4", total=10, runs=2) as bar:
        bar.update(10, runs_done=2, current="BIOSSES, {BERT}")
    drawn = sys.stderr.getvalue()
    assert "| 0 of 2 runs trained, 0 s elapsed" in drawn  # without a stray comma
    assert "Table 4: 100%" in drawn and "2 of 2 runs trained" in drawn and "BIOSSES, {BERT}" in drawn


def test_a_terminal_is_drawn_at_most_twice_a_second_and_at_the_end(monkeypatch, clock):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress("runs", total=300, runs=1) as bar:
        drawn = []
        monkeypatch.setattr(bar._bar, "refresh", lambda: drawn.append(bar._bar.bar_format))
        for step in range(300):
            clock[0] = 0.01 * step
            bar.update(step, runs_done=0)
        bar.update(300, runs_done=1)
    assert 2 <= len(drawn) <= 7 and "| 1 of 1 runs" in drawn[-1]


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_the_end_is_one_line_with_runs_reused_runs_and_time(monkeypatch, clock, stream):
    monkeypatch.setattr(sys, "stderr", stream())
    with Progress("fine-tuning", total=10, runs=48, reused=96) as bar:
        clock[0] = 142.0
        bar.update(10, runs_done=48)
    written = sys.stderr.getvalue().split("\r")[-1]
    assert written == "fine-tuning: 48 runs trained, 96 reused from the store, 2 min 22 s\n"


def test_what_was_not_finished_is_counted_as_such(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with Progress("pretraining", total=10, runs=4, unit="encoders", verb="pretrained") as bar:
        bar.update(5, runs_done=1)
    assert sys.stderr.getvalue() == "pretraining: 1 of 4 encoders pretrained, 0 s\n"


def test_a_failure_ends_without_a_summary(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with pytest.raises(ValueError, match="broken"), Progress("fine-tuning", total=10, runs=4):
        raise ValueError("broken")
    assert sys.stderr.getvalue() == ""


def test_a_log_gets_a_line_every_half_minute(monkeypatch, clock):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with Progress("BIOSSES", total=100, runs=4) as bar:
        for seconds, done, runs in ((40, 10, 0), (60, 20, 0), (80, 50, 2)):  # at 60 s it is too early for a line
            clock[0] = float(seconds)
            bar.update(done, runs_done=runs, current="BIOSSES, BERT")
    assert log.getvalue().splitlines()[:-1] == [
        "BIOSSES: 10%, 0 of 4 runs trained, 40 s elapsed, BIOSSES, BERT",
        "BIOSSES: 50%, 2 of 4 runs trained, 1 min 20 s elapsed, about 50 s left, BIOSSES, BERT",
    ]


def test_silent_progress_writes_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress("", total=10, runs=1, mode="silent") as bar:
        bar.update(10, runs_done=1)
    assert sys.stderr.getvalue() == ""


def test_the_remaining_time_is_estimated_once_measured_and_not_from_the_start_of_processes(clock):
    bar = Progress("", total=1, runs=1, mode="silent")
    clock[0] = 60.0
    assert bar.seconds_left(0.0, 60.0) is None
    bar.update(0.01, runs_done=0)  # the first step, after a minute in which processes started
    assert bar.seconds_left(0.01, 60.0) is bar.seconds_left(0.02, 64.0) is bar.seconds_left(0.01, 70.0) is None
    assert bar.seconds_left(0.11, 70.0) == pytest.approx(89.0)


def test_a_report_says_which_page_of_how_many(monkeypatch, clock):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(progress_bar_module, "n_kernels", lambda: 2)
    with page_progress(["01_a", "02_b", "03_c"]) as on_end:
        for seconds, notebook in ((10, "02_b"), (20, "01_a"), (30, "03_c")):
            clock[0] = float(seconds)
            on_end(Execution(notebook=notebook, path=Path(), seconds=1.0, failure=None))
    assert sys.stderr.getvalue().splitlines() == [
        "report: 33%, 1 of 3 pages made, 10 s elapsed, 01_a, 03_c",
        "report: 67%, 2 of 3 pages made, 20 s elapsed, about 10 s left, 03_c",
        "report: 3 pages made, 30 s",
    ]


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
