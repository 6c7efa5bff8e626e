"""Tagged mentions: BIO, of the right kind, and many in test that train has never named."""

from __future__ import annotations

import re
from itertools import pairwise
from random import Random

import pytest

from blurbstudy.tasks.mini_blurb import entities
from blurbstudy.tasks.mini_blurb.world import DISEASE_FAMILIES, DRUG_CLASSES, FIELDS, SIDE_EFFECTS, make_world

WORLD = make_world(Random(0))
MAKERS = (entities.make_bc5cdr, entities.make_ncbi_disease, entities.make_bc2gm, entities.make_jnlpba)
FILES = {task.name: splits for make in MAKERS for task, splits in make(Random(0), WORLD, frozenset()).items()}
GENES = {gene.name for gene in WORLD.genes}
DRUG = "|".join(rf"[a-z]+{suffix}" for suffix, *_ in DRUG_CLASSES)
DISEASE = "|".join(rf"[a-z]+{suffix}" for suffix, *_ in DISEASE_FAMILIES)
GENE = r"[A-Z]{3}[KLRHE]\d"
CELLS = "|".join(cells for _, _, cells, _ in FIELDS)
EFFECTS = "|".join(SIDE_EFFECTS)
FAMILIES = "|".join(family for _, family, _ in DISEASE_FAMILIES)
INITIALS = "[A-Z]{3}[AS]"
# What a mention of each dataset holds, and the words of these forms that are none.
NAMED = {
    "BC5-chem": (DRUG, set()),
    "BC5-disease": (f"{DISEASE}|{EFFECTS}|{INITIALS}", {"diagnosis", "prognosis", "apoptosis", "stroma"}),
    "NCBI-disease": (f"{DISEASE}|{FAMILIES}|{INITIALS}", {"diagnosis", "prognosis", "apoptosis", "stroma"}),
    "BC2GM": (GENE, None),
    "JNLPBA": (f"{GENE}|{GENE} cells?( line)?|{CELLS}", None),
}
EVERY = pytest.mark.parametrize("name", FILES)


def sentences(name, split):
    """(words, tags) of every sentence."""
    text = "\n".join(line for line in FILES[name][split] if not line.startswith("-DOCSTART-"))
    rows = [[line.split("\t") for line in block.split("\n")] for block in re.split(r"\n\n+", text.strip())]
    return [tuple(zip(*sentence, strict=True)) for sentence in rows]


def mentions(name, split):
    """The words of every mention, lower case."""
    found = []
    for words, tags in sentences(name, split):
        for word, tag in zip(words, tags, strict=True):
            if tag == "B":
                found.append(word.lower())
            elif tag == "I":
                found[-1] += f" {word.lower()}"
    return found


def all_mentions(name):
    return [mention for split in FILES[name] for mention in mentions(name, split)]


def words_outside(name):
    rows = [row for split in FILES[name] for row in sentences(name, split)]
    return {word for words, tags in rows for word, tag in zip(words, tags, strict=True) if tag == "O"}


@EVERY
def test_tags_are_well_formed_bio(name):
    for split in FILES[name]:
        for _, tags in sentences(name, split):
            assert set(tags) <= {"B", "I", "O"}
            assert all(after != "I" or before != "O" for before, after in pairwise(("O", *tags)))


@EVERY
def test_every_mention_names_an_entity_of_the_right_kind(name):
    kind = re.compile(rf"\b({NAMED[name][0]})\b", re.IGNORECASE)
    assert [mention for mention in all_mentions(name) if not kind.search(mention)] == []


@EVERY
def test_names_of_the_right_kind_are_mentions_but_for_words_that_look_like_them(name):
    form, others = NAMED[name]
    kind = re.compile(form.removesuffix(f"|{INITIALS}"), re.IGNORECASE)
    outside = {word.lower() for word in words_outside(name) if kind.fullmatch(word)}
    if others is None:  # cell lines and strains look like genes
        assert outside and not outside & {gene.lower() for gene in GENES}
    else:
        assert outside <= others


@EVERY
def test_some_mentions_have_several_words_and_some_stand_side_by_side(name):
    for split in ("train", "test"):
        tags = [" ".join(tags) for _, tags in sentences(name, split)]
        assert any(re.search(r"\b[BI] B", sentence) for sentence in tags)
        several = sum(" " in mention for mention in mentions(name, split)) / len(mentions(name, split))
        assert 0.1 < several < 0.7


@EVERY
def test_many_words_of_mentions_in_test_are_in_no_sentence_of_train(name):
    seen = {word.lower() for words, _ in sentences(name, "train") for word in words}
    words = [word for mention in mentions(name, "test") for word in mention.split() if re.search("[a-z]", word)]
    assert 0.1 < sum(word not in seen for word in words) / len(words) < 0.6


def test_chemicals_and_diseases_of_bc5cdr_stand_in_the_same_sentences():
    for split in ("train", "dev", "test"):
        twins = list(zip(sentences("BC5-chem", split), sentences("BC5-disease", split), strict=True))
        assert all(chemicals[0] == diseases[0] for chemicals, diseases in twins)
        for (_, chemicals), (_, diseases) in twins:
            assert not any(a != "O" != b for a, b in zip(chemicals, diseases, strict=True))


def test_cell_lines_are_mentions_of_jnlpba_with_the_word_that_says_so():
    line = re.compile(r"[a-z]{3}[klrhe]\d (cells|cell line)")
    assert sum(bool(line.fullmatch(mention)) for mention in all_mentions("JNLPBA")) > 50
    assert not any("cell" in mention for mention in all_mentions("BC2GM"))


def test_dots_and_hyphens_are_words_of_their_own_but_in_jnlpba():
    for name in FILES:
        words = {word for split in FILES[name] for words, _ in sentences(name, split) for word in words}
        assert all(re.fullmatch(r"\w+|[^\w\s]", word) for word in words) != (name == "JNLPBA")


def test_documents_of_jnlpba_are_marked_as_in_the_real_files():
    numbers = []
    for split, n in entities.JNLPBA_SIZES.items():
        lines = FILES["JNLPBA"][split]
        starts = [i for i, line in enumerate(lines) if line.startswith("-DOCSTART-")]
        assert len(starts) == n and starts[0] == 0
        assert all(re.fullmatch(r"-DOCSTART- \d{8}", lines[i]) and lines[i + 1] == "" for i in starts)
        assert all(lines[i - 1] == "" for i in starts[1:]) and lines[-1] == "" != lines[-2]
        numbers += [lines[i] for i in starts]
    assert len(set(numbers)) == len(numbers)


def test_train_has_its_share_of_names_patterns_and_phrasings():
    known, source = entities.known_in_train(Random(0), WORLD, entities.BC5)
    assert (len(known.drugs), len(known.genes), len(known.diseases)) == (24, 24, 19)
    named = {*known.drugs, *known.genes, *known.diseases}
    assert all(
        entity in named or entity.kind not in ("drug", "gene", "disease")
        for fact in known.facts
        for entity in (fact.subject, fact.object)
    )
    assert len(source.patterns) == 12 and set(source.patterns) < set(entities.BC5.patterns) and source.unknown
