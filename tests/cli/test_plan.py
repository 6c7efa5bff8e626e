"""blurbstudy plan: it counts exactly the runs that the run then makes, tells a program in JSON, and trains nothing."""

import json

import pytest

from blurbstudy.engine.sources import dry_run
from blurbstudy.store.run_store import RunStore
from blurbstudy.tasks import read_task

STEM = "03_layer_adaptation"


@pytest.fixture
def command(command, tmp_path, monkeypatch):
    """As elsewhere, with a cache of its own."""
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path / "cache"))  # what is measured here is of tiny runs
    return command


@pytest.fixture
def given(tiny_encoder):
    """One notebook with few short runs."""
    pairs = {"encoders": f"{{BERT: '{tiny_encoder}'}}", "tasks": "[BIOSSES]", "seeds": "2", "workers": "1"}
    pairs |= {"biosses_epochs": "1", "biosses_max_length": "48", "freeze": "1", "combinations": "false"}
    return ["--only", STEM, "--store", "store", *(w for name, value in pairs.items() for w in ("-p", name, value))]


def test_the_plan_counts_the_runs_that_are_then_made_and_makes_none_itself(command, given, tmp_path):
    code, out, errors = command("plan", *given, "--json")
    plan = json.loads(out)
    assert code == 0 and errors == "" and not (tmp_path / "store").exists()
    assert plan["done"] == 0 and plan["missing"] == plan["runs"] > 4
    assert plan["seconds"] == pytest.approx(sum(one["seconds"] for one in plan["notebooks"])) and plan["seconds"] > 0
    (notebook,) = plan["notebooks"]
    assert notebook["notebook"] == STEM and notebook["to_train"] == plan["runs"] and notebook["process_bytes"] > 2**26

    assert command("run", *given)[0] == 0
    assert len(RunStore(tmp_path / "store")) == plan["runs"]

    code, out, errors = command("plan", *given, "--json")
    after = json.loads(out)
    assert (after["done"], after["missing"], after["notebooks"][0]["populations"]) == (plan["runs"], 0, 0)
    assert errors == "" and after["seconds"] == 0


def test_a_dataset_of_several_notebooks_is_read_once(command, given, monkeypatch):
    read = []
    monkeypatch.setattr(dry_run, "read_task", lambda task, folder: read.append(task.name) or read_task(task, folder))
    dry_run._sizes.cache_clear()
    encoders = given[given.index("-p") :][:3]
    notebooks = ("--only", STEM, "02_optimization_ablation")
    code, out, errors = command("plan", *notebooks, *encoders, "-p", "tasks", "[BIOSSES, PubMedQA]", "--json")
    assert code == 0, errors
    assert len(json.loads(out)["notebooks"]) == 2 and sorted(read) == ["BIOSSES", "PubMedQA"]


def test_the_table_tells_runs_memory_and_what_is_assumed(command, given):
    code, out, _ = command("plan", *given)
    assert code == 0 and out.startswith("notebook ") and "nothing else runs on this machine" in out
    assert [line.split()[0] for line in out.splitlines()[2:4]] == [STEM, "in"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--device", "tpu"], "device='tpu': must be 'auto', 'cpu' or 'cuda'"),
        (["--scale", "huge"], "huge"),
        (["--only", "no_such_notebook"], "no_such_notebook"),
        (["--store", "a_file"], "is a file; name the folder of a run store"),
    ],
)
def test_what_the_run_would_refuse_the_plan_refuses_in_one_line(command, tmp_path, words, message):
    (tmp_path / "a_file").write_text("")
    code, out, errors = command("plan", *words)
    assert code == 2 and out == "" and message in errors and len(errors.splitlines()) == 1
