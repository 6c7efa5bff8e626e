"""Sentences about the invented world: several phrasings of every fact, with the spans of entities."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from .world import FIELDS, Entity, Fact

TRAIN_FRACTION = 0.6  # fraction of names, phrasings and patterns that train splits of tagged datasets use
_TRIES = 10_000  # attempts at a new sentence


@dataclass(frozen=True)
class Mention:
    """An entity in a sentence: text[start:end]."""

    start: int
    end: int
    entity: Entity


@dataclass(frozen=True)
class Sentence:
    """One sentence and its mentions, in order."""

    text: str
    mentions: tuple[Mention, ...]


@dataclass(frozen=True)
class Forms:
    """Clauses that assert and deny a kind of fact, and questions that ask it. {s} is the subject, {o} the object."""

    asserts: tuple[str, ...]
    denies: tuple[str, ...]
    asks: tuple[str, ...]


_NO_INTERACTION = (
    "{s} and {o} did not interact",
    "no interaction between {s} and {o} was seen",
    "{s} can safely be combined with {o}",
)
FORMS = {
    "inhibits": Forms(
        (
            "{s} inhibits {o}",
            "{o} is inhibited by {s}",
            "{s} reduced the activity of {o}",
            "cells treated with {s} showed lower {o} activity",
            "{s} is an inhibitor of {o}",
            "{o} signaling was suppressed by {s}",
        ),
        ("{s} does not inhibit {o}", "{s} had no effect on {o}", "{o} activity was unchanged by {s}"),
        ("Does {s} inhibit {o}?", "Is {o} inhibited by {s}?", "Is {s} an inhibitor of {o}?"),
    ),
    "activates": Forms(
        (
            "{s} activates {o}",
            "{o} is activated by {s}",
            "{s} increased the activity of {o}",
            "cells treated with {s} showed higher {o} activity",
            "{s} is an activator of {o}",
        ),
        ("{s} does not activate {o}", "{s} had no effect on {o}", "{o} activity was unchanged by {s}"),
        ("Does {s} activate {o}?", "Is {o} activated by {s}?"),
    ),
    "agonist": Forms(
        (
            "{s} is an agonist of {o}",
            "{s} binds and stimulates {o}",
            "{o} is stimulated by {s}",
            "{s} acts as an agonist at {o}",
        ),
        ("{s} does not stimulate {o}", "{s} does not bind {o}", "{o} did not respond to {s}"),
        ("Is {s} an agonist of {o}?", "Does {s} stimulate {o}?"),
    ),
    "antagonist": Forms(
        (
            "{s} is an antagonist of {o}",
            "{s} binds and blocks {o}",
            "{o} is blocked by {s}",
            "{s} acts as an antagonist at {o}",
        ),
        ("{s} does not block {o}", "{s} does not bind {o}", "{o} was not affected by {s}"),
        ("Is {s} an antagonist of {o}?", "Does {s} block {o}?"),
    ),
    "substrate": Forms(
        (
            "{s} is a substrate of {o}",
            "{s} is metabolized by {o}",
            "{o} metabolizes {s}",
            "clearance of {s} depends on {o}",
        ),
        ("{s} is not metabolized by {o}", "clearance of {s} does not depend on {o}", "{s} is not a substrate of {o}"),
        ("Is {s} metabolized by {o}?", "Is {s} a substrate of {o}?"),
    ),
    "associated": Forms(
        (
            "{s} is associated with {o}",
            "variants of {s} raise the risk of {o}",
            "{o} is driven by {s}",
            "{s} was overexpressed in patients with {o}",
            "mutations in {s} were frequent in {o}",
            "{s} plays a role in {o}",
        ),
        (
            "{s} is not associated with {o}",
            "variants of {s} did not raise the risk of {o}",
            "no link between {s} and {o} was found",
            "{s} levels were normal in patients with {o}",
        ),
        ("Is {s} associated with {o}?", "Does {s} play a role in {o}?", "Do variants of {s} raise the risk of {o}?"),
    ),
    "expressed": Forms(
        (
            "{s} is expressed in the {o}",
            "the {o} expresses {s}",
            "high levels of {s} were found in the {o}",
            "{s} protein was detected in the {o}",
        ),
        ("{s} is not expressed in the {o}", "{s} protein was absent from the {o}", "the {o} does not express {s}"),
        ("Is {s} expressed in the {o}?", "Does the {o} express {s}?"),
    ),
    "promotes": Forms(
        (
            "{s} promotes {o}",
            "{o} was increased by {s}",
            "{s} contributes to {o}",
            "loss of {s} reduced {o}",
            "{o} requires {s}",
        ),
        ("{s} does not promote {o}", "loss of {s} did not change {o}", "{o} is independent of {s}"),
        ("Does {s} promote {o}?", "Is {s} required for {o}?"),
    ),
    "causes": Forms(
        (
            "{s} can cause {o}",
            "{s} was often followed by {o}",
            "patients who took {s} reported {o}",
            "a side effect of {s} is {o}",
        ),
        ("{s} does not cause {o}", "no {o} was seen with {s}", "{s} did not increase the risk of {o}"),
        ("Can {s} cause {o}?", "Does {s} have {o} as a side effect?"),
    ),
    "raises": Forms(
        (
            "{s} raises the plasma level of {o}",
            "plasma levels of {o} are increased by {s}",
            "{s} reduces the clearance of {o}",
        ),
        _NO_INTERACTION,
        ("Does {s} raise the plasma level of {o}?", "Does {s} interact with {o}?"),
    ),
    "adds": Forms(
        (
            "{s} enhances the effect of {o}",
            "the effect of {o} is stronger with {s}",
            "{s} and {o} have additive effects",
        ),
        _NO_INTERACTION,
        ("Does {s} enhance the effect of {o}?", "Does {s} interact with {o}?"),
    ),
    "avoid": Forms(
        (
            "{s} should not be combined with {o}",
            "use of {s} together with {o} should be avoided",
            "{o} must be stopped before {s} is given",
        ),
        _NO_INTERACTION,
        ("Should {s} be avoided with {o}?", "Does {s} interact with {o}?"),
    ),
    "interacts": Forms(
        ("{s} interacts with {o}", "an interaction between {s} and {o} was seen", "{s} and {o} are known to interact"),
        _NO_INTERACTION,
        ("Does {s} interact with {o}?", "Is there an interaction between {s} and {o}?"),
    ),
    "treats": Forms(
        (
            "{s} is effective in {o}",
            "{s} improves the course of {o}",
            "patients with {o} benefit from {s}",
            "{s} is used for the treatment of {o}",
            "{o} responds to {s}",
        ),
        (
            "{s} is not effective in {o}",
            "{s} does not improve the course of {o}",
            "patients with {o} do not benefit from {s}",
            "{o} does not respond to {s}",
        ),
        ("Is {s} effective in {o}?", "Is {s} used for the treatment of {o}?", "Do patients with {o} benefit from {s}?"),
    ),
}


def clauses(fact: Fact) -> tuple[str, ...]:
    """Every phrasing of a fact, as a clause without capital letter and full stop."""
    return FORMS[fact.kind].asserts if fact.holds else FORMS[fact.kind].denies


def realize(rng: Random, pattern: str, **slots: Entity | str | int) -> Sentence:
    """The pattern with its {slots} filled and a capital first letter."""
    text = ""
    mentions = []
    # With one group, re.split alternates literal text and slot names.
    for i, piece in enumerate(re.split(r"\{(\w+)\}", pattern)):
        value = slots[piece] if i % 2 else piece
        if isinstance(value, Entity):
            form = rng.choice(value.forms)
            mentions.append(Mention(len(text), len(text) + len(form), value))
            value = form
        text += str(value)
    return Sentence(text[:1].upper() + text[1:], tuple(mentions))


def state_fact(rng: Random, fact: Fact, *, before: str = "", after: str = "", clause: str = "") -> Sentence:
    """A sentence that states the fact between an opening and a closing, by default in a random phrasing."""
    clause = clause or rng.choice(clauses(fact))
    return realize(rng, f"{before}{clause}{after}.", s=fact.subject, o=fact.object)


def setting(rng: Random, fact: Fact, organ: str) -> str:
    """A closing for `state_fact` that names the setting in the organ's field; may be empty."""
    if fact.kind == "expressed" or rng.random() < 0.3:  # the first names an organ itself
        return ""
    _, adjective, cells, specialty = next(field for field in FIELDS if field[0] == organ)
    if fact.kind in ("treats", "causes", "raises", "adds", "avoid", "interacts"):
        return rng.choice((f" in the {specialty} ward", f" at a {specialty} clinic", f" among {adjective} patients"))
    return rng.choice((f" in {adjective} tissue", f" in {cells}", f" in cultured {cells}", f" in {adjective} samples"))


def state_two_facts(rng: Random, fact: Fact, other: Fact, *, before: str = "", clause: str = "") -> Sentence:
    """A sentence that states both facts, by default in random phrasings."""
    clause = clause or rng.choice(clauses(fact))
    addition = rng.choice(clauses(other)).format(s="{s2}", o="{o2}")
    slots = {"s": fact.subject, "o": fact.object, "s2": other.subject, "o2": other.object}
    return realize(rng, f"{before}{clause}, and {addition}.", **slots)


def question_about(rng: Random, fact: Fact) -> Sentence:
    """A question whose answer is whether the fact holds."""
    return realize(rng, rng.choice(FORMS[fact.kind].asks), s=fact.subject, o=fact.object)


def phrased(rng: Random, fact: Fact, *, unknown: frozenset[str] = frozenset()) -> str:
    """A random phrasing of the fact that is not in `unknown` (if all are, the first); later ones are rarer."""
    forms = [form for form in clauses(fact) if form not in unknown] or clauses(fact)[:1]
    return rng.choices(forms, [1 / (i + 1) for i in range(len(forms))])[0]


def train_subset(rng: Random, things: Sequence) -> list:
    """A random subset of TRAIN_FRACTION, in random order."""
    return rng.sample(things, round(TRAIN_FRACTION * len(things)))


def draw_unused(draw: Callable[[], Sentence], used: set[str]) -> Sentence:
    """A sentence from `draw` whose text is not in `used`, to which it is added."""
    for _ in range(_TRIES):
        sentence = draw()
        if sentence.text not in used:
            used.add(sentence.text)
            return sentence
    raise RuntimeError(f"{_TRIES} draws gave only used sentences; add patterns or draw fewer")
