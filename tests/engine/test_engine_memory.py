"""A population that runs out of memory is split and retried, in this process and in workers; no run is lost."""

import json
import os
import signal
import subprocess
import sys

import pytest

from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.populations import PopulationTrainer
from blurbstudy.engine.sweep import find_runs
from blurbstudy.engine.sweep_state import SweepState
from blurbstudy.engine.workers.messages import Failed
from blurbstudy.engine.workers.process import WorkerProcess, worker_environment
from blurbstudy.store.run_store import RunStore

pytestmark = pytest.mark.slow

# Two processes: one that measures what a member takes, and one under a limit on its address space (setrlimit) with
# room for so many members. In one, memory that was freed would stay mapped and leave room.
LIMITED = """
import json, re, resource, sys
from pathlib import Path

import torch

from blurbstudy.config import Recipe
from blurbstudy.models import Architecture, export_checkpoint, random_checkpoint
from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.populations import PopulationTrainer
from blurbstudy.engine.sources.resolve import resolve_sources
from blurbstudy.store.run_store import RunStore
from blurbstudy.training.profiling import clones
from transformers import AutoTokenizer

folder, room, runs, tokenizer = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
torch.set_num_threads(1)
shape = Architecture(family="bert", vocab_size=300, n_layers=3, width=256, n_heads=4, intermediate=1024,
                     max_positions=128)
encoder = export_checkpoint(random_checkpoint(shape).weights, shape, folder=folder / "encoder",
                            tokenizer=AutoTokenizer.from_pretrained(tokenizer))
store = RunStore(folder / "store")
sources = resolve_sources(store, tasks=["BIOSSES"], encoders={"wide": str(encoder)}, data="mini")
recipe = Recipe(epochs=0.5, batch_size=16, max_length=96, n_evaluations=1)
configs = [sources.run_config("BIOSSES", "wide", recipe=recipe, seed=seed) for seed in range(1, runs + 1)]
if not room:
    trainer = PopulationTrainer(store, sources=sources, device="cpu")
    one, two = (trainer.profile_memory(clones(configs[0], n)) for n in (1, 2))
    print(json.dumps({"member": two.peak - two.before - (one.peak - one.before)}))
    sys.exit()
held = 1024 * int(re.search(r"VmSize:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
resource.setrlimit(resource.RLIMIT_AS, (held + room, held + room))
failures = LocalEngine(device="cpu", workers=1, population=runs).run(configs, store, sources=sources)
print(json.dumps({
    "sizes": sorted(record.environment["population"] for record in store.records()),
    "causes": [failure.cause for failure in failures],
    "failed": [run_id for failure in failures for run_id in failure.run_ids],
}))
"""


def run_within(folder, tiny_encoder, *, members, runs):
    """What became of one population of `runs`, where there is room for `members`."""

    def call(room):
        command = [sys.executable, "-c", LIMITED, str(folder), str(room), str(runs), str(tiny_encoder)]
        # Large blocks apart from the heap, so that what is freed leaves the address space too.
        environment = worker_environment() | {"MALLOC_MMAP_THRESHOLD_": "65536"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    member = call(0)["member"]
    assert member > 50 * 2**20  # else what a process takes for itself would count for members
    return call(round(members * member))


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
def test_a_population_that_does_not_fit_is_split_until_its_parts_do(tmp_path, tiny_encoder):
    outcome = run_within(tmp_path, tiny_encoder, members=4, runs=8)
    assert outcome["causes"] == [] and len(outcome["sizes"]) == 8 and set(outcome["sizes"]) <= {1, 2, 4}


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
def test_the_error_of_a_run_that_does_not_fit_alone_names_remedies(tmp_path, tiny_encoder):
    outcome = run_within(tmp_path, tiny_encoder, members=0.15, runs=2)  # not even its weights
    assert outcome["sizes"] == [] and len(set(outcome["failed"])) == 2
    for cause in outcome["causes"]:
        assert (
            "this run alone does not fit into memory: use a smaller batch_size than 16 or max_length than 96" in cause
        )


@pytest.fixture
def sources(store, make_sources):
    return make_sources(store)


@pytest.fixture
def requests(monkeypatch):
    """(process, configurations that it trains), in order of time."""
    request, made = WorkerProcess.request, []

    def noted(process, values, **options):
        made.append((process, values["configs"]))
        return request(process, values, **options)

    monkeypatch.setattr(WorkerProcess, "request", noted)
    return made


def test_after_a_kill_only_the_members_that_were_not_finished_are_trained_again(store, sources, make_grid, requests):
    short, long = make_grid(sources, 1), make_grid(sources, 4, epochs=60)[1:]
    killed, written = [], {}

    def kill_once(progress):
        if not killed and len(store) == 1:  # the short member has left its population, the long one goes on
            process = next(one for one, configs in requests if short[0].to_dict() in configs)
            killed.append(process.pid)
            written.update({path: path.stat().st_mtime_ns for path in store.folder.glob("runs/*/*.json")})
            os.kill(process.pid, signal.SIGKILL)

    configs = [*short, *long]
    failures = LocalEngine(workers=2, population=2).run(configs, store, sources=sources, on_progress=kill_once)
    assert killed and failures == [] and not find_runs(configs, store).missing
    assert all(path.stat().st_mtime_ns == at for path, at in written.items())
    sizes = {record.config.seed: record.environment["population"] for record in store.records()}
    assert sizes == {1: 2, 2: 2, 3: 2, 4: 1}  # the one that was left, alone


def test_a_population_whose_process_is_always_killed_fails_after_few_tries(store, sources, make_grid, monkeypatch):
    start, started = subprocess.Popen, []

    def start_and_kill(command, **options):
        process = start(command, **options)
        if command[0] == sys.executable:
            started.append(process)
            process.kill()
        return process

    monkeypatch.setattr(subprocess, "Popen", start_and_kill)
    configs = make_grid(sources, 4)
    failures = LocalEngine(workers=2, population=2).run(configs, store, sources=sources)
    assert sorted(run_id for failure in failures for run_id in failure.run_ids) == sorted(c.id for c in configs)
    assert all("killed by SIGKILL" in failure.cause and "batch_size" in failure.cause for failure in failures)
    assert len(started) <= 2 + 4 + 4 and len(RunStore(store.folder)) == 0  # two pairs, then each alone, some twice


def test_a_kill_after_all_runs_are_finished_is_no_failure(store, sources, make_grid):
    state = SweepState([make_grid(sources, 2)], PopulationTrainer(store, sources=sources, device="cpu"))
    assert LocalEngine(workers=1).run(make_grid(sources, 2), store, sources=sources) == []
    death = Failed(error="worker process killed by SIGKILL", out_of_memory=True, ran_alone=False, died=True)
    assert state.on_message(0, death) == []
    assert state.failures == [] and state.runs_done == 2


def test_an_engine_requests_one_process_per_core():
    assert LocalEngine().requested_workers("cpu") == len(os.sched_getaffinity(0))
    assert LocalEngine(workers=3).requested_workers("cpu") == 3
    assert LocalEngine(workers=3).requested_workers("cuda") == 1
