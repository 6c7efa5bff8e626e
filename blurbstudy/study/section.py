"""The interface of a section: one notebook's parameters and its grids of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from .grid import Grid
from .parameters import CommonParameters


class Section(Protocol):
    """A module of `blurbstudy.sections`; its notebook, parameters file and report page share its name."""

    NOTEBOOK: str  # "05_pruning"
    Parameters: type[CommonParameters]

    def grids(self, study: Any) -> Mapping[str, Grid]:
        """Name -> grid of the runs that the notebook shows."""
        ...


@runtime_checkable
class PreparedSection(Protocol):
    """A section that computes more than the runs of its grids, before they are known: an audit, a search, baselines."""

    def prepare(self, study: Any) -> None:
        """Compute what the store lacks."""
        ...
