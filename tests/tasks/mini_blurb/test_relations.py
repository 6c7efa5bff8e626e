"""Relations: a pair's label is the fact that holds between the two, which the sentence states, or none at all."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import combinations
from random import Random

import pytest

from blurbstudy.tasks.blurb import CHEMPROT, DDI, GAD
from blurbstudy.tasks.mini_blurb import relations
from blurbstudy.tasks.mini_blurb.language import clauses
from blurbstudy.tasks.mini_blurb.relations import CHEMICAL_GENE, DRUG_DRUG, GENE_DISEASE, masked, pairs, related
from blurbstudy.tasks.mini_blurb.world import make_world

WORLD = make_world(Random(0))
SCHEMES = pytest.mark.parametrize("scheme", [CHEMICAL_GENE, DRUG_DRUG, GENE_DISEASE], ids=["ChemProt", "DDI", "GAD"])
MASK = re.compile(r"@[A-Z]+\$")
FILES = {
    task.name: {split: [line.split("\t") for line in lines] for split, lines in splits.items()}
    for make in (relations.make_chemprot, relations.make_ddi, relations.make_gad)
    for task, splits in make(Random(0), WORLD, frozenset()).items()
}


def fact_between(names, scheme):
    """The label of the held fact between two entities, by their names; None where there is none."""
    facts = [f for f in WORLD.facts if {f.subject.name, f.object.name} == set(names) and f.kind in scheme.labels]
    held = {scheme.labels[fact.kind] for fact in facts if fact.holds}
    assert len(held) <= 1
    return held.pop() if held else None


def rows(name):
    return [row for split in FILES[name].values() for row in split if row[0] != "index"]


@SCHEMES
def test_positive_pairs_are_stated_and_no_other_pair_holds(scheme):
    rng = Random(0)
    for _ in range(300):
        sentence = related(rng, WORLD, scheme)
        for pair in pairs(sentence, scheme, WORLD):
            names = {mention.entity.name for mention in pair.mentions}
            label = fact_between(names, scheme)
            assert pair.label == (label or scheme.negative)
            stated = [
                fact.holds
                for fact in WORLD.facts
                if {fact.subject.name, fact.object.name} == names and fact.kind in scheme.labels
                for clause in clauses(fact)
                if clause.format(s=fact.subject.name, o=fact.object.name).lower() in sentence.text.lower()
            ]
            assert any(stated) == (label is not None)


@SCHEMES
def test_every_pair_of_a_sentence_is_a_candidate_and_masks_stand_for_it_alone(scheme):
    rng = Random(1)
    for _ in range(100):
        sentence = related(rng, WORLD, scheme)
        names = [mention.entity.name for mention in sentence.mentions]
        found = pairs(sentence, scheme, WORLD)
        kinds = [sorted(m.entity.kind for m in two) for two in combinations(sentence.mentions, 2)]
        assert len(found) == kinds.count(sorted(scheme.kinds))
        for pair in found:
            text = masked(sentence, pair, scheme)
            hidden = [mention.entity.name for mention in pair.mentions]
            assert len(MASK.findall(text)) == 2
            assert sorted(n for n in names if n.lower() in text.lower()) == sorted(set(names) - set(hidden))


@pytest.mark.parametrize(("name", "scheme"), [("ChemProt", CHEMICAL_GENE), ("DDI", DRUG_DRUG)])
def test_labels_of_the_files_agree_with_the_world(name, scheme):
    # What one row of a sentence masks, another shows.
    sentences = defaultdict(list)
    for number, text, label in rows(name):
        sentences[re.sub(r"\.p\d+$", "", number)].append((text, label))
    checked = 0
    known = {entity.name.lower(): entity.name for entity in (*WORLD.drugs, *WORLD.genes)}
    for group in sentences.values() if name == "DDI" else _by_words(rows(name)):
        words = [re.findall(r"@[A-Z]+\$|\w+|[^\w\s]", text) for text, _ in group]
        for place, (_, label) in enumerate(group):
            hidden = [i for i, word in enumerate(words[place]) if MASK.fullmatch(word)]
            names = [{w[i] for w in words if not MASK.fullmatch(w[i])} for i in hidden]
            if all(names):
                pair = [known[next(iter(shown)).lower()] for shown in names]
                assert (fact_between(pair, scheme) or scheme.negative) == label
                checked += 1
    assert checked > 300


def _by_words(rows):
    """Groups of rows that are one sentence: alike but for the words at which one of them has a mask."""
    groups = []
    for _, text, label in rows:
        words = re.findall(r"@[A-Z]+\$|\w+|[^\w\s]", text)
        if groups and _alike(groups[-1][0][2], words):
            groups[-1].append((text, label, words))
        else:
            groups.append([(text, label, words)])
    return [[(text, label) for text, label, _ in group] for group in groups]


def _alike(one, other):
    pairs_of_words = list(zip(one, other, strict=False))
    return len(one) == len(other) and all(
        a.lower() == b.lower() or MASK.fullmatch(a) or MASK.fullmatch(b) for a, b in pairs_of_words
    )


def test_ids_are_those_of_the_real_files():
    forms = {"ChemProt": r"\d{8}\.T\d+\.T\d+", "DDI": r"DDI-MiniBank\.d\d+\.s\d+\.p\d+"}
    for name, form in forms.items():
        numbers = [number for number, _, _ in rows(name)]
        assert all(re.fullmatch(form, number) for number in numbers) and len(set(numbers)) == len(numbers)
    for split in FILES["GAD"].values():
        assert split[0] == ["index", "sentence", "label"]
        assert [row[0] for row in split[1:]] == [str(i) for i in range(len(split) - 1)]


def test_chemicals_are_numbered_before_genes_and_named_in_text_order():
    for number, text, _ in rows("ChemProt"):
        first, second = (int(part[1:]) for part in number.split(".")[1:])
        assert (first < second) == (text.index("@CHEMICAL$") < text.index("@GENE$"))


def test_documents_are_in_one_split_only():
    for name, parts in (("ChemProt", 1), ("DDI", 2)):
        documents = [{".".join(row[0].split(".")[:parts]) for row in split} for split in FILES[name].values()]
        assert len(set.union(*documents)) == sum(map(len, documents))


@pytest.mark.parametrize("task", [CHEMPROT, DDI, GAD], ids=lambda task: task.name)
def test_splits_have_all_labels_and_the_sizes_that_are_meant(task):
    sizes = {CHEMPROT: relations.CHEMPROT_SIZES, DDI: relations.DDI_SIZES, GAD: relations.GAD_SIZES}[task]
    for split, n in sizes.items():
        lines = [row for row in FILES[task.name][split] if row[0] != "index"]
        assert len(lines) == n and {label for _, _, label in lines} == set(task.labels)


def test_labels_are_about_as_frequent_as_in_blurb():
    # BLURB's train splits: 77% of ChemProt's pairs and 86% of DDI's are negative, 52% of GAD's sentences positive.
    shares = {}
    for name, label in (("ChemProt", "false"), ("DDI", "DDI-false"), ("GAD", "1")):
        counts = Counter(row[2] for row in rows(name))
        shares[name] = counts[label] / counts.total()
    assert shares == pytest.approx({"ChemProt": 0.77, "DDI": 0.86, "GAD": 0.52}, abs=0.06)
