"""HoC: a sentence has a hallmark where it asserts one, as the world has it; a document all of its sentences'."""

from __future__ import annotations

import re
from collections import Counter
from random import Random

import pytest

from blurbstudy.tasks.blurb import HOC
from blurbstudy.tasks.mini_blurb.hallmarks import LENGTHS, N_LABELS, SHARES, SIZES, make_hoc
from blurbstudy.tasks.mini_blurb.world import HALLMARKS, make_world

WORLD = make_world(Random(0))
SPLITS = {
    split: [line.split("\t") for line in lines]
    for split, lines in next(iter(make_hoc(Random(0), WORLD, frozenset()).values())).items()
}
GENES = {gene.name: gene for gene in WORLD.genes}
FORMS = {form: label for label, *forms in HALLMARKS for form in forms}
PROMOTED = {(f.subject.name, f.object.family) for f in WORLD.facts if f.kind == "promotes" and f.holds}


def labels_of(marks):
    assert re.fullmatch(",".join(f"{i}_[01]" for i in range(10)), marks)
    return {HOC.labels[i] for i, mark in enumerate(marks.split(",")) if mark.endswith("1")}


def documents(split):
    found = {}
    for marks, text, index in SPLITS[split][1:]:
        document, position = index.split("_s")
        found.setdefault(document, []).append((labels_of(marks), text))
        assert int(position) == len(found[document]) - 1
    return found


def test_files_have_the_header_and_indices_of_the_real_ones():
    for split, n in SIZES.items():
        assert SPLITS[split][0] == ["labels", "sentence", "index"]
        assert all(re.fullmatch(r"\d{8}_s\d", index) for _, _, index in SPLITS[split][1:])
        assert len(documents(split)) == n
        assert {len(sentences) for sentences in documents(split).values()} == set(LENGTHS)


def test_documents_are_in_one_split_only():
    names = [set(documents(split)) for split in SPLITS]
    assert len(set.union(*names)) == sum(map(len, names))


def test_punctuation_stands_apart_as_in_the_real_files():
    assert all(
        text.endswith(" .") and not re.search(r"\w[,;:()]", text) for s in SPLITS.values() for _, text, _ in s[1:]
    )


@pytest.mark.parametrize("split", SIZES)
def test_labels_are_what_the_world_has_and_the_sentence_names(split):
    named_without = 0
    for sentences in documents(split).values():
        for labels, text in sentences:
            hallmarks = {label for form, label in FORMS.items() if form.lower() in text.lower()}
            genes = [word for word in re.findall(r"\w+", text) if word in GENES]
            assert labels <= hallmarks and len(labels) <= 1
            if labels:
                assert (genes[0], *labels) in PROMOTED
            elif genes and hallmarks:
                assert not any((genes[0], label) in PROMOTED for label in hallmarks)
            named_without += bool(hallmarks) and not labels
    assert named_without >= SIZES[split]  # at least one word a document


def test_documents_have_as_many_labels_as_in_blurb():
    counts = Counter(len(set.union(*(labels for labels, _ in d))) for d in documents("train").values())
    for n, share in N_LABELS.items():
        assert counts[n] / SIZES["train"] == pytest.approx(share, abs=0.01)


def test_hallmarks_are_about_as_frequent_as_in_blurb():
    counts = Counter(label for d in documents("train").values() for label in set.union(*(labels for labels, _ in d)))
    assert set(counts) == set(SHARES) == set(HOC.labels)
    for label, share in SHARES.items():
        assert counts[label] / counts.total() == pytest.approx(share, abs=0.06)
