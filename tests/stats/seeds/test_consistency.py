"""Agreement of seeds, against published tables (Fleiss 1971; Shrout and Fleiss 1979), brute force, and simulation."""

from itertools import combinations

import numpy as np
import pytest
import scipy.stats

from blurbstudy.metrics import METRICS, entity_f1
from blurbstudy.stats.seeds.consistency import (
    agreement,
    agreement_from_sums,
    icc_from_sums,
    icc_sums,
    kappa_from_sums,
    label_sums,
    right_shares,
)

pico_f1 = METRICS["pico_f1"].score

# Fourteen raters, ten subjects, five categories; kappa 0.210 (the example of most textbooks, after Fleiss 1971).
FLEISS = """
0 0 0 0 14
0 2 6 4 2
0 0 3 5 6
0 3 9 2 0
2 2 8 1 1
7 7 0 0 0
3 2 6 3 0
2 5 3 2 2
6 5 2 1 0
0 2 2 3 7
"""
SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]  # 4 judges


def test_fleiss_kappa_of_a_published_table():
    counts = np.array([[int(v) for v in line.split()] for line in FLEISS.split("\n") if line])
    labels = np.array([np.repeat(np.arange(5), row) for row in counts]).T  # (raters, subjects)
    sums = label_sums(labels, np.arange(10), n_labels=5).sum(axis=0)
    assert float(agreement_from_sums(sums)) == pytest.approx(0.378, abs=5e-4)
    assert float(kappa_from_sums(sums)) == pytest.approx(0.210, abs=5e-4)


def test_icc_of_a_published_table():
    scores = np.array(SHROUT_FLEISS, float).T
    assert float(icc_from_sums(icc_sums(scores, np.arange(6)).sum(axis=0))) == pytest.approx(0.29, abs=5e-3)


def test_icc_is_one_for_equal_runs_and_falls_with_an_offset():
    row = np.array([1.0, 2.0, 5.0, 7.0])

    def icc(*runs):
        return float(icc_from_sums(icc_sums(np.array(runs), np.arange(4)).sum(axis=0)))

    assert icc(row, row, row) == pytest.approx(1.0)
    assert icc(row, row + 3, row - 3) < 0.6  # absolute agreement, not consistency
    assert np.isnan(icc(np.ones(4), np.ones(4)))


def simulated_labels(generator, runs, n, *, keep):
    common = generator.choice(["yes", "no"], n)
    other = generator.choice(["yes", "no"], (runs, n))
    return np.where(generator.random((runs, n)) < keep, common, other)


def test_labels_agree_as_counted_by_hand(make_reference, make_record):
    gold = ["yes", "no"] * 15
    runs = simulated_labels(np.random.default_rng(3), 4, 30, keep=0.7)
    records = [make_record(seed, task="BioASQ", test=row.tolist()) for seed, row in enumerate(runs)]
    found = agreement(records, make_reference("BioASQ", gold))
    assert found.value == pytest.approx(np.mean([(a == b).mean() for a, b in combinations(runs, 2)]))
    right = runs == np.array(gold)
    assert found.all_right == pytest.approx(np.mean(right.sum(axis=0) == 4))
    assert found.none_right == pytest.approx(np.mean(right.sum(axis=0) == 0))
    assert found.all_right + found.some_right + found.none_right == pytest.approx(1.0)
    assert found.items == "examples"
    # Fewer than 40 units: both parts of the variance are jackknives, here by brute force.
    pairs = np.array([[(a == b).mean() for b in runs] for a in runs])
    without = [np.mean([pairs[s, t] for s, t in combinations(range(4), 2) if run not in (s, t)]) for run in range(4)]
    left = [np.mean([np.delete(a == b, i).mean() for a, b in combinations(runs, 2)]) for i in range(30)]
    seeds, units = 3 * np.var(without), 29 * np.var(left)
    df = (seeds + units) ** 2 / (seeds**2 / 3 + units**2 / 29)
    half = scipy.stats.t.ppf(0.975, df) * np.sqrt(seeds + units)
    assert found.interval == pytest.approx((found.value - half, found.value + half))


def test_collapsed_runs_are_left_out_and_counted(make_reference, make_record):
    gold = ["yes", "no"] * 15
    runs = [make_record(s, task="BioASQ", test=gold) for s in (1, 2)]
    lost = [
        make_record(3, task="BioASQ", test=["yes"] * 30),
        make_record(4, task="BioASQ", status="diverged"),
        make_record(5, task="BioASQ", test=gold[::-1], final_loss=0.95),
    ]
    found = agreement([*runs, *lost], make_reference("BioASQ", gold))
    assert (found.n, found.collapsed, found.value, found.interval) == (2, 3, 1.0, None)
    assert agreement(lost, make_reference("BioASQ", gold)).value is None


def test_mentions_agree_by_the_f1_between_runs(make_reference, make_record):
    gold = ["B I O", "O B O", "B O B", "O O O"] * 3
    runs = [
        ["B I O", "O B O", "B O B", "B O O"] * 3,
        ["B I O", "O O O", "B O O", "O O O"] * 3,
        ["B O O", "O B O", "B O B", "O O O"] * 3,
    ]
    records = [make_record(seed, task="NCBI-disease", test=run) for seed, run in enumerate(runs)]
    found = agreement(records, make_reference("NCBI-disease", gold))
    assert found.value == pytest.approx(np.mean([entity_f1(a, b) for a, b in combinations(runs, 2)]))
    # Of the four mentions of a block, all runs find the first of sentence 3; all others are missed by one.
    assert (found.items, found.all_right, found.some_right) == ("gold mentions", 0.25, 0.75)
    assert found.kappa is None


def test_pico_words_agree_by_the_mean_over_classes(make_reference, make_record):
    tags = np.array(["O", "I-PAR", "I-INT", "I-OUT"])
    generator = np.random.default_rng(5)
    gold, *runs = ([" ".join(tags[generator.integers(0, 4, 6)]) for _ in range(12)] for _ in range(4))
    records = [make_record(seed, task="EBM PICO", test=run) for seed, run in enumerate(runs)]
    reference = make_reference("EBM PICO", gold)
    found = agreement(records, reference)
    positives = reference.task.positive_labels
    expected = np.mean([pico_f1(a, b, positives=positives) for a, b in combinations(runs, 2)])
    assert found.value == pytest.approx(expected)


def test_scores_agree_by_icc(make_reference, make_record, correlated):
    gold, run = correlated(20, 0.9)
    records = [make_record(s, test=[v + 0.01 * s * (-1) ** i for i, v in enumerate(run)]) for s in range(4)]
    found = agreement(records, make_reference("BIOSSES", gold))
    assert found.measure == "ICC(A,1)" and 0.99 < found.value < 1 and found.all_right is None


def test_shares_without_items_are_none():
    assert right_shares(np.zeros((3, 0), bool)) is None


def test_the_interval_holds_the_agreement_of_other_seeds_and_examples(make_reference, make_record):
    """Two runs keep the common label with 0.7 each, so they agree with 0.7^2 + (1 - 0.7^2) / 2 = 0.745."""
    held = []
    gold = ["yes", "no"] * 30
    reference = make_reference("BioASQ", gold)
    for trial in range(60):
        runs = simulated_labels(np.random.default_rng(trial), 5, 60, keep=0.7)
        records = [make_record(seed, task="BioASQ", test=row.tolist()) for seed, row in enumerate(runs)]
        low, high = agreement(records, reference).interval
        held.append(low <= 0.745 <= high)
    assert np.mean(held) >= 0.9
