"""Which runs a notebook asks for, without making them: those of its statements that lead to them are executed here,
to plan them, or to find them in the run store.

A notebook's runs are the grids that it gives to `Study.run`. What these grids depend on is followed backwards through
the notebook's own code by names; tables, figures and the audit of the data are left out, and no kernel is started.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from .. import paths
from ..errors import StudyError
from .modes import setting
from .study import PLAN_ONLY, REPORT_ONLY, Study

READS_ALONE = "reads_store_alone"  # metadata of a notebook that makes neither runs nor encoders


def planned_study(stem: str, values: Mapping[str, Any]) -> Study:
    """The notebook's Study, given these parameters, with the runs and encoders that it would have made.

    Raises:
        StudyError: a parameter, the data or an encoder is at fault, as it would be in the run.
    """
    notebook = _notebook(stem)
    with setting(PLAN_ONLY, "1"):
        study = _study_alone(notebook, stem, values)
        if not notebook.metadata.get(READS_ALONE):
            _ = study.sources  # a notebook without runs has encoders all the same
    return study


def found_study(stem: str, values: Mapping[str, Any]) -> Study:
    """The notebook's Study, given these parameters, with those of its runs that the store holds (`Study.results`).

    Raises:
        StudyError: a parameter is at fault, or the store was never used with this data or one of these encoders.
    """
    with setting(REPORT_ONLY, "1"):
        return _study_alone(_notebook(stem), stem, values)


def _notebook(stem: str) -> Any:
    import nbformat

    return nbformat.read(paths.NOTEBOOKS / f"{stem}.ipynb", as_version=4)


def _study_alone(notebook: Any, stem: str, values: Mapping[str, Any]) -> Study:
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code" and not _is_left_out(cell)]
    namespace: dict[str, Any] = dict(values)
    exec(compile(run_statements("\n".join(code)), f"notebooks/{stem}.ipynb", "exec"), namespace)
    found = [value for value in namespace.values() if isinstance(value, Study)]
    if len(found) != 1:
        raise StudyError(f"notebooks/{stem}.ipynb: makes {len(found)} studies; it should make one, by Study(...)")
    return found[0]


def run_statements(source: str) -> ast.Module:
    """The statements of a notebook that make its Study and call its `run`, with all that these depend on."""
    tree = ast.parse(source)
    kept: list[ast.stmt] = []
    needed: set[str] = set()
    for statement in reversed(tree.body):
        if _calls(statement, "Study") or _calls(statement, "run") or needed & set(_changed(statement)):
            kept.append(statement)
            needed |= {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return ast.Module(body=kept[::-1], type_ignores=[])


def _is_left_out(cell: Any) -> bool:
    return bool({"parameters", "skip-execution"} & set(cell.metadata.get("tags", ())))


def _calls(statement: ast.stmt, name: str) -> bool:
    """Whether a statement calls a function or method of this name."""
    calls = (node.func for node in ast.walk(statement) if isinstance(node, ast.Call))
    return any(getattr(func, "attr", getattr(func, "id", "")) == name for func in calls)


def _changed(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement binds, or whose objects it may change: x = ..., x[i] = ..., x.add(...), import x."""
    for node in ast.walk(statement):
        if isinstance(node, ast.alias):
            yield (node.asname or node.name).split(".")[0]
        elif isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
            yield from _root(node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield from _root(node.value.func) if isinstance(node.value.func, ast.Attribute) else ()


def _root(node: ast.expr) -> Iterator[str]:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id
