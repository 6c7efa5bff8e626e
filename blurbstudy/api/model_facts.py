"""Metadata of a model: its run, the seeds of its configuration, scores with confidence intervals, data, encoder."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..config import JsonMapping, JsonObject
from ..metrics.confusions import MAX_CLASSES, MAX_LISTED
from ..stats.classes.class_report import class_report_of_run
from ..stats.references import GoldReference, is_unscored
from ..stats.seeds.consistency import MIN_RUNS, agreement
from ..stats.seeds.selection import out_of_bag_score
from ..stats.status import UNDERTRAINED_RATIO, Judgement, RunStatus, judge_run
from ..stats.summary import CellSummary, summarize
from ..store.caveats import stored_caveats
from ..store.run_store import RunStore
from ..tables.seeds import agreement_line
from ..tasks import SPLITS
from ..training.run_record import RunRecord
from .caveats import caveats_of_runs

PRETRAIN = "pretrain:"  # prefix of encoders that the study pretrains itself
MINI = "mini"  # `--data` of the synthetic datasets
_VERSIONS = ("blurbstudy", "python", "torch", "transformers", "tokenizers")
_GENERIC_NAMES = ("model", "encoder", "checkpoint", "final", "best")  # folder names that do not identify a model
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True, kw_only=True)
class BestOnDev:
    """The run that was selected by dev, and what its dev score is worth."""

    record: RunRecord
    candidates: int  # runs among which it was selected
    out_of_bag: float | None  # estimate of its score on other examples like dev's, a fraction
    reason: str = ""  # why there is no estimate

    def to_dict(self) -> JsonObject:
        """JSON values; scores are fractions."""
        return {
            "seed": self.record.config.seed,
            "candidates": self.candidates,
            "dev": self.record.scores["dev"],
            "dev_out_of_bag": self.out_of_bag,
            "dev_out_of_bag_reason": self.reason,
        }


def best_by_dev(records: Sequence[RunRecord], reference: GoldReference) -> RunRecord | None:
    """The run with the highest dev score that did not fail, the first one of equals. If all runs failed: the best of
    those with a score; None without any. If dev was joined to train: the first run that did not fail.

    A run that is not shown to be better than trivial has not failed: dev may be too small to show it.
    """
    candidates = _candidates(records, reference)
    return max(candidates, key=lambda record: record.scores["dev"] or 0.0) if candidates else None


def select_by_dev(records: Sequence[RunRecord], reference: GoldReference) -> BestOnDev | None:
    """`best_by_dev`, with its dev score corrected for the selection."""
    best = best_by_dev(records, reference)
    if best is None:
        return None
    candidates = _candidates(records, reference)
    if best.config.recipe.train_on_dev:
        return BestOnDev(record=best, candidates=len(candidates), out_of_bag=None, reason="dev was trained on")
    estimate, reason = out_of_bag_score([record.predictions["dev"] for record in candidates], reference)
    return BestOnDev(record=best, candidates=len(candidates), out_of_bag=estimate, reason=reason)


def _candidates(records: Sequence[RunRecord], reference: GoldReference) -> list[RunRecord]:
    scored = [record for record in records if record.status == "finished" and not _is_empty(record)]
    return [record for record in scored if not judge_run(record, reference).status.failed] or scored


def dev_choices(record: RunRecord) -> JsonObject:
    """What dev decided within a run, where the recipe lets it: the threshold, and when it stopped."""
    values: JsonObject = {} if record.threshold is None else {"threshold": record.threshold}
    if record.planned_steps is not None:
        values |= {"stopped_at_step": record.stopped_at_step, "planned_steps": record.planned_steps}
    return values


def run_facts(
    store: RunStore,
    record: RunRecord,
    seeds: Sequence[RunRecord],
    reference: GoldReference,
    *,
    encoder: JsonMapping,
    data: str,
    repeated: JsonMapping | None = None,
) -> JsonObject:
    """The `run` entry of blurbstudy.json and of the model card: JSON values without paths of this machine.

    Args:
        seeds: the runs with the same configuration, including this one.
        encoder: as recorded in the store (`encoder_metadata`).
        data: mini, or a folder, as named by the user.
        repeated: scores and difference of weights from a second training that did not reproduce the run.
    """
    splits = [split for split in ("dev", "test") if not is_unscored(record, split)]
    references = {record.config.task: reference}
    judgements = [judge_run(seed, reference) for seed in seeds]
    best = select_by_dev(seeds, reference)
    caveats = stored_caveats(store, record.config)
    pretrained = str(encoder.get("spec", "")).startswith(PRETRAIN)
    return {
        "id": record.id,
        "seed": record.config.seed,
        "chosen": _selection(record, seeds, reference),
        "selection": None if best is None or best.record.id != record.id else best.to_dict(),
        "encoder": {
            "name": _display_name(record.config.encoder_name),
            "hub": _hub_id(str(encoder.get("spec", ""))),
            "fingerprint": record.config.encoder_fingerprint,
            "generated": pretrained,
        },
        "data": {
            "fingerprint": record.config.data_fingerprint,
            "examples": {split: len(reference.gold[split].gold) for split in SPLITS if split in reference.gold},
        },
        "generated": data == MINI,
        "recipe": record.config.recipe.to_dict(),
        "precision": record.config.precision,
        "metric": reference.task.metric,
        "scored_on": {split: reference.task.scored_on(split) for split in splits},
        "scores": dict(record.scores),
        "selected_step": record.selected_step,
        **dev_choices(record),
        "summary": {
            split: {
                "model": summary_values(summarize([record], references, split=split)),
                "seeds": summary_values(summarize(seeds, references, split=split)),
            }
            for split in splits
        },
        "caveats": None
        if caveats is None
        else {
            "model": [caveat.to_dict() for caveat in caveats_of_runs(caveats, [record], reference)],
            "seeds": [caveat.to_dict() for caveat in caveats_of_runs(caveats, seeds, reference)],
        },
        "by_class": _by_class(record, reference, split=splits[-1]) if splits else None,
        "statuses": status_counts(Counter(judgement.status for judgement in judgements)),
        "agreement": _agreement(seeds, reference, split=splits[-1]) if splits else "",
        "undertrained": (judge_run(record, reference).loss_ratio or 0.0) > UNDERTRAINED_RATIO,
        "all_failed": all(judgement.status.failed for judgement in judgements),
        "seeds": [
            {
                "seed": seed.config.seed,
                "dev": seed.scores["dev"],
                "test": seed.scores["test"],
                **judgement_values(judgement),
                "id": seed.id,
            }
            for seed, judgement in zip(seeds, judgements, strict=True)
        ],
        "versions": _versions(record),
    } | ({"again": dict(repeated)} if repeated else {})


def _by_class(record: RunRecord, reference: GoldReference, *, split: str) -> JsonObject:
    """The scores of the run by class; of many classes, only the most frequent confusions."""
    report = class_report_of_run(record, reference, split=split)
    values: JsonObject = {"split": split} | report.to_dict()
    if len(report.classes) > MAX_CLASSES:
        wrong = [entry for entry in values["confusions"] if entry[0] != entry[1]]
        values["confusions"] = wrong[:MAX_LISTED]
    return values


def judgement_values(judgement: Judgement) -> JsonObject:
    """A judgement as JSON values."""
    return {
        "status": judgement.status.value,
        "status_reason": judgement.reason,
        "loss_ratio": judgement.loss_ratio,
    }


def summary_values(summary: CellSummary) -> JsonObject:
    """A summary as JSON values, by the names of CellSummary; scores are fractions. Intervals are of
    `noncollapsed_mean`.
    """
    return {
        "n": summary.n,
        "n_scored": summary.n_scored,
        "mean": summary.mean,
        "sd": summary.sd,
        "worst": summary.worst,
        "best": summary.best,
        "trivial": summary.trivial,
        "mention_list": summary.mention_list,
        "runs": summary.runs,
        "collapsed": summary.collapsed,
        "collapse_interval": summary.collapse_interval,
        "failed": summary.failed,
        "failed_rate": summary.failed_rate,
        "shown": summary.statuses.get(RunStatus.SHOWN, 0),
        "statuses": status_counts(summary.statuses),
        "n_noncollapsed": summary.n_noncollapsed,
        "noncollapsed_mean": summary.noncollapsed_mean,
        "noncollapsed_sd": summary.noncollapsed_sd,
        "interval_over_seeds": summary.seed_interval,
        "interval_over_seeds_by": summary.seed_method,
        "interval_over_examples": summary.example_interval,
        "interval_over_examples_by": summary.example_method,
        "mixture_interval": summary.mixture_interval,
    }


def status_counts(statuses: Mapping[RunStatus, int]) -> dict[str, int]:
    """Runs by status, the three kinds of collapse together, in the order in which they are decided."""
    counts = {"collapsed": sum(n for status, n in statuses.items() if status.collapsed)}
    return counts | {status.value: statuses.get(status, 0) for status in RunStatus if not status.collapsed}


def encoder_metadata(store: RunStore, fingerprint: str) -> JsonObject:
    """What a store records of an encoder (name, spec and more); {} if nothing."""
    facts = store.all_metadata("encoders").values()
    return next((fact for fact in facts if fact.get("fingerprint") == fingerprint), {})


def data_given(store: RunStore, fingerprint: str) -> str:
    """How the user named the data of a fingerprint (mini, or a folder); "" if the store has no record."""
    facts = store.all_metadata("data").values()
    return next((str(fact.get("data", "")) for fact in facts if fact.get("fingerprint") == fingerprint), "")


def _selection(record: RunRecord, seeds: Sequence[RunRecord], reference: GoldReference) -> str:
    """Why this run was exported."""
    if record.config.recipe.train_on_dev:
        return "the first that did not fail (dev was joined to train, so it could not select a run)"
    best = best_by_dev(seeds, reference)
    if best is None or best.id != record.id:
        return "exported by its id; another seed may have a better dev score"
    if judge_run(record, reference).status.failed:
        return "the best dev score, but all runs failed"
    return "the best dev score among the runs that did not fail" if len(seeds) > 1 else "the only run"


def _agreement(seeds: Sequence[RunRecord], reference: GoldReference, *, split: str) -> str:
    """How far the seeds agree, in one line; "" below three runs."""
    return agreement_line(agreement(seeds, reference, split=split)) if len(seeds) >= MIN_RUNS else ""


def _display_name(name: str) -> str:
    """An encoder's name for people: of a path the last part, or the last two if that is a generic name."""
    parts = Path(name).parts
    return "/".join(parts[-2:] if parts and parts[-1].lower() in _GENERIC_NAMES else parts[-1:]) or "encoder"


def _versions(record: RunRecord) -> dict[str, str]:
    """Versions of the software, and the device."""
    recorded = record.environment.get("versions") or {}
    versions = {name: str(recorded[name]) for name in _VERSIONS if recorded.get(name)}
    return versions | {name: str(record.environment[name]) for name in ("device",) if record.environment.get(name)}


def _is_empty(record: RunRecord) -> bool:
    return is_unscored(record, "test" if record.config.recipe.train_on_dev else "dev")


def _hub_id(spec: str) -> str:
    """The spec if it is an id on the Hub; "" if it is a local folder."""
    return spec if _HUB_ID.fullmatch(spec) and not Path(spec).exists() else ""
