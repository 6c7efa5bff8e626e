"""A sweep trains each missing run once and keeps finished runs. The engine here is a stub."""

import dataclasses

import pytest

from blurbstudy.engine.deadline import Deadline
from blurbstudy.engine.sweep import find_runs, run_missing
from blurbstudy.engine.sweep_state import FailedPopulation, SweepProgress
from blurbstudy.errors import ParameterError, StoreError, StudyError
from blurbstudy.training.run_record import RunRecord


class StubEngine:
    """Puts a made-up record for each run into the store; seeds in `failing` fail, those in `late` are skipped."""

    def __init__(self, failing=(), late=()):
        self.failing, self.late, self.trained, self.deadline = failing, late, [], Deadline()

    def run(self, configs, store, *, sources, on_progress=None):
        failures = []
        for number, config in enumerate(configs, start=1):
            self.trained.append(config.id)
            if config.seed in self.failing:
                failures.append(FailedPopulation(run_ids=(config.id,), cause="worker process killed by SIGKILL"))
                continue
            if config.seed in self.late:
                failures.append(FailedPopulation(run_ids=(config.id,), cause="the deadline passed", skipped=True))
                continue
            store.put(
                RunRecord(
                    config=config,
                    status="finished",
                    stopped_at_step=1,
                    selected_step=1,
                    scores={"dev": 0.1, "test": 0.2},
                    curve={},
                    predictions={},
                    seconds=1.0,
                    peak_bytes=1,
                )
            )
            on_progress(SweepProgress(fraction=number / len(configs), runs_done=number))
        return failures


@pytest.fixture
def sources(store, make_sources):
    return make_sources(store)


def test_stored_runs_are_not_trained_again(store, sources, make_grid):
    engine = StubEngine()
    first = run_missing(make_grid(sources, 3), store, sources=sources, engine=engine)
    again = run_missing(make_grid(sources, 5), store, sources=sources, engine=engine)
    assert (first.trained, first.reused) == (3, 0) and (again.trained, again.reused) == (2, 3)
    assert len(engine.trained) == len(set(engine.trained)) == 5
    last = run_missing(make_grid(sources, 5), store, sources=sources, engine=engine)
    assert (last.trained, last.reused) == (0, 5) and len(engine.trained) == 5
    assert dict(last) == dict(again)


def test_records_are_in_the_order_of_the_configs_each_once(store, sources, make_grid):
    configs = make_grid(sources, 4)
    renamed = [dataclasses.replace(config, encoder_name="another name") for config in configs]
    run_missing(configs[2:], store, sources=sources, engine=StubEngine())
    result = run_missing([*configs, *renamed], store, sources=sources, engine=StubEngine())
    assert list(result) == [config.id for config in configs]
    assert [r.config.seed for r in result.select([configs[3], renamed[3], configs[0]])] == [4, 1]


def test_failed_runs_raise_a_summary_and_the_others_are_stored(store, sources, make_grid):
    configs = make_grid(sources, 4)
    with pytest.raises(StudyError) as error:
        run_missing(configs, store, sources=sources, engine=StubEngine(failing=(2,)))
    message = str(error.value)
    assert message.startswith("1 of 4 runs failed, 3 finished and are stored") and configs[1].id in message
    assert "SIGKILL" in message and "seed 2" in message and "only the missing runs are trained" in message
    result = run_missing(configs, store, sources=sources, engine=StubEngine())
    assert (result.trained, result.reused) == (1, 3)


def test_skipped_runs_are_no_failure_and_are_trained_the_next_time(store, sources, make_grid):
    configs, engine = make_grid(sources, 4), StubEngine(late=(2, 4))
    result = run_missing(configs, store, sources=sources, engine=engine)
    assert engine.deadline.skipped_runs == [configs[1].id, configs[3].id]
    assert list(result) == [configs[0].id, configs[2].id] and result.trained == 2
    assert [config.seed for config in result.missing] == [2, 4]
    again = run_missing(configs, store, sources=sources, engine=StubEngine())
    assert (again.trained, again.reused, again.missing) == (2, 2, ())


def test_an_error_about_failed_runs_does_not_count_skipped_ones(store, sources, make_grid):
    configs, engine = make_grid(sources, 4), StubEngine(failing=(2,), late=(1,))
    with pytest.raises(StudyError, match="^1 of 3 runs failed, 2 finished and are stored") as error:
        run_missing(configs, store, sources=sources, engine=engine)
    assert configs[1].id in str(error.value) and engine.deadline.skipped_runs == [configs[0].id]


def test_a_recipe_that_does_not_fit_the_encoder_is_rejected_before_training(store, sources, make_grid):
    engine = StubEngine()
    deep = make_grid(sources, 1, stabilizers={"freeze": {"layers": 14}})
    long = make_grid(sources, 1, max_length=512)
    for wrong, message in (
        (deep, "14 exceeds the encoder's 2 layers"),
        (long, "512 exceeds the encoder's 128 positions"),
    ):
        with pytest.raises(ParameterError, match=message):
            run_missing([*make_grid(sources, 2), *wrong], store, sources=sources, engine=engine)
    assert engine.trained == [] and store.ids() == []


def test_a_corrupt_record_is_reported_before_training(store, sources, make_grid):
    configs, engine = make_grid(sources, 2), StubEngine()
    run_missing(configs[:1], store, sources=sources, engine=engine)
    path = next(store.folder.glob("runs/*/*.json"))
    path.write_text(path.read_text()[:100])
    with pytest.raises(StoreError, match="delete it and run again"):
        run_missing(configs, store, sources=sources, engine=engine)
    assert len(engine.trained) == 1


def test_sources_from_a_store_train_nothing(store, sources, make_grid):
    configs, engine = make_grid(sources, 2), StubEngine()
    stored_sources = dataclasses.replace(sources, data_folder=None)
    run_missing(configs[:1], store, sources=sources, engine=engine)
    assert run_missing(configs[:1], store, sources=stored_sources, engine=engine).reused == 1
    with pytest.raises(StoreError, match="1 of 2 runs are missing .* execute the notebook first"):
        run_missing(configs, store, sources=stored_sources, engine=engine)
    result = find_runs(configs, store)
    assert list(result) == [configs[0].id] and [c.seed for c in result.missing] == [2]
