"""Worker processes serve requests, explain their deaths, and never outlive their parent."""

import os
import signal
import subprocess
import sys
import time

import pytest

from blurbstudy.engine.workers.messages import Failed, Finished, StepsDone, Stopped, decode, encode
from blurbstudy.engine.workers.process import WorkerProcess, available_cpus, explain_exit, worker_environment

HANDLER = """
import os, sys, time
from blurbstudy.errors import Interrupted, StoreError

def make_handler(setup):
    print("a library prints")

    def handle(request, on_steps):
        print("and prints again")
        match request["do"]:
            case "add":
                on_steps(1, 2)
                return {"sum": setup["start"] + request["n"]}
            case "stop":
                raise Interrupted("stopped")
            case "fail":
                raise ValueError("no\\nnumber")
            case "refuse":
                raise StoreError("full")
            case "exhaust":
                raise MemoryError("no room")
            case "exit":
                print("last words", file=sys.stderr)
                os._exit(3)
            case "sleep":
                on_steps(1, 2)
                time.sleep(600)

    return handle
"""


@pytest.fixture
def worker(tmp_path, monkeypatch):
    (tmp_path / "sum_handler.py").write_text(HANDLER)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    process = WorkerProcess("sum_handler", {"start": 40})
    yield process
    process.kill()


@pytest.mark.parametrize(
    "message",
    [StepsDone(done=1, total=2), Finished(), Finished(result={"a": 1}), Stopped(), Failed(error="x", died=True)],
)
def test_messages_survive_the_pipe(message):
    assert decode(encode(message)) == message and encode(message).count("\n") == 1


def test_requests_are_served_in_order_and_a_failure_does_not_end_the_process(worker):
    assert list(worker.request({"do": "add", "n": 2})) == [StepsDone(done=1, total=2), Finished(result={"sum": 42})]
    assert list(worker.request({"do": "fail"})) == [Failed(error="ValueError: no number")]
    assert list(worker.request({"do": "refuse"})) == [Failed(error="full", fatal=True)]
    assert list(worker.request({"do": "exhaust"})) == [Failed(error="MemoryError: no room", out_of_memory=True)]
    assert list(worker.request({"do": "stop"})) == [Stopped()]
    assert list(worker.request({"do": "add", "n": 1}))[-1] == Finished(result={"sum": 41}) and worker.is_alive()


def test_a_death_is_a_failure_with_its_cause(worker):
    (failure,) = worker.request({"do": "exit"})
    assert failure.died and failure.error == "worker process ended with exit code 3 (last words)"
    assert not failure.out_of_memory and not worker.is_alive()


def test_a_kill_counts_as_out_of_memory(worker):
    messages = worker.request({"do": "sleep"})
    assert next(messages) == StepsDone(done=1, total=2)
    os.kill(worker.pid, signal.SIGKILL)
    failure = next(messages)
    assert failure.died and failure.out_of_memory and "killed by SIGKILL, probably out of memory" in failure.error


def test_other_signals_are_named():
    assert explain_exit(-signal.SIGTERM, "") == "worker process killed by SIGTERM"
    assert explain_exit(1, "") == "worker process ended with exit code 1"


PARENT = """
import sys, time
from blurbstudy.engine.workers.process import WorkerProcess

worker = WorkerProcess("sum_handler", {"start": 0})
next(worker.request({"do": "sleep"}))
print(worker.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(os.name != "posix", reason="looks at process ids")
def test_a_worker_ends_with_its_parent(worker):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=worker_environment()
    )
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("the worker outlives its parent")


def test_available_cpus_are_those_of_this_process():
    assert 1 <= available_cpus() <= os.cpu_count()
