"""Verdicts as a page shows them: from the runs of other notebooks, with the paper's own numbers beside."""

import dataclasses

import pytest

from blurbstudy.sections.claims.claims import CellRef, load_claims
from blurbstudy.sections.claims.evidence import Evidence
from blurbstudy.sections.claims.forest_plot import forest
from blurbstudy.sections.claims.verdict_tables import Verdicts, contrast_table, verdict_table
from blurbstudy.sections.claims.verdicts import judge
from blurbstudy.stabilizers import RemoveLayers
from blurbstudy.study.grid import Condition

STEM = "03_layer_adaptation"
GOOD, BAD = [90, 92, 91, 93, 90], [80, 85, 79, 84, 81]


@pytest.fixture
def evidence(make_results):
    """Runs of BioASQ (as QA) under two settings of the layer notebook."""
    results = make_results({"Baseline": BAD, "Layer freeze": GOOD})
    return Evidence(results={STEM: {"table4": results}}, origin="parameters/mini/08_claims.yaml · scale mini")


def verdicts(evidence):
    found = tuple(judge(claim, evidence.cell, margin=2.0) for claim in load_claims())
    return Verdicts(verdicts=found, evidence=evidence, margin=2.0)


def test_every_claim_has_a_row_with_verdict_figure_numbers_and_the_papers_own(evidence):
    table = verdict_table(verdicts(evidence))
    assert len(table.rows) == len(load_claims())
    rows = {row[0].text: row for row in table.rows}
    freezing = rows["Freezing lower layers helps BERT models trained on masked words."]
    assert "the one comparison supports it; 5 more have no runs" in freezing[1].text
    assert "<svg" in freezing[2].markup and freezing[3].text.startswith("+9.40\n95% [")
    assert freezing[4].startswith("4 of 6 as claimed; not: BERT, Layer freeze, SS against Baseline −0.60")
    untested = rows["Relations and question answering lose much when layers are removed."]
    assert "not tested" in untested[1].text and untested[2].text == "no runs"


def test_the_caption_of_the_verdicts_says_runs_seeds_commit_and_scale(evidence):
    caption = verdict_table(verdicts(evidence)).caption
    for text in (f"10 runs of {STEM}", "seeds 1 to 5", "commit abcdef1234", "scale mini"):
        assert text in caption


def test_every_comparison_names_its_runs(evidence):
    table = contrast_table(verdicts(evidence))
    ids = {record.id for record in evidence.results[STEM]["table4"].records.values()}
    assert len(table.runs) == len(table.rows) and all(set(runs) == ids for runs in table.runs.values())


def test_without_runs_no_claim_is_tested_and_the_page_says_why():
    found = verdicts(Evidence(results={}, missing={STEM: "not executed with this run store"}))
    assert len(found.of("not tested")) == len(load_claims())
    assert f"No runs of {STEM}: not executed with this run store." in verdict_table(found).notes
    assert contrast_table(found).rows[0][0] == "no runs yet"


def test_the_margin_that_was_read_off_the_judged_table_is_said_to_be_circular(evidence):
    rows = {row[0].text: row[0].note for row in verdict_table(verdicts(evidence)).rows}
    notes = [note for text, note in rows.items() if "layers are removed" in text]
    assert len(notes) == 2 and all("is therefore circular" in note for note in notes)


def test_beside_an_inconclusive_comparison_stands_what_would_have_been_decided(make_results):
    results = make_results({"Baseline": GOOD, "Layer freeze": [91, 92, 91, 92, 90]})
    found = verdicts(Evidence(results={STEM: {"table4": results}}))
    rows = {row[0].text: row for row in verdict_table(found).rows}
    freezing = rows["Freezing lower layers helps BERT models trained on masked words."]
    assert "is inconclusive" in freezing[1].text and "\n80% " in freezing[3].text
    (row,) = [row for row in contrast_table(found).rows if row[0] == "freezing-helps-bert"]
    assert float(row[5]) > 0


def test_a_pruned_setting_is_found_by_the_share_of_layers_that_it_removes(make_results):
    results = make_results({"0 of 12": GOOD, "6 of 12": BAD, "4 of 12": BAD})
    techniques = {"0 of 12": (), "6 of 12": (RemoveLayers(6),), "4 of 12": (RemoveLayers(4),)}
    grid = dataclasses.replace(results.grid, techniques=techniques, layers={"BERT": 12})
    results = dataclasses.replace(results, grid=grid)
    evidence = Evidence(results={"05_pruning": {"table7": results}})
    for name, setting in (("none removed", "0 of 12"), ("half removed", "6 of 12")):
        found = evidence.cell(CellRef("05_pruning", "BERT", name, "QA"))
        assert found.records == results.cell(Condition("BERT", setting, "QA"))
    assert evidence.cell(CellRef("05_pruning", "BERT", "a third removed", "QA")) is None


def test_a_second_grid_with_the_same_names_is_found_beside_the_first(make_results):
    first, second = make_results({"Standard": GOOD}), make_results({"Standard": BAD})
    evidence = Evidence(results={"06_state_of_the_art": {"table8": first, "table9": second}})
    for name, results in (("", first), ("table8", first), ("table9", second)):
        found = evidence.cell(CellRef("06_state_of_the_art", "BERT", "Standard", "QA", name))
        assert found.summary.mean == results.summaries[Condition("BERT", "Standard", "QA")].mean


def test_the_small_figure_says_in_words_what_it_shows(evidence):
    (claim,) = [claim for claim in load_claims() if claim.id == "freezing-helps-bert"]
    found = judge(claim, evidence.cell, margin=2.0)
    drawn = forest(found.judgements, margin=2.0, label="Freezing <helps>.")
    said = "Freezing &lt;helps&gt;. 1 differences from +9.40 to +9.40 points: 1 supports, 0 opposes, 0 inconclusive."
    assert f'role="img" aria-label="{said}"' in drawn.markup
    assert drawn.markup.count("<circle") == 1
