"""Progress reaches a file when one is named, a bar when somebody looks, and a log's lines otherwise."""

import io
import sys

import pytest

from blurbstudy.engine import progress
from blurbstudy.engine.progress import PROGRESS_SETTING, Progress, follow_progress, read_progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def no_setting(monkeypatch):
    monkeypatch.delenv(PROGRESS_SETTING, raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)  # of another test's; no notebook is looked at here


def test_progress_is_lines_of_json_where_a_file_is_named(tmp_path, monkeypatch):
    path = tmp_path / "progress.jsonl"
    monkeypatch.setenv(PROGRESS_SETTING, str(path))
    with Progress("Table 4", total=10, runs=2) as bar:
        bar.update(10, runs_done=2)
    states, offset = read_progress(path)
    first = {"label": "Table 4", "done": 0, "total": 10, "runs_done": 0, "runs": 2}
    assert states == [first, first | {"done": 10, "runs_done": 2}]
    assert read_progress(path, offset=offset) == ([], offset)


def test_a_line_that_is_not_whole_yet_waits(tmp_path):
    path = tmp_path / "progress.jsonl"
    path.write_text('{"done": 1}\n{"do')
    states, offset = read_progress(path)
    assert states == [{"done": 1}]
    path.write_text('{"done": 1}\n{"done": 2}\n')
    assert read_progress(path, offset=offset)[0] == [{"done": 2}]


def test_at_most_two_reports_a_second_and_the_end_always(tmp_path, monkeypatch):
    path = tmp_path / "progress.jsonl"
    monkeypatch.setenv(PROGRESS_SETTING, str(path))
    clock = iter(i * 0.01 for i in range(1000))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with Progress("", total=300, runs=1) as bar:
        for step in range(300):
            bar.update(step, runs_done=0)
        bar.update(300, runs_done=1)
    states, _ = read_progress(path)
    assert len(states) <= 9 and states[-1]["done"] == 300


def test_silent_progress_writes_nothing(tmp_path, monkeypatch):
    path = tmp_path / "progress.jsonl"
    monkeypatch.setenv(PROGRESS_SETTING, str(path))
    with Progress("", total=10, runs=1, mode="silent") as bar:
        bar.update(10, runs_done=1)
    assert not path.exists()


def test_a_progress_file_that_cannot_be_written_does_not_end_the_runs(tmp_path, monkeypatch):
    monkeypatch.setenv(PROGRESS_SETTING, str(tmp_path / "none" / "progress.jsonl"))
    with Progress("", total=10, runs=1) as bar:
        bar.update(10, runs_done=1)


def test_a_terminal_sees_a_bar_with_steps_and_runs(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with Progress("Table 4", total=10, runs=2) as bar:
        bar.update(10, runs_done=2)
    assert (
        "Table 4" in sys.stderr.getvalue() and "10/10" in sys.stderr.getvalue() and "2/2 runs" in sys.stderr.getvalue()
    )


def test_a_log_file_sees_no_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with Progress("Table 4", total=10, runs=2) as bar:
        bar.update(10, runs_done=2)
    assert sys.stderr.getvalue() == ""


def test_a_log_file_gets_a_line_with_an_estimate_every_half_minute(monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    clock = iter([0.0, *(20.0 * i for i in range(1, 100))])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with Progress("BIOSSES", total=100, runs=4) as bar:  # made at 0 s, entered at 20 s
        bar.update(10, runs_done=0)  # at 40 s
        bar.update(20, runs_done=0)  # at 60 s: too soon for another line
        bar.update(50, runs_done=2)  # at 80 s
    assert log.getvalue().splitlines() == [
        "BIOSSES: 10 of 100 steps, 0 of 4 runs, about 6 min left",
        "BIOSSES: 50 of 100 steps, 2 of 4 runs, about 1 min left",
    ]


def test_the_command_line_draws_what_a_sweep_elsewhere_reports(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with follow_progress():
        with Progress("first", total=10, runs=1) as bar:
            bar.update(10, runs_done=1)
        with Progress("second", total=4, runs=2) as bar:
            bar.update(4, runs_done=2)
    drawn = sys.stderr.getvalue()
    assert "first: 100%" in drawn and "second: 100%" in drawn and "2/2 runs" in drawn
    import os

    assert PROGRESS_SETTING not in os.environ
