"""Recipes on one's own data compared with a baseline, in Python and by `blurbstudy compare`."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import boschloo_exact
from typer.testing import CliRunner

from blurbstudy import Task, compare, finetune
from blurbstudy.cli.app import app
from blurbstudy.errors import ParameterError, StoreError, StudyError

RECIPE = {"epochs": 12, "learning_rate": 3e-3, "batch_size": 8, "max_length": 32, "n_evaluations": 1}
WORDS = {"mild": "flu", "severe": "sepsis"}


def write_reports(path, n, *, first=0):
    labels = list(WORDS)
    rows = [f"{labels[i % 2]}\t{WORDS[labels[i % 2]]} at visit {i}" for i in range(first, first + n)]
    path.write_text("\n".join(["label\ttext", *rows]) + "\n")


@pytest.fixture(scope="module")
def train(tmp_path_factory, tiny_encoder):
    """A function: the result of a changed recipe on a task with a test file."""
    folder = tmp_path_factory.mktemp("compare")
    write_reports(folder / "train.tsv", 90)
    write_reports(folder / "test.tsv", 40, first=1000)
    task = Task.from_files("classification", train=folder / "train.tsv", test=folder / "test.tsv")

    def result(*, task=task, seeds=4, **changes):
        kept = {"store": folder / "store", "device": "cpu", "progress": "silent"}
        splits = {"splits": changes.pop("splits")} if "splits" in changes else {"export_model": False, "seeds": seeds}
        return finetune(task, tiny_encoder, recipe=RECIPE | changes, **kept, **splits)

    return result


@pytest.fixture(scope="module")
def compared(train):
    """The default, a recipe that learns as much, and one that learns nothing."""
    sides = train(), train(batch_size=16), train(learning_rate=1e-7)
    return sides, compare(*sides)


def scores(result):
    return np.array([run["test"] for run in result.to_dict()["runs"]])


def test_differences_are_those_of_the_runs_and_p_has_holms_correction(compared):
    sides, found = compared
    values = found.to_dict()
    assert (values["split"], values["baseline"]["name"]) == ("test", "baseline")
    for side, other in zip(sides[1:], values["others"], strict=True):
        assert other["difference"] == pytest.approx((scores(side) - scores(sides[0])).mean())
        assert other["mean"] == pytest.approx(scores(side).mean()) and other["seeds"] == 4
    p = [other["p"] for other in values["others"]]
    known = sorted(value for value in p if value is not None)
    assert [o["p_holm"] for o in values["others"] if o["p"] == known[0]] == [pytest.approx(len(known) * known[0])]
    assert [other["name"] for other in values["others"]] == [
        "batch_size 16 (baseline 8)", "learning_rate 1e-07 (baseline 0.003)"
    ]  # fmt: skip
    assert values["others"][1]["outcome"] == "worse" and values["others"][0]["outcome"] != "worse"


def test_collapsed_runs_are_compared_by_an_exact_test(compared):
    _, found = compared
    rates = found.to_dict()["others"][1]
    assert (rates["collapsed"], rates["runs"]) == ([4, 0], [4, 4])
    p = boschloo_exact([[4, 0], [0, 4]]).pvalue
    assert rates["collapse_p"] == pytest.approx(p) and rates["collapse_p_holm"] == pytest.approx(2 * p)
    assert "collapsed: 4 of 4 against 0 of 4" in found.text()


def test_sides_exchanged_change_the_sign_alone(compared):
    (default, larger, _), _ = compared
    there, back = (compare(*pair).others[0].comparison for pair in ((default, larger), (larger, default)))
    assert there.difference is not None and back.difference is not None
    assert there.difference == pytest.approx(-back.difference) and there.p == pytest.approx(back.p)


def test_another_encoder_is_named_by_what_was_given(compared):
    (default, larger, _), _ = compared
    encoder = {"given": "other-encoder", "fingerprint": "1"}
    assert (
        compare(default, larger.to_dict() | {"encoder": encoder}).others[0].name.startswith("encoder other-encoder (")
    )


def test_the_score_is_never_without_its_caveats(compared):
    _, found = compared
    assert "caveat: test has 40" in found.text() and "caveat: test has 40" in found._repr_html_()
    assert "if more were tried, it is too small" in found.text() and repr(found) == found.text()


def test_without_a_test_set_dev_is_compared_and_that_is_said(train, tmp_path):
    write_reports(tmp_path / "train.tsv", 90)
    task = Task.from_files("classification", train=tmp_path / "train.tsv")
    found = compare(train(task=task, seeds=2, epochs=2), train(task=task, seeds=2, epochs=1))
    assert found.split == "dev" and "no test set, so dev is compared" in found.text()
    pooled = [train(task=task, splits="2x1", **changes) for changes in ({"epochs": 2}, {"epochs": 1})]
    other = compare(*pooled).to_dict()["others"][0]
    means = [np.mean([run["test"] for run in side.to_dict()["runs"]]) for side in pooled]
    assert other["difference"] == pytest.approx(means[1] - means[0])
    assert "takes folds as independent" in compare(*pooled).text()
    with pytest.raises(ParameterError, match=r"splits 2x1, the baseline official; compare results on the same splits"):
        compare(train(task=task, seeds=2, epochs=2), pooled[0])


def test_results_that_cannot_be_compared_are_refused(compared, train, tmp_path):
    (default, larger, _), _ = compared
    with pytest.raises(ParameterError, match="has runs of baseline too"):
        compare(default, default)
    with pytest.raises(ParameterError, match="has runs of b too"):
        compare(default, larger, larger, names=["a", "b", "c"])
    mixed = larger.to_dict() | {"runs": [default.to_dict()["runs"][0], larger.to_dict()["runs"][1]]}
    with pytest.raises(ParameterError, match="2: its runs are of several recipes"):
        compare(default, mixed)
    with pytest.raises(ParameterError, match="at least one other"):
        compare(default)
    with pytest.raises(ParameterError, match="1 different names for 2 results"):
        compare(default, larger, names=["a", "a"])
    with pytest.raises(ParameterError, match="2 different names for 2 results"):
        compare(default, larger, names=["a", "b", "b"])
    write_reports(tmp_path / "train.tsv", 60)
    other = Task.from_files("classification", train=tmp_path / "train.tsv", name=default.task.name)
    with pytest.raises(StudyError, match="compare results on the same data"):
        compare(default, train(task=other, seeds=2, epochs=1))
    lost = larger.to_dict() | {"store": str(tmp_path / "nothing")}
    with pytest.raises(StoreError, match="is not in the store"):
        compare(default, lost)


def test_the_command_compares_what_finetune_printed(compared, tmp_path):
    (default, larger, _), _ = compared
    files = [tmp_path / "default.json", tmp_path / "larger.json"]
    for file, side in zip(files, (default, larger), strict=True):
        file.write_text(json.dumps(side.to_dict()))
    run = CliRunner().invoke(app, ["compare", *map(str, files), "--json"], catch_exceptions=False)
    values = json.loads(run.stdout)
    assert (values["baseline"]["name"], values["others"][0]["name"]) == ("default", "larger")
    assert values["others"][0]["difference"] == pytest.approx((scores(larger) - scores(default)).mean())
    text = CliRunner().invoke(app, ["compare", *map(str, files)], catch_exceptions=False).stdout
    assert "differs in batch_size 16 (baseline 8)" in text


def test_no_recipe_is_better_than_another_whose_runs_collapsed_as_well(compared, train):
    found = compare(compared[0][2], train(learning_rate=1e-7, seeds=3, epochs=1)).others[0]
    assert found.rates and found.rates.collapsed == found.rates.n == (3, 4) and found.outcome == "both collapsed"


def test_results_with_the_same_settings_keep_their_own_counts_and_are_numbered(compared):
    (default, larger, low), _ = compared
    values = low.to_dict()
    halves = [values | {"runs": values["runs"][half]} for half in (slice(0, 1), slice(1, 4))]
    found = compare(larger, *halves).to_dict()["others"]
    assert [other["runs"][0] for other in found] == [1, 3]
    assert [other["name"][-4:] for other in found] == [" (1)", " (2)"]


def test_a_printed_result_with_values_of_other_types_is_refused(compared):
    (default, larger, _), _ = compared
    for key, value in (
        ("runs", "abc"), ("runs", [1]), ("runs", [{"id": 3}]), ("recipe", None), ("encoder", {}), ("store", 3),
        ("task", [1]), ("caveats", ["text"]),
    ):  # fmt: skip
        with pytest.raises(ParameterError, match=f"2: has no {key} as finetune prints it"):
            compare(default, larger.to_dict() | {key: value})
    for name in ("../../x", "a\0", "\ud800"):
        with pytest.raises(StoreError, match="is not in the store"):
            compare(default, larger.to_dict() | {"runs": [{"id": name}]})
        with pytest.raises(StoreError, match="is not in the store"):
            compare(default, larger.to_dict() | {"store": name})


@pytest.mark.parametrize("content", ["[" * 100_000, "", "[]", '{"task": "a"}', '{"runs": []}', "not JSON"])
def test_a_file_that_is_no_result_is_refused_in_one_line(content, tmp_path, command):
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(content)
    code, _, error = command("compare", str(tmp_path / "a.json"), str(tmp_path / "b.json"))
    assert code == 2 and error.count("\n") == 1 and "finetune ... --json > FILE" in error
