"""Verdicts as a page shows them: from the runs of other notebooks, with the paper's own numbers beside."""

import dataclasses
import re

import pytest

from blurbstudy.presentation.claims import Verdicts, contrast_table, verdict_table, verdicts_answer
from blurbstudy.presentation.collapse import collapse_table, safety_answer, tallies
from blurbstudy.presentation.evidence import Evidence
from blurbstudy.presentation.forest import forest
from blurbstudy.presentation.gains import certainty_answer, gain_table, gains_answer
from blurbstudy.presentation.grid import CellKey
from blurbstudy.presentation.paper import paper_number
from blurbstudy.presentation.paper_claims import (
    claims_against_paper,
    contrast_in_words,
    disagreement_table,
    fits,
    printed_agreement,
    printed_difference,
)
from blurbstudy.presentation.study import NO_FINDING
from blurbstudy.results.claims import Address, load_claims, load_disagreements
from blurbstudy.results.verdicts import judge

STEM = "03_layer_adaptation"
GOOD, BAD, HOPELESS = [90, 92, 91, 93, 90], [80, 85, 79, 84, 81], [60, 61, 60, 62, 61]


@pytest.fixture
def make_evidence(make_results):
    """Runs of BioASQ (as QA) under the settings of the layer notebook."""

    def make(**right):
        names = {"baseline": "Baseline", "freeze": "Layer freeze", "decay": "Layerwise decay", "reinit": "Layer reinit"}
        results = make_results({names[name]: counts for name, counts in right.items()})
        return Evidence(results={STEM: (results,)}, origin="parameters/mini/08_claims.yaml · scale mini")

    return make


def verdicts(evidence, *, no_finding=False):
    found = tuple(judge(claim, evidence.at, margin=2.0) for claim in load_claims())
    return Verdicts(verdicts=found, evidence=evidence, margin=2.0, no_finding=no_finding)


def test_every_claim_has_a_row_with_verdict_figure_numbers_and_the_papers_own(make_evidence):
    table = verdict_table(verdicts(make_evidence(baseline=BAD, freeze=GOOD, decay=BAD, reinit=BAD)))
    assert len(table.rows) == len(load_claims())
    rows = {row[0].split("\n")[0]: row for row in table.rows}
    freezing = rows["Freezing lower layers helps BERT models trained on masked words."]
    assert "1 support, 0 oppose, 0 open; 5 of 6 not tested" in freezing[1].text
    assert "<svg" in freezing[2].markup and freezing[3].startswith("+9.40\nseeds [")
    assert freezing[4].startswith("4 of 6 as claimed; not: BERT, Layer freeze, SS against Baseline −0.60")
    untested = rows["Relations and question answering lose much when layers are removed."]
    assert "not tested at this scale" in untested[1].text and untested[2].text == "no runs"


def test_the_caption_of_the_verdicts_says_runs_seeds_commit_and_scale(make_evidence):
    caption = verdict_table(verdicts(make_evidence(baseline=BAD, freeze=GOOD))).caption
    for text in (f"10 runs of {STEM}", "seeds 1 to 5", "commit abcdef1234", "scale mini"):
        assert text in caption


def test_verdicts_on_generated_data_are_said_to_be_no_findings(make_evidence):
    found = verdicts(make_evidence(baseline=BAD, freeze=GOOD), no_finding=True)
    assert verdict_table(found).notes[0].startswith(NO_FINDING)
    assert verdicts_answer(found).sentences[0].startswith(NO_FINDING)
    assert not any(
        NO_FINDING in said for said in verdicts_answer(dataclasses.replace(found, no_finding=False)).sentences
    )


def test_every_comparison_names_its_runs(make_evidence):
    evidence = make_evidence(baseline=BAD, freeze=GOOD)
    table = contrast_table(verdicts(evidence))
    ids = {record.id for record in evidence.results[STEM][0].records.values()}
    assert len(table.runs) == len(table.rows) and all(set(runs) == ids for runs in table.runs.values())


def test_what_is_never_run_reads_so(make_evidence):
    found = verdicts(Evidence(results={}, missing={STEM: "not executed with this run store"}))
    assert len(found.of("not tested at this scale")) == len(load_claims())
    assert f"No runs of {STEM}: not executed with this run store." in verdict_table(found).notes
    assert contrast_table(found).rows[0][0] == "no runs yet"
    empty = Evidence(results={})
    assert gain_table(empty).rows[0][0] == "no runs yet" and collapse_table(empty).rows[0][0] == "no runs yet"
    for answer in (safety_answer(empty), gains_answer(empty), certainty_answer(empty)):
        assert answer.front and len(answer.sentences) == 1


def test_a_pruned_setting_is_found_by_the_share_of_layers_that_it_removes(make_results):
    results = make_results({"0 of 12": GOOD, "6 of 12": BAD, "4 of 12": BAD})
    evidence = Evidence(results={"05_pruning": (results,)})
    for name, setting in (("none removed", "0 of 12"), ("half removed", "6 of 12")):
        found = evidence.at(Address("05_pruning", "BERT", name, "QA"))
        assert found.records == results.cell(CellKey("BERT", setting, "QA"))
    assert evidence.at(Address("05_pruning", "BERT", "a third removed", "QA")) is None


def test_a_second_grid_with_the_same_names_is_found_beside_the_first(make_results):
    first, second = make_results({"Standard": GOOD}), make_results({"Standard": BAD})
    evidence = Evidence(results={"06_state_of_the_art": (first, second)})
    for name, results in (("BERT", first), ("BERT, second grid", second)):
        found = evidence.at(Address("06_state_of_the_art", name, "Standard", "QA"))
        assert found.summary.mean == results.summaries[CellKey("BERT", "Standard", "QA")].mean


def test_the_map_of_collapse_counts_each_run_once_and_merges_settings_with_the_same_runs(make_evidence, make_results):
    evidence = make_evidence(baseline=HOPELESS, freeze=GOOD, decay=[*GOOD[:3], *HOPELESS[:2]])
    again = Evidence(results=evidence.results | {"x": (make_results({"Improved optimization": HOPELESS}),)})
    counts = {row: (own["BioASQ"].n_failed, own["BioASQ"].n) for row, own in tallies(again).items()}
    assert counts == {"Baseline\nalso Improved optimization": (5, 5), "Layer freeze": (0, 5), "Layerwise decay": (2, 5)}
    table = collapse_table(evidence, front=True)
    assert "data-front" in table._repr_html_() and table.columns == ("Setting", "BioASQ")
    assert [row[1].text for row in table.rows] == ["5/5", "0/5", "2/5"]
    assert [re.search(r"shade (s\d)", row[1].markup)[1] for row in table.rows] == ["s5", "s0", "s3"]
    assert collapse_table(evidence, by_encoder=True).rows[0][0] == "BERT · Baseline"


def test_a_setting_that_never_failed_is_called_safe_only_as_far_as_its_runs_go(make_evidence):
    said = safety_answer(make_evidence(baseline=HOPELESS, freeze=GOOD)).sentences
    assert (
        said[0] == "No run collapsed under: Layer freeze (0 of 5: with 95% confidence fewer than 43 in 100, on BioASQ)."
    )
    assert said[1] == "Collapse is most frequent under: Baseline (5 of 5, on BioASQ)."


def test_a_gain_is_told_apart_into_fewer_collapsed_and_better_runs(make_evidence):
    evidence = make_evidence(baseline=[*GOOD[:2], *HOPELESS[:3]], freeze=GOOD)
    (row,) = gain_table(evidence).rows
    total, fewer, better, collapsed = (float(row[index].replace("−", "-")) for index in (2, 3, 5, 6))
    assert total == pytest.approx(fewer + better + collapsed, abs=0.02) and fewer > 0.9 * total
    assert row[7] == "0 of 5 / 3 of 5"
    (said,) = gains_answer(evidence).sentences
    assert "Layer freeze against Baseline (notebook 03)" in said and "(0 of 5 against 3 of 5)" in said


def test_how_sure_is_told_by_both_uncertainties(make_evidence):
    said = " ".join(certainty_answer(make_evidence(baseline=BAD, freeze=GOOD)).sentences)
    assert "over seeds and to ±" in said and "medians of 2 cells, each of 5 to 5 seeds" in said
    assert "Of 1 comparisons of a technique with its baseline 0 are undecided." in said


def test_the_small_figure_says_in_words_what_it_shows(make_evidence):
    (claim,) = [claim for claim in load_claims() if claim.id == "freezing-helps-bert"]
    found = judge(claim, make_evidence(baseline=BAD, freeze=GOOD).at, margin=2.0)
    drawn = forest(found.judgements, margin=2.0, label="Freezing <helps>.")
    said = "Freezing &lt;helps&gt;. 1 differences from +9.40 to +9.40 points: 1 supports, 0 opposes, 0 open."
    assert f'role="img" aria-label="{said}"' in drawn.markup
    assert drawn.markup.count("<circle") == 1


# The paper against itself


def test_every_printed_number_that_a_claim_or_a_disagreement_names_is_in_the_papers_data():
    named = [contrast for claim in load_claims() for contrast in claim.contrasts if contrast.paper]
    missing = [c for c in named if printed_difference(c) is None and c.paper["table"] not in ("table5", "segment_ids")]
    assert missing == []  # Table 5 has no SS of two models under two techniques, the text no BIOSSES with one id
    for entry in load_disagreements():
        assert None not in [paper_number(*cell) for cell in entry.cells], entry.says


def test_the_papers_own_numbers_are_held_against_its_claims():
    claims = {claim.id: claim for claim in load_claims()}
    assert printed_agreement(claims["bias-correction-needed"], margin=2.0) == (
        "3 of 4 as claimed; not: ELECTRA, Improved optimization, BIOSSES against No bias correction −0.17"
    )
    assert not fits(claims["bias-correction-needed"], margin=2.0)
    assert fits(claims["longer-training-needed"], margin=2.0)
    said = " ".join(f"{row[0]} {row[1]}" for row in disagreement_table(margin=2.0).rows)
    for number in ("93.46", "92.30", "80.41", "80.24", "71.60", "86.17", "−6.08", "63.92", "55.16"):
        assert number in said
    answer = claims_against_paper({claim.id: "our verdict" for claim in load_claims()}, margin=2.0)
    assert any("Adam's bias correction" in said and "here: our verdict." in said for said in answer.sentences)


def test_a_contrast_in_words_says_once_what_both_cells_share():
    claims = {claim.id: claim for claim in load_claims()}
    first = contrast_in_words(claims["longer-training-needed"].contrasts[0])
    assert first == "BERT, Improved optimization, BIOSSES scores higher than Standard epochs"
    pooled = contrast_in_words(claims["instability-is-low-resource"].contrasts[0])
    assert pooled == "BIOSSES and PubMedQA and BioASQ (12 cells) fails more often than 10 parts (40 cells)"
