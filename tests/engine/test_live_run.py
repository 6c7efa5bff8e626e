"""A run that is watched: its curve grows, it ends in the store as any other; stopped or failed it leaves nothing."""

import time
from pathlib import Path

import pytest

from blurbstudy.config import Recipe
from blurbstudy.engine.live_run import FAILED, FINISHED, RUNNING, STOPPED, Job, LiveRun
from blurbstudy.store.run_store import RunStore

PATIENCE = 120  # seconds


@pytest.fixture
def make_run(tmp_path, tiny_encoder):
    """A run of the tiny encoder on BIOSSES; the process is ended with the test."""
    runs = []

    def make(**changes):
        recipe = Recipe(epochs=changes.pop("epochs", 2), max_length=48, evaluations=changes.pop("evaluations", 4))
        given = {"store": str(tmp_path / "store"), "data": "mini", "task": "BIOSSES", "encoder": "tiny",
                 "spec": str(tiny_encoder), "recipe": recipe, "seed": 1, "device": "cpu"}  # fmt: skip
        runs.append(LiveRun(Job(**(given | changes))))
        return runs[-1]

    yield make
    for run in runs:
        run.stop()


def wait_for(run, condition):
    until = time.monotonic() + PATIENCE
    while not condition(run.look()):
        assert time.monotonic() < until, run.look()
        time.sleep(0.02)
    return run.look()


def files(folder):
    return sorted(path for path in Path(folder).rglob("*") if path.is_file())


def test_a_run_that_ends_is_the_engines_own_run(make_run, make_sources, make_grid, tmp_path):
    """The same id, scores, predictions and curve as where nobody watches."""
    from blurbstudy.engine.engine import LocalEngine
    from blurbstudy.engine.sweep import run_missing

    sight = wait_for(make_run(), lambda sight: sight.state != RUNNING)
    assert (sight.state, sight.made, sight.step) == (FINISHED, True, sight.total)
    watched = RunStore(tmp_path / "store").get(sight.run_id)
    other = RunStore(tmp_path / "other")
    sources = make_sources(other)
    (config,) = make_grid(sources, 1, epochs=2, evaluations=4)
    (plain,) = run_missing(
        [config], other, sources=sources, engine=LocalEngine(device="cpu", workers=1), progress="silent"
    ).values()
    assert watched.id == plain.id and watched.curve == sight.curve == plain.curve
    assert watched.scores == plain.scores and watched.predictions == plain.predictions


def test_a_run_that_the_store_has_is_not_made_again(make_run):
    first = wait_for(make_run(), lambda sight: sight.state != RUNNING)
    second = wait_for(make_run(), lambda sight: sight.state != RUNNING)
    assert (second.state, second.run_id, second.made) == (FINISHED, first.run_id, False)


def test_the_curve_grows_while_it_runs_and_stopping_leaves_the_store_as_it_was(make_run, tmp_path):
    run = make_run(epochs=1000, evaluations=100)
    early = wait_for(run, lambda sight: len(sight.curve.get("step", ())) > 0)
    later = wait_for(
        run, lambda sight: len(sight.curve["step"]) > len(early.curve["step"]) and len(sight.steps) > len(early.steps)
    )
    assert later.step > early.step and len(later.losses) == len(later.steps)
    assert run.stop().state == STOPPED and run.look().state == STOPPED
    assert run._process.poll() is not None and not Path(run._scratch.name).exists()
    assert files(tmp_path / "store") == []


def test_a_run_is_stopped_before_its_first_step_too(make_run, tmp_path):
    assert make_run().stop().state == STOPPED
    assert files(tmp_path / "store") == []


def test_looking_never_waits(make_run):
    run = make_run(epochs=1000)
    began = time.monotonic()
    for _ in range(100):
        run.look()
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"spec": "/nowhere/at/all"}, "/nowhere/at/all is no folder"),
        ({"data": "/nowhere"}, "/nowhere: no such folder"),
        ({"device": "cuda"}, "device='cuda' is not available"),
    ],
)
def test_what_cannot_be_run_fails_in_one_line_and_leaves_nothing(make_run, tmp_path, changes, said):
    import torch

    if "device" in changes and torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    sight = wait_for(make_run(**changes), lambda sight: sight.state != RUNNING)
    assert sight.state == FAILED and said in sight.cause and "\n" not in sight.cause
    assert files(tmp_path / "store") == []


def test_a_process_that_is_killed_is_a_failure_with_its_cause(make_run, tmp_path):
    run = make_run(epochs=1000)
    wait_for(run, lambda sight: sight.step > 0)
    run._process.kill()
    sight = wait_for(run, lambda sight: sight.state != RUNNING)
    assert sight.state == FAILED and "killed by SIGKILL" in sight.cause
    assert files(tmp_path / "store") == []
