"""The paper against itself: every number that a claim names is printed, and what does not fit is found."""

import pytest

from blurbstudy.sections.claims.claims import load_claims, load_inconsistencies
from blurbstudy.sections.claims.paper_claims import (
    agrees,
    claims_against_paper,
    describe_contrast,
    fits,
    inconsistency_table,
    printed_agreement,
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
    assert printed_agreement(CLAIMS["search-narrows-the-gap"], margin=2.0) == (
        "1 of 2 as claimed; not: PubMedELECTRA, Standard, BLURB score (Table 9) against (Table 8), beyond the same of "
        "Optimal −0.01"
    )
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
    rows = {row[0].text: row[1] for row in inconsistency_table(margin=2.0).rows if not isinstance(row[0], str)}
    assert "Layer reinit" in rows[claim.statement] and "Layer freeze" not in rows[claim.statement]


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
    said = " ".join(f"{row[0]} {row[1]}" for row in inconsistency_table(margin=2.0).rows)
    for number in ("93.46", "92.30", "80.41", "80.24", "71.60", "86.17", "−6.08", "63.92", "55.16", "0.58"):
        assert number in said


def test_what_does_not_fit_is_said_beside_our_verdict():
    said = claims_against_paper({name: "our verdict" for name in CLAIMS}, margin=2.0).sentences
    assert any("next-sentence prediction" in one and one.endswith("our verdict: our verdict.") for one in said[1:])
    assert said[0].startswith("The paper prints numbers for ") and len(said) == 1 + sum(
        not fits(claim, margin=2.0) for claim in CLAIMS.values()
    )


@pytest.mark.parametrize(
    ("claim", "index", "text"),
    [
        ("freezing-helps-bert", 0, "BERT, Layer freeze, SS scores higher than Baseline"),
        (
            "longer-training-needed",
            0,
            "Improved optimization, BIOSSES scores higher than Standard epochs, over 4 encoders",
        ),
        (
            "layer-methods-stabilize",
            2,
            "Baseline collapses more often than Layer reinit, over 4 encoders and 2 tasks",
        ),
        (
            "instability-is-low-resource",
            0,
            "BIOSSES, PubMedQA, BioASQ collapses more often than 10 tasks, tasks as units",
        ),
        (
            "stabilized-large-stable",
            2,
            "LARGE, PubMedBERT-LARGE collapses in fewer than a quarter of its runs, over 3 tasks",
        ),
        (
            "domain-large-gains-most",
            0,
            "LARGE, PubMedBERT-LARGE, BLURB score scores higher than BASE counterpart, beyond the same of "
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
