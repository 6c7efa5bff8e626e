"""Commands on one store train every run once; the leases of a dead process end, on this machine at once."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from blurbstudy.engine.leases import FOLDER, LEASE_SECONDS, Leases, claim_runs, remove_leftovers
from blurbstudy.engine.sources.resolve import resolve_sources

HOLD = """
import sys
from blurbstudy.store.run_store import RunStore
from blurbstudy.engine.leases import claim_runs
sys.path.insert(0, {here!r})
from sharing import grid

store = RunStore({store!r})
with claim_runs(grid({encoder!r}, store)[1][:2], store) as claimed:
    print(len(claimed), flush=True)
    sys.stdin.read()
"""
SHARING = '''
from blurbstudy.config import Recipe
from blurbstudy.engine.sources.resolve import resolve_sources
from blurbstudy.store.run_store import RunStore

class PrintingStore(RunStore):
    """Prints the id of every record, also of one that the store has already."""

    def put(self, record):
        print(record.id, flush=True)
        return super().put(record)

def grid(encoder, store):
    """Sources, and short runs, one per seed."""
    sources = resolve_sources(store, tasks=["BIOSSES"], encoders={"tiny": encoder}, data="mini")
    recipe = Recipe(epochs=2, batch_size=16, max_length=48, n_evaluations=1)
    return sources, [sources.run_config("BIOSSES", "tiny", recipe=recipe, seed=seed) for seed in range(1, 13)]
'''
SWEEP = """
import sys
from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.sweep import run_missing
sys.path.insert(0, {here!r})
from sharing import PrintingStore, grid

store = PrintingStore({store!r})
sources, configs = grid({encoder!r}, store)
print("ready", flush=True)
sys.stdin.readline()
run_missing(configs, store, sources=sources, engine=LocalEngine(device="cpu", workers=1, population=2),
            progress="silent")
"""


@pytest.fixture
def start(tmp_path, store, tiny_encoder):
    """Starts one of the programs above in a process, on the test's store."""
    (tmp_path / "sharing.py").write_text(SHARING)
    processes = []

    def start_program(program):
        program = program.format(here=str(tmp_path), store=str(store.folder), encoder=str(tiny_encoder))
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen([sys.executable, "-c", program], **pipes))
        return processes[-1]

    yield start_program
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="compares lease files")
def test_two_commands_train_every_run_once(start, store):
    commands = [start(SWEEP), start(SWEEP)]
    assert [process.stdout.readline() for process in commands] == ["ready\n", "ready\n"]
    for process in commands:
        process.stdin.write("go\n")
        process.stdin.flush()
    stored = [process.communicate(timeout=500)[0].split() for process in commands]
    assert [process.returncode for process in commands] == [0, 0]
    assert sorted(stored[0] + stored[1]) == store.ids() and len(store) == 12
    assert not list((store.folder / FOLDER).iterdir())


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_runs_of_another_process_are_claimed_once_it_dies(start, store, tiny_encoder):
    other = start(HOLD)
    assert other.stdout.readline() == "2\n"
    configs = configs_of(store, tiny_encoder)
    with claim_runs(configs[1:3], store) as claimed:
        assert claimed is None
    with claim_runs(configs[2:4], store) as claimed:
        assert claimed == configs[2:4]
        with claim_runs(configs[3:5], store) as second:
            assert second is None
    other.kill()
    other.wait()
    with claim_runs(configs[:3], store) as claimed:
        assert claimed == configs[:3]
    assert not list((store.folder / FOLDER).iterdir())


def test_runs_in_the_store_are_not_claimed(store, make_record):
    records = [make_record(seed, test=[1.0]) for seed in (1, 2, 3)]
    configs = [record.config for record in records]
    store.put(records[1])
    with claim_runs(configs, store) as claimed:
        assert claimed == [configs[0], configs[2]]
    for record in records:
        store.put(record)
    with claim_runs(configs, store) as claimed:
        assert claimed == [] and not list((store.folder / FOLDER).iterdir())


def test_runs_are_trained_even_where_files_cannot_be_leased(store, make_record):
    store.folder.mkdir()
    (store.folder / FOLDER).write_text("a file in the folder's place")
    config = make_record(1).config
    with claim_runs([config], store) as claimed:
        assert claimed == [config]


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def machine(tmp_path):
    """Makes the leases of a process on another machine, with a clock of its own."""
    folder = tmp_path / FOLDER
    folder.mkdir()

    def make(name, clock=None):
        return Leases(folder, clock=clock or Clock(), machine=name)

    make.folder = folder
    return make


RUN = "0123456789abcdef0123"


def test_a_lease_on_another_machine_ends_once_its_heartbeat_has_not_changed_for_long_enough(machine):
    first, clock = machine("a", Clock()), Clock()
    second = machine("b", clock)
    assert first.acquire(RUN) and not first.acquire(RUN) and not second.acquire(RUN)
    clock.now = LEASE_SECONDS
    first.renew()
    assert not second.acquire(RUN)  # it has changed
    clock.now = 2 * LEASE_SECONDS
    assert not second.acquire(RUN)
    clock.now = 2 * LEASE_SECONDS + 1
    assert second.acquire(RUN) and not first.acquire(RUN)


def test_one_of_two_that_see_a_lease_end_takes_it_over(machine):
    dead, clock = machine("a"), Clock()
    others = [machine(name, clock) for name in "bcdefgh"]
    dead.acquire(RUN)
    assert not any([other.acquire(RUN) for other in others])
    clock.now = LEASE_SECONDS + 1
    with ThreadPoolExecutor(len(others)) as pool:
        assert sorted(pool.map(lambda other: other.acquire(RUN), others)) == [False] * 6 + [True]


def test_an_owner_that_wakes_up_after_its_lease_leaves_that_of_its_successor_alone(machine):
    sleeper, clock = machine("a"), Clock()
    successor, third = machine("b", clock), machine("c", clock)
    sleeper.acquire(RUN)
    successor.acquire(RUN)
    clock.now = LEASE_SECONDS + 1
    assert successor.acquire(RUN)
    sleeper.renew()
    sleeper.release([RUN])
    assert not third.acquire(RUN)
    successor.release([RUN])
    assert not list(machine.folder.iterdir()) and third.acquire(RUN)


@pytest.mark.parametrize("hours", [-1, 1])
def test_clocks_that_differ_by_an_hour_neither_end_nor_prolong_a_lease(machine, hours):
    first, clock = machine("a"), Clock()
    second = machine("b", clock)
    first.acquire(RUN)
    for path in machine.folder.iterdir():
        os.utime(path, (time.time() + 3600 * hours,) * 2)
    assert not second.acquire(RUN)
    clock.now = LEASE_SECONDS + 1
    assert second.acquire(RUN)


@pytest.mark.parametrize("content", [b"", b"someone", b"\xff"])
def test_a_file_that_is_no_lease_holds_nothing(machine, content):
    (machine.folder / f"{RUN}.1").write_bytes(content)
    assert machine("a").acquire(RUN)


def test_leases_on_finished_runs_are_removed(store, make_record):
    records = [make_record(seed, test=[1.0]) for seed in (1, 2)]
    leases = Leases(store.folder / FOLDER, machine="a")
    assert all(leases.acquire(record.id) for record in records)
    store.put(records[0])
    remove_leftovers(store)
    assert [path.name for path in (store.folder / FOLDER).glob("*.*")] == [f"{records[1].id}.1"]


def configs_of(store, encoder):
    """The first of the runs that the programs make."""
    from blurbstudy.config import Recipe

    sources = resolve_sources(store, tasks=["BIOSSES"], encoders={"tiny": str(encoder)}, data="mini")
    recipe = Recipe(epochs=2, batch_size=16, max_length=48, n_evaluations=1)
    return [sources.run_config("BIOSSES", "tiny", recipe=recipe, seed=seed) for seed in range(1, 6)]
