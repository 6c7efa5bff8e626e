"""Measurements persist between commands; values of another form are measured again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import pytest

from blurbstudy.engine.estimates.measurements import MeasurementCache
from blurbstudy.engine.estimates.memory import Capacity, Footprint
from blurbstudy.engine.populations import PopulationTrainer


@dataclass(frozen=True)
class Form:
    seconds: float
    bytes: int


FORM = Form(1.5, 3)


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    """No other test's measurements."""
    path = tmp_path / "machine.json"
    monkeypatch.setattr("blurbstudy.engine.estimates.measurements.measurements_file", lambda: path)
    return path


def test_values_are_read_back_in_their_form():
    cache = MeasurementCache()
    cache.put("form", "a", asdict(FORM))
    cache.put("number", "a", 2)
    second = MeasurementCache()
    assert second.get_dataclass(Form, "form", "a") == FORM and second.number("number", "a") == 2.0
    assert second.get_dataclass(Form, "form", "b") is None and second.number("number", "b") is None


@pytest.mark.parametrize(
    "other",
    [
        None,
        3,
        [],
        "text",
        {},
        {"seconds": 1.5},
        asdict(FORM) | {"more": 1},
        asdict(FORM) | {"seconds": "1.5"},
        asdict(FORM) | {"bytes": None},
        asdict(FORM) | {"seconds": True},
        asdict(FORM) | {"seconds": float("nan")},
        asdict(FORM) | {"bytes": 10**400},
    ],
)
def test_a_value_of_another_form_counts_as_not_measured(file, other):
    file.write_text(json.dumps({"form a": other}))
    assert MeasurementCache().get_dataclass(Form, "form", "a") is None


@pytest.mark.parametrize("other", [None, [], {}, "3", True, float("inf")])
def test_what_is_not_a_number_counts_as_not_measured(file, other):
    file.write_text(json.dumps({"number a": other}))
    assert MeasurementCache().number("number", "a") is None


def test_footprints_of_another_version_are_measured_again(store, make_sources, make_grid):
    sources = make_sources(store)
    (config,) = make_grid(sources, 1)
    capacity = Capacity(PopulationTrainer(store, sources=sources, device="cpu"), 1, free=2**20)
    capacity.cache.put("footprint", capacity._key(config), {"fixed": 1, "per_member": 1})
    capacity.measure([config])
    assert capacity.footprint(config).fixed > 2**20
    cached = MeasurementCache().get_dataclass(Footprint, "footprint", capacity._key(config))
    assert cached == capacity.footprint(config)
