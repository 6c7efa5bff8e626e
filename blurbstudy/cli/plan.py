"""blurbstudy plan: what a run would do and how long it would take, before it does anything."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Annotated

import typer

from .. import paths
from ..errors import StoreError
from .notebook_options import Data, Only, Parameters, Scale, Store, given_values, notebook_values


def plan(
    scale: Scale = "mini",
    only: Only = None,
    data: Data = None,
    store: Store = None,
    parameter: Parameters = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu or cuda (default: as the parameters say).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Count the runs that are done and missing, and estimate their time from the machine's last measured speed.

    Nothing is trained or pretrained, and the run store is not changed.
    """
    from ..report.plan import make_plan
    from ..report.plan_text import plan_text
    from ..store.run_store import RunStore

    given = given_values(parameter, data=data, store=store) | ({} if device is None else {"device": device})
    values = notebook_values(scale=scale, only=only, given=given)
    kept = RunStore(next(iter(values.values()))["store"] or paths.store_folder(scale))
    if kept.folder.exists() and not kept.folder.is_dir():  # the run would refuse it too
        raise StoreError(f"{kept.folder}: a file lies where the run store should be; name its folder (--store)")

    with contextlib.redirect_stdout(sys.stderr):  # stdout carries the answer alone
        made = make_plan(values, scale=scale, store=kept)
    typer.echo(json.dumps(made.to_dict(), allow_nan=False) if as_json else plan_text(made))
