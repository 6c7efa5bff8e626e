"""Expected seconds are counted operations over the rate that was last measured."""

import dataclasses

import pytest

from blurbstudy.engine.estimates.flops import FLOPS_PER_SECOND, STEP_OVERHEAD, CostModel, forward_flops, step_flops
from blurbstudy.engine.estimates.measurements import MeasurementCache
from blurbstudy.engine.estimates.sweep_estimate import estimate_sweep
from blurbstudy.engine.populations import run_steps
from blurbstudy.engine.sweep import run_missing


@pytest.fixture(autouse=True)
def own_measurements(tmp_path, monkeypatch):
    path = tmp_path / "machine.json"
    monkeypatch.setattr("blurbstudy.engine.estimates.measurements.measurements_file", lambda: path)


@pytest.fixture
def sources(store, make_sources):
    return make_sources(store)


def test_a_forward_pass_takes_two_operations_per_weight_of_the_layers_and_token(sources):
    shape = sources.encoders["tiny"].architecture
    fewer = dataclasses.replace(shape, n_layers=shape.n_layers - 1)
    biases_and_norms = 4 * shape.width + (shape.intermediate + shape.width) + 4 * shape.width
    matrices = shape.n_parameters - fewer.n_parameters - biases_and_norms
    assert forward_flops(shape, 10) == 2 * 10 * shape.n_layers * matrices
    assert step_flops(shape, 10) == STEP_OVERHEAD + 3 * forward_flops(shape, 10)


def test_seconds_follow_the_steps_and_the_last_measured_rate(sources, make_grid):
    ((short,), (long,)) = (make_grid(sources, 1, epochs=n, n_evaluations=1) for n in (1, 4))
    costs = CostModel(sources, "cpu")
    assert costs.seconds(short) == pytest.approx(costs.flops(short) / FLOPS_PER_SECOND)
    steps = run_steps(long, sources=sources) / run_steps(short, sources=sources)
    assert 0.5 * steps < costs.seconds(long) / costs.seconds(short) <= steps
    costs.record([short, long], seconds=10.0)
    measured = CostModel(sources, "cpu")
    assert measured.seconds(short) + measured.seconds(long) == pytest.approx(10.0)
    assert costs.seconds(short) != measured.seconds(short)  # constant during a sweep


def test_a_sweep_updates_the_rate(store, sources, make_grid):
    configs = make_grid(sources, 1)
    run_missing(configs, store, sources=sources, progress="silent")
    rates = [value for key, value in MeasurementCache()._values.items() if key.startswith("rate ")]
    assert len(rates) == 1 and rates[0] > 0 and CostModel(sources, "cpu").rate(configs[0]) == rates[0]


def test_an_estimate_counts_populations_and_divides_the_time_among_workers(sources, make_grid):
    configs = make_grid(sources, 8)
    alone = estimate_sweep(configs, sources=sources, device="cpu", workers=1)
    pair = estimate_sweep(configs, sources=sources, device="cpu", workers=2)
    assert (alone.populations, pair.populations, pair.workers) == (2, 2, 2)
    assert pair.seconds == pytest.approx(alone.seconds / 2) and alone.process_bytes > 2**26
    assert estimate_sweep([], sources=sources, device="cpu", workers=2).seconds == 0
