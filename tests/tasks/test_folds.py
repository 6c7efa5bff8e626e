"""Resampled splits: each example in one test fold per repeat, documents whole, sizes and strata as official ones."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
import pytest

from blurbstudy.errors import DataError, ParameterError
from blurbstudy.store.folds import fold_gold
from blurbstudy.store.run_store import Gold
from blurbstudy.tasks import get_task
from blurbstudy.tasks.folds import ResampledSplits, check_resampled, fold_indices, parse_splits, resampled_sizes


def labelled(values, *, units=None):
    ids = tuple(f"e{i}" for i in range(len(values)))
    return Gold(ids=ids, units=tuple(units or ids), gold=tuple(values))


def scores(sizes=(64, 16, 20)):
    """BIOSSES's sizes, with scores of an uneven distribution."""
    rng = np.random.default_rng(3)
    return {s: labelled((4 * rng.beta(2, 1, n)).tolist()) for s, n in zip(("train", "dev", "test"), sizes, strict=True)}


def answers(sizes, shares):
    rng = np.random.default_rng(5)
    labels = list(shares)
    return {
        split: labelled(rng.choice(labels, size=n, p=list(shares.values())).tolist())
        for split, n in zip(("train", "dev", "test"), sizes, strict=True)
    }


@pytest.mark.parametrize(
    ("task", "gold", "n_folds", "sizes"),
    [
        ("BIOSSES", scores(), 5, (64, 16, 20)),
        ("PubMedQA", answers((450, 50, 500), {"yes": 0.55, "no": 0.34, "maybe": 0.11}), 2, (450, 50, 500)),
        ("BioASQ", answers((670, 75, 140), {"yes": 0.8, "no": 0.2}), 6, (663, 75, 147)),
    ],
)
def test_official_number_of_folds_gives_the_official_sizes(task, gold, n_folds, sizes):
    """Within one example per label; resampled_sizes, by which time is estimated, gives the same."""
    expected = resampled_sizes({split: len(truth.ids) for split, truth in gold.items()}, n_folds)
    for fold in range(n_folds):
        found = fold_indices(get_task(task), gold, n_folds=n_folds, fold=fold, repeat=0)
        for split, size in zip(("train", "dev", "test"), sizes, strict=True):
            assert abs(len(found[split]) - size) <= 2
            assert abs(len(found[split]) - expected[split]) <= 2


@pytest.mark.parametrize("n_folds", [2, 3, 5, 7])
def test_every_example_is_in_one_test_fold_and_repeats_differ(n_folds):
    gold = scores()
    task, divisions = get_task("BIOSSES"), set()
    for repeat in range(3):
        folds = [fold_indices(task, gold, n_folds=n_folds, fold=fold, repeat=repeat) for fold in range(n_folds)]
        assert sorted(np.concatenate([fold["test"] for fold in folds])) == list(range(100))
        for fold in folds:
            assert sorted(np.concatenate(list(fold.values()))) == list(range(100))
        divisions.add(tuple(tuple(fold["test"]) for fold in folds))
    assert len(divisions) == 3


def test_labels_are_spread_evenly_even_tiny_ones():
    """A label of 6 examples has one in each of 6 test folds; others differ by one at most."""
    values = ["maybe"] * 6 + ["no"] * 85 + ["yes"] * 300
    rng = np.random.default_rng(0)
    rng.shuffle(values)
    gold = {"train": labelled(values[:250]), "dev": labelled(values[250:300]), "test": labelled(values[300:])}
    folds = [fold_gold(get_task("PubMedQA"), gold, n_folds=6, fold=fold, repeat=1) for fold in range(6)]
    counts = [Counter(fold["test"].gold) for fold in folds]
    assert {count["maybe"] for count in counts} == {1}
    for label in ("no", "yes"):
        assert max(count[label] for count in counts) - min(count[label] for count in counts) <= 1


def test_score_quantiles_are_spread_evenly():
    """Each test fold of 20 has 4 of each fifth of the scores."""
    gold = scores()
    order = sorted(value for split in gold.values() for value in split.gold)
    fences = [order[20], order[40], order[60], order[80]]
    for fold in range(5):
        test = fold_gold(get_task("BIOSSES"), gold, n_folds=5, fold=fold, repeat=2)["test"]
        assert np.bincount(np.searchsorted(fences, test.gold, side="right")).tolist() == [4] * 5


def test_documents_of_uneven_size_stay_whole():
    """Documents of 1 to 30 examples, one of them in train and in test: none is divided, sizes are close."""
    rng = np.random.default_rng(1)
    units = [f"doc{d}" for d in range(60) for _ in range(rng.integers(1, 31))]
    values = rng.choice(["yes", "no"], size=len(units), p=[0.7, 0.3]).tolist()
    cuts = (int(0.6 * len(units)), int(0.75 * len(units)))
    parts = {"train": slice(0, cuts[0]), "dev": slice(*cuts), "test": slice(cuts[1], None)}
    gold = {split: labelled(values[part], units=units[part]) for split, part in parts.items()}
    assert set(gold["train"].units) & set(gold["dev"].units)  # the cut goes through a document
    tests = []
    for fold in range(5):
        found = fold_gold(get_task("BioASQ"), gold, n_folds=5, fold=fold, repeat=0)
        named = [set(truth.units) for truth in found.values()]
        assert not (named[0] & named[1] or named[0] & named[2] or named[1] & named[2])
        assert sum(len(truth.ids) for truth in found.values()) == len(units)
        assert abs(len(found["test"].ids) - len(units) / 5) <= 10
        tests.append(named[2])
    assert sum(map(len, tests)) == len(set.union(*tests)) == 60


def test_names_of_examples_are_unique_and_keep_their_labels():
    gold = scores()
    labels = {f"{split}:{name}": value for split, t in gold.items() for name, value in zip(t.ids, t.gold, strict=True)}
    found = fold_gold(get_task("BIOSSES"), gold, n_folds=5, fold=3, repeat=0)
    assert {n: v for t in found.values() for n, v in zip(t.ids, t.gold, strict=True)} == labels
    assert all(truth.units == truth.ids for truth in found.values())


def test_assignment_is_the_same_on_every_machine():
    """Run ids name a fold, not its examples: a changed assignment needs another TRAINER_REVISION."""
    found = fold_indices(get_task("BIOSSES"), scores(), n_folds=5, fold=2, repeat=1)
    text = ";".join(",".join(map(str, indices)) for indices in found.values())
    assert hashlib.sha256(text.encode()).hexdigest()[:12] == "2c7d868476fc"


def test_too_few_documents():
    gold = {"train": labelled(["yes", "no"] * 3), "dev": labelled(["yes"]), "test": labelled(["no"])}
    with pytest.raises(DataError, match="8 documents or independent examples are too few for 5 test folds"):
        fold_indices(get_task("BioASQ"), gold, n_folds=5, fold=0, repeat=0)


def test_splits_are_parsed_and_every_run_has_a_seed_of_its_own():
    assert parse_splits("official") is None
    splits = parse_splits("5x2")
    assert splits == ResampledSplits(5, 2)
    assert [splits.seed(*fold) for fold in splits.folds()] == list(range(1, 11))
    for wrong in ("5", "1x4", "5x0", "x2", "5x2000", "5 x 2"):
        with pytest.raises(ParameterError, match="use official, or FOLDSxREPEATS such as 5x4"):
            parse_splits(wrong)


def test_only_tasks_with_small_test_sets_are_resampled():
    check_resampled(get_task("BIOSSES"))
    with pytest.raises(ParameterError, match="DDI has no resampled splits"):
        check_resampled(get_task("DDI"))
