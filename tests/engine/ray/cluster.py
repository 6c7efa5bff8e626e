"""What the tests on a Ray cluster share; it is simulated on this machine."""

import time

import psutil

NODE = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 2**27}


def workers():
    """Processes of this process' clusters that run a task now."""
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if any("ray::run_task" in part for part in command_line(process))
    ]


def command_line(process):
    try:
        return process.cmdline()
    except psutil.Error:  # it has ended
        return []


def wait_until(condition, thread):
    """While a sweep runs; fails if it ends before."""
    while not condition():
        assert thread.is_alive()
        time.sleep(0.05)
