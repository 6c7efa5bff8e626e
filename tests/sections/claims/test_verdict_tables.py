"""Verdicts as a page shows them: from the runs of other notebooks, with the paper's own numbers beside."""

import dataclasses
import re
from html import unescape

import pytest

from blurbstudy.sections.claims.claims import CellRef, load_claims
from blurbstudy.sections.claims.evidence import Evidence
from blurbstudy.sections.claims.forest_plot import forest
from blurbstudy.sections.claims.lead import lead
from blurbstudy.sections.claims.verdict_tables import Verdicts, comparison_table, verdict_rows, verdicts_answer
from blurbstudy.sections.claims.verdicts import judge
from blurbstudy.stabilizers import RemoveLayers
from blurbstudy.study.grid import Condition

STEM = "03_layer_adaptation"
GOOD, BAD = [90, 92, 91, 93, 90], [80, 85, 79, 84, 81]


@pytest.fixture
def evidence(make_results):
    """Runs of BioASQ (as QA) under two settings of the layer notebook."""
    results = make_results({"Default recipe": BAD, "Layer freeze": GOOD})
    return Evidence(results={STEM: {"table4": results}}, origin="parameters/mini/08_claims.yaml · scale mini")


def verdicts(evidence):
    found = tuple(judge(claim, evidence.cell, margin=2.0) for claim in load_claims())
    return Verdicts(verdicts=found, evidence=evidence, margin=2.0)


def rows_of(table):
    """statement -> its row."""
    return {unescape(dict(row.cells)["statement"]): row for group in table.groups for row in group.rows}


FREEZING = "Freezing lower layers helps BERT models trained on masked words."


def test_every_claim_is_a_row_with_verdict_figure_and_the_papers_numbers_that_opens_on_the_rest(evidence):
    table = verdict_rows(verdicts(evidence))
    rows = rows_of(table)
    assert len(rows) == len(table.rows) == len(load_claims())
    cells, details = dict(rows[FREEZING].cells), rows[FREEZING].details
    assert "1 of 1 supports<" in cells["badge"] and "<svg" in cells["figure"]
    assert cells["numbers"].endswith("4 of 6 as claimed")
    assert "Confirmed if it scores higher than the baseline" in details and "5 more have no runs" in details
    assert details.count("<tr>") == 1 + 6 and "−0.60, not as claimed" in details and "+9.4" in details
    untested = rows["Relations and question answering lose much when layers are removed."]
    assert dict(untested.cells).keys() == {"statement", "numbers"} and "Confirmed if" in untested.details


def test_decided_claims_come_first_and_those_without_runs_are_folded_with_their_number(evidence):
    found = verdicts(evidence)
    groups = verdict_rows(found).groups
    n = {name: len(found.of(name)) for name in ("undecided", "not tested")}
    assert n["not tested"] > 30
    assert groups[-1].heading == f"Not tested: {n['not tested']} claims" and groups[-1].folded
    assert not any(group.folded for group in groups[:-1])
    order = [group.heading.partition(":")[0].lower() for group in groups]
    wanted = ("confirmed", "contradicted", "cannot be confirmed on this test set", "undecided", "not tested")
    assert order == [name for name in wanted if name in order] and sum(len(g.rows) for g in groups) == 52


def test_no_score_or_difference_of_a_row_has_two_decimals_but_those_that_the_paper_prints(evidence):
    html = rows_of(verdict_rows(verdicts(evidence)))[FREEZING].details
    cells = re.findall(r"<td>([^<]*)</td>", html)
    per_row = [cells[start : start + 8] for start in range(0, len(cells), 8)]
    assert len(per_row) == 6 and all(re.fullmatch(r"–|[+−]?\d+\.\d\d(, not as claimed)?", row[7]) for row in per_row)
    (tested,) = [row for row in per_row if row[0].startswith("supports")]
    assert all(re.fullmatch(r"[\[\]+−\d.,\s ]+", text) for text in tested[1:4])
    assert not re.search(r"\.\d\d", "".join(tested[1:4]))


def test_the_caption_of_the_verdicts_says_runs_seeds_commit_and_scale(evidence):
    caption = verdict_rows(verdicts(evidence)).caption
    for text in (f"10 runs of {STEM}", "seeds 1 to 5", "commit abcdef1234", "scale mini"):
        assert text in caption


def test_every_comparison_is_in_a_file_with_unrounded_numbers_and_names_its_runs(evidence):
    table = comparison_table(verdicts(evidence))
    ids = {record.id for record in evidence.results[STEM]["table4"].records.values()}
    tested = [row for row in table.rows if row[2] != "not tested"]
    assert len(table.rows) == sum(len(claim.contrasts) for claim in load_claims())
    assert len(tested) == sum(bool(runs) for runs in table.runs.values())
    assert all(set(runs) == ids for runs in table.runs.values() if runs)
    (row,) = [row for row in tested if row[0] == "freezing-helps-bert"]
    assert float(row[4]) == pytest.approx(9.4, abs=1e-4)  # 91.2 - 81.8
    assert verdict_rows(verdicts(evidence))._repr_html_().count("<a download=") == 2


def test_without_runs_no_claim_is_tested_and_the_page_says_why():
    found = verdicts(Evidence(results={}, missing={STEM: "not executed with this run store"}))
    assert len(found.of("not tested")) == len(load_claims())
    (group,) = verdict_rows(found).groups
    assert group.note == f"No runs of {STEM}: not executed with this run store"


def test_the_margin_that_was_read_off_the_judged_table_is_said_to_be_circular(evidence):
    details = [row.details for text, row in rows_of(verdict_rows(verdicts(evidence))).items() if "are removed" in text]
    assert len(details) == 2 and all("is therefore circular" in text for text in details)


def test_beside_an_undecided_comparison_stands_what_would_have_been_decided(make_results):
    results = make_results({"Default recipe": GOOD, "Layer freeze": [91, 92, 91, 92, 90]})
    found = verdicts(Evidence(results={STEM: {"table4": results}}))
    row = rows_of(verdict_rows(found))[FREEZING]
    assert "1 of 6 with runs<" in dict(row.cells)["badge"] and "undecided" in row.details
    (row,) = [row for row in comparison_table(found).rows if row[0] == "freezing-helps-bert" and row[2] == "undecided"]
    assert float(row[7]) > 0


def test_the_page_begins_with_the_number_of_claims_per_verdict_and_of_those_that_the_paper_contradicts(evidence):
    found = verdicts(evidence)
    text = lead(found).text
    n = {name: len(found.of(name)) for name in ("confirmed", "undecided", "not tested")}
    assert n == {"confirmed": 0, "undecided": 0, "not tested": 52}
    assert text.startswith("Of 52 claims, our runs confirm none and contradict none; 52 are not tested. ")
    assert re.search(r"contradict \d+ of the \d+ claims .* in 11 places\.$", text)


def test_verdicts_are_counted_in_the_first_sentence(make_results):
    both = {"Default recipe": [80, 85, 79, 84, 81], "Layer freeze": GOOD, "Layerwise decay": GOOD}
    evidence = Evidence(results={STEM: {"table4": make_results(both)}})
    claim = next(claim for claim in load_claims() if claim.id == "freezing-helps-bert")
    tested = (claim.contrasts[1],)  # BERT on questions
    claims = [dataclasses.replace(claim, id=str(i), contrasts=tested) for i in range(2)]
    (opposed,) = (dataclasses.replace(one, first=one.second, second=one.first, paper={}) for one in tested)
    claims.append(dataclasses.replace(claim, contrasts=(opposed,)))
    found = tuple(judge(one, evidence.cell, margin=2.0) for one in claims)
    sentence = lead(Verdicts(verdicts=found, evidence=evidence, margin=2.0)).text
    assert sentence.startswith("Of 3 claims, our runs confirm 2 and contradict 1. ")
    several = [dataclasses.replace(found[0], verdict=name) for name in ("undecided", "not tested", "not tested")]
    sentence = lead(Verdicts(verdicts=(*found, *several), evidence=evidence, margin=2.0)).text
    assert sentence.startswith(
        "Of 6 claims, our runs confirm 2 and contradict 1; 1 is undecided and 2 are not tested. "
    )


def test_on_generated_data_the_page_says_that_the_papers_own_numbers_hold_all_the_same(evidence):
    found = dataclasses.replace(verdicts(evidence), is_demo=True)
    assert "The banner concerns our runs alone" in lead(found).text
    assert "on generated data" in verdicts_answer(found).sentences[0]


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
    first, second = make_results({"Default recipe": GOOD}), make_results({"Default recipe": BAD})
    evidence = Evidence(results={"06_state_of_the_art": {"table8": first, "table9": second}})
    for name, results in (("", first), ("table8", first), ("table9", second)):
        found = evidence.cell(CellRef("06_state_of_the_art", "BERT", "Default recipe", "QA", name))
        assert found.summary.mean == results.summaries[Condition("BERT", "Default recipe", "QA")].mean


def test_the_small_figure_says_in_words_what_it_shows(evidence):
    (claim,) = [claim for claim in load_claims() if claim.id == "freezing-helps-bert"]
    found = judge(claim, evidence.cell, margin=2.0)
    drawn = forest(found.judgements, margin=2.0, label="Freezing <helps>.")
    said = "Freezing &lt;helps&gt;. One difference, +9.4 points: supports."
    assert f'role="img" aria-label="{said}"' in drawn.markup
    assert drawn.markup.count("<circle") == 1


def test_every_point_of_the_small_figure_names_its_comparison_and_numbers(make_results):
    results = make_results(
        {"Default recipe": BAD, "Layer freeze": GOOD, "Layerwise decay": GOOD, "Layer reinit": BAD[::-1]}
    )
    evidence = Evidence(results={STEM: {"table4": results}})
    (claim,) = [claim for claim in load_claims() if claim.id == "layer-methods-beneficial"]
    drawn = forest(judge(claim, evidence.cell, margin=2.0).judgements, margin=2.0, label="Techniques.").markup
    titles = [unescape(title) for title in re.findall(r"<title>([^<]*)</title>", drawn)]
    assert len(titles) == drawn.count("<circle") == 3
    assert re.fullmatch(
        r"BERT, layer freeze, QA scores higher than the default recipe: \+9\.4 \[\d\.\d, \d+\.\d\], \w+",
        titles[0],
    )
