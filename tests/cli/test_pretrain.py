"""`blurbstudy pretrain`: killed and resumed, in two processes, interrupted, and its error messages."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.torch import load_file

from blurbstudy.cli.app import expand_arguments, main
from blurbstudy.cli.pretrain import _graceful_interrupt
from blurbstudy.errors import Interrupted
from blurbstudy.models import load_checkpoint
from blurbstudy.pretraining import Callbacks, TrainingOptions, get_objective, pretrain, pretraining_config

CONFIG = {
    "vocab_size": 150,
    "n_layers": 2,
    "width": 32,
    "n_heads": 2,
    "intermediate": 64,
    "max_positions": 48,
    "max_length": 40,
    "batch_size": 8,
    "steps": 40,
    "learning_rate": 5e-3,
    "held_out": 0.1,
    "n_evaluations": 4,
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """A JSONL file of 100 short documents, one of which is marked as test text."""
    rng = np.random.default_rng(0)
    file = tmp_path_factory.mktemp("text") / "corpus.jsonl"
    lines = []
    for number in range(100):
        sentences = [f"drug{rng.integers(9)} {verb} gene{rng.integers(9)}." for verb in ("binds", "blocks", "moves")]
        lines.append({"id": str(number), "sentences": sentences} | ({"blurb_test": ["GAD"]} if number == 50 else {}))
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


@pytest.fixture
def config(tmp_path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(CONFIG))
    return file


def arguments(corpus, config, out, *more: str) -> list[str]:
    args = ["--corpus", corpus, "--config", config, "--out", out, "--threads", 1, "--device", "cpu"]
    return ["pretrain", "--objective", "bert", *map(str, args), *more]


def run(*args, capsys) -> tuple[int, str, str]:
    """(exit code, stdout, stderr)."""
    code = 0
    try:
        main(list(args))
    except SystemExit as end:
        code = end.code or 0
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "blurbstudy", *args]


def weights(out: Path) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in load_file(out / "model.safetensors").items()}


def test_the_card_says_what_text_was_left_out(corpus, config, tmp_path, capsys):
    code, message, _ = run(*arguments(corpus, config, tmp_path / "out"), capsys=capsys)
    assert code == 0 and "tokens in" in message and "held-out MLM loss" in message
    card = (tmp_path / "out" / "README.md").read_text()
    assert "1 documents marked as text of a BLURB test set were left out" in card
    code, _, _ = run(*arguments(corpus, config, tmp_path / "all", "--include-test-text"), capsys=capsys)
    assert code == 0 and "BLURB test set were kept" in (tmp_path / "all" / "README.md").read_text()


def test_weights_are_split_into_files_of_the_requested_size(corpus, config, tmp_path, capsys):
    args = ["--checkpoint-at", "500", "--shard-size", "25K"]
    code, _, _ = run(*arguments(corpus, config, tmp_path / "many", *args), capsys=capsys)
    assert code == 0
    code, _, _ = run(*arguments(corpus, config, tmp_path / "one"), capsys=capsys)
    assert code == 0 and not (tmp_path / "one" / "model.safetensors.index.json").exists()
    for folder in (tmp_path / "many", tmp_path / "many" / "ladder" / "tokens-500"):
        sizes = [file.stat().st_size for file in folder.glob("model-*-of-*.safetensors")]
        assert len(sizes) > 1 and max(sizes) < 25_000 + 4_000 and not (folder / "model.safetensors").exists()
    many, one = (load_checkpoint(tmp_path / name) for name in ("many", "one"))
    assert all((many.weights[name] == one.weights[name]).all() for name in one.weights)
    assert many.fingerprint == one.fingerprint


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("0", "--shard-size '0' is not a number of bytes; use for example 15M"),
        ("15B", "--shard-size '15B' is not a number of bytes"),
    ],
)
def test_an_impossible_shard_size_is_an_error_before_the_first_step(corpus, config, tmp_path, capsys, size, message):
    code, _, output = run(*arguments(corpus, config, tmp_path / "out", "--shard-size", size), capsys=capsys)
    assert code == 2 and message in output and not (tmp_path / "out").exists()


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted(corpus, config, tmp_path, capsys):
    config.write_text(yaml.safe_dump(CONFIG | {"steps": 400}))
    assert run(*arguments(corpus, config, tmp_path / "uninterrupted"), capsys=capsys)[0] == 0
    args = arguments(corpus, config, tmp_path / "killed", "--save-every", "0")
    process = subprocess.Popen(command(*args), stderr=subprocess.DEVNULL)
    wait_for_a_checkpoint(tmp_path / "killed")
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL, "it finished before it could be killed"
    code, _, message = run(*args, capsys=capsys)
    assert code == 2 and "has an unfinished pretraining; continue with --resume" in message
    assert run(*args, "--resume", capsys=capsys)[0] == 0
    expected, actual = weights(tmp_path / "uninterrupted"), weights(tmp_path / "killed")
    assert all(np.array_equal(expected[name], actual[name]) for name in expected)
    code, message, _ = run(*args, "--resume", capsys=capsys)
    assert code == 0 and "already finished" in message


@pytest.mark.slow
def test_killed_before_the_first_checkpoint_the_run_starts_over(corpus, config, tmp_path, capsys):
    config.write_text(yaml.safe_dump(CONFIG | {"steps": 400, "n_evaluations": 400}))
    uninterrupted, killed = tmp_path / "uninterrupted", tmp_path / "killed"
    assert run(*arguments(corpus, config, uninterrupted), capsys=capsys)[0] == 0
    args = arguments(corpus, config, killed, "--save-every", "1e6", "--checkpoint-at", "300")
    process = subprocess.Popen(command(*args), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (killed / "curve.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL, "it finished before it could be killed"
    (killed / "ladder" / "tokens-7").mkdir(parents=True)  # of an earlier run
    code, _, message = run(*args, capsys=capsys)
    assert code == 2 and "has an unfinished pretraining; continue with --resume" in message
    code, _, message = run(*args, "--resume", capsys=capsys)
    assert code == 0 and "no intact checkpoint; starting from the beginning" in message
    assert all(np.array_equal(values, weights(killed)[name]) for name, values in weights(uninterrupted).items())
    assert os.listdir(killed / "ladder") == ["tokens-300"]
    assert not (killed / "curve.jsonl").exists() and not (killed / "state").exists()


def by_two_processes(*args: str) -> str:
    """Run the command in two processes and return their stdout."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command_line = [*torchrun, "blurbstudy", *args]
    done = subprocess.run(command_line, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_same_encoder(one: Path, two: Path) -> None:
    records = [json.loads((folder / "pretraining.json").read_text()) for folder in (one, two)]
    assert [record["environment"]["processes"] for record in records] == [1, 2]
    for point, other in zip(*(record["curve"] for record in records), strict=True):
        assert point == pytest.approx(other, rel=1e-4)
    for name, values in weights(one).items():
        np.testing.assert_allclose(weights(two)[name], values, atol=2e-4, err_msg=name)


@pytest.mark.slow
def test_two_processes_give_the_same_encoder_as_one(corpus, config, tmp_path, capsys):
    assert run(*arguments(corpus, config, tmp_path / "one"), capsys=capsys)[0] == 0
    message = by_two_processes(*arguments(corpus, config, tmp_path / "two", "--micro-batch-tokens", "100"))
    assert message.count("held-out MLM loss") == 1, "only the main process prints"
    assert_same_encoder(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
@pytest.mark.parametrize("held_out_sequences", [512, 1])
def test_two_processes_share_evaluation_batches_of_one_batch_or_one_sequence(
    corpus, config, tmp_path, capsys, held_out_sequences
):
    changes = {"batch_size": 64, "steps": 6, "n_evaluations": 2, "held_out_sequences": held_out_sequences}
    config.write_text(yaml.safe_dump(CONFIG | changes))
    assert run(*arguments(corpus, config, tmp_path / "one"), capsys=capsys)[0] == 0
    by_two_processes(*arguments(corpus, config, tmp_path / "two"))
    assert_same_encoder(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
def test_with_dropout_two_processes_equal_one_with_two_micro_batches(corpus, config, tmp_path, capsys):
    config.write_text(yaml.safe_dump(CONFIG | {"batch_tokens": 200, "dropout": 0.1}))
    parts = ("--micro-batch-tokens", "150")  # two of a step's 160 to 240
    assert run(*arguments(corpus, config, tmp_path / "one", *parts), capsys=capsys)[0] == 0
    by_two_processes(*arguments(corpus, config, tmp_path / "two", *parts))
    assert_same_encoder(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize("dropout", [0.1, 0.0])
def test_resuming_with_other_micro_batches_warns_if_there_is_dropout(corpus, config, tmp_path, capsys, dropout):
    config.write_text(yaml.safe_dump(CONFIG | {"dropout": dropout}))
    out, steps = tmp_path / "out", iter(range(100))
    with pytest.raises(Interrupted):
        pretrain(
            get_objective("bert"),
            pretraining_config(config),
            corpus=corpus,
            out=out,
            options=TrainingOptions(device="cpu", micro_batch_tokens=1000, save_every=0),
            callbacks=Callbacks(should_stop=lambda: next(steps) == 3),
        )
    code, _, message = run(*arguments(corpus, config, out, "--resume", "--micro-batch-tokens", "50"), capsys=capsys)
    assert code == 0
    assert ("started with micro_batch_tokens 1000; with 50, dropout masks differ" in message) == bool(dropout)


def test_ctrl_c_saves_a_checkpoint_and_says_how_to_resume(corpus, config, tmp_path, capsys):
    config.write_text(yaml.safe_dump(CONFIG | {"steps": 100_000, "n_evaluations": 1}))
    args = arguments(corpus, config, tmp_path / "out", "--save-every", "1")
    process = subprocess.Popen(command(*args), stderr=subprocess.PIPE, text=True)
    wait_for_a_checkpoint(tmp_path / "out")
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopping after this step; press Ctrl-C again to stop immediately" in message
    assert "checkpoint saved; the same command with --resume goes on" in message


def wait_for_a_checkpoint(out: Path) -> None:
    deadline = time.monotonic() + 120
    while not list((out / "state").glob("step-*")) and time.monotonic() < deadline:
        time.sleep(0.01)


def test_sigterm_stops_the_reading_of_the_corpus(config, tmp_path):
    long = tmp_path / "long.jsonl"
    long.write_text("".join(f'{{"sentences": ["Drug {n} binds.", "Gene {n} moves."]}}\n' for n in range(100_000)))
    args = arguments(long, config, tmp_path / "out")
    process = subprocess.Popen(command(*args), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "out" / "state").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped while reading the corpus" in message and "the same command with --resume goes on" in message
    assert not (tmp_path / "out").exists()


def test_a_second_ctrl_c_stops_immediately(tmp_path, capfd):
    before = signal.getsignal(signal.SIGINT)  # ignored where the tests run in the background
    output = pytest.raises(Interrupted, match="stopped immediately; the last checkpoint is intact")
    with output, _graceful_interrupt(tmp_path, verbose=True) as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop()
        os.kill(os.getpid(), signal.SIGINT)
    assert capfd.readouterr().err.count("stopping after this step") == 1
    assert signal.getsignal(signal.SIGINT) is before


def test_leftovers_of_a_process_killed_after_its_last_file_are_removed(corpus, config, tmp_path, capsys):
    out = tmp_path / "out"
    args = arguments(corpus, config, out)
    assert run(*args, capsys=capsys)[0] == 0
    before = sorted(os.listdir(out))
    (out / "state" / "step-000000039").mkdir(parents=True)
    (out / ".unfinished-killed").mkdir()
    code, message, _ = run(*args, "--resume", capsys=capsys)
    assert code == 0 and "already finished" in message
    assert sorted(os.listdir(out)) == before


def test_two_processes_cannot_write_to_one_folder(corpus, config, tmp_path, capsys):
    config.write_text(yaml.safe_dump(CONFIG | {"steps": 100_000, "n_evaluations": 1}))
    args = arguments(corpus, config, tmp_path / "out", "--save-every", "0")
    process = subprocess.Popen(command(*args), stderr=subprocess.DEVNULL)
    wait_for_a_checkpoint(tmp_path / "out")
    code, _, message = run(*args, "--resume", capsys=capsys)
    assert code == 2 and "another process is writing to this directory; name another --out" in message
    assert process.poll() is None
    process.kill()
    process.wait(30)


def test_an_intermediate_export_that_is_not_reached_is_reported(corpus, config, tmp_path, capsys):
    code, _, message = run(
        *arguments(corpus, config, tmp_path / "out", "--tokens", "2K", "--checkpoint-at", "1K,2K"), capsys=capsys
    )
    assert code == 2 and "cannot export after 2,000 tokens, because the run sees only about 2,000" in message
    assert not (tmp_path / "out").exists()
    code, _, message = run(*arguments(corpus, config, tmp_path / "out", "--checkpoint-at", "500,1B"), capsys=capsys)
    assert code == 0 and "--checkpoint-at 1000000000: not exported" in message and "--checkpoint-at 500:" not in message
    assert os.listdir(tmp_path / "out" / "ladder") == ["tokens-500"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--tokens", "many"), "--tokens 'many' is not a number of tokens; use for example 2000000, 2M or 1.5B"),
        (("--checkpoint-at", "1M,x"), "--checkpoint-at 'x' is not a number of tokens"),
        (("--precision", "half"), "precision='half' is unknown; use auto, float32 or bfloat16"),
        (("--vocabulary", "nowhere.txt"), "nowhere.txt: cannot be read as a vocabulary"),
        (("--seed", "-1"), "--seed -1 is out of bounds"),
    ],
)
def test_wrong_options_are_one_line_errors(corpus, config, tmp_path, capsys, more, message):
    code, _, output = run(*arguments(corpus, config, tmp_path / "out", *more), capsys=capsys)
    assert code == 2 and message in output and output.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_unknown_objective_or_configuration_is_an_error(corpus, config, tmp_path, capsys):
    args = arguments(corpus, config, tmp_path / "out")
    assert "use bert, no-nsp" in run(*[w if w != "bert" else "gpt" for w in args], capsys=capsys)[2]
    args = arguments(corpus, "enormous", tmp_path / "out")
    assert "neither a known configuration" in run(*args, capsys=capsys)[2]


def test_a_corrupt_line_of_the_corpus_is_an_error(config, corpus, tmp_path, capsys):
    corrupt = tmp_path / "corrupt.jsonl"
    corrupt.write_text(corpus.read_text() + '{"sentences": ["cut off\n')
    code, _, output = run(*arguments(corrupt, config, tmp_path / "out"), capsys=capsys)
    assert code == 2 and f"{corrupt}" in output and "101" in output and output.count("\n") == 1


def test_a_folder_with_other_files_is_left_unchanged(corpus, config, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("Chapter 1")
    code, _, output = run(*arguments(corpus, config, tmp_path / "out"), capsys=capsys)
    assert code == 2 and "is not empty and has no pretraining to resume" in output
    assert os.listdir(tmp_path / "out") == ["thesis.tex"]


def test_several_files_may_follow_one_corpus_option():
    assert expand_arguments(["pretrain", "--corpus", "a", "b", "--out", "c"]) == [
        "pretrain",
        "--corpus",
        "a",
        "--corpus",
        "b",
        "--out",
        "c",
    ]


@pytest.mark.parametrize(("old", "new"), [("--ladder", "--checkpoint-at"), ("--keep-test-text", "--include-test-text")])
def test_renamed_options_are_errors_that_give_the_new_name(capsys, old, new):
    for words in ([old, "1M"], [f"{old}=1M"]):
        code, _, errors = run("pretrain", *words, capsys=capsys)
        assert code == 2 and errors == f"blurbstudy: pretrain: {old} is now {new}\n"
