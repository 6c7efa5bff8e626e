"""The size of populations and the number of processes follow the profiled memory; profiles are cached."""

import dataclasses

import pytest

from blurbstudy.engine.estimates import memory as module
from blurbstudy.engine.estimates.measurements import MeasurementCache, measurements_file
from blurbstudy.engine.estimates.memory import MEMORY_FRACTION, Capacity, Footprint, upper_bound_bytes
from blurbstudy.engine.populations import PopulationTrainer
from blurbstudy.training.profiling import MemoryUsage


@pytest.fixture(autouse=True)
def own_measurements(tmp_path, monkeypatch):
    """No other test's measurements; generated data stay where they are."""
    monkeypatch.setattr("blurbstudy.engine.estimates.measurements.measurements_file", lambda: tmp_path / "machine.json")


@pytest.fixture
def trainer(store, make_sources):
    return PopulationTrainer(store, sources=make_sources(store), device="cpu")


def test_a_footprint_grows_by_member_and_the_largest_population_has_at_least_one():
    footprint = Footprint(fixed=100, member=10)
    assert [footprint.bytes_for(n) for n in (1, 2, 5)] == [110, 120, 150]
    assert [footprint.max_members(budget) for budget in (150, 159, 160, 50)] == [5, 5, 6, 1]


def test_a_profile_exceeds_the_weights_and_is_cached(trainer, make_grid, monkeypatch):
    (config,) = make_grid(trainer.sources, 1)
    capacity = Capacity(trainer, 2, free=64 * 2**20)
    capacity.measure([config])
    footprint = capacity.footprint(config)
    shape = trainer.sources.encoders["tiny"].architecture
    assert footprint.fixed > 50 * 2**20  # Python and torch
    assert 16 * shape.n_parameters <= footprint.member < 2**30
    monkeypatch.setattr(module, "profile", lambda *_: pytest.fail("measured again"))
    again = Capacity(trainer, 2, free=64 * 2**20)
    again.measure([config])
    assert again.footprint(config) == footprint


def test_a_member_takes_at_least_its_optimizer_state(trainer, make_grid):
    shape = trainer.sources.encoders["tiny"].architecture
    config, frozen, shallow = (
        make_grid(trainer.sources, 1, stabilizers=stabilizers)[0]
        for stabilizers in ({}, {"freeze": {"layers": 1}}, {"remove_layers": {"layers": 1}})
    )
    parameters, fewer = shape.n_parameters, shape.with_layers(shape.n_layers - 1).n_parameters
    states = [module.optimizer_state_bytes(shape, one) for one in (config, frozen, shallow)]
    assert states == [16 * parameters, 4 * parameters, 16 * fewer]
    noise = [MemoryUsage(before=1000, peak=1500), MemoryUsage(before=1000, peak=1499)]
    footprint = module._footprint(noise, min_member=400, own_process=True)
    assert footprint == Footprint(fixed=1100, member=400)
    alone = module._footprint(noise[:1], min_member=400, own_process=True)
    assert alone == Footprint(fixed=1000, member=500)
    assert module._footprint(noise[:1], min_member=400, own_process=False) == Footprint(fixed=0, member=500)
    assert module._footprint([], own_process=True) is None


def test_free_memory_limits_members_and_processes(trainer, make_grid):
    (config,) = make_grid(trainer.sources, 1)
    cache = MeasurementCache()
    capacity = Capacity(trainer, 8, free=1000, cache=cache)
    cache.put("footprint", capacity._key(config), {"fixed": 100, "member": 50})
    capacity.measure([config])
    assert capacity.max_workers([config]) == int(MEMORY_FRACTION * 1000 // 150) == 5
    assert [capacity.max_members(config, workers=n) for n in (5, 4, 2)] == [1, 2, 4]  # 4: the most on a CPU


def test_runs_that_trivially_fit_are_not_profiled(trainer, make_grid, monkeypatch):
    configs = make_grid(trainer.sources, 2)
    monkeypatch.setattr(module, "profile", lambda *_: pytest.fail("measured"))
    capacity = Capacity(trainer, 2, free=64 * 2**30)
    capacity.measure(configs)
    assert capacity.max_workers(configs) == 2 and capacity.max_members(configs[0], workers=2) == 4


def test_the_upper_bound_exceeds_the_profile(trainer, make_grid):
    (config,) = make_grid(trainer.sources, 1)
    capacity = Capacity(trainer, 1, free=2**20)
    capacity.measure([config])
    assert upper_bound_bytes(trainer.sources.encoders["tiny"].architecture, config) > capacity.footprint(config).member


def test_the_upper_bound_holds_for_transformers_modules(store, other_sources, make_grid):
    (config,) = make_grid(other_sources, 1)
    capacity = Capacity(PopulationTrainer(store, sources=other_sources, device="cpu"), 1, free=2**20)
    capacity.measure([config])
    shape = other_sources.encoders["tiny"].architecture
    assert upper_bound_bytes(shape, config) > capacity.footprint(config).member
    assert capacity.footprint(config).member >= module.optimizer_state_bytes(shape, config)
    assert capacity.max_members(config, workers=1) == 1


def test_runs_that_keep_their_best_weights_have_their_own_profile(trainer, make_grid):
    last, best = make_grid(trainer.sources, 1) + make_grid(trainer.sources, 1, checkpoint_selection="best_dev")
    other = dataclasses.replace(last, seed=9)
    capacity = Capacity(trainer, 1)
    assert capacity._key(last) == capacity._key(other) != capacity._key(best)


def test_the_file_is_named_after_the_machine_and_a_corrupt_one_is_ignored(monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path))
    monkeypatch.setattr("platform.node", lambda: "lab/gpu 7")
    assert measurements_file() == tmp_path / "calibration" / "lab-gpu-7.json"
    MeasurementCache().put("footprint", "a", [1])
    assert MeasurementCache().get("footprint", "a") == [1]
    measurements_file().write_text("{torn")
    assert MeasurementCache().get("footprint", "a") is None


@pytest.mark.parametrize(
    ("lines", "folder", "files", "available"),
    [
        (
            "0::/job/own",
            "",
            {"job/memory.max": "5000", "job/memory.current": "2000", "job/memory.stat": "anon 1\ninactive_file 500"},
            3500,
        ),  # the parent's limit counts
        ("0::/job", "", {"job/memory.max": "max", "job/memory.current": "2000", "job/memory.stat": ""}, None),
        (
            "4:memory:/job",
            "memory",
            {
                "job/memory.limit_in_bytes": "900",
                "job/memory.usage_in_bytes": "1000",
                "job/memory.stat": "total_inactive_file 0",
            },
            0,
        ),
        ("4:memory:/job", "memory", {"job/memory.limit_in_bytes": "9223372036854771712"}, None),
        ("3:cpu:/job", "cpu", {}, None),
    ],
)
def test_control_groups_of_both_versions_limit_the_memory(tmp_path, lines, folder, files, available):
    (tmp_path / "cgroup").write_text(lines)
    for name, text in files.items():
        path = tmp_path / "root" / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert module._cgroup_available(tmp_path / "cgroup", tmp_path / "root") == available


def test_free_memory_is_read_from_the_kernel(tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    1234 kB\n")
    assert module._available(tmp_path / "meminfo") == 1234 * 1024
    assert module._available(tmp_path / "none") > 2**20  # half of what is built in
