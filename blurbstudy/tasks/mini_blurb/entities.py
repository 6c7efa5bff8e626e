"""The five NER datasets: BC5CDR (chemicals, and diseases in the same sentences), NCBI-disease, BC2GM and JNLPBA.

Train has only some of the world's drugs, genes, diseases and phrasings; dev and test have all, and many names occur
once. Their types follow from their form, their context or the corpus.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from random import Random

from ..blurb import BC2GM, BC5_CHEM, BC5_DISEASE, JNLPBA, NCBI_DISEASE
from ..task import Task
from .language import FORMS, Sentence, draw_unused, phrased, train_subset
from .phrases import PHRASES
from .scene import CELL_NAMES, DISEASE_NAMES, DRUG_NAMES, GENE_NAMES, Names, Scene
from .tagging import KEEP_PUNCTUATION, SPLIT_PUNCTUATION, document_start, lengths, tagged
from .world import World

BC5_SIZES = {"train": 300, "dev": 150, "test": 250}  # sentences
NCBI_SIZES = {"train": 360, "dev": 80, "test": 150}
BC2GM_SIZES = {"train": 600, "dev": 120, "test": 240}
JNLPBA_SIZES = {"train": 105, "dev": 15, "test": 33}  # documents
JNLPBA_LENGTHS = (5, 6, 7)  # sentences of a document
JNLPBA_GENES = 6  # genes of the world per document
NOVEL_NAME_PROB = 0.4  # probability of a new name of a drug, gene or disease, in all splits

_FIRST_UI = 94_000_001
_SIDE_BY_SIDE = re.compile(r"\{(\w+)\} \{\1\d\}")  # such as "{drug} {drug2}"
_OPENINGS = ("", "", "we found that ", "our data show that ", "in this study, ", "these results suggest that ")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Sources of sentences: facts of the world by kind, and patterns without facts."""

    facts: tuple[str, ...]  # kinds; a repeated kind is stated more often
    stated: float  # fraction of sentences that state a fact
    closings: tuple[str, ...]  # of sentences with a fact
    patterns: tuple[str, ...]  # of other sentences
    names: Names
    unknown: frozenset[str] = frozenset()  # phrasings that are not used


def _source(dataset: str, names: Names) -> Source:
    values = PHRASES[dataset]
    facts, closings, patterns = (tuple(values[key]) for key in ("facts", "closings", "patterns"))
    return Source(facts=facts, stated=values["stated"], closings=closings, patterns=patterns, names=names)


BC5 = _source("BC5CDR", {"drug": DRUG_NAMES, "disease": DISEASE_NAMES})
NCBI = _source("NCBI-disease", {"disease": (0.6, DISEASE_NAMES[1])})
GENES = _source("BC2GM", {"gene": GENE_NAMES})
MOLECULES = _source("JNLPBA", {"gene": GENE_NAMES, "cells": CELL_NAMES})


def known_in_train(rng: Random, world: World, source: Source) -> tuple[World, Source]:
    """The subset of world and source for train."""
    groups = (world.drugs, world.genes, world.diseases)
    known = [tuple(train_subset(rng, group)) for group in groups]
    # Keep some phrasings of each list, so no kind of fact is lost.
    lists = [forms for kind in dict.fromkeys(source.facts) for forms in (FORMS[kind].asserts, FORMS[kind].denies)]
    unknown = frozenset(form for forms in lists for form in set(forms).difference(train_subset(rng, forms)))
    narrow = _restricted(world, {entity for group in known for entity in group}, *known)
    # Adjacent mentions are rare, so train keeps their patterns.
    adjacent = [pattern for pattern in source.patterns if _SIDE_BY_SIDE.search(pattern)]
    patterns = adjacent + train_subset(rng, [pattern for pattern in source.patterns if pattern not in adjacent])
    return narrow, replace(source, patterns=tuple(patterns), unknown=unknown)


def make_bc5cdr(rng: Random, world: World, in_corpus: frozenset[str]) -> dict[Task, dict[str, list[str]]]:
    """Lines of BC5CDR-chem and BC5CDR-disease by split; side effects count as diseases, as in BC5CDR."""
    tasks = {BC5_CHEM: ("drug",), BC5_DISEASE: ("disease", "effect")}
    sentences = _draw_splits(rng, world, BC5, BC5_SIZES, set(in_corpus))
    return {task: _lines(sentences, kinds) for task, kinds in tasks.items()}


def make_ncbi_disease(rng: Random, world: World, in_corpus: frozenset[str]) -> dict[Task, dict[str, list[str]]]:
    """Lines of NCBI-disease by split."""
    return {NCBI_DISEASE: _lines(_draw_splits(rng, world, NCBI, NCBI_SIZES, set(in_corpus)), ("disease",))}


def make_bc2gm(rng: Random, world: World, in_corpus: frozenset[str]) -> dict[Task, dict[str, list[str]]]:
    """Lines of BC2GM by split."""
    return {BC2GM: _lines(_draw_splits(rng, world, GENES, BC2GM_SIZES, set(in_corpus)), ("gene",))}


def make_jnlpba(rng: Random, world: World, in_corpus: frozenset[str]) -> dict[Task, dict[str, list[str]]]:
    """Lines of JNLPBA by split: genes and their products, cells and cell lines under one tag."""
    used, known = set(in_corpus), known_in_train(rng, world, MOLECULES)
    splits: dict[str, list[str]] = {}
    name = iter(range(_FIRST_UI, _FIRST_UI + sum(JNLPBA_SIZES.values())))
    for split, n in JNLPBA_SIZES.items():
        splits[split] = []
        for length in lengths(rng, JNLPBA_LENGTHS, n):
            visible, source = known if split == "train" else (world, MOLECULES)
            topic = _topic(rng, visible)
            splits[split] += document_start(str(next(name)))
            for _ in range(length):
                sentence = draw_unused(lambda topic=topic, source=source: _sentence(rng, topic, source), used)
                splits[split] += tagged(sentence, ("gene", "cells", "line"), word_pattern=KEEP_PUNCTUATION)
    return {JNLPBA: splits}


def _topic(rng: Random, world: World) -> World:
    """The world restricted to a few genes."""
    genes = tuple(rng.sample(world.genes, JNLPBA_GENES))
    return _restricted(world, {*world.drugs, *world.diseases, *genes}, world.drugs, genes, world.diseases)


def _restricted(world: World, known: set, drugs: tuple, genes: tuple, diseases: tuple) -> World:
    def is_known(entity) -> bool:
        return entity in known or entity.kind not in ("drug", "gene", "disease")

    facts = tuple(fact for fact in world.facts if is_known(fact.subject) and is_known(fact.object))
    return replace(world, drugs=drugs, genes=genes, diseases=diseases, facts=facts)


def _draw_splits(
    rng: Random, world: World, source: Source, sizes: dict[str, int], used: set[str]
) -> dict[str, list[Sentence]]:
    both = world, source
    known = {"train": known_in_train(rng, world, source), "dev": both, "test": both}
    return {
        split: [draw_unused(lambda split=split: _sentence(rng, *known[split]), used) for _ in range(n)]
        for split, n in sizes.items()
    }


def _lines(sentences: dict[str, list[Sentence]], kinds: tuple[str, ...]) -> dict[str, list[str]]:
    return {
        split: [
            line for sentence in split_sentences for line in tagged(sentence, kinds, word_pattern=SPLIT_PUNCTUATION)
        ]
        for split, split_sentences in sentences.items()
    }


def _sentence(rng: Random, world: World, source: Source) -> Sentence:
    scene = Scene(rng, world, names=source.names, rare=NOVEL_NAME_PROB)
    kind = rng.choice(source.facts)
    facts = [fact for fact in world.facts if fact.kind == kind]
    if not facts or rng.random() >= source.stated:
        return scene.realize(rng.choice(source.patterns) + ".")
    fact = rng.choice(facts)
    subject, thing = (scene.name_in_text(entity) for entity in (fact.subject, fact.object))
    closing = "" if fact.kind == "expressed" else rng.choice(source.closings)  # it already names an organ
    return scene.realize(
        f"{rng.choice(_OPENINGS)}{phrased(rng, fact, unknown=source.unknown)}{closing}.", s=subject, o=thing
    )
