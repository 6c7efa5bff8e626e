"""What is told of a model beside its weights: the run, its seeds, scores with both intervals, data, encoder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from ..stats.collapse import Reference, failure, is_unscored
from ..stats.summary import CellSummary, summarize
from ..store.run_store import RunStore
from ..tasks import SPLITS
from ..training.run_record import RunRecord

PRETRAIN = "pretrain:"  # begins the spec of an encoder that the study pretrains itself
MINI = "mini"  # generated data, as `--data` names it
_VERSIONS = ("blurbstudy", "python", "torch", "transformers", "tokenizers")
_SAYS_NOTHING = ("model", "encoder", "checkpoint", "final", "best")  # of a folder: what lies in it
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def best_by_dev(records: Sequence[RunRecord], reference: Reference) -> RunRecord | None:
    """The run with the highest dev score among those that did not fail, the first of equals; among all that have a
    score where all failed, and None where none has. Where dev joined train: the first that did not fail.
    """
    scored = [record for record in records if record.status == "finished" and not _is_empty(record)]
    good = [record for record in scored if failure(record, reference) is None]
    candidates = good or scored
    return max(candidates, key=lambda record: record.scores["dev"] or 0.0) if candidates else None


def run_facts(
    store: RunStore,
    record: RunRecord,
    seeds: Sequence[RunRecord],
    reference: Reference,
    *,
    encoder: Mapping[str, Any],
    data: str,
    again: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Plain values for blurbstudy.json and the card. No path of this machine is among them.

    Args:
        seeds: the runs of the same configuration, this one among them.
        encoder: what the store knows of it (`encoder_fact`).
        data: as it was given: mini, or a folder.
        again: scores of the weights and their difference, where they are not exactly the run's.
    """
    splits = [split for split in ("dev", "test") if not is_unscored(record, split)]
    references = {record.config.task: reference}
    pretrained = str(encoder.get("spec", "")).startswith(PRETRAIN)
    return {
        "id": record.id,
        "seed": record.config.seed,
        "chosen": _reason(record, seeds, reference),
        "encoder": {
            "name": _name(record.config.encoder_name),
            "hub": _hub_id(str(encoder.get("spec", ""))),
            "fingerprint": record.config.encoder,
            "generated": pretrained,
        },
        "data": {
            "fingerprint": record.config.data,
            "examples": {split: len(reference.gold[split].gold) for split in SPLITS if split in reference.gold},
        },
        "generated": data == MINI,
        "recipe": record.config.recipe.to_dict(),
        "precision": record.config.precision,
        "metric": reference.task.metric,
        "scores": dict(record.scores),
        "selected_step": record.selected_step,
        "summary": {
            split: {
                "model": summary_values(summarize([record], references, split=split)),
                "seeds": summary_values(summarize(seeds, references, split=split)),
            }
            for split in splits
        },
        "seeds": [
            {
                "seed": one.config.seed,
                "dev": one.scores["dev"],
                "test": one.scores["test"],
                "failed": failure(one, reference),
                "id": one.id,
            }
            for one in seeds
        ],
        "versions": _versions(record),
    } | ({"again": dict(again)} if again else {})


def summary_values(summary: CellSummary) -> dict[str, Any]:
    """A cell's numbers as fractions, with both intervals."""
    return {
        "n": summary.n,
        "scored": summary.n_scored,
        "mean": summary.mean,
        "sd": summary.sd,
        "worst": summary.worst,
        "failed": summary.failed,
        "failed_rate": summary.failed_rate,
        "trivial": summary.trivial,
        "interval_over_seeds": summary.possible_seed_interval,
        "interval_over_examples": summary.example_interval,
        "interval_over_examples_by": summary.example_method,
        "seeds_by": summary.seed_method,
    }


def encoder_fact(store: RunStore, fingerprint: str) -> dict[str, Any]:
    """What a store knows of an encoder: name, spec and more; {} where it knows nothing."""
    facts = store.facts("encoders").values()
    return next((fact for fact in facts if fact.get("fingerprint") == fingerprint), {})


def data_given(store: RunStore, fingerprint: str) -> str:
    """How the data of a fingerprint were given (mini, or a folder); '' where the store does not know."""
    facts = store.facts("data").values()
    return next((str(fact.get("data", "")) for fact in facts if fact.get("fingerprint") == fingerprint), "")


def _reason(record: RunRecord, seeds: Sequence[RunRecord], reference: Reference) -> str:
    """Why it is this one."""
    if record.config.recipe.join_dev:
        return "the first that did not fail (dev joined train, so none could be chosen by it)"
    best = best_by_dev(seeds, reference)
    if best is None or best.id != record.id:
        return "asked for by its id; another seed may be better by dev"
    if failure(record, reference) is not None:
        return "the best by dev, but all of them failed"
    return "the best by dev of those that did not fail" if len(seeds) > 1 else "the only one"


def _name(given: str) -> str:
    """An encoder's name for people, of a path its last part, or two where that one says nothing."""
    parts = PurePath(given).parts
    return "/".join(parts[-2:] if parts and parts[-1].lower() in _SAYS_NOTHING else parts[-1:]) or "encoder"


def _versions(record: RunRecord) -> dict[str, str]:
    """What computed it, and where."""
    told = record.circumstances.get("versions") or {}
    found = {name: str(told[name]) for name in _VERSIONS if told.get(name)}
    return found | {name: str(record.circumstances[name]) for name in ("device",) if record.circumstances.get(name)}


def _is_empty(record: RunRecord) -> bool:
    return is_unscored(record, "test" if record.config.recipe.join_dev else "dev")


def _hub_id(spec: str) -> str:
    """An id on the Hub; '' for a folder of this machine."""
    from pathlib import Path

    return spec if _HUB_ID.fullmatch(spec) and not Path(spec).exists() else ""
