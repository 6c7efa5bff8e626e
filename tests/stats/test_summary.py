"""What a cell says and how cells compare, against numbers worked by hand and scipy."""

import math

import numpy as np
import pytest
import scipy.stats

from blurbstudy.errors import StudyError
from blurbstudy.stats.crossed_seeds import CROSSED, INCOMPLETE
from blurbstudy.stats.intervals import fisher_interval, wilson_interval
from blurbstudy.stats.summary import compare, interaction, summarize

TRUTH = ["yes", "no"] * 20


def answers(n_right):
    return [g if i < n_right else {"yes": "no", "no": "yes"}[g] for i, g in enumerate(TRUTH)]


@pytest.fixture
def bioasq(make_reference):
    return {"BioASQ": make_reference("BioASQ", TRUTH)}


def cell(make_record, *n_right, task="BioASQ"):
    return [make_record(seed, task=task, test=answers(n)) for seed, n in enumerate(n_right, start=1)]


def test_a_cell_by_hand(bioasq, make_record):
    summary = summarize(cell(make_record, 36, 32, 34, 20), bioasq)  # .9 .8 .85 .5; .5 is not above chance
    assert summary.scores == (0.9, 0.8, 0.85, 0.5) and summary.seeds == (1, 2, 3, 4)
    assert (summary.n, summary.n_scored, summary.worst, summary.best) == (4, 4, 0.5, 0.9)
    assert summary.mean == pytest.approx(0.7625)
    assert summary.sd == pytest.approx(np.std([0.9, 0.8, 0.85, 0.5], ddof=1))
    assert summary.trivial == 0.5
    assert (summary.failed, summary.failed_rate, summary.failed_on_test) == (1, 0.25, 1)
    assert summary.failed_interval == wilson_interval(1, 4)
    assert summary.reasons == {"not above the trivial score": 1}
    assert summary.failures == (None, None, None, "not above the trivial score")
    expected = scipy.stats.t.interval(0.95, 3, 0.7625, summary.sd / 2)
    assert summary.seed_interval == pytest.approx(expected)
    assert summary.example_method == "bootstrap over questions"
    low, high = summary.example_interval
    assert low < summary.mean < high
    assert len(set(summary.run_ids)) == 4


def test_a_run_without_score_is_not_in_the_mean_but_counts(bioasq, make_record):
    runs = [*cell(make_record, 36, 32), make_record(9, task="BioASQ", status="diverged")]
    summary = summarize(runs, bioasq)
    assert (summary.n, summary.n_scored, summary.failed) == (3, 2, 1)
    assert summary.mean == pytest.approx(0.85) and summary.scores[-1] is None
    assert summary.reasons == {"loss not finite": 1}


def test_a_collapsed_run_stays_in_the_mean(bioasq, make_record):
    runs = [*cell(make_record, 36), make_record(2, task="BioASQ", test=["yes"] * 40)]
    assert summarize(runs, bioasq).mean == pytest.approx(0.7)


def test_a_cell_without_a_single_score_has_counts_alone(bioasq, make_record):
    summary = summarize([make_record(s, task="BioASQ", status="diverged") for s in (1, 2)], bioasq)
    assert (summary.mean, summary.sd, summary.worst, summary.example_interval) == (None, None, None, None)
    assert (summary.n, summary.failed, summary.failed_rate) == (2, 2, 1.0)


def test_one_seed_has_no_spread(bioasq, make_record):
    summary = summarize(cell(make_record, 36), bioasq)
    assert summary.sd is None and summary.seed_interval is None and summary.mean == 0.9


def test_the_example_interval_of_a_correlation_is_fishers_at_the_mean(make_reference, make_record, correlated):
    references = {"BIOSSES": make_reference("BIOSSES", correlated(20, 0.0)[0])}
    summary = summarize([make_record(s, test=correlated(20, r)[1]) for s, r in ((1, 0.95), (2, 0.91))], references)
    assert summary.mean == pytest.approx(0.93)
    assert summary.example_interval == pytest.approx(fisher_interval(0.93, 20))
    assert summary.example_method == "Fisher's z" and summary.trivial == 0.0


def test_where_everything_is_right_the_interval_over_examples_is_wilsons(bioasq, make_record):
    perfect = summarize(cell(make_record, 40, 40), bioasq)
    assert perfect.example_interval == wilson_interval(40, 40)
    assert perfect.example_method == "Wilson over questions, all of which are right"
    almost = summarize(cell(make_record, 40, 38), bioasq)
    assert almost.example_method == "bootstrap over questions" and almost.example_interval[0] < 0.95


def test_a_told_interval_over_seeds_holds_no_score_that_cannot_be(bioasq, make_record, make_reference, correlated):
    assert summarize(cell(make_record, 40, 20), bioasq).clipped_seed_interval == (0.0, 1.0)
    narrow = summarize(cell(make_record, 30, 31), bioasq)
    assert narrow.clipped_seed_interval == narrow.seed_interval
    references = {"BIOSSES": make_reference("BIOSSES", correlated(20, 0.0)[0])}
    runs = [make_record(s, test=correlated(20, r)[1]) for s, r in ((1, 0.6), (2, -0.5))]
    assert summarize(runs, references).clipped_seed_interval == (-1.0, 1.0)


def test_cells_on_one_document_have_scores_but_no_interval_over_examples(make_reference, make_record):
    references = {
        "ChemProt": make_reference("ChemProt", ["CPR:3", "false"] * 4, units=["d"] * 8),
        "BioASQ": make_reference("BioASQ", ["yes", "no"] * 4),
    }
    runs = {task: [make_record(task=task, test=reference.gold["test"].gold)] for task, reference in references.items()}
    summary = summarize(runs["ChemProt"], references)
    assert (summary.mean, summary.example_interval, summary.example_method) == (1.0, None, "none: one document")
    assert summary.reasons == {"not above the trivial score": 1}
    comparison = compare(runs["ChemProt"], runs["ChemProt"], references)
    assert (comparison.difference, comparison.example_interval, comparison.p_examples) == (0.0, None, None)
    both = summarize([*runs["ChemProt"], *runs["BioASQ"]], references)
    assert both.example_interval is None and both.example_method == "none: one document and bootstrap over questions"


def test_a_cell_whose_correlations_are_all_undefined_has_no_interval(make_reference, make_record, correlated):
    truth, good = correlated(20, 0.9)
    references = {"BIOSSES": make_reference("BIOSSES", truth)}
    constant = [make_record(seed, test=[1.5] * 20) for seed in (1, 2)]
    assert summarize(constant, references).mean == 0.0 and summarize(constant, references).example_interval is None
    assert summarize([*constant, make_record(3, test=good)], references).example_interval is not None


def test_the_example_interval_is_of_the_mean_over_seeds(bioasq, make_record):
    one = summarize(cell(make_record, 30), bioasq).example_interval
    # Seeds that err on other examples steady the mean; the same predictions twice do not.
    twice = summarize(cell(make_record, 30, 30), bioasq).example_interval
    turned = [make_record(1, task="BioASQ", test=answers(30))]
    turned += [
        make_record(
            2, task="BioASQ", test=[g if i >= 10 else "no" * (g == "yes") or "yes" for i, g in enumerate(TRUTH)]
        )
    ]
    mixed = summarize(turned, bioasq).example_interval
    assert twice == one
    assert mixed[1] - mixed[0] < 0.75 * (one[1] - one[0])


def test_a_group_is_the_mean_over_its_tasks_seed_by_seed(make_reference, make_record):
    references = {task: make_reference(task, TRUTH) for task in ("PubMedQA", "BioASQ")}
    first, second = cell(make_record, 36, 32, task="PubMedQA"), cell(make_record, 30, 20)
    summary = summarize([*first, *second], references)
    assert summary.tasks == ("PubMedQA", "BioASQ")
    assert summary.scores == pytest.approx((0.825, 0.65)) and summary.n == 2
    assert (summary.failed, len(summary.run_ids)) == (1, 4)
    alone = [summarize(runs, references).example_interval for runs in (first, second)]
    half = math.hypot(*(high - low for low, high in alone)) / 2
    low, high = summary.example_interval
    assert high - low == pytest.approx(half, rel=0.15)  # independent examples: variances add


def test_a_group_counts_seeds_that_all_tasks_have(make_reference, make_record):
    references = {task: make_reference(task, TRUTH) for task in ("PubMedQA", "BioASQ")}
    summary = summarize([*cell(make_record, 36, 32, task="PubMedQA"), *cell(make_record, 30)], references)
    assert summary.seeds == (1,) and summary.n == 1


def test_two_runs_of_one_seed_are_no_cell(bioasq, make_record):
    with pytest.raises(StudyError, match="two runs with seed 1"):
        summarize([*cell(make_record, 36), *cell(make_record, 32)], bioasq)
    with pytest.raises(StudyError, match="without runs"):
        summarize([], bioasq)


def test_cells_are_compared_by_pairs_of_seeds_as_scipy_does(bioasq, make_record):
    first, second = cell(make_record, 36, 32, 34, 30), cell(make_record, 30, 32, 31, 22)
    comparison = compare(first, [*second, make_record(99, task="BioASQ", test=TRUTH)], bioasq)
    a, b = np.array([36, 32, 34, 30]) / 40, np.array([30, 32, 31, 22]) / 40
    oracle = scipy.stats.ttest_rel(a, b)
    assert comparison.n_pairs == 4 and comparison.seeds == (1, 2, 3, 4)
    assert comparison.difference == pytest.approx((a - b).mean())
    assert comparison.p_seeds == pytest.approx(oracle.pvalue)
    expected = oracle.confidence_interval(0.95)
    assert comparison.seed_interval == pytest.approx((expected.low, expected.high))
    low, high = comparison.example_interval
    assert low < comparison.difference < high


def test_several_comparisons_hold_at_once_at_a_higher_confidence(bioasq, make_record):
    cells = cell(make_record, 36, 32, 34, 30), cell(make_record, 30, 32, 31, 22)
    usual, wider = compare(*cells, bioasq), compare(*cells, bioasq, confidence=0.99)
    expected = scipy.stats.ttest_rel([36, 32, 34, 30], [30, 32, 31, 22]).confidence_interval(0.99)
    assert wider.seed_interval == pytest.approx((expected.low / 40, expected.high / 40))
    assert wider.example_interval[0] < usual.example_interval[0] < usual.example_interval[1] < wider.example_interval[1]
    assert (wider.difference, wider.p_seeds) == (usual.difference, usual.p_seeds)


def test_a_cell_compared_with_itself_differs_by_nothing(bioasq, make_record):
    runs = cell(make_record, 36, 32, 30)
    comparison = compare(runs, runs, bioasq)
    assert (comparison.difference, comparison.p_seeds, comparison.p_examples) == (0.0, 1.0, 1.0)
    assert comparison.example_interval == (0.0, 0.0)


def test_pairing_by_example_sees_what_two_intervals_overlook(bioasq, make_record):
    better, worse = cell(make_record, 37), cell(make_record, 30)  # right wherever the other is, and on 7 more
    comparison = compare(better, worse, bioasq)
    intervals = [summarize(runs, bioasq).example_interval for runs in (worse, better)]
    assert intervals[0][1] > intervals[1][0]
    assert comparison.p_examples < 0.05 and comparison.example_interval[0] > 0
    assert comparison.p_seeds is None and comparison.seed_interval is None


def test_cells_without_a_common_scored_seed_have_no_comparison(bioasq, make_record):
    comparison = compare(cell(make_record, 36), [make_record(1, task="BioASQ", status="diverged")], bioasq)
    assert comparison.n_pairs == 0 and comparison.difference is None


def test_cells_of_different_tasks_are_not_compared(make_reference, make_record):
    references = {task: make_reference(task, TRUTH) for task in ("PubMedQA", "BioASQ")}
    with pytest.raises(StudyError, match="same tasks"):
        compare(cell(make_record, 36), cell(make_record, 36, task="PubMedQA"), references)


CLUSTERS = {"a" * 20: 0, "b" * 20: 1, "c" * 20: 2}


def clustered(make_record, *groups):
    """Runs of several encoders: per encoder, per seed, answers right."""
    return [
        make_record(seed, task="BioASQ", test=answers(n), encoder=encoder)
        for encoder, group in zip(CLUSTERS, groups, strict=False)
        for seed, n in enumerate(group, start=1)
    ]


def test_pretraining_seeds_count_as_clusters(bioasq, make_record):
    summary = summarize(clustered(make_record, (36, 32), (30, 30), (24, 26)), bioasq, clusters=CLUSTERS)
    means = [0.85, 0.75, 0.625]
    assert summary.n == 6 and summary.mean == pytest.approx(np.mean(means))
    expected = scipy.stats.t.interval(0.95, 2, np.mean(means), np.std(means, ddof=1) / math.sqrt(3))
    assert summary.seed_interval == pytest.approx(expected)
    assert summary.seeds == ((0, 1), (0, 2), (1, 1), (1, 2), (2, 1), (2, 2))
    with pytest.raises(StudyError, match="two runs with seed 1 in one cell"):
        summarize(clustered(make_record, (36, 32), (30, 30)), bioasq)


def test_differences_of_clusters_are_paired_by_encoder(bioasq, make_record):
    first, second = clustered(make_record, (36, 34), (32, 30)), clustered(make_record, (30, 30), (30, 24))
    found = compare(first, second, bioasq, clusters=CLUSTERS)
    # By encoder .15, .1 and .05, .15: both mean squares are below the residual one, 4 x .0375^2 with one degree.
    assert found.n_pairs == 4 and found.difference == pytest.approx(0.1125)
    assert found.seed_interval == pytest.approx(scipy.stats.t.interval(0.95, 1, 0.1125, 0.0375))
    assert found.p_seeds == pytest.approx(2 * scipy.stats.t.sf(0.1125 / 0.0375, 1))
    assert found.seed_method == CROSSED


def test_the_mean_of_a_cell_is_the_centre_of_its_interval_over_seeds_though_a_run_has_no_score(bioasq, make_record):
    runs = clustered(make_record, (36, 30, 34), (30, 26, 31), (24, 20, 30))
    lost = make_record(3, task="BioASQ", status="diverged", encoder="c" * 20)
    summary = summarize([*runs[:-1], lost], bioasq, clusters=CLUSTERS)
    assert (summary.n, summary.n_scored, summary.variance.n_encoders, summary.variance.n_seeds) == (9, 8, 3, 2)
    assert summary.mean == pytest.approx(np.mean([36, 30, 34, 30, 26, 31, 24, 20]) / 40)
    assert sum(summary.seed_interval) / 2 == pytest.approx(summary.mean)
    low, high = summary.example_interval
    assert low < summary.mean < high and summary.seed_method == INCOMPLETE


def test_a_seed_that_is_lucky_with_every_encoder_does_not_make_the_mean_sure(bioasq, make_record):
    summary = summarize(clustered(make_record, (36, 24), (36, 24), (35, 24)), bioasq, clusters=CLUSTERS)
    assert summary.variance.finetuning == pytest.approx(11.67 / 40 / math.sqrt(2), rel=0.01)
    low, high = summary.seed_interval
    assert high - low > 1  # two fine-tuning seeds, however many encoders agree


def test_an_interaction_is_a_difference_of_paired_differences(bioasq, make_record):
    cells = [cell(make_record, *n) for n in ((36, 34, 35), (30, 30, 29), (32, 30, 30), (30, 29, 30))]
    found = interaction((cells[0], cells[1]), (cells[2], cells[3]), bioasq)
    differences = [(6 - 2) / 40, (4 - 1) / 40, (6 - 0) / 40]
    assert found.difference == pytest.approx(np.mean(differences)) and found.n_pairs == 3
    assert found.p_seeds == pytest.approx(scipy.stats.ttest_1samp(differences, 0).pvalue)
    same = interaction((cells[0], cells[1]), (cells[0], cells[1]), bioasq)
    assert same.difference == 0 and same.example_interval == (0, 0)


def test_tasks_are_weighted_in_a_mean(bioasq, make_record, make_reference):
    both = bioasq | {"PubMedQA": make_reference("PubMedQA", TRUTH)}
    runs = [*cell(make_record, 36, 32), *cell(make_record, 20, 24, task="PubMedQA")]
    weighted = summarize(runs, both, weights={"BioASQ": 3, "PubMedQA": 1})
    assert weighted.scores == pytest.approx(((3 * 0.9 + 0.5) / 4, (3 * 0.8 + 0.6) / 4))
    assert weighted.trivial == 0.5
    assert summarize(runs, both).scores == pytest.approx((0.7, 0.7))
