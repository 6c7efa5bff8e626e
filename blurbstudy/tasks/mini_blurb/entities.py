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
from .naming import CELL_NAMES, DISEASE_NAMES, DRUG_NAMES, GENE_NAMES, Names, Scene
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


BC5 = Source(
    facts=("treats", "treats", "causes", "causes", "avoid", "raises", "substrate", "associated"),
    stated=0.5,
    closings=("", "", " in {n} patients", " at a {specialty} clinic", " among {adjective} patients"),
    patterns=(
        "We report {effect} in a {weeks}-year-old patient who took {drug} for {disease}",
        "{drug}-induced {effect} resolved after {weeks} weeks",
        "{drug} and {drug2} were given to {n} patients at a {specialty} clinic",
        "The {drug} {drug2} combination was stopped after {weeks} weeks because of {effect}",
        "{disease} ({initials}) was diagnosed in {n} of the {drug}-treated patients",
        "Plasma {drug} was measured {n} times by two laboratories ({capitals})",
        "{effect} and {effect2} were the most frequent complaints in {n} patients",
        "Rats received {n} mg/kg of {drug} daily",
        "Patients with {disease} {disease2} overlap were excluded after {weeks} weeks",
        "There were no cases of severe {disease} among {n} controls",
        "The diagnosis was confirmed by biopsy of the {organ} in {n} patients",
        "Apoptosis in the {adjective} stroma was seen in {n} biopsies",
        "{gene} levels were not related to the dose of {drug} in {n} patients",
        "The prognosis of the {n} patients at the {specialty} clinic was good",
        "A single dose of oral {drug} ({n} mg) was given on day {weeks}",
        "Anti-{drug} antibodies were found in {n} patients with {disease}",
        "Nine of {n} {initials} patients ({disease}) had {effect}",
        "Follow-up at the {specialty} clinic lasted {weeks} weeks in {n} cases",
    ),
    names={"drug": DRUG_NAMES, "disease": DISEASE_NAMES},
)
NCBI = Source(
    facts=("associated", "associated", "associated", "treats", "promotes", "expressed"),
    stated=0.5,
    closings=("", "", " in {n} families", " in {adjective} tissue", " in {code} cells"),
    patterns=(
        "Mutations in {gene} were found in {n} families with {disease}",
        "{disease} ({initials}) is a rare condition of the {organ} with onset at {weeks} years",
        "Carriers of {gene} variants do not develop {disease} before {weeks} years of age",
        "The gene for {disease} maps near {gene} in {n} families",
        "{disease} and {disease2} are allelic in {n} families",
        "The diagnosis of {disease} rests on biopsy of the {organ}",
        "Families with {disease} {disease2} overlap were typed at {n} loci",
        "In {disease} ({initials}), {n} {initials} patients carried a {gene} mutation",
        "{n} unrelated {disease} patients were screened for {gene} variants",
        "Sequencing of {gene} showed {n} variants of unknown meaning",
        "The stroma of the {organ} was stained for {gene} in {n} cases",
        "The prognosis depended on age at diagnosis and on {gene} in {n} patients",
        "A family history of {disease} raised the risk of {disease2} {n}-fold",
        "{disease} is the most frequent {generic} of the {organ}",
        "Haplotypes of {n} controls were typed by two laboratories ({capitals})",
        "Apoptosis was normal in {n} {code} cells",
    ),
    names={"disease": (0.6, DISEASE_NAMES[1])},
)
GENES = Source(
    facts=(
        "inhibits",
        "activates",
        "agonist",
        "antagonist",
        "substrate",
        "associated",
        "associated",
        "expressed",
        "promotes",
        "promotes",
        "causes",
    ),
    stated=0.5,
    closings=("", "", " in {code} cells", " in {cells}", " in cultured {cells}", " in {adjective} samples"),
    patterns=(
        "Transfection of {gene} into {code} cells raised {gene2} levels {n}-fold",
        "The {gene} {gene2} complex was isolated from {n} {code} cells",
        "{gene}-deficient mice lived for {weeks} weeks",
        "Binding of {gene} to {gene2} requires {n} residues",
        "{gene}, {gene2} and {gene3} were amplified in {n} cycles",
        "Expression of {gene} was measured in the {organ} of {n} mice",
        "{code} cells were kept in medium for {weeks} days",
        "{drug} was dissolved in water and given to {n} mice for {weeks} days",
        "{gene} mutants grew {n} times slower than strain {code}",
        "Strain {code} was grown overnight in {n} ml of medium",
        "We cloned {gene} from strain {code} in {weeks} days",
        "Antibodies against {gene} ({n} ng) stained the stroma of the {organ}",
        "{gene}/{gene2} double mutants did not survive week {weeks}",
        "Patients with {disease} were followed for {weeks} weeks ({capitals})",
        "Phosphorylation of {gene} at residue {n} was lost in {code} cells",
        "Line {code} was treated with {drug} for {weeks} days",
        "The parent lines {code}, {code2} and {code3} were frozen for {weeks} days",
        "{code} and {code2} were the fastest growing of all {n} strains",
        "{gene} and {gene2} were the most abundant of all {n} transcripts",
        "Human line {code} and mouse line {code2} lack {gene} after {weeks} days",
        "Protein was isolated from {code} and {code2} after {weeks} days",
        "Protein levels of {gene} and {gene2} rose after {weeks} days",
    ),
    names={"gene": GENE_NAMES},
)
MOLECULES = Source(
    facts=("inhibits", "activates", "agonist", "associated", "expressed", "promotes", "promotes"),
    stated=0.35,
    closings=("", " in {cells}", " in {cells}", " in {line}", " in both {cells} and {line}"),
    patterns=(
        "Transfection of {gene} into {line} raised the level of {gene2} {n}-fold",
        "The {gene} {gene2} complex was isolated from {cells}",
        "Activation of {gene} by {gene2} in {cells} requires {n} residues",
        "{gene}, {gene2} and {gene3} were amplified from {n} ng of DNA",
        "{cells} and {cells2} express {gene} after {n} hours",
        "Stimulation of {cells} with {gene} led to binding of {gene2} to {gene3}",
        "We kept {line} in medium for {n} hours",
        "{gene} was found in {cells} but not in {cells2} or {line}",
        "In {line}, {gene} and {gene2} compete for {n} binding sites",
        "Neither {gene} nor {gene2} was induced by {drug} within {n} hours",
        "Antibodies against {gene} stained {cells} of {n} donors",
        "Patients with {disease} had fewer {cells} than {n} controls",
        "The results of {n} experiments were averaged ({capitals})",
        "A fusion of {gene} with {gene2} was expressed in {line} and in {cells}",
        "{code} and {code2} were the fastest growing of all {n} strains of mice",
        "{gene} and {gene2} were the most abundant of all {n} transcripts",
        "Mice of the strains {code}, {code2} and {code3} were bled {n} times",
    ),
    names={"gene": GENE_NAMES, "cells": CELL_NAMES},
)


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
