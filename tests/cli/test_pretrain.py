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

from blurbstudy.cli.app import expand_arguments, main
from blurbstudy.cli.pretrain import _stopping
from blurbstudy.errors import Interrupted
from blurbstudy.models import load_checkpoint
from blurbstudy.pretraining import Conduct, get_objective, pretrain, pretraining_config

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


def test_weights_come_in_files_of_the_size_that_is_asked_for(corpus, config, tmp_path, capsys):
    given = ["--ladder", "500", "--shard-size", "25K"]
    code, _, _ = run(*arguments(corpus, config, tmp_path / "many", *given), capsys=capsys)
    assert code == 0
    code, _, _ = run(*arguments(corpus, config, tmp_path / "one"), capsys=capsys)
    assert code == 0 and not (tmp_path / "one" / "model.safetensors.index.json").exists()
    for folder in (tmp_path / "many", tmp_path / "many" / "ladder" / "tokens-500"):
        sizes = [file.stat().st_size for file in folder.glob("model-*-of-*.safetensors")]
        assert len(sizes) > 1 and max(sizes) <= 25_000 and not (folder / "model.safetensors").exists()
    many, one = (load_checkpoint(tmp_path / name) for name in ("many", "one"))
    assert all((many.weights[name] == one.weights[name]).all() for name in one.weights)
    assert many.fingerprint == one.fingerprint


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ("0", "--shard-size '0' is no number of bytes; use such as 15M"),
        ("15B", "--shard-size '15B' is no number of bytes"),
        ("12K", "a shard of 12,000 bytes cannot hold 'embeddings.word_embeddings.weight' of 11,776 bytes"),
    ],
)
def test_a_shard_size_that_cannot_be_is_refused_before_the_first_step(corpus, config, tmp_path, capsys, size, said):
    code, _, told = run(*arguments(corpus, config, tmp_path / "out", "--shard-size", size), capsys=capsys)
    assert code == 2 and said in told and not (tmp_path / "out").exists()


def test_killed_and_resumed_equals_undisturbed(corpus, config, tmp_path, capsys):
    config.write_text(yaml.safe_dump(CONFIG | {"steps": 400}))
    assert run(*arguments(corpus, config, tmp_path / "whole"), capsys=capsys)[0] == 0
    given = arguments(corpus, config, tmp_path / "killed", "--save-every", "0")
    process = subprocess.Popen(command(*given), stderr=subprocess.DEVNULL)
    wait_for_a_state(tmp_path / "killed")
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL, "it was done before it could be killed"
    code, _, said = run(*given, capsys=capsys)
    assert code == 2 and "a pretraining was begun there; go on with --resume" in said
    assert run(*given, "--resume", capsys=capsys)[0] == 0
    whole, killed = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert all(np.array_equal(whole[name], killed[name]) for name in whole)
    code, said, _ = run(*given, "--resume", capsys=capsys)
    assert code == 0 and "is finished already" in said


def test_killed_before_the_first_state_it_begins_anew(corpus, config, tmp_path, capsys):
    config.write_text(yaml.safe_dump(CONFIG | {"steps": 400, "evaluations": 400}))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run(*arguments(corpus, config, whole), capsys=capsys)[0] == 0
    given = arguments(corpus, config, killed, "--save-every", "1e6", "--ladder", "300")
    process = subprocess.Popen(command(*given), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (killed / "curve.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL, "it was done before it could be killed"
    (killed / "ladder" / "tokens-7").mkdir(parents=True)  # of the old begin
    code, _, said = run(*given, capsys=capsys)
    assert code == 2 and "a pretraining was begun there; go on with --resume" in said
    code, _, said = run(*given, "--resume", capsys=capsys)
    assert code == 0 and "holds no whole state; beginning anew" in said
    assert all(np.array_equal(values, weights(killed)[name]) for name, values in weights(whole).items())
    assert os.listdir(killed / "ladder") == ["tokens-300"]
    assert not (killed / "curve.jsonl").exists() and not (killed / "state").exists()


def by_two_processes(*given: str) -> str:
    """What torchrun's two print."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    whole = [*torchrun, "blurbstudy", *given]
    done = subprocess.run(whole, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_same_encoder(one: Path, two: Path) -> None:
    records = [json.loads((folder / "pretraining.json").read_text()) for folder in (one, two)]
    assert [record["circumstances"]["processes"] for record in records] == [1, 2]
    for point, other in zip(*(record["curve"] for record in records), strict=True):
        assert point == pytest.approx(other, rel=1e-4)
    for name, values in weights(one).items():
        np.testing.assert_allclose(weights(two)[name], values, atol=2e-4, err_msg=name)


def test_two_processes_give_what_one_gives(corpus, config, tmp_path, capsys):
    assert run(*arguments(corpus, config, tmp_path / "one"), capsys=capsys)[0] == 0
    said = by_two_processes(*arguments(corpus, config, tmp_path / "two", "--micro-batch-tokens", "100"))
    assert said.count("held-out loss") == 1, "one process speaks for both"
    assert_same_encoder(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize("held_out_sequences", [512, 1])
def test_two_processes_share_a_held_out_part_of_one_batch_or_of_one_sequence(
    corpus, config, tmp_path, capsys, held_out_sequences
):
    changes = {"batch_size": 64, "steps": 6, "evaluations": 2, "held_out_sequences": held_out_sequences}
    config.write_text(yaml.safe_dump(CONFIG | changes))
    assert run(*arguments(corpus, config, tmp_path / "one"), capsys=capsys)[0] == 0
    by_two_processes(*arguments(corpus, config, tmp_path / "two"))
    assert_same_encoder(tmp_path / "one", tmp_path / "two")


def test_with_dropout_two_processes_give_what_one_gives_in_two_parts(corpus, config, tmp_path, capsys):
    config.write_text(yaml.safe_dump(CONFIG | {"batch_tokens": 200, "dropout": 0.1}))
    parts = ("--micro-batch-tokens", "150")  # two of a step's 160 to 240
    assert run(*arguments(corpus, config, tmp_path / "one", *parts), capsys=capsys)[0] == 0
    by_two_processes(*arguments(corpus, config, tmp_path / "two", *parts))
    assert_same_encoder(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize("dropout", [0.1, 0.0])
def test_going_on_in_other_parts_is_told_where_dropout_draws_by_parts(corpus, config, tmp_path, capsys, dropout):
    config.write_text(yaml.safe_dump(CONFIG | {"dropout": dropout}))
    out, steps = tmp_path / "out", iter(range(100))
    with pytest.raises(Interrupted):
        pretrain(
            get_objective("bert"), pretraining_config(config), corpus=corpus, out=out, stop=lambda: next(steps) == 3,
            conduct=Conduct(device="cpu", micro_batch_tokens=1000, save_every=0),
        )  # fmt: skip
    code, _, said = run(*arguments(corpus, config, out, "--resume", "--micro-batch-tokens", "50"), capsys=capsys)
    assert code == 0
    assert ("begun with micro_batch_tokens 1000; with 50 dropout draws other numbers" in said) == bool(dropout)


def test_a_stop_by_hand_keeps_a_state_and_says_how_to_go_on(corpus, config, tmp_path, capsys):
    config.write_text(yaml.safe_dump(CONFIG | {"steps": 100_000, "evaluations": 1}))
    given = arguments(corpus, config, tmp_path / "out", "--save-every", "1")
    process = subprocess.Popen(command(*given), stderr=subprocess.PIPE, text=True)
    wait_for_a_state(tmp_path / "out")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopping after this step; Ctrl-C again ends at once" in said
    assert "a state is saved; the same command with --resume goes on" in said


def wait_for_a_state(out: Path) -> None:
    deadline = time.monotonic() + 120
    while not list((out / "state").glob("step-*")) and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_stop_by_hand_is_heard_while_the_corpus_is_read(config, tmp_path):
    long = tmp_path / "long.jsonl"
    long.write_text("".join(f'{{"sentences": ["Drug {n} binds.", "Gene {n} moves."]}}\n' for n in range(100_000)))
    given = arguments(long, config, tmp_path / "out")
    process = subprocess.Popen(command(*given), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "out" / "state").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped while the corpus was read" in said and "the same command with --resume goes on" in said
    assert not (tmp_path / "out").exists()


def test_a_second_stop_ends_at_once_and_says_how_to_go_on(tmp_path, capfd):
    told = pytest.raises(Interrupted, match="ended at once; the last saved state is kept")
    with told, _stopping(tmp_path, told=True) as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop()
        os.kill(os.getpid(), signal.SIGINT)
    assert capfd.readouterr().err.count("stopping after this step") == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_a_kill_after_the_last_file_left_is_cleared_away(corpus, config, tmp_path, capsys):
    out = tmp_path / "out"
    given = arguments(corpus, config, out)
    assert run(*given, capsys=capsys)[0] == 0
    before = sorted(os.listdir(out))
    (out / "state" / "step-000000039").mkdir(parents=True)
    (out / ".unfinished-killed").mkdir()
    code, said, _ = run(*given, "--resume", capsys=capsys)
    assert code == 0 and "is finished already" in said
    assert sorted(os.listdir(out)) == before


def test_two_at_once_do_not_write_to_one_folder(corpus, config, tmp_path, capsys):
    config.write_text(yaml.safe_dump(CONFIG | {"steps": 100_000, "evaluations": 1}))
    given = arguments(corpus, config, tmp_path / "out", "--save-every", "0")
    process = subprocess.Popen(command(*given), stderr=subprocess.DEVNULL)
    wait_for_a_state(tmp_path / "out")
    code, _, said = run(*given, "--resume", capsys=capsys)
    assert code == 2 and "another process is pretraining there; let it end, or name another --out" in said
    assert process.poll() is None
    process.kill()
    process.wait(30)


def test_a_rung_that_is_never_reached_is_refused_or_told(corpus, config, tmp_path, capsys):
    code, _, said = run(
        *arguments(corpus, config, tmp_path / "out", "--tokens", "2K", "--ladder", "1K,2K"), capsys=capsys
    )
    assert code == 2 and "the ladder has a rung of 2,000 tokens, but only about 2,000 are seen" in said
    assert not (tmp_path / "out").exists()
    code, _, said = run(*arguments(corpus, config, tmp_path / "out", "--ladder", "500,1B"), capsys=capsys)
    assert code == 0 and "--ladder 1000000000: not published" in said and "--ladder 500:" not in said
    assert os.listdir(tmp_path / "out" / "ladder") == ["tokens-500"]


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
