"""The status of a run: diverged, constant, not trained, no better than trivial, not judged, not shown, shown."""

import dataclasses

import numpy as np
import pytest
import scipy.stats

from blurbstudy.errors import StudyError
from blurbstudy.stats.references import GoldReference, load_references
from blurbstudy.stats.status import NOT_TRAINED_RATIO, RunStatus, judge_run, last_predictions, score_lower_bound
from blurbstudy.tasks import TASKS

ANSWERS = ["yes", "no"] * 20
FLIPPED = {"yes": "no", "no": "yes"}
TAGS = ["O B I O", "B O", "O O O", "O B"] * 10


@pytest.fixture
def bioasq(make_reference):
    return make_reference("BioASQ", ANSWERS)


@pytest.fixture
def judge(bioasq, make_record):
    """The status of a run with so many of 40 answers right; the trivial score is .5."""

    def of(right, **settings):
        return judge_run(make_record(task="BioASQ", test=answers(right), **settings), bioasq)

    return of


def answers(right):
    """The first ones right, the others wrong."""
    return [a if i < right else FLIPPED[a] for i, a in enumerate(ANSWERS)]


def test_every_status_in_its_order(judge, bioasq, make_record):
    """Each run has the fault of its status and all later ones."""
    untrained = dict(final_loss=0.9, constant_loss=1.0)
    constant = make_record(task="BioASQ", test=["yes"] * 40, **untrained)
    assert judge(0, status="diverged").status is RunStatus.DIVERGED
    assert judge_run(constant, bioasq).status is RunStatus.CONSTANT
    assert judge(20, **untrained).status is RunStatus.NOT_TRAINED
    assert judge(20).status is RunStatus.TRIVIAL
    assert judge(25, final_loss=None).status is RunStatus.NOT_JUDGED
    assert judge(25).status is RunStatus.NOT_SHOWN
    assert judge(30).status is RunStatus.SHOWN


def test_what_collapsed_and_what_failed():
    collapsed = [status for status in RunStatus if status.collapsed]
    assert collapsed == [RunStatus.DIVERGED, RunStatus.CONSTANT, RunStatus.NOT_TRAINED]
    assert [status for status in RunStatus if status.failed] == [*collapsed, RunStatus.TRIVIAL]


def test_a_run_whose_loss_is_at_least_nine_tenths_of_a_constants_is_not_trained(judge):
    assert NOT_TRAINED_RATIO == 0.9
    assert judge(30, final_loss=0.899 * 0.6, constant_loss=0.6).status is RunStatus.SHOWN
    found = judge(30, final_loss=0.54, constant_loss=0.6)
    assert found.status is RunStatus.NOT_TRAINED and found.loss_ratio == pytest.approx(0.9)
    assert judge(30, final_loss=0.0, constant_loss=0.0).status is RunStatus.SHOWN  # train has one label


def test_of_tags_only_the_loss_of_a_constant_or_more_is_not_trained(make_reference, make_record):
    """Most of their loss is from words outside mentions."""
    gold = ["O B O", "B O O", "O O O"] * 20
    reference = make_reference("BC5-chem", gold)
    almost, none = (make_record(task="BC5-chem", test=gold, final_loss=loss, constant_loss=1.0) for loss in (0.99, 1.0))
    assert judge_run(almost, reference).status is RunStatus.SHOWN
    assert judge_run(none, reference).status is RunStatus.NOT_TRAINED


def test_a_run_of_unknown_loss_can_fail_but_not_be_shown(judge):
    for unknown in (dict(final_loss=None), dict(constant_loss=None)):
        assert judge(20, **unknown).status is RunStatus.TRIVIAL
        found = judge(40, **unknown)
        assert str(found) == "not judged: its final training loss is unknown"


def test_no_better_than_trivial_is_a_point_not_a_bound(judge, make_reference, make_record, correlated):
    """A correlation of .01 over 16 pairs is no failure, nor is 21 of 40 where the majority has 20."""
    assert judge(21).status is RunStatus.NOT_SHOWN
    for r, status in ((0.01, RunStatus.NOT_SHOWN), (-0.01, RunStatus.TRIVIAL)):
        truth, predicted = correlated(16, r)
        assert judge_run(make_record(test=predicted), make_reference("BIOSSES", truth)).status is status


@pytest.mark.parametrize("n", [16, 20, 100])
def test_a_correlation_is_shown_from_its_one_sided_95_percent_bound_on(n, make_reference, make_record, correlated):
    """.427 at the 16 dev pairs of BIOSSES."""
    r = np.tanh(scipy.stats.norm.ppf(0.95) / np.sqrt(n - 3))
    for shift, status in ((-0.001, RunStatus.NOT_SHOWN), (0.001, RunStatus.SHOWN)):
        truth, predicted = correlated(n, r + shift)
        assert judge_run(make_record(test=predicted), make_reference("BIOSSES", truth)).status is status


def test_an_accuracy_is_shown_from_clopper_and_pearsons_bound_on(judge):
    shown = [right for right in range(41) if judge(right).status is RunStatus.SHOWN]
    for right in (shown[0] - 1, shown[0]):
        bound = scipy.stats.binomtest(right, 40, alternative="greater").proportion_ci(0.95, method="exact").low
        assert (bound > 0.5) == (right >= shown[0])
    assert shown == list(range(shown[0], 41))


@pytest.mark.parametrize("units", [1, 2, 4])
def test_below_five_units_a_score_has_no_bound_but_can_fail(units, make_reference, make_record):
    reference = make_reference("JNLPBA", TAGS, units=[f"d{i % units}" for i in range(40)])
    found = judge_run(make_record(task="JNLPBA", test=TAGS), reference)
    word = "1 document" if units == 1 else f"{units} documents"
    assert str(found) == f"not judged: dev is {word}, too few for a bound" and not found.status.failed
    nothing = [" ".join(["O"] * len(tags.split())) for tags in TAGS]
    assert judge_run(make_record(task="JNLPBA", test=nothing), reference).status is RunStatus.CONSTANT


def test_an_f1_needs_ten_units_with_a_mention(make_reference, make_record):
    sparse = ["O B"] * 9 + ["O O"] * 31
    found = judge_run(make_record(task="BC5-chem", test=sparse), make_reference("BC5-chem", sparse))
    assert str(found) == "not judged: only 9 sentences of dev can be right or wrong"


def test_a_perfect_f1_is_bounded_by_wilson_of_the_units_with_a_mention(make_reference):
    reference = make_reference("BC5-chem", ["O B"] * 12 + ["O O"] * 28)
    scored = reference.score_of(["O B"] * 12 + ["O O"] * 28, split="dev")
    bound, _ = score_lower_bound(scored, reference, split="dev")
    wilson = scipy.stats.binomtest(12, 12).proportion_ci(0.9, method="wilson").low
    assert bound == pytest.approx(wilson)


def test_of_documents_the_bound_is_students_over_a_jackknife(make_reference):
    units = [f"d{i // 2:02d}" for i in range(24)]
    truth = ["yes", "no"] * 12
    predicted = [FLIPPED[a] if i in (1, 2, 3, 9, 20) else a for i, a in enumerate(truth)]
    right = np.array([p == t for p, t in zip(predicted, truth, strict=True)]).reshape(12, 2).mean(axis=1)
    reference = make_reference("BioASQ", truth, units=units)
    bound, _ = score_lower_bound(reference.score_of(predicted, split="dev"), reference, split="dev")
    assert bound == pytest.approx(right.mean() - scipy.stats.t.ppf(0.95, 11) * scipy.stats.sem(right))


def test_a_useless_run_is_seldom_shown(make_reference, make_record):
    """BioASQ's dev: 75 questions, 62 of them yes. Predictions that know nothing: .05 and three standard errors."""
    truth = ["yes"] * 62 + ["no"] * 13
    reference, generator, shown = make_reference("BioASQ", truth), np.random.default_rng(8), 0
    for _ in range(400):
        right = generator.random(75) < 62 / 75
        predicted = [t if ok else FLIPPED[t] for t, ok in zip(truth, right, strict=True)]
        shown += judge_run(make_record(task="BioASQ", test=predicted), reference).status is RunStatus.SHOWN
    assert shown / 400 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_where_dev_was_trained_on_only_a_collapse_is_seen(judge, bioasq, make_record):
    joined = dict(train_on_dev=True)
    assert str(judge(30, **joined)) == "not judged: dev was trained on"
    assert judge(5, **joined).status is RunStatus.NOT_JUDGED  # test must not decide
    assert judge(30, final_loss=1.0, **joined).status is RunStatus.NOT_TRAINED
    assert judge(30, status="diverged", **joined).status is RunStatus.DIVERGED
    constant = make_record(task="BioASQ", test=["no"] * 40, **joined)
    assert judge_run(constant, bioasq).status is RunStatus.CONSTANT


def test_where_dev_selected_the_weights_the_last_step_is_judged(bioasq, make_record):
    record = make_record(task="BioASQ", test=answers(38), checkpoint_selection="best_dev")
    assert judge_run(record, bioasq).status is RunStatus.SHOWN
    worse = dataclasses.replace(record, last_predictions={"dev": answers(18)})
    assert last_predictions(worse, "dev") == answers(18) and last_predictions(worse, "test") == answers(38)
    assert judge_run(worse, bioasq).status is RunStatus.TRIVIAL
    lost = dataclasses.replace(record, last_predictions={"dev": ["yes"] * 40})
    assert judge_run(lost, bioasq).status is RunStatus.CONSTANT


def test_dev_decides_not_test(bioasq, make_record):
    assert judge_run(make_record(task="BioASQ", test=answers(5), dev=answers(38)), bioasq).status is RunStatus.SHOWN
    assert judge_run(make_record(task="BioASQ", test=answers(38), dev=answers(5)), bioasq).status is RunStatus.TRIVIAL


def test_differences_below_float32s_noise_are_constant(make_reference, make_record, correlated):
    reference = make_reference("BIOSSES", correlated(16, 0.0)[0])
    noise = [1.7 + 1e-8 * (-1) ** i for i in range(16)]
    assert judge_run(make_record(test=noise), reference).status is RunStatus.CONSTANT


def test_a_prediction_that_is_not_finite_is_a_divergence(bioasq, make_record):
    record = make_record(task="BioASQ", test=answers(30))
    lost = dataclasses.replace(record, predictions={"dev": [*answers(30)[:-1], None], "test": answers(30)})
    assert judge_run(lost, bioasq).status is RunStatus.DIVERGED


def test_trivial_scores(make_reference):
    assert make_reference("BioASQ", ["no"] * 7 + ["yes"] * 3, train=["yes", "yes", "no"]).trivial_score("test") == 0.3
    gad = make_reference("GAD", ["1"] * 281 + ["0"] * 253, train=["1", "1", "0"])
    assert gad.trivial_score("test") == pytest.approx(2 * 281 / (2 * 281 + 253))
    assert make_reference("BC5-chem", TAGS).trivial_score("test") == 0.0
    assert make_reference("DDI", ["DDI-false"] * 9 + ["DDI-int"]).trivial_score("test") == 0.0
    hallmarks = ["cellular energetics", "", "inducing angiogenesis", ""]
    assert make_reference("HoC", hallmarks).trivial_score("test") == 0.0


@pytest.mark.parametrize("task", ["BC5-chem", "DDI", "HoC"])
def test_predictions_without_a_single_hit_are_no_better_than_trivial(task, make_reference, make_record):
    gold, wrong, nothing = {
        "BC5-chem": (TAGS, ["B O O O", "O B", "B O O", "B O"] * 10, ["O O O O", "O O", "O O O", "O O"] * 10),
        "DDI": (
            ["DDI-false"] * 30 + ["DDI-int"] * 10, ["DDI-int"] * 5 + ["DDI-false"] * 35, ["DDI-false"] * 40,
        ),
        "HoC": (["cellular energetics", ""] * 20, ["", "inducing angiogenesis"] * 20, [""] * 40),
    }[task]  # fmt: skip
    reference = make_reference(task, gold)
    for predicted, status in (
        (nothing, RunStatus.CONSTANT), (wrong, RunStatus.TRIVIAL), (gold, RunStatus.SHOWN),
    ):  # fmt: skip
        assert judge_run(make_record(task=task, test=predicted), reference).status is status


def test_runs_on_other_data_and_of_another_length_are_refused(make_reference, make_record, correlated):
    reference = make_reference("BIOSSES", correlated(16, 0.0)[0])
    with pytest.raises(StudyError, match="compare runs on one dataset"):
        judge_run(make_record(task="BioASQ", test=["yes"] * 16), reference)
    with pytest.raises(StudyError, match="15 predictions for 16 examples"):
        judge_run(make_record(test=[1.0] * 15), reference)


def test_references_come_from_a_store_for_records_or_fingerprints(store, make_record):
    record = make_record(task="BioASQ", test=["yes", "no"])
    for split in ("train", "dev", "test"):
        store.put_gold("BioASQ", record.config.data_fingerprint, split, ids="ab", units="ab", gold=["yes", "no"])
    (reference,) = load_references(store, [record]).values()
    assert isinstance(reference, GoldReference) and reference.gold["test"].gold == ("yes", "no")
    assert load_references(store, {"BioASQ": record.config.data_fingerprint}) == {"BioASQ": reference}


def test_every_task_has_a_trivial_prediction_that_is_constant(make_reference, make_record):
    for task in TASKS:
        gold = [1.0, 2.0, 3.0] * 4 if task.is_regression else [*task.labels[:2], task.labels[0]] * 4
        if task.output == "token_labels":
            gold = ["O B", "O O", "B I"] * 4
        reference = make_reference(task.name, gold)
        predicted = ["O O"] * 12 if task.output == "token_labels" else [gold[0]] * 12
        assert judge_run(make_record(task=task.name, test=predicted), reference).status is RunStatus.CONSTANT


def test_constant_predictions_of_constant_labels_are_no_collapse_of_a_trained_run(make_reference, make_record):
    """A tiny dev of one label: only the training loss tells."""
    reference = make_reference("BioASQ", ["no"] * 6)
    trained, not_trained, unknown = (
        make_record(task="BioASQ", test=["no"] * 6, final_loss=loss, constant_loss=1.0) for loss in (0.1, 0.95, None)
    )
    assert not judge_run(trained, reference).status.collapsed
    assert judge_run(not_trained, reference).status is RunStatus.CONSTANT
    assert judge_run(unknown, reference).status is RunStatus.CONSTANT
