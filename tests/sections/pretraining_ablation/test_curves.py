"""What pretraining shows: curves and a table of records, and what in them does not compare."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest

from blurbstudy.sections.pretraining_ablation.curves import curves_figure, pretraining_table

POINT = {"step": 5, "tokens": 1000, "train_loss": 3.0, "word_loss": 4.0, "word_accuracy": 0.2}
LATER = POINT | {"step": 10, "tokens": 2000, "word_loss": 3.0, "word_accuracy": 0.3}
FOUND = {"discriminator_accuracy": 0.9, "replaced_share": 0.12}
CORPUS = {
    "fingerprint": "c", "files": [{"file": "a$b<c.jsonl"}], "documents": 5, "tokens": 500, "held_out_documents": 2,
    "blurb_test_documents": 0, "blurb_test": "left out", "vocabulary": 99,
}  # fmt: skip


@pytest.fixture
def make_study():
    """What the table and the figure ask of a study: encoders with their records of pretraining, or None."""

    def make(**records):
        base = {"seed": 0, "corpus": CORPUS, "seconds": 3.2, "config": {"n_layers": 2, "width": 32}}
        found = {name: record and json.loads(json.dumps(base | record)) for name, record in records.items()}
        encoders = {name: SimpleNamespace(pretraining=record) for name, record in found.items()}
        sources, parameters = SimpleNamespace(encoders=encoders), SimpleNamespace(brief_encoder="Brief")
        return SimpleNamespace(provenance="parameters/mini/x.yaml", sources=sources, parameters=parameters)

    return make


BERT = {"objective": "bert", "curve": [POINT, LATER]}
ELECTRA = {"objective": "electra", "curve": [POINT | FOUND, LATER | FOUND]}


def test_a_curve_and_a_row_per_pretrained_encoder(make_study):
    study = make_study(BERT=BERT, ELECTRA=ELECTRA, Hub=None)
    figure = curves_figure(study)
    assert "Masked words, held-out loss, BERT: 4.00 to 3.00." in figure.alt
    assert (
        "held-out loss, ELECTRA: generator: 4.00" in figure.alt
        and "discriminator, held-out, ELECTRA: 90.00" in figure.alt
    )
    table = pretraining_table(study)
    assert [row[0] for row in table.rows] == ["BERT", "ELECTRA"]
    assert table.rows[0][2:5] == ("2,000", "10", "4.0") and table.rows[1][-1] == "90.00"
    assert "a$b&lt;c.jsonl" in table._repr_html_()


def test_every_measurement_is_a_point_within_its_panel(make_study):
    figure = curves_figure(make_study(BERT=BERT, ELECTRA=ELECTRA))
    for panel, n_points in zip(figure.panels, (4, 4, 2), strict=True):
        points = re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', panel.svg())
        assert len(points) == n_points
        for x, y in points:
            assert panel.box_left <= float(x) < panel.box_right and panel.box_top < float(y) < panel.box_bottom
    assert [key.text for key in figure.keys][:2] == ["BERT", "ELECTRA (of words: its generator)"]
    none = curves_figure(make_study(Hub=None))
    assert not none.panels and "No encoder was pretrained here." in none._repr_html_() and none.svg


def test_word_losses_of_objectives_are_said_not_to_compare(make_study):
    study = make_study(BERT=BERT, single=BERT | {"objective": "single-sequence"})
    for notes in (pretraining_table(study).notes, curves_figure(study).notes):
        assert any("compare encoders of one objective, not objectives" in note for note in notes)


@pytest.mark.parametrize(
    ("tokens", "step", "said"),
    [
        (2010, 10, None),
        (2500, 10, "2,000 to 2,500 tokens in 10 steps"),
        (2000, 12, "2,000 tokens in 10 to 12 steps"),
    ],
)
def test_unequal_lengths_of_training_are_said(make_study, tokens, step, said):
    other = {"objective": "no-nsp", "curve": [POINT, LATER | {"tokens": tokens, "step": step}]}
    notes = [note for note in pretraining_table(make_study(BERT=BERT, other=other)).notes if "equally long" in note]
    assert len(notes) == (said is not None) and all(said in note for note in notes)


def test_encoders_without_a_record_are_named(make_study):
    assert not any("Without a row" in note for note in pretraining_table(make_study(BERT=BERT)).notes)
    notes = pretraining_table(make_study(BERT=BERT, Hub=None, Mine=None)).notes
    assert any("their pretraining record is not available: Hub, Mine." in note for note in notes)
    empty = pretraining_table(make_study(Hub=None))
    assert empty.rows[0][0] == "no encoder was pretrained here" and "Hub" in empty._repr_html_()
