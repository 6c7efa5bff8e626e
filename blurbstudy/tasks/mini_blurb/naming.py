"""How running text names entities: alone, in longer names of which some words belong to the mention, or newly made.

A pattern has slots such as {drug} or {gene2}; a Scene puts the entities of a world into them. What stands around a
slot is no part of the mention, so `{drug}-treated` is tagged up to the hyphen and `pro-{name}` through it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from .language import Sentence, say
from .world import CONSONANTS, DISEASE_FAMILIES, FIELDS, GENE_FAMILIES, SIDE_EFFECTS, SYLLABLES, Entity, World

# kind -> share of the longer names, and the longer names: {name} alone is the entity's own. The shares of names of
# several words are those of the real datasets.
Names = Mapping[str, tuple[float, tuple[str, ...]]]
DRUG_NAMES = (0.15, ("{name} hydrochloride", "{name} sodium", "hydroxy-{name}", "pro-{name}", "{name} sulfate"))
DISEASE_NAMES = (
    0.5,
    (
        "acute {name}", "chronic {name}", "{adjective} {name}", "early-onset {name}", "{name} of the {organ}",
        "hereditary {name}", "type 2 {name}", "recurrent {adjective} {name}",
    ),
)  # fmt: skip
GENE_NAMES = (
    0.5,
    (
        "human {name}", "{name} gene", "{name} {family}", "{name} protein", "mouse {name} {family}", "{name} promoter",
        "{name} mRNA", "{name}-{number}", "{name} alpha", "soluble {name}",
    ),
)  # fmt: skip
CELL_NAMES = (0.4, ("human {name}", "primary {name}", "{adjective} {name}"))

_EFFECTS = tuple(Entity("effect", "", (name,)) for name in SIDE_EFFECTS)
_CELLS = tuple(Entity("cells", "", (cells,), organ) for organ, _, cells, _ in FIELDS)
# Capitals in brackets are not always a disease.
_OTHER_CAPITALS = ("SD", "CI", "BMI", "CT", "ECG", "MRI")


def long_name(rng: Random, entity: Entity, names: Names) -> Entity:
    """The entity under one of its names in running text; its kind and family stay."""
    share, patterns = names.get(entity.kind, (0, ()))
    if rng.random() >= share:
        return entity
    organ, adjective, *_ = next((field for field in FIELDS if field[0] == entity.field), FIELDS[0])
    family = GENE_FAMILIES.get(entity.family, "")
    slots = {"organ": organ, "adjective": adjective, "family": family, "number": rng.randint(2, 9)}
    return replace(entity, forms=(rng.choice(patterns).format(name=entity.name, **slots),))


def abbreviation(disease: Entity) -> Entity:
    """The disease by its initials: of its two syllables and its suffix."""
    stem = disease.name.removesuffix(disease.family)
    return replace(disease, forms=((stem[0] + stem[len(stem) // 2] + disease.family[0] + disease.family[-1]).upper(),))


class Scene:
    """What one sentence speaks of: entities of a world, none of them twice, under long names.

    Some of them, as many as `rare` says, are new to the world and to the corpus: made as its own names are, so that
    their kind can be told from their form and their place in the sentence.

    Slots of a pattern are a kind and at times a number: {drug} {drug2} {gene} {disease} {effect} {cells} {line}
    {generic} {initials} {organ} {adjective} {specialty} {capitals} {code} {n} {weeks}.
    """

    def __init__(self, rng: Random, world: World, *, names: Names, rare: float = 0.0) -> None:
        self.rng, self.world, self.names, self.rare = rng, world, names, rare
        self.field = rng.choice(FIELDS)
        self._pools = {
            "drug": world.drugs,
            "gene": world.genes,
            "disease": world.diseases,
            "effect": _EFFECTS,
            "cells": _CELLS,
        }
        self._said: list[Entity] = []

    def say(self, pattern: str, **given: Entity) -> Sentence:
        """The pattern with every slot filled; `given` entities are taken as they are."""
        slots: dict[str, Entity | str | int] = dict(given)
        if "{initials}" in pattern:
            disease = self._new("disease")
            slots |= {"disease": long_name(self.rng, disease, self.names), "initials": abbreviation(disease)}
        for slot in re.findall(r"\{(\w+)\}", pattern):
            if slot not in slots:
                slots[slot] = self._draw(slot.rstrip("0123456789"))
        return say(self.rng, pattern, **slots)

    def named(self, entity: Entity) -> Entity:
        """The entity, or at times a new one of its kind and family, under one of its names."""
        return long_name(self.rng, self._rare_or(entity), self.names)

    def _draw(self, kind: str) -> Entity | str | int:
        if kind in self._pools:
            return long_name(self.rng, self._new(kind), self.names)
        return _OTHER_SLOTS[kind](self)

    def _new(self, kind: str) -> Entity:
        entity = self.rng.choice([entity for entity in self._pools[kind] if entity not in self._said])
        self._said.append(entity)
        return self._rare_or(entity)

    def _rare_or(self, entity: Entity) -> Entity:
        if entity.kind not in _NEW_NAMES or self.rng.random() >= self.rare:
            return entity
        return replace(entity, forms=(_NEW_NAMES[entity.kind](self.rng, self.world, entity.family),))


def code_name(rng: Random, world: World, family: str = "") -> str:
    """A name of the shape that genes have: of a new gene, or of a cell line or strain, which only context tells."""
    taken = {gene.name for gene in world.genes}
    while True:
        name = "".join(rng.sample(CONSONANTS, 3)) + (family or rng.choice(list(GENE_FAMILIES))) + str(rng.randint(1, 9))
        if name not in taken:
            return name


def coined_name(rng: Random, world: World, suffix: str) -> str:
    """A new name of a drug or disease with that suffix."""
    taken = {entity.name for entity in (*world.drugs, *world.diseases)}
    while True:
        name = "".join(rng.sample(SYLLABLES, 2)) + suffix
        if name not in taken:
            return name


_NEW_NAMES = {"drug": coined_name, "disease": coined_name, "gene": code_name}


def _cell_line(scene: Scene) -> Entity:
    return Entity("line", "", (f"{code_name(scene.rng, scene.world)} {scene.rng.choice(('cells', 'cell line'))}",))


_OTHER_SLOTS: dict[str, Callable[[Scene], Entity | str | int]] = {
    "line": _cell_line,
    "generic": lambda scene: Entity("disease", "", (scene.rng.choice(DISEASE_FAMILIES)[1],)),
    "organ": lambda scene: scene.field[0],
    "adjective": lambda scene: scene.field[1],
    "specialty": lambda scene: scene.field[3],
    "code": lambda scene: code_name(scene.rng, scene.world),
    "capitals": lambda scene: scene.rng.choice(_OTHER_CAPITALS),
    "n": lambda scene: scene.rng.randint(2, 400),
    "weeks": lambda scene: scene.rng.randint(2, 60),
}
