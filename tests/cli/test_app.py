"""The command line: one clear line for what a person can mend, JSON alone on stdout, and nothing done twice."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from blurbstudy.cli.app import expand_arguments
from blurbstudy.cli.notebook_options import notebook_parameters
from blurbstudy.config import SCALES, TRAINER_REVISION
from blurbstudy.store.run_store import RunStore
from blurbstudy.study.parameters import scale_parameters

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def finetune(command, tiny_encoder, tmp_path):
    """blurbstudy finetune on mini-BLURB's BIOSSES with one epoch."""
    (tmp_path / "recipe.yaml").write_text("epochs: 1\nmax_length: 48\nn_evaluations: 1\n")

    def run(*words, encoder=tiny_encoder):
        options = ["--data", "mini", "--recipe", "recipe.yaml", "--store", tmp_path / "store", "--device", "cpu"]
        return command("finetune", "--task", "BIOSSES", "--encoder", encoder, *options, *words)

    return run


def test_several_names_after_only_and_pairs_after_p_are_understood():
    given = ["run", "--only", "A", "B", "-p", "seeds", "3", "--only", "C", "-p", "x=1", "--data", "D"]
    assert expand_arguments(given) == [
        "run",
        "--only",
        "A",
        "--only",
        "B",
        "-p",
        "seeds=3",
        "--only",
        "C",
        "-p",
        "x=1",
        "--data",
        "D",
    ]


def test_an_option_that_lacks_its_value_is_left_for_the_usage_error(command):
    assert expand_arguments(["run", "--only"]) == ["run", "--only"]
    code, _, errors = command("run", "--only")
    assert code == 2 and "--only" in errors


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-p", "nonsense", "1"], "unknown parameter 'nonsense' (-p)"),
        (["-p", "evaluations", "2"], "-p evaluations: is now n_evaluations"),
        (["-p", "clip", "2"], "unknown parameter 'clip' (-p)"),  # a field of recipes, not a parameter
        (["-p", "seeds", "0"], "seeds=0: expected a number such as 5"),
        (
            ["-p", "learning_rate", "fast"],
            "learning_rate='fast': must be a valid number",
        ),
        (["-p", "tasks", "[BIOSSES, BIOSSES]"], "must list 'BIOSSES' only once"),
        (["-p", "seeds"], "-p"),
        (["--only", "09_unknown"], "notebook='09_unknown' is unknown; use 00_overview, 01_pretraining_ablation"),
        (["--scale", "huge"], "scale='huge' is unknown; use mini, small or paper"),
        (["-p", "scale", "small"], "-p scale small: cannot be set with -p; use --scale"),
        (
            ["--data", "mini", "-p", "encoders", "{BERT: null, ELECTRA: null}"],
            "no path is given for BERT, ELECTRA; give one",
        ),
    ],
)
def test_a_wrong_parameter_is_one_line_and_nothing_is_started(command, tmp_path, words, message):
    code, out, errors = command("run", *words)
    assert code == 2 and message in errors and "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_be_written_is_one_line(command, tmp_path):
    (tmp_path / "store").write_text("a file in the folder's place")
    code, _, errors = command("run", "--store", "store")
    assert code == 2 and len(errors.splitlines()) == 1 and "store" in errors and "name another" in errors


def test_a_number_in_scientific_notation_is_a_number(command, tmp_path):
    (tmp_path / "store").write_text("stops the run after its parameters were read")
    _, _, errors = command("run", "-p", "learning_rate", "5e-5", "--store", "store")
    assert "learning_rate" not in errors


def test_freezing_more_than_there_is_ends_in_one_line_and_the_report_shows_it(command, tmp_path, tiny_encoder):
    words = ["-p", "freeze", "14", "-p", "encoders", f"{{BERT: '{tiny_encoder}'}}", "-p", "tasks", "[BIOSSES]"]
    code, out, errors = command("run", "--only", "03_layer_adaptation", *words)
    assert code == 2
    assert errors.splitlines()[-1] == (
        "blurbstudy: 03_layer_adaptation: freeze=14 exceeds the encoder's 2 layers; use 0 to 2"
    )
    assert "freeze=14 exceeds" in (tmp_path / "report" / "mini" / "index.html").read_text()
    assert len(RunStore(tmp_path / "runs" / "mini")) == 0


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "100001"])
def test_minutes_that_are_none_are_refused_before_anything_starts(command, tmp_path, minutes):
    code, out, errors = command("run", "--minutes", minutes)
    assert (code, out) == (2, "") and "is out of bounds; use more than 0, at most 100000" in errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_run_that_the_clock_ends_reports_what_there_is_and_the_same_command_goes_on(command, tmp_path, tiny_encoder):
    words = ["run", "--only", "03_layer_adaptation", "-p", "encoders", f"{{BERT: '{tiny_encoder}'}}"]
    words += ["-p", "tasks", "[BIOSSES]", "-p", "seeds", "2", "-p", "freeze", "1", "-p", "reinit_layers", "1"]
    words += ["-p", "biosses_epochs", "1", "-p", "biosses_max_length", "48", "-p", "workers", "1"]
    code, out, errors = command(*words, "--minutes", "0.0001")
    last = errors.splitlines()[-1]
    found = re.fullmatch(r"blurbstudy: time limit reached; remaining: (\d+) runs. Run the same command to resume", last)
    assert code == 3 and out.startswith("report: report/mini/index.html\n") and "Traceback" not in errors
    page = (tmp_path / "report" / "mini" / "03_layer_adaptation.html").read_text()
    assert "not run" in page and len(RunStore("runs/mini")) == 0
    code, _, errors = command(*words, "--minutes", "60")
    assert code == 0 and "time limit" not in errors and len(RunStore("runs/mini")) == int(found[1]) > 0


@pytest.mark.slow
def test_a_pretraining_that_the_clock_ends_is_named_and_the_report_says_not_run(command, tmp_path, monkeypatch):
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path / "cache"))
    encoders = "{BERT: 'pretrain:bert@1', ELECTRA: 'pretrain:electra@1'}"  # those of seed 0 are shipped
    words = ["--only", "01_pretraining_ablation", "-p", "encoders", encoders, "-p", "brief_tokens", "0"]
    code, out, errors = command("run", *words, "-p", "tasks", "[BIOSSES, BioASQ]", "--minutes", "0.0001")
    assert code == 3 and out.startswith("report: report/mini/index.html\n") and "Traceback" not in errors
    assert errors.splitlines()[-1] == (
        "blurbstudy: time limit reached; remaining: the pretraining of BERT, ELECTRA and all runs with them. "
        "Run the same command to resume"
    )
    assert "not run" in (tmp_path / "report" / "mini" / "01_pretraining_ablation.html").read_text()
    assert not (tmp_path / "cache" / "encoders").exists()
    code, _, errors = command("report")
    assert code == 0 and "not run" in (tmp_path / "report" / "mini" / "01_pretraining_ablation.html").read_text()


def test_a_report_from_a_store_that_no_notebook_used_is_one_line(command):
    code, _, errors = command("report", "--store", "empty")
    assert code == 2 and "fill it first (blurbstudy run)" in errors


def test_a_report_from_a_store_of_an_earlier_version_is_one_line(command, store, make_record):
    store.put(make_record(1, test=[0.5, 1.5]))
    (record,) = store.folder.glob("runs/*/*.json")
    revision = f'"trainer_revision":{TRAINER_REVISION}'
    record.write_text(record.read_text().replace(revision, '"trainer_revision":2'))
    code, _, errors = command("report", "--store", str(store.folder))
    assert code == 2 and "its runs (1) are of another version of blurbstudy; train them again" in errors
    assert errors.count("\n") == 1


def test_a_report_rebuilds_the_same_tables_from_the_store_alone(tiny_study, tmp_path):
    """In another folder, with no data, no cache and no encoder at hand."""
    shutil.copytree(tiny_study / "store", tmp_path / "moved")
    environment = os.environ | {"BLURBSTUDY_CACHE": str(tmp_path / "no-cache"), "PYTHONPATH": str(PROJECT)}
    words = ["report", "--store", "moved", "--report", "again", "--only", "02_optimization_ablation"]
    command = [sys.executable, "-m", "blurbstudy.cli.app", *words]
    made = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    page = "02_optimization_ablation.html"
    assert tables(tmp_path / "again" / page) == tables(tiny_study / "report" / page)
    assert [folder.name for folder in (tmp_path / "no-cache").iterdir()] == ["store-index"]


def tables(page):
    html = page.read_text()
    found = html.split("<table>")[2:]  # after the parameters
    assert len(found) == 7  # Table 3, recipes, heads (2), differences, collapsed runs, agreement of seeds
    return [part.split("</table>")[0] for part in found]


@pytest.fixture
def remember(tmp_path):
    """Makes a store that says a notebook was executed with these values."""

    def put(values, *, stem="00_overview"):
        if values.get("scale") in SCALES:
            values = scale_parameters(values["scale"], stem) | values
        RunStore(tmp_path / "store").put_metadata("notebook", stem, values)

    return put


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scale": "../../outside"}, "scale='../../outside': must be 'mini'"),
        ({"seeds": 3}, "does not say at which scale 00_overview was executed"),
        ({"scale": "mini", "seeds": "0-2000000000"}, "expected a number such as 5"),
        ({"scale": ["mini"]}, "scale=['mini']: must be 'mini'"),
    ],
)
def test_a_report_from_a_store_that_remembers_nonsense_makes_nothing(command, tmp_path, remember, values, message):
    remember(values)
    code, out, errors = command("report", "--store", "store")
    assert code == 2 and out == "" and message in errors and len(errors.splitlines()) == 1
    assert "execute it again" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_report_of_a_torn_fact_is_one_line(command, tmp_path, remember):
    remember({"scale": "mini"})
    (fact,) = (tmp_path / "store").rglob("*.json")
    fact.write_text('{"a":1}')
    code, _, errors = command("report", "--store", "store")
    assert (
        code == 2 and len(errors.splitlines()) == 1 and str(fact.name) in errors and "delete it and run again" in errors
    )


def test_judging_the_claims_asks_for_no_encoder():
    assert notebook_parameters(scale="small", only=["08_claims"], overrides={})["08_claims"]["scale"] == "small"


def test_a_report_of_a_notebook_that_the_store_does_not_know_says_which_it_knows(command, remember):
    remember({"scale": "mini"}, stem="05_pruning")
    code, _, errors = command("report", "--store", "store", "--only", "03_layer_adaptation")
    assert code == 2 and "no execution of 03_layer_adaptation is stored here, only of 05_pruning" in errors


def test_a_report_of_an_unknown_scale_is_one_line(command, tmp_path):
    code, _, errors = command("report", "--scale", "../x")
    assert code == 2 and "scale='../x' is unknown" in errors and list(tmp_path.iterdir()) == []


def test_a_report_from_a_store_of_two_scales_asks_which(command, remember):
    remember({"scale": "mini"})
    remember({"scale": "small"}, stem="02_optimization_ablation")
    code, _, errors = command("report", "--store", "store")
    assert code == 2 and "scales mini and small; choose one with --scale" in errors
    code, _, errors = command("report", "--store", "store", "--scale", "paper")
    assert code == 2 and "none of --scale paper" in errors


def test_a_file_in_the_place_of_the_store_is_said_by_report(command, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, errors = command("report", "--store", "file")
    assert code == 2 and "file: is a file; name the folder of a run store" in errors


@pytest.mark.slow
def test_a_file_in_the_place_of_the_report_is_one_line(command, tmp_path, tiny_encoder):
    (tmp_path / "file").write_text("")
    words = ["-p", "encoders", f"{{BERT: '{tiny_encoder}'}}", "--only", "00_overview", "--report", "file"]
    code, _, errors = command("run", *words)
    last = errors.splitlines()[-1]
    assert code == 2 and "Traceback" not in errors
    assert last.startswith("blurbstudy: file") and "a file exists where a folder is needed" in last
    assert "--report" in last and "Finished runs are safe" in last


def test_a_full_disk_is_one_line_wherever_it_happens(command, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "report/index.html")

    monkeypatch.setattr("blurbstudy.cli.run.notebook_parameters", full)
    code, out, errors = command("run")
    assert (code, out) == (2, "")
    assert errors.startswith("blurbstudy: report/index.html: no space is left on the disk; free some space or name")


def test_ctrl_c_is_told_in_one_line_and_ends_with_130(finetune, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("blurbstudy.api.finetune.fine_tune", interrupted)
    code, out, errors = finetune()
    assert code == 130 and out == ""
    assert errors == "blurbstudy: interrupted; finished runs are kept. Run the same command to resume\n"


def test_finetune_prints_one_json_object_and_nothing_else(finetune):
    code, out, _ = finetune("--seeds", "1-2", "--json")
    result = json.loads(out)
    assert code == 0
    assert [run["seed"] for run in result["runs"]] == [1, 2]
    keys = {"seed", "dev", "test", "status", "status_reason", "loss_ratio", "seconds", "id"}
    assert all(set(run) == keys for run in result["runs"])
    summary = result["summary"]["test"]
    assert summary["n"] == summary["runs"] == 2 == sum(summary["statuses"].values())
    assert {"collapsed", "failed", "shown", "noncollapsed_mean", "noncollapsed_sd", "mixture_interval"} <= set(summary)
    assert summary["interval_over_seeds"] is None  # of two runs it would say nothing
    assert summary["mean"] == pytest.approx(sum(run["test"] for run in result["runs"]) / 2)


def test_finetune_a_second_time_trains_nothing(finetune):
    first = json.loads(finetune("--seeds", "1,2", "--json")[1])
    _, out, errors = finetune("--seeds", "1-2", "--json")
    again = json.loads(out)
    assert (first["trained"], first["reused"]) == (2, 0)
    assert (again["trained"], again["reused"]) == (0, 2)
    assert again["runs"] == first["runs"] and "nothing to train" in errors


def test_finetune_without_json_is_a_table_for_people(finetune):
    _, out, _ = finetune("--seeds", "1")
    assert out.splitlines()[0].startswith("BIOSSES (pearson, times 100), BERT, 2 layers")
    assert "\nstatus: " in out and "\ntest: mean " in out and "1 run trained" in out


def test_finetune_takes_a_roberta_to_pairs_and_to_words(finetune, tiny_roberta, tmp_path):
    out = finetune("--seeds", "1", encoder=tiny_roberta)[1]
    assert re.match(r"BIOSSES \(pearson, times 100\), RoBERTa, 2 layers, .*, one segment id$", out.splitlines()[0])
    (tmp_path / "recipe.yaml").write_text("epochs: 1\nmax_length: 48\nn_evaluations: 1\nsegment_ids: single\n")
    again = json.loads(finetune("--seeds", "1", "--json", encoder=tiny_roberta)[1])
    assert (again["trained"], again["reused"]) == (0, 1)  # it has one segment id in any case
    (tmp_path / "recipe.yaml").write_text("epochs: 0.1\nmax_length: 48\nn_evaluations: 1\n")
    code, out, _ = finetune("--task", "NCBI-disease", "--seeds", "1", "--json", encoder=tiny_roberta)
    (run,) = json.loads(out)["runs"]
    assert code == 0 and run["test"] is not None


def test_finetune_takes_an_encoder_of_transformers_own_and_says_that_it_is_slower(finetune, tiny_modernbert, tmp_path):
    code, out, errors = finetune("--seeds", "1-2", "--json", encoder=tiny_modernbert)
    found = json.loads(out)
    assert (code, found["trained"]) == (0, 2) and all(run["test"] is not None for run in found["runs"])
    assert errors.count("train one at a time") == 1 and "ModernBERT, 3 layers" in errors
    stabilized = (
        "epochs: 0.1\nmax_length: 48\nn_evaluations: 1\nstabilizers: {freeze: {layers: 1}, reinitialize: {layers: 1}}\n"
    )
    (tmp_path / "recipe.yaml").write_text(stabilized)
    code, out, _ = finetune("--task", "NCBI-disease", "--seeds", "1", "--json", encoder=tiny_modernbert)
    (run,) = json.loads(out)["runs"]
    assert code == 0 and run["test"] is not None
    out = finetune("--seeds", "1", encoder=tiny_modernbert)[1]
    assert re.match(
        r"BIOSSES .*, ModernBERT, 3 layers, width 16, .* parameters, one segment id, run by", out.splitlines()[0]
    )


def test_finetune_with_a_decoder_is_one_line(finetune, make_base, tmp_path):
    make_base("gpt2").save_pretrained(tmp_path / "gpt2")
    code, out, errors = finetune(encoder=tmp_path / "gpt2")
    assert (code, out) == (2, "") and "model_type 'gpt2' is no" in errors.splitlines()[-1]


def test_finetune_on_a_broken_file_names_file_and_line(command, mini_data, tmp_path, tiny_encoder):
    shutil.copytree(mini_data / "BIOSSES", tmp_path / "data" / "BIOSSES")
    path = tmp_path / "data" / "BIOSSES" / "train.tsv"
    lines = path.read_text().splitlines()
    lines[6] = lines[6].rsplit("\t", 1)[0]
    path.write_text("\n".join(lines) + "\n")
    code, out, errors = command("finetune", "--task", "BIOSSES", "--encoder", tiny_encoder, "--data", "data")
    assert code == 2 and out == "" and len(errors.splitlines()) == 1
    assert "train.tsv" in errors and "7" in errors


def test_finetune_with_an_encoder_without_weights_is_one_line(finetune, tiny_encoder, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copy(tiny_encoder / "config.json", empty)
    code, out, errors = finetune(encoder=empty)
    assert code == 2 and out == "" and len(errors.splitlines()) == 1 and str(empty) in errors


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--task", "STS"], "STS"), (["--seeds", "x"], "seeds='x'"), (["--recipe", "none.yaml"], "none.yaml")],
)
def test_finetune_refuses_what_it_does_not_know(finetune, words, message):
    code, out, errors = finetune(*words)
    assert code == 2 and out == "" and message in errors and "Traceback" not in errors


@pytest.mark.parametrize(("option", "new"), [("--out", "--store"), ("--keep-model", "--model-dir")])
def test_renamed_options_are_refused_with_their_new_name(finetune, option, new):
    for words in ([option, "x"], [f"{option}=x"]):
        assert finetune(*words) == (2, "", f"blurbstudy: finetune: {option} is now {new}\n")
