"""Notebooks executed with papermill, several at once; they only read the run store."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import nbformat
import papermill
from jupyter_core.utils import ensure_event_loop
from nbformat import NotebookNode
from papermill.exceptions import PapermillException

from .. import errors, paths
from ..config import JsonMapping
from ..engine.sources.sources import MINI
from ..errors import flat_message
from ..study.study import is_demo

FAILURE = "blurbstudy_failure"  # metadata of an executed notebook: one line on why it failed
PROVENANCE = "blurbstudy_stamp"  # metadata of an executed notebook: its scale and store, so that no report mixes them
MAX_KERNELS = 4  # of a few hundred MB each
_PAPERMILL_TAGS = {"injected-parameters", "papermill-error-cell-tag"}  # of cells that papermill adds
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


@dataclass(frozen=True, kw_only=True)
class Execution:
    """What became of one notebook."""

    notebook: str
    path: Path  # of the executed copy
    seconds: float
    failure: str | None  # one line; None: it went through


def execute_notebooks(
    plan: Mapping[str, JsonMapping],
    *,
    out: Path,
    failures: Mapping[str, str] | None = None,
    on_end: Callable[[Execution], object] = lambda execution: None,
) -> list[Execution]:
    """Execute notebooks with the given parameters (notebook -> name -> value) and `train_missing=False`, several at
    once; copies with outputs go to `out`. A notebook that fails does not keep the others from running.

    Args:
        failures: notebook -> why its runs could not be made; noted in its copy.
        on_end: called with each execution as it ends.
    """
    out.mkdir(parents=True, exist_ok=True)
    # Kernels import the package that this process runs, installed or not.
    search_path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(filter(None, (str(paths.PROJECT), *search_path))))
    executions: dict[str, Execution] = {}
    with ThreadPoolExecutor(n_kernels()) as pool:
        known = failures or {}
        futures = [
            pool.submit(_execute_in_thread, notebook, values, out=out, failure=known.get(notebook))
            for notebook, values in plan.items()
        ]
        for future in as_completed(futures):
            execution = future.result()
            executions[execution.notebook] = execution
            on_end(execution)
    return [executions[notebook] for notebook in plan]


def n_kernels() -> int:
    return max(2, min(os.cpu_count() or 1, MAX_KERNELS))


def _execute_in_thread(notebook: str, values: JsonMapping, *, out: Path, failure: str | None) -> Execution:
    """`execute_notebook` in a thread of its own, in which Jupyter opens an event loop and leaves it open."""
    try:
        return execute_notebook(notebook, values, out=out, failure=failure)
    finally:
        ensure_event_loop().close()


def execute_notebook(notebook: str, parameters: JsonMapping, *, out: Path, failure: str | None = None) -> Execution:
    """Execute one notebook; a failure in it is returned, and noted in the executed copy."""
    logging.getLogger("papermill").setLevel(logging.ERROR)
    path, start = out / f"{notebook}.ipynb", time.monotonic()
    path.unlink(missing_ok=True)  # a copy of an earlier execution must not pass for this one's
    try:
        papermill.execute_notebook(
            paths.NOTEBOOKS / f"{notebook}.ipynb",
            path,
            parameters={**parameters, "train_missing": False},
            progress_bar=False,
            cwd=Path.cwd(),
            extra_arguments=["--log-level=CRITICAL"],  # the kernel warns of sockets, and of its own end
        )
    except PapermillException as error:
        failure = failure or _message(error)
    except RuntimeError as error:  # nbclient's DeadKernelError among them
        failure = failure or f"the kernel died ({flat_message(error)}), perhaps for lack of memory; run it again"
    _stamp(path, notebook=notebook, failure=failure, parameters=parameters)
    return Execution(notebook=notebook, path=path, seconds=time.monotonic() - start, failure=failure)


def _message(error: object) -> str:
    """The message of a StudyError as it was raised; any other error with its type before it."""
    kind, message = getattr(error, "ename", type(error).__name__), getattr(error, "evalue", str(error))
    known = getattr(errors, kind, None)
    is_study_error = isinstance(known, type) and issubclass(known, errors.StudyError)
    text = " ".join(str(message).split())
    return text if is_study_error else f"{kind}: {text}"


def provenance(scale: str, store: Path | str | None) -> dict[str, str]:
    """Scale and store of a page; the store as a digest of its path, since a report names no path of a machine."""
    folder = Path(store or paths.store_folder(scale)).resolve()
    return {"scale": scale, "store": hashlib.sha256(str(folder).encode()).hexdigest()[:16]}


def _stamp(path: Path, *, notebook: str, failure: str | None, parameters: JsonMapping) -> None:
    """Leave an executed copy that says what it is of and what failed, even where the kernel never started."""
    source = path if path.is_file() else paths.NOTEBOOKS / f"{notebook}.ipynb"
    copy = nbformat.read(source, as_version=4)
    if failure is not None:
        copy.metadata[FAILURE] = failure
    scale = parameters.get("scale", MINI)
    no_finding = is_demo(scale, parameters.get("data", MINI))
    copy.metadata[PROVENANCE] = provenance(scale, parameters.get("store")) | {"no_finding": no_finding}
    _remove_traces(copy)
    nbformat.write(copy, path)


def _remove_traces(copy: NotebookNode) -> None:
    """Remove times, addresses in memory and random ids: equal results make an equal file."""
    copy.metadata.pop("papermill", None)
    for number, cell in enumerate(copy.cells):
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        if _PAPERMILL_TAGS & set(cell.metadata.get("tags", ())):
            cell.id = f"papermill-{number}"
        for output in cell.get("outputs", ()):
            if "text/plain" in output.get("data", {}):
                output.data["text/plain"] = _ADDRESS.sub("", output.data["text/plain"])
