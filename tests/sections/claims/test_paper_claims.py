"""The paper against itself: every number that a claim names is printed, and what does not fit is found."""

import pytest

from blurbstudy.sections.claims.claims import load_claims, load_inconsistencies
from blurbstudy.sections.claims.paper_claims import (
    agrees,
    claims_against_paper,
    describe_contrast,
    describe_printed,
    fits,
    paper_rows,
    printed_agreement,
    printed_claims,
    printed_difference,
)
from blurbstudy.tables.paper import paper_number

CLAIMS = {claim.id: claim for claim in load_claims()}
GAPS = ("table5", "segment_ids")  # no SS of two models under two techniques; no BIOSSES and BioASQ with one segment id


def test_every_printed_number_that_a_claim_or_a_disagreement_names_is_in_the_papers_data():
    named = [contrast for claim in load_claims() for contrast in claim.contrasts if contrast.paper]
    assert [c for c in named if printed_difference(c) is None and c.paper["table"] not in GAPS] == []
    for entry in load_inconsistencies():
        assert None not in [paper_number(*cell) for cell in entry.cells], entry.statement


def test_the_papers_own_numbers_are_held_against_its_claims():
    assert printed_agreement(CLAIMS["adjustments-not-sufficient"], margin=2.0) == "2 of 2 as claimed"
    narrows = CLAIMS["search-narrows-the-gap"]
    assert printed_agreement(narrows, margin=2.0) == "1 of 2 as claimed"
    said = [describe_printed(contrast, margin=2.0) for contrast in narrows.contrasts]
    assert said == ["+0.70", "−0.01, not as claimed"]
    assert not fits(CLAIMS["search-narrows-the-gap"], margin=2.0)
    assert fits(CLAIMS["longer-training-needed"], margin=2.0)
    assert fits(CLAIMS["freezing-helps-bert"], margin=2.0)  # four of six, and the rule asks for most


def test_a_claim_in_parts_is_contradicted_by_the_one_that_does_not_hold():
    claim = CLAIMS["layer-methods-beneficial"]  # printed: freezing 6 of 8 positive, decay 5, re-initialization 3
    signs = {}
    for contrast in claim.contrasts:
        signs.setdefault(claim.part_of(contrast), []).append(printed_difference(contrast) > 0)
    assert {part: sum(positive) for part, positive in signs.items()} == {
        "Layer freeze": 6,
        "Layerwise decay": 5,
        "Layer reinit": 3,
    }
    assert not fits(claim, margin=2.0)
    numbers = dict(paper_rows(margin=2.0).rows)[claim.statement]
    assert "layer reinit" in numbers and "freeze" not in numbers and "\n" in numbers


def test_a_mean_over_encoders_is_that_of_the_printed_differences():
    (contrast,) = CLAIMS["bias-correction-needed"].contrasts
    printed = [93.46 - 91.75, 93.12 - 92.35, 75.50 - 70.50, 80.24 - 80.41]
    assert printed_difference(contrast) == pytest.approx(sum(printed) / 4)
    assert printed_difference(CLAIMS["electra-not-better"].contrasts[0]) == pytest.approx(79.61 - 81.35)


def test_numbers_of_two_tables_printed_differences_and_differences_of_differences_are_read():
    printed = {name: [printed_difference(one) for one in CLAIMS[name].contrasts] for name in CLAIMS}
    assert printed["domain-large-gains-over-base"] == [0.58, 0.37]
    assert [round(d, 2) for d in printed["domain-large-gains-most"]] == [1.17, 0.43, 0.96, 0.22]
    assert [round(d, 2) for d in printed["new-state-of-the-art"]] == [1.56]  # 82.91 - 81.35
    assert [round(d, 2) for d in printed["search-narrows-the-gap"]] == [0.70, -0.01]
    assert [round(d, 2) for d in printed["ten-points-ahead-of-scispacy"]] == [11.41, 11.63]
    assert [round(d, 2) for d in printed["electra-large-unstable"]] == [8.60, 9.40]


def test_the_papers_inner_disagreements_are_shown_in_numbers():
    table = paper_rows(margin=2.0)
    said = " ".join(f"{row[0]} {row[1]}" for row in table.rows)
    assert "runs" not in table.runs and "ids of its" not in table._repr_html_()
    for number in ("93.46", "92.30", "80.41", "80.24", "71.60", "86.17", "−6.08", "63.92", "55.16", "0.58"):
        assert number in said and number in table._repr_html_()


def test_a_claim_that_the_papers_numbers_contradict_is_a_row_that_opens_on_them():
    table = paper_rows(margin=2.0)
    contradicted, inner = table.groups
    unfit = [claim for claim in CLAIMS.values() if not fits(claim, margin=2.0)]
    assert [dict(row.cells)["statement"] for row in contradicted.rows] == [claim.statement for claim in unfit]
    nsp = contradicted.rows[[claim.id for claim in unfit].index("nsp-negligible")]
    assert dict(nsp.cells)["numbers"] == "1 of the 13 differences in the paper contradicts the claim"
    assert "BERT (no NSP), BioASQ against BERT" in nsp.details and "−3.99" in nsp.details
    assert len(inner.rows) == len(load_inconsistencies())


def test_how_many_claims_the_papers_numbers_bear_out_is_counted():
    (said,) = claims_against_paper(margin=2.0).sentences
    printed = [c for c in CLAIMS.values() if any(printed_difference(one) is not None for one in c.contrasts)]
    n = sum(fits(claim, margin=2.0) for claim in printed)
    assert f"numbers for {len(printed)} of its claims" in said
    assert f"agree with {n} and contradict {len(printed) - n};" in said
    assert len(printed) == len(printed_claims())


@pytest.mark.parametrize(
    ("claim", "index", "text"),
    [
        ("freezing-helps-bert", 0, "BERT, layer freeze, SS scores higher than the default recipe"),
        (
            "longer-training-needed",
            0,
            "The default recipe, BIOSSES scores higher than few epochs, over 4 encoders",
        ),
        (
            "layer-methods-stabilize",
            2,
            "The default recipe collapses more often than layer reinit, over 4 encoders and 2 tasks",
        ),
        (
            "instability-is-low-resource",
            0,
            "Runs on BIOSSES, PubMedQA, BioASQ collapse more often than on 10 tasks (tasks as units)",
        ),
        (
            "stabilized-large-stable",
            2,
            "LARGE, PubMedBERT-LARGE collapses in fewer than a quarter of its runs, over 3 tasks",
        ),
        (
            "domain-large-gains-most",
            0,
            "LARGE, PubMedBERT-LARGE, BLURB score scores higher than BASE counterpart, less the same difference of "
            "BioBERT-LARGE",
        ),
    ],
)
def test_a_comparison_is_described_by_what_differs(claim, index, text):
    assert describe_contrast(CLAIMS[claim].contrasts[index]) == text


def test_a_printed_difference_is_taken_at_face_value():
    assert agrees("higher", 0.1, margin=2.0) and not agrees("higher", -0.1, margin=2.0)
    assert agrees("equivalent", -1.9, margin=2.0) and not agrees("equivalent", -2.1, margin=2.0)
    assert agrees("different", -2.1, margin=2.0) and not agrees("different", 1.9, margin=2.0)
