"""`blurbstudy plan`: what a run would do and how long it would take."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Annotated

import typer

from .. import paths
from ..errors import StoreError
from ..store.run_store import RunStore
from .notebook_options import Data, Only, Parameters, Scale, Store, notebook_parameters, parse_overrides


def plan(
    scale: Scale = "mini",
    only: Only = None,
    data: Data = None,
    store: Store = None,
    parameter: Parameters = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda (default: as the parameters say).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Show which runs are done and missing, and how long the missing ones take. Nothing is trained or written."""
    overrides = parse_overrides(parameter, data=data, store=store) | ({} if device is None else {"device": device})
    values = notebook_parameters(scale=scale, only=only, overrides=overrides)
    run_store = RunStore(next(iter(values.values()))["store"] or paths.store_folder(scale))
    if run_store.folder.exists() and not run_store.folder.is_dir():  # the run would refuse it too
        raise StoreError(f"{run_store.folder}: is a file; name the folder of a run store (--store)")
    from ..report.plan import make_plan, plan_text  # with torch: after all checks

    with contextlib.redirect_stdout(sys.stderr):  # stdout carries the answer alone
        planned = make_plan(values, scale=scale, store=run_store)
    typer.echo(json.dumps(planned.to_dict(), ensure_ascii=False) if as_json else plan_text(planned))
