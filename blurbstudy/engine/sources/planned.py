"""The sources of runs that are only planned: no encoder is pretrained, and nothing is written into the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ...config import fingerprint
from ...pretraining import get_objective
from ...pretraining.encoder_cache import EncoderRequest
from ...store.run_store import RunStore
from ...tasks import SPLITS, Task, data_fingerprint, get_task, read_task
from .resolve import given_folder, live_encoder, wanted_encoders
from .sources import MINI, EncoderSource, PretrainingPlan, Sources, data_folder


def planned_sources(
    store: RunStore,
    *,
    tasks: Sequence[str],
    encoders: Mapping[str, str | None],
    data: str = MINI,
    pretraining: PretrainingPlan | None = None,
) -> tuple[Sources, dict[str, EncoderRequest]]:
    """As `resolve_sources`; an encoder that is still to be pretrained has the shape that it will have, and for a
    fingerprint what is wanted, so that no store holds a run of it.

    Returns:
        the sources, and display name -> what is to be pretrained.

    Raises:
        as `resolve_sources`.
    """
    chosen, folder = [get_task(name) for name in tasks], data_folder(data)
    fingerprints = {task.name: data_fingerprint(task, folder) for task in chosen}
    sizes = {task.name: _sizes(store, task, folder, fingerprint=fingerprints[task.name]) for task in chosen}
    specs = {name: str(spec) for name, spec in encoders.items() if spec is not None}
    wanted = wanted_encoders(specs, folder=folder, plan=pretraining or PretrainingPlan())
    missing = {name: one for name, one in wanted.items() if not one.folder().is_dir()}
    found = {}
    for name, spec in specs.items():
        if name in missing:
            found[name] = _to_be_pretrained(name, spec, missing[name])
        else:
            path = wanted[name].folder() if name in wanted else given_folder(name, spec)
            found[name] = live_encoder(name, spec, path)
    sources = Sources(
        data=str(data), data_folder=str(folder.resolve()), fingerprints=fingerprints, sizes=sizes, encoders=found
    )
    return sources, missing


def _sizes(store: RunStore, task: Task, folder: Path, *, fingerprint: str) -> dict[str, int]:
    """Examples per split, as the store knows them or the files have them."""
    if all(store.has_gold(task.name, fingerprint, split) for split in SPLITS):
        return {split: len(store.gold(task.name, fingerprint, split).gold) for split in SPLITS}
    return {split: len(examples) for split, examples in read_task(task, folder).items()}


def _to_be_pretrained(name: str, spec: str, wanted: EncoderRequest) -> EncoderSource:
    objective, settings = get_objective(wanted.objective), wanted.pretraining_config
    return EncoderSource(
        name=name,
        spec=spec,
        path=None,
        fingerprint=fingerprint(wanted.folder().name),
        architecture=settings.architecture(objective.family, settings.vocab_size).to_dict(),
        description="to be pretrained",
    )
