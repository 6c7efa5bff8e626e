"""A dev set split off train: no document on both sides, labels in proportion, one seed one division."""

from collections import Counter

import numpy as np
import pytest

from blurbstudy.tasks import CustomForm, Example, Task, split_labels
from blurbstudy.tasks.custom.dev_split import split_dev


def make_task(kind, labels, *, share=0.2, seed=1):
    return Task(
        name="own",
        task_type=kind,
        group="own data",
        folder=".",
        files={},
        reader="own_tsv",
        columns=("line", "t", "label"),
        labels=labels,
        metric="accuracy",
        unit="document",
        size_unit="examples",
        sizes={},
        source="",
        terms="",
        citation="",
        custom=CustomForm(dev_share=share, split_seed=seed),
    )


def random_examples(rng, *, n, documents, labels, weights):
    units = rng.integers(0, documents, n)
    drawn = rng.choice(labels, n, p=weights)
    return [
        Example(str(i), f"u{unit}", (f"text {i}",), str(label))
        for i, (unit, label) in enumerate(zip(units, drawn, strict=True))
    ]


@pytest.mark.parametrize("draw", range(20))
def test_random_data_is_divided_as_promised(draw):
    rng = np.random.default_rng(draw)
    n, documents, share = int(rng.integers(60, 300)), int(rng.integers(15, 80)), float(rng.choice([0.1, 0.2, 0.3]))
    labels, weights = ("a", "b", "c"), (0.7, 0.25, 0.05)
    examples = random_examples(rng, n=n, documents=documents, labels=labels, weights=weights)
    task = make_task("relation", labels, share=share, seed=draw)
    train, dev = split_dev(task, examples)
    assert [e for e in examples if e in set(dev)] == dev and [e for e in examples if e in set(train)] == train
    assert len(train) + len(dev) == n and not set(train) & set(dev)
    assert not {e.unit for e in train} & {e.unit for e in dev}
    largest = max(Counter(e.unit for e in examples).values())
    assert abs(len(dev) - share * n) <= largest
    whole, own = Counter(e.label for e in examples), Counter(e.label for e in dev)
    for label in labels:
        in_one = max(Counter(e.unit for e in examples if e.label == label).values(), default=0)
        assert abs(own[label] - share * whole[label]) <= in_one + 1
        assert whole[label] == 0 or any(e.label == label for e in train)
    assert split_dev(task, examples) == (train, dev)


def test_where_examples_stand_alone_every_label_has_its_share():
    examples = [Example(str(i), str(i), (f"t{i}",), "ab"[i % 10 == 0]) for i in range(200)]
    _, dev = split_dev(make_task("relation", ("a", "b")), examples)
    assert Counter(e.label for e in dev) == {"a": 36, "b": 4}


def test_another_seed_divides_otherwise():
    examples = [Example(str(i), str(i), (f"t{i}",), "ab"[i % 2]) for i in range(100)]
    devs = [split_dev(make_task("relation", ("a", "b"), seed=seed), examples)[1] for seed in (1, 1, 2)]
    assert devs[0] == devs[1] != devs[2]


def test_a_text_that_stands_there_twice_stays_on_one_side():
    examples = [
        Example(str(i), str(i), (f"Text {i % 50}" if i < 50 else f"text  {i % 50}",), "ab"[i % 2]) for i in range(100)
    ]
    train, dev = split_dev(make_task("relation", ("a", "b")), examples)
    assert dev and not {int(e.id) % 50 for e in train} & {int(e.id) % 50 for e in dev}


@pytest.mark.parametrize("common", [1, 30])  # sentences that documents share: one in all, or some in some
def test_sentences_that_many_documents_share_do_not_tie_all_of_them(common):
    rng = np.random.default_rng(common)
    examples = []
    for document in range(60):
        shared = f"the authors declare that they have no conflict {rng.integers(common)}"
        texts = [f"this is sentence {i} of document {document % 59} alone" for i in range(4)]  # 0 stands there twice
        examples += [Example(f"{document}.{i}", f"{document}", (t,), "a") for i, t in enumerate([*texts, shared])]
    train, dev = split_dev(make_task("relation", ("a", "b")), examples)
    assert not {e.unit for e in train} & {e.unit for e in dev}
    assert abs(len(dev) - 60) <= 10
    assert len({e.unit for e in dev} & {"0", "59"}) != 1


def test_sets_of_labels_scores_and_mentions_are_stratified():
    rng = np.random.default_rng(5)
    sets = [",".join(label for label, p in (("x", 0.5), ("y", 0.1)) if rng.random() < p) for _ in range(300)]
    _, dev = split_dev(
        make_task("document", ("x", "y")), [Example(str(i), str(i), (f"t{i}",), s) for i, s in enumerate(sets)]
    )
    for label in ("x", "y"):
        total = sum(label in split_labels(s) for s in sets)
        assert abs(sum(label in split_labels(e.label) for e in dev) - 0.2 * total) <= 1
    scored = [Example(str(i), str(i), (f"t{i}",), float(i % 50)) for i in range(200)]
    train, dev = split_dev(make_task("similarity", ()), scored)
    assert len(dev) == 40 and abs(np.mean([e.label for e in train]) - np.mean([e.label for e in dev])) < 2
    tagged = [
        Example(str(i), str(i), ("w", f"w{i}"), "B-X I-X" if i % 20 == 0 else "B-Y O" if i % 2 else "O O")
        for i in range(200)
    ]
    _, dev = split_dev(make_task("ner", ("O", "B-X", "I-X", "B-Y", "I-Y")), tagged)
    assert Counter(e.label.split()[0] for e in dev) == {"B-X": 2, "B-Y": 20, "O": 18}


def test_one_document_leaves_no_dev_set():
    examples = [Example(str(i), "d", (f"t{i}",), "ab"[i % 2]) for i in range(100)]
    assert split_dev(make_task("relation", ("a", "b")), examples)[1] == []
