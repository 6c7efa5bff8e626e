"""Ensembles of seeds, against brute force over subsets and hand-made votes."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from blurbstudy.metrics import METRICS, entity_f1, pearson
from blurbstudy.stats.contrasts import contrast
from blurbstudy.stats.panels import ContrastGroup, ScoredTask
from blurbstudy.stats.resampling import Resampling, bootstrap_counts
from blurbstudy.stats.seeds.ensembles import MAJORITY, MEAN_PROBABILITY, MEAN_SCORE, Combiner, ensembles, subsets_of
from blurbstudy.tasks import get_task

accuracy = METRICS["accuracy"].score


def combine(records, task, split):
    return Combiner(records, task, split).predictions(range(len(records)))


def with_probabilities(record, rows):
    return replace(record, probabilities={"dev": rows, "test": rows})


def test_labels_are_those_of_the_largest_mean_probability(make_record):
    labels = get_task("BioASQ").labels
    first = with_probabilities(
        make_record(1, task="BioASQ", test=[labels[0]] * 3), [[0.9, 0.1], [0.6, 0.4], [0.5, 0.5]]
    )
    second = with_probabilities(
        make_record(2, task="BioASQ", test=[labels[1]] * 3), [[0.4, 0.6], [0.3, 0.7], [0.5, 0.5]]
    )
    assert combine([first, second], get_task("BioASQ"), "test") == [labels[0], labels[1], labels[0]]


def test_votes_tie_to_the_order_of_labels(make_record):
    task = get_task("PubMedQA")
    runs = [make_record(s, task="PubMedQA", test=[label]) for s, label in enumerate(reversed(task.labels))]
    assert combine(runs, task, "test") == [task.labels[0]]
    assert combine([*runs, make_record(9, task="PubMedQA", test=[task.labels[2]])], task, "test") == [task.labels[2]]


def test_tags_are_voted_on_word_by_word(make_record):
    runs = [make_record(s, task="NCBI-disease", test=[tags]) for s, tags in enumerate(["B I O", "B O O", "O I B"])]
    assert combine(runs, get_task("NCBI-disease"), "test") == ["B I O"]


def test_label_sets_need_more_than_half(make_record):
    task = get_task("HoC")
    a, b, c = task.labels[:3]
    sets = [f"{a},{b}", f"{a},{c}", b, ""]
    runs = [make_record(s, task="HoC", test=[labels]) for s, labels in enumerate(sets)]
    assert combine(runs, task, "test") == [""]  # two of four are not more than half
    assert combine(runs[:3], task, "test") == [f"{a},{b}"]
    rows = [[[0.9, 0.2, 0.5, *[0.0] * (len(task.labels) - 3)]], [[0.2, 0.2, 0.6, *[0.0] * (len(task.labels) - 3)]]]
    both = [with_probabilities(run, row) for run, row in zip(runs[:2], rows, strict=True)]
    assert combine(both, task, "test") == [f"{a},{c}"]
    chosen = [replace(run, threshold=threshold) for run, threshold in zip(both, (0.05, 0.3), strict=True)]
    assert combine(chosen, task, "test") == [f"{a},{b},{c}"]  # above 0.175, the mean of what dev chose


def noisy_scores(gold, generator, runs):
    shared = generator.normal(0, 0.5, len(gold))
    return [[float(v) for v in np.asarray(gold) + shared + generator.normal(0, 1.0, len(gold))] for _ in range(runs)]


def test_scores_are_averaged_and_all_subsets_count(make_reference, make_record, correlated):
    gold, _ = correlated(50, 0.0)
    predicted = noisy_scores(gold, np.random.default_rng(1), 7)
    records = [make_record(seed, test=run) for seed, run in enumerate(predicted)]
    found = ensembles(records, make_reference("BIOSSES", gold))
    assert (found.method, found.n, found.collapsed) == (MEAN_SCORE, 7, 0)
    assert [(one.size, one.subsets) for one in found.sizes] == [(1, 7), (3, 35), (5, 21), (7, 1)]
    z = np.arctanh([pearson(gold, run) for run in predicted])
    for one in found.sizes:
        together = [
            np.arctanh(pearson(gold, np.mean([predicted[i] for i in subset], axis=0)))
            for subset in combinations(range(7), one.size)
        ]
        assert one.score == pytest.approx(np.tanh(np.mean(together)))
        assert one.members == pytest.approx(np.tanh(z.mean()))
        assert one.gain == pytest.approx(one.score - one.members)
    single, three, five, whole = found.sizes
    assert single.gain == pytest.approx(0.0, abs=1e-12) and single.interval is None
    assert three.interval[0] < three.gain < three.interval[1] and three.example_interval is None
    assert five.interval is None and five.reason == "7 runs hold no two disjoint ensembles of 5"
    assert whole.interval is None and 0 < whole.example_interval[0] < whole.gain < whole.example_interval[1]


def test_the_interval_is_that_of_a_contrast_of_disjoint_subsets(make_reference, make_record):
    generator = np.random.default_rng(4)
    gold = ["yes", "no"] * 25
    right = generator.random((6, 50)) < 0.75
    other = {"yes": "no", "no": "yes"}
    predicted = [[g if ok else other[g] for g, ok in zip(gold, row, strict=True)] for row in right]
    records = [make_record(seed, task="BioASQ", test=run) for seed, run in enumerate(predicted)]
    three = ensembles(records, make_reference("BioASQ", gold)).sizes[1]
    votes = {0: right[:3].sum(axis=0) >= 2, 1: right[3:].sum(axis=0) >= 2}
    means = {0: right[:3].mean(axis=0), 1: right[3:].mean(axis=0)}
    order = np.array(sorted(range(50), key=str))  # units are sorted by name
    counts = bootstrap_counts(50).astype(float)
    sides = [
        ContrastGroup(
            tasks={
                "t": ScoredTask(
                    scores={g: float(row.mean()) for g, row in side.items()},
                    replicates={g: counts @ row[order] / 50 for g, row in side.items()},
                    resampling=Resampling(n_units=50),
                )
            },
            weights={"t": 1.0},
        )
        for side in (votes, means)
    ]
    expected = contrast([sides], is_z=False)
    all_subsets = [
        accuracy(gold, combine([records[i] for i in subset], get_task("BioASQ"), "test"))
        for subset in combinations(range(6), 3)
    ]
    assert three.gain == pytest.approx(np.mean(all_subsets) - right.mean())
    low, high = expected.interval_at(0.95)
    shift = three.gain - expected.difference
    assert three.interval == pytest.approx((low + shift, high + shift))


def test_mentions_are_scored_as_by_the_metric(make_reference, make_record):
    generator = np.random.default_rng(7)
    gold = [" ".join(generator.choice(["O", "B"], 6, p=[0.7, 0.3])) for _ in range(30)]

    def noisy():
        flip = {"O": "B", "B": "O"}
        return [" ".join(flip[t] if generator.random() < 0.15 else t for t in tags.split()) for tags in gold]

    records = [make_record(seed, task="NCBI-disease", test=noisy()) for seed in range(5)]
    task = get_task("NCBI-disease")
    found = ensembles(records, make_reference("NCBI-disease", gold))
    expected = [entity_f1(gold, combine([records[i] for i in s], task, "test")) for s in combinations(range(5), 3)]
    assert found.method == MAJORITY and found.sizes[1].score == pytest.approx(np.mean(expected))
    assert found.sizes[1].gain > 0


def test_collapsed_runs_are_no_members(make_reference, make_record):
    gold = ["yes", "no"] * 20
    good = [make_record(seed, task="BioASQ", test=gold) for seed in range(3)]
    lost = [make_record(8, task="BioASQ", test=["yes"] * 40), make_record(9, task="BioASQ", status="diverged")]
    found = ensembles([*good, *lost], make_reference("BioASQ", gold))
    assert (found.n, found.collapsed, found.sizes[-1].score) == (3, 2, 1.0)
    assert ensembles(lost, make_reference("BioASQ", gold)).sizes == ()


def test_probabilities_are_used_where_all_runs_have_them(make_reference, make_record):
    gold = ["yes", "no"] * 20
    rows = [[0.5, 0.5]] * 40
    runs = [with_probabilities(make_record(seed, task="BioASQ", test=gold), rows) for seed in range(3)]
    assert ensembles(runs, make_reference("BioASQ", gold)).method == MEAN_PROBABILITY
    plain = make_record(5, task="BioASQ", test=gold)
    assert ensembles([*runs, plain], make_reference("BioASQ", gold)).method == MAJORITY


def test_many_subsets_are_drawn_once_each():
    drawn = subsets_of(20, 5)
    assert len(drawn) == len(set(drawn)) == 200 and drawn == subsets_of(20, 5)
    assert {len(subset) for subset in drawn} == {5}
    members = np.bincount([run for subset in drawn for run in subset], minlength=20)
    assert members.min() > 20 and members.max() < 85  # 50 each are expected
