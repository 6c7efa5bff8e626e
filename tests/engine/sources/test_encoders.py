"""Encoders pretrained side by side: the same as one after another; a failure is told and costs no other."""

from __future__ import annotations

import json
import time

import pytest
import yaml
from safetensors.torch import load_file

from blurbstudy.engine import deadline as clock
from blurbstudy.engine.deadline import stopping_after
from blurbstudy.engine.progress import PROGRESS_SETTING, read_progress
from blurbstudy.engine.sources import encoders as pretraining
from blurbstudy.engine.sources.encoders import pretrained_encoders
from blurbstudy.errors import StudyError
from blurbstudy.pretraining import OBJECTIVES
from blurbstudy.pretraining.checkpoints import newest_state
from blurbstudy.pretraining.encoder_cache import Wanted

CONFIG = {
    "vocab_size": 150, "n_layers": 1, "width": 32, "n_heads": 2, "intermediate": 64, "max_positions": 48,
    "max_length": 40, "batch_size": 8, "steps": 6, "learning_rate": 5e-3, "held_out": 0.1, "evaluations": 2,
}  # fmt: skip


@pytest.fixture
def wanted(tmp_path, monkeypatch):
    """By objective: an encoder to be pretrained in a cache of its own."""
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path / "cache"))
    config, corpus = tmp_path / "tiny.yaml", tmp_path / "corpus.jsonl"
    config.write_text(yaml.safe_dump(CONFIG))
    lines = [{"sentences": [f"drug{i % 7} binds gene{i % 5}.", f"gene{i % 5} is moved by {i}."]} for i in range(60)]
    corpus.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def make(*objectives, **more):
        return {name: Wanted(objective=name, corpus=(str(corpus),), config=str(config), **more) for name in objectives}

    return make


def test_side_by_side_gives_the_same_bits_as_one_after_another(wanted, tmp_path, monkeypatch):
    side_by_side = pretrained_encoders(wanted(*OBJECTIVES), workers=2, progress="silent")
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path / "other"))
    alone = pretrained_encoders(wanted(*OBJECTIVES), workers=1, progress="silent")
    assert list(alone) == list(OBJECTIVES)
    for name in OBJECTIVES:
        a, b = (load_file(made[name] / "model.safetensors") for made in (side_by_side, alone))
        assert a.keys() == b.keys() and all((a[key] == b[key]).all() for key in a)


def test_what_is_there_is_not_made_again_and_another_seed_or_length_is_another(wanted):
    first = pretrained_encoders(wanted("bert"), progress="silent")["bert"]
    made = (first / "model.safetensors").stat().st_mtime_ns
    assert pretrained_encoders(wanted("bert"), progress="silent")["bert"] == first
    assert (first / "model.safetensors").stat().st_mtime_ns == made
    others = [wanted("bert", **change)["bert"].folder() for change in ({"seed": 1}, {"tokens": 500})]
    assert len({first, *others}) == 3


def test_a_failure_is_told_and_the_others_are_kept(wanted):
    asked = wanted("bert", "no-nsp", "electra")
    bad = wanted("single-sequence", tokens=10**14)["single-sequence"]  # more steps than a configuration allows
    with pytest.raises(StudyError, match="pretraining wrong failed: steps="):
        pretrained_encoders(asked | {"wrong": bad}, workers=1 + len(asked), progress="silent")
    kept = [name for name, one in asked.items() if one.folder().is_dir()]
    pretrained_encoders(asked, workers=2, progress="silent")
    assert all(one.folder().is_dir() for one in asked.values()) and set(kept) <= set(asked)


@pytest.mark.parametrize("workers", [1, 2])
def test_once_the_time_is_up_nothing_is_begun_and_what_is_left_is_told(wanted, workers):
    with stopping_after(1, began=time.time() - 61) as left:
        assert pretrained_encoders(wanted("bert", "electra"), workers=workers, progress="silent") == {}
        assert left().encoders == ("bert", "electra")
    assert not wanted("bert")["bert"].folder().parent.exists()


def test_a_pretraining_that_the_clock_stopped_goes_on_to_the_same_bits(wanted, tmp_path, monkeypatch):
    began, steps = time.time(), []
    monkeypatch.setattr(clock.time, "time", lambda: began + 30 * len(steps))
    make = pretraining.make_encoder
    monkeypatch.setattr(
        pretraining, "make_encoder",
        lambda one, *, on_progress, stop: make(one, on_progress=lambda *told: steps.append(told), stop=stop),
    )  # fmt: skip
    with stopping_after(2, began=began) as left:
        assert pretrained_encoders(wanted("bert", "electra"), workers=1, progress="silent") == {}
        assert left().encoders == ("bert", "electra")
    assert steps == [(step, 6) for step in (1, 2, 3, 4, 5)]  # the fifth is asked, after the fourth, to be the last
    monkeypatch.undo()
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path / "cache"))
    gone_on = pretrained_encoders(wanted("bert"), progress="silent")["bert"]
    assert json.loads((gone_on / "pretraining.json").read_text())["sessions"] == 2
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path / "other"))
    at_once = pretrained_encoders(wanted("bert"), progress="silent")["bert"]
    a, b = (load_file(made / "model.safetensors") for made in (gone_on, at_once))
    assert all((a[key] == b[key]).all() for key in a)


def test_pretrainings_in_processes_save_a_state_when_the_time_is_up(wanted):
    """So many steps that no machine comes to their end in time."""
    asked = wanted("bert", "electra", tokens=20_000_000)
    with stopping_after(20 / 60, began=time.time()) as left:
        assert pretrained_encoders(asked, workers=2, progress="silent") == {}
        assert left().encoders == ("bert", "electra")
    for one in asked.values():
        assert newest_state(one.folder().parent / f".begun-{one.folder().name}").standing.step > 0


def test_progress_goes_to_the_end(wanted, tmp_path, monkeypatch):
    file = tmp_path / "progress.jsonl"
    monkeypatch.setenv(PROGRESS_SETTING, str(file))
    pretrained_encoders(wanted("bert", "no-nsp"), workers=2)
    states, _ = read_progress(file)
    assert (states[-1]["done"], states[-1]["runs_done"], states[-1]["runs"]) == (12, 2, 2)
    assert states[-1]["label"] == "pretrain bert, no-nsp"
