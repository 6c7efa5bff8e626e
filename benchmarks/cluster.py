"""Ray on one machine: two nodes of a CPU each against one, Ray against the local engine, and many short tasks.

    python benchmarks/cluster.py nodes|overhead [--repeats 3]
    python benchmarks/cluster.py tasks [--tasks 18000] [--cpus 64] [--seconds 0.5]

`nodes` and `overhead` train the same 60 runs (three tasks of mini-BLURB, a shipped encoder), each time in a fresh
process and a fresh store, alternating between the two sides. The clock starts when data, encoder and cluster are ready;
the start of Ray is given apart. `tasks` trains nothing: its tasks sleep, and the driver is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace

import _path  # noqa: F401

ENCODER = "encoders/bert-mini-0-4f28842ee265d0f2895b"
TASKS = ("BIOSSES", "HoC", "BC5-disease")
SIDES = {"nodes": ("one node", "two nodes"), "overhead": ("local", "ray")}


def sleep_and_send(request, emit, record, seconds):
    """A trainer that sleeps, then sends the record of a run that was trained before, under the id of the wanted one."""
    from blurbstudy.config import run_config_from_dict

    for config in request.configs:
        time.sleep(seconds)
        emit("record", record=replace(record, config=run_config_from_dict(config)))
    emit("finished")


def main() -> None:
    """Run the measurements that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=(*SIDES, "tasks"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=20, help="of each of the three tasks")
    parser.add_argument("--tasks", type=int, default=18_000)
    parser.add_argument("--cpus", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--job", help="measure this side in this process")
    options = parser.parse_args()
    if options.job:
        print(json.dumps(_measure(options.job, seeds=options.seeds)))
    elif options.what == "tasks":
        print(json.dumps(_many_tasks(options.tasks, cpus=options.cpus, seconds=options.seconds), indent=1))
    else:
        _compare(options.what, repeats=options.repeats, seeds=options.seeds)


def _compare(what: str, *, repeats: int, seeds: int) -> None:
    sides = SIDES[what]
    results: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for _ in range(repeats):
        for side in sides:
            command = [sys.executable, __file__, what, "--job", side, "--seeds", str(seeds)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            results[side].append(json.loads(done.stdout.splitlines()[-1]))
            print(f"{side}: {results[side][-1]}", flush=True)
    medians = {side: statistics.median(result["seconds"] for result in results[side]) for side in sides}
    first, second = sides
    print(
        f"{first} / {second}: {medians[first] / medians[second]:.2f} ({medians[first]:.1f} s, {medians[second]:.1f} s)"
    )


def _measure(side: str, *, seeds: int) -> dict[str, float]:
    from blurbstudy.config import Recipe
    from blurbstudy.engine.engine import LocalEngine
    from blurbstudy.engine.ray.cluster import connect
    from blurbstudy.engine.ray.engine import RayEngine
    from blurbstudy.engine.sources.resolve import resolve_sources
    from blurbstudy.engine.sweep import run_missing
    from blurbstudy.store.run_store import RunStore

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        store = RunStore(folder)
        sources = resolve_sources(store, tasks=list(TASKS), encoders={"BERT": ENCODER}, data="mini")
        recipe = Recipe(epochs=5, learning_rate=1e-3, max_length=64, n_evaluations=5)
        configs = [
            sources.run_config(task, "BERT", recipe=recipe, seed=seed) for task in TASKS for seed in range(seeds)
        ]
        start = time.perf_counter()
        if side == "local":
            engine = LocalEngine(device="cpu")
        else:
            engine = RayEngine(device="cpu")
            if "node" in side:
                _start_nodes(SIDES["nodes"].index(side) + 1, stack)
            connect()
        ready = time.perf_counter()
        run_missing(configs, store, sources=sources, engine=engine, progress="silent")
        seconds = time.perf_counter() - ready
        return {"seconds": round(seconds, 2), "start": round(ready - start, 2), "runs": len(store)}


def _start_nodes(count: int, stack: contextlib.ExitStack) -> None:
    """A cluster of machines of one CPU each, and a head without any."""
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    stack.callback(cluster.shutdown)
    for _ in range(count):
        cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    stack.callback(ray.shutdown)


def _many_tasks(count: int, *, cpus: int, seconds: float) -> dict[str, float]:
    import psutil
    import ray

    from blurbstudy.config import Recipe
    from blurbstudy.engine.engine import LocalEngine
    from blurbstudy.engine.progress import Progress
    from blurbstudy.engine.ray import engine as engines
    from blurbstudy.engine.sources.resolve import resolve_sources
    from blurbstudy.engine.sweep import run_missing
    from blurbstudy.store.index import open_index
    from blurbstudy.store.run_store import RunStore

    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(folder)
        sources = resolve_sources(store, tasks=["BIOSSES"], encoders={"BERT": ENCODER}, data="mini")
        recipe = Recipe(epochs=1, max_length=32, n_evaluations=1)
        configs = [sources.run_config("BIOSSES", "BERT", recipe=recipe, seed=seed) for seed in range(count + 1)]
        example = run_missing(configs[:1], store, sources=sources, engine=LocalEngine(device="cpu"), progress="silent")
        ray.init(
            address="local", num_cpus=cpus, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
        )
        pair = ray.put(example[configs[0].id]), ray.put(seconds)
        engines._Sweep._inputs_of = lambda *_: pair  # type: ignore[attr-defined]
        engine = engines.RayEngine(device="cpu", population=1, trainer="benchmarks.cluster:sleep_and_send")
        process, peak = psutil.Process(), 0
        with Progress("tasks", total=1.0, runs=count) as bar:

            def on_progress(state: object) -> None:
                nonlocal peak
                peak = max(peak, process.memory_info().rss)
                bar.update(state.fraction, runs_done=state.runs_done)  # type: ignore[attr-defined]

            start = time.perf_counter()
            failures: Sequence = engine.run(configs[1:], store, sources=sources, on_progress=on_progress)
            took = time.perf_counter() - start
        named = psutil.process_iter(["cmdline", "memory_info"])
        workers = sum(p.info["memory_info"].rss for p in named if "ray::" in " ".join(p.info["cmdline"] or ()))
        start = time.perf_counter()
        with open_index(store) as index:
            index.count_other_versions()
        return {
            "tasks a second": round(count / took, 1),
            "at most": round(cpus / seconds, 1),
            "failures": len(failures),
            "records": len(store),
            "driver, MB": round(peak / 1e6),
            "workers, MB": round(workers / 1e6),
            "index built in, s": round(time.perf_counter() - start, 1),
        }


if __name__ == "__main__":
    main()
