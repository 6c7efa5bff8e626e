"""EBM PICO: reports of trials, tagged where a name is what the trial gave, whom it treated or what it measured."""

from __future__ import annotations

import re
from collections import Counter
from random import Random

import pytest

from blurbstudy.tasks.mini_blurb.pico import LENGTHS, SIZES, make_ebm_pico
from blurbstudy.tasks.mini_blurb.world import COMPARATORS, OUTCOMES, PARTICIPANTS, SIDE_EFFECTS, make_world

WORLD = make_world(Random(0))
SPLITS = next(iter(make_ebm_pico(Random(0), WORLD, frozenset()).values()))
DRUGS = {drug.name for drug in WORLD.drugs}


def rows(split):
    return [line.split("\t") for line in SPLITS[split] if "\t" in line]


def spans(split):
    """Class and words of every run of one class, lower case."""
    text = " ".join(f"{word.lower()}|{tag}" for word, tag in rows(split))
    for tag in ("I-PAR", "I-INT", "I-OUT"):
        for run in re.findall(rf"(?:\S+\|{tag} ?)+", text):
            yield tag, run.replace(f"|{tag}", "").strip()


def test_documents_are_marked_as_in_the_real_files():
    for split, n in SIZES.items():
        lines = SPLITS[split]
        starts = [i for i, line in enumerate(lines) if line.startswith("-DOCSTART-")]
        assert len(starts) == n and starts[0] == 0
        assert all(re.fullmatch(r"-DOCSTART- \(\d{8}\)", lines[i]) and lines[i + 1] == "" for i in starts)


def test_an_empty_line_follows_every_full_stop_and_nothing_else():
    for lines in SPLITS.values():
        for line, after in zip(lines, lines[1:], strict=False):
            if not line.startswith("-DOCSTART-") and line:
                assert (after == "") == line.startswith(".\t")


def test_documents_have_as_many_sentences_as_meant():
    for split in SPLITS:
        documents = "\n".join(SPLITS[split]).split("-DOCSTART-")[1:]
        counts = Counter(len(re.findall(r"^\.\t", document, re.MULTILINE)) for document in documents)
        assert set(counts) == set(LENGTHS) and max(counts.values()) - min(counts.values()) <= 1


def test_no_tag_but_those_of_the_task_and_about_two_words_in_five_tagged():
    for split in SPLITS:
        counts = Counter(tag for _, tag in rows(split))
        assert set(counts) == {"O", "I-PAR", "I-INT", "I-OUT"}
        assert 0.3 < 1 - counts["O"] / counts.total() < 0.45


@pytest.mark.parametrize("split", SPLITS)
def test_tagged_words_name_what_their_class_says(split):
    named = {
        "I-PAR": PARTICIPANTS,
        "I-INT": [*DRUGS, *COMPARATORS],
        "I-OUT": [*(outcome for outcome, _, _ in OUTCOMES), *SIDE_EFFECTS],
    }
    for tag, text in spans(split):
        assert any(name in text for name in named[tag]), (tag, text)


def test_the_same_names_stand_untagged_in_the_background():
    tags = Counter((word.lower(), tag) for word, tag in rows("train"))
    both = {word for word, tag in tags if tag == "O"} & {word for word, tag in tags if tag != "O"}
    assert len(both & DRUGS) > 5 and len(both & {disease.name for disease in WORLD.diseases}) > 5
    assert {"survival", "pain", "quality"} & both


def test_no_trial_is_reported_twice():
    reports = [document for lines in SPLITS.values() for document in "\n".join(lines).split("-DOCSTART-")[1:]]
    trials = []
    for report in reports:
        words = [line.split("\t") for line in report.lower().split("\n") if "\t" in line]
        given = Counter(word for word, tag in words if tag == "i-int" and word in DRUGS)
        treated = Counter(word for word, tag in words if tag == "i-par" and word in {d.name for d in WORLD.diseases})
        trials.append((given.most_common(1)[0][0], treated.most_common(1)[0][0]))
    assert len(set(trials)) == len(trials) == sum(SIZES.values())


def test_test_names_drugs_and_outcomes_that_train_does_not():
    seen = {text for _, text in spans("train")}
    assert 0.2 < sum(text not in seen for _, text in spans("test")) / len(list(spans("test"))) < 0.8
