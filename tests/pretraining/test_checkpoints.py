"""A pretraining that was stopped goes on as if nothing had happened, and refuses to go on as something else."""

from __future__ import annotations

import errno
import json
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file

from blurbstudy.errors import Interrupted, ParameterError, StudyError
from blurbstudy.filesystem import disk_errors
from blurbstudy.pretraining import (
    OBJECTIVES,
    Conduct,
    Corpus,
    get_objective,
    pretrain,
    pretraining_config,
)
from blurbstudy.pretraining import (
    checkpoints as states,
)
from blurbstudy.pretraining.objectives.mlm import MaskedLanguageModel

from .conftest import TINY

STEPS = 12
FULL = r"state: cannot be written: no space is left on the disk; free some space or move .*, then resume from the last"


def go(corpus, out, *, objective="bert", resume=False, stop_after=None, seed=1, vocabulary=None, conduct=None, **more):
    """A pretraining of STEPS steps that saves a state after each; stopped after `stop_after` steps."""
    calls = iter(range(1, 1000))
    changes = {name: more.pop(name) for name in list(more) if name in pretraining_config(TINY).to_dict()}
    config = pretraining_config(TINY | {"steps": STEPS, "dropout": 0.1} | changes, objective)
    return pretrain(
        get_objective(objective),
        config,
        corpus=corpus / "corpus.jsonl",
        out=out,
        seed=seed,
        vocabulary=vocabulary,
        conduct=conduct or Conduct(device="cpu", save_every=0.0, resume=resume),
        stop=(lambda: next(calls) == stop_after) if stop_after else (lambda: False),
        **more,
    )


def stopped(corpus, out, *, after=7, **more):
    with pytest.raises(Interrupted, match=f"stopped after step {after} of {STEPS}; a state is saved"):
        go(corpus, out, stop_after=after, **more)
    return out


@pytest.mark.parametrize("name", OBJECTIVES)
def test_resumed_equals_uninterrupted_bit_for_bit(tiny_corpus, tmp_path, name):
    whole = go(tiny_corpus, tmp_path / "whole", objective=name)
    stopped(tiny_corpus, tmp_path / "twice", objective=name)
    resumed = go(tiny_corpus, tmp_path / "twice", objective=name, resume=True)
    a, b = (load_file(tmp_path / folder / "model.safetensors") for folder in ("whole", "twice"))
    assert a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
    assert resumed.curve == whole.curve and resumed.tokens == whole.tokens
    assert (whole.sessions, resumed.sessions) == (1, 2)
    assert not (tmp_path / "twice" / "state").exists()


def test_the_last_two_states_are_kept(tiny_corpus, tmp_path):
    out = stopped(tiny_corpus, tmp_path / "out")
    assert sorted(os.listdir(out / "state")) == ["step-000000006", "step-000000007"]


def test_a_torn_state_falls_back_to_the_one_before(tiny_corpus, tmp_path):
    whole = go(tiny_corpus, tmp_path / "whole")
    out = stopped(tiny_corpus, tmp_path / "out")
    torn = out / "state" / "step-000000007" / states.NUMBERS
    data = bytearray(torn.read_bytes())
    data[-5] ^= 1
    torn.write_bytes(data)
    assert states.newest_state(out).standing.step == 6
    assert go(tiny_corpus, out, resume=True).curve == whole.curve


def test_without_a_state_resuming_begins(tiny_corpus, tmp_path):
    assert go(tiny_corpus, tmp_path / "out", resume=True).step == STEPS


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 2}, "begun with seed 1, not 2"),
        ({"objective": "no-nsp"}, "begun with objective bert, not no-nsp"),
        ({"learning_rate": 1e-3}, "begun with learning_rate 0.005, not 0.001"),
        ({"tokens": 100_000}, "begun with steps 12, not"),
        ({"precision": "bfloat16"}, "begun with precision float32, not bfloat16"),
    ],
)
def test_other_settings_are_refused(tiny_corpus, tmp_path, change, said):
    out = stopped(tiny_corpus, tmp_path / "out", after=3)
    before = sorted(os.listdir(out / "state"))
    with pytest.raises(ParameterError, match=f"cannot go on: it was {said}"):
        go(tiny_corpus, out, resume=True, **change)
    assert sorted(os.listdir(out / "state")) == before


def test_a_changed_corpus_is_refused(tiny_corpus, tmp_path):
    folder = tmp_path / "text"
    shutil.copytree(tiny_corpus, folder)
    out = stopped(folder, tmp_path / "out", after=3)
    with (folder / "corpus.jsonl").open("a") as stream:
        stream.write(json.dumps({"sentences": ["One more.", "And another."]}) + "\n")
    with pytest.raises(ParameterError, match="the corpus is not what it was begun with"):
        go(folder, out, resume=True)


def test_another_vocabulary_is_refused(tiny_corpus, pretrained, tmp_path):
    encoder, _ = pretrained
    out = stopped(tiny_corpus, tmp_path / "out", after=3, vocabulary=encoder)
    other = tmp_path / "vocab.txt"
    other.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]) + "\n")
    with pytest.raises(ParameterError, match="the vocabulary is not the one that it was begun with"):
        go(tiny_corpus, out, resume=True, vocabulary=other)
    assert go(tiny_corpus, out, resume=True, vocabulary=encoder).step == STEPS


def test_a_full_disk_leaves_the_last_state_whole(tiny_corpus, tmp_path, monkeypatch):
    whole = go(tiny_corpus, tmp_path / "whole")
    out, save, calls = tmp_path / "out", states.save_file, iter(range(100))

    def full(tensors, path):
        save(tensors, path)
        if next(calls) == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(states, "save_file", full)
    with pytest.raises(StudyError, match=FULL):
        go(tiny_corpus, out)
    assert sorted(os.listdir(out / "state")) == ["step-000000003", "step-000000004"]
    assert states.newest_state(out).standing.step == 4
    monkeypatch.undo()
    assert go(tiny_corpus, out, resume=True).curve == whole.curve


def test_a_resumed_pretraining_cuts_no_pass_that_is_over(tiny_corpus, tmp_path, monkeypatch):
    from blurbstudy.pretraining.objectives import registry as objectives

    cut, passes = objectives.two_segments, []
    monkeypatch.setattr(objectives, "two_segments", lambda *a, **k: passes.append(1) or cut(*a, **k))
    whole = go(tiny_corpus, tmp_path / "whole", batch_size=40)
    of_whole = len(passes)
    out = stopped(tiny_corpus, tmp_path / "out", batch_size=40)
    epoch = states.newest_state(out).standing.epoch
    assert epoch > 1
    passes.clear()
    assert go(tiny_corpus, out, batch_size=40, resume=True).curve == whole.curve
    assert len(passes) == of_whole - epoch


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("step", "7"),
        ("tokens", None),
        ("curve", [1]),
        ("losses", ["x"]),
        ("seconds", "x"),
        ("epoch", True),
        ("curve", 3),
    ],
)
def test_a_state_whose_numbers_are_none_is_torn(tiny_corpus, tmp_path, name, value):
    out = stopped(tiny_corpus, tmp_path / "out", after=3)
    file = out / "state" / "step-000000003" / states.FACTS
    facts = json.loads(file.read_text())
    facts["standing"][name] = value
    file.write_text(json.dumps(facts))
    assert states.newest_state(out).standing.step == 2


def test_a_lack_of_memory_is_one_line_and_leaves_the_last_state_whole(tiny_corpus, tmp_path, monkeypatch):
    whole = go(tiny_corpus, tmp_path / "whole")
    forward, calls = MaskedLanguageModel.forward, iter(range(1000))

    def greedy(self, batch, *, dropout=None):
        if next(calls) == 3:
            torch.empty(1 << 50)  # what the allocator itself says to a petabyte
        return forward(self, batch, dropout=dropout)

    with monkeypatch.context() as patch:
        patch.setattr(MaskedLanguageModel, "forward", greedy)
        with pytest.raises(StudyError, match=r"does not hold 65,536 tokens at once; .* --micro-batch-tokens 32768"):
            go(tiny_corpus, tmp_path / "out")
    assert states.newest_state(tmp_path / "out").standing.step == 3
    assert go(tiny_corpus, tmp_path / "out", resume=True).curve == whole.curve


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full, a disk that is always full")
def test_a_disk_that_is_really_full_is_told_as_such(tmp_path):
    (tmp_path / "state").mkdir()
    told = pytest.raises(StudyError, match="no space is left on the disk")
    with told, disk_errors(tmp_path, "wait"), open("/dev/full", "w") as stream:
        stream.write("x" * 100_000)


def test_a_full_disk_at_the_end_leaves_the_states(tiny_corpus, tmp_path, monkeypatch):
    from blurbstudy.pretraining import export as publishing

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "export_checkpoint", full)
        with pytest.raises(StudyError, match="cannot be written"):
            go(tiny_corpus, tmp_path / "out")
    assert states.newest_state(tmp_path / "out").standing.step == STEPS - 1
    assert not (tmp_path / "out" / "config.json").exists()
    assert go(tiny_corpus, tmp_path / "out", resume=True).step == STEPS


def test_a_gradient_that_is_not_finite_leaves_the_last_state_whole(tiny_corpus, tmp_path):
    out = stopped(tiny_corpus, tmp_path / "out", after=3)
    state = states.newest_state(out)
    name = next(name for name in state.tensors if name.endswith("words.dense.weight") and name.startswith("weight"))
    state.tensors[name][:] = float("inf")
    states.save_state(out, states.State(**(state.__dict__ | {"tensors": state.tensors})))
    with pytest.raises(StudyError, match="not finite at step 4; learning_rate=0.005 may be too high"):
        go(tiny_corpus, out, resume=True)
    assert states.newest_state(out).standing.step == 3


def test_rungs_of_the_ladder_are_encoders_that_say_so(tiny_corpus, tmp_path):
    from transformers import AutoModel

    done = go(tiny_corpus, tmp_path / "out", conduct=Conduct(device="cpu", ladder=(500, 10**9)))
    assert os.listdir(tmp_path / "out" / "ladder") == ["tokens-500"]
    rung = tmp_path / "out" / "ladder" / "tokens-500"
    record = json.loads((rung / "pretraining.json").read_text())
    assert 500 <= record["tokens"] < done.tokens
    assert "the learning rate had not decayed yet" in (rung / "README.md").read_text()
    assert "the learning rate had not decayed yet" not in (tmp_path / "out" / "README.md").read_text()
    assert AutoModel.from_pretrained(rung).config.hidden_size == TINY["width"]


def test_rungs_are_the_same_after_a_break(tiny_corpus, tmp_path):
    ladder = {"device": "cpu", "ladder": (300, 1000), "save_every": 0.0}
    whole, out = tmp_path / "whole", tmp_path / "out"
    go(tiny_corpus, whole, conduct=Conduct(**ladder))
    stopped(tiny_corpus, out, after=4, conduct=Conduct(**ladder))
    assert os.listdir(out / "ladder") == ["tokens-300"]
    go(tiny_corpus, out, conduct=Conduct(**ladder, resume=True))
    for rung in ("tokens-300", "tokens-1000"):
        a, b = (load_file(folder / "ladder" / rung / "model.safetensors") for folder in (whole, out))
        assert all(torch.equal(a[name], b[name]) for name in a)


def test_what_an_earlier_begin_left_is_not_taken_for_its_own(tiny_corpus, tmp_path):
    out = stopped(tiny_corpus, tmp_path / "out", conduct=Conduct(device="cpu", save_every=0.0, ladder=(500,)))
    with pytest.raises(Interrupted):
        go(tiny_corpus, out, seed=2, stop_after=2)
    assert sorted(os.listdir(out / "state")) == ["step-000000001", "step-000000002"]
    assert not (out / "ladder").exists()


def test_with_dropout_parts_of_a_step_are_resumed_bit_for_bit(tiny_corpus, tmp_path):
    parts = {"device": "cpu", "micro_batch_tokens": 60, "save_every": 0.0}
    whole = go(tiny_corpus, tmp_path / "whole", conduct=Conduct(**parts))
    stopped(tiny_corpus, tmp_path / "out", conduct=Conduct(**parts))
    assert go(tiny_corpus, tmp_path / "out", conduct=Conduct(**parts, resume=True)).curve == whole.curve
    undivided = go(tiny_corpus, tmp_path / "undivided")
    assert undivided.curve != whole.curve
    assert undivided.curve[-1]["word_loss"] == pytest.approx(whole.curve[-1]["word_loss"], rel=0.05)


def test_parts_of_a_step_give_the_same_curve(tiny_corpus, tmp_path):
    whole = go(tiny_corpus, tmp_path / "whole", dropout=0.0)
    conduct = Conduct(device="cpu", micro_batch_tokens=60)
    parts = go(tiny_corpus, tmp_path / "parts", dropout=0.0, conduct=conduct)
    for one, other in zip(whole.curve, parts.curve, strict=True):
        assert one == pytest.approx(other, rel=1e-5)


def test_bfloat16_learns_nearly_as_float32(tiny_corpus, tmp_path):
    exact = go(tiny_corpus, tmp_path / "exact", dropout=0.0)
    rough = go(tiny_corpus, tmp_path / "rough", dropout=0.0, precision="bfloat16")
    assert rough.curve != exact.curve
    assert rough.curve[-1]["word_loss"] == pytest.approx(exact.curve[-1]["word_loss"], rel=0.02)
    assert all(tensor.dtype == torch.float32 for tensor in load_file(tmp_path / "rough" / "model.safetensors").values())


def test_tokens_asked_for_are_seen(tiny_corpus, tmp_path):
    done = go(tiny_corpus, tmp_path / "a", tokens=2500, batch_tokens=200, max_length=40)
    assert done.tokens + 40 >= 2500 and done.step == 13
    assert go(tiny_corpus, tmp_path / "b", tokens=2500).tokens == pytest.approx(2500, rel=0.2)


def test_kept_test_text_makes_another_corpus(tiny_corpus):
    file = tiny_corpus / "corpus.jsonl"
    assert Corpus((file,)).fingerprint != Corpus((file,), test_text=True).fingerprint
