"""Entity-level F1 against seqeval on random tags, well and ill formed; the ceiling of IO tags."""

from __future__ import annotations

import numpy as np
import pytest

from blurbstudy import paths
from blurbstudy.errors import ParameterError
from blurbstudy.metrics import (
    METRICS,
    entity_f1,
    entity_terms_by_type,
    io_ceiling,
    io_to_bio,
    precision_recall_f1,
    score,
    scores_from_counts,
)
from blurbstudy.metrics.entity_f1 import word_terms
from blurbstudy.tasks import get_task, read_split

MODES = {"entity_f1": "strict", "entity_f1_default": None}
BATCHES = 50
BATCH = 200  # sequences; 10,000 in all


def random_tags(rng: np.random.Generator, batch: int, length: int) -> list[str]:
    """A quarter of the batches each: bare or typed, any tags or well-formed ones."""
    types = ["", "-X", "-Y", "-Z"][: 1 if batch % 2 == 0 else 4]
    names = [prefix + kind for kind in types for prefix in ("B", "I")]
    tags = rng.choice(["O", *names], length, p=[0.4, *[0.6 / len(names)] * len(names)]).tolist()
    if batch % 2:
        tags = [tag if tag == "O" or len(tag) > 1 else f"{tag}-W" for tag in tags]
    return io_to_bio(tags) if batch % 4 >= 2 else tags


@pytest.fixture(scope="module")
def batches() -> list[tuple[list[list[str]], list[list[str]]]]:
    """(gold, predicted) tags; half of the predicted words follow gold, so that mentions meet."""
    rng = np.random.default_rng(20)
    made = []
    for batch in range(BATCHES):
        gold = [random_tags(rng, batch, int(rng.integers(1, 12))) for _ in range(BATCH)]
        predicted = []
        for tags in gold:
            guess, copied = random_tags(rng, batch, len(tags)), int(rng.integers(0, len(tags) + 1))
            guess = tags[:copied] + guess[copied:]
            predicted.append(io_to_bio(guess) if batch % 4 >= 2 else guess)
        made.append((gold, predicted))
    return made


def joined(sentences: list[list[str]]) -> list[str]:
    return [" ".join(tags) for tags in sentences]


@pytest.mark.parametrize("metric", MODES)
def test_entity_scores_equal_seqeval_on_10000_random_sequences(metric, batches):
    seqeval = pytest.importorskip("seqeval.metrics")
    mode = MODES[metric]
    options = {"mode": mode, "scheme": pytest.importorskip("seqeval.scheme").IOB2 if mode else None, "zero_division": 0}
    total = np.zeros(4)
    for gold, predicted in batches:
        ours = precision_recall_f1(metric, joined(gold), joined(predicted))
        assert 0 < ours.true_positives_gold == ours.true_positives_predicted
        assert ours.precision == pytest.approx(seqeval.precision_score(gold, predicted, **options), abs=1e-12)
        assert ours.recall == pytest.approx(seqeval.recall_score(gold, predicted, **options), abs=1e-12)
        f1 = score(metric, joined(gold), joined(predicted))
        assert ours.f1 == f1 == pytest.approx(seqeval.f1_score(gold, predicted, **options), abs=1e-12)
        total += METRICS[metric].terms(joined(gold), joined(predicted)).sum(axis=0)
    everything = [[tags for batch in batches for tags in batch[side]] for side in (0, 1)]
    assert len(everything[0]) == 10_000
    expected = seqeval.f1_score(*everything, **options)
    assert METRICS[metric].from_sums(total) == pytest.approx(expected, abs=1e-12)


def test_the_two_modes_differ_on_ill_formed_tags_alone(batches):
    differences = [
        abs(score("entity_f1", joined(gold), joined(guess)) - score("entity_f1_default", joined(gold), joined(guess)))
        for gold, guess in batches
    ]
    assert all((difference > 0.001) == (batch % 4 < 2) for batch, difference in enumerate(differences))


def test_terms_add_up_to_the_score_of_any_part():
    gold, predicted = ["B I O", "B O", "O O", "B B"], ["B I O", "O B", "B O", "B I"]
    metric = METRICS["entity_f1"]
    terms = metric.terms(gold, predicted)
    assert terms.dtype == np.float64 and terms.shape == (4, 4)
    for rows in ([0], [1, 2], [0, 0, 3], [0, 1, 2, 3]):
        part = entity_f1([gold[i] for i in rows], [predicted[i] for i in rows])
        assert metric.from_sums(terms[rows].sum(axis=0)) == pytest.approx(part)
    weights = np.array([[2, 0, 1, 1], [0, 0, 4, 0]])
    assert metric.from_sums(weights @ terms) == pytest.approx([2 * 2 / (4 + 4), 0.0])


def test_no_mentions_on_either_side_score_0():
    assert entity_f1(["O O"], ["O O"]) == entity_f1(["B O"], ["O O"]) == entity_f1(["O O"], ["B O"]) == 0.0


def test_a_sentence_with_another_number_of_tags_is_named_by_its_place():
    with pytest.raises(ParameterError, match="example 1: 3 predicted tags for 2 words; give one tag per word"):
        score("entity_f1", ["O", "B I"], ["O", "B I I"])


def test_what_is_no_string_of_tags_is_refused():
    with pytest.raises(ParameterError, match="example 0: '0.5' is not a string of tags; write it as 'O B I'"):
        score("entity_f1", ["O"], [0.5])


def test_word_counts_equal_scikit_learn(batches):
    f1_score = pytest.importorskip("sklearn.metrics").f1_score
    for gold, predicted in batches[:6]:
        flat = [
            [tag[2:] or "one" if tag != "O" else "O" for tags in side for tag in tags] for side in (gold, predicted)
        ]
        labels = sorted(set(flat[0]) - {"O"})
        found, expected, right, guessed = word_terms(joined(gold), joined(predicted)).sum(axis=0)
        assert found == right
        assert 2 * found / (expected + guessed) == pytest.approx(f1_score(*flat, labels=labels, average="micro"))


def test_io_tags_cannot_tell_adjacent_mentions_apart():
    assert io_ceiling(["B I O B"]) == 1.0
    assert io_ceiling(["B B I", "B O B"]) == pytest.approx(2 * 2 / (4 + 3))


@pytest.mark.data
@pytest.mark.skipif(paths.data_folder() is None, reason=f"{paths.DATA_ENV} names no folder of BLURB's files")
@pytest.mark.parametrize(("task", "ceiling"), [("BC2GM", 98.17), ("JNLPBA", 98.35)])
def test_the_io_ceiling_of_the_real_test_sets_is_the_known_one(task, ceiling):
    gold = [example.label for example in read_split(get_task(task), paths.data_folder(), split="test")]
    assert round(100 * io_ceiling(gold), 2) == ceiling
    assert entity_f1(gold, gold) == 1.0


def test_types_are_scored_as_seqeval_s_report_scores_them():
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    rng = np.random.default_rng(7)
    gold = [random_tags(rng, 3, int(rng.integers(1, 12))) for _ in range(BATCH)]
    guess = [[own if rng.random() < 0.8 else "O" for own in tags] for tags in gold]
    given = {"mode": "strict", "scheme": IOB2, "output_dict": True, "zero_division": 0}
    report = classification_report(gold, guess, **given)
    types = sorted(set(report) - {"micro avg", "macro avg", "weighted avg"})
    terms = entity_terms_by_type([" ".join(tags) for tags in gold], [" ".join(tags) for tags in guess], types)
    for kind, scores in zip(types, map(scores_from_counts, terms.sum(axis=0)), strict=True):
        expected = report[kind]
        assert (scores.precision, scores.recall, scores.f1, scores.gold) == pytest.approx(
            (expected["precision"], expected["recall"], expected["f1-score"], expected["support"])
        )
