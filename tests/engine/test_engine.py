"""The local engine with the real trainer: workers agree with this process, and no death loses a finished run."""

import contextlib
import dataclasses
import errno
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from blurbstudy.engine import populations
from blurbstudy.engine.deadline import Deadline
from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.sweep import find_runs, run_missing
from blurbstudy.engine.workers.process import worker_environment
from blurbstudy.errors import Interrupted, ParameterError, StoreError, StudyError
from blurbstudy.store.run_store import RunStore

QUIET = {"progress": "silent"}


@pytest.fixture
def sources(store, make_sources):
    return make_sources(store)


@pytest.fixture
def processes(monkeypatch):
    """The engine's processes, as they are started."""
    started = []

    class Recorded(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            if self.args[0] == sys.executable:  # not git, asked for the commit
                started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    return started


def outcomes(result):
    return {run_id: (record.predictions, record.scores, record.curve) for run_id, record in result.items()}


def is_complete(store):
    """Every record can be read, and there are no other files among them."""
    records = store.records()
    others = [path for path in store.folder.glob("runs/**/*") if path.is_file() and path.suffix != ".json"]
    return len(records) == len(store.ids()) and not others


def test_worker_processes_and_this_process_train_identical_runs(tmp_path, store, sources, make_grid, processes):
    configs = make_grid(sources, 3)
    here = run_missing(configs, store, sources=sources, engine=LocalEngine(workers=1, population=1), **QUIET)
    assert processes == []
    other = RunStore(tmp_path / "other")
    there = run_missing(configs, other, sources=sources, engine=LocalEngine(workers=2, population=1), **QUIET)
    assert len(processes) == 2 and all(process.poll() is not None for process in processes)
    assert there.trained == 3 and outcomes(there) == outcomes(here)
    assert {record.environment["threads"] for record in [*here.values(), *there.values()]} == {1}
    again = run_missing(configs, other, sources=sources, engine=LocalEngine(workers=2), **QUIET)
    assert (again.trained, again.reused, len(processes)) == (0, 3, 2)


@pytest.mark.parametrize("workers", [1, 2])
def test_after_the_deadline_no_population_and_no_process_starts(store, sources, make_grid, processes, workers):
    configs = make_grid(sources, 3)
    engine = LocalEngine(workers=workers, population=1, deadline=Deadline(at=time.time() - 1))
    failures = engine.run(configs, store, sources=sources)
    assert all(failure.skipped for failure in failures) and len(store) == 0 and processes == []
    assert sorted(run_id for failure in failures for run_id in failure.run_ids) == sorted(c.id for c in configs)


@pytest.mark.parametrize("workers", [1, 2])
def test_populations_that_are_running_at_the_deadline_finish_and_the_others_are_skipped(
    store, sources, make_grid, workers
):
    configs, deadline = make_grid(sources, 5, epochs=2), Deadline()

    def pass_deadline(progress):
        deadline.at = 0.0

    engine = LocalEngine(workers=workers, population=1, deadline=deadline)
    failures = engine.run(configs, store, sources=sources, on_progress=pass_deadline)
    assert all(failure.skipped for failure in failures)
    # One per worker was running at the first report of progress; a fast worker may not have started yet.
    assert 1 <= len(store) <= workers and len(store) + len(failures) == 5 and is_complete(store)
    result = run_missing(configs, store, sources=sources, engine=LocalEngine(workers=1), **QUIET)
    assert result.trained == len(failures) and len(result) == 5


def test_a_step_callback_sees_every_step_and_stops_the_run(store, sources, make_grid):
    (first, second), steps = make_grid(sources, 2, epochs=2), []

    def stop_second(members):
        steps.append((members[0].config.seed, members[0].step))
        if members[0].config.seed == 2 and members[0].step == 3:
            raise Interrupted("stopped")

    engine = LocalEngine(workers=1, population=1)
    result = run_missing([first, second], store, sources=sources, engine=engine, on_step=stop_second, **QUIET)
    total = populations.run_steps(first, sources=sources)
    assert steps == [(1, step) for step in range(1, total + 1)] + [(2, 1), (2, 2), (2, 3)]
    assert list(result) == [first.id] and result.missing == (second,) and is_complete(store)


def test_progress_grows_to_one_and_counts_all_runs(store, sources, make_grid):
    configs, reports = make_grid(sources, 3, epochs=2), []
    failures = LocalEngine(workers=1, population=2).run(configs, store, sources=sources, on_progress=reports.append)
    fractions = [report.fraction for report in reports]
    assert failures == [] and fractions == sorted(fractions) and len(reports) > 3
    assert fractions[-1] == pytest.approx(1) and [report.runs_done for report in reports][-1] == 3
    assert reports[0].running == ("BIOSSES, tiny",) and reports[-1].running == ()


def test_a_sweep_restores_the_number_of_torch_threads(store, sources, make_grid):
    torch.set_num_threads(2)
    try:
        LocalEngine(workers=1).run(make_grid(sources, 1), store, sources=sources)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_an_error_fails_only_its_population_and_a_killed_process_fails_none(store, sources, make_grid, monkeypatch):
    configs = make_grid(sources, 3)
    (wrong,) = make_grid(sources, 1, max_length=512)  # the encoder has 128 positions
    start, started = subprocess.Popen, []

    def start_and_kill_the_first(command, **options):
        process = start(command, **options)
        if command[0] == sys.executable:
            started.append(process)
            if len(started) == 1:
                process.kill()
        return process

    monkeypatch.setattr(subprocess, "Popen", start_and_kill_the_first)
    (raised,) = LocalEngine(workers=2, population=1).run([*configs, wrong], store, sources=sources)
    assert raised.run_ids == (wrong.id,) and "max_length=512 exceeds" in raised.cause
    assert not find_runs(configs, store).missing and is_complete(store) and len(store) == 3
    assert all(process.poll() is not None for process in started)


def test_a_missing_encoder_is_named_in_the_error(store, sources, make_grid, tmp_path):
    tiny = dataclasses.replace(sources.encoders["tiny"], path=str(tmp_path / "gone"))
    broken = dataclasses.replace(sources, encoders={"tiny": tiny})
    (config,) = make_grid(sources, 1)
    with pytest.raises(StudyError) as error:
        run_missing([config], store, sources=broken, engine=LocalEngine(workers=1), **QUIET)
    message = str(error.value)
    assert message.startswith("1 of 1 runs failed, 0 finished") and config.id in message
    assert str(tmp_path / "gone") in message and "\n" not in message


def test_a_population_that_fails_in_this_process_does_not_stop_the_others(store, sources, make_grid, monkeypatch):
    configs = make_grid(sources, 3)
    train = populations.train_population

    def train_all_but_seed_2(population, **options):
        if population[0].seed == 2:
            raise MemoryError("no room")
        return train(population, **options)

    monkeypatch.setattr(populations, "train_population", train_all_but_seed_2)
    (failure,) = LocalEngine(workers=1, population=1).run(configs, store, sources=sources)
    assert failure.run_ids == (configs[1].id,)
    remedy = "use a smaller batch_size than 16 or max_length than 48, or another device"
    assert failure.cause == f"MemoryError: no room; this run alone does not fit into memory: {remedy}"
    assert len(store) == 2


def test_a_disk_that_fills_up_ends_the_sweep_and_keeps_what_is_done(store, sources, make_grid, monkeypatch):
    configs, link, links = make_grid(sources, 3), os.link, []

    def fill_up(source, target):  # leases are linked too
        links.extend([target] if target.suffix == ".json" else [])
        if len(links) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        link(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", fill_up)
        with pytest.raises(StoreError, match="no space is left on the disk.*Finished runs are safe"):
            run_missing(configs, store, sources=sources, engine=LocalEngine(workers=1, population=1), **QUIET)
        assert len(links) == 2  # no further run is trained that could not be stored
    assert is_complete(store) and len(store) == 1
    last = run_missing(configs, store, sources=sources, engine=LocalEngine(workers=1), **QUIET)
    assert (last.trained, last.reused) == (2, 1)


def test_a_store_that_processes_cannot_write_ends_the_sweep(store, sources, make_grid, processes):
    (store.folder / "runs").mkdir(exist_ok=True)
    configs = make_grid(sources, 2)
    for config in configs:
        (store.folder / "runs" / config.id[:2]).write_text("a file in the folder's place")
    with pytest.raises(StoreError, match="a file exists where a folder is needed"):
        run_missing(configs, store, sources=sources, engine=LocalEngine(workers=2, population=1), **QUIET)
    assert all(process.poll() is not None for process in processes)


def test_ctrl_c_kills_the_processes_and_leaves_the_store_clean(store, sources, make_grid, processes):
    configs = make_grid(sources, 2, epochs=500)

    def interrupt(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LocalEngine(workers=2, population=1).run(configs, store, sources=sources, on_progress=interrupt)
    assert len(processes) == 2 and all(process.poll() == -signal.SIGKILL for process in processes)
    assert is_complete(store) and len(store) == 0


def test_data_that_change_during_a_sweep_are_rejected(store, sources, make_grid):
    configs = [dataclasses.replace(config, data_fingerprint="0" * 20) for config in make_grid(sources, 1)]
    changed = dataclasses.replace(sources, fingerprints={"BIOSSES": "0" * 20})
    (failure,) = LocalEngine(workers=1).run(configs, store, sources=changed)
    assert "the files of BIOSSES changed since the start" in failure.cause


def test_invalid_engine_settings_are_rejected():
    for wrong in ({"device": "tpu"}, {"workers": -1}, {"population": 5000}, {"workers": True}, {"population": 1.5}):
        with pytest.raises(ParameterError, match=f"{next(iter(wrong))}="):
            LocalEngine(**wrong)


SWEEP = """
import sys
from blurbstudy.config import Recipe
from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.sources.resolve import resolve_sources
from blurbstudy.engine.sweep import run_missing
from blurbstudy.store.run_store import RunStore

if __name__ == "__main__":
    store = RunStore(sys.argv[1])
    sources = resolve_sources(store, tasks=["BIOSSES"], encoders={"tiny": sys.argv[2]}, data="mini")
    recipe = Recipe(epochs=10, batch_size=16, max_length=48, n_evaluations=2)
    configs = [sources.run_config("BIOSSES", "tiny", recipe=recipe, seed=seed) for seed in range(1, 8)]
    engine = LocalEngine(workers=2, population=1)
    run_missing(configs, store, sources=sources, engine=engine, progress="silent")
"""


def children(parent):
    listing = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True)
    return [int(pid) for pid in listing.stdout.split()]


def is_running(pid):
    with contextlib.suppress(OSError):
        os.kill(pid, 0)
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
        return not state.strip().startswith("Z") and bool(state.strip())
    return False


def until(condition, seconds=240):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.mark.slow
def test_after_sigkill_the_same_command_completes_the_same_records(tmp_path, tiny_encoder, make_sources, make_grid):
    script = tmp_path / "sweep.py"
    script.write_text(SWEEP)

    store = RunStore(tmp_path / "killed")
    command = [sys.executable, str(script), str(store.folder), str(tiny_encoder)]
    sweep = subprocess.Popen(command, env=worker_environment())
    assert until(lambda: len(store) >= 2)
    workers = children(sweep.pid)
    sweep.kill()
    sweep.wait()
    assert len(workers) == 2 and until(lambda: not any(map(is_running, workers)), seconds=10)

    survivors = {path: path.stat().st_mtime_ns for path in store.folder.glob("runs/*/*.json")}
    assert 2 <= len(survivors) < 7 and len(store.records()) == len(survivors)

    configs = make_grid(make_sources(store), 7, epochs=10, n_evaluations=2)
    one_by_one = {"engine": LocalEngine(workers=1, population=1)} | QUIET
    resumed = run_missing(configs, store, sources=make_sources(store), **one_by_one)
    assert (resumed.trained, resumed.reused) == (7 - len(survivors), len(survivors))
    assert all(path.stat().st_mtime_ns == at for path, at in survivors.items())
    assert len(list(store.folder.glob("runs/*/*.json"))) == 7 and is_complete(store)

    undisturbed = RunStore(tmp_path / "undisturbed")
    expected = run_missing(configs, undisturbed, sources=make_sources(undisturbed), **one_by_one)
    assert outcomes(resumed) == outcomes(expected)
