"""One definition of failure: not finite, constant, or not above the trivial score with 95% confidence."""

import math

import pytest

from blurbstudy.errors import StudyError
from blurbstudy.stats.collapse import (
    CONSTANT,
    DIVERGED,
    NOT_ABOVE_TRIVIAL,
    GoldReference,
    failure_reason,
    load_references,
    score_lower_bound,
)
from blurbstudy.tasks import TASKS

ANSWERS = ["yes"] * 276 + ["no"] * 169 + ["maybe"] * 55  # PubMedQA's test: the majority scores 55.2


@pytest.fixture
def biosses(make_reference, correlated):
    return lambda n: make_reference("BIOSSES", correlated(n, 0.0)[0])


def answers_with(n_right):
    """Predictions of which so many are right, neither all the same nor all wrong in one way."""
    return [g if i % 500 < n_right else {"yes": "no", "no": "yes", "maybe": "yes"}[g] for i, g in enumerate(ANSWERS)]


@pytest.mark.parametrize(
    ("n", "r", "failed"), [(16, 0.42, True), (16, 0.44, False), (20, 0.37, True), (20, 0.39, False)]
)
def test_a_correlation_must_be_above_0_with_confidence(biosses, make_record, correlated, n, r, failed):
    record = make_record(test=correlated(n, r)[1])
    assert failure_reason(record, biosses(n)) == (NOT_ABOVE_TRIVIAL if failed else None)


def test_pubmedqa_must_reach_about_59_to_be_above_the_majority(make_reference, make_record):
    reference = make_reference("PubMedQA", ANSWERS)
    assert reference.trivial_score("test") == 0.552
    reasons = {
        n: failure_reason(make_record(task="PubMedQA", test=answers_with(n)), reference) for n in range(275, 310, 1)
    }
    lowest = min(n for n, reason in reasons.items() if reason is None)
    assert 0.58 <= lowest / 500 <= 0.6
    assert all((reason is None) == (n >= lowest) for n, reason in reasons.items())


def test_the_trivial_score_is_of_trains_majority_not_of_the_splits_own(make_reference):
    reference = make_reference("BioASQ", ["no"] * 7 + ["yes"] * 3, train=["yes", "yes", "no"])
    assert reference.trivial_score("test") == 0.3


def test_a_loss_that_is_not_finite_is_a_failure_on_every_split(biosses, make_record):
    record = make_record(status="diverged")
    assert failure_reason(record, biosses(16)) == failure_reason(record, biosses(16), split="test") == DIVERGED


def test_predictions_that_are_all_the_same_are_a_failure(biosses, make_reference, make_record):
    noise = [1.7 + 1e-8 * (-1) ** i for i in range(16)]
    assert failure_reason(make_record(test=noise), biosses(16)) == CONSTANT
    reference = make_reference("BioASQ", ["yes", "no"] * 8)
    assert failure_reason(make_record(task="BioASQ", test=["yes"] * 16), reference) == CONSTANT


def test_dev_decides_and_test_is_told_beside(make_reference, make_record, correlated):
    truth, good = correlated(20, 0.9)
    reference = make_reference("BIOSSES", truth)
    record = make_record(test=correlated(20, 0.1)[1], dev=good)
    assert failure_reason(record, reference) is None
    assert failure_reason(record, reference, split="test") == NOT_ABOVE_TRIVIAL


def test_where_dev_joined_train_only_finite_and_constant_are_judged(make_reference, make_record, correlated):
    truth, weak = correlated(20, 0.1)
    reference = make_reference("BIOSSES", truth)
    assert failure_reason(make_record(test=weak, train_on_dev=True), reference) is None
    assert failure_reason(make_record(test=[1.0] * 20, train_on_dev=True), reference) == CONSTANT
    assert failure_reason(make_record(status="diverged", train_on_dev=True), reference) == DIVERGED
    assert failure_reason(make_record(test=weak, train_on_dev=True), reference, split="test") == NOT_ABOVE_TRIVIAL


def test_runs_on_other_data_and_of_another_length_are_refused(biosses, make_record, correlated):
    with pytest.raises(StudyError, match="compare runs on one dataset"):
        failure_reason(make_record(task="BioASQ", test=["yes"] * 16), biosses(16))
    with pytest.raises(StudyError, match="15 predictions for 16 examples"):
        failure_reason(make_record(test=[1.0] * 15), biosses(16))


def test_references_come_from_a_store_for_records_or_fingerprints(store, make_record):
    record = make_record(task="BioASQ", test=["yes", "no"])
    for split in ("train", "dev", "test"):
        store.put_gold("BioASQ", record.config.data_fingerprint, split, ids="ab", units="ab", gold=["yes", "no"])
    (reference,) = load_references(store, [record]).values()
    assert isinstance(reference, GoldReference) and reference.gold["test"].gold == ("yes", "no")
    assert load_references(store, {"BioASQ": record.config.data_fingerprint}) == {"BioASQ": reference}


TAGS = ["O B I O", "B O", "O O O", "O B"] * 10


def test_finding_no_mention_is_constant_and_scores_0(make_reference, make_record):
    reference = make_reference("BC5-chem", TAGS)
    nothing = [" ".join(["O"] * len(tags.split())) for tags in TAGS]
    assert reference.trivial_score("test") == 0.0
    assert failure_reason(make_record(task="BC5-chem", test=nothing), reference) == CONSTANT
    assert failure_reason(make_record(task="BC5-chem", test=TAGS), reference) is None


def test_mentions_at_wrong_places_are_not_above_the_trivial_score(make_reference, make_record):
    shifted = ["B O O O", "O B", "B O O", "B O"] * 10
    assert (
        failure_reason(make_record(task="BC5-chem", test=shifted), make_reference("BC5-chem", TAGS))
        == NOT_ABOVE_TRIVIAL
    )


def test_a_relation_that_is_never_found_is_a_failure(make_reference, make_record):
    gold = ["DDI-false"] * 30 + ["DDI-effect"] * 6 + ["DDI-int"] * 4
    reference = make_reference("DDI", gold)
    assert reference.trivial_score("test") == 0.0  # the majority class is no positive one
    assert failure_reason(make_record(task="DDI", test=["DDI-false"] * 40), reference) == CONSTANT
    wrong = ["DDI-effect" if i < 5 else "DDI-false" for i in range(40)]
    assert failure_reason(make_record(task="DDI", test=wrong), reference) == NOT_ABOVE_TRIVIAL
    assert failure_reason(make_record(task="DDI", test=gold), reference) is None


def test_gads_trivial_score_is_that_of_calling_everything_an_association(make_reference):
    reference = make_reference("GAD", ["1"] * 281 + ["0"] * 253, train=["1", "1", "0"])
    assert reference.trivial_score("test") == pytest.approx(2 * 281 / (2 * 281 + 253))


def test_documents_without_any_label_are_the_trivial_prediction(make_reference, make_record):
    gold = ["cellular energetics", "", "inducing angiogenesis,resisting cell death", ""] * 10
    reference = make_reference("HoC", gold)
    assert reference.trivial_score("test") == 0.0
    assert failure_reason(make_record(task="HoC", test=[""] * 40), reference) == CONSTANT
    assert failure_reason(make_record(task="HoC", test=gold), reference) is None


def test_one_document_bears_out_no_score_however_good(make_reference, make_record):
    one, two = (make_reference("JNLPBA", TAGS, units=["d"] * half + ["e"] * (40 - half)) for half in (40, 20))
    record = make_record(task="JNLPBA", test=TAGS)
    assert score_lower_bound(record, one, split="dev") == -math.inf
    assert failure_reason(record, one) == NOT_ABOVE_TRIVIAL and failure_reason(record, two) is None


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_what_is_drawn_are_documents_where_they_are_named_and_examples_elsewhere(task, make_reference):
    gold = [1.0, 2.0, 3.0] if task.is_regression else [task.labels[0]] * 3
    alone, together = make_reference(task.name, gold), make_reference(task.name, gold, units=["d1", "d1", "d2"])
    example = {"BIOSSES": "pair", "PubMedQA": "question", "BioASQ": "question", "HoC": "document"}
    assert (alone.resampling_unit("test"), alone.n_units("test")) == (example.get(task.name, "sentence"), 3)
    assert (together.resampling_unit("test"), together.n_units("test")) == ("document", 2)
