"""Resolve tasks, encoders and data of a study into sources, and write gold labels and metadata to the store."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...baselines.mention_list import mention_list_scores
from ...config import JsonObject
from ...models import checkpoint_fingerprint, read_architecture
from ...pretraining.encoder_cache import EncoderRequest
from ...pretraining.objectives.registry import get_objective
from ...stats.references import MENTION_LISTS, mention_list_key
from ...store.custom_tasks import save_task
from ...store.run_store import RunStore
from ...tasks import Task, data_fingerprint, get_task, read_task
from ...tasks.mini_blurb.general_text import general_corpus
from ..deadline import Deadline
from .encoder_spec import PRETRAIN, read_pretrain_spec, resolve_checkpoint
from .encoders import ensure_encoders
from .sources import (
    MINI,
    PENDING_ENCODERS,
    EncoderSource,
    PretrainingPlan,
    Sources,
    data_folder,
    data_key,
    encoder_key,
)

SLOW_PATH_NOTICE = (
    "{name}: {description}. Its runs train one at a time, which is slower: only BERT, ELECTRA and RoBERTa "
    "encoders train several runs at once"
)


def resolve_sources(
    store: RunStore,
    *,
    tasks: Sequence[str | Task],
    encoders: Mapping[str, str | None],
    data: str = MINI,
    pretraining: PretrainingPlan | None = None,
    workers: int = 0,
    progress: str = "auto",
    deadline: Deadline | None = None,
) -> Sources:
    """Find data and encoders on disk, generate mini-BLURB and pretrain encoders if requested, and write metadata and
    gold labels to the store.

    Args:
        tasks: names of BLURB's tasks, or tasks.
        encoders: display name -> directory, Hub id or 'pretrain:OBJECTIVE'; those without one (None) are left out.
        data: 'mini', or the folder with one folder per dataset.
        pretraining: defaults for specs 'pretrain:OBJECTIVE'.
        workers: encoders that are pretrained in parallel on a CPU; 0: one per core.
        progress: of pretraining, auto | silent.
        deadline: no pretraining starts or continues after it.

    Raises:
        ParameterError: an unknown task, or an encoder that is neither a directory nor a Hub id.
        DataError: a dataset is missing or malformed.
        CheckpointError: an encoder cannot be read.
        StoreError: the store cannot be written.
    """
    store.check_writable()
    resolved_tasks = [task if isinstance(task, Task) else get_task(task) for task in tasks]
    folder = data_folder(data)
    fingerprints, sizes = {}, {}
    for task in resolved_tasks:
        fingerprints[task.name] = data_fingerprint(task, folder)
        save_task(store, task, fingerprints[task.name])
        sizes[task.name] = _store_gold(store, task, folder, fingerprint=fingerprints[task.name])
        values = {"task": task.name, "data": str(data), "fingerprint": fingerprints[task.name]}
        store.put_metadata("data", data_key(task.name, data), values | {"sizes": sizes[task.name]})
    resolved = {}
    plan = pretraining or PretrainingPlan()
    specs = {name: str(spec) for name, spec in encoders.items() if spec is not None}
    folders = _encoder_folders(specs, folder=folder, plan=plan, workers=workers, progress=progress, deadline=deadline)
    for name, spec in specs.items():
        key = encoder_key(name, spec, data, plan)
        if name not in folders:  # a report then knows that its runs are still missing
            store.put_metadata(PENDING_ENCODERS, key, {"name": name, "spec": spec})
            continue
        encoder = resolved[name] = read_encoder(name, spec, folders[name])
        if encoder.architecture.config and progress != "silent":
            print(SLOW_PATH_NOTICE.format(name=name, description=encoder.description), file=sys.stderr)
        store.put_metadata("encoders", key, encoder.to_dict())
    return Sources(
        data=str(data),
        data_folder=str(folder.resolve()),
        fingerprints=fingerprints,
        sizes=sizes,
        encoders=resolved,
        custom_tasks={task.name: task for task in resolved_tasks if task.custom},
    )


def _store_gold(store: RunStore, task: Task, folder: Path, *, fingerprint: str) -> dict[str, int]:
    """Store the gold labels of all splits, and of entities the scores of the list of train's mentions, unless they are
    there; return the number of examples per split.
    """
    key = mention_list_key(task.name, fingerprint)
    listed = task.task_type != "ner" or store.metadata(MENTION_LISTS, key) is not None
    if not listed or not all(store.has_gold(task.name, fingerprint, split) for split in task.splits):
        examples_of = read_task(task, folder)
        if not listed:
            store.put_metadata(MENTION_LISTS, key, mention_list_scores(task, examples_of))
        for split, examples in examples_of.items():
            store.put_gold(
                task.name,
                fingerprint,
                split,
                ids=[example.id for example in examples],
                units=[example.unit for example in examples],
                gold=[example.label for example in examples],
            )
    return {split: len(store.gold(task.name, fingerprint, split).gold) for split in task.splits}


def read_encoder(name: str, spec: str, path: Path) -> EncoderSource:
    """Describe an encoder from its checkpoint directory."""
    architecture = read_architecture(path)
    return EncoderSource(
        name=name,
        spec=spec,
        path=str(path.resolve()),
        fingerprint=checkpoint_fingerprint(path),
        architecture=architecture,
        description=(
            f"{architecture.title}, {architecture.n_layers} layers, width {architecture.width}, "
            f"{architecture.n_parameters / 1e6:.3g} M parameters"
            + (", one segment id" if architecture.n_segments == 1 else "")
            + (", run by its transformers module" if architecture.config else "")
        ),
        pretraining=_pretraining_record(path),
    )


def _pretraining_record(path: Path) -> JsonObject | None:
    """The pretraining record of an encoder that blurbstudy pretrained; None if there is none or it cannot be read."""
    try:
        record = json.loads((path / "pretraining.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("curve"), list) else None


def _encoder_folders(
    specs: Mapping[str, str],
    *,
    folder: Path,
    plan: PretrainingPlan,
    workers: int,
    progress: str,
    deadline: Deadline | None,
) -> dict[str, Path]:
    """Display name -> checkpoint directory. Pretraining comes after all other encoders were found; encoders that it
    could not finish before the deadline are left out.
    """
    requests = encoders_to_pretrain(specs, folder=folder, plan=plan)
    folders = {name: resolve_checkpoint(name, spec) for name, spec in specs.items() if name not in requests}
    if requests:
        folders |= ensure_encoders(requests, workers=workers, progress=progress, deadline=deadline)
    return folders


def encoders_to_pretrain(specs: Mapping[str, str], *, folder: Path, plan: PretrainingPlan) -> dict[str, EncoderRequest]:
    """Display name -> request, for encoders given as pretrain:OBJECTIVE."""
    to_pretrain = {name: spec for name, spec in specs.items() if spec.startswith(PRETRAIN)}
    # Data without a corpus (BLURB's) use mini-BLURB's.
    corpus = folder if not to_pretrain or (folder / "corpus.jsonl").is_file() else data_folder(MINI)
    return {name: _pretrain_request(name, spec, corpus / "corpus.jsonl", plan) for name, spec in to_pretrain.items()}


def _pretrain_request(name: str, spec: str, corpus: Path, plan: PretrainingPlan) -> EncoderRequest:
    options = read_pretrain_spec(name, spec)
    given_corpus = str(general_corpus()) if options.corpus == "general" else options.corpus
    return EncoderRequest(
        objective=get_objective(options.objective).name,
        corpus=(given_corpus,) if given_corpus else plan.corpus or (str(corpus),),
        config=options.config or plan.config,
        tokens=plan.tokens if options.tokens is None else options.tokens,
        precision=plan.precision,
        seed=options.seed,
        device=plan.device,
        engine=plan.engine,
    )
