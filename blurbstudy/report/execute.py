"""Notebooks executed with papermill: one that fails does not keep the others from running."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import errors, paths
from ..engine.sources.sources import MINI
from ..study.study import REPORT_ONLY, is_no_finding
from ..study.modes import setting

FAILURE = "blurbstudy_failure"  # metadata of an executed notebook: one line on why it failed

MOST_AT_ONCE = 4  # kernels that only read, a few hundred MB of memory each

STAMP = "blurbstudy_stamp"  # metadata of an executed notebook: what it was executed with, so that no report mixes them


@dataclass(frozen=True, kw_only=True)
class Execution:
    """What became of one notebook."""

    stem: str
    path: Path  # of the executed copy
    seconds: float
    failure: str | None  # one line, or None where it went through


def execute_notebooks(
    plan: Mapping[str, Mapping[str, Any]],
    *,
    out: Path,
    report_only: bool = False,
    on_start: Callable[[str, int], None] = lambda stem, index: None,
) -> list[Execution]:
    """Execute notebooks with the given parameters (stem -> name -> value); copies with outputs go to `out`.

    With `report_only` nothing is run: the notebooks read the run store alone, several at once. Otherwise they go one
    after the other, for a notebook's runs take all cores.
    """
    out.mkdir(parents=True, exist_ok=True)
    at_once = max(2, min(os.cpu_count() or 1, MOST_AT_ONCE)) if report_only else 1
    begun, turn = itertools.count(), threading.Lock()

    def execute(stem: str) -> Execution:
        with turn:
            on_start(stem, next(begun))
        return execute_notebook(stem, plan[stem], out=out)

    # Kernels import the package that this process runs, installed or not.
    found = os.pathsep.join(filter(None, (str(paths.PROJECT), os.environ.get("PYTHONPATH"))))
    with setting(REPORT_ONLY, "1" if report_only else ""), setting("PYTHONPATH", found):
        if at_once == 1:
            return list(map(execute, plan))  # in this thread, where Ctrl-C ends a notebook
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(_closing_its_loop(execute), plan))  # after Ctrl-C no other is begun


def _closing_its_loop(execute: Callable[[str], Execution]) -> Callable[[str], Execution]:
    """`execute` for a thread of its own, in which Jupyter opens an event loop and leaves it open."""
    from jupyter_core.utils import ensure_event_loop

    def executed(stem: str) -> Execution:
        try:
            return execute(stem)
        finally:
            ensure_event_loop().close()

    return executed


def execute_notebook(stem: str, parameters: Mapping[str, Any], *, out: Path) -> Execution:
    """Execute one notebook; a failure in it is returned, and noted in the executed copy."""
    import papermill
    from papermill.exceptions import PapermillException

    logging.getLogger("papermill").setLevel(logging.ERROR)
    path, began, failure = out / f"{stem}.ipynb", time.monotonic(), None
    path.unlink(missing_ok=True)  # a copy of an earlier execution must not pass for this one's
    try:
        papermill.execute_notebook(
            paths.NOTEBOOKS / f"{stem}.ipynb",
            path,
            parameters=dict(parameters),
            progress_bar=False,
            cwd=Path.cwd(),
            extra_arguments=["--log-level=CRITICAL"],  # the kernel warns of sockets, and of the end that we put to it
        )
    except PapermillException as error:
        failure = _in_one_line(error)
    except RuntimeError as error:  # nbclient's DeadKernelError among them
        failure = f"the notebook's process ended ({' '.join(str(error).split())}); is there memory enough? Run it again"
    _note(path, stem=stem, failure=failure, parameters=parameters)
    return Execution(stem=stem, path=path, seconds=time.monotonic() - began, failure=failure)


def _in_one_line(error: Any) -> str:
    """The message of a StudyError as it was raised; any other error with its kind before it."""
    kind, message = getattr(error, "ename", type(error).__name__), getattr(error, "evalue", str(error))
    text = " ".join(str(message).split())
    return text if _is_study_error(kind) else f"{kind}: {text}"


def _is_study_error(kind: str) -> bool:
    found = getattr(errors, kind, None)
    return isinstance(found, type) and issubclass(found, errors.StudyError)


def stamp(scale: str, store: Path | str | None) -> dict[str, str]:
    """Scale and store of a page; of the store's folder a digest, for a report names no path of a machine."""
    folder = Path(store or paths.store_folder(scale)).resolve()
    return {"scale": scale, "store": hashlib.sha256(str(folder).encode()).hexdigest()[:16]}


def _note(path: Path, *, stem: str, failure: str | None, parameters: Mapping[str, Any]) -> None:
    """Leave an executed copy that says what it is of and what failed, even where the kernel never came up."""
    import nbformat

    source = path if path.is_file() else paths.NOTEBOOKS / f"{stem}.ipynb"
    notebook = nbformat.read(source, as_version=4)
    if failure is not None:
        notebook.metadata[FAILURE] = failure
    scale = parameters.get("scale", MINI)
    no_finding = is_no_finding(scale, parameters.get("data", MINI))
    notebook.metadata[STAMP] = stamp(scale, parameters.get("store")) | {"no_finding": no_finding}
    nbformat.write(notebook, path)


