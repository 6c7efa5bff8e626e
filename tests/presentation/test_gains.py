"""What a technique buys: gains told apart, and how sure they are."""

import pytest

from blurbstudy.presentation.evidence import Evidence
from blurbstudy.presentation.gains import certainty_answer, gain_table, gains_answer

STEM = "03_layer_adaptation"
GOOD, BAD, HOPELESS = [90, 92, 91, 93, 90], [80, 85, 79, 84, 81], [60, 61, 60, 62, 61]


def evidence_of(results):
    return Evidence(results={STEM: (results,)})


def test_a_gain_is_told_apart_into_fewer_collapsed_and_better_runs(make_results):
    evidence = evidence_of(make_results({"Baseline": [*GOOD[:2], *HOPELESS[:3]], "Layer freeze": GOOD}))
    table = gain_table(evidence)
    (row,) = table.rows
    total, fewer, better, collapsed = (float(row[index].replace("−", "-")) for index in (2, 3, 5, 6))
    assert total == pytest.approx(fewer + better + collapsed, abs=0.02) and fewer > 0.9 * total
    assert row[7] == "0 of 5 / 3 of 5"
    assert len(table.runs["BERT, QA, Layer freeze"]) == 10
    (said,) = gains_answer(evidence).sentences
    assert "Layer freeze against Baseline (notebook 03)" in said and "(0 of 5 against 3 of 5)" in said


def test_a_technique_is_better_only_where_both_uncertainties_say_so(make_results):
    clear = gains_answer(evidence_of(make_results({"Baseline": BAD, "Layer freeze": GOOD}))).sentences[0]
    assert "1 better, 0 worse, 0 undecided" in clear
    narrow = gains_answer(evidence_of(make_results({"Baseline": [90] * 5, "Layer freeze": [91, 91, 91, 91, 92]})))
    assert "0 better, 0 worse, 1 undecided" in narrow.sentences[0]


def test_how_sure_is_told_by_both_uncertainties(make_results):
    said = " ".join(certainty_answer(evidence_of(make_results({"Baseline": BAD, "Layer freeze": GOOD}))).sentences)
    assert "over seeds and to ±" in said and "medians of 2 cells, each of 5 to 5 seeds" in said
    assert "Of 1 comparisons of a technique with its baseline 0 are undecided." in said


def test_nothing_run_is_said_as_such():
    empty = Evidence(results={})
    assert gain_table(empty).rows[0][0] == "no runs yet"
    for answer in (gains_answer(empty), certainty_answer(empty)):
        assert answer.front and len(answer.sentences) == 1
