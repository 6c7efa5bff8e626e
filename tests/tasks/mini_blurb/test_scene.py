"""Names in running text: the mention reaches as far as the name; code names look like genes and are none."""

from __future__ import annotations

import re
from random import Random

from blurbstudy.tasks.mini_blurb.entities import BC5, GENES, MOLECULES, NCBI
from blurbstudy.tasks.mini_blurb.scene import GENE_NAMES, Scene, abbreviation, code_name, long_name
from blurbstudy.tasks.mini_blurb.world import make_world

WORLD = make_world(Random(0))


def test_long_names_hold_the_own_name_and_keep_kind_and_family():
    rng = Random(0)
    named = [long_name(rng, gene, {"gene": GENE_NAMES}) for gene in WORLD.genes for _ in range(5)]
    for entity, gene in zip(named, [gene for gene in WORLD.genes for _ in range(5)], strict=True):
        assert gene.name in entity.name and (entity.kind, entity.family) == ("gene", gene.family)
    assert 0.4 < sum(" " in entity.name or "-" in entity.name for entity in named) / len(named) < 0.6


def test_kinds_without_long_names_keep_their_own():
    assert long_name(Random(0), WORLD.drugs[0], {"gene": (1.0, ("{name} gene",))}) is WORLD.drugs[0]


def test_abbreviations_are_four_capitals_of_the_name():
    for disease in WORLD.diseases:
        short = abbreviation(disease)
        assert re.fullmatch("[A-Z]{4}", short.name) and short.kind == "disease"
        assert re.search(".*".join(short.name.lower()), disease.name)


def test_code_names_have_the_shape_of_genes_but_are_none():
    rng = Random(0)
    codes = {code_name(rng, WORLD) for _ in range(500)}
    assert all(re.fullmatch("[A-Z]{3}[KLRHE][1-9]", code) for code in codes)
    assert not codes & {gene.name for gene in WORLD.genes}


def test_new_names_are_made_as_those_of_the_world():
    rng = Random(0)
    known = {entity.name for entity in (*WORLD.drugs, *WORLD.genes, *WORLD.diseases)}
    for entity in (*WORLD.drugs, *WORLD.genes, *WORLD.diseases):
        new = Scene(rng, WORLD, names={}, rare=1.0).name_in_text(entity)
        assert (new.kind, new.family, new.field) == (entity.kind, entity.family, entity.field)
        assert new.name not in known
        assert new.name[3] == entity.family if entity.kind == "gene" else new.name.endswith(entity.family)


def test_a_scene_fills_every_slot_and_names_nothing_twice():
    rng = Random(0)
    for source in (BC5, NCBI, GENES, MOLECULES):
        for pattern in source.patterns:
            sentence = Scene(rng, WORLD, names={}).realize(f"{pattern}.")
            assert not re.search(r"[{}]|\ba [aeiou]", sentence.text)
            slots = re.findall(r"\{(?!organ|adjective|specialty|capitals|code|n\}|weeks)(\w+)", pattern)
            assert len(sentence.mentions) == len(slots)
            assert len({mention.entity.name for mention in sentence.mentions}) == len(set(slots))
            for mention in sentence.mentions:
                assert sentence.text[mention.start : mention.end].lower() == mention.entity.name.lower()
