"""A live fine-tuning: an ordinary sweep in a thread that is watched and stopped."""

import time

import pytest

from blurbstudy.config import Recipe
from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.sweep import run_missing
from blurbstudy.errors import ParameterError
from blurbstudy.sections import explore as section
from blurbstudy.sections.explore.depth import TechniqueSelection
from blurbstudy.sections.explore.live import LiveRun, live_encoders
from blurbstudy.store.run_store import RunStore
from blurbstudy.study.by_hand import runs_by_hand
from blurbstudy.study.parameters import scale_parameters
from blurbstudy.study.study import Study

TIMEOUT = 120  # seconds
RECIPE = Recipe(epochs=2, max_length=48, n_evaluations=4)
LONG = Recipe(epochs=1000, batch_size=1, max_length=48, n_evaluations=200)


@pytest.fixture
def study(tmp_path, tiny_encoder):
    encoders = {"BERT": str(tiny_encoder), "ELECTRA": None}
    return Study(
        section,
        scale_parameters("mini", section.NOTEBOOK) | {"store": str(tmp_path / "store"), "encoders": encoders},
    )


@pytest.fixture
def start(study):
    """Starts a run of the tiny encoder on BIOSSES; it is stopped with the test."""
    runs = []

    def start_run(recipe, **changes):
        options = {"encoder": "BERT", "task": "BIOSSES", "seed": 1} | changes
        runs.append(LiveRun(study, options.pop("techniques", TechniqueSelection()), recipe=recipe, **options))
        return runs[-1]

    yield start_run
    for run in runs:
        run.stop()
        wait_for(lambda run=run: not run.is_running())


def wait_for(condition):
    until = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_finished_run_is_the_same_as_that_of_a_sweep(start, study, make_sources, make_grid, tmp_path):
    run = start(RECIPE)
    wait_for(lambda: not run.is_running())
    (record,) = study.store.records()
    other = RunStore(tmp_path / "other")
    sources = make_sources(other)
    (config,) = make_grid(sources, 1, epochs=2, n_evaluations=4)
    (expected,) = run_missing(
        [config], other, sources=sources, engine=LocalEngine(device="cpu", workers=1), progress="silent"
    ).values()
    assert record.id == expected.id and record.curve == expected.curve == run.curve
    assert record.scores == expected.scores and record.predictions == expected.predictions
    assert run.step == run.total > 0
    assert run.describe().startswith("Finished: dev ") and f"stored as run {record.id}" in run.describe()
    assert runs_by_hand(study.store) == {record.id}  # so that no page of the study shows it
    second = start(RECIPE)
    wait_for(lambda: not second.is_running())
    assert "not trained again" in second.describe()


def test_the_curve_grows_and_a_stopped_run_leaves_no_record(start, study):
    run = start(LONG)
    wait_for(lambda: len(run.curve.get("step", ())) > 0 and len(run.losses) > 1)
    step, points, picture = run.step, len(run.curve["step"]), run.figure().svg
    assert run.describe() == f"Training, at step {run.step:,} of {run.total:,} …" or run.is_running()
    wait_for(lambda: len(run.curve["step"]) > points)
    assert run.step > step and run.figure().svg != picture
    run.stop()
    wait_for(lambda: not run.is_running())
    assert run.describe() == f"Stopped at step {run.step:,} of {run.total:,}. It left no record in the store."
    assert len(study.store) == 0


def test_a_run_can_be_stopped_before_its_first_step(start, study):
    run = start(LONG)
    run.stop()
    assert run.describe() in ("Stopping …", run.outcome)
    wait_for(lambda: not run.is_running())
    assert run.describe().startswith("Stopped ") and len(study.store) == 0


def test_the_techniques_are_in_the_recipe(start):
    run = start(Recipe(epochs=3), techniques=TechniqueSelection(freeze=1))
    assert run.recipe == Recipe(epochs=3).replace(stabilizers={"freeze": {"layers": 1}})


def test_a_failure_is_one_sentence(start, study):
    run = start(RECIPE.replace(max_length=512))
    wait_for(lambda: not run.is_running())
    assert run.describe().startswith("Failed before its first step: max_length=512 exceeds") and len(study.store) == 0


def test_an_encoder_without_a_path_is_not_offered_and_is_refused(study):
    assert live_encoders(study) == ["BERT"]
    with pytest.raises(ParameterError, match="encoder 'ELECTRA' has no path"):
        LiveRun(study, TechniqueSelection(), encoder="ELECTRA", task="BIOSSES", recipe=Recipe())
