"""Score tables: numbers as computed by hand, the paper's beside them, and honest words about what is not known."""

import dataclasses
import statistics

import pytest
from scipy import stats

from blurbstudy.presentation.grid import CellKey, seeds_in_words
from blurbstudy.presentation.score_tables import (
    against_paper,
    comparisons,
    findings,
    p_value,
    paired_table,
    recipe_table,
    score_table,
)
from blurbstudy.presentation.tables import Score

GOOD, BAD = [90, 92, 91, 93], [80, 85, 79, 84]


def cells(table):
    return {row[1]: row[2] for row in table.rows}


def test_a_cell_is_the_mean_over_seeds_with_sd_and_worst(make_results):
    cell = cells(score_table(make_results({"Baseline": GOOD}), title="t", paper="table4"))["Baseline"]
    assert cell.mean == pytest.approx(statistics.mean(GOOD))
    assert cell.sd == pytest.approx(statistics.stdev(GOOD))
    assert (cell.worst, cell.n, cell.failed, cell.trivial) == (90.0, 4, 0, pytest.approx(60.0))


def test_the_interval_over_seeds_is_students(make_results):
    cell = cells(score_table(make_results({"Baseline": GOOD}), title="t", paper="table4"))["Baseline"]
    expected = stats.t.interval(0.95, 3, loc=statistics.mean(GOOD), scale=stats.sem(GOOD))
    assert cell.over_seeds == pytest.approx(expected)


def test_the_papers_number_stands_beside_ours_where_the_paper_has_one(make_results):
    table = cells(
        score_table(make_results({"Layer freeze": GOOD, "Freeze and reinit": GOOD}), title="t", paper="table4")
    )
    assert table["Layer freeze"].paper == 76.3
    assert table["Freeze and reinit"].paper is None


def test_a_run_without_score_is_failed_and_counted_and_not_in_the_mean(make_results):
    cell = cells(score_table(make_results({"Baseline": [90, None, 92]}), title="t", paper="table4"))["Baseline"]
    assert (cell.mean, cell.n, cell.failed, cell.runs) == (pytest.approx(91.0), 2, 1, 3)


def test_a_run_no_better_than_the_trivial_score_is_failed_and_stays_in_the_mean(make_results):
    cell = cells(score_table(make_results({"Baseline": [90, 62]}), title="t", paper="table4"))["Baseline"]
    assert (cell.mean, cell.n, cell.failed) == (pytest.approx(76.0), 2, 1)


def test_a_cell_without_runs_is_not_run(make_results):
    table = score_table(make_results({"Baseline": GOOD, "Layer freeze": BAD}, missing={"Layer freeze"}), title="t",
                        paper="table4")  # fmt: skip
    assert cells(table)["Layer freeze"].state == "not run"
    assert cells(table)["Layer freeze"].mean is None
    assert "4 of 8 runs" in table.caption


def test_an_encoder_that_was_never_released_has_rows_that_say_so(make_results):
    encoders = {"BERT": "", "BERT (no NSP)": "not released"}
    results = make_results({"Baseline": GOOD}, encoders=encoders)
    row = score_table(results, title="t", paper="table4").rows[1]
    assert row[0] == "BERT (no NSP)" and row[2] == Score(mean=None, expected=4, paper=70.0, state="not released")


def test_the_caption_names_runs_seeds_commit_parameters_and_scale(make_results):
    caption = score_table(make_results({"Baseline": GOOD}), title="t", paper="table4").caption
    for text in ("4 runs", "seeds 1 to 4", "commit abcdef1234", "parameters/mini/x.yaml", "Mini scale"):
        assert text in caption


def test_a_remark_stands_beside_every_number_of_its_encoder(make_results):
    results = make_results({"Baseline": GOOD}, remarks={"BERT": "its pooler is not NSP-trained"})
    table = score_table(results, title="t", paper="table4")
    assert "not NSP-trained" in table.rows[0][0] and "not NSP-trained" in table.caption


def test_comparisons_are_paired_by_seed_and_corrected_by_holm(make_results):
    results = make_results({"Baseline": GOOD, "Layer freeze": BAD, "Layer reinit": [89, 92, 92, 92]})
    found = comparisons(results, baseline="Baseline")
    freeze, reinit = (found[CellKey("BERT", name, "QA")] for name in ("Layer freeze", "Layer reinit"))
    raw = stats.ttest_rel(BAD, GOOD).pvalue
    assert freeze[0].difference * 100 == pytest.approx(statistics.mean(BAD) - statistics.mean(GOOD))
    assert freeze[1] == pytest.approx(min(1.0, 2 * raw))
    assert reinit[1] == pytest.approx(stats.ttest_rel([89, 92, 92, 92], GOOD).pvalue)


def test_the_paired_table_shows_the_papers_difference(make_results):
    results = make_results({"Baseline": GOOD, "Layer freeze": BAD})
    table = paired_table(results, title="t", baseline="Baseline", paper="table4")
    assert table.rows[0][-1] == "+4.60"  # 76.3 - 71.7
    assert table.rows[0][2] == "−9.50"


def test_a_clear_difference_is_a_finding_and_an_unclear_one_is_undecided(make_results):
    results = make_results({"Baseline": GOOD, "Layer freeze": BAD, "Layer reinit": [89, 92, 92, 92]})
    said = " ".join(findings(results, question="?", baseline="Baseline").sentences)
    assert "Layer freeze is worse than Baseline by 9.50" in said
    assert "Undecided: 1 of 2" in said


def test_what_is_clear_over_seeds_alone_is_undecided_and_both_intervals_are_said(make_results):
    """With every seed the same one question more is answered right."""
    results = make_results({"Baseline": [90] * 5, "Layer freeze": [91, 91, 91, 91, 92]})
    ((comparison, p),) = comparisons(results, baseline="Baseline").values()
    assert p < 0.05 and comparison.example_interval[0] <= 0
    said = findings(results, question="?", baseline="Baseline").sentences
    assert "is better" not in " ".join(said)
    assert "Layer freeze against Baseline is undecided" in said[1]
    assert "clear over seeds, not over test examples" in said[1]
    assert "95% over seeds [" in said[1] and "over test examples [" in said[1]
    assert said[-1] == "Undecided: 1 of 1 comparisons with Baseline."


def test_where_every_run_on_both_sides_collapsed_neither_is_called_better(make_results):
    results = make_results({"Baseline": [60, 61, 60, 62], "Layer freeze": [30, 31, 29, 30]})
    said = " ".join(findings(results, question="?", baseline="Baseline").sentences)
    assert "Both collapsed with every seed, so neither is called better than the other, in 1 of 1" in said
    assert "comparisons with Baseline: BERT, QA, Layer freeze." in said
    assert "worse" not in said and "Undecided" not in said
    assert "undecided here, both collapsed" in " ".join(
        against_paper(results, baseline="Baseline", paper="table4").sentences
    )


def test_cells_with_the_baselines_own_runs_are_not_tested_and_do_not_count_in_holm(make_results):
    alone = make_results({"Baseline": GOOD, "Layer freeze": BAD})
    grid = alone.grid
    cells = dict(grid.cells)
    cells[CellKey("BERT", "Layerwise decay", "QA")] = cells[CellKey("BERT", "Baseline", "QA")]
    cells[CellKey("BERT", "Layer reinit", "QA")] = cells[CellKey("BERT", "Layer freeze", "QA")]
    settings = (*grid.settings, "Layerwise decay", "Layer reinit")
    results = dataclasses.replace(alone, grid=dataclasses.replace(grid, cells=cells, settings=settings))
    assert comparisons(results, baseline="Baseline") == comparisons(alone, baseline="Baseline")
    table = paired_table(results, title="t", baseline="Baseline", paper="table4")
    assert len(table.rows) == 1 and "over the 1 comparisons" in table.notes[0]
    assert table.notes[1:] == [
        "BERT, QA, Layerwise decay: the same settings as Baseline, so the same runs; not tested.",
        "BERT, QA, Layer reinit: the same runs as BERT, QA, Layer freeze; counted once.",
    ]


def test_nothing_run_is_said_as_such(make_results):
    results = make_results({"Baseline": GOOD}, missing={"Baseline"})
    assert findings(results, question="?", baseline="Baseline").sentences == ["Nothing has been run yet."]
    assert paired_table(results, title="t", baseline="Baseline", paper="table4").rows[0][0] == "not run"


def test_against_the_paper_says_whether_the_direction_is_the_same(make_results):
    results = make_results({"Baseline": GOOD, "Layer freeze": BAD, "Layer reinit": BAD})
    freeze, reinit = against_paper(results, baseline="Baseline", paper="table4").sentences
    assert "the paper +4.60, here −9.50" in freeze and freeze.endswith(": opposite direction.")
    assert "the paper −2.40, here −9.50" in reinit and reinit.endswith(": same direction.")


@pytest.mark.parametrize("freeze", [[93, 85, 94, 89], [91, 91, 91, 92], [80, None, None, None]])
def test_against_the_paper_a_difference_that_might_be_none_points_nowhere(make_results, freeze):
    """Over seeds, over questions, and where one seed gives no interval."""
    results = make_results({"Baseline": [90] * 4, "Layer freeze": freeze})
    (said,) = against_paper(results, baseline="Baseline", paper="table4").sentences
    assert said.endswith(": undecided here.")


def test_the_recipe_table_shows_what_differs_and_says_once_what_is_shared(make_results):
    table = recipe_table(make_results({"Baseline": GOOD, "Layer freeze": BAD}))
    assert table.columns == ("Setting", "Tasks", "Learning rate")
    assert [row[2] for row in table.rows] == ["1e-05", "2e-05"]
    assert "batch size 16" in table.notes[0]


@pytest.mark.parametrize(("p", "text"), [(None, "–"), (0.0001, "< 0.001"), (0.0312, "0.031"), (1.0, "1")])
def test_p_values_have_two_digits_and_a_floor(p, text):
    assert p_value(p) == text


@pytest.mark.parametrize(
    ("seeds", "text"), [((3,), "seed 3"), ((1, 2, 3), "seeds 1 to 3"), ((1, 3, 7), "seeds 1, 3, 7")]
)
def test_seeds_are_said_briefly(seeds, text):
    assert seeds_in_words(seeds) == text


def test_many_comparisons_of_collapsed_runs_are_counted_not_listed(make_results):
    results = make_results({"Baseline": [60, 61], **{f"Technique {i}": [30 + i, 31] for i in range(6)}})
    said = " ".join(findings(results, question="?", baseline="Baseline").sentences)
    assert "in 6 of 6 comparisons with Baseline: 6 on QA." in said
