"""Encoders pretrained side by side: the same as one after another; a failure is told and costs no other."""

from __future__ import annotations

import json
import time

import pytest
import yaml
from safetensors.torch import load_file

from blurbstudy.engine.deadline import Deadline
from blurbstudy.engine.progress import Progress
from blurbstudy.engine.sources import encoders as pretraining
from blurbstudy.engine.sources.encoders import ensure_encoders
from blurbstudy.errors import StudyError
from blurbstudy.pretraining import OBJECTIVES
from blurbstudy.pretraining.checkpoints import latest_checkpoint
from blurbstudy.pretraining.encoder_cache import EncoderRequest

CONFIG = {
    "vocab_size": 150, "n_layers": 1, "width": 32, "n_heads": 2, "intermediate": 64, "max_positions": 48,
    "max_length": 40, "batch_size": 8, "steps": 6, "learning_rate": 5e-3, "held_out": 0.1, "n_evaluations": 2,
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
        return {
            name: EncoderRequest(objective=name, corpus=(str(corpus),), config=str(config), **more)
            for name in objectives
        }

    return make


@pytest.mark.slow
def test_side_by_side_gives_the_same_bits_as_one_after_another(wanted, tmp_path, monkeypatch):
    side_by_side = ensure_encoders(wanted(*OBJECTIVES), workers=2, progress="silent")
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path / "other"))
    alone = ensure_encoders(wanted(*OBJECTIVES), workers=1, progress="silent")
    assert list(alone) == list(OBJECTIVES)
    for name in OBJECTIVES:
        a, b = (load_file(made[name] / "model.safetensors") for made in (side_by_side, alone))
        assert a.keys() == b.keys() and all((a[key] == b[key]).all() for key in a)


def test_what_is_there_is_not_made_again_and_another_seed_or_length_is_another(wanted):
    first = ensure_encoders(wanted("bert"), progress="silent")["bert"]
    made = (first / "model.safetensors").stat().st_mtime_ns
    assert ensure_encoders(wanted("bert"), progress="silent")["bert"] == first
    assert (first / "model.safetensors").stat().st_mtime_ns == made
    others = [wanted("bert", **change)["bert"].folder() for change in ({"seed": 1}, {"tokens": 500})]
    assert len({first, *others}) == 3


@pytest.mark.slow
def test_a_failure_is_told_and_the_others_are_kept(wanted):
    asked = wanted("bert", "no-nsp", "electra")
    bad = wanted("single-sequence", tokens=10**14)["single-sequence"]  # more steps than a configuration allows
    with pytest.raises(StudyError, match="pretraining wrong failed: steps="):
        ensure_encoders(asked | {"wrong": bad}, workers=1 + len(asked), progress="silent")
    kept = [name for name, one in asked.items() if one.folder().is_dir()]
    ensure_encoders(asked, workers=2, progress="silent")
    assert all(one.folder().is_dir() for one in asked.values()) and set(kept) <= set(asked)


@pytest.mark.parametrize("workers", [1, 2])
def test_after_the_deadline_nothing_starts(wanted, workers):
    deadline = Deadline(at=time.time() - 1)
    options = {"workers": workers, "progress": "silent", "deadline": deadline}
    assert ensure_encoders(wanted("bert", "electra"), **options) == {}
    assert deadline.skipped_encoders == ["bert", "electra"]
    assert not wanted("bert")["bert"].folder().parent.exists()


def test_a_pretraining_that_the_deadline_stopped_resumes_to_the_same_bits(wanted, tmp_path, monkeypatch):
    deadline, steps, make = Deadline(), [], pretraining.make_encoder

    def make_and_pass_deadline(encoder, *, on_progress, stop):
        def on_step(done, total):
            steps.append((done, total))
            if done == 4:
                deadline.at = 0.0

        make(encoder, on_progress=on_step, stop=stop)

    monkeypatch.setattr(pretraining, "make_encoder", make_and_pass_deadline)
    options = {"workers": 1, "progress": "silent", "deadline": deadline}
    assert ensure_encoders(wanted("bert", "electra"), **options) == {}
    assert deadline.skipped_encoders == ["bert", "electra"]
    assert 4 <= len(steps) <= 5 and steps[-1][1] == 6
    monkeypatch.undo()
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path / "cache"))
    resumed = ensure_encoders(wanted("bert"), progress="silent")["bert"]
    assert json.loads((resumed / "pretraining.json").read_text())["sessions"] == 2
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path / "other"))
    uninterrupted = ensure_encoders(wanted("bert"), progress="silent")["bert"]
    a, b = (load_file(made / "model.safetensors") for made in (resumed, uninterrupted))
    assert all((a[key] == b[key]).all() for key in a)


def test_pretrainings_in_processes_save_a_checkpoint_at_the_deadline(wanted):
    """So many steps that no machine finishes them in time."""
    encoders, deadline = wanted("bert", "electra", tokens=20_000_000), Deadline(at=time.time() + 20)
    assert ensure_encoders(encoders, workers=2, progress="silent", deadline=deadline) == {}
    assert deadline.skipped_encoders == ["bert", "electra"]
    for one in encoders.values():
        assert latest_checkpoint(one.folder().parent / f".begun-{one.folder().name}").progress.step > 0


def test_progress_reaches_all_steps_and_encoders(wanted, monkeypatch):
    updates, update = [], Progress.update

    def noted(bar, done, *, runs_done, current=""):
        updates.append((bar.label, bar.unit, bar.total, bar.runs, done, runs_done))
        update(bar, done, runs_done=runs_done, current=current)

    monkeypatch.setattr(Progress, "update", noted)
    ensure_encoders(wanted("bert", "no-nsp"), workers=2, progress="silent")
    assert updates[-1] == ("pretraining of bert, no-nsp", "encoders", 12, 2, 12, 2)
