"""Agreement and ensembles in words: every number with its interval, or with the reason for none."""

import numpy as np
import pytest

from blurbstudy.stats.seeds.best_of import best_of
from blurbstudy.stats.seeds.consistency import Agreement, agreement
from blurbstudy.stats.seeds.ensembles import ensembles
from blurbstudy.tables.seeds import agreement_line, best_of_line, ensemble_lines, results_seeds_table, seeds_table

GOLD = ["yes", "no"] * 20


@pytest.fixture
def cell(make_reference, make_record):
    """Agreement and ensembles of n runs on 40 questions that are right with 0.8, and a collapsed one."""

    def make(n):
        generator = np.random.default_rng(n)
        flip = {"yes": "no", "no": "yes"}
        runs = [
            make_record(s, task="BioASQ", test=[g if generator.random() < 0.8 else flip[g] for g in GOLD])
            for s in range(n)
        ]
        runs.append(make_record(99, task="BioASQ", test=["yes"] * 40))
        reference = make_reference("BioASQ", GOLD)
        return agreement(runs, reference), ensembles(runs, reference)

    return make


def test_agreement_in_one_line():
    found = Agreement(
        measure="same label from two seeds",
        n=4,
        collapsed=1,
        value=0.9123,
        interval=(0.85, 0.97),
        kappa=0.81,
        kappa_interval=(0.7, 0.92),
        items="examples",
        all_right=0.8,
        some_right=0.15,
        none_right=0.05,
    )
    assert agreement_line(found) == (
        "agreement of 4 seeds (1 collapsed, left out): 91.23 [85.00, 97.00] (same label from two seeds); Fleiss' kappa "
        "0.81 [0.70, 0.92]; % of examples right 80.00 with all, 15.00 with some, 5.00 with none of them"
    )
    scores = Agreement(measure="ICC(A,1)", n=3, collapsed=0, value=0.97, interval=(0.9, 1.0))
    assert agreement_line(scores) == "agreement of 3 seeds: 0.97 [0.90, 1.00] (ICC(A,1))"
    none = Agreement(measure="ICC(A,1)", n=1, collapsed=4)
    assert agreement_line(none) == "agreement of seeds: none, it needs two runs that did not collapse (here: 1)"


def test_every_ensemble_has_an_interval_or_the_reason_for_none(cell):
    _, found = cell(7)
    three, five, whole = ensemble_lines(found)
    assert three.startswith("ensemble of 3 (majority vote): ") and three.endswith("]")
    assert five.endswith("(no interval: 7 runs hold no two disjoint ensembles of 5)")
    assert whole.startswith("ensemble of 7") and whole.endswith("over test examples alone")


def test_choosing_by_dev_in_one_line():
    dev = [0.7, 0.8, 0.75, 0.85]
    line = best_of_line(best_of(dev, [0.7, 0.7, 0.8, 0.8]))
    assert line == "choosing the best of 2 seeds by dev instead of one: dev 77.50 to 81.67, test 75.00 to 76.67"
    assert best_of_line(best_of(dev[:3])) == ""
    assert best_of_line(best_of(dev)).endswith("in part by luck")


def test_a_table_of_cells(cell):
    table = seeds_table({"BERT, BioASQ": cell(5), "BERT, two runs": cell(2)})
    first, second = table.rows
    assert first[:2] == ("BERT, BioASQ", "5 (1 collapsed, left out)") and "over test examples alone" in first[-1]
    assert "(no interval)" in second[2]
    assert any("same label from two seeds" in note for note in table.notes)
    assert "not run" in str(seeds_table({}).rows[0])


def test_cells_of_results_with_three_runs_have_a_row(make_results):
    results = make_results({"Baseline": [90, 80, 85], "Layer freeze": [90, None, 92]})
    table = results_seeds_table(results)
    assert [row[0] for row in table.rows] == ["BERT, QA, Baseline", "BERT, QA, Layer freeze"] and table.folded
    assert table.rows[1][1] == "2 (1 collapsed, left out)"
