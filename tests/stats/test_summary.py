"""What a cell says, against numbers worked by hand and scipy."""

import math

import numpy as np
import pytest
import scipy.stats

from blurbstudy.errors import StudyError
from blurbstudy.stats.crossed_seeds import INCOMPLETE
from blurbstudy.stats.intervals import mixture_interval, t_interval, wilson_interval
from blurbstudy.stats.status import RunStatus
from blurbstudy.stats.summary import collapse_strata, compare, summarize

TRUTH = ["yes", "no"] * 20
FLIPPED = {"yes": "no", "no": "yes"}
UNTRAINED = dict(final_loss=0.95)


def answers(n_right):
    return [g if i < n_right else FLIPPED[g] for i, g in enumerate(TRUTH)]


@pytest.fixture
def bioasq(make_reference):
    return {"BioASQ": make_reference("BioASQ", TRUTH)}


def cell(make_record, *n_right, task="BioASQ", **settings):
    return [make_record(seed, task=task, test=answers(n), **settings) for seed, n in enumerate(n_right, start=1)]


def test_a_cell_by_hand(bioasq, make_record):
    """.9 .8 .85, .5 as the majority has it, and a fifth run of .7 whose loss is a constant's."""
    runs = [*cell(make_record, 36, 32, 34, 20), make_record(5, task="BioASQ", test=answers(28), **UNTRAINED)]
    summary = summarize(runs, bioasq)
    assert summary.scores == (0.9, 0.8, 0.85, 0.5, 0.7) and summary.seeds == (1, 2, 3, 4, 5)
    assert (summary.n, summary.runs, summary.n_scored, summary.worst, summary.best) == (5, 5, 5, 0.5, 0.9)
    assert summary.mean == pytest.approx(0.75) and summary.trivial == 0.5
    statuses = {RunStatus.SHOWN: 3, RunStatus.TRIVIAL: 1, RunStatus.NOT_TRAINED: 1}
    assert (
        summary.statuses == statuses
        and [judgement.status.failed for judgement in summary.judgements] == [0] * 3 + [1] * 2
    )
    assert (summary.collapsed, summary.failed, summary.failed_rate) == (1, 2, 0.4)
    assert summary.collapse_interval == wilson_interval(1, 5)
    noncollapsed = [0.9, 0.8, 0.85, 0.5]
    assert summary.n_noncollapsed == 4 and summary.noncollapsed_mean == pytest.approx(0.7625)
    assert summary.noncollapsed_sd == pytest.approx(np.std(noncollapsed, ddof=1))
    low, _ = t_interval(noncollapsed)
    assert summary.seed_interval == pytest.approx((low, 1.0))  # cut at what an accuracy can be
    expected = mixture_interval(noncollapsed, [0.7], n=5, trivial=0.5, low=0.0)
    assert summary.mixture_interval == pytest.approx(expected)
    low, high = summary.example_interval
    assert low < summary.noncollapsed_mean < high and summary.example_method == "bootstrap over questions"
    assert len(set(summary.run_ids)) == 5 and not summary.all_collapsed


def test_a_run_without_score_is_in_no_mean_but_counts_as_collapsed(bioasq, make_record):
    summary = summarize([*cell(make_record, 36, 32), make_record(9, task="BioASQ", status="diverged")], bioasq)
    assert (summary.n, summary.n_scored, summary.collapsed) == (3, 2, 1)
    assert summary.mean == pytest.approx(0.85) and summary.scores[-1] is None
    assert summary.statuses[RunStatus.DIVERGED] == 1


def test_a_constant_run_is_in_the_mean_over_all_runs_alone(bioasq, make_record):
    summary = summarize([*cell(make_record, 36, 34), make_record(3, task="BioASQ", test=["yes"] * 40)], bioasq)
    assert summary.mean == pytest.approx((0.9 + 0.85 + 0.5) / 3) and summary.noncollapsed_mean == pytest.approx(0.875)


def test_a_cell_all_of_whose_runs_collapsed_has_counts_alone(bioasq, make_record):
    summary = summarize([make_record(s, task="BioASQ", status="diverged") for s in (1, 2)], bioasq)
    assert summary.all_collapsed and (summary.n, summary.collapsed, summary.failed_rate) == (2, 2, 1.0)
    nothing = (summary.mean, summary.sd, summary.worst, summary.example_interval, summary.mixture_interval)
    assert set(nothing) == {None} and summary.noncollapsed_mean is None


def test_below_three_runs_there_is_no_interval_over_seeds_and_no_mixture(bioasq, make_record):
    assert summarize(cell(make_record, 36, 30), bioasq).seed_interval is None
    assert summarize(cell(make_record, 36, 30, 33), bioasq).seed_interval is not None
    two = [*cell(make_record, 36, 30), make_record(3, task="BioASQ", test=answers(28), **UNTRAINED)]
    assert summarize(two, bioasq).mixture_interval is None
    assert summarize(cell(make_record, 36), bioasq).sd is None


def test_the_mixture_is_told_only_where_a_run_collapsed(bioasq, make_record):
    runs = cell(make_record, 36, 30, 33)
    assert summarize(runs, bioasq).mixture_interval is None
    collapsed = [*runs, make_record(4, task="BioASQ", status="diverged")]
    found = summarize(collapsed, bioasq).mixture_interval
    assert found == mixture_interval([0.9, 0.75, 0.825], [], n=4, trivial=0.5, low=0.0)


def test_the_interval_over_examples_of_a_correlation(make_reference, make_record, correlated):
    truth = correlated(20, 0.0)[0]
    references = {"BIOSSES": make_reference("BIOSSES", truth)}
    runs = [make_record(s, test=correlated(20, r)[1]) for s, r in ((1, 0.95), (2, 0.91))]
    one = summarize(runs[:1], references)
    fisher = scipy.stats.pearsonr(truth, runs[0].predictions["test"]).confidence_interval(0.95)
    assert one.example_interval == pytest.approx((fisher.low, fisher.high)) and one.example_method == "Fisher's z"
    both = summarize(runs, references)
    left = [
        [np.corrcoef(np.delete(truth, i), np.delete(run.predictions["test"], i))[0, 1] for i in range(20)]
        for run in runs
    ]
    z = np.arctanh(left).mean(axis=0)
    centre, error = np.arctanh([0.95, 0.91]).mean(), math.sqrt(19 / 20 * ((z - z.mean()) ** 2).sum())
    half = scipy.stats.t.ppf(0.975, 19) * error
    assert both.example_interval == pytest.approx((math.tanh(centre - half), math.tanh(centre + half)))
    assert both.example_method == "jackknife over pairs, on Fisher's z scale" and both.trivial == 0.0


def test_an_interval_over_examples_needs_ten_units_that_can_be_right_or_wrong(make_reference, make_record):
    few = make_reference("BC5-chem", ["O B"] * 9 + ["O O"] * 31)
    wrong = make_record(task="BC5-chem", test=["O B"] * 7 + ["O O"] * 33)
    found = summarize([wrong], {"BC5-chem": few})
    assert (found.example_interval, found.example_method) == (
        None,
        "none: only 9 sentences that can be right or wrong",
    )
    right = make_record(task="BC5-chem", test=["O B"] * 9 + ["O O"] * 31)
    perfect = summarize([right], {"BC5-chem": few})
    assert perfect.example_interval == wilson_interval(9, 9)  # not that of 40
    assert perfect.example_method == "Wilson over sentences, all of which are right"


def test_where_everything_is_right_the_interval_over_examples_is_wilsons(bioasq, make_record):
    assert summarize(cell(make_record, 40, 40), bioasq).example_interval == wilson_interval(40, 40)
    almost = summarize(cell(make_record, 40, 38), bioasq)
    assert almost.example_method == "bootstrap over questions" and almost.example_interval[0] < 0.95


def test_cells_on_one_document_have_scores_but_no_interval_over_examples(make_reference, make_record):
    references = {
        "ChemProt": make_reference("ChemProt", ["CPR:3", "false"] * 10, units=["d"] * 20),
        "BioASQ": make_reference("BioASQ", ["yes", "no"] * 10),
    }
    wrong = {"ChemProt": ["CPR:3", "CPR:4"] * 10, "BioASQ": ["yes", "no"] * 9 + ["yes", "yes"]}
    runs = {task: [make_record(seed, task=task, test=wrong[task]) for seed in (1, 2)] for task in references}
    summary = summarize(runs["ChemProt"], references)
    assert (summary.example_interval, summary.example_method) == (None, "none: only 1 document")
    assert [str(judgement) for judgement in summary.judgements] == [
        "not judged: dev is 1 document, too few for a bound"
    ] * 2
    comparison = compare([[runs["ChemProt"], runs["ChemProt"]]], references)
    assert comparison.p is None and comparison.reason == "fewer than 5 test units"
    both = summarize([*runs["ChemProt"], *runs["BioASQ"]], references)
    assert both.example_interval is None and both.example_method == "none: fewer than 10 documents and questions"


def test_the_interval_over_examples_is_of_the_mean_over_seeds(bioasq, make_record):
    """Seeds that err on other examples steady the mean; the same predictions twice do not."""
    one = summarize(cell(make_record, 30), bioasq).example_interval
    twice = summarize(cell(make_record, 30, 30), bioasq).example_interval
    elsewhere = [g if i >= 10 else FLIPPED[g] for i, g in enumerate(TRUTH)]
    runs = [*cell(make_record, 30), make_record(2, task="BioASQ", test=elsewhere)]
    mixed = summarize(runs, bioasq).example_interval
    assert twice == one and mixed[1] - mixed[0] < 0.75 * (one[1] - one[0])


def test_a_group_is_the_mean_over_its_tasks_seed_by_seed(make_reference, make_record):
    references = {task: make_reference(task, TRUTH) for task in ("PubMedQA", "BioASQ")}
    first, second = cell(make_record, 36, 32, task="PubMedQA"), cell(make_record, 30, 20)
    summary = summarize([*first, *second], references)
    assert summary.tasks == ("PubMedQA", "BioASQ") and summary.collapse_interval is None
    assert summary.scores == pytest.approx((0.825, 0.65)) and (summary.n, summary.runs) == (2, 4)
    assert (summary.failed, summary.failed_rate, len(summary.run_ids)) == (1, 0.25, 4)
    alone = [summarize(runs, references).example_interval for runs in (first, second)]
    half = math.hypot(*(high - low for low, high in alone)) / 2
    low, high = summary.example_interval
    assert high - low == pytest.approx(half, rel=0.15)  # independent examples: variances add


@pytest.mark.parametrize("lost", ["PubMedQA", "BioASQ"])
def test_a_seed_without_a_score_on_one_task_has_none(make_reference, make_record, lost):
    references = {task: make_reference(task, TRUTH) for task in ("PubMedQA", "BioASQ")}
    runs = [
        run
        for task in references
        for run in cell(make_record, 36, 32, task=task)
        if (task, run.config.seed) != (lost, 2)
    ]
    runs.append(make_record(2, task=lost, status="diverged"))
    summary = summarize(runs, references)
    assert summary.scores == (pytest.approx(0.9), None) and summary.n_noncollapsed == 1
    assert [judgement.status for judgement in summary.judgements] == [RunStatus.SHOWN, RunStatus.DIVERGED]


def test_a_group_counts_seeds_that_all_tasks_have(make_reference, make_record):
    references = {task: make_reference(task, TRUTH) for task in ("PubMedQA", "BioASQ")}
    summary = summarize([*cell(make_record, 36, 32, task="PubMedQA"), *cell(make_record, 30)], references)
    assert summary.seeds == (1,) and summary.n == 1


def test_tasks_are_weighted_in_a_mean(bioasq, make_record, make_reference):
    both = bioasq | {"PubMedQA": make_reference("PubMedQA", TRUTH)}
    runs = [*cell(make_record, 36, 32), *cell(make_record, 20, 24, task="PubMedQA")]
    weighted = summarize(runs, both, weights={"BioASQ": 3, "PubMedQA": 1})
    assert weighted.scores == pytest.approx(((3 * 0.9 + 0.5) / 4, (3 * 0.8 + 0.6) / 4))
    assert weighted.trivial == 0.5
    assert summarize(runs, both).scores == pytest.approx((0.7, 0.7))


def test_two_runs_of_one_seed_are_no_cell(bioasq, make_record):
    with pytest.raises(StudyError, match="two runs with seed 1"):
        summarize([*cell(make_record, 36), *cell(make_record, 32)], bioasq)
    with pytest.raises(StudyError, match="without runs"):
        summarize([], bioasq)


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
    low, high = scipy.stats.t.interval(0.95, 2, np.mean(means), np.std(means, ddof=1) / math.sqrt(3))
    assert summary.seed_interval == pytest.approx((low, min(high, 1.0)))
    assert summary.seeds == ((0, 1), (0, 2), (1, 1), (1, 2), (2, 1), (2, 2))
    with pytest.raises(StudyError, match="two runs with seed 1 in one cell"):
        summarize(clustered(make_record, (36, 32), (30, 30)), bioasq)


def test_a_cell_of_several_encoders_has_no_mixture_interval(bioasq, make_record):
    runs = clustered(make_record, (36, 32), (30, 30), (24, 26))
    lost = make_record(3, task="BioASQ", status="diverged", encoder="c" * 20)
    summary = summarize([*runs, lost], bioasq, clusters=CLUSTERS)
    assert summary.n_scored == 6 and summary.collapsed == 1 and summary.mixture_interval is None


def test_the_mean_of_a_cell_is_the_centre_of_its_interval_though_a_run_has_no_score(bioasq, make_record):
    runs = clustered(make_record, (36, 35, 36), (34, 33, 34), (31, 30, 31))
    lost = make_record(3, task="BioASQ", status="diverged", encoder="c" * 20)
    summary = summarize([*runs[:-1], lost], bioasq, clusters=CLUSTERS)
    assert (summary.n, summary.n_scored, summary.variance.n_encoders, summary.variance.n_seeds) == (9, 8, 3, 2)
    assert summary.mean == pytest.approx(np.mean([36, 35, 36, 34, 33, 34, 31, 30]) / 40)
    assert sum(summary.seed_interval) / 2 == pytest.approx(summary.mean, abs=0.04)
    assert summary.seed_method == INCOMPLETE


def test_cells_are_compared_by_pairs_of_seeds(bioasq, make_record):
    first, second = cell(make_record, 36, 32, 34, 30), cell(make_record, 30, 32, 31, 22)
    comparison = compare([[first, second]], bioasq)
    x = np.array([[p == q for p, q in zip(answers(n), TRUTH, strict=True)] for n in (36, 32, 34, 30)], float)
    x -= np.array([[p == q for p, q in zip(answers(n), TRUTH, strict=True)] for n in (30, 32, 31, 22)], float)
    oracle = scipy.stats.ttest_rel([36, 32, 34, 30], [30, 32, 31, 22])
    bounds = oracle.confidence_interval(0.95)
    assert comparison.n == 4 and comparison.seeds == (1, 2, 3, 4) and comparison.paired
    assert comparison.difference == pytest.approx(x.mean())
    assert comparison.seed_interval == pytest.approx((bounds.low / 40, bounds.high / 40))
    half = scipy.stats.t.ppf(0.975, 39) * x.mean(axis=0).std(ddof=1) / math.sqrt(40)
    low, high = comparison.example_interval
    assert (high - low) / 2 == pytest.approx(half, rel=0.05)  # forty questions: by the bootstrap


def test_cells_with_other_seeds_are_independent(bioasq, make_record):
    first, second = cell(make_record, 36, 32, 34, 30), cell(make_record, 30, 32, 31, 22)[:3]
    comparison = compare([[first, second]], bioasq)
    bounds = scipy.stats.ttest_ind([36, 32, 34, 30], [30, 32, 31], equal_var=False).confidence_interval()
    assert not comparison.paired and comparison.n == 3
    assert comparison.seed_interval == pytest.approx((bounds.low / 40, bounds.high / 40))


def test_collapsed_runs_with_a_score_are_compared_too(bioasq, make_record):
    collapsed = [make_record(s, task="BioASQ", test=answers(20), **UNTRAINED) for s in (3, 4)]
    comparison = compare([[[*cell(make_record, 36, 32), *collapsed], cell(make_record, 30, 30, 30, 30)]], bioasq)
    assert comparison.n == 4 and comparison.difference == pytest.approx((36 + 32 + 20 + 20 - 120) / 160)


def test_a_cell_compared_with_itself_is_not_judged(bioasq, make_record):
    runs = cell(make_record, 36, 32, 30)
    comparison = compare([[runs, runs]], bioasq)
    assert (comparison.difference, comparison.p, comparison.reason) == (0.0, None, "neither seeds nor examples vary")


def test_an_average_over_encoders_and_a_difference_of_differences(bioasq, make_record):
    cells = [cell(make_record, *n) for n in ((36, 34, 35), (30, 30, 29), (32, 30, 30), (30, 29, 30))]
    average = compare([[cells[0], cells[1]], [cells[2], cells[3]]], bioasq)
    assert average.difference == pytest.approx((16 + 3) / 2 / 3 / 40) and average.n == 6
    of_two = compare([cells], bioasq)
    assert of_two.differences == pytest.approx(((6 - 2) / 40, (4 - 1) / 40, (6 - 0) / 40))


def test_cells_of_different_tasks_are_not_compared(make_reference, make_record):
    references = {task: make_reference(task, TRUTH) for task in ("PubMedQA", "BioASQ")}
    with pytest.raises(StudyError, match="same tasks"):
        compare([[cell(make_record, 36), cell(make_record, 36, task="PubMedQA")]], references)


def test_collapsed_runs_are_counted_by_encoder_and_task(bioasq, make_record):
    def runs(encoder, *losses, rate):
        return [
            make_record(s, task="BioASQ", test=answers(36), encoder=encoder, final_loss=loss, learning_rate=rate)
            for s, loss in enumerate(losses, start=1)
        ]

    first = runs("a" * 20, 0.1, 0.95, 0.99, rate=1e-5), runs("a" * 20, 0.1, 0.2, 0.3, rate=2e-5)
    second = runs("b" * 20, 0.95, 0.1, rate=1e-5), runs("b" * 20, 0.1, 0.1, rate=2e-5)
    assert collapse_strata([first, second, first], bioasq) == [(2, 3, 0, 3), (1, 2, 0, 2)]
    between = collapse_strata([(first[0], second[0])], bioasq)  # encoders against each other
    assert between == [(2, 3, 1, 2)]
    clusters = {"a" * 20: 0, "b" * 20: 0, "c" * 20: 1, "d" * 20: 1}
    sides = [*first[0], *runs("c" * 20, 0.95, rate=1e-5)], [*second[0], *runs("d" * 20, 0.1, rate=1e-5)]
    assert collapse_strata([sides], bioasq, clusters=clusters) == [(2, 3, 1, 2), (1, 1, 0, 1)]
