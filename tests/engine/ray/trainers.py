"""What Ray's workers run in tests in place of `blurbstudy.engine.ray.task.train`, or before it."""

import os
import signal
import time

from blurbstudy.engine.ray import task

POISON, FIRST = 3, 1  # seeds


def kill_worker_of_a_seed(request, emit, *inputs):
    if any(config["seed"] == POISON for config in request.configs):
        os.kill(os.getpid(), signal.SIGKILL)
    task.train(request, emit, *inputs)


def need_memory_for_one(request, emit, *inputs):
    if len(request.configs) > 1:
        emit("failed", error="MemoryError: no more memory", out_of_memory=True)
    else:
        task.train(request, emit, *inputs)


def hang_once(request, emit, *inputs):
    """The first attempt at a seed hangs; a file named by an environment variable says that it was made."""
    flag = os.environ["BLURBSTUDY_TEST_FLAG"]
    if any(config["seed"] == FIRST for config in request.configs) and not os.path.exists(flag):
        open(flag, "w").close()
        time.sleep(3600)
    task.train(request, emit, *inputs)


def report_and_wait(request, emit, *inputs):
    """Reports progress, then trains once a file exists that the test writes."""
    emit("steps", done=1, total=100)
    while not os.path.exists(f"{os.environ['BLURBSTUDY_TEST_FLAG']}.go"):
        time.sleep(0.05)
    task.train(request, emit, *inputs)


def send_another_run(request, emit, *inputs):
    """As a machine with another version of the package, whose ids differ."""

    def renamed(kind, **fields):
        if kind == "record":
            import dataclasses

            config = dataclasses.replace(fields["record"].config, seed=99)
            fields["record"] = dataclasses.replace(fields["record"], config=config)
        emit(kind, **fields)

    task.train(request, renamed, *inputs)
