"""finetune and export write directories that transformers loads, and refuse unknown runs and occupied directories."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import transformers

from blurbstudy.inference.model_directory.directory import read_model_directory
from blurbstudy.paths import PROJECT
from blurbstudy.store.run_store import RunStore


@pytest.fixture
def finetune(command, tiny_encoder, tmp_path):
    """Run blurbstudy finetune on mini-BLURB's GAD with two seeds; returns exit code, result, stderr."""
    (tmp_path / "recipe.yaml").write_text("epochs: 0.5\nmax_length: 48\nn_evaluations: 1\n")

    def run(*words):
        options = ["--data", "mini", "--recipe", "recipe.yaml", "--store", "store", "--device", "cpu", "--json"]
        code, out, errors = command(
            "finetune", "--task", "GAD", "--encoder", tiny_encoder, "--seeds", "1-2", *options, *words
        )
        return code, json.loads(out) if out else None, errors

    return run


def test_the_best_run_becomes_a_directory_that_transformers_loads(finetune, command):
    code, result, errors = finetune()
    assert code == 0, errors
    folder = Path(result["model"])
    failed = ("diverged", "constant predictions", "not trained", "no better than trivial")
    best = max(result["runs"], key=lambda run: (run["status"] not in failed, run["dev"]))
    assert result["best"]["seed"] == best["seed"]
    assert folder == Path("store-models") / f"GAD-{best['id'][:8]}"
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    assert list(model.config.id2label.values()) == ["0", "1"]
    directory = read_model_directory(folder)
    assert directory.run["id"] == best["id"] and directory.run["generated"]
    assert f"| test, this model | {100 * best['test']:.2f} |" in (folder / "README.md").read_text()
    assert "Chosen by the user." in (folder / "README.md").read_text()
    assert str(Path.cwd()) not in (folder / "blurbstudy.json").read_text() + (folder / "README.md").read_text()

    code, again, errors = finetune()  # nothing is trained, and the model is replaced
    assert (code, again["trained"], again["model"]) == (0, 0, result["model"])


def test_without_its_weights_the_best_run_is_trained_again(finetune):
    _, result, _ = finetune("--no-model")
    assert result["model"] is None and not Path("store-models").exists()
    code, again, errors = finetune("--model-dir", "mine")
    assert (code, again["trained"], again["model"]) == (0, 0, "mine"), errors
    assert not [note for note in again["model_notes"] if "trained again" in note]


def test_an_occupied_model_directory_is_refused_before_training(finetune):
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("years")
    code, result, errors = finetune("--model-dir", "mine")
    assert (code, result) == (2, None) and "mine: is not empty; name another directory" in errors
    assert not Path("store").exists()
    code, result, errors = finetune("--model-dir", "mine", "--overwrite")
    assert code == 0 and not Path("mine/thesis.txt").exists() and Path("mine/config.json").is_file()


def test_finetune_does_not_replace_an_edited_model_card(finetune):
    _, result, _ = finetune()
    card = Path(result["model"]) / "README.md"
    card.write_text(card.read_text() + "Terms: for research only.")
    code, again, _ = finetune()
    assert (code, again["model"]) == (0, result["model"]) and "for research only" in card.read_text()
    assert any("was edited, so it is not replaced" in note for note in again["model_notes"])
    finetune("--overwrite")
    assert "for research only" not in card.read_text()


def test_runs_are_reported_if_the_model_cannot_be_written(finetune, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("blurbstudy.api.export_model.shutil.copytree", full)
    code, result, errors = finetune()
    assert code == 2 and len(result["runs"]) == 2 and result["model"] is None
    assert "the runs are complete, but no model was exported" in errors and "no space is left on the disk" in errors
    assert len(RunStore("store")) == 2


def test_a_run_is_exported_by_a_prefix_of_its_id(finetune, command):
    _, result, _ = finetune()
    run_id = next(run["id"] for run in result["runs"] if run["id"][:8] not in result["model"])
    words = ["export", run_id[:12], "--store", "store", "--to", "other"]
    code, _, errors = command(*words)
    assert code == 2 and f"blurbstudy export {run_id} --store store --to other --train" in errors
    code, out, errors = command(*words, "--train")
    assert (code, out) == (0, "model: other\n"), errors
    assert "the predictions equal those of the record" in errors
    assert read_model_directory("other").run["id"] == run_id
    assert "another seed may have a better dev score" in Path("other/README.md").read_text()

    program = "import sys; sys.modules['torch'] = None; from blurbstudy.cli.app import main; main()"
    words = [sys.executable, "-c", program, "export", run_id, "--store", "store", "--to", "no-torch"]
    done = subprocess.run(words, env=os.environ | {"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "model: no-torch\n"), done.stderr
    for file in Path("other").iterdir():  # the card names its directory
        same = Path("no-torch", file.name).read_bytes().replace(b"no-torch", b"other")
        assert same == file.read_bytes(), file.name


def test_export_refuses_unknown_runs_and_occupied_directories(finetune, command, tmp_path):
    code, out, errors = command("export", "abcd", "--store", "store", "--to", "x")
    assert (code, out) == (2, "") and "store: contains no runs" in errors
    _, result, _ = finetune("--no-model")
    for words, message in (
        (["zzzz"], "store: no run id starts with 'zzzz'"),
        ([""], "store: 2 run ids start with ''"),
    ):
        code, out, errors = command("export", *words, "--store", "store", "--to", "x")
        assert (code, out) == (2, "") and message in errors and len(errors.splitlines()) == 1
    shutil.copytree(result["encoder"]["given"], "taken")
    code, _, errors = command("export", result["runs"][0]["id"], "--store", "store", "--to", "taken", "--train")
    assert code == 2 and "taken: is not empty; name another directory, or pass --overwrite" in errors
