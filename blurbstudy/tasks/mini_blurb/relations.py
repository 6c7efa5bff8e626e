"""ChemProt, DDI and GAD in the invented world: the relation of two masked entities of a sentence.

A pair's label is the fact between the two in the world, which its sentence states; pairs without a stated fact have
none in the world either. Other pairs and denied facts of the same sentences are the negatives, so the clause that
contains both masks matters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random

from ..blurb import CHEMPROT, DDI, GAD
from ..task import Task
from .language import Mention, Sentence, draw_unused, phrased, setting
from .phrases import PHRASES
from .scene import Scene
from .world import Entity, Fact, World, stratified_values

CHEMPROT_SIZES = {"train": 700, "dev": 200, "test": 300}  # pairs
DDI_SIZES = {"train": 800, "dev": 150, "test": 300}
GAD_SIZES = {"train": 500, "dev": 80, "test": 150}
GAD_LABELS = {"1": 0.525, "0": 0.475}  # fractions
DOCUMENT_LENGTHS = (2, 3, 4)  # sentences

_FIRST_PMID = 91_000_001
_OPENINGS = ("", "", "we found that ", "our data show that ", "in this study, ", "it is known that ")


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """How one dataset's sentences are built and its pairs named."""

    kinds: Sequence[str]  # two, of a pair's entities
    masks: Mapping[str, str]  # kind of entity -> what stands in its place
    labels: Mapping[str, str]  # kind of fact -> label
    negative: str  # label of all other pairs
    shares: Mapping[str, float]  # kind of fact -> how often it is stated
    denied: float  # share of denials
    frames: Sequence[str]  # of sentences: {a} and {b} are facts, other slots scene.Scene's


CHEMICAL_GENE = Scheme(**PHRASES["ChemProt"])
DRUG_DRUG = Scheme(**PHRASES["DDI"])
GENE_DISEASE = Scheme(**PHRASES["GAD"])


@dataclass(frozen=True)
class Pair:
    """Two mentions of a sentence, in text order, and their label."""

    mentions: tuple[Mention, Mention]
    label: str


def make_chemprot(rng: Random, world: World, in_corpus: frozenset[str]) -> dict[Task, dict[str, list[str]]]:
    """Lines of ChemProt by split: PMID.T1.T2, the sentence, the label."""
    splits: dict[str, list[str]] = {}
    pmid = _FIRST_PMID
    for split, documents in _documents(rng, world, CHEMICAL_GENE, CHEMPROT_SIZES, set(in_corpus)).items():
        splits[split] = []
        for document in documents:
            number = _numbered([mention for sentence in document for mention in sentence.mentions])
            for sentence in document:
                for pair in pairs(sentence, CHEMICAL_GENE, world):
                    name = ".".join([str(pmid), *(f"T{number[id(mention)]}" for mention in pair.mentions)])
                    splits[split].append(f"{name}\t{masked(sentence, pair, CHEMICAL_GENE)}\t{pair.label}")
            pmid += 1
    return {CHEMPROT: splits}


def make_ddi(rng: Random, world: World, in_corpus: frozenset[str]) -> dict[Task, dict[str, list[str]]]:
    """Lines of DDI by split: an id of document, sentence and pair; the sentence; the label."""
    splits: dict[str, list[str]] = {}
    number = 0
    for split, documents in _documents(rng, world, DRUG_DRUG, DDI_SIZES, set(in_corpus)).items():
        splits[split] = []
        for document in documents:
            for s, sentence in enumerate(document):
                for p, pair in enumerate(pairs(sentence, DRUG_DRUG, world)):
                    name = f"DDI-MiniBank.d{number}.s{s}.p{p}"
                    splits[split].append(f"{name}\t{masked(sentence, pair, DRUG_DRUG)}\t{pair.label}")
            number += 1
    return {DDI: splits}


def make_gad(rng: Random, world: World, in_corpus: frozenset[str]) -> dict[Task, dict[str, list[str]]]:
    """Lines of GAD by split, with header: number, sentence with one pair masked, label."""
    used, masked_before = set(in_corpus), set()
    splits: dict[str, list[str]] = {}
    for split, n in GAD_SIZES.items():
        splits[split] = ["\t".join(GAD.columns)]
        for i, label in enumerate(stratified_values(rng, GAD_LABELS, n)):
            text = ""
            while not text or text in masked_before:
                sentence = draw_unused(lambda: related(rng, world, GENE_DISEASE), used)
                fitting = [pair for pair in pairs(sentence, GENE_DISEASE, world) if pair.label == label]
                text = masked(sentence, rng.choice(fitting), GENE_DISEASE) if fitting else ""
            masked_before.add(text)
            splits[split].append(f"{i}\t{text}\t{label}")
    return {GAD: splits}


def pairs(sentence: Sentence, scheme: Scheme, world: World) -> list[Pair]:
    """Every pair of the scheme's kinds, with its label in the world."""
    candidates = []
    for two in combinations(sentence.mentions, 2):
        if sorted(mention.entity.kind for mention in two) == sorted(scheme.kinds):
            kind = next((fact.kind for fact in _between(two, scheme, world) if fact.holds), None)
            candidates.append(Pair(two, scheme.labels[kind] if kind else scheme.negative))
    return candidates


def masked(sentence: Sentence, pair: Pair, scheme: Scheme) -> str:
    """The sentence with the pair masked."""
    text = sentence.text
    for mention in reversed(pair.mentions):
        text = text[: mention.start] + scheme.masks[mention.entity.kind] + text[mention.end :]
    return text


def _between(two: tuple[Mention, Mention], scheme: Scheme, world: World) -> list[Fact]:
    first, second = (mention.entity for mention in two)
    return [
        fact
        for fact in world.about[first]
        if fact.kind in scheme.labels and {fact.subject, fact.object} == {first, second}
    ]


def _documents(
    rng: Random, world: World, scheme: Scheme, sizes: Mapping[str, int], used: set[str]
) -> dict[str, list[list[Sentence]]]:
    """Split -> documents of sentences with as many pairs as the split's size."""
    splits: dict[str, list[list[Sentence]]] = {}
    masked_before: set[str] = set()
    for split, left in sizes.items():
        sentences: list[Sentence] = []
        while left:
            sentence = draw_unused(lambda: related(rng, world, scheme), used)
            texts = {masked(sentence, pair, scheme) for pair in pairs(sentence, scheme, world)}
            if len(texts) <= left and not texts & masked_before:
                masked_before |= texts
                sentences.append(sentence)
                left -= len(texts)
        splits[split] = []
        while sentences:
            n = rng.choice(DOCUMENT_LENGTHS)
            splits[split].append(sentences[:n])
            sentences = sentences[n:]
    return splits


def related(rng: Random, world: World, scheme: Scheme) -> Sentence:
    """A sentence of a random frame whose related pairs are exactly the stated ones."""
    while True:
        frame = rng.choice(scheme.frames)
        facts = {slot: _fact(rng, world, scheme) for slot in "ab" if f"{{{slot}}}" in frame}
        sentence = _framed(rng, world, frame, facts)
        entities = [mention.entity for mention in sentence.mentions]
        stated = sum(fact.holds for fact in facts.values())
        n_related = sum(pair.label != scheme.negative for pair in pairs(sentence, scheme, world))
        if len(set(entities)) == len(entities) and n_related == stated:
            return sentence


def _framed(rng: Random, world: World, frame: str, facts: Mapping[str, Fact]) -> Sentence:
    entities: dict[str, Entity] = {}
    for slot, fact in facts.items():
        closing = setting(rng, fact, fact.subject.field) if slot == "a" else ""
        clause = phrased(rng, fact).format(s=f"{{s_{slot}}}", o=f"{{o_{slot}}}") + closing
        frame = frame.replace(f"{{{slot}}}", clause)
        entities |= {f"s_{slot}": fact.subject, f"o_{slot}": fact.object}
    return Scene(rng, world, names={}).realize(f"{rng.choice(_OPENINGS)}{frame}.", **entities)


def _fact(rng: Random, world: World, scheme: Scheme) -> Fact:
    holds = rng.random() >= scheme.denied
    facts = [fact for fact in world.facts if fact.kind in scheme.labels and fact.holds == holds]
    kinds = list(dict.fromkeys(fact.kind for fact in facts))  # not every kind is denied
    kind = rng.choices(kinds, [scheme.shares[kind] for kind in kinds])[0]
    return rng.choice([fact for fact in facts if fact.kind == kind])


def _numbered(mentions: list[Mention]) -> dict[int, int]:
    """id(mention) -> its number in the document: chemicals from 1, then genes, as in ChemProt."""
    ordered = sorted(mentions, key=lambda mention: CHEMICAL_GENE.kinds.index(mention.entity.kind))
    return {id(mention): number for number, mention in enumerate(ordered, 1)}
