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
    (claim,) = [claim for claim in load_claims() if claim.id == "decay-suits-electra"]
    assert len(claim.contrasts) == 2 * 2
    for contrast in claim.contrasts:
        (first,), (second,) = contrast.first, contrast.second
        assert first.level == "Layerwise decay" != second.level
        assert (first.group, first.column) == (second.group, second.column)


def test_with_tasks_as_units_a_side_keeps_all_its_cells():
    (claim,) = [claim for claim in load_claims() if claim.id == "instability-is-low-resource"]
    (contrast,) = claim.contrasts
    assert contrast.by_task and (len(contrast.first), len(contrast.second)) == (4 * 3, 4 * 10)


def test_over_some_fields_there_is_one_contrast_of_aligned_pairs():
    (claim,) = [claim for claim in load_claims() if claim.id == "layer-methods-stabilize-large"]
    assert [contrast.second[0].level for contrast in claim.contrasts] == [
        "Layer freeze",
        "Layerwise decay",
        "Layer reinit",
    ]
    for contrast in claim.contrasts:
        assert len(contrast.pairs) == 4 * 2
        assert all((one.group, one.column) == (other.group, other.column) for one, other in contrast.pairs)


def test_a_rate_has_one_side():
    (claim,) = [claim for claim in load_claims() if claim.id == "stabilized-large-stable"]
    assert [(contrast.second, len(contrast.first)) for contrast in claim.contrasts] == [((), 3)] * 4


def test_parts_are_the_values_of_a_field():
    (claim,) = [claim for claim in load_claims() if claim.id == "layer-methods-beneficial"]
    parts = [claim.part_of(contrast) for contrast in claim.contrasts]
    assert {part: parts.count(part) for part in parts} == dict.fromkeys(
        ("Layer freeze", "Layerwise decay", "Layer reinit"), 8
    )


def test_versus_is_both_cells_again_with_other_values():
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
