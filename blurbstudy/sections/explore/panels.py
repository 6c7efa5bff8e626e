"""What 90_explore shows: controls where someone can use them, else what they begin with as still tables and figures."""

from __future__ import annotations

from IPython.core.getipython import get_ipython

from ...config import Recipe
from ...study.study import Study
from ...tables.figure import Stack
from ...tasks import get_task
from ..parameters import ExploreParameters as Parameters
from .catalog import StoreCatalog
from .compare import compare_groups, default_pair
from .depth import TechniqueSelection, default_encoder, depth_picture
from .runs import curves_picture, default_groups, longest_curve, runs_table, seeds_picture


def is_attended() -> bool:
    """Whether the cell was run by a frontend that can ask its user something, such as JupyterLab. Papermill and
    nbconvert cannot.
    """
    request = getattr(get_ipython(), "get_parent", dict)()
    return bool(request.get("content", {}).get("allow_stdin"))


def depth_panel(catalog: StoreCatalog, techniques: TechniqueSelection, *, task: str, recipe: Recipe) -> object:
    """What techniques do to each depth."""
    if is_attended():
        from .widgets import DepthPanel

        return DepthPanel(catalog, techniques, task=task, recipe=recipe)
    return depth_picture(catalog, techniques, encoder=default_encoder(catalog), task=get_task(task), recipe=recipe)


def store_panel(catalog: StoreCatalog, study: Study[Parameters]) -> object:
    """The runs of a store, down to single predictions; the text of examples is only in the controls."""
    if is_attended():
        from .widgets import StorePanel

        return StorePanel(catalog, study)
    groups = default_groups(catalog)
    if not groups:
        return catalog.empty
    return Stack(parts=[make(catalog, groups) for make in (seeds_picture, runs_table)])


def comparison_panel(catalog: StoreCatalog) -> object:
    """Two settings against each other."""
    if is_attended():
        from .widgets import ComparisonPanel

        return ComparisonPanel(catalog)
    return compare_groups(catalog, *default_pair(catalog))


def live_panel(study: Study[Parameters], catalog: StoreCatalog, *, task: str, recipe: Recipe) -> object:
    """A small fine-tuning; as a still, the longest learning curves of the store."""
    if is_attended():
        from .widgets import LivePanel

        return LivePanel(study, catalog, task=task, recipe=recipe)
    return curves_picture(catalog, longest_curve(catalog))
