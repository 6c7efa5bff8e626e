"""A stored score is what the stored predictions score: by the metrics' own functions, for every task."""

import dataclasses
import random

import pytest

from blurbstudy.metrics import score
from blurbstudy.store import rescore as rescoring
from blurbstudy.store.rescore import Rescoring
from blurbstudy.store.run_store import Gold
from blurbstudy.tasks import TASKS, get_task, read_task


def spoiled(labels, task, drawn):
    """The labels with a third exchanged: for others, tags for the sentence's own in another order, numbers moved."""

    def other(label):
        if task.output == "token_labels":
            return " ".join(drawn.sample(label.split(), len(label.split())))
        return drawn.choice(labels) if isinstance(label, str) else label + drawn.random()

    return [other(label) if drawn.random() < 0.3 else label for label in labels]


def scoring_by(labels):
    """Runs are held against these labels, of whatever split."""
    ids = tuple(map(str, range(len(labels))))
    return Rescoring(lambda task, data, split: Gold(ids=ids, units=ids, gold=tuple(labels)))


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("kept", [300_000, 10])  # pairs: all, or no more than the last run's
def test_the_score_of_every_task_is_its_metrics_and_no_other_passes(task, kept, mini_data, make_record, monkeypatch):
    monkeypatch.setattr(rescoring, "CACHED_PAIRS", kept)
    drawn, labels = random.Random(1), [example.label for example in read_task(task, mini_data)["test"]]
    scoring = scoring_by(labels)
    for seed in range(4):  # the later ones find pairs that the earlier ones had
        record = make_record(seed, task=task.name, test=spoiled(labels, task, drawn))
        true = score(task.metric, labels, record.predictions["test"], positives=task.positive_labels)
        assert 0.05 < true < 1
        right = dataclasses.replace(record, scores={"dev": true, "test": true})
        assert scoring.mismatch(right.to_dict()) == ""
        wrong = dataclasses.replace(record, scores={"dev": true, "test": true + 1e-4})
        assert f"its stored test score is {true + 1e-4}, its predictions score 0." in scoring.mismatch(wrong.to_dict())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scores": {"dev": None, "test": 1.0}}, "its stored dev score is None, its predictions score 1.0"),
        ({"predictions": {"dev": ["yes", "no"]}}, "its stored test score is 1.0, its predictions score None"),
        ({"predictions": {"test": ["yes", "no"]}}, "its stored dev score is 1.0, its predictions score None"),
        ({"predictions": {"dev": ["yes", None], "test": ["yes", "no"]}}, "its predictions score None"),
        ({"predictions": {"dev": ["yes"], "test": ["yes", "no"]}}, "cannot be scored: there are 1 for 2 examples"),
        ({"predictions": {"dev": ["yes", 1.0], "test": ["yes", "no"]}}, "some are labels and some are numbers"),
        ({"status": "diverged"}, ""),  # says that it has no score, and has one that is right: the tables judge it
    ],
)
def test_a_score_without_predictions_or_predictions_without_their_score_are_a_problem(make_record, change, said):
    record = make_record(1, task="BioASQ", test=["yes", "no"])
    record = dataclasses.replace(record, **({"scores": {"dev": 1.0, "test": 1.0}} | change))
    found = scoring_by(["yes", "no"]).mismatch(record.to_dict())
    assert said in found and bool(said) == bool(found)


def test_a_sentence_with_another_number_of_tags_is_a_problem(make_record):
    found = scoring_by(["O B I"]).mismatch(make_record(1, task="BC2GM", test=["O B"]).to_dict())
    assert "its dev predictions cannot be scored: example 0: 2 predicted tags for 3 words" in found


def test_runs_without_any_score_need_no_gold_labels(make_record):
    record = make_record(1, status="diverged").to_dict()
    assert Rescoring(lambda *_: None).mismatch(record) == ""
    joined = dataclasses.replace(
        make_record(1, test=[1.0, 2.0, 4.0], train_on_dev=True), scores={"dev": None, "test": 1.0}
    )
    asked = []
    scoring_by([1.0, 2.0, 4.0]).mismatch(joined.to_dict())
    assert Rescoring(lambda task, data, split: asked.append(split)).mismatch(joined.to_dict()) is None
    assert asked == ["test"]


def test_a_run_of_a_task_that_is_unknown_cannot_be_scored(make_record):
    record = make_record(1, test=[1.0]).to_dict()
    record["config"]["task"] = get_task("BIOSSES").name + "2"
    assert scoring_by([1.0]).mismatch(record) is None
