"""The caveats of a task's scores in a store, for whoever has no texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ..config import RunConfig
from ..tasks.caveats import CAVEATS_REVISION, Caveat, caveat_from_dict
from .run_store import RunStore

CAVEATS = "caveats"  # kind of metadata


def put_caveats(store: RunStore, config: RunConfig, caveats: Sequence[Caveat]) -> None:
    """Keep the caveats of a run's task, encoder and length limit."""
    store.put_metadata(CAVEATS, _key(config), {"caveats": [dataclasses.asdict(caveat) for caveat in caveats]})


def stored_caveats(store: RunStore, config: RunConfig) -> tuple[Caveat, ...] | None:
    """The caveats kept for runs like this one; None if they were not looked for."""
    stored = store.metadata(CAVEATS, _key(config))
    return None if stored is None else tuple(map(caveat_from_dict, stored["caveats"]))


def _key(config: RunConfig) -> str:
    recipe = config.recipe
    identity = config.task, config.data_fingerprint, config.encoder_fingerprint, recipe.max_length, recipe.train_on_dev
    return " ".join(map(str, (*identity, CAVEATS_REVISION)))
