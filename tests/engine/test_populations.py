"""Runs are grouped by what they can share, split evenly, and the longest start first."""

import dataclasses

import pytest

from blurbstudy.engine.populations import default_population_size, plan_populations, population_steps, run_steps


@pytest.fixture
def sources(store, make_sources):
    return make_sources(store)


def plan(configs, sources, **options):
    return plan_populations(configs, sources=sources, **({"device": "cpu", "workers": 2} | options))


def sizes(populations):
    return [len(population) for population in populations]


def test_every_run_is_in_one_population(sources, make_grid):
    configs = [
        c
        for epochs in (1, 3)
        for layers in (0, 1)
        for c in make_grid(sources, 5, epochs=epochs, stabilizers={"freeze": {"layers": layers}} if layers else {})
    ]
    populations = plan(configs, sources)
    assert sorted(c.id for p in populations for c in p) == sorted(c.id for c in configs)


def test_runs_of_different_batch_size_are_in_different_populations(sources, make_grid):
    configs = make_grid(sources, 3) + make_grid(sources, 3, batch_size=8)
    assert all(len({c.recipe.batch_size for c in p}) == 1 for p in plan(configs, sources, workers=1))


@pytest.mark.parametrize(
    ("runs", "workers", "members", "expected"),
    [
        (8, 2, 8, [4, 4]),  # not a giant beside an idle worker
        (20, 2, 8, [5, 5, 5, 5]),
        (9, 2, 8, [5, 4]),
        (1, 2, 8, [1]),
        (8, 1, 8, [8]),
        (20, 1, 8, [7, 7, 6]),
        (3, 2, 1, [1, 1, 1]),
    ],
)
def test_groups_are_split_evenly_among_workers(sources, make_grid, runs, workers, members, expected):
    populations = plan(make_grid(sources, runs), sources, workers=workers, max_members=members)
    assert sorted(sizes(populations), reverse=True) == expected


def test_the_longest_population_is_first_and_members_are_of_like_length(sources, make_grid):
    configs = [c for epochs in (1, 8, 2, 4) for c in make_grid(sources, 2, epochs=epochs)]
    populations = plan(configs, sources, max_members=2)
    steps = [population_steps(p, sources=sources) for p in populations]
    assert steps == sorted(steps, reverse=True)
    assert [{c.recipe.epochs for c in p} for p in populations] == [{8.0}, {4.0}, {2.0}, {1.0}]


def test_small_encoders_train_by_fours_on_a_cpu_and_large_ones_alone(sources, make_grid):
    (config,) = make_grid(sources, 1)
    assert default_population_size(sources, config, device="cpu") == 4
    tiny = sources.encoders["tiny"]
    large = dataclasses.replace(tiny, architecture=tiny.architecture.with_layers(500))
    assert default_population_size(dataclasses.replace(sources, encoders={"tiny": large}), config, device="cpu") == 1
    assert default_population_size(sources, config, device="cuda") == 32


def test_encoders_of_transformers_own_train_alone_on_any_device(other_sources, make_grid):
    (config,) = make_grid(other_sources, 1)
    assert [default_population_size(other_sources, config, device=device) for device in ("cpu", "cuda")] == [1, 1]
    assert sizes(plan(make_grid(other_sources, 3), other_sources, workers=1)) == [1, 1, 1]


def test_a_run_that_takes_dev_into_train_is_longer(sources, make_grid):
    (short,), (long,) = make_grid(sources, 1, epochs=10), make_grid(sources, 1, epochs=10, train_on_dev=True)
    assert run_steps(long, sources=sources) > run_steps(short, sources=sources)
