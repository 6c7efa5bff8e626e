"""Fifty random kills: a Ray cluster and two workers train into one store while their processes and machines die.

make soak
"""

import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

pytest.importorskip("ray", reason="the extra `cluster` is not installed")
import psutil
from ray.cluster_utils import Cluster

from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.sweep import run_missing
from blurbstudy.engine.train_plan import write_plan
from blurbstudy.store.run_store import RunStore
from tests.engine.ray.cluster import NODE, workers
from tests.engine.ray.test_ray_engine import DRIVER
from tests.engine.test_workers_on_one_store import check_equal, put_by, start_worker

pytestmark = [pytest.mark.slow, pytest.mark.soak]
KILLS, RUNS = 50, 240


class Team:
    """Processes that are started again whenever they have died."""

    def __init__(self, start):
        self.start, self.processes, self.outputs = start, [], []

    def restart(self, count):
        for process in [process for process in self.processes if process.poll() is not None]:
            self.processes.remove(process)
            self.outputs.append(process.communicate()[0])
        while len(self.processes) < count:
            self.processes.append(self.start())

    def kill(self, chance):
        alive = [process for process in self.processes if process.poll() is None]
        if alive:
            chance.choice(alive).send_signal(signal.SIGKILL)
        return bool(alive)

    def wait(self):
        self.outputs += [process.communicate(timeout=600)[0] for process in self.processes]
        return [process.returncode for process in self.processes]


def test_fifty_random_kills_lose_nothing_and_record_nothing_twice(tmp_path, store, make_sources, make_grid):
    sources = make_sources(store)
    configs = make_grid(sources, RUNS, epochs=18)
    write_plan(store, configs, sources=sources)
    undisturbed = RunStore(tmp_path / "undisturbed")
    run_missing(configs, undisturbed, sources=sources, engine=LocalEngine(workers=2, population=1), progress="silent")
    cluster = Cluster(initialize_head=True, head_node_args=NODE | {"num_cpus": 0})
    nodes = [cluster.add_node(**NODE) for _ in range(2)]
    cluster.wait_for_nodes()
    command = [sys.executable, "-c", DRIVER, str(store.folder), cluster.address]
    drivers = Team(lambda: subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    plain = Team(lambda: start_worker(store))

    def kill_ray_worker():
        alive = workers()
        if alive:
            chance.choice(alive).send_signal(signal.SIGKILL)
        return bool(alive)

    def remove_machine():
        cluster.remove_node(nodes.pop(chance.randrange(len(nodes))), allow_graceful=False)
        nodes.append(cluster.add_node(**NODE))
        return True

    actions = {
        "worker of Ray": kill_ray_worker,
        "machine of Ray": remove_machine,
        "driver": lambda: drivers.kill(chance),
        "worker": lambda: plain.kill(chance),
    }
    chance, killed, began = random.Random(5), Counter(), time.monotonic()
    while killed.total() < KILLS and len(store.ids()) < RUNS:
        drivers.restart(1)
        plain.restart(2)
        time.sleep(chance.uniform(0.5, 4))
        name = chance.choices(list(actions), weights=(4, 1, 2, 4))[0]
        try:
            killed[name] += actions[name]()
        except psutil.NoSuchProcess:
            continue
    drivers.restart(1)
    assert drivers.wait() == [0], drivers.outputs[-1]
    plain.wait()
    cluster.shutdown()
    check_equal(store, undisturbed)
    puts = [put for output in plain.outputs for put in put_by(output)]
    twice = sum(not written for _, written in puts)
    took = time.monotonic() - began
    print(f"{killed.total()} kills ({dict(killed)}) in {took:.0f} s, {RUNS} runs; {twice} trained twice, recorded once")
    assert killed.total() >= KILLS
