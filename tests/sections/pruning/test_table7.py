"""Table 7: the worst drop with intervals that hold for all depths at once, half depth, and verdicts by group."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from blurbstudy.errors import ParameterError
from blurbstudy.sections.pruning import table7 as pruning
from blurbstudy.sections.pruning.grids import removals
from blurbstudy.sections.pruning.table7 import Drop, half_depth, max_drops, verdict
from blurbstudy.stabilizers import RemoveLayers
from blurbstudy.study.grid import Condition, TaskColumn
from blurbstudy.tables.paper import paper_tables
from blurbstudy.tasks import get_task

RIGHT = {"0 of 12": [90, 88, 92, 90], "2 of 12": [70, 69, 74, 71], "6 of 12": [75, 77, 78, 72]}  # of 100, per seed


@pytest.fixture
def cut(make_results):
    """Results on BioASQ whose settings are depths."""

    def make(right=RIGHT, **more):
        found = make_results(right, **more)
        part = TaskColumn(label="BioASQ", tasks=("BioASQ",), paper="BioASQ")
        cells = {Condition("BERT", key.level, "BioASQ"): runs for key, runs in found.grid.cells.items()}
        counts = {setting: int(setting.split()[0]) for setting in found.grid.levels}
        techniques = {setting: (RemoveLayers(count),) if count else () for setting, count in counts.items()}
        layers = {"BERT": int(next(iter(counts)).split()[-1])}
        changed = {"columns": (part,), "cells": cells, "techniques": techniques, "layers": layers}
        return replace(found, grid=replace(found.grid, **changed))

    return make


STUDY = SimpleNamespace(
    tasks=[get_task("BioASQ")],
    encoders={"BERT": ""},
    parameters=SimpleNamespace(show_paper=True),
    sources=SimpleNamespace(encoders={}),
)


def pruning_levels(n_layers, removed):
    sources = {} if n_layers is None else {"BERT": SimpleNamespace(architecture=SimpleNamespace(n_layers=n_layers))}
    study = SimpleNamespace(
        encoders={"BERT": ""},
        sources=SimpleNamespace(encoders=sources),
        parameters=SimpleNamespace(removed=removed),
    )
    return removals(study)


@pytest.mark.parametrize(
    ("n_layers", "counts"), [(12, [0, 2, 4, 6]), (24, [0, 4, 8, 12]), (6, [0, 1, 2, 3]), (4, [0, 1, 2]), (2, [0, 1])]
)
def test_layers_go_in_proportion_to_the_papers_twelve(n_layers, counts):
    settings = pruning_levels(n_layers, [0, 2, 4, 6])
    assert list(settings) == [f"{count} of {n_layers}" for count in counts]
    assert list(settings.values()) == [[RemoveLayers(count)] if count else [] for count in counts]


def test_an_encoder_that_is_not_at_hand_has_the_papers_depths():
    assert list(pruning_levels(None, [0, 6])) == ["0 of 12", "6 of 12"]


@pytest.mark.parametrize(
    ("removed", "said"), [([2, 4], "lacks 0, the full depth that drops refer to"), ([0, 12], "leaves none of 6")]
)
def test_depths_that_make_no_sense_are_refused(removed, said):
    with pytest.raises(ParameterError, match=said):
        pruning_levels(6, removed)


def test_the_drop_is_the_worst_over_depths_not_the_deepest(cut):
    drop = max_drops(cut())["BioASQ"]
    assert drop.level == "2 of 12" and drop.worst == pytest.approx(np.mean([-0.20, -0.19, -0.18, -0.19]))
    assert drop.half.difference == pytest.approx(np.mean([-0.15, -0.11, -0.14, -0.18]))


def test_the_interval_of_the_worst_drop_holds_for_all_depths_at_once(cut):
    """Two depths, so intervals at 97.5% each; the worst true difference lies between the lowest bounds."""
    results = cut()
    full = Condition("BERT", "0 of 12", "BioASQ")
    each = [results.compare(full._replace(level=level), full).interval_at(0.975) for level in ("2 of 12", "6 of 12")]
    drop = max_drops(results)["BioASQ"]
    assert drop.interval == pytest.approx((min(low for low, _ in each), min(high for _, high in each)))
    assert drop.interval[0] < drop.worst < drop.interval[1] < 0
    assert drop.half.interval[0] > drop.interval[0]
    narrow = stats.t.interval(0.95, 3, loc=drop.half.difference, scale=stats.sem(np.array([-15, -11, -14, -18]) / 100))
    assert drop.half.seed_interval == pytest.approx(narrow)


def test_the_simultaneous_interval_holds_the_true_worst_as_often_as_it_says():
    """Four depths that change nothing: the worst of four means is below 0, its interval holds 0 in 95% and more."""
    rng, held, naive = np.random.default_rng(1), 0, 0
    for _ in range(400):
        changes = rng.normal(0, 1, (4, 5))
        each = [stats.t.interval(1 - 0.05 / 4, 4, loc=c.mean(), scale=stats.sem(c)) for c in changes]
        low, high = pruning._lowest([(float(a), float(b)) for a, b in each])
        held += low <= 0 <= high
        worst = changes[np.argmin(changes.mean(axis=1))]
        a, b = stats.t.interval(0.95, 4, loc=worst.mean(), scale=stats.sem(worst))
        naive += a <= 0 <= b
    assert held / 400 > 0.95 > naive / 400


def test_with_one_removed_depth_worst_and_half_are_the_same(cut):
    drop = max_drops(cut({"0 of 4": [90, 88, 92], "2 of 4": [80, 79, 85]}))["BioASQ"]
    assert drop.interval == drop.half.interval


def test_half_depth_is_the_nearest_there_is(cut):
    assert half_depth(cut()) == "6 of 12"
    assert half_depth(cut({"0 of 5": [90, 88], "2 of 5": [80, 79], "4 of 5": [70, 71]})) == "2 of 5"
    assert half_depth(cut({"0 of 5": [90, 88]})) is None


def test_a_single_seed_has_a_drop_without_an_interval_over_seeds(cut):
    drop = max_drops(cut({"0 of 12": [90], "2 of 12": [70], "6 of 12": [75]}))["BioASQ"]
    assert drop.worst == pytest.approx(-0.2) and drop.interval is None
    assert verdict(drop, margin=2.5) == "undecided"


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ((-0.06, -0.01), "substantial drop"),
        ((-0.02, -0.005), "small drop"),
        ((-0.024, 0.02), "negligible drop"),
        ((-0.10, 0.02), "undecided"),
        (None, "undecided"),
    ],
)
def test_a_verdict_is_by_the_interval(interval, said):
    drop = Drop(worst=-0.02, level="2 of 12", interval=interval, half=None)
    assert verdict(drop, margin=2.5) == said
    assert verdict(replace(drop, collapsed=True), margin=2.5) == "undecided"


def test_what_has_collapsed_at_full_depth_has_nothing_to_lose(cut):
    """60 of 100 right is what the majority class scores."""
    assert max_drops(cut({"0 of 4": [60, 61, 60], "2 of 4": [60, 61, 60]}))["BioASQ"].collapsed
    assert not max_drops(cut())["BioASQ"].collapsed


def test_the_table_has_the_papers_numbers_where_the_share_is_the_same(cut):
    printed = paper_tables()["table7"]["cells"]
    table = pruning.pruning_table(cut(), title="Table 7")
    assert table.columns[1:4] == ("0 of 12 removed", "2 of 12 removed", "6 of 12 removed")
    ((_, full, two, six, worst, half),) = table.rows
    assert [cell.paper for cell in (full, two, six)] == [printed[n]["BioASQ"] for n in ("0", "2", "6")]
    assert worst.text.startswith("−19.00 at 2 of 12\n95% [") and worst.text.endswith("paper −13.56")
    assert half.text.startswith("−14.50\n95% [")
    of_four = pruning.pruning_table(cut({"0 of 4": [90, 88], "1 of 4": [80, 79], "2 of 4": [70, 71]}), title="x")
    assert [cell.paper for cell in of_four.rows[0][1:4]] == [87.6, None, 74.0]
    assert any("it has no number for 1 of 4" in note for note in of_four.notes)


def test_the_papers_drop_is_its_worst_depth_of_the_printed_ones_to_rounding():
    cells = paper_tables()["table7"]["cells"]
    for task, drop in cells["Performance drop"].items():
        worst = min(cells[removed][task] - cells["0"][task] for removed in ("2", "4", "6"))
        assert worst == pytest.approx(drop, abs=0.11), task


def test_the_papers_groups_fall_on_two_sides_of_the_margin():
    """As section 3.5 says: relations and questions are hit, the others are not."""
    for kind in ("ner", "pico", "relation", "similarity", "document", "question"):
        tasks = [task.name for task in pruning_tasks() if task.task_type == kind]
        hit = pruning.paper_verdict(tasks, margin=2.5).verdict == "substantial drop"
        assert hit == (kind in ("relation", "question")), kind


def pruning_tasks():
    from blurbstudy.tasks import TASKS

    return TASKS


def test_groups_and_tasks_have_verdicts_of_ours_and_of_the_papers(cut):
    (row,) = pruning.group_table(STUDY, cut(), margin=2.5).rows
    assert row[:3] == ("question answering", "BioASQ", "−19.00 at 2 of 12")
    assert row[4:] == ("substantial drop", "substantial drop\n−13.56")


def test_answers_say_what_is_hit_and_what_half_depth_costs(cut):
    said = pruning.pruning_findings(STUDY, cut(), margin=2.5).sentences
    assert said[0] == "Removing top layers costs substantially: question answering."
    assert said[1].startswith("Removing 6 of 12 layers changes the mean of the tasks by −14.50 (95% [")
    (sentence,) = pruning.compare_pruning_with_paper(STUDY, cut(), margin=2.5).sentences
    assert "the paper's drops are −13.56 (substantial drop)" in sentence and sentence.endswith(
        "substantial drop): agrees."
    )


def test_an_answer_names_what_had_nothing_to_lose_and_tells_seconds_by_the_median_of_pairs(cut):
    said = pruning.pruning_findings(STUDY, cut({"0 of 12": [60] * 4, "6 of 12": [61] * 4}), margin=2.5).sentences[-1]
    assert said.startswith("Removing 6 of 12 layers changes the mean of the tasks (BioASQ among them, where every run")
    assert said.endswith("and the seconds of a run by 0% (median of pairs of one task and seed).")


def test_half_depth_without_runs_is_left_out_of_the_answer(cut):
    results = cut(missing=("6 of 12",))
    assert max_drops(results)["BioASQ"].half is None
    assert pruning.pruning_findings(STUDY, results, margin=2.5).sentences == [
        "Removing top layers costs substantially: question answering."
    ]


def test_of_two_depths_as_near_to_half_the_first_is_taken(cut):
    assert half_depth(cut({"0 of 6": [90], "2 of 6": [80], "4 of 6": [70]})) == "2 of 6"


@pytest.mark.parametrize("available", [True, False])
def test_without_runs_nothing_is_said(cut, available):
    results = cut(missing=tuple(RIGHT))
    if not available:  # the encoder is not given, or its pretraining is unfinished
        results = replace(results, grid=replace(results.grid, layers={}))
    assert max_drops(results) == {}
    assert pruning.pruning_findings(STUDY, results, margin=2.5).sentences == ["Nothing has been run yet."]
    assert pruning.group_table(STUDY, results, margin=2.5).rows[0][2] == "–"
    assert "not run" in pruning.pruning_table(results, title="x")._repr_html_()
    assert pruning.compare_pruning_with_paper(STUDY, results, margin=2.5).sentences == [
        "No group has runs at two depths yet."
    ]
