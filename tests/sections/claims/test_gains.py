"""What a technique buys: gains told apart, decided by the joint test, and how sure scores are."""

import dataclasses

import pytest

from blurbstudy.sections.claims.evidence import Evidence
from blurbstudy.sections.claims.gains import certainty_answer, gain_table, gains_answer, technique_gains
from blurbstudy.stats.counts import boschloo_p
from blurbstudy.tables.formatting import format_signed

STEM = "03_layer_adaptation"
GOOD, BAD, COLLAPSED = [90, 92, 91, 93, 90], [80, 85, 79, 84, 81], [60, 61, 60, 62, 61]


def evidence_of(results):
    return Evidence(results={STEM: {"first": results}})


def test_a_gain_is_told_apart_into_fewer_collapsed_and_better_runs(make_results):
    evidence = evidence_of(make_results({"Baseline": [*GOOD[:2], *COLLAPSED[:3]], "Layer freeze": GOOD}))
    table = gain_table(evidence)
    (row,) = table.rows
    total, fewer, better, collapsed = (float(row[index].replace("−", "-")) for index in (2, 3, 5, 6))
    assert total == pytest.approx(fewer + better + collapsed, abs=0.02) and fewer > 0.9 * total
    assert row[7] == "0 of 5 / 3 of 5"
    assert len(table.runs[f"{STEM}: BERT, QA, Layer freeze"]) == 10
    (row,) = technique_gains(evidence).rows
    assert (str(row[0]), row[1], row[2].text) == ("Layer freeze\nagainst Baseline", "BERT", STEM)
    assert row[7] == format_signed(total) and row[8] == format_signed(fewer)
    assert row[9:] == ("0 of 5 / 3 of 5", f"{boschloo_p(0, 5, 3, 5):.2g}")


def test_a_rate_of_collapse_is_said_to_differ_where_an_exact_test_says_so(make_results):
    """0 of 5 against 3 of 5 does not, against 5 of 5 does."""
    few = evidence_of(make_results({"Baseline": [*GOOD[:2], *COLLAPSED[:3]], "Layer freeze": GOOD}))
    assert gains_answer(few).sentences[-1].startswith("No technique's rate of collapse is shown to differ")
    all_of_them = evidence_of(make_results({"Baseline": COLLAPSED, "Layer freeze": GOOD}))
    said = gains_answer(all_of_them).sentences[-1]
    assert said.endswith("with: Layer freeze against Baseline (BERT), 0 of 5 against 5 of 5.")


def test_better_is_decided_by_the_joint_test_and_undecided_says_what_could_have_been(make_results):
    clear = evidence_of(make_results({"Baseline": BAD, "Layer freeze": GOOD}))
    assert technique_gains(clear).rows[0][3:7] == ("QA", "–", "0", "–")
    said, _ = gains_answer(clear).sentences
    assert said == "Better than its baseline: Layer freeze against Baseline (BERT), on QA."
    narrow = evidence_of(make_results({"Baseline": [90] * 5, "Layer freeze": [91, 91, 91, 91, 92]}))
    better, worse, undecided, reach = technique_gains(narrow).rows[0][3:7]
    assert (better, worse, undecided) == ("–", "–", "1") and float(reach.split(" to ")[0]) > 1.2
    assert "all undecided" in gains_answer(narrow).sentences[0]


def test_techniques_of_one_name_are_told_apart_by_the_encoders_that_were_run(make_results):
    """A grid may name an encoder by the paper's column that it stands in."""
    results = make_results({"Baseline": BAD, "Layer freeze": GOOD})
    cells = {
        key: tuple(dataclasses.replace(config, encoder_name="BERT LARGE") for config in configs)
        for key, configs in results.grid.cells.items()
    }
    large = dataclasses.replace(results, grid=dataclasses.replace(results.grid, cells=cells))
    both = Evidence(results={STEM: {"first": results, "second": large}})
    assert [row[1] for row in technique_gains(both).rows] == ["BERT", "BERT LARGE"]
    assert len(technique_gains(both).runs) == 2 and len(gain_table(both).runs) == 2


def test_how_sure_is_told_by_both_uncertainties(make_results):
    said = " ".join(certainty_answer(evidence_of(make_results({"Baseline": BAD, "Layer freeze": GOOD}))).sentences)
    assert "over seeds and to ±" in said and "medians of 2 cells, each of 5 seeds" in said


def test_runs_with_dev_in_train_are_compared_since_their_training_loss_tells_their_status(make_results, joined):
    both = make_results({"Standard": COLLAPSED, "Optimal": [*GOOD[:4], 60]})
    evidence = Evidence(results={"06_state_of_the_art": {"table8": joined(both, "Optimal")}})
    (row,) = technique_gains(evidence).rows
    assert row[9] == "1 of 5 / 5 of 5"


def test_a_setting_with_the_very_runs_of_its_baseline_is_no_comparison(make_results):
    results = make_results({"Standard": BAD, "Optimal": GOOD})
    standard, optimal = results.grid.cells
    grid = dataclasses.replace(results.grid, cells=results.grid.cells | {optimal: results.grid.cells[standard]})
    evidence = Evidence(results={"06_state_of_the_art": {"table8": dataclasses.replace(results, grid=grid)}})
    assert technique_gains(evidence).rows[0][0] == "no runs yet"


def test_cells_where_every_run_collapsed_do_not_make_scores_look_sure(make_results):
    alive = certainty_answer(evidence_of(make_results({"Baseline": BAD}))).sentences[0]
    beside = certainty_answer(evidence_of(make_results({"Baseline": BAD, "Layer freeze": [60] * 5}))).sentences[0]
    assert alive == beside and "not all of which have a collapsed run" in alive


def test_a_store_whose_runs_have_no_baseline_is_not_called_empty(make_results):
    said = gains_answer(evidence_of(make_results({"Layer freeze": GOOD}))).sentences
    assert said == ["No technique has runs beside its baseline's yet."]


def test_nothing_run_is_said_as_such():
    empty = Evidence(results={})
    assert gain_table(empty).rows[0][0] == technique_gains(empty).rows[0][0] == "no runs yet"
    for answer in (gains_answer(empty), certainty_answer(empty)):
        assert answer.on_front_page and len(answer.sentences) == 1
