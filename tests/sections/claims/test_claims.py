"""The claims as data: complete, in our words, and each contrast names what the package knows."""

import pytest
import yaml

from blurbstudy.errors import StudyError
from blurbstudy.sections.claims import claims as module
from blurbstudy.sections.claims.claims import EXPECTATIONS, RULES, load_claims, load_inconsistencies

SECTIONS = {"Abstract", "1", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7", "4", "5"}


def test_every_claim_says_where_it_stands_and_what_would_confirm_or_contradict_it():
    for claim in load_claims():
        assert set(claim.sections) <= SECTIONS, claim.id
        assert claim.statement and claim.confirmed_if and claim.contradicted_if and claim.contrasts, claim.id
        assert claim.rule in RULES and {contrast.expect for contrast in claim.contrasts} <= set(EXPECTATIONS)


def test_every_section_with_results_has_claims():
    found = {section for claim in load_claims() for section in claim.sections}
    assert found == SECTIONS


def test_lists_stand_for_one_contrast_per_combination_and_what_second_leaves_out_is_shared():
    (claim,) = [claim for claim in load_claims() if claim.id == "reinit-best-for-similarity"]
    assert len(claim.contrasts) == 4 * 3
    for contrast in claim.contrasts:
        (first,), (second,) = contrast.first, contrast.second
        assert first.level == "Layer reinit" != second.level
        assert (first.group, first.column) == (second.group, second.column)


def test_a_pooled_contrast_keeps_all_cells_of_a_side_together():
    (claim,) = [claim for claim in load_claims() if claim.id == "instability-is-low-resource"]
    (contrast,) = claim.contrasts
    assert (len(contrast.first), len(contrast.second)) == (4 * 3, 4 * 10)


def test_where_one_field_is_pooled_the_others_still_stand_for_a_contrast_each():
    (claim,) = [claim for claim in load_claims() if claim.id == "layer-methods-stabilize-large"]
    assert len(claim.contrasts) == 4 * 3
    for contrast in claim.contrasts:
        for side in (contrast.first, contrast.second):
            assert [ref.column for ref in side] == ["SS", "QA"] and len({one.group for one in side}) == 1


def test_than_is_both_cells_again_with_other_values():
    (claim,) = [claim for claim in load_claims() if claim.id == "domain-large-gains-most"]
    assert len(claim.contrasts) == 2 * 2
    for contrast in claim.contrasts:
        assert [one.group for one in contrast.versus] == ["LARGE", "BASE counterpart"]
        assert {one.level for one in contrast.versus} < {"BioBERT-LARGE", "BlueBERT-LARGE"}


def test_no_contrast_is_of_a_cell_with_itself():
    assert all(contrast.first != contrast.second for claim in load_claims() for contrast in claim.contrasts)


@pytest.mark.parametrize(("name", "value"), [("rule", "perhaps"), ("expect", "nicer")])
def test_an_unknown_word_is_refused_with_the_known_ones(name, value, tmp_path, monkeypatch):
    cell = {"group": "a", "level": "b", "column": "c"}
    contrast = {"expect": "higher", "notebook": "n", "first": cell, "second": {"level": "d"}}
    entry = {"id": "x", "section": "1", "statement": "s", "confirmed_if": "c", "contradicted_if": "d", "rule": "all"}
    (contrast if name == "expect" else entry)[name] = value
    file = tmp_path / "claims.yaml"
    file.write_text(yaml.safe_dump({"claims": [entry | {"contrasts": [contrast]}]}))
    monkeypatch.setattr(module, "CLAIMS_FILE", file)
    with pytest.raises(StudyError, match=f"claim x: {name}='{value}' is unknown; use"):
        load_claims.__wrapped__()


def test_two_claims_of_one_id_are_refused(tmp_path, monkeypatch):
    entries = yaml.safe_load(module.CLAIMS_FILE.read_text())["claims"]
    file = tmp_path / "claims.yaml"
    file.write_text(yaml.safe_dump({"claims": [entries[0], entries[0]]}))
    monkeypatch.setattr(module, "CLAIMS_FILE", file)
    with pytest.raises(StudyError, match="'nsp-negligible' is there twice"):
        load_claims.__wrapped__()


def test_disagreements_name_two_cells_or_more():
    assert load_inconsistencies() and all(len(entry.cells) > 1 for entry in load_inconsistencies())
