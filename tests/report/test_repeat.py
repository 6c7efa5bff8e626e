"""`blurbstudy repeat`: recorded runs are trained again from their encoder, and compared with what was recorded."""

from __future__ import annotations

import dataclasses

import pytest

from blurbstudy.engine.engine import LocalEngine
from blurbstudy.errors import CheckpointError, DataError, ParameterError
from blurbstudy.report.repeat import Repetition, repeat_runs
from blurbstudy.sections import layer_adaptation
from blurbstudy.store.run_store import RunStore
from blurbstudy.study.parameters import scale_parameters
from blurbstudy.study.study import Study
from blurbstudy.tasks.mini_blurb import mini_blurb_folder

CELL = "BERT, SS, Layer freeze"


@pytest.fixture(scope="module")
def store(tmp_path_factory, tiny_encoder):
    """Runs of notebook 03: two seeds, baseline and three techniques."""
    folder = tmp_path_factory.mktemp("repeat") / "store"
    values = scale_parameters("mini", layer_adaptation.NOTEBOOK) | {
        "store": str(folder), "encoders": {"BERT": str(tiny_encoder)}, "seeds": 2, "tasks": ["BIOSSES"],
        "biosses_epochs": 1, "biosses_max_length": 32, "workers": 1, "qa_encoders": None,
    }  # fmt: skip
    study = Study(layer_adaptation, layer_adaptation.Parameters.parse(values))
    study.results(layer_adaptation.grids(study)["table4"])
    return RunStore(folder)


def test_a_cell_trained_again_is_equal_to_the_printed_digits(store, tiny_encoder, command):
    words = ("--notebook", layer_adaptation.NOTEBOOK, "--cell", CELL, "--store", store.folder, "--data", "mini")
    code, out, _ = command("repeat", *words, "--encoder", tiny_encoder)
    assert code == 0 and out.strip().endswith("test scores times 100: equal to the printed digits")
    assert len(out.strip().splitlines()) == 2 + 2


def test_a_cell_that_a_table_lacks_is_suggested(store, command):
    words = ("--notebook", layer_adaptation.NOTEBOOK, "--store", store.folder, "--data", "mini")
    code, out, errors = command("repeat", *words, "--cell", "BERT, SS, Layer freze")
    assert (code, out) == (2, "") and f"has no cell 'BERT, SS, Layer freze'; did you mean '{CELL}'?" in errors
    assert f"; {CELL}; " in command("repeat", *words, "--cell", "?")[2]


def test_a_record_of_another_score_is_found_out(store, tiny_encoder, tmp_path, command):
    first, second = list(store)[:2]
    changed = RunStore(tmp_path / "changed")
    for run_id, shift in ((first, 0.2), (second, 0.3)):
        record = store.get(run_id)
        scores = {split: score + shift for split, score in record.scores.items()}
        changed.put(dataclasses.replace(record, scores=scores))
    words = ("--store", changed.folder, "--data", "mini", "--encoder", tiny_encoder)
    code, out, _ = command("repeat", first[:12], second, *words)
    assert code == 1 and "MORE THAN 0.1" in out


def test_means_are_compared_in_standard_deviations_over_runs(store):
    recorded = [store.get(run_id) for run_id in list(store)[:3]]

    def scored(scores):
        return [
            dataclasses.replace(record, scores={"dev": None, "test": score})
            for record, score in zip(recorded, scores, strict=True)
        ]

    found = Repetition(recorded=scored([0.1, 0.2, 0.3]), repeated=scored([0.1, 0.2, 0.303]), split="test")
    assert found.difference_in_sds == pytest.approx(0.001 / 0.1)
    assert not found.is_equal and "within 0.1" in found.text()
    diverged = Repetition(recorded=scored([None, 0.2, 0.3]), repeated=scored([None, 0.2, 0.3]), split="test")
    assert diverged.is_equal


def test_an_unknown_encoder_other_data_and_an_unknown_run_are_refused_before_training(
    store, tiny_encoder, monkeypatch, tmp_path
):
    monkeypatch.setattr(LocalEngine, "run", lambda *_, **__: pytest.fail("trains"))
    with pytest.raises(CheckpointError, match="name its folder"):
        repeat_runs(list(store)[:1], store, data="mini")
    config = dataclasses.replace(store.get(next(iter(store))).config, data_fingerprint="0" * 20)
    other = RunStore(tmp_path / "other")
    other.put(dataclasses.replace(store.get(next(iter(store))), config=config))
    with pytest.raises(DataError, match="use the same files"):
        repeat_runs([config.id], other, data=str(mini_blurb_folder()), encoders=[tiny_encoder])
    own = dataclasses.replace(config, task="triage")
    other.put(dataclasses.replace(store.get(next(iter(store))), config=own))
    with pytest.raises(ParameterError, match=f"of your own, triage; blurbstudy export {own.id} --store .* --train"):
        repeat_runs([own.id], other, data="mini")


@pytest.mark.parametrize(
    "words", [(), ("abc", "--notebook", "03_layer_adaptation", "--cell", CELL), ("--cell", CELL)], ids=str
)
def test_runs_must_be_named_once(words, command):
    code, _, errors = command("repeat", *words)
    assert code == 2 and "name the runs once" in errors
