"""The deadline of a command."""

import math
import time

from blurbstudy.engine.deadline import Deadline


def test_without_minutes_the_deadline_never_passes():
    assert Deadline.after(None, start=0.0).at == math.inf and not Deadline().passed()


def test_the_deadline_counts_from_the_start_of_the_command():
    now = time.time()
    assert Deadline.after(2, start=now - 121).passed() and not Deadline.after(2, start=now - 60).passed()


def test_what_is_skipped_is_counted_once():
    deadline = Deadline()
    deadline.skip(runs=["a", "b"], encoders=["BERT"])
    deadline.skip(runs=["b", "c", "c"], baselines=["scispaCy jnlpba"])
    assert deadline.skipped_runs == ["a", "b", "c"]
    assert deadline.skipped_encoders == ["BERT"] and deadline.skipped_baselines == ["scispaCy jnlpba"]
