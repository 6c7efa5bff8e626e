"""Only encoders that a notebook's question needs are looked for."""

import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.study.parameters import large_twins, needed_encoders, pruned_encoder

BASE = {"BERT": "a", "BERT (no NSP)": "b", "ELECTRA": "c"}
LARGE = {
    "encoders": BASE, "base_encoders": {"BioBERT-BASE": None},
    "large_encoders": {"BioBERT-LARGE": "d", "PubMedBERT-LARGE": "e", "PubMedELECTRA-LARGE": None,
                       "BlueBERT-LARGE": "f"},
    "twins": {"BioBERT-LARGE": "BioBERT-BASE", "PubMedBERT-LARGE": "BERT", "PubMedELECTRA-LARGE": "ELECTRA",
              "BlueBERT-LARGE": "BlueBERT-BASE"},
}  # fmt: skip


def test_most_notebooks_take_all():
    assert needed_encoders({"encoders": BASE}) == BASE


def test_large_models_take_the_large_ones_and_the_twins_of_those_that_are_given():
    """No twin of one without a path, nor one that no parameter names."""
    assert large_twins(LARGE) == {"BioBERT-LARGE": "BioBERT-BASE", "PubMedBERT-LARGE": "BERT"}
    assert needed_encoders(LARGE) == LARGE["large_encoders"] | {"BioBERT-BASE": None, "BERT": "a"}


def test_pruning_takes_one():
    assert needed_encoders({"encoders": BASE, "pruned": "ELECTRA"}) == {"ELECTRA": "c"}
    assert pruned_encoder({"encoders": {"BERT": None, "ELECTRA": "c"}, "pruned": None}) == "ELECTRA"
    assert pruned_encoder({"encoders": {"BERT": None}, "pruned": None}) == "BERT"
    with pytest.raises(ParameterError, match="pruned='MiniLM' is not among the encoders; use BERT or"):
        pruned_encoder({"encoders": BASE, "pruned": "MiniLM"})
