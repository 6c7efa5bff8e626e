"""Scores by class and of probabilities agree with scikit-learn, intervals with its scores of resampled documents."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics as sklearn

from blurbstudy.stats.classes.class_report import class_report, class_report_of_runs
from blurbstudy.stats.classes.class_scores import class_scores, confusions
from blurbstudy.stats.classes.ranking_scores import DRAWS, ranking_scores
from blurbstudy.stats.resampling import bootstrap_counts
from blurbstudy.tables.class_scores import confusion_table, ranking_lines, report_lines, report_tables
from blurbstudy.tasks import get_task

LABELS = get_task("PubMedQA").labels  # three


def sides(n=120, *, seed=1, labels=LABELS):
    """Gold labels, probabilities that favour them, and the most probable labels."""
    rng = np.random.default_rng(seed)
    gold = rng.choice(len(labels), size=n, p=[0.5, 0.3, 0.2][: len(labels)] if len(labels) == 3 else None)
    outputs = rng.normal(size=(n, len(labels))) + 1.2 * np.eye(len(labels))[gold]
    rows = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    return [labels[i] for i in gold], rows.round(4), [labels[i] for i in rows.argmax(axis=1)]


def test_scores_by_class_and_their_intervals_are_scikit_learns_on_whole_documents(make_reference):
    gold, _, predicted = sides()
    units = [f"d{i // 3}" for i in range(len(gold))]
    reference = make_reference("PubMedQA", gold, units=units)
    found = class_scores(reference, [predicted], split="test")
    oracle = sklearn.precision_recall_fscore_support(gold, predicted, labels=LABELS, zero_division=0)
    for i, label in enumerate(LABELS):
        one = found[label]
        assert (one.precision, one.recall, one.f1, one.gold) == pytest.approx([side[i] for side in oracle], abs=1e-12)
        assert one.predicted == predicted.count(label) and set(one.methods.values()) == {"bootstrap over documents"}
    names = sorted(set(units))
    weights = bootstrap_counts(len(names))[:, [names.index(unit) for unit in units]]
    draws = [
        sklearn.precision_recall_fscore_support(gold, predicted, labels=LABELS, zero_division=0, sample_weight=row)[:3]
        for row in weights[:100]
    ]
    low, high = np.quantile(np.array(draws), [0.025, 0.975], axis=0)
    bounds = np.array([[found[label].intervals[m] for label in LABELS] for m in ("precision", "recall", "f1")])
    assert np.abs(bounds - np.stack([low, high], axis=-1)).max() < 0.05  # 100 of the 4,000 draws


def test_a_class_of_few_examples_has_no_interval_and_one_that_is_never_right_wilsons(make_reference):
    gold = ["yes"] * 60 + ["no"] * 30 + ["maybe"] * 5
    predicted = ["yes"] * 60 + ["yes"] * 30 + ["no"] * 5
    found = class_scores(make_reference("PubMedQA", gold), [predicted], split="test")
    assert found["maybe"].intervals == {
        "precision": None,
        "recall": pytest.approx((0, 0.4345), abs=1e-4),
        "f1": pytest.approx((0, 0.4345), abs=1e-4),
    }
    assert found["maybe"].methods["precision"] == "none: no question that can be right or wrong"
    assert found["no"].methods["recall"] == "Wilson over questions, none of which is right"
    half = class_scores(make_reference("PubMedQA", gold), [[*predicted[:90], "maybe", *["no"] * 4]], split="test")
    assert half["maybe"].intervals["recall"] is None
    assert half["maybe"].methods["recall"] == "none: only 5 questions that can be right or wrong"


def test_runs_with_all_and_none_right_have_wilsons_intervals_and_perfect_ranks_none(make_reference):
    gold = ["yes"] * 30 + ["no"] * 20 + ["maybe"] * 20
    reference = make_reference("PubMedQA", gold)
    always = class_scores(reference, [gold, ["yes"] * 70], split="test")
    assert always["no"].recall == 0.5
    sides = [binomtest(k, 20).proportion_ci(method="wilson") for k in (20, 0)]
    low, high = (np.mean([getattr(side, end) for side in sides]) for end in ("low", "high"))
    assert always["no"].intervals["recall"] == pytest.approx((low, high))
    perfect = ranking_scores(reference, [[[float(g == label) for label in LABELS] for g in gold]], split="test")
    assert perfect.scores["roc_auc"] == 1.0 and not any(perfect.intervals.values())
    assert "–, none: every resampled test set has the same score" in ranking_lines(perfect)[0]


def test_of_several_labels_macro_scores_of_probabilities_are_scikit_learns(make_reference):
    gold, rows, _ = sides()
    found = ranking_scores(make_reference("PubMedQA", gold), [rows], split="test")
    marks = np.array([[g == label for label in LABELS] for g in gold])
    unit = rows / rows.sum(axis=1, keepdims=True)  # of which scikit-learn demands it
    auc = sklearn.roc_auc_score(marks, rows, average="macro")
    assert found.scores["roc_auc"] == pytest.approx(auc, abs=1e-12)
    in_order = unit[:, np.argsort(LABELS)]
    assert auc == pytest.approx(sklearn.roc_auc_score(gold, in_order, multi_class="ovr"), abs=1e-3)
    assert found.scores["average_precision"] == pytest.approx(
        sklearn.average_precision_score(marks, rows, average="macro"), abs=1e-12
    )
    weights = bootstrap_counts(len(gold))[:, np.unique([str(i) for i in range(len(gold))], return_inverse=True)[1]]
    draws = [sklearn.roc_auc_score(marks, rows, average="macro", sample_weight=row) for row in weights[:DRAWS:10]]
    low, high = found.intervals["roc_auc"]
    assert (low, high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.02) and low < auc < high
    assert found.of == "mean over 3 labels, each label against the rest"


def test_of_two_labels_the_positive_one_is_scored_and_of_label_sets_each(make_reference):
    gold, rows, _ = sides(labels=("0", "1"))
    found = ranking_scores(make_reference("GAD", gold), [rows], split="test")
    assert found.of == "label 1"
    assert found.scores["average_precision"] == pytest.approx(
        sklearn.average_precision_score([g == "1" for g in gold], rows[:, 1]), abs=1e-12
    )
    task = get_task("HoC")
    rng = np.random.default_rng(0)
    marks = rng.random((80, len(task.labels))) < 0.4
    marks[:, 2] = False
    rows = np.round(0.4 * marks + 0.6 * rng.random(marks.shape), 4)
    gold = [",".join(np.array(task.labels)[row]) for row in marks]
    found = ranking_scores(make_reference("HoC", gold), [rows], split="test")
    kept = [i for i in range(len(task.labels)) if i != 2]
    for name, oracle in (("roc_auc", sklearn.roc_auc_score), ("average_precision", sklearn.average_precision_score)):
        by_label = [oracle(marks[:, i], rows[:, i]) for i in kept]
        assert [scores[name] for scores in found.labels.values()] == pytest.approx(by_label, abs=1e-12)
        assert found.scores[name] == pytest.approx(np.mean(by_label), abs=1e-12)
    assert found.left_out == [task.labels[2]]
    assert ranking_scores(make_reference("HoC", ["" for _ in gold]), [rows], split="test") is None


def test_the_runs_that_did_not_collapse_are_averaged_and_one_has_its_confusions_counted(make_reference, make_record):
    gold, rows, predicted = sides()
    reference = make_reference("PubMedQA", gold)
    _, other_rows, other = sides(seed=2)
    records = [
        make_record(1, task="PubMedQA", test=predicted),
        make_record(
            2, task="PubMedQA", test=[p if i % 4 else o for i, (p, o) in enumerate(zip(predicted, other, strict=True))]
        ),
        make_record(3, task="PubMedQA", test=["yes"] * len(gold)),
    ]
    records = [dataclasses.replace(one, probabilities={"test": rows.tolist()}) for one in records]
    report = class_report_of_runs(records, reference, split="test", chosen=records[0])
    assert report.whose == "mean of 2 seeds without a collapsed run" and report.confusions_of == "seed 1"
    alone = [class_report(reference, record.predictions["test"], rows, split="test") for record in records[:2]]
    for label in LABELS:
        f1s = [one.classes[label].f1 for one in alone]
        assert report.classes[label].f1 == pytest.approx(sum(f1s) / 2)
    assert report.ranking.scores == pytest.approx(alone[0].ranking.scores)
    matrix = sklearn.confusion_matrix(gold, predicted, labels=LABELS)
    assert [[report.confusions.get((g, p), 0) for p in LABELS] for g in LABELS] == matrix.tolist()
    json.dumps(report.to_dict(), allow_nan=False)
    text = "\n".join(report_lines(report))
    assert "by class, on test, mean of 2 seeds without a collapsed run:" in text and "ROC AUC " in text
    scores, confused = report_tables(report)
    assert confused.title == "Confusion matrix on test, seed 1"
    assert [row[0] for row in confused.rows] == list(LABELS) == list(confused.columns[1:-1])
    assert [[cell.value for cell in row[1:-1]] for row in confused.rows] == matrix.tolist()
    assert f"{matrix[0][0]} <small>({100 * matrix[0][0] / matrix[0].sum():.0f}%)" in confused._repr_html_()


def test_confusions_of_entities_are_of_mentions_with_the_same_words(make_reference):
    task = dataclasses.replace(get_task("JNLPBA"), labels=("O", "B-A", "I-A", "B-B", "I-B"))
    gold, predicted = ["B-A I-A O B-B", "B-B O"], ["B-B I-B O B-B", "O B-A"]
    assert confusions(task, gold, predicted) == {("A", "B"): 1, ("B", "B"): 1, ("B", "(none)"): 1, ("(none)", "A"): 1}
    assert confusions(get_task("NCBI-disease"), ["B"], ["B"]) == {} == confusions(get_task("HoC"), ["a"], ["b"])


def test_of_many_classes_the_most_frequent_confusions_are_listed():
    labels = [f"c{i:02}" for i in range(16)]
    counts = {("c00", "c00"): 9, ("c01", "c02"): 5, ("c02", "c01"): 2}
    table = confusion_table(counts, labels, title="Confusion matrix")
    assert [(row[0], row[1], row[2].value) for row in table.rows] == [("c01", "c02", 5), ("c02", "c01", 2)]
    assert table.notes == ["The 2 most frequent of 2 confusions; 16 classes."]


def test_a_score_has_no_classes(make_reference, correlated):
    gold, predicted = correlated(20, 0.7)
    report = class_report(make_reference("BIOSSES", gold), predicted, None, split="test")
    assert report_lines(report) == [] == report_tables(report) and report.to_dict()["classes"] == {}
