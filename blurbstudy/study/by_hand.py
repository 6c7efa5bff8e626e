"""Executions of notebooks by hand, in JupyterLab or with papermill: with parameters other than those of the notebook's
page, they are kept apart in the run store, with the runs that only they needed, and change no page.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..config import JsonMapping, JsonObject
from ..store.run_store import RunStore
from .parameters import BY_HAND_METADATA, NOTEBOOK_METADATA, RUNTIME, changed_parameters, scale_parameters
from .section import Section


def label_by_hand(store: RunStore, section: Section, values: JsonMapping) -> str:
    """What an execution by hand changed; '' if its parameters are those of the notebook's page in the report. Where
    there is no page yet, those of the parameters files make it.
    """
    relevant = {name: value for name, value in values.items() if name not in RUNTIME}
    expected = store.metadata(NOTEBOOK_METADATA, section.NOTEBOOK) or _file_values(section, values)
    if all(name in expected and expected[name] == value for name, value in relevant.items()):
        return ""
    changed = changed_parameters(values["scale"], section.NOTEBOOK, relevant)
    return "; ".join(changed) or "as its parameters files"


def _file_values(section: Section, values: JsonMapping) -> JsonObject:
    """The values of the parameters files; where they leave the data open, any folder agrees with them."""
    fields = section.Parameters.model_fields
    defaults = {name: field.default for name, field in fields.items() if not field.is_required()}
    files = defaults | scale_parameters(values["scale"], section.NOTEBOOK)
    return files if files.get("data") is not None else files | {"data": values["data"]}


def save_by_hand(
    store: RunStore, notebook: str, label: str, *, parameters: JsonMapping, run_ids: Iterable[str] = ()
) -> None:
    """Keep the parameters of an execution by hand, and add to the list of the runs that it makes."""
    name = f"{notebook}@{label}"
    known = (store.metadata(BY_HAND_METADATA, name) or {}).get("runs", [])
    values = {"parameters": dict(parameters), "runs": sorted({*known, *run_ids})}
    store.put_metadata(BY_HAND_METADATA, name, values)


def runs_by_hand(store: RunStore) -> set[str]:
    """The ids of the runs that were made by hand with other parameters and that the study did not need since."""
    return {run_id for values in store.all_metadata(BY_HAND_METADATA).values() for run_id in values["runs"]}


def adopt_runs(store: RunStore, run_ids: Iterable[str]) -> None:
    """Take runs that the study needs off the lists of those made by hand."""
    needed = set(run_ids)
    for name, values in store.all_metadata(BY_HAND_METADATA).items():
        if needed & set(values["runs"]):
            remaining = [run_id for run_id in values["runs"] if run_id not in needed]
            store.put_metadata(BY_HAND_METADATA, name, values | {"runs": remaining})
