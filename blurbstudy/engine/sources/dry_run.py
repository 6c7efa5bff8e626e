"""Sources for a dry run: no encoder is pretrained, and nothing is written to the store."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...config import fingerprint
from ...pretraining import get_objective
from ...pretraining.encoder_cache import EncoderRequest
from ...store.run_store import RunStore
from ...tasks import SPLITS, data_fingerprint, get_task, read_task
from .encoder_spec import resolve_checkpoint
from .resolve import encoders_to_pretrain, read_encoder
from .sources import MINI, EncoderSource, PretrainingPlan, Sources, data_folder


def dry_run_sources(
    store: RunStore,
    *,
    tasks: Sequence[str],
    encoders: Mapping[str, str | None],
    data: str = MINI,
    pretraining: PretrainingPlan | None = None,
) -> tuple[Sources, dict[str, EncoderRequest]]:
    """As `resolve_sources`, with a placeholder for each encoder to pretrain: it has the final architecture, and the
    fingerprint of its request, so that the store has no runs of it.

    Returns:
        the sources, and display name -> request for each encoder to pretrain.

    Raises:
        as `resolve_sources`.
    """
    chosen, folder = [get_task(name) for name in tasks], data_folder(data)
    fingerprints = {task.name: data_fingerprint(task, folder) for task in chosen}
    sizes = {task.name: _sizes(store.folder, task.name, folder, fingerprint=fingerprints[task.name]) for task in chosen}
    specs = {name: str(spec) for name, spec in encoders.items() if spec is not None}
    requests = encoders_to_pretrain(specs, folder=folder, plan=pretraining or PretrainingPlan())
    missing = {name: request for name, request in requests.items() if not request.folder().is_dir()}
    resolved = {}
    for name, spec in specs.items():
        if name in missing:
            resolved[name] = _placeholder(name, spec, missing[name])
        else:
            path = requests[name].folder() if name in requests else resolve_checkpoint(name, spec)
            resolved[name] = read_encoder(name, spec, path)
    sources = Sources(
        data=str(data), data_folder=str(folder.resolve()), fingerprints=fingerprints, sizes=sizes, encoders=resolved
    )
    return sources, missing


@functools.cache  # notebooks share datasets; other files of a dataset have another fingerprint
def _sizes(store: Path, task: str, folder: Path, *, fingerprint: str) -> dict[str, int]:
    """Examples per split, from the store if it has them, else from the files."""
    run_store = RunStore(store)
    if all(run_store.has_gold(task, fingerprint, split) for split in SPLITS):
        return {split: len(run_store.gold(task, fingerprint, split).gold) for split in SPLITS}
    return {split: len(examples) for split, examples in read_task(get_task(task), folder).items()}


def _placeholder(name: str, spec: str, request: EncoderRequest) -> EncoderSource:
    objective, settings = get_objective(request.objective), request.pretraining_config
    return EncoderSource(
        name=name,
        spec=spec,
        path=None,
        fingerprint=fingerprint(request.folder().name),
        architecture=settings.architecture(objective.family, settings.vocab_size),
        description="to be pretrained",
    )
