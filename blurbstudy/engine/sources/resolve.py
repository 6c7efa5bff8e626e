"""Resolves what a study names (tasks, encoders, data) into sources; writes gold labels and metadata to the store."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ParameterError
from ...models import checkpoint_fingerprint, checkpoint_folder, read_architecture
from ...store.custom_tasks import save_task
from ...store.run_store import RunStore
from ...tasks import Task, data_fingerprint, get_task, read_task
from ..deadline import Deadline
from .encoder_spec import PRETRAIN, read_pretrain_spec
from .sources import (
    _ENCODER_FACT,
    MINI,
    UNFINISHED,
    EncoderSource,
    PretrainingPlan,
    Sources,
    _data_key,
    _encoder_key,
    data_folder,
)

if TYPE_CHECKING:
    from ...pretraining.encoder_cache import EncoderRequest

SLOWER = (
    "{name}: {description}, one run after another: the slower path (our own encoder is BERT's, ELECTRA's and RoBERTa's)"
)


_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")


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
    """Find data and encoders on disk, making mini-BLURB and pretrained mini encoders where asked for, and keep their
    facts and gold labels in the store.

    Args:
        tasks: names of BLURB's, or tasks.
        encoders: display name -> directory, Hub id or 'pretrain:OBJECTIVE'; those without (None) are left out.
        data: 'mini', or the folder that holds the datasets' folders.
        pretraining: how the latter are made.
        workers: encoders that are pretrained side by side on a CPU; 0: one per core.
        progress: of pretraining, auto | silent.
        deadline: no pretraining starts or continues after it.

    Raises:
        ParameterError: an unknown task, or an encoder that is neither a directory nor a Hub id.
        DataError: a dataset is missing or malformed.
        CheckpointError: an encoder cannot be read.
        StoreError: the store cannot be written.
    """
    store.check_writable()
    chosen = [task if isinstance(task, Task) else get_task(task) for task in tasks]
    folder = data_folder(data)
    fingerprints, sizes = {}, {}
    for task in chosen:
        fingerprints[task.name] = data_fingerprint(task, folder)
        save_task(store, task, fingerprints[task.name])
        sizes[task.name] = _keep_gold(store, task, folder, fingerprint=fingerprints[task.name])
        values = {"task": task.name, "data": str(data), "fingerprint": fingerprints[task.name]}
        store.put_metadata("data", _data_key(task.name, data), values | {"sizes": sizes[task.name]})
    found = {}
    plan = pretraining or PretrainingPlan()
    specs = {name: str(spec) for name, spec in encoders.items() if spec is not None}
    places = _encoder_folders(specs, folder=folder, plan=plan, workers=workers, progress=progress, deadline=deadline)
    for name, spec in specs.items():
        if name not in places:  # a report then knows that its runs are not made yet
            store.put_metadata(UNFINISHED, _encoder_key(name, spec, data, plan), {"name": name, "spec": spec})
            continue
        found[name] = live_encoder(name, spec, places[name])
        if found[name].architecture.get("config") and progress != "silent":
            print(SLOWER.format(name=name, description=found[name].description), file=sys.stderr)
        fact = {key: getattr(found[name], key) for key in _ENCODER_FACT}
        store.put_metadata("encoders", _encoder_key(name, spec, data, plan), fact)
    return Sources(
        data=str(data),
        data_folder=str(folder.resolve()),
        fingerprints=fingerprints,
        sizes=sizes,
        encoders=found,
        own={task.name: task for task in chosen if task.custom},
    )


def _keep_gold(store: RunStore, task: Task, folder: Path, *, fingerprint: str) -> dict[str, int]:
    """Keep the gold labels of all splits unless they are there; examples per split."""
    if not all(store.has_gold(task.name, fingerprint, split) for split in task.splits):
        for split, examples in read_task(task, folder).items():
            store.put_gold(
                task.name,
                fingerprint,
                split,
                ids=[example.id for example in examples],
                units=[example.unit for example in examples],
                gold=[example.label for example in examples],
            )
    return {split: len(store.gold(task.name, fingerprint, split).gold) for split in task.splits}


def live_encoder(name: str, spec: str, path: Path) -> EncoderSource:
    """An encoder as its directory tells it."""
    architecture = read_architecture(path)
    return EncoderSource(
        name=name,
        spec=spec,
        path=str(path.resolve()),
        fingerprint=checkpoint_fingerprint(path),
        architecture=architecture.to_dict(),
        description=(
            f"{architecture.title}, {architecture.n_layers} layers, width {architecture.width}, "
            f"{architecture.n_parameters / 1e6:.3g} M parameters"
            + (", one segment id" if architecture.n_segments == 1 else "")
            + (", by transformers' own module" if architecture.config else "")
        ),
        pretraining=_pretraining_record(path),
    )


def _pretraining_record(path: Path) -> dict[str, Any] | None:
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
    """Display name -> checkpoint directory; what is to be pretrained is, last, when all else has been found. What the
    time of the command was too short for is left out.
    """
    wanted = wanted_encoders(specs, folder=folder, plan=plan)
    found = {name: given_folder(name, spec) for name, spec in specs.items() if name not in wanted}
    if wanted:
        from .encoders import pretrained_encoders

        found |= pretrained_encoders(wanted, workers=workers, progress=progress, deadline=deadline)
    return found


def wanted_encoders(specs: Mapping[str, str], *, folder: Path, plan: PretrainingPlan) -> dict[str, EncoderRequest]:
    """Display name -> what is to be pretrained, of those given as pretrain:OBJECTIVE."""
    own = {name: spec for name, spec in specs.items() if spec.startswith(PRETRAIN)}
    # Data without a corpus of its own (BLURB's) takes mini-BLURB's.
    corpus = folder if not own or (folder / "corpus.jsonl").is_file() else data_folder(MINI)
    return {name: _wanted(name, spec, corpus / "corpus.jsonl", plan) for name, spec in own.items()}


def _wanted(name: str, spec: str, corpus: Path, plan: PretrainingPlan) -> EncoderRequest:
    from ...pretraining import get_objective
    from ...pretraining.encoder_cache import EncoderRequest
    from ...tasks.mini_blurb.general_text import general_corpus

    asked = read_pretrain_spec(name, spec)
    own = str(general_corpus()) if asked.corpus == "general" else asked.corpus
    return EncoderRequest(
        objective=get_objective(asked.objective).name,
        corpus=(own,) if own else plan.corpus or (str(corpus),),
        config=asked.config or plan.config,
        tokens=plan.tokens if asked.tokens is None else asked.tokens,
        precision=plan.precision,
        seed=asked.seed,
        device=plan.device,
    )


def given_folder(name: str, spec: str) -> Path:
    """The checkpoint directory of an encoder given by path or Hub id."""
    given = Path(spec).expanduser()
    if given.is_dir():
        return checkpoint_folder(given)
    if not _HUB_ID.fullmatch(spec):
        raise ParameterError(
            f"encoder {name!r}: {spec} is no folder; name a checkpoint directory, a Hub id such as org/name, "
            f"or {PRETRAIN}bert"
        )
    return checkpoint_folder(spec)
