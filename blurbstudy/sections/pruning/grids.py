"""Notebook 05's parameters and grid: one encoder at several depths on every task."""

from __future__ import annotations

from ...errors import ParameterError
from ...stabilizers import RemoveLayers, Stabilizer
from ...study.conditions import blurb_columns, recipes_by_type, technique_grid
from ...study.grid import Axes, Grid
from ...study.study import Study
from ..parameters import PruningParameters as Parameters

PAPER_LAYERS = 12  # of the encoder in the paper's table
AXES = Axes(group="Encoder", level="Layers removed")


def grids(study: Study[Parameters]) -> dict[str, Grid]:
    """`table7`: the encoder at every depth on every task, and the BLURB score."""
    bases = recipes_by_type(study)
    return {"table7": technique_grid(study, removals(study), bases=bases, columns=blurb_columns(study), axes=AXES)}


def removals(study: Study[Parameters]) -> dict[str, list[Stabilizer]]:
    """Level -> technique: how many top layers are removed, in proportion to the encoder's depth.
    Raises ParameterError: full depth is missing, or no layer is left.
    """
    removed = list(study.parameters.removed)
    if 0 not in removed:
        raise ParameterError(f"removed={removed!r} lacks 0, the full depth that drops refer to; add it")
    n_layers = depth(study)
    counts = sorted({round(number * n_layers / PAPER_LAYERS) for number in removed})
    if counts[-1] >= n_layers:
        raise ParameterError(
            f"removed={removed!r} (of {PAPER_LAYERS} layers) leaves none of {n_layers}; use at most "
            f"{PAPER_LAYERS - 1} of {PAPER_LAYERS}"
        )
    return {f"{count} of {n_layers}": [RemoveLayers(count)] if count else [] for count in counts}


def depth(study: Study[Parameters]) -> int:
    """Layers of the pruned encoder; the paper's where none is available."""
    (name,) = study.encoders
    source = study.sources.encoders.get(name)
    return source.architecture.n_layers if source else PAPER_LAYERS


def removed_layers(grid: Grid, level: str) -> int:
    return sum(technique.layers for technique in grid.techniques.get(level, ()) if isinstance(technique, RemoveLayers))


def removed_share(grid: Grid, level: str) -> float:
    return removed_layers(grid, level) / grid_depth(grid)


def grid_depth(grid: Grid) -> int:
    """Layers of the grid's encoder; the paper's where it is not available."""
    return next(iter(grid.layers.values()), PAPER_LAYERS)
