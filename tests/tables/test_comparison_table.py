"""Comparisons with a baseline: one decision each, by seeds and test examples together, corrected."""

import dataclasses
import statistics

import pytest
from scipy import stats

from blurbstudy.study.decisions import decide_levels
from blurbstudy.study.grid import Condition
from blurbstudy.tables.comparison_table import (
    all_with,
    collapse_table,
    compare_with_paper,
    format_p_value,
    key_findings,
    paired_table,
    summarize_sentences,
)

GOOD, BAD = [90, 92, 91, 93], [80, 85, 79, 84]


def test_levels_are_corrected_by_holm(make_results):
    results = make_results({"Baseline": GOOD, "Layer freeze": BAD, "Layer reinit": [89, 92, 92, 92]})
    freeze, reinit = decide_levels(results, baseline="Baseline")
    assert freeze.comparison.difference * 100 == pytest.approx(statistics.mean(BAD) - statistics.mean(GOOD))
    assert freeze.p == pytest.approx(2 * freeze.comparison.p) and reinit.p == pytest.approx(reinit.comparison.p)


def test_a_baseline_without_an_encoder_leaves_nothing_to_compare(make_results):
    """In Table 2 the baseline is an encoder, which may not be given."""
    results = make_results({"Baseline": GOOD, "Layer freeze": BAD})
    cells = {key: runs for key, runs in results.grid.cells.items() if key.level != "Baseline"}
    results = dataclasses.replace(results, grid=dataclasses.replace(results.grid, cells=cells))
    assert decide_levels(results, baseline="Baseline") == []
    assert "not run" in paired_table(results, title="t", baseline="Baseline", paper="table4")._repr_html_()


def test_the_paired_table_shows_the_papers_difference(make_results):
    results = make_results({"Baseline": GOOD, "Layer freeze": BAD})
    table = paired_table(results, title="t", baseline="Baseline", paper="table4")
    assert table.rows[0][-1] == "+4.60"  # 76.3 - 71.7
    assert table.rows[0][2] == "−9.5" and table.rows[0][7] == "worse"
    both, seeds, examples = table.rows[0][3].text.split("\n")
    assert seeds.startswith("seeds [") and examples.startswith("examples [") and both.startswith("[")


def test_pairs_are_counted_by_both_kinds_of_seed(make_results, twice_pretrained):
    results = make_results({"Baseline": GOOD, "Layer freeze": BAD})
    assert paired_table(results, title="t", baseline="Baseline", paper="table4").rows[0][6] == "4"
    whole = paired_table(twice_pretrained(results), title="t", baseline="Baseline", paper="table4")
    assert whole.rows[0][6] == "2 × 4" and any("fewer degrees of freedom" in note for note in whole.notes)
    lost = paired_table(twice_pretrained(results, lost=(3,)), title="t", baseline="Baseline", paper="table4")
    assert lost.rows[0][6] == "2 × 4"  # a run that diverged counts as trivial
    both = twice_pretrained(results)
    there = {
        id_: record
        for id_, record in both.records.items()
        if (record.config.encoder_fingerprint, record.config.seed) != ("f" * 20, 3)
    }
    incomplete = dataclasses.replace(both, records=there)
    part = paired_table(incomplete, title="t", baseline="Baseline", paper="table4")
    assert part.rows[0][6] == "7 of 2 × 4"
    expected = "variances by the fine-tuning seeds that are scored with every pretraining seed."
    assert any(note.startswith("Interval over seeds of BERT, QA, Layer freeze: ") and note.endswith(expected)
               for note in part.notes)  # fmt: skip


def test_a_clear_difference_is_a_finding_and_an_unclear_one_is_undecided(make_results):
    results = make_results({"Baseline": GOOD, "Layer freeze": BAD, "Layer reinit": [89, 92, 92, 92]})
    said = " ".join(key_findings(results, question="?", baseline="Baseline").sentences)
    assert "Layer freeze is worse than Baseline by 9.5" in said
    assert "Undecided: 1 of 2" in said


def test_what_is_clear_over_seeds_alone_is_undecided_and_the_decidable_difference_is_said(make_results):
    """With every seed the same one question more is answered right."""
    results = make_results({"Baseline": [90] * 5, "Layer freeze": [91, 91, 91, 91, 92]})
    (decision,) = decide_levels(results, baseline="Baseline")
    assert decision.comparison.seed_interval[0] > 0 > decision.comparison.example_interval[0]
    said = key_findings(results, question="?", baseline="Baseline").sentences
    reach = f"{decision.comparison.detectable * 100:.1f}"
    assert said == [
        "None of 10 runs collapsed.",
        f"Undecided: 1 of 1 comparisons with Baseline; differences of {reach} points would be detected with 80% power.",
    ]


def test_where_every_run_on_both_sides_collapsed_neither_is_called_better(make_results):
    results = make_results({"Baseline": [60, 61, 60, 62], "Layer freeze": [30, 31, 29, 30]})
    said = " ".join(key_findings(results, question="?", baseline="Baseline").sentences)
    assert "8 of 8 runs collapsed: all runs in 2 of 2 cells" in said and "worse" not in said
    assert paired_table(results, title="t", baseline="Baseline", paper="table4").rows[0][7] == "both collapsed"
    assert "undecided here, both collapsed" in " ".join(
        compare_with_paper(results, baseline="Baseline", paper="table4").sentences
    )


def test_rates_of_collapse_are_compared_exactly(make_results):
    results = make_results({"Baseline": [30] * 8, "Layer freeze": [90] * 8, "Layer reinit": [30] * 7 + [90]})
    freeze, reinit = collapse_table(results, title="c", baseline="Baseline").rows
    assert freeze[:4] == ("Layer freeze", "0 of 8", "8 of 8", "−100.0") and freeze[6] == "Boschloo's exact test"
    expected = stats.boschloo_exact([[0, 8], [8, 0]]).pvalue
    one_fewer = stats.boschloo_exact([[7, 8], [1, 0]]).pvalue
    assert freeze[5] == format_p_value(2 * expected) and reinit[5] == format_p_value(one_fewer)
    said = key_findings(results, question="?", baseline="Baseline").sentences
    assert said[1].startswith("Fewer runs collapse than with Baseline: Layer freeze, 0 of 8 against 8 of 8 (p")


def test_cells_with_the_baselines_own_runs_are_not_tested_and_do_not_count_in_holm(make_results):
    alone = make_results({"Baseline": GOOD, "Layer freeze": BAD})
    grid = alone.grid
    cells = dict(grid.cells)
    cells[Condition("BERT", "Layerwise decay", "QA")] = cells[Condition("BERT", "Baseline", "QA")]
    cells[Condition("BERT", "Layer reinit", "QA")] = cells[Condition("BERT", "Layer freeze", "QA")]
    settings = (*grid.levels, "Layerwise decay", "Layer reinit")
    results = dataclasses.replace(alone, grid=dataclasses.replace(grid, cells=cells, levels=settings))
    assert decide_levels(results, baseline="Baseline") == decide_levels(alone, baseline="Baseline")
    table = paired_table(results, title="t", baseline="Baseline", paper="table4")
    assert len(table.rows) == 1 and "Holm's correction over 1)" in table.notes[0]
    assert table.notes[1:] == [
        "BERT, QA, Layerwise decay: the same settings as Baseline, so the same runs; not tested.",
        "BERT, QA, Layer reinit: the same runs as BERT, QA, Layer freeze; counted once.",
    ]


def test_nothing_run_is_said_as_such(make_results):
    results = make_results({"Baseline": GOOD}, missing={"Baseline"})
    assert key_findings(results, question="?", baseline="Baseline").sentences == ["Nothing has been run yet."]
    assert paired_table(results, title="t", baseline="Baseline", paper="table4").rows[0][0] == "not run"


def test_against_the_paper_says_whether_the_direction_is_the_same(make_results):
    results = make_results({"Baseline": GOOD, "Layer freeze": BAD, "Layer reinit": BAD})
    freeze, reinit = compare_with_paper(results, baseline="Baseline", paper="table4").sentences
    assert "the paper +4.60, here −9.5" in freeze and freeze.endswith(": opposite direction.")
    assert "the paper −2.40, here −9.5" in reinit and reinit.endswith(": same direction.")


@pytest.mark.parametrize("freeze", [[93, 85, 94, 89], [91, 91, 91, 92]])
def test_against_the_paper_a_difference_that_might_be_none_points_nowhere(make_results, freeze):
    """Over seeds, and over questions."""
    results = make_results({"Baseline": [90] * 4, "Layer freeze": freeze})
    (said,) = compare_with_paper(results, baseline="Baseline", paper="table4").sentences
    assert said.endswith(": undecided here.")


@pytest.mark.parametrize(("p", "text"), [(None, "–"), (0.0001, "< 0.001"), (0.0312, "0.031"), (1.0, "1")])
def test_p_values_have_two_digits_and_a_floor(p, text):
    assert format_p_value(p) == text


def test_many_comparisons_that_point_nowhere_are_counted_not_listed(make_results):
    techniques = ("Layer freeze", "Layerwise decay", "Layer reinit")
    results = make_results({"Baseline": GOOD, **{name: [89, 92, 92, 92] for name in techniques}})
    told = [("undecided here", "a"), ("same direction", "b"), *[("undecided here, both collapsed", "c")] * 4]
    assert summarize_sentences(told, what="with X") == [
        "b",
        "Of 6 comparisons with X that the paper prints too: 4 undecided here, both collapsed, 1 undecided here. The "
        "tables have their numbers.",
    ]
    assert len(compare_with_paper(results, baseline="Baseline", paper="table4").sentences) == 3  # few: each is said


def test_collapsed_runs_of_one_encoder_among_several_are_said_to_be_its_own():
    assert all_with([("BERT", 0), ("ELECTRA", 7), ("ELECTRA", 4), ("BERT", 0)]) == ", all with ELECTRA"
    assert all_with([("BERT", 1), ("ELECTRA", 7)]) == all_with([("BERT", 3)]) == all_with([("BERT", 0), ("E", 0)]) == ""
