"""From finetune and export to a directory that transformers loads; wrong words are one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import transformers

from blurbstudy.inference.model_directory.directory import read_model_directory
from blurbstudy.store.run_store import RunStore


@pytest.fixture
def finetune(command, tiny_encoder, tmp_path):
    """blurbstudy finetune on mini-BLURB's GAD, two seeds; -> exit code, what it found, stderr."""
    (tmp_path / "recipe.yaml").write_text("epochs: 0.5\nmax_length: 48\nevaluations: 1\n")

    def run(*words):
        options = ["--data", "mini", "--recipe", "recipe.yaml", "--out", "store", "--device", "cpu", "--json"]
        told = ["--task", "GAD", "--encoder", tiny_encoder, "--seeds", "1-2", *options]
        code, out, errors = command("finetune", *told, *words)
        return code, json.loads(out) if out else None, errors

    return run


def test_the_best_run_becomes_a_directory_that_transformers_loads(finetune, command):
    code, found, errors = finetune()
    assert code == 0, errors
    folder = Path(found["model"])
    best = max(found["runs"], key=lambda run: (not run["failed"], run["dev"]))
    assert folder == Path("store-models") / f"GAD-{best['id'][:8]}"
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    assert list(model.config.id2label.values()) == ["0", "1"]
    directory = read_model_directory(folder)
    assert directory.run["id"] == best["id"] and directory.run["generated"]
    assert f"| test, this model | {100 * best['test']:.2f} |" in (folder / "README.md").read_text()
    assert "As it was given by whoever trained it" in (folder / "README.md").read_text()
    assert str(Path.cwd()) not in (folder / "blurbstudy.json").read_text() + (folder / "README.md").read_text()

    code, again, errors = finetune()  # nothing is trained, the same model stands there
    assert (code, again["trained"], again["model"]) == (0, 0, found["model"])


def test_without_its_weights_the_best_run_is_trained_again(finetune):
    _, found, _ = finetune("--no-model")
    assert found["model"] is None and not Path("store-models").exists()
    code, again, errors = finetune("--keep-model", "mine")
    assert (code, again["trained"], again["model"]) == (0, 0, "mine"), errors
    assert not [note for note in again["model_notes"] if "trained again" in note]


def test_a_folder_with_something_else_in_it_is_refused_before_anything_is_trained(finetune):
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("years")
    code, found, errors = finetune("--keep-model", "mine")
    assert (code, found) == (2, None) and "mine: is not empty and stays as it is" in errors
    assert not Path("store").exists()


def test_runs_are_kept_and_told_where_the_model_cannot_be_written(finetune, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("blurbstudy.api.export_model.shutil.copytree", full)
    code, found, errors = finetune()
    assert code == 2 and len(found["runs"]) == 2 and found["model"] is None
    assert "the runs are done, but no model was written" in errors and "no space is left on the disk" in errors
    assert len(RunStore("store")) == 2


def test_any_run_is_exported_by_the_beginning_of_its_id(finetune, command):
    _, found, _ = finetune()
    run_id = next(run["id"] for run in found["runs"] if run["id"][:8] not in found["model"])
    words = ["export", run_id[:12], "--store", "store", "--to", "other"]
    code, _, errors = command(*words)
    assert code == 2 and f"blurbstudy export {run_id} --store store --to other --train" in errors
    code, out, errors = command(*words, "--train")
    assert (code, out) == (0, "model: other\n"), errors
    assert "the predictions are those of the record" in errors
    assert read_model_directory("other").run["id"] == run_id
    assert "another seed may be better by dev" in Path("other/README.md").read_text()


def test_export_refuses_what_it_does_not_know(finetune, command, tmp_path):
    code, out, errors = command("export", "abcd", "--store", "store", "--to", "x")
    assert (code, out) == (2, "") and "store: holds no runs" in errors
    _, found, _ = finetune("--no-model")
    for words, said in (
        (["zzzz"], "has no run 'zzzz'"),
        ([found["runs"][0]["id"][:2]], "give more of its id"),
    ):
        code, out, errors = command("export", *words, "--store", "store", "--to", "x")
        assert (code, out) == (2, "") and said in errors and len(errors.splitlines()) == 1
    shutil.copytree(found["encoder"]["given"], "taken")
    code, _, errors = command("export", found["runs"][0]["id"], "--store", "store", "--to", "taken", "--train")
    assert code == 2 and "taken: is not empty and stays as it is" in errors
