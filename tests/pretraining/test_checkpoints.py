"""A resumed run equals an uninterrupted one; resuming with other settings is an error."""

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
    Callbacks,
    Corpus,
    TrainingOptions,
    checkpoints,
    get_objective,
    pretrain,
    pretraining_config,
)
from blurbstudy.pretraining.objectives.mlm import MaskedLanguageModel

from .conftest import TINY

STEPS = 12
FULL = r"state: cannot be written: no space is left on the disk; free some space or move .*, then resume from the last"


def run(corpus, out, *, objective="bert", resume=False, stop_after=None, seed=1, vocabulary=None, options=None, **more):
    """Pretrain for STEPS steps with a checkpoint after each; stop after `stop_after` steps."""
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
        options=options or TrainingOptions(device="cpu", save_every=0.0, resume=resume),
        callbacks=Callbacks(should_stop=lambda: next(calls) == stop_after),
        **more,
    )


def run_until(corpus, out, *, after=7, **more):
    with pytest.raises(Interrupted, match=f"stopped after step {after} of {STEPS}; checkpoint saved"):
        run(corpus, out, stop_after=after, **more)
    return out


def test_a_checkpoint_of_an_earlier_version_is_refused_and_kept(tiny_corpus, tmp_path):
    out = run_until(tiny_corpus, tmp_path / "out")
    for file in out.glob("state/*/state.json"):
        file.write_text(file.read_text().replace('"environment"', '"circumstances"'))
    with pytest.raises(
        ParameterError, match="was written by an earlier version of blurbstudy; resume with that version"
    ):
        run(tiny_corpus, out, resume=True)
    assert len(os.listdir(out / "state")) == 2


@pytest.mark.parametrize("name", OBJECTIVES)
def test_resumed_equals_uninterrupted_bit_for_bit(tiny_corpus, tmp_path, name):
    uninterrupted = run(tiny_corpus, tmp_path / "uninterrupted", objective=name)
    run_until(tiny_corpus, tmp_path / "twice", objective=name)
    resumed = run(tiny_corpus, tmp_path / "twice", objective=name, resume=True)
    a, b = (load_file(tmp_path / folder / "model.safetensors") for folder in ("uninterrupted", "twice"))
    assert a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
    assert resumed.curve == uninterrupted.curve and resumed.tokens == uninterrupted.tokens
    assert (uninterrupted.sessions, resumed.sessions) == (1, 2)
    assert not (tmp_path / "twice" / "state").exists()


def test_the_last_two_checkpoints_are_kept(tiny_corpus, tmp_path):
    out = run_until(tiny_corpus, tmp_path / "out")
    assert sorted(os.listdir(out / "state")) == ["step-000000006", "step-000000007"]


def test_a_corrupt_checkpoint_falls_back_to_the_one_before(tiny_corpus, tmp_path):
    uninterrupted = run(tiny_corpus, tmp_path / "uninterrupted")
    out = run_until(tiny_corpus, tmp_path / "out")
    corrupt = out / "state" / "step-000000007" / checkpoints.TENSORS_FILE
    data = bytearray(corrupt.read_bytes())
    data[-5] ^= 1
    corrupt.write_bytes(data)
    assert checkpoints.latest_checkpoint(out).progress.step == 6
    assert run(tiny_corpus, out, resume=True).curve == uninterrupted.curve


def test_resuming_without_a_checkpoint_starts_the_run(tiny_corpus, tmp_path):
    assert run(tiny_corpus, tmp_path / "out", resume=True).step == STEPS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 2}, "started with seed 1, not 2"),
        ({"objective": "no-nsp"}, "started with objective bert, not no-nsp"),
        ({"learning_rate": 1e-3}, "started with learning_rate 0.005, not 0.001"),
        ({"tokens": 100_000}, "started with steps 12, not"),
        ({"precision": "bfloat16"}, "started with precision float32, not bfloat16"),
    ],
)
def test_resuming_with_other_settings_is_an_error(tiny_corpus, tmp_path, change, message):
    out = run_until(tiny_corpus, tmp_path / "out", after=3)
    before = sorted(os.listdir(out / "state"))
    with pytest.raises(ParameterError, match=f"cannot resume: it was {message}"):
        run(tiny_corpus, out, resume=True, **change)
    assert sorted(os.listdir(out / "state")) == before


def test_resuming_with_a_changed_corpus_is_an_error(tiny_corpus, tmp_path):
    folder = tmp_path / "text"
    shutil.copytree(tiny_corpus, folder)
    out = run_until(folder, tmp_path / "out", after=3)
    with (folder / "corpus.jsonl").open("a") as stream:
        stream.write(json.dumps({"sentences": ["One more.", "And another."]}) + "\n")
    with pytest.raises(ParameterError, match="the corpus has changed since this run started"):
        run(folder, out, resume=True)


def test_resuming_with_another_vocabulary_is_an_error(tiny_corpus, pretrained, tmp_path):
    encoder, _ = pretrained
    out = run_until(tiny_corpus, tmp_path / "out", after=3, vocabulary=encoder)
    other = tmp_path / "vocab.txt"
    other.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]) + "\n")
    with pytest.raises(ParameterError, match="the vocabulary has changed since this run started"):
        run(tiny_corpus, out, resume=True, vocabulary=other)
    assert run(tiny_corpus, out, resume=True, vocabulary=encoder).step == STEPS


def test_a_full_disk_leaves_the_last_checkpoint_intact(tiny_corpus, tmp_path, monkeypatch):
    uninterrupted = run(tiny_corpus, tmp_path / "uninterrupted")
    out, save, calls = tmp_path / "out", checkpoints.save_file, iter(range(100))

    def full(tensors, path):
        save(tensors, path)
        if next(calls) == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(StudyError, match=FULL):
        run(tiny_corpus, out)
    assert sorted(os.listdir(out / "state")) == ["step-000000003", "step-000000004"]
    assert checkpoints.latest_checkpoint(out).progress.step == 4
    monkeypatch.undo()
    assert run(tiny_corpus, out, resume=True).curve == uninterrupted.curve


def test_resuming_does_not_recompute_earlier_epochs(tiny_corpus, tmp_path, monkeypatch):
    from blurbstudy.pretraining.objectives import registry as objectives

    two_segments, epochs = objectives.two_segments, []
    monkeypatch.setattr(objectives, "two_segments", lambda *a, **k: epochs.append(1) or two_segments(*a, **k))
    uninterrupted = run(tiny_corpus, tmp_path / "uninterrupted", batch_size=40)
    n_epochs = len(epochs)
    out = run_until(tiny_corpus, tmp_path / "out", batch_size=40)
    epoch = checkpoints.latest_checkpoint(out).progress.epoch
    assert epoch > 1
    epochs.clear()
    assert run(tiny_corpus, out, batch_size=40, resume=True).curve == uninterrupted.curve
    assert len(epochs) == n_epochs - epoch


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
def test_a_checkpoint_with_invalid_numbers_is_corrupt(tiny_corpus, tmp_path, name, value):
    out = run_until(tiny_corpus, tmp_path / "out", after=3)
    file = out / "state" / "step-000000003" / checkpoints.METADATA_FILE
    metadata = json.loads(file.read_text())
    metadata["standing"][name] = value
    file.write_text(json.dumps(metadata))
    assert checkpoints.latest_checkpoint(out).progress.step == 2


def test_out_of_memory_is_a_clear_error_and_leaves_the_last_checkpoint_intact(tiny_corpus, tmp_path, monkeypatch):
    uninterrupted = run(tiny_corpus, tmp_path / "uninterrupted")
    forward, calls = MaskedLanguageModel.forward, iter(range(1000))

    def greedy(self, batch, *, dropout=None):
        if next(calls) == 3:
            torch.empty(1 << 50)  # a petabyte, for the allocator's real error
        return forward(self, batch, dropout=dropout)

    with monkeypatch.context() as patch:
        patch.setattr(MaskedLanguageModel, "forward", greedy)
        with pytest.raises(
            StudyError, match=r"out of memory with micro-batches of 65,536 tokens; .* --micro-batch-tokens 32768"
        ):
            run(tiny_corpus, tmp_path / "out")
    assert checkpoints.latest_checkpoint(tmp_path / "out").progress.step == 3
    assert run(tiny_corpus, tmp_path / "out", resume=True).curve == uninterrupted.curve


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full, a disk that is always full")
def test_a_really_full_disk_is_a_clear_error(tmp_path):
    (tmp_path / "state").mkdir()
    error = pytest.raises(StudyError, match="no space is left on the disk")
    with error, disk_errors(tmp_path, "wait"), open("/dev/full", "w") as stream:
        stream.write("x" * 100_000)


def test_a_full_disk_during_export_leaves_the_checkpoints_intact(tiny_corpus, tmp_path, monkeypatch):
    from blurbstudy.pretraining import export

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(export, "export_checkpoint", full)
        with pytest.raises(StudyError, match="cannot be written"):
            run(tiny_corpus, tmp_path / "out")
    assert checkpoints.latest_checkpoint(tmp_path / "out").progress.step == STEPS - 1
    assert not (tmp_path / "out" / "config.json").exists()
    assert run(tiny_corpus, tmp_path / "out", resume=True).step == STEPS


def test_a_diverged_gradient_leaves_the_last_checkpoint_intact(tiny_corpus, tmp_path):
    out = run_until(tiny_corpus, tmp_path / "out", after=3)
    checkpoint = checkpoints.latest_checkpoint(out)
    name = next(
        name for name in checkpoint.tensors if name.endswith("words.dense.weight") and name.startswith("weight")
    )
    checkpoint.tensors[name][:] = float("inf")
    checkpoints.save_checkpoint(out, checkpoints.Checkpoint(**(checkpoint.__dict__ | {"tensors": checkpoint.tensors})))
    with pytest.raises(StudyError, match="diverged at step 4 .*; use a learning_rate below 0.005"):
        run(tiny_corpus, out, resume=True)
    assert checkpoints.latest_checkpoint(out).progress.step == 3


def test_intermediate_encoders_have_a_model_card_that_says_so(tiny_corpus, tmp_path):
    from transformers import AutoModel

    done = run(tiny_corpus, tmp_path / "out", options=TrainingOptions(device="cpu", checkpoint_at=(500, 10**9)))
    assert os.listdir(tmp_path / "out" / "ladder") == ["tokens-500"]
    intermediate = tmp_path / "out" / "ladder" / "tokens-500"
    record = json.loads((intermediate / "pretraining.json").read_text())
    assert 500 <= record["tokens"] < done.tokens
    assert "the learning rate has not decayed yet" in (intermediate / "README.md").read_text()
    assert "the learning rate has not decayed yet" not in (tmp_path / "out" / "README.md").read_text()
    assert AutoModel.from_pretrained(intermediate).config.hidden_size == TINY["width"]


def test_intermediate_encoders_are_the_same_after_resuming(tiny_corpus, tmp_path):
    exports = {"device": "cpu", "checkpoint_at": (300, 1000), "save_every": 0.0}
    uninterrupted, out = tmp_path / "uninterrupted", tmp_path / "out"
    run(tiny_corpus, uninterrupted, options=TrainingOptions(**exports))
    run_until(tiny_corpus, out, after=4, options=TrainingOptions(**exports))
    assert os.listdir(out / "ladder") == ["tokens-300"]
    run(tiny_corpus, out, options=TrainingOptions(**exports, resume=True))
    for intermediate in ("tokens-300", "tokens-1000"):
        a, b = (load_file(folder / "ladder" / intermediate / "model.safetensors") for folder in (uninterrupted, out))
        assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_new_run_deletes_checkpoints_and_intermediate_encoders_of_an_earlier_one(tiny_corpus, tmp_path):
    out = run_until(
        tiny_corpus, tmp_path / "out", options=TrainingOptions(device="cpu", save_every=0.0, checkpoint_at=(500,))
    )
    with pytest.raises(Interrupted):
        run(tiny_corpus, out, seed=2, stop_after=2)
    assert sorted(os.listdir(out / "state")) == ["step-000000001", "step-000000002"]
    assert not (out / "ladder").exists()


def test_micro_batches_with_dropout_are_resumed_bit_for_bit(tiny_corpus, tmp_path):
    parts = {"device": "cpu", "micro_batch_tokens": 60, "save_every": 0.0}
    uninterrupted = run(tiny_corpus, tmp_path / "uninterrupted", options=TrainingOptions(**parts))
    run_until(tiny_corpus, tmp_path / "out", options=TrainingOptions(**parts))
    assert (
        run(tiny_corpus, tmp_path / "out", options=TrainingOptions(**parts, resume=True)).curve == uninterrupted.curve
    )
    undivided = run(tiny_corpus, tmp_path / "undivided")
    assert undivided.curve != uninterrupted.curve
    assert undivided.curve[-1]["word_loss"] == pytest.approx(uninterrupted.curve[-1]["word_loss"], rel=0.05)


def test_micro_batches_give_the_same_curve(tiny_corpus, tmp_path):
    uninterrupted = run(tiny_corpus, tmp_path / "uninterrupted", dropout=0.0)
    options = TrainingOptions(device="cpu", micro_batch_tokens=60)
    parts = run(tiny_corpus, tmp_path / "parts", dropout=0.0, options=options)
    for one, other in zip(uninterrupted.curve, parts.curve, strict=True):
        assert one == pytest.approx(other, rel=1e-5)


def test_bfloat16_learns_almost_as_well_as_float32(tiny_corpus, tmp_path):
    exact = run(tiny_corpus, tmp_path / "exact", dropout=0.0)
    rough = run(tiny_corpus, tmp_path / "rough", dropout=0.0, precision="bfloat16")
    assert rough.curve != exact.curve
    assert rough.curve[-1]["word_loss"] == pytest.approx(exact.curve[-1]["word_loss"], rel=0.02)
    assert all(tensor.dtype == torch.float32 for tensor in load_file(tmp_path / "rough" / "model.safetensors").values())


def test_the_requested_number_of_tokens_is_seen(tiny_corpus, tmp_path):
    done = run(tiny_corpus, tmp_path / "a", tokens=2500, batch_tokens=200, max_length=40)
    assert done.tokens + 40 >= 2500 and done.step == 13
    assert run(tiny_corpus, tmp_path / "b", tokens=2500).tokens == pytest.approx(2500, rel=0.2)


def test_including_test_text_changes_the_fingerprint(tiny_corpus):
    file = tiny_corpus / "corpus.jsonl"
    assert Corpus((file,)).fingerprint != Corpus((file,), include_test_text=True).fingerprint
