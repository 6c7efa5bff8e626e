"""The rules of recommendations: from the profile of a task and an encoder to a value, reason and source per setting.

Numbers come from the paper's tables and study_runs.yaml; choices without a measurement have the source `judgement`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from ...config import Recipe, recipe_from_dict
from ...training.schedule import steps_per_epoch, total_steps
from .decision import (
    GU,
    JUDGEMENT,
    MOSBACH,
    OUR_RUNS,
    SEEDS,
    SMALL_TRAIN,
    STABLE_TRAIN,
    TINN,
    Decision,
    decide,
    interpolate,
    measured,
    printed,
    smallness,
)
from .task_profile import TaskProfile
from .techniques import stabilizers

MIN_STEPS = 500  # optimizer steps of a recipe, at least
BATCH_SIZE = 16
# Training examples and epochs; interpolated on logarithmic scales, so one more example never changes a recipe much.
EPOCHS = ((100, 40), (500, 20), (3000, 10), (30_000, 5))
DOCUMENT_EPOCHS = ((100, 40), (500, 20))
COSINE_EPOCHS = ((64, 40), (640, 10), (6000, 4))
MIN_ZERO_SHOT = 0.7  # lower confidence bound of zero-shot Pearson's r from which a cosine head is recommended


def apply_rules(profile: TaskProfile) -> tuple[Decision, ...]:
    """The decisions for all settings that the recommendation does not leave at their defaults, and for the seeds."""
    decisions = [_head(profile)] if profile.kind not in ("ner", "pico") else []
    head = decisions[0].value if decisions else "token"
    if profile.kind == "similarity" and head != "cosine":
        why = (
            "outputs then start at the mean score of train. From 0, where the paper's protocol starts, it can take 60 "
            "steps to arrive there"
        )
        decisions.append(decide("center_scores", True, why, JUDGEMENT))
    decisions += [stabilizers(profile, head), _epochs(profile, head), _learning_rate(profile, head)]
    steps = total_steps(recipe_of([*decisions, decide("batch_size", BATCH_SIZE, "", "")]), profile.train)
    small_batches = f"the smaller of BLURB's 16 and 32, which gives more steps on few examples ({steps:,} here)"
    decisions += [
        decide("batch_size", BATCH_SIZE, small_batches, GU),
        decide("warmup_ratio", 0.1, "linear over a tenth of the steps, then linear decay", f"{GU}, {MOSBACH}"),
        _bias_correction(),
        _max_length(profile),
    ]
    if profile.kind == "question":
        single, pair = (
            printed("segment_ids", "BERT", f"{n} segment id{s}", "PubMedQA") for n, s in (("One", ""), ("Two", "s"))
        )
        scores = f"{pair}; one: {single}"
        why = f"two segment ids are better on BIOSSES and BioASQ, but not on PubMedQA ({scores}); try single too"
        decisions.append(decide("segment_ids", "pair", why, f"{TINN}, section 3.1"))
    if profile.kind == "ner":
        why = "IO merges adjacent mentions, which limits an exact predictor to 98.2 (BC2GM) and 98.4 (JNLPBA)"
        decisions.append(decide("tag_scheme", "bio", why, "counted in BLURB's files"))
    seeds = round(5 + 5 * smallness(profile.train))
    why = "BLURB's numbers: 10 for its three small datasets, on which seeds differ most, 5 for larger ones"
    return (*decisions, decide(SEEDS, seeds, why, GU))


def recipe_of(decisions: Iterable[Decision]) -> Recipe:
    """The recipe of the decisions, with defaults for all other fields."""
    return recipe_from_dict({decision.field: decision.value for decision in decisions if decision.field != SEEDS})


def _head(profile: TaskProfile) -> Decision:
    r = "" if profile.zero_shot is None else f"{profile.zero_shot.score:.2f}"
    if profile.kind == "similarity" and profile.sentence_tuned:
        pair, plain, tuned = (measured(run, "test") for run in ("minilm-pair", "minilm-plain", "minilm-cosine-40"))
        why = (
            "the encoder was tuned to embed similar sentences close together (modules.json), which a pair in one "
            f"sequence does not use. On BIOSSES, all-MiniLM-L6 scores {pair} that way (seeds from 21 to 72), {plain} "
            f"by its zero-shot cosine, and {tuned} with a cosine head. The zero-shot cosine of your encoder has r = "
            f"{r} on train and dev"
        )
        source = f"{OUR_RUNS}, {measured('minilm-pair', 'seeds')} seeds per head; Reimers and Gurevych 2019"
        return decide("head", "cosine", why, source)
    if profile.kind == "similarity" and profile.zero_shot and profile.zero_shot.interval[0] >= MIN_ZERO_SHOT:
        why = (
            f"the zero-shot cosine of the encoder has r = {r} on train and dev. A cosine head starts from there, a "
            "head over both texts starts from scratch"
        )
        source = f"measured on your train and dev; the threshold ({MIN_ZERO_SHOT} for the lower bound) is judgement"
        return decide("head", "cosine", why, source)
    why = "the state of the first token through a dense layer, the paper's input and head for all tasks of this kind"
    return decide("head", "pooler", why, GU)


def _epochs(profile: TaskProfile, head: str) -> Decision:
    points = COSINE_EPOCHS if head == "cosine" else DOCUMENT_EPOCHS if profile.kind == "document" else EPOCHS
    wanted = interpolate(profile.train, points) * profile.train / BATCH_SIZE
    epochs = max(MIN_STEPS, wanted) / steps_per_epoch(profile.train, BATCH_SIZE)
    epochs = math.ceil(epochs) if epochs >= 50 else math.ceil(10 * epochs) / 10
    if wanted < MIN_STEPS:
        return decide("epochs", epochs, f"at least {MIN_STEPS} steps: {_few_steps(head)}", JUDGEMENT)
    if head == "cosine":
        why = (
            "the encoder should change only a little; Sentence-BERT takes 1 epoch on 570,000 pairs, a few on the 5,700 "
            "of STS"
        )
        return decide("epochs", epochs, why, JUDGEMENT)
    learned = "; label sets are learned slowly at first" if profile.kind == "document" else ""
    why = f"within BLURB's 2 to 60, the more the fewer examples{learned}"
    return decide("epochs", epochs, why, f"the range of {GU}; the value within it is judgement")


def _few_steps(head: str) -> str:
    """Why few steps are too few."""
    if head == "cosine":
        names = {"no training": "minilm-plain", "40 steps": "minilm-cosine", "160": "minilm-cosine-40"}
        tests = ", ".join(f"{measured(run, 'test')} after {steps}" for steps, run in names.items())
        devs = ", ".join(measured(run, "dev") for run in names.values())
        return f"on BIOSSES (64 pairs) all-MiniLM-L6 scores {tests} (on dev {devs}); more were not tried"
    bert, electra = (
        f"{printed('table3', 'Improved optimization', name)} to {printed('table3', 'Standard epochs', name)} ({name})"
        for name in ("BERT", "ELECTRA")
    )
    return (
        f"five epochs instead of up to 100, 20 steps, take BIOSSES (64 pairs) from {bert} and from {electra}; Mosbach "
        "et al. take 20 epochs, 3,100 steps on RTE. If finetune warns of a loss ratio above 0.5, take more"
    )


def _learning_rate(profile: TaskProfile, head: str) -> Decision:
    if head == "cosine" and profile.size == "SMALL":
        why = (
            "the rate of Sentence-BERT, but more on few pairs: on BIOSSES, 40 epochs at 5e-5 score "
            f"{measured('minilm-cosine-40', 'dev')} on dev, 10 at 2e-5 {measured('minilm-cosine', 'dev')}"
        )
        source = f"Reimers and Gurevych 2019; {OUR_RUNS}, {measured('minilm-cosine-40', 'seeds')} seeds each"
        return decide("learning_rate", _rate(interpolate(profile.train, ((64, 5e-5), (640, 2e-5)))), why, source)
    if head == "cosine":
        return decide("learning_rate", 2e-5, "the rate of Sentence-BERT", "Reimers and Gurevych 2019")
    if profile.size == "SMALL":
        why = (
            f"small encoders take larger steps: at this rate all-MiniLM-L6 scores {measured('minilm-ner', 'test')} on "
            f"BC5-chem and {measured('minilm-gad', 'test')} on GAD, and {measured('minilm-gad', 'collapsed')} of "
            f"{measured('minilm-gad', 'runs')} runs collapsed; other rates were not compared"
        )
        return decide("learning_rate", 1e-4, why, OUR_RUNS)
    if profile.family == "electra" and "layerwise_decay" in stabilizers(profile, head).value:
        rate, factor, base = (1e-4, 0.8, 3e-5) if profile.size == "BASE" else (5e-5, 0.9, 2e-5)
        base = 5e-5 if profile.size == "BASE" and profile.kind in ("ner", "pico") else base
        why = f"{rate:g} goes with decay {factor}, which leaves a small part of it to the lower layers"
        return decide("learning_rate", _between(profile, rate, base), why, "Clark et al. 2020")
    stable = "with bias correction and long training, 2e-5 was stable on GLUE's small tasks"
    if profile.size == "LARGE":
        return decide("learning_rate", 2e-5, f"LARGE encoders diverge sooner; {stable}", f"{MOSBACH}, on general text")
    if profile.kind in ("ner", "pico"):
        why = "the upper end of BLURB's 1e-5, 3e-5, 5e-5: every word has a label, so a batch has many"
        return decide("learning_rate", 5e-5, why, f"the range of {GU}; the value within it is judgement")
    why = f"the middle of BLURB's 1e-5, 3e-5, 5e-5, less on few examples: {stable}"
    return decide("learning_rate", _between(profile, 2e-5, 3e-5), why, f"{GU}; {MOSBACH}, on general text")


def _between(profile: TaskProfile, small: float, large: float) -> float:
    """A rate between that for small datasets and that for large ones."""
    return _rate(interpolate(profile.train, ((SMALL_TRAIN, small), (STABLE_TRAIN, large))))


def _rate(value: float) -> float:
    return float(f"{value:.1e}")


def _bias_correction() -> Decision:
    bert, single, electra = (
        f"{printed('table3', 'Improved optimization', name)} to {printed('table3', 'No bias correction', name)}"
        for name in ("BERT", "BERT (no NSP, single seq)", "ELECTRA")
    )
    why = f"without it, BIOSSES falls from {bert} (BERT) and from {single} (single sequences); ELECTRA: {electra}"
    return decide("bias_correction", True, why, f"{TINN}, Table 3; {MOSBACH}")


def _max_length(profile: TaskProfile) -> Decision:
    if profile.kind in ("question", "document"):
        why = "whole abstracts; the audit counts longer texts"
        return decide("max_length", min(512, profile.positions), why, JUDGEMENT)
    why = "few sentences are longer, and the audit counts them; longer tagged sentences are split, not truncated"
    return decide("max_length", min(256, profile.positions), why, JUDGEMENT)
