"""The rules of recommendations: from the profile of a task and an encoder to a value, reason and source per setting.

Numbers come from the paper's tables and study_runs.yaml; choices without a measurement have the source `judgement`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ...config import JsonObject, Recipe, recipe_from_dict
from ...tables.paper import paper_number
from ...training import total_steps
from .task_profile import KINDS, TaskProfile

SEEDS = "seeds"  # a decision that is not a field of Recipe
STUDY_RUNS_FILE = Path(__file__).with_name("study_runs.yaml")
SMALL_TRAIN, TINY_TRAIN, LARGE_TRAIN = 1000, 300, 20_000  # training examples
MIN_ZERO_SHOT = 0.7  # lower confidence bound of zero-shot Pearson's r from which a cosine head is recommended

GU, TINN, MOSBACH = "Gu et al. 2021", "Tinn et al. 2021", "Mosbach et al. 2021"
OUR_RUNS = "our runs (benchmarks/README.md)"
JUDGEMENT = "judgement"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The value of one setting."""

    field: str  # of Recipe, or SEEDS
    value: Any
    why: str
    source: str


def apply_rules(profile: TaskProfile) -> tuple[Decision, ...]:
    """The decisions for all settings that the recommendation does not leave at their defaults, and for the seeds."""
    decisions = [_head(profile)] if profile.kind not in ("ner", "pico") else []
    head = decisions[0].value if decisions else "token"
    decisions.append(_stabilizers(profile, head))
    decay = "layerwise_decay" in decisions[-1].value
    decisions += [_epochs(profile, head), _learning_rate(profile, head, decay=decay)]
    steps = total_steps(recipe_of([*decisions, _decide("batch_size", 16, "", "")]), profile.train)
    small_batches = f"the smaller of BLURB's 16 and 32, which gives more steps on few examples ({steps:,} here)"
    decisions += [
        _decide("batch_size", 16, small_batches, GU),
        _decide("warmup_ratio", 0.1, "linear over a tenth of the steps, then linear decay", f"{GU}, {MOSBACH}"),
        _bias_correction(),
        _max_length(profile),
    ]
    if profile.kind == "question":
        single, pair = (
            _paper("segment_ids", "BERT", f"{n} segment id{s}", "PubMedQA") for n, s in (("One", ""), ("Two", "s"))
        )
        scores = f"{pair}; one: {single}"
        why = f"two segment ids are better on BIOSSES and BioASQ, but not on PubMedQA ({scores}); try single too"
        decisions.append(_decide("segment_ids", "pair", why, f"{TINN}, section 3.1"))
    if profile.kind == "ner":
        why = "IO merges adjacent mentions, which limits an exact predictor to 98.2 (BC2GM) and 98.4 (JNLPBA)"
        decisions.append(_decide("tag_scheme", "bio", why, "counted in BLURB's files"))
    if profile.train < SMALL_TRAIN:
        why = "BLURB's number for its three small datasets, on which seeds differ most"
        return (*decisions, _decide(SEEDS, 10, why, GU))
    return (*decisions, _decide(SEEDS, 5, "BLURB's number for its larger datasets", GU))


def recipe_of(decisions: Iterable[Decision]) -> Recipe:
    """The recipe of the decisions, with defaults for all other fields."""
    return recipe_from_dict({decision.field: decision.value for decision in decisions if decision.field != SEEDS})


def _head(profile: TaskProfile) -> Decision:
    r = "" if profile.zero_shot is None else f"{profile.zero_shot.score:.2f}"
    if profile.kind == "similarity" and profile.sentence_tuned:
        why = (
            "the encoder was tuned to embed similar sentences close together (modules.json), which a pair in one "
            f"sequence does not use. On BIOSSES, all-MiniLM-L6 scores {_run('minilm-pair', 'test')} that way (seeds "
            f"from 21 to 72), {_run('minilm-plain', 'test')} by its zero-shot cosine, and "
            f"{_run('minilm-cosine-40', 'test')} with a cosine head. The zero-shot cosine of your encoder has r = {r} "
            "on train and dev"
        )
        source = f"{OUR_RUNS}, {_run('minilm-pair', 'seeds')} seeds per head; Reimers and Gurevych 2019"
        return _decide("head", "cosine", why, source)
    if profile.kind == "similarity" and profile.zero_shot and profile.zero_shot.interval[0] >= MIN_ZERO_SHOT:
        why = (
            f"the zero-shot cosine of the encoder has r = {r} on train and dev. A cosine head starts from there, a "
            "head over both texts starts from scratch"
        )
        source = f"measured on your train and dev; the threshold ({MIN_ZERO_SHOT} for the lower bound) is judgement"
        return _decide("head", "cosine", why, source)
    why = "the state of the first token through a dense layer, the paper's input and head for all tasks of this kind"
    return _decide("head", "pooler", why, GU)


def _stabilizers(profile: TaskProfile, head: str) -> Decision:
    freeze = {"freeze": {"layers": max(1, profile.layers // 2)}}
    unmeasured = f"there is no measurement for {KINDS[profile.kind]} with so few examples"
    if head == "cosine":
        why = "the top layers already give the similarities to preserve; no technique was measured with this head"
        return _decide("stabilizers", {}, why, JUDGEMENT)
    if profile.train >= SMALL_TRAIN:
        why = f"none is needed with {profile.train:,} training examples; the paper found its larger datasets stable"
        return _decide("stabilizers", {}, why, f"{TINN}, section 3.3")
    if profile.size == "SMALL":
        why = f"the paper tested 12 and 24 layers, not {profile.layers}; plain training changes the encoder less"
        return _decide("stabilizers", {}, why, JUDGEMENT)
    if profile.kind == "similarity" and profile.size == "BASE":
        why = (
            f"on BIOSSES (64 pairs), re-initializing the top layer takes BERT from "
            f"{_change4('BERT', 'Layer reinit', 'SS')}, ELECTRA from {_change4('ELECTRA', 'Layer reinit', 'SS')} (BERT "
            f"without NSP loses a little: {_change4('BERT (no NSP)', 'Layer reinit', 'SS')}); one layer is our reading"
        )
        return _decide("stabilizers", {"reinitialize": {"layers": 1}}, why, f"{TINN}, Table 4")
    if profile.kind == "similarity":
        decay = _paper("table5", "PubMedELECTRA-LARGE", "Layerwise decay", "SS")
        why = (
            "on BIOSSES (64 pairs), re-initializing the top layer takes PubMedBERT-LARGE from "
            f"{_change5('PubMedBERT-LARGE', 'Layer reinit', 'SS')}, PubMedELECTRA-LARGE from "
            f"{_change5('PubMedELECTRA-LARGE', 'Layer reinit', 'SS')} (decay: {decay}); one layer is our reading"
        )
        return _decide("stabilizers", {"reinitialize": {"layers": 1}}, why, f"{TINN}, Table 5")
    if profile.size == "BASE" and profile.family == "electra":
        freezing = _paper("table4", "ELECTRA", "Layer freeze", "QA")
        why = (
            f"on question answering, decay takes ELECTRA from {_change4('ELECTRA', 'Layerwise decay', 'QA')}, more "
            f"than freezing ({freezing}); the factor is that of ELECTRA's authors"
        )
        return _decide("stabilizers", {"layerwise_decay": {"factor": 0.8}}, why, f"{TINN}, Table 4; Clark et al. 2020")
    if profile.size == "BASE" and profile.kind == "question":
        why = (
            "on BLURB's question answering (450 and 670 examples), freezing takes BERT from "
            f"{_change4('BERT', 'Layer freeze', 'QA')}, BERT without NSP from "
            f"{_change4('BERT (no NSP)', 'Layer freeze', 'QA')}. The paper does not print the number of layers; half "
            "of them is our choice"
        )
        return _decide("stabilizers", freeze, why, f"{TINN}, Table 4")
    if profile.size == "BASE":
        why = (
            "carried over from question answering, where freezing takes BERT from "
            f"{_change4('BERT', 'Layer freeze', 'QA')}; {unmeasured}, so compare with a run without stabilizers"
        )
        source = f"{TINN}, Table 4, on another kind of task; half of the layers is judgement"
        return _decide("stabilizers", freeze, why, source)
    decay = {"layerwise_decay": {"factor": 0.9}}
    change = f"PubMedBERT-LARGE from {_change5('PubMedBERT-LARGE', 'Layerwise decay', 'QA')}"
    if profile.kind == "question":
        why = (
            f"on question answering, decay takes {change}, PubMedELECTRA-LARGE from "
            f"{_change5('PubMedELECTRA-LARGE', 'Layerwise decay', 'QA')}, the best technique for all four LARGE "
            "encoders; the factor is that of ELECTRA's authors"
        )
        return _decide("stabilizers", decay, why, f"{TINN}, Table 5; Clark et al. 2020")
    why = f"carried over from question answering, where decay takes {change}; {unmeasured}"
    return _decide("stabilizers", decay, why, f"{TINN}, Table 5, on another kind of task; Clark et al. 2020")


def _epochs(profile: TaskProfile, head: str) -> Decision:
    bert, electra = (
        f"{_paper('table3', 'Improved optimization', name)} to {_paper('table3', 'Standard epochs', name)} ({name})"
        for name in ("BERT", "ELECTRA")
    )
    drop = f"five epochs instead of up to 100 take BIOSSES (64 pairs) from {bert} and from {electra}"
    in_range = f"the range of {GU}; the value within it is judgement"
    if head == "cosine" and profile.train < TINY_TRAIN:
        long, short, none = ("minilm-cosine-40", "minilm-cosine", "minilm-plain")
        why = (
            f"on BIOSSES (64 pairs), 40 epochs at 5e-5 take all-MiniLM-L6 from {_run(none, 'test')} zero-shot to "
            f"{_run(long, 'test')}, 10 at 2e-5 to {_run(short, 'test')} (on dev {_run(none, 'dev')}, "
            f"{_run(long, 'dev')}, {_run(short, 'dev')})"
        )
        return _decide("epochs", 40, why, f"{OUR_RUNS}, {_run(long, 'seeds')} seeds each")
    if head == "cosine" and profile.train < SMALL_TRAIN:
        return _decide("epochs", 10, "the encoder should change only a little", JUDGEMENT)
    if head == "cosine":
        why = (
            "the encoder should change only a little; Sentence-BERT takes 1 epoch on 570,000 pairs, a few on the 5,700 "
            "of STS"
        )
        return _decide("epochs", 4, why, JUDGEMENT)
    if profile.train < TINY_TRAIN:
        why = f"an epoch has few steps: {drop}; Mosbach et al. take 20"
        return _decide("epochs", 40, why, f"{TINN}, Table 3 (up to 100); the value below that is judgement")
    if profile.train < SMALL_TRAIN:
        return _decide(
            "epochs", 20, f"few examples need many epochs: {drop}", f"{MOSBACH} (20 epochs); {TINN}, Table 3"
        )
    if profile.kind == "document":
        return _decide("epochs", 20, "within BLURB's 2 to 60; label sets are learned slowly at first", in_range)
    if profile.train >= LARGE_TRAIN:
        return _decide(
            "epochs", 5, f"within BLURB's 2 to 60; with {profile.train:,} examples an epoch is long", in_range
        )
    return _decide("epochs", 10, "within BLURB's 2 to 60", in_range)


def _learning_rate(profile: TaskProfile, head: str, *, decay: bool) -> Decision:
    if head == "cosine" and profile.size == "SMALL" and profile.train < TINY_TRAIN:
        why = (
            f"the better of two settings on BIOSSES: {_run('minilm-cosine-40', 'dev')} on dev with 40 epochs at 5e-5, "
            f"{_run('minilm-cosine', 'dev')} with 10 at 2e-5"
        )
        return _decide("learning_rate", 5e-5, why, f"{OUR_RUNS}, {_run('minilm-cosine-40', 'seeds')} seeds each")
    if head == "cosine":
        return _decide("learning_rate", 2e-5, "the rate of Sentence-BERT", "Reimers and Gurevych 2019")
    if decay and profile.family == "electra":
        rate, factor = (1e-4, 0.8) if profile.size == "BASE" else (5e-5, 0.9)
        why = f"the rate that goes with decay {factor}, which leaves a small part of it to the lower layers"
        return _decide("learning_rate", rate, why, "Clark et al. 2020")
    if profile.size == "SMALL":
        why = (
            f"small encoders take larger steps: at this rate all-MiniLM-L6 scores {_run('minilm-ner', 'test')} on "
            f"BC5-chem and {_run('minilm-gad', 'test')} on GAD, where {_run('minilm-gad', 'failed')} of "
            f"{_run('minilm-gad', 'runs')} runs failed; other rates were not compared"
        )
        return _decide("learning_rate", 1e-4, why, OUR_RUNS)
    stable = "with bias correction and long training, this rate was stable on GLUE's small tasks"
    if profile.size == "LARGE":
        return _decide("learning_rate", 2e-5, f"LARGE encoders diverge sooner; {stable}", f"{MOSBACH}, on general text")
    if profile.kind in ("ner", "pico"):
        why = "the upper end of BLURB's 1e-5, 3e-5, 5e-5: every word has a label, so a batch has many"
        return _decide("learning_rate", 5e-5, why, f"the range of {GU}; the value within it is judgement")
    if profile.train < SMALL_TRAIN:
        return _decide("learning_rate", 2e-5, f"small: {stable}", f"{MOSBACH}, on general text")
    return _decide("learning_rate", 3e-5, "the middle of BLURB's 1e-5, 3e-5, 5e-5", GU)


def _bias_correction() -> Decision:
    bert, single, electra = (
        f"{_paper('table3', 'Improved optimization', name)} to {_paper('table3', 'No bias correction', name)}"
        for name in ("BERT", "BERT (no NSP, single seq)", "ELECTRA")
    )
    why = f"without it, BIOSSES falls from {bert} (BERT) and from {single} (single sequences); ELECTRA: {electra}"
    return _decide("bias_correction", True, why, f"{TINN}, Table 3; {MOSBACH}")


def _max_length(profile: TaskProfile) -> Decision:
    if profile.kind in ("question", "document"):
        why = "whole abstracts; the audit counts longer texts"
        return _decide("max_length", min(512, profile.positions), why, JUDGEMENT)
    why = "few sentences are longer, and the audit counts them; longer tagged sentences are split, not truncated"
    return _decide("max_length", min(256, profile.positions), why, JUDGEMENT)


def _decide(field: str, value: object, why: str, source: str) -> Decision:
    return Decision(field=field, value=value, why=why, source=source)


def _paper(table: str, *keys: str) -> str:
    """A number of the paper's tables."""
    value = paper_number(table, *keys)
    if value is None:
        raise KeyError(f"the paper's tables have no {'/'.join((table, *keys))}")
    return f"{value:g}"


def _change4(encoder: str, technique: str, part: str) -> str:
    return f"{_paper('table4', encoder, 'Baseline', part)} to {_paper('table4', encoder, technique, part)}"


def _change5(encoder: str, technique: str, part: str) -> str:
    return f"{_paper('table5', encoder, 'Baseline', part)} to {_paper('table5', encoder, technique, part)}"


@cache
def study_runs() -> dict[str, JsonObject]:
    """The entries of study_runs.yaml by name."""
    return yaml.safe_load(STUDY_RUNS_FILE.read_text(encoding="utf-8"))


def _run(name: str, column: str) -> str:
    return f"{study_runs()[name][column]:g}"
