"""The paper against itself: every number that a claim names is printed, and what does not fit is found."""

from blurbstudy.sections.claims.claims import load_claims, load_inconsistencies
from blurbstudy.sections.claims.paper_claims import (
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
        assert None not in [paper_number(*cell) for cell in entry.cells], entry.phrase


def test_the_papers_own_numbers_are_held_against_its_claims():
    assert printed_agreement(CLAIMS["bias-correction-needed"], margin=2.0) == (
        "3 of 4 as claimed; not: ELECTRA, Improved optimization, BIOSSES against No bias correction −0.17"
    )
    assert not fits(CLAIMS["bias-correction-needed"], margin=2.0)
    assert fits(CLAIMS["longer-training-needed"], margin=2.0)
    assert fits(CLAIMS["freezing-helps-bert"], margin=2.0)  # four of six, and the rule asks for most


def test_numbers_of_two_tables_printed_differences_and_differences_of_differences_are_read():
    printed = {name: [printed_difference(one) for one in CLAIMS[name].contrasts] for name in CLAIMS}
    assert printed["domain-large-gains-over-base"] == [0.58, 0.37]
    assert [round(d, 2) for d in printed["domain-large-gains-most"]] == [1.17, 0.43, 0.96, 0.22]
    assert [round(d, 2) for d in printed["new-state-of-the-art"]] == [1.56]  # 82.91 - 81.35
    assert [round(d, 2) for d in printed["search-narrows-the-gap"]] == [0.70]  # 82.02 - 81.16 - (82.91 - 82.75)
    assert [round(d, 2) for d in printed["ten-points-ahead-of-scispacy"]] == [11.41, 11.63]
    assert [round(d, 2) for d in printed["electra-large-unstable"]] == [8.60, 9.40]


def test_the_papers_inner_disagreements_are_shown_in_numbers():
    said = " ".join(f"{row[0]} {row[1]}" for row in inconsistency_table(margin=2.0).rows)
    for number in ("93.46", "92.30", "80.41", "80.24", "71.60", "86.17", "−6.08", "63.92", "55.16", "0.58"):
        assert number in said


def test_what_does_not_fit_is_said_beside_our_verdict():
    said = claims_against_paper({name: "our verdict" for name in CLAIMS}, margin=2.0).sentences
    assert any("Adam's bias correction" in one and one.endswith("our verdict: our verdict.") for one in said[1:])
    assert said[0].startswith("The paper prints numbers for ") and len(said) == 1 + sum(
        not fits(claim, margin=2.0) and printed_agreement(claim, margin=2.0) != "–" for claim in CLAIMS.values()
    )


def test_a_contrast_in_words_says_once_what_both_cells_share():
    first = describe_contrast(CLAIMS["longer-training-needed"].contrasts[0])
    assert first == "BERT, Improved optimization, BIOSSES scores higher than Standard epochs"
    pooled = describe_contrast(CLAIMS["instability-is-low-resource"].contrasts[0])
    assert pooled == "BIOSSES and PubMedQA and BioASQ (12 cells) fails more often than 10 tasks (40 cells)"
