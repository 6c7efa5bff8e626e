"""The command `blurbstudy compare`: results of finetune against a baseline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ..errors import ParameterError


def compare(
    results: Annotated[
        list[Path], typer.Argument(help="Files printed by `blurbstudy finetune --json`, the baseline's first.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Compare fine-tuned recipes or encoders with a baseline, on one task.

    One test per comparison, over seeds and test examples together, and one of how often runs collapse, with Holm's
    correction. The stores of the runs must still be there. Nothing is trained.
    """
    names = [path.stem for path in results]
    if len(results) < 2 or len(set(names)) < len(names):
        raise ParameterError("name two files or more, of different names, the baseline first")
    for path in results:
        if not path.is_file():
            raise ParameterError(f"{path}: no such file; write one by blurbstudy finetune ... --json > {path.name}")
    from ..api.compare import compare as compare_results  # with scipy: after all checks
    from ..api.compare import read_result

    compared = compare_results(*[read_result(path) for path in results], names=names)
    typer.echo(json.dumps(compared.to_dict(), ensure_ascii=False, allow_nan=False) if as_json else compared.text())
