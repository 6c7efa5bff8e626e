"""Score tables: numbers as computed by hand, the paper's beside them, and honest words about what is not known."""

import statistics

import pytest
from scipy import stats

from blurbstudy.study.grid import format_seeds
from blurbstudy.tables.score_table import recipe_table, score_table
from blurbstudy.tables.table import Score

GOOD, BAD = [90, 92, 91, 93], [80, 85, 79, 84]


def cells(table):
    return {row[1]: row[2] for row in table.rows}


def test_a_cell_is_the_mean_over_seeds_with_sd_and_worst(make_results):
    cell = cells(score_table(make_results({"Baseline": GOOD}), title="t", paper="table4"))["Baseline"]
    assert cell.mean == pytest.approx(statistics.mean(GOOD))
    assert cell.sd == pytest.approx(statistics.stdev(GOOD))
    assert (cell.worst, cell.n, cell.collapsed, cell.trivial) == (90.0, 4, 0, pytest.approx(60.0))


def test_the_interval_over_seeds_is_students(make_results):
    cell = cells(score_table(make_results({"Baseline": GOOD}), title="t", paper="table4"))["Baseline"]
    expected = stats.t.interval(0.95, 3, loc=statistics.mean(GOOD), scale=stats.sem(GOOD))
    assert cell.over_seeds == pytest.approx(expected)


@pytest.mark.parametrize("n", [1, 2])
def test_no_interval_is_over_fewer_than_three_seeds(make_results, n):
    cell = cells(score_table(make_results({"Baseline": GOOD[:n]}), title="t", paper="table4"))["Baseline"]
    assert cell.over_seeds is None and cell.over_examples is not None


def test_the_papers_number_stands_beside_ours_where_the_paper_has_one(make_results):
    table = cells(
        score_table(make_results({"Layer freeze": GOOD, "Freeze and reinit": GOOD}), title="t", paper="table4")
    )
    assert table["Layer freeze"].paper == 76.3
    assert table["Freeze and reinit"].paper is None


@pytest.mark.parametrize("lost", [None, 40])
def test_a_collapsed_run_is_counted_and_not_in_the_mean(make_results, lost):
    cell = cells(score_table(make_results({"Baseline": [90, lost, 92, 94]}), title="t", paper="table4"))["Baseline"]
    assert (cell.mean, cell.n, cell.collapsed, cell.runs) == (pytest.approx(92.0), 3, 1, 4)
    assert cell.worst == (90.0 if lost is None else 40.0)
    assert cell.mixture[0] < cell.over_seeds[0] and cell.mixture[1] < cell.over_seeds[1]
    assert "1 of 4 [" in cell.html()


def test_where_every_run_collapsed_the_mean_is_of_all_and_marked(make_results):
    cell = cells(score_table(make_results({"Baseline": [60, 30, 60]}), title="t", paper="table4"))["Baseline"]
    assert (cell.mean, cell.collapsed, cell.over_seeds) == (pytest.approx(50.0), 3, None)
    assert '<b class="collapsed">50.0</b>' in cell.html()


def test_a_cell_without_runs_is_not_run(make_results):
    table = score_table(make_results({"Baseline": GOOD, "Layer freeze": BAD}, missing={"Layer freeze"}), title="t",
                        paper="table4")  # fmt: skip
    assert cells(table)["Layer freeze"].state == "not run"
    assert cells(table)["Layer freeze"].mean is None
    assert "4 of 8 runs" in table.caption


def test_an_encoder_that_was_never_released_has_rows_that_say_so(make_results):
    results = make_results(
        {"Baseline": GOOD}, groups=("BERT", "BERT (no NSP)"), missing_reasons={"BERT (no NSP)": "not released"}
    )
    row = score_table(results, title="t", paper="table4").rows[1]
    assert row[0] == "BERT (no NSP)" and row[2] == Score(mean=None, expected=4, paper=70.0, state="not released")


def test_the_caption_names_runs_seeds_commit_parameters_and_scale(make_results):
    caption = score_table(make_results({"Baseline": GOOD}), title="t", paper="table4").caption
    for text in ("4 runs", "seeds 1 to 4", "commit abcdef1234", "parameters/mini/x.yaml", "Mini scale"):
        assert text in caption


def test_a_remark_stands_beside_every_number_of_its_encoder(make_results):
    results = make_results({"Baseline": GOOD}, notes={"BERT": "its pooler is not NSP-trained"})
    table = score_table(results, title="t", paper="table4")
    assert "not NSP-trained" in table.rows[0][0].note and "not NSP-trained" in table.caption


def test_the_recipe_table_shows_what_differs_and_says_once_what_is_shared(make_results):
    table = recipe_table(make_results({"Baseline": GOOD, "Layer freeze": BAD}))
    assert table.columns == ("Setting", "Tasks", "Learning rate")
    assert [row[2] for row in table.rows] == ["1e-05", "2e-05"]
    assert "batch size 16" in table.notes[0]


@pytest.mark.parametrize(
    ("seeds", "text"), [((3,), "seed 3"), ((1, 2, 3), "seeds 1 to 3"), ((1, 3, 7), "seeds 1, 3, 7")]
)
def test_seeds_are_said_briefly(seeds, text):
    assert format_seeds(seeds) == text
