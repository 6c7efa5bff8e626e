"""Replicates of scores against explicit loops over the same draws, and what is drawn: units, documents or blocks."""

import math

import numpy as np
import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.metrics import METRICS, score
from blurbstudy.stats import resampling
from blurbstudy.stats.resampling import (
    MIN_BOOTSTRAP_UNITS,
    Resampling,
    bootstrap_of_sums,
    counting_units,
    jackknife_scores,
    unit_sums,
)
from blurbstudy.tasks import TASKS

TAGS = ["O B I O", "B O", "O O O", "O B", "O O O", "B I O"]


def bootstrap_scores(metric, gold, predicted, *, units):
    return bootstrap_of_sums(metric, unit_sums(metric, tuple(gold), tuple(predicted), tuple(units), ()))


def example(metric, n=12):
    generator = np.random.default_rng(1)
    if metric == "pearson":
        return tuple(tuple(side) for side in generator.normal(size=(2, n)))
    return tuple(tuple(generator.choice(["yes", "no"], n).tolist()) for _ in range(2))


@pytest.mark.parametrize("metric", ["accuracy", "pearson"])
def test_a_bootstrap_replicate_is_the_metric_on_the_drawn_examples(metric):
    gold, predicted = example(metric)
    scores = bootstrap_scores(metric, gold, predicted, units=[str(i // 2) for i in range(12)])
    counts = resampling.bootstrap_counts(6)
    assert counts.shape == (resampling.RESAMPLES, 6) and (counts.sum(axis=1) == 6).all()
    for draw in range(20):
        rows = [i for i in range(12) for _ in range(int(counts[draw, i // 2]))]
        expected = score(metric, [gold[i] for i in rows], [predicted[i] for i in rows])
        assert scores[draw] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("metric", ["accuracy", "pearson"])
def test_a_jackknife_replicate_is_the_metric_without_one_unit(metric):
    gold, predicted = example(metric)
    units = tuple(str(i // 3) for i in range(12))
    scores = jackknife_scores(metric, unit_sums(metric, gold, predicted, units, ()))
    left = [[i for i in range(12) if i // 3 != unit] for unit in range(4)]
    expected = [score(metric, [gold[i] for i in rows], [predicted[i] for i in rows]) for rows in left]
    assert scores == pytest.approx(expected)
    mean = sum(expected) / 4
    assert Resampling(n_units=4).variance(scores) == pytest.approx(3 / 4 * sum((one - mean) ** 2 for one in expected))


def test_of_a_mean_the_jackknife_variance_is_that_of_the_textbook():
    right = [1, 0, 1, 1, 0, 1, 1]
    predicted = tuple("yes" if one else "no" for one in right)
    sums = unit_sums("accuracy", ("yes",) * 7, predicted, tuple("abcdefg"), ())
    variance = Resampling(n_units=7).variance(jackknife_scores("accuracy", sums))
    assert variance == pytest.approx(np.var(right, ddof=1) / 7)


def test_from_forty_units_on_variances_are_the_bootstraps():
    assert not Resampling(n_units=MIN_BOOTSTRAP_UNITS - 1).is_bootstrap
    sixty = Resampling(n_units=60)
    assert sixty.is_bootstrap
    predicted = ["yes"] * 45 + ["no"] * 15
    replicates = bootstrap_scores("accuracy", ["yes"] * 60, predicted, units=[str(i) for i in range(60)])
    assert sixty.variance(replicates) == pytest.approx(0.75 * 0.25 / 60, rel=0.1)


def test_whole_units_spread_more_than_examples():
    right = ["yes"] * 300 + ["no"] * 200
    alone = bootstrap_scores("accuracy", ["yes"] * 500, right, units=[str(i) for i in range(500)])
    together = bootstrap_scores("accuracy", ["yes"] * 500, right, units=[str(i // 10) for i in range(500)])
    assert alone.std() == pytest.approx(math.sqrt(0.6 * 0.4 / 500), rel=0.05)
    assert together.std() == pytest.approx(math.sqrt(0.6 * 0.4 / 50), rel=0.05)


def test_runs_on_one_split_are_scored_on_the_same_draws():
    """Of two runs that err on the same examples, one on two more, the difference has the spread of those two alone."""
    units = [str(i) for i in range(100)]
    first, second = (["yes"] * right + ["no"] * (100 - right) for right in (70, 68))
    draws = [bootstrap_scores("accuracy", ["yes"] * 100, one, units=units) for one in (first, second)]
    assert (draws[0] >= draws[1]).all()
    assert np.std(draws[0] - draws[1]) == pytest.approx(math.sqrt(0.02 * 0.98 / 100), rel=0.05)


def test_a_bootstrap_draws_the_same_every_time():
    values = [float(i % 7) for i in range(30)]
    units = [str(i) for i in range(30)]
    first = bootstrap_scores("pearson", values, values[::-1], units=units)
    resampling.bootstrap_counts.cache_clear()
    resampling._bootstrap.cache_clear()
    assert np.array_equal(first, bootstrap_scores("pearson", values, values[::-1], units=units))


def test_replicates_are_kept_and_cannot_be_changed():
    given = (["yes", "no", "yes"], ["yes", "yes", "yes"])
    first, second = (bootstrap_scores("accuracy", *given, units="abc") for _ in range(2))
    assert first is second
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1.0


def test_constant_predictions_have_correlation_0_in_every_draw():
    draws = bootstrap_scores("pearson", [1.0, 2.0, 3.0], [5.0, 5.0, 5.0], units=["a", "b", "c"])
    assert np.array_equal(draws, np.zeros(resampling.RESAMPLES))


def test_one_unit_has_no_draws_and_two_have():
    assert bootstrap_scores("accuracy", ["yes"] * 3, ["yes", "yes", "no"], units=["a"] * 3) is None
    two = bootstrap_scores("accuracy", ["yes"] * 3, ["yes", "yes", "no"], units=["a", "a", "b"])
    assert set(two) == {0.0, 2 / 3, 1.0}


def test_a_metric_that_does_not_exist_is_refused():
    with pytest.raises(ParameterError, match="use accuracy, pearson"):
        bootstrap_scores("bleu", ["a"], ["a"], units=["a"])


def test_of_an_f1_the_units_with_a_gold_or_a_predicted_mention_count():
    predicted = ("O O O O", "B O", "O B O", "O B", "O O O", "O O O")  # missed, right, invented, right, nothing, missed
    sums = unit_sums("entity_f1", tuple(TAGS), predicted, tuple("abcdef"), ())
    assert counting_units(sums).tolist() == [True, True, True, True, False, True]
    answers = unit_sums("accuracy", ("yes", "no"), ("no", "no"), ("a", "b"), ())
    assert counting_units(answers).all()
    assert set(METRICS) >= {"entity_f1", "accuracy"}


def test_a_reference_takes_the_jackknife_below_forty_units_and_the_bootstrap_above(make_reference):
    for n in (39, 40):
        truth = ["yes", "no"] * (n // 2) + ["yes"] * (n % 2)
        reference, predicted = make_reference("BioASQ", truth), ["yes"] * n
        assert len(reference.score_of(predicted, split="test").replicates()) == (
            39 if n == 39 else resampling.RESAMPLES
        )
    assert (
        make_reference("BioASQ", ["yes"] * 4, units=["d"] * 4).score_of(["no"] * 4, split="test").replicates() is None
    )


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_units_are_documents_where_they_are_named_and_examples_elsewhere(task, make_reference):
    gold = [1.0, 2.0, 3.0] if task.is_regression else [task.labels[0]] * 3
    alone, together = make_reference(task.name, gold), make_reference(task.name, gold, units=["d1", "d1", "d2"])
    example = {"BIOSSES": "pair", "PubMedQA": "question", "BioASQ": "question", "HoC": "document"}
    assert (alone.resampling_unit("test"), alone.n_units("test")) == (example.get(task.name, "sentence"), 3)
    assert (together.resampling_unit("test"), together.n_units("test")) == ("document", 2)


@pytest.mark.parametrize(("task", "in_blocks"), [("BC5-chem", True), ("NCBI-disease", True), ("BC2GM", False)])
def test_ten_sentences_are_a_unit_where_abstracts_are_not_marked(task, in_blocks, make_reference):
    reference = make_reference(task, TAGS[:5] * 21)  # 105 sentences
    units = reference.units("test")
    if in_blocks:
        assert [units.count(name) for name in sorted(set(units))] == [10] * 10 + [5]
        assert units == tuple(sorted(units))  # consecutive
        assert reference.resampling_units("test") == "blocks of 10 sentences"
    else:
        assert len(set(units)) == 105 and reference.resampling_units("test") == "sentences"


def test_few_sentences_and_named_documents_are_not_cut_into_blocks(make_reference):
    assert make_reference("BC5-chem", TAGS[:5] * 19).n_units("test") == 95
    named = make_reference("BC5-chem", TAGS[:5] * 21, units=[str(i // 35) for i in range(105)])
    assert named.n_units("test") == 3 and named.resampling_units("test") == "documents"
