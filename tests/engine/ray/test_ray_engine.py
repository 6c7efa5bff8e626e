"""A Ray cluster of two machines, simulated on this one: the same records as the local engine's, whatever dies."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="the extra `cluster` is not installed")
import ray

from blurbstudy.config import Recipe
from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.ray.cluster import cluster_slots, connect, slots_of
from blurbstudy.engine.ray.engine import RayEngine
from blurbstudy.engine.sources.resolve import resolve_sources
from blurbstudy.engine.sweep import run_missing
from blurbstudy.engine.train_plan import write_plan
from blurbstudy.errors import StoreError, StudyError
from blurbstudy.store.run_store import RunStore
from blurbstudy.tasks.folds import ResampledSplits
from tests.engine.ray.cluster import NODE, wait_until, workers
from tests.engine.test_workers_on_one_store import check_equal

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]
QUIET = {"progress": "silent"}
TRAINERS = "tests.engine.ray.trainers"
DRIVER = """
import sys
from blurbstudy.engine.ray.engine import RayEngine
from blurbstudy.engine.sweep import run_missing
from blurbstudy.engine.train_plan import read_plan
from blurbstudy.store.run_store import RunStore

store = RunStore(sys.argv[1])
plan = read_plan(store)
engine = RayEngine(address=sys.argv[2], device="cpu", population=1)
result = run_missing(plan.configs, store, sources=plan.sources, engine=engine, progress="silent")
print("trained", result.trained, flush=True)
"""


@pytest.fixture
def wanted(tmp_path, store, make_sources, make_grid):
    """Runs, and a store in which the local engine has trained them undisturbed."""

    def make(n_seeds, **changes):
        sources = make_sources(store)
        configs = make_grid(sources, n_seeds, **changes)
        undisturbed = RunStore(tmp_path / "undisturbed")
        run_missing(configs, undisturbed, sources=sources, engine=LocalEngine(workers=1, population=1), **QUIET)
        return configs, sources, undisturbed

    return make


def engine(**options):
    return RayEngine(**({"device": "cpu", "population": 1} | options))


def kill_at_random(thread, *, kills, seed, action):
    chance, done = random.Random(seed), 0
    while thread.is_alive() and done < kills:
        time.sleep(chance.uniform(0, 1.5))
        done += action(chance)
    thread.join(timeout=300)
    return done


def in_background(configs, store, sources, on_progress=None, **options):
    """A sweep in a thread, and where its result goes."""
    results = {}

    def drive():
        results["failures"] = engine(**options).run(configs, store, sources=sources, on_progress=on_progress)

    thread = threading.Thread(target=drive)
    thread.start()
    return thread, results


def test_folds_shares_and_several_tasks_give_the_local_engines_records(cluster, tmp_path, store, tiny_encoder):
    def runs(store):
        sources = resolve_sources(
            store, tasks=["BIOSSES", "NCBI-disease", "HoC"], encoders={"tiny": str(tiny_encoder)}, data="mini"
        )
        recipe = Recipe(epochs=1, learning_rate=1e-3, max_length=32, n_evaluations=1)
        configs = [
            sources.run_config(task, "tiny", recipe=recipe, seed=1) for task in ("BIOSSES", "NCBI-disease", "HoC")
        ]
        configs += [sources.run_config("NCBI-disease", "tiny", recipe=recipe, seed=2, train_share=0.25)]
        configs += sources.resampled_configs("BIOSSES", "tiny", recipe=recipe, splits=ResampledSplits(3, 1))
        return configs, sources

    local = RunStore(tmp_path / "local")
    configs, sources = runs(local)
    run_missing(configs, local, sources=sources, engine=LocalEngine(device="cpu", workers=1, population=1), **QUIET)
    configs, sources = runs(store)
    run_missing(configs, store, sources=sources, engine=engine(), **QUIET)
    check_equal(store, local)
    assert all(record.environment["engine"] == "ray" and record.environment["machine"] for record in store.records())


def test_workers_killed_at_random_lose_nothing(cluster, store, wanted):
    configs, sources, undisturbed = wanted(24, epochs=4)

    def kill(chance):
        alive = workers()
        if alive:
            chance.choice(alive).send_signal(signal.SIGKILL)
        return bool(alive)

    thread, results = in_background(configs, store, sources, max_losses=100)
    assert kill_at_random(thread, kills=20, seed=1, action=kill) > 3
    assert results["failures"] == []
    check_equal(store, undisturbed)


def test_a_machine_that_is_lost_in_mid_run_loses_nothing(cluster, store, wanted):
    configs, sources, undisturbed = wanted(12, epochs=4)
    third = cluster.add_node(**NODE)
    cluster.wait_for_nodes()
    thread, results = in_background(configs, store, sources)
    wait_until(lambda: len(store.ids()) >= 2, thread)
    cluster.remove_node(third, allow_graceful=False)
    thread.join(timeout=300)
    assert results["failures"] == []
    check_equal(store, undisturbed)


def test_a_run_that_kills_its_worker_three_times_is_reported_and_the_others_go_on(cluster, store, wanted):
    configs, sources, _ = wanted(5)
    poisoned = engine(population=5, trainer=f"{TRAINERS}:kill_worker_of_a_seed")
    with pytest.raises(
        StudyError,
        match="1 of 5 runs failed, 4 finished .* seed 3.: its worker process was killed or crashed, [3-5] times",
    ):
        run_missing(configs, store, sources=sources, engine=poisoned, **QUIET)
    assert sorted(record.config.seed for record in store.records()) == [1, 2, 4, 5]


def test_a_population_without_memory_is_split(cluster, store, wanted):
    configs, sources, undisturbed = wanted(3)
    trainer = f"{TRAINERS}:need_memory_for_one"
    run_missing(configs, store, sources=sources, engine=engine(population=3, trainer=trainer), **QUIET)
    check_equal(store, undisturbed)


def test_a_worker_that_hangs_is_replaced(cluster, store, wanted):
    configs, sources, undisturbed = wanted(2)
    hanging = engine(hang_seconds=20, trainer=f"{TRAINERS}:hang_once")
    run_missing(configs, store, sources=sources, engine=hanging, **QUIET)
    assert os.path.exists(os.environ["BLURBSTUDY_TEST_FLAG"])
    check_equal(store, undisturbed)


def test_a_stopped_worker_process_is_replaced(cluster, store, wanted):
    configs, sources, undisturbed = wanted(1)
    fractions = []
    thread, results = in_background(
        configs,
        store,
        sources,
        on_progress=lambda progress: fractions.append(progress.fraction),
        hang_seconds=5,
        trainer=f"{TRAINERS}:report_and_wait",
    )
    wait_until(lambda: any(fractions), thread)
    (stopped,) = workers()
    stopped.suspend()
    Path(f"{os.environ['BLURBSTUDY_TEST_FLAG']}.go").touch()
    thread.join(timeout=300)
    assert results["failures"] == [] and not stopped.is_running()
    check_equal(store, undisturbed)


def test_a_machine_of_another_version_is_named(cluster, store, wanted):
    configs, sources, _ = wanted(1)
    other = engine(trainer=f"{TRAINERS}:send_another_run")
    with pytest.raises(StoreError, match="has another version of blurbstudy; install the same one on all machines"):
        run_missing(configs, store, sources=sources, engine=other, **QUIET)
    assert store.ids() == []


def test_a_killed_driver_goes_on_where_it_was_and_two_drivers_share_the_runs(cluster, store, wanted):
    configs, sources, undisturbed = wanted(10, epochs=4)
    write_plan(store, configs, sources=sources)
    command = [sys.executable, "-c", DRIVER, str(store.folder), cluster.address]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while not store.ids():
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    finished = len(store.ids())
    pair = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=300)[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0], outputs
    assert finished < 10
    check_equal(store, undisturbed)


def test_a_full_disk_keeps_what_is_finished_and_the_sweep_goes_on_once_there_is_room(cluster, small_disk, wanted):
    configs, sources, undisturbed = wanted(4)
    disk, fill, make_room = small_disk
    store = RunStore(disk / "store")
    shutil.copytree(undisturbed.folder, store.folder, ignore=shutil.ignore_patterns("runs", "leases"))
    fill(leave=40_000)  # a record takes 12,000
    with pytest.raises(StudyError, match="no space is left on the disk"):
        run_missing(configs, store, sources=sources, engine=engine(), **QUIET)
    assert 0 < len(store.ids()) < 4
    make_room()
    run_missing(configs, store, sources=sources, engine=engine(), **QUIET)
    check_equal(store, undisturbed)


def test_slots_are_the_cpus_of_all_machines(cluster):
    assert cluster_slots() == ("cpu", 2)
    with pytest.raises(StudyError, match="the Ray cluster has no GPU; use auto or cpu"):
        cluster_slots("cuda")
    assert slots_of("cuda") == 1  # in a sweep whose last machine with a GPU was lost


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:9", "no Ray cluster at '127.0.0.1:9'"),
        ("ray://head:10001", "with --address auto or HOST:PORT"),
        ("head", "use auto or HOST:PORT"),
    ],
)
def test_a_wrong_address_is_refused_at_once(monkeypatch, address, message):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", None)
    with pytest.raises(StudyError, match=message):
        connect(address)
