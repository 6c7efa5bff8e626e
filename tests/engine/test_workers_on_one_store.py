"""Workers that share a store lose nothing and record nothing twice, whichever of them die, and whenever."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.sweep import run_missing
from blurbstudy.engine.sweep_state import FAILURES
from blurbstudy.engine.train_plan import train_plan, write_plan
from blurbstudy.engine.worker_engine import WorkerEngine
from blurbstudy.engine.workers.process import WorkerProcess
from blurbstudy.errors import StudyError
from blurbstudy.store.run_store import RunStore

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills processes")
QUIET = {"progress": "silent"}
WORKER = """
import sys
from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.train_plan import train_plan
from blurbstudy.store.run_store import RunStore

class PrintingStore(RunStore):
    def put(self, record):
        written = super().put(record)
        print(record.id, written, flush=True)
        return written

train_plan(PrintingStore(sys.argv[1]), LocalEngine(device="cpu", workers=1, population=1), progress="silent")
"""


def start_worker(store):
    command = [sys.executable, "-c", WORKER, str(store.folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def outcomes(store):
    """What does not depend on where and when a run was trained."""
    return {
        record.id: (record.config, record.scores, record.predictions, record.curve, record.stopped_at_step)
        for record in store.records()
    }


def put_by(output):
    """(run id, whether this call wrote it) for each record that a worker handed to the store."""
    return [(line.split()[0], line.split()[1] == "True") for line in output.splitlines() if len(line.split()) == 2]


@pytest.fixture
def planned(tmp_path, store, make_sources, make_grid):
    """Runs, listed in the store's plan and trained undisturbed in another store."""

    def make(n_seeds):
        sources = make_sources(store)
        configs = make_grid(sources, n_seeds)
        write_plan(store, configs, sources=sources)
        undisturbed = RunStore(tmp_path / "undisturbed")
        run_missing(configs, undisturbed, sources=sources, engine=LocalEngine(workers=1, population=1), **QUIET)
        return configs, sources, undisturbed

    return make


def check_equal(store, undisturbed):
    """Every record can be read and equals the undisturbed one; no other files are left among them."""
    assert outcomes(store) == outcomes(undisturbed)
    others = [path for path in store.folder.glob("runs/**/*") if path.is_file() and path.suffix != ".json"]
    assert [path for path in others if not path.name.startswith(".unfinished-")] == []


def kill_at_random(store, *, kills, workers, seed):
    """Run workers until the plan is done, killing one `kills` times at random moments.

    Returns:
        how many runs were trained twice.
    """
    chance, team, outputs, done = random.Random(seed), [], [], 0
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        team = [process for process in team if process.poll() is None or outputs.append(process.communicate()[0])]
        if done == kills and not team:
            process = start_worker(store)
            outputs.append(process.communicate(timeout=300)[0])
            assert process.returncode == 0, outputs[-1]
            break
        while len(team) < workers and done < kills:
            team.append(start_worker(store))
        while any(process.poll() is None for process in team) and not list(store.folder.glob("leases/*.?")):
            time.sleep(0.05)  # nobody is training yet
        time.sleep(chance.uniform(0, 3))
        if done < kills and team:
            victim = team.pop(chance.randrange(len(team)))
            victim.send_signal(signal.SIGKILL)
            outputs.append(victim.communicate()[0])
            done += 1
    assert done == kills
    puts = [put for output in outputs for put in put_by(output)]
    return len(puts) - len({run_id for run_id, _ in puts})


@pytest.mark.slow
def test_workers_killed_twenty_times_lose_nothing_and_record_nothing_twice(store, planned):
    _, _, undisturbed = planned(24)
    trained_twice = kill_at_random(store, kills=20, workers=2, seed=1)
    check_equal(store, undisturbed)
    assert trained_twice == 0  # on one machine a dead worker's leases end at once, and not before


@pytest.mark.slow
def test_four_workers_train_every_run_once(store, planned):
    _, _, undisturbed = planned(8)
    team = [start_worker(store) for _ in range(4)]
    outputs = [process.communicate(timeout=300)[0] for process in team]
    assert [process.returncode for process in team] == [0] * 4, outputs
    assert sorted(put for output in outputs for put in put_by(output)) == [(run_id, True) for run_id in store.ids()]
    check_equal(store, undisturbed)


@pytest.mark.slow
def test_a_worker_that_hangs_or_sleeps_past_its_lease_costs_a_second_training_and_no_record(
    store, planned, monkeypatch
):
    configs, sources, undisturbed = planned(2)
    sleeper = start_worker(store)
    while not list((store.folder / "leases").glob("*.1")):
        time.sleep(0.05)
    sleeper.send_signal(signal.SIGSTOP)
    monkeypatch.setattr("blurbstudy.engine.leases.LEASE_SECONDS", 1.0)
    result = run_missing(configs, store, sources=sources, engine=LocalEngine(workers=1, population=1), **QUIET)
    assert len(result) == 2
    sleeper.send_signal(signal.SIGCONT)
    output = sleeper.communicate(timeout=300)[0]
    assert sleeper.returncode == 0, output
    assert all(not written for _, written in put_by(output))
    check_equal(store, undisturbed)


def test_the_engine_of_workers_waits_until_they_have_trained_everything(store, planned):
    configs, sources, undisturbed = planned(2)
    (store.folder / "plan.json").unlink()
    progress = []
    results = {}

    def drive():
        engine = WorkerEngine(poll_seconds=0.1)
        results["failures"] = engine.run(configs, store, sources=sources, on_progress=progress.append)

    driver = threading.Thread(target=drive)
    driver.start()
    while not (store.folder / "plan.json").exists():
        time.sleep(0.05)
    train_plan(store, LocalEngine(workers=1, population=1), progress="silent")
    driver.join(timeout=60)
    assert results["failures"] == [] and progress[-1].runs_done == 2
    check_equal(store, undisturbed)


def test_the_engine_of_workers_reports_what_a_worker_could_not_train(store, planned, monkeypatch):
    configs, sources, _ = planned(2)
    monkeypatch.setattr("blurbstudy.engine.populations.train_population", lambda *_, **__: 1 / 0)
    with pytest.raises(StudyError, match="ZeroDivisionError"):
        train_plan(store, LocalEngine(workers=1), progress="silent")
    assert len(list((store.folder / FAILURES).iterdir())) == 2
    monkeypatch.setattr("blurbstudy.engine.worker_engine.clear_failures", lambda *_: None)
    failures = WorkerEngine().run(configs, store, sources=sources)
    assert sorted(failure.run_ids[0] for failure in failures) == sorted(config.id for config in configs)
    assert all("ZeroDivisionError" in failure.cause for failure in failures)


def test_a_worker_on_a_full_disk_keeps_what_is_finished_and_goes_on_once_there_is_room(small_disk, planned):
    configs, sources, undisturbed = planned(4)
    disk, fill, make_room = small_disk
    store = RunStore(disk / "store")
    shutil.copytree(undisturbed.folder, store.folder, ignore=shutil.ignore_patterns("runs", "leases"))
    write_plan(store, configs, sources=sources)
    fill(leave=40_000)  # a record takes 12,000
    with pytest.raises(StudyError, match="no space is left on the disk"):
        train_plan(store, LocalEngine(device="cpu", workers=1, population=1), progress="silent")
    assert 0 < len(store.ids()) < 4
    make_room()
    train_plan(store, LocalEngine(device="cpu", workers=1, population=1), progress="silent")
    check_equal(store, undisturbed)


@pytest.mark.slow
def test_a_stopped_worker_process_is_killed_and_its_population_fails_with_the_reason(store, planned, monkeypatch):
    configs, sources, _ = planned(2)
    monkeypatch.setattr("blurbstudy.engine.run_worker.HANG_SECONDS", 20.0)
    send = WorkerProcess._send

    def send_and_stop(process, values):
        send(process, values)
        if values.get("kind") == "train" and values["configs"][0]["seed"] == 1:
            os.kill(process.pid, signal.SIGSTOP)

    monkeypatch.setattr(WorkerProcess, "_send", send_and_stop)
    engine = LocalEngine(device="cpu", workers=2, population=1)
    with pytest.raises(StudyError, match="1 of 2 runs failed, 1 finished .* made no progress for 20 s: killed"):
        run_missing(configs, store, sources=sources, engine=engine, **QUIET)
