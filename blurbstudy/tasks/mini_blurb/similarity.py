"""BIOSSES in the invented world: pairs of sentences, graded 0 to 4 by how much of a fact they share.

4: the same fact in other words. 3: the same, with an addition in one sentence. 2: the same kind of fact about another
object, or its denial. 1: one entity in common. 0: nothing in common, not even the field.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from .language import Sentence, clauses, setting, state_fact, state_two_facts
from .world import Fact, World, stratified_values

SIZES = {"train": 64, "dev": 150, "test": 300}
GRADES = {0: 0.15, 1: 0.2, 2: 0.2, 3: 0.25, 4: 0.2}  # shares; the real scores lean to the upper half too
COLUMNS = ("pair_id", "sent1", "sent2", "score")

_OPENINGS = ("", "it was shown that ", "recent studies suggest that ", "the authors report that ", "we found that ")
_ERRORS = (-1, 0, 0, 0, 1)  # of one annotator


def make_pairs(rng: Random, world: World) -> dict[str, list[tuple[str, str, str, str]]]:
    """Split -> rows of COLUMNS; the score is the mean of five annotators."""
    numbers = list(range(1, sum(SIZES.values()) + 1))
    rng.shuffle(numbers)
    return {
        split: [_pair(rng, world, grade, str(numbers.pop())) for grade in stratified_values(rng, GRADES, n)]
        for split, n in SIZES.items()
    }


def _pair(rng: Random, world: World, grade: int, name: str) -> tuple[str, str, str, str]:
    pair = [sentence.text for sentence in _sentences(rng, world, grade)]
    rng.shuffle(pair)
    votes = [min(4, max(0, grade + rng.choice(_ERRORS))) for _ in range(5)]
    return name, pair[0], pair[1], f"{sum(votes) / 5:.1f}"


def _sentences(rng: Random, world: World, grade: int) -> tuple[Sentence, Sentence]:
    fact = rng.choice(world.facts)
    first_clause, second_clause = rng.sample(clauses(fact), 2)
    first = _state(rng, fact, fact.subject.field, clause=first_clause)
    if grade == 4:
        return first, _state(rng, fact, fact.subject.field, clause=second_clause)
    if grade == 3:
        more = rng.choice([other for other in world.about[fact.subject] if other != fact])
        return first, state_two_facts(rng, fact, more, before=rng.choice(_OPENINGS), clause=second_clause)
    other = _related(rng, world, fact, grade)
    return first, _state(rng, other, fact.subject.field if grade else other.subject.field)


def _state(rng: Random, fact: Fact, organ: str, *, clause: str = "") -> Sentence:
    return state_fact(rng, fact, before=rng.choice(_OPENINGS), after=setting(rng, fact, organ), clause=clause)


def _related(rng: Random, world: World, fact: Fact, grade: int) -> Fact:
    same_subject = [f for f in world.about[fact.subject] if f != fact]
    if grade == 2:
        alike = [f for f in same_subject if f.kind == fact.kind and f.subject == fact.subject]
        return rng.choice([replace(fact, holds=not fact.holds), *alike])
    if grade == 1:
        unlike = [f for f in same_subject if f.kind != fact.kind and fact.object not in (f.subject, f.object)]
        return rng.choice(unlike)
    named = {fact.subject, fact.object}
    strangers = [f for f in world.facts if f.kind != fact.kind and not named & {f.subject, f.object}]
    return rng.choice([f for f in strangers if f.subject.field != fact.subject.field])
