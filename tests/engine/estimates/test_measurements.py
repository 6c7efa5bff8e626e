"""What was measured is kept between commands; what another version or a hand made of it is measured anew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import pytest

from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.estimates.flops import Costs
from blurbstudy.engine.estimates.measurements import Calibrations, digest, machine
from blurbstudy.engine.estimates.memory import Capacity, Footprint
from blurbstudy.engine.forecast import Expectations, Sweep
from blurbstudy.engine.populations import PopulationTrainer
from blurbstudy.training.profiling import Times


@dataclass(frozen=True)
class Form:
    seconds: float
    bytes: int
    splits: Mapping[str, float]


FORM = Form(1.5, 3, {"dev": 1.0})


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    """No other test's measurements."""
    place = tmp_path / "machine.json"
    monkeypatch.setattr("blurbstudy.engine.estimates.measurements.calibration_file", lambda: place)
    return place


def test_what_is_kept_comes_back_in_its_form():
    kept = Calibrations()
    kept.put("form", "a", asdict(FORM))
    kept.put("sizes", "a", {"1": asdict(FORM), "32": asdict(FORM)})
    kept.put("number", "a", 2)
    again = Calibrations()
    assert again.of_form(Form, "form", "a") == FORM
    assert again.by_size(Form, "sizes", "a") == {1: FORM, 32: FORM}
    assert again.number("number", "a") == 2.0
    assert (again.of_form(Form, "form", "b"), again.by_size(Form, "sizes", "b"), again.number("number", "b")) == (
        None, {}, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        None, 3, [], "text", {}, {"seconds": 1.5}, asdict(FORM) | {"more": 1}, asdict(FORM) | {"seconds": "1.5"},
        asdict(FORM) | {"bytes": None}, asdict(FORM) | {"seconds": True}, asdict(FORM) | {"seconds": float("nan")},
        asdict(FORM) | {"splits": 1.0}, asdict(FORM) | {"splits": {"dev": [1.0]}}, asdict(FORM) | {"bytes": 10**400},
    ],
)  # fmt: skip
def test_what_has_another_form_is_as_not_measured(file, other):
    file.write_text(json.dumps({"form a": other, "sizes a": {"2": other, "4": asdict(FORM), "x": asdict(FORM)}}))
    kept = Calibrations()
    assert kept.of_form(Form, "form", "a") is None
    assert kept.by_size(Form, "sizes", "a") == {4: FORM}


@pytest.mark.parametrize("other", [None, [], {}, "3", True, float("inf")])
def test_what_is_no_number_is_as_not_measured(file, other):
    file.write_text(json.dumps({"number a": other, "sizes a": other}))
    assert Calibrations().number("number", "a") is None
    assert Calibrations().by_size(Form, "sizes", "a") == {}


def test_times_of_another_version_are_measured_anew_and_then_kept(store, make_sources, make_grid):
    sources = make_sources(store)
    configs, trainer = make_grid(sources, 2), PopulationTrainer(store, sources=sources, device="cpu")
    rehearsals, expectations = [], Expectations(store)
    name = expectations._class(configs, trainer, 1)
    expectations.kept.put("time", name, {"2": {"speed": 1.0}})
    expectations.kept.put("start", digest(machine("cpu")), ["3.0 seconds"])
    assert Costs(sources, "cpu").of(configs[0]) > 0
    expectations.on_rehearsal = rehearsals.append
    engine = LocalEngine(device="cpu", workers=1, population=2)
    (found,) = expectations.of_sweeps([Sweep(configs=tuple(configs), sources=sources, engine=engine)])
    assert rehearsals and found.seconds > 0 and found.process_bytes > 2**26
    assert list(Calibrations().by_size(Times, "time", name)) == [2]
    assert Calibrations().number("start", digest(machine("cpu"))) > 0


def test_footprints_of_another_version_are_measured_anew(store, make_sources, make_grid):
    sources = make_sources(store)
    (config,) = make_grid(sources, 1)
    capacity = Capacity(PopulationTrainer(store, sources=sources, device="cpu"), 1, free=2**20)
    capacity.kept.put("footprint", capacity._class(config), {"fixed": 1, "per_member": 1})
    capacity.measure([config])
    assert capacity.footprint(config).fixed > 2**20
    assert Calibrations().of_form(Footprint, "footprint", capacity._class(config)) == capacity.footprint(config)
