"""Names of entities in running text: their own, longer ones, or new ones.

A pattern has slots such as {drug} or {gene2}, which a Scene fills with entities of a world. Text around a slot is not
part of the mention: `{drug}-treated` is tagged up to the hyphen, while the name `pro-{name}` includes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from .language import Sentence, realize
from .phrases import PHRASES
from .world import CONSONANTS, DISEASE_FAMILIES, FIELDS, GENE_FAMILIES, SIDE_EFFECTS, SYLLABLES, Entity, World

# kind -> probability of a longer name, and the longer names. The probabilities follow the real datasets.
Names = Mapping[str, tuple[float, tuple[str, ...]]]
DRUG_NAMES = (0.15, tuple(PHRASES["names"]["drug"]))
DISEASE_NAMES = (0.5, tuple(PHRASES["names"]["disease"]))
GENE_NAMES = (0.5, tuple(PHRASES["names"]["gene"]))
CELL_NAMES = (0.4, tuple(PHRASES["names"]["cells"]))

_EFFECTS = tuple(Entity("effect", "", (name,)) for name in SIDE_EFFECTS)
_CELLS = tuple(Entity("cells", "", (cells,), organ) for organ, _, cells, _ in FIELDS)
# So that capitals in brackets are not always a disease.
_OTHER_CAPITALS = ("SD", "CI", "BMI", "CT", "ECG", "MRI")


def long_name(rng: Random, entity: Entity, names: Names) -> Entity:
    """The entity under one of its names in running text, with the same kind and family."""
    share, patterns = names.get(entity.kind, (0, ()))
    if rng.random() >= share:
        return entity
    organ, adjective, *_ = next((field for field in FIELDS if field[0] == entity.field), FIELDS[0])
    family = GENE_FAMILIES.get(entity.family, "")
    slots = {"organ": organ, "adjective": adjective, "family": family, "number": rng.randint(2, 9)}
    return replace(entity, forms=(rng.choice(patterns).format(name=entity.name, **slots),))


def abbreviation(disease: Entity) -> Entity:
    """The disease under its initials: of its two syllables and its suffix."""
    stem = disease.name.removesuffix(disease.family)
    return replace(disease, forms=((stem[0] + stem[len(stem) // 2] + disease.family[0] + disease.family[-1]).upper(),))


class Scene:
    """The entities of one sentence, without repetitions and under long names.

    With probability `rare` an entity is new to world and corpus. New names are formed like the world's, so form and
    context show their kind.

    Slots of a pattern are a kind and optionally a number: {drug} {drug2} {gene} {disease} {effect} {cells} {line}
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
        self._used: list[Entity] = []

    def realize(self, pattern: str, **entities: Entity) -> Sentence:
        """The pattern with every slot filled, from `entities` where given."""
        slots: dict[str, Entity | str | int] = dict(entities)
        if "{initials}" in pattern:
            disease = self._new("disease")
            slots |= {"disease": long_name(self.rng, disease, self.names), "initials": abbreviation(disease)}
        for slot in re.findall(r"\{(\w+)\}", pattern):
            if slot not in slots:
                slots[slot] = self._draw(slot.rstrip("0123456789"))
        return realize(self.rng, pattern, **slots)

    def name_in_text(self, entity: Entity) -> Entity:
        """The entity, or a new one of its kind and family, under one of its names."""
        return long_name(self.rng, self._rare_or(entity), self.names)

    def _draw(self, kind: str) -> Entity | str | int:
        if kind in self._pools:
            return long_name(self.rng, self._new(kind), self.names)
        return _OTHER_SLOTS[kind](self)

    def _new(self, kind: str) -> Entity:
        entity = self.rng.choice([entity for entity in self._pools[kind] if entity not in self._used])
        self._used.append(entity)
        return self._rare_or(entity)

    def _rare_or(self, entity: Entity) -> Entity:
        if entity.kind not in _NEW_NAMES or self.rng.random() >= self.rare:
            return entity
        return replace(entity, forms=(_NEW_NAMES[entity.kind](self.rng, self.world, entity.family),))


def code_name(rng: Random, world: World, family: str = "") -> str:
    """A name with the form of gene names, for a new gene, cell line or strain; only context distinguishes them."""
    taken = {gene.name for gene in world.genes}
    while True:
        name = "".join(rng.sample(CONSONANTS, 3)) + (family or rng.choice(list(GENE_FAMILIES))) + str(rng.randint(1, 9))
        if name not in taken:
            return name


def coined_name(rng: Random, world: World, suffix: str) -> str:
    """A new name of a drug or disease with the suffix."""
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
