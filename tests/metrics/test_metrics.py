"""Every metric is reached by its name, and refuses what cannot be scored."""

from __future__ import annotations

import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.metrics import METRICS, score


def test_a_metric_is_reached_by_its_name():
    assert score("accuracy", ["yes", "no"], ["yes", "yes"]) == METRICS["accuracy"](["yes", "no"], ["yes", "yes"]) == 0.5
    assert score("pearson", [1.0, 2.0, 3.0], [2.0, 4.0, 6.0]) == pytest.approx(1.0)


def test_an_unknown_metric_is_refused_with_the_known_ones():
    with pytest.raises(ParameterError, match="metric='f1' is unknown; use accuracy or pearson"):
        score("f1", [1], [1])


@pytest.mark.parametrize(("gold", "predicted"), [(["yes"], []), (["yes", "no"], ["yes"]), ([], [])])
def test_unequal_or_empty_sequences_are_refused_with_their_lengths(gold, predicted):
    with pytest.raises(ParameterError, match=f"{len(predicted)} predictions for {len(gold)} examples"):
        score("accuracy", gold, predicted)
