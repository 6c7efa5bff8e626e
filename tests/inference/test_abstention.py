"""What is below a minimum of confidence is withheld, in every format, and the rest stays."""

from __future__ import annotations

import json

import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.inference.abstention import Coverage, check_minimum
from blurbstudy.inference.inputs.documents import Document
from blurbstudy.inference.inputs.records import document_of_words
from blurbstudy.inference.outputs.formats import OUTPUT_FORMATS, to_dict
from blurbstudy.inference.predictor import Entity, Prediction, TaggedSentence
from blurbstudy.tasks import get_task

BIOASQ, HOC, NCBI = (get_task(name) for name in ("BioASQ", "HoC", "NCBI-disease"))


def answer(p):
    return Prediction(Document("q", ("a", "b")), label="yes", probabilities={"yes": p, "no": 1 - p})


def test_a_text_below_the_minimum_keeps_its_row_without_a_label():
    coverage = Coverage(0.9)
    kept, abstained = coverage.withhold(answer(0.9)), coverage.withhold(answer(0.8))
    assert to_dict(kept, BIOASQ) | {"probabilities": 0} == {
        "id": "q",
        "label": "yes",
        "abstained": False,
        "probabilities": 0,
    }
    values = to_dict(abstained, BIOASQ)
    assert values == {"id": "q", "label": None, "abstained": True, "probabilities": {"yes": 0.8, "no": 0.2}}
    assert OUTPUT_FORMATS["tsv"].document(abstained, BIOASQ) == "q\t\t0.8000\t0.8000\t0.2000\n"
    assert "(abstained)" in OUTPUT_FORMATS["html"].document(abstained, BIOASQ)
    assert coverage.text(BIOASQ) == ("coverage: 1 of 2 texts (50.0%) have a confidence of 0.9 or more; 1 abstained")


def test_without_a_minimum_nothing_is_added():
    assert "abstained" not in to_dict(answer(0.5), BIOASQ)
    assert json.loads(OUTPUT_FORMATS["jsonl"].document(answer(0.5), BIOASQ))["label"] == "yes"


def test_labels_of_a_set_are_withheld_one_by_one():
    names = HOC.labels[:3]
    found = Prediction(
        Document("d", ("a",)), labels=names[:2], probabilities=dict(zip(names, (0.95, 0.7, 0.1), strict=True))
    )
    coverage = Coverage(0.9)
    values = to_dict(coverage.withhold(found), HOC)
    assert (values["labels"], values["withheld"]) == ([names[0]], 1) and set(values["probabilities"]) == set(names)
    assert (coverage.predictions, coverage.kept) == (2, 1) and "1 of 2 predicted labels" in coverage.text(HOC)


def test_words_of_a_withheld_entity_are_outside():
    document = document_of_words("d", [["A", "B", "C", "D"]])
    entities = (Entity(0, 3, "X", "A B", 0.6), Entity(6, 7, "X", "D", 0.99))
    found = Prediction(document, entities, (TaggedSentence(document.sentences[0], ("B", "I", "O", "B")),))
    left = Coverage(0.9).withhold(found)
    assert left.entities == entities[1:] and left.sentences[0].tags == ("O", "O", "O", "B") and left.withheld == 1
    assert to_dict(left, NCBI)["withheld"] == 1
    assert Coverage(0.5).withhold(found).sentences == found.sentences


def test_scores_have_no_confidence():
    with pytest.raises(ParameterError, match="--min-confidence is for probabilities, and BIOSSES has scores"):
        check_minimum(0.9, get_task("BIOSSES"))
