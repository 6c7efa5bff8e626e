"""Entry of every worker process: `python -m blurbstudy.engine.workers.main PARENT_PID`.

Lines of JSON on stdin: first {module, setup}, then one request per line. Messages (see messages.py) on stdout. The
process ends with its stdin, and as soon as its parent is gone.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from ...config import JsonObject
from ...errors import Interrupted
from ...training.memory import free_memory
from .messages import Failed, Finished, Message, StepsDone, Stopped, encode, failure_message

POLL_SECONDS = 0.5  # between two checks that the parent is alive
REPORT_SECONDS = 0.25  # between two reports of progress

OnSteps = Callable[[int, int], None]  # steps done, steps in total
Handler = Callable[[JsonObject, OnSteps], JsonObject | None]  # request, on_steps -> result


def main(parent: int) -> None:
    """Serve requests until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_exit_with_parent, args=(parent,), daemon=True).start()
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not come between the messages

    def emit(message: Message) -> None:
        output.write(encode(message))
        output.flush()

    setup = json.loads(sys.stdin.readline())
    handle: Handler = importlib.import_module(setup["module"]).make_handler(setup["setup"])
    for line in sys.stdin:
        message = _serve(handle, json.loads(line), emit)
        if isinstance(message, Failed):  # now that the error, and all that it referred to, is gone
            free_memory()
        emit(message)


def _serve(handle: Handler, request: JsonObject, emit: Callable[[Message], None]) -> Message:
    reported = 0.0

    def on_steps(done: int, total: int) -> None:
        nonlocal reported
        if time.monotonic() - reported > REPORT_SECONDS:
            reported = time.monotonic()
            emit(StepsDone(done=done, total=total))

    try:
        return Finished(result=handle(request, on_steps))
    except Interrupted:
        return Stopped()
    except Exception as error:  # the parent reports it; the next request may succeed
        return failure_message(error)


def _exit_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os._exit(1)  # without clean-up: a record is complete or absent at any moment


if __name__ == "__main__":
    main(int(sys.argv[1]))
