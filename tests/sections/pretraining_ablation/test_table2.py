"""Table 2: objectives side by side, the BLURB score of a seed, segment ids crossed, pretraining seeds told apart."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import pytest

from blurbstudy.sections.pretraining_ablation.table2 import (
    compare_objectives_with_paper,
    interaction_table,
    learnable_tasks,
    objective_table,
    variance_table,
)
from blurbstudy.study.conditions import BLURB, blurb_columns
from blurbstudy.study.grid import Axes, Condition, Grid, Results, TaskColumn
from blurbstudy.tables.paper import paper_cell, paper_tables
from blurbstudy.tasks import TASKS

RIGHT = {"BERT": [90, 88, 92], "ELECTRA": [70, 74, 72]}  # of 100, per seed


class AllTasks:
    """The part of a study that blurb_columns reads."""

    tasks = TASKS


@pytest.fixture
def table2(make_results):
    """Results whose settings are objectives, on BioASQ."""

    def make(right=RIGHT, **more):
        found = make_results(right, **more)
        part = TaskColumn(label="BioASQ", tasks=("BioASQ",), paper="BioASQ")
        cells = {Condition("", key.level, "BioASQ"): runs for key, runs in found.grid.cells.items()}
        return replace(
            found,
            grid=replace(
                found.grid, axes=Axes(group=None, level="Encoder"), groups=("",), columns=(part,), cells=cells
            ),
        )

    return make


def test_the_blurb_part_weighs_tasks_as_the_blurb_score_does():
    part = blurb_columns(AllTasks)[-1]
    scores = {task.name: (7 * i % 13) / 13 for i, task in enumerate(TASKS)}
    assert part.label == BLURB and sum(part.weights.values()) == pytest.approx(1)
    weighted = sum(part.weights[name] * score for name, score in scores.items())
    groups = dict.fromkeys(task.group for task in TASKS)
    means = [fmean(scores[task.name] for task in TASKS if task.group == group) for group in groups]
    assert weighted == pytest.approx(fmean(means))


def test_every_number_of_the_papers_table_stands_beside_its_cell():
    for objective, column in paper_tables()["table2"]["cells"].items():
        for task, printed in column.items():
            assert paper_cell("table2", group="", level=objective, column=task) == printed


def test_a_row_per_task_a_column_per_objective(table2):
    table = objective_table(table2(), title="Table 2")
    assert table.columns == ("Task", "BERT", "ELECTRA")
    ((name, bert, electra),) = table.rows
    assert (name, bert.mean, electra.mean) == ("BioASQ", pytest.approx(90), pytest.approx(72))
    assert (bert.paper, electra.paper) == (87.56, paper_tables()["table2"]["cells"]["ELECTRA"]["BioASQ"])


def test_an_objective_without_encoder_says_why(table2):
    results = table2()
    results = replace(results, grid=replace(results.grid, levels=("BERT", "BERT (no NSP)"),
                                            missing_reasons={"BERT (no NSP)": "not released"}))  # fmt: skip
    ((_, _, absent),) = objective_table(results, title="Table 2").rows
    assert absent.mean is None and absent.state == "not released" and absent.paper == 83.57


def test_differences_point_where_the_papers_point_or_nowhere(table2):
    (sentence,) = compare_objectives_with_paper(table2(), baseline="BERT").sentences
    assert sentence.startswith("BioASQ, ELECTRA against BERT: the paper ") and "here −18.0" in sentence
    assert sentence.endswith("opposite direction.")
    better = table2({"BERT": [70, 74, 72], "ELECTRA": [90, 88, 92]})
    assert compare_objectives_with_paper(better, baseline="BERT").sentences[0].endswith("same direction.")
    (sentence,) = compare_objectives_with_paper(
        table2({"BERT": [90, 70], "ELECTRA": [71, 89]}), baseline="BERT"
    ).sentences
    assert sentence.endswith("undecided here.")


@pytest.mark.parametrize(
    ("right", "said"),
    [
        ({"BERT": [90, 88], "ELECTRA": [90, 88]}, "in every run: BioASQ."),
        ({"BERT": [90, 88], "ELECTRA": [60, 61]}, "in some runs: BioASQ (2 of 4)."),
        ({"BERT": [60, 61], "ELECTRA": [60, 61]}, "in no run: BioASQ."),
    ],
)
def test_what_is_learned_is_told_by_task(table2, right, said):
    assert said in learnable_tasks(table2(right)).sentences[0]


def test_pretraining_seeds_are_told_apart(table2, twice_pretrained):
    results = table2()
    table = variance_table(results)
    assert table.rows[0][0] == "each objective was pretrained once" and len(table.rows[0]) == len(table.columns)
    results = twice_pretrained(results, shift=4)
    # 90, 88, 92 and 94, 92, 96: seeds do with both encoders what they do with one; 4 apart is an sd of 4 / sqrt(2).
    rows = variance_table(results).rows
    assert rows == [("BioASQ", name, "2", "3", "2.83", "2.00", "0.00") for name in ("BERT", "ELECTRA")]
    table = objective_table(results, title="Table 2")
    assert table.rows[0][1].expected == 6 and any("takes them as crossed" in note for note in table.legend)
    assert "Student's t, pretraining and fine-tuning seeds crossed; over test examples" in table.caption
    assert not any(note.startswith("Interval over seeds of") for note in table.notes)


def test_where_seeds_of_one_kind_are_too_few_the_table_says_so(table2, twice_pretrained):
    single = twice_pretrained(table2({"BERT": [90], "ELECTRA": [70]}), shift=4)
    said = "BioASQ, BERT; BioASQ, ELECTRA"
    expected = f"Interval over seeds of {said}: Student's t over pretraining seeds alone, at one fine-tuning seed."
    assert expected in objective_table(single, title="x").legend
    assert f"With a single seed of one kind, the other's sd includes the rest: {said}." in (
        variance_table(single).notes
    )
    incomplete = twice_pretrained(table2(), shift=4, lost=(3,))
    assert [row[2:4] for row in variance_table(incomplete).rows] == [("2", "2")] * 2
    assert any("only those scored with every pretraining seed are used" in n for n in variance_table(incomplete).notes)
    scores = objective_table(incomplete, title="x")
    assert any("variances by the fine-tuning seeds that are scored with every" in note for note in scores.legend)
    bert = scores.rows[0][1]
    assert bert.n == 5 and bert.over_seeds[1] == 100 and bert.mean == pytest.approx((270 + 186) / 5)  # clipped
    none = objective_table(twice_pretrained(table2(), lost=(2, 3)), title="x")
    assert none.rows[0][1].over_seeds is None
    assert any("none, fewer than two fine-tuning seeds are scored with every" in note for note in none.legend)


def test_an_interaction_is_shown_beside_each_change(make_results):
    first, second = "One segment id", "Two segment ids"
    bert = make_results({second: [80, 82, 84], first: [90, 92, 93]})
    grid: Grid = bert.grid
    records, cells = dict(bert.records), dict(grid.cells)
    for name, source in ((second, first), (first, second)):  # the other encoder: the other way round
        runs = tuple(replace(run, encoder_fingerprint="f" * 20) for run in grid.cells[Condition("BERT", name, "QA")])
        cells[Condition("ELECTRA", name, "QA")] = runs
        models = grid.cells[Condition("BERT", source, "QA")]
        records |= {run.id: replace(bert.records[m.id], config=run) for run, m in zip(runs, models, strict=True)}
    grid = replace(grid, groups=("BERT", "ELECTRA"), cells=cells)
    results = Results(grid=grid, records=records, references=bert.references, provenance="x")
    table = interaction_table(results, title="Segments", first=first, second=second, baseline="BERT")
    rows = {row[1]: row for row in table.rows}
    assert rows["BERT"][2] == "+9.7" and rows["BERT"][6] == "–"
    assert rows["ELECTRA"][2] == "−9.7" and rows["ELECTRA"][6] == "−19.3"


def test_tables_without_runs_say_so(table2):
    results = table2(missing=("BERT", "ELECTRA"))
    assert learnable_tasks(results).sentences == ["Nothing has been run yet."]
    assert compare_objectives_with_paper(results, baseline="BERT").sentences == ["No comparison has both numbers yet."]
    empty = interaction_table(results, title="x", first="BERT", second="ELECTRA", baseline="BERT")
    assert empty.rows[0][0] == "not run" and "not run" in empty._repr_html_()
