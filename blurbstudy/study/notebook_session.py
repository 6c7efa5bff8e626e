"""A notebook's session: the parameters among its globals, its working directory, and how an interruption is told."""

from __future__ import annotations

import ast
import contextlib
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import paths
from ..config import JsonMapping, JsonObject
from ..errors import Interrupted
from .parameters import CommonParameters
from .section import Section

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

PAPERMILL_CELL = "# Parameters\n"  # first line of the cell in which papermill sets parameters


def notebook_parameters(section: Section, namespace: JsonMapping) -> CommonParameters:
    """The parameters in a notebook's globals; the working directory becomes the project's.
    Raises ParameterError: an unknown parameter, or a value of another type or out of bounds.
    """
    values = namespace_parameters(namespace, section.Parameters.model_fields)
    parsed = section.Parameters.parse(values, origin=f"notebooks/{section.NOTEBOOK}.ipynb")
    store = Path(parsed.store or paths.store_folder(parsed.scale))
    # Wherever a kernel starts, paths are the project's; but a report reads a store named from where it was called.
    if parsed.train_missing or not store.is_dir():
        enter_project()
    return parsed


def enter_project() -> None:
    """In a notebook, make the checkout the working directory, wherever the kernel was started."""
    if in_notebook() and paths.NOTEBOOKS.is_dir():
        os.chdir(paths.PROJECT)


def namespace_parameters(namespace: JsonMapping, known: Collection[str]) -> JsonObject:
    """The parameters among a notebook's globals, and names that its parameters cell sets but the section does not know,
    so that they are refused. Without a record of executed cells, any literal counts as set there.
    `known`: the section's parameter names.
    """
    shell = _shell()
    set_names = None if shell is None else names_set_by_parameters(shell.user_ns.get("In", ()), known)
    hidden = set() if shell is None else {*shell.user_ns_hidden, "In", "Out"}
    literal = (str, int, float, bool, list, dict, type(None))

    def is_set(name: str, value: object) -> bool:
        if set_names is not None:
            return name in set_names
        return isinstance(value, literal) and not name.startswith("_") and name not in hidden

    return {name: value for name, value in namespace.items() if name in known or is_set(name, value)}


def names_set_by_parameters(cells: Sequence[str], known: Collection[str]) -> set[str] | None:
    """The names that the last executed parameters cell sets, and any cells of assignments right after it, such as
    papermill's; None if no such cell was executed.
    `cells`: the sources of all executed cells, in order.
    """
    assigned: set[str] | None = None
    current: set[str] | None = None
    for source in cells:
        names = _assigned_names(source)
        if names is None:
            current = None
        elif 2 * len(names & set(known)) > len(known) and not source.startswith(PAPERMILL_CELL):
            current = assigned = names
        elif current is not None:
            current |= names  # and so to those found
    return assigned


def _assigned_names(source: str) -> set[str] | None:
    """The names that a cell sets to values; None if it does anything else."""
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return None
    names = set()
    for statement in statements:
        if not isinstance(statement, ast.Assign) or any(isinstance(part, ast.Call) for part in ast.walk(statement)):
            return None
        names |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
    return names


def in_notebook() -> bool:
    """Whether this is a session of IPython, as in a notebook's kernel."""
    return _shell() is not None


def _shell() -> InteractiveShell | None:
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return None
    return get_ipython()


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """In a notebook, an interruption of the work inside is an error of one sentence."""
    try:
        yield
    except KeyboardInterrupt:
        if not in_notebook():
            raise
        raise Interrupted("Interrupted. Finished runs are in the store: run this cell again to resume.") from None
