"""HoC in the invented world: abstracts about genes and tumors, whose sentences are labelled with the hallmarks they
give evidence of.

Every abstract also names hallmarks without evidence: as a method, an open question or a denial.
"""

from __future__ import annotations

from random import Random

from ..blurb import HOC
from ..task import Task
from .language import FORMS, Sentence, draw_unused
from .phrases import PHRASES
from .scene import Scene
from .tagging import KEEP_PUNCTUATION, lengths, words
from .world import Entity, Fact, World, stratified_values

SIZES = {"train": 180, "dev": 40, "test": 80}  # documents
LENGTHS = (4, 5, 6)  # sentences of a document
# Fractions of documents by number of hallmarks, and of hallmarks, as in BLURB's train split.
N_LABELS = {0: 0.15, 1: 0.48, 2: 0.26, 3: 0.11}
SHARES = {
    "activating invasion and metastasis": 0.13,
    "avoiding immune destruction": 0.05,
    "cellular energetics": 0.04,
    "enabling replicative immortality": 0.05,
    "evading growth suppressors": 0.1,
    "genomic instability and mutation": 0.13,
    "inducing angiogenesis": 0.06,
    "resisting cell death": 0.18,
    "sustaining proliferative signaling": 0.18,
    "tumor promoting inflammation": 0.1,
}

_FIRST_PMID = 93_000_001
_TUMOR = "oma"  # suffix of the tumors among the diseases
_OPENINGS = ("", "", "we found that ", "our data show that ", "moreover, ")
_CLOSINGS = ("", "", " in {code} cells", " in {n} samples")
_ASSERTED, _DENIED = (
    tuple(clause.format(s="{gene}", o="{hallmark}") for clause in clauses)
    for clauses in (FORMS["promotes"].asserts, FORMS["promotes"].denies)
)
_EVIDENCE = (*_ASSERTED, *PHRASES["HoC"]["evidence"])
_NO_EVIDENCE = (*_DENIED, *PHRASES["HoC"]["no_evidence"])
_OTHERS = tuple(PHRASES["HoC"]["others"])


def make_hoc(rng: Random, world: World, in_corpus: frozenset[str]) -> dict[Task, dict[str, list[str]]]:
    """Lines of HoC by split, with header: a sentence's labels, words, document and position."""
    used = set(in_corpus)
    splits: dict[str, list[str]] = {}
    pmid = _FIRST_PMID
    for split, n in SIZES.items():
        splits[split] = ["\t".join(HOC.columns)]
        for length, n_labels in zip(lengths(rng, LENGTHS, n), stratified_values(rng, N_LABELS, n), strict=True):
            for i, (labels, sentence) in enumerate(_abstract(rng, world, length, n_labels, used)):
                text = " ".join(words(sentence.text, KEEP_PUNCTUATION))
                splits[split].append(f"{_marks(labels)}\t{text}\t{pmid}_s{i}")
            pmid += 1
    return {HOC: splits}


def _marks(labels: frozenset[str]) -> str:
    return ",".join(f"{i}_{int(label in labels)}" for i, label in enumerate(HOC.labels))


def _abstract(
    rng: Random, world: World, length: int, n_labels: int, used: set[str]
) -> list[tuple[frozenset[str], Sentence]]:
    """Sentences with labels in random order: evidence of each hallmark, mentions without evidence, and others."""
    tumor = rng.choice([disease for disease in world.diseases if disease.family == _TUMOR])
    facts = _evidence_facts(rng, world, n_labels)
    # Documents with few labels repeat them: BLURB's have 1.8 sentences per label.
    facts += rng.choices(facts, k=rng.randint(0, length - n_labels - 1)) if facts else []
    n_open = rng.randint(1, length - len(facts))
    n_others = length - len(facts) - n_open
    untrue = rng.sample([fact for fact in world.facts if fact.kind == "promotes" and not fact.holds], n_open)
    ways = [*rng.sample(_EVIDENCE, len(facts)), *rng.sample(_NO_EVIDENCE, n_open), *rng.sample(_OTHERS, n_others)]
    drafts = []
    for fact, way in zip([*facts, *untrue, *[None] * n_others], ways, strict=True):
        sentence = draw_unused(lambda fact=fact, way=way: _realize(rng, world, way, tumor, fact), used)
        drafts.append((frozenset({fact.object.family} if fact and fact.holds else ()), sentence))
    rng.shuffle(drafts)
    return drafts


def _evidence_facts(rng: Random, world: World, n: int) -> list[Fact]:
    """Facts of n different hallmarks, if possible about one gene."""
    true_facts = [fact for fact in world.facts if fact.kind == "promotes" and fact.holds]
    open_labels = {label: share for label, share in SHARES.items() if any(f.object.family == label for f in true_facts)}
    chosen: list[Fact] = []
    for _ in range(n):
        label = rng.choices(list(open_labels), list(open_labels.values()))[0]
        del open_labels[label]
        fitting = [fact for fact in true_facts if fact.object.family == label]
        same_gene = [fact for fact in fitting if chosen and fact.subject == chosen[0].subject]
        chosen.append(rng.choice(same_gene or fitting))
    return chosen


def _realize(rng: Random, world: World, way: str, tumor: Entity, fact: Fact | None) -> Sentence:
    entities = {"gene": fact.subject, "hallmark": fact.object} if fact else {}
    closing = rng.choice(_CLOSINGS) if fact else ""
    return Scene(rng, world, names={}).realize(f"{rng.choice(_OPENINGS)}{way}{closing}.", tumor=tumor, **entities)
