"""Sentences about the invented world: several phrasings of every fact, with the spans of entities."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from .phrases import PHRASES
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


FORMS = {
    kind: Forms(**{name: tuple(forms) for name, forms in entry.items()}) for kind, entry in PHRASES["facts"].items()
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
