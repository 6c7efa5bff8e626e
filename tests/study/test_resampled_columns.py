"""`splits`: small tasks get a resampled column beside their official one, through grid, results and tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.sections import layer_adaptation, optimization_ablation
from blurbstudy.study.decisions import decide_levels
from blurbstudy.study.grid import DEFAULT_RECIPE, Condition
from blurbstudy.study.parameter_types import read_splits
from blurbstudy.study.parameters import scale_parameters
from blurbstudy.study.study import Study
from blurbstudy.tables.comparison_table import collapse_table, compare_with_paper, key_findings, paired_table
from blurbstudy.tables.figure import seeds_figure
from blurbstudy.tables.score_table import RESAMPLED_NOTE, score_table
from blurbstudy.tasks.folds import ResampledSplits


@pytest.fixture
def make_study(tmp_path, tiny_encoder):

    def make(section, **changes):
        values = scale_parameters("mini", section.NOTEBOOK)
        values |= {"store": str(tmp_path / "store"), "encoders": {"BERT": str(tiny_encoder)}, "seeds": 2, "workers": 1}
        return Study(section, values | changes)

    return make


@pytest.fixture
def short():
    return {"epochs_long": 2, "epochs_standard": 0.5, "max_length": 48, "tasks": ["BIOSSES"], "show_paper": True}


def test_a_table_has_the_resampled_column_beside_the_official_one(make_study, short):
    """Real runs of 2 folds, twice. The official cells are those without `splits`, run by run."""
    study = make_study(optimization_ablation, splits="2x2", **short)
    grid = optimization_ablation.grids(study)["table3"]
    n = sum(study.sources.sizes["BIOSSES"].values())
    assert [column.label for column in grid.columns] == ["BIOSSES", f"BIOSSES, all {n} resampled"]
    plain = optimization_ablation.grids(make_study(optimization_ablation, **short))["table3"]
    assert {key: runs for key, runs in grid.cells.items() if key.column == "BIOSSES"} == plain.cells
    results = study.results(grid)
    condition = Condition("BERT", "Default recipe", grid.columns[1].label)
    summary = results.summaries[condition]
    assert (summary.n, summary.runs) == (2, 4) and summary.resampled is not None
    table = score_table(results, title="Table 3", paper="table3", wide=True)
    official, resampled = (next(row for row in table.rows if row[1] == condition.level)[i] for i in (2, 3))
    assert official.paper is not None and resampled.paper is None
    assert (resampled.seeds, resampled.expected, resampled.runs) == (2, 2, 4)
    assert RESAMPLED_NOTE in table.legend and "not comparable with the paper" in table.notes[0]
    assert "jackknife pseudo-values over pairs, joint with repeats" in table.caption
    baseline = DEFAULT_RECIPE
    compared = results.compare(condition._replace(level="Few epochs"), condition)
    assert compared is not None and compared.n == 2 and compared.nadeau_bengio is not None
    assert "Nadeau-Bengio" in paired_table(results, title="d", baseline=baseline, paper="table3")._repr_html_()
    against = compare_with_paper(results, baseline=baseline, paper="table3")
    assert not any("resampled" in sentence for sentence in against.sentences)
    key_findings(results, question="?", baseline=baseline)
    assert collapse_table(results, title="c", baseline=baseline).rows[0][1].endswith("of 6")
    seeds_figure(results, title="f", paper="table3")

    # Of a setting with a single fold so far the number of runs is said, and no comparison is made.
    few = condition._replace(level="Few epochs")
    later = [run.id for run in grid.cells[few][1:]]
    begun = replace(results, records={run: record for run, record in results.records.items() if run not in later})
    row = next(row for row in score_table(begun, title="t", paper="table3").rows if row[1] == few.level)
    assert row[3].mean is None and "1 of 4 runs" in row[3].html() and "no score" not in row[3].html()
    assert few not in {decision.condition for decision in decide_levels(begun, baseline=baseline)}
    drawn = seeds_figure(begun, title="f", paper="table3")._repr_html_()
    assert "1 of 4 runs" in drawn and "without a score" not in drawn


def test_each_small_task_of_table_4_has_a_column(make_study):
    splits = {"BIOSSES": "5x1", "BioASQ": "2x1"}
    tasks = ["BIOSSES", "PubMedQA", "BioASQ"]
    columns = layer_adaptation.grids(make_study(layer_adaptation, splits=splits, tasks=tasks))["table4"].columns
    assert [(column.tasks, column.splits) for column in columns[2:]] == [
        (("BIOSSES",), ResampledSplits(5, 1)),
        (("BioASQ",), ResampledSplits(2, 1)),
    ]
    assert "67% of test" in columns[3].note and "67%" not in columns[2].note


@pytest.mark.parametrize("wrong", ["5", "1x2", {"DDI": "5x2"}, {"BIOSSES": "all"}])
def test_wrong_splits_are_refused_at_once(make_study, wrong):
    with pytest.raises(ParameterError, match="splits="):
        make_study(optimization_ablation, splits=wrong)


def test_splits_of_a_task():
    assert read_splits("official", "BIOSSES") is None
    assert read_splits("5x4", "PubMedQA") == ResampledSplits(5, 4)
    assert read_splits("5x4", "DDI") is None
    assert read_splits({"PubMedQA": "2x4"}, "BIOSSES") is None
