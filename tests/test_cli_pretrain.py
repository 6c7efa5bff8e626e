"""`blurbstudy pretrain`: killed and resumed, shared by two processes, stopped by hand, and refused in clear words."""

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

from blurbstudy.cli import expand_arguments, main

CONFIG = {
    "vocab_size": 150, "n_layers": 2, "width": 32, "n_heads": 2, "intermediate": 64, "max_positions": 48,
    "max_length": 40, "batch_size": 8, "steps": 40, "learning_rate": 5e-3, "held_out": 0.1, "evaluations": 4,
}  # fmt: skip


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
    given = ["--corpus", corpus, "--config", config, "--out", out, "--threads", 1, "--device", "cpu"]
    return ["pretrain", "--objective", "bert", *map(str, given), *more]


def run(*given, capsys) -> tuple[int, str, str]:
    """(exit code, what was printed, what was told beside it)."""
    code = 0
    try:
        main(list(given))
    except SystemExit as end:
        code = end.code or 0
    told = capsys.readouterr()
    return code, told.out, told.err


def command(*given: str) -> list[str]:
    return [sys.executable, "-m", "blurbstudy", *given]


def weights(out: Path) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in load_file(out / "model.safetensors").items()}


def test_an_encoder_comes_out_with_a_card_that_says_what_text_was_left_out(corpus, config, tmp_path, capsys):
    code, said, _ = run(*arguments(corpus, config, tmp_path / "out"), capsys=capsys)
    assert code == 0 and "tokens in" in said and "held-out loss of masked words" in said
    card = (tmp_path / "out" / "README.md").read_text()
    assert "1 documents that are marked as text of a BLURB test set were left out" in card
    code, _, _ = run(*arguments(corpus, config, tmp_path / "all", "--keep-test-text"), capsys=capsys)
    assert code == 0 and "BLURB test set were kept" in (tmp_path / "all" / "README.md").read_text()


def test_killed_and_resumed_equals_undisturbed(corpus, config, tmp_path, capsys):
    config.write_text(yaml.safe_dump(CONFIG | {"steps": 400}))
    assert run(*arguments(corpus, config, tmp_path / "whole"), capsys=capsys)[0] == 0
    given = arguments(corpus, config, tmp_path / "killed", "--save-every", "0")
    process = subprocess.Popen(command(*given), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "killed" / "state").glob("step-*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL, "it was done before it could be killed"
    code, _, said = run(*given, capsys=capsys)
    assert code == 2 and "a pretraining was begun there; go on with --resume" in said
    assert run(*given, "--resume", capsys=capsys)[0] == 0
    whole, killed = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert all(np.array_equal(whole[name], killed[name]) for name in whole)
    code, said, _ = run(*given, "--resume", capsys=capsys)
    assert code == 0 and "is finished already" in said


def test_two_processes_give_what_one_gives(corpus, config, tmp_path, capsys):
    assert run(*arguments(corpus, config, tmp_path / "one"), capsys=capsys)[0] == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    given = arguments(corpus, config, tmp_path / "two", "--micro-batch-tokens", "100")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([*torchrun, "blurbstudy", *given], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("held-out loss") == 1, "one process speaks for both"
    records = [json.loads((tmp_path / name / "pretraining.json").read_text()) for name in ("one", "two")]
    assert [record["circumstances"]["processes"] for record in records] == [1, 2]
    for one, two in zip(*(record["curve"] for record in records), strict=True):
        assert one == pytest.approx(two, rel=1e-4)
    for name, values in weights(tmp_path / "one").items():
        np.testing.assert_allclose(weights(tmp_path / "two")[name], values, atol=2e-4, err_msg=name)


def test_a_stop_by_hand_keeps_a_state_and_says_how_to_go_on(corpus, config, tmp_path, capsys):
    config.write_text(yaml.safe_dump(CONFIG | {"steps": 100_000, "evaluations": 1}))
    given = arguments(corpus, config, tmp_path / "out", "--save-every", "1")
    process = subprocess.Popen(command(*given), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "out" / "state").glob("step-*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "a state is saved; the same command with --resume goes on" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--tokens", "many"), "--tokens 'many' is no number of tokens; use such as 2000000, 2M or 1.5B"),
        (("--ladder", "1M,x"), "--ladder 'x' is no number of tokens"),
        (("--precision", "half"), "precision='half' is unknown; use float32 or bfloat16"),
        (("--vocabulary", "nowhere.txt"), "nowhere.txt: cannot be read as a vocabulary"),
        (("--seed", "-1"), "--seed -1 is out of bounds"),
    ],
)
def test_wrong_options_are_refused_in_one_line(corpus, config, tmp_path, capsys, more, said):
    code, _, told = run(*arguments(corpus, config, tmp_path / "out", *more), capsys=capsys)
    assert code == 2 and said in told and told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_unknown_objective_or_configuration_is_refused(corpus, config, tmp_path, capsys):
    given = arguments(corpus, config, tmp_path / "out")
    assert "use bert or no-nsp" in run(*[w if w != "bert" else "gpt" for w in given], capsys=capsys)[2]
    given = arguments(corpus, "enormous", tmp_path / "out")
    assert "neither known nor a file" in run(*given, capsys=capsys)[2]


def test_a_corrupt_line_is_named(config, corpus, tmp_path, capsys):
    torn = tmp_path / "torn.jsonl"
    torn.write_text(corpus.read_text() + '{"sentences": ["cut off\n')
    code, _, told = run(*arguments(torn, config, tmp_path / "out"), capsys=capsys)
    assert code == 2 and f"{torn}" in told and "101" in told and told.count("\n") == 1


def test_a_folder_with_other_things_stays_as_it_is(corpus, config, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("Chapter 1")
    code, _, told = run(*arguments(corpus, config, tmp_path / "out"), capsys=capsys)
    assert code == 2 and "is not empty and holds no pretraining" in told
    assert os.listdir(tmp_path / "out") == ["thesis.tex"]


def test_several_files_may_follow_one_corpus_option():
    assert expand_arguments(["pretrain", "--corpus", "a", "b", "--out", "c"]) == [
        "pretrain", "--corpus", "a", "--corpus", "b", "--out", "c",
    ]  # fmt: skip
