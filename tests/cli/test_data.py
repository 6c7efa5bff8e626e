"""`blurbstudy data`: the table of datasets, the check's exit codes, and what a download says before and after."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from typer.testing import CliRunner

from blurbstudy import paths
from blurbstudy.cli import data as cli_data
from blurbstudy.cli.data import MAX_WIDTH, data_app
from blurbstudy.errors import StudyError
from blurbstudy.tasks import TASKS, get_task
from blurbstudy.tasks.download import download
from blurbstudy.tasks.download import verify as check
from blurbstudy.tasks.download.manifest import DataFile, DatasetSource


def data(*words):
    return CliRunner().invoke(data_app, [str(word) for word in words])


def test_the_list_names_all_datasets_and_fits_a_terminal():
    lines = data("list").stdout.splitlines()
    for task in TASKS:
        (row,) = (line for line in lines if line.startswith(f"{task.name} "))
        for fact in (task.task_type, task.group, task.metric, *map(str, task.sizes.values())):
            assert fact in row
    text = " ".join(" ".join(lines).split())
    assert all(task.terms in text and task.source in text for task in TASKS)
    assert max(map(len, lines)) <= MAX_WIDTH


def test_the_list_of_one_dataset_tells_its_files_and_how_to_place_them():
    said = " ".join(data("list", "--task", "ebm-pico").stdout.split())
    assert "train_partial.tsv: 1,932,792 bytes, rebuilt from" in said
    assert "by hand: put train.tsv, dev.tsv, test.tsv" in said
    assert "BIOSSES" not in said


def test_the_list_as_json_holds_every_fact():
    listed = json.loads(data("list", "--json").stdout)["datasets"]
    assert [one["name"] for one in listed] == [task.name for task in TASKS]
    assert [one["sizes"] for one in listed] == [dict(task.sizes) for task in TASKS]
    assert all(len(file["sha256"]) == 64 for one in listed for file in one["files"].values())


def test_generated_data_pass_the_check_and_it_says_that_nothing_is_compared():
    done = data("check", "--data", "mini")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "are not compared" in done.stdout
    assert [line.split("  ")[0] for line in done.stdout.splitlines()[3:16]] == [task.name for task in TASKS]


def test_the_check_prints_the_whole_table_and_then_every_problem(tmp_path):
    for task in TASKS:
        (tmp_path / task.folder).mkdir()
    done = data("check", "--data", tmp_path)
    assert done.exit_code == 2
    assert done.stdout.count("DAMAGED") == len(TASKS)
    problems = [problem.split(":")[1].strip() for problem in done.stderr.splitlines()]
    assert list(dict.fromkeys(problems)) == [task.name for task in TASKS]


def test_a_folder_without_datasets_is_one_line(tmp_path):
    done = data("check", "--data", tmp_path)
    assert (str(done.exception), done.stdout) == (
        f"no BLURB dataset in {tmp_path}; expected folders {', '.join(task.folder for task in TASKS)}, or one of them",
        "",
    )


def test_absent_datasets_are_named_in_one_line_and_the_present_ones_listed(tmp_path, mini_data):
    shutil.copytree(mini_data / "GAD", tmp_path / "GAD")
    done = data("check", "--data", tmp_path, "--task", "GAD", "--task", "HoC", "--task", "BIOSSES")
    absent = f"not in {tmp_path}: BIOSSES, HoC; get them (blurbstudy data download --to {tmp_path})"
    assert done.exit_code == 2 and done.stderr.splitlines()[-1] == f"blurbstudy: {absent}"
    rows = [line.split()[0] for line in done.stdout.splitlines()[3:] if line]
    assert rows[0] == "GAD" and not {"HoC", "BIOSSES"} & set(rows) and absent not in done.stdout


def test_the_check_fails_on_another_text_and_passes_it_where_it_is_allowed(tmp_path, monkeypatch):
    known = {}
    task = replace(get_task("GAD"), sizes=dict.fromkeys(("train", "dev", "test"), 1))
    (tmp_path / "GAD").mkdir()
    for i, name in enumerate(task.files.values()):
        text = f"index\tsentence\tlabel\n{i}\tZorvane and GRV1.\t0\n"
        digest = hashlib.sha256(text.encode()).hexdigest()
        known[name] = DataFile(name=name, size=len(text), sha256=digest, repository="a/b", commit="0" * 40, path=name)
        (tmp_path / "GAD" / name).write_text(text, newline="")
    monkeypatch.setattr(check, "load_manifest", lambda: {"GAD": DatasetSource(files=known)})
    monkeypatch.setattr(cli_data, "_tasks", lambda names: [task])
    assert data("check", "--data", tmp_path).exit_code == 0
    path = tmp_path / "GAD" / "test.tsv"
    path.write_text(path.read_text().replace("\t0\n", "\t1\n"))
    done = data("check", "--data", tmp_path)
    (line,) = done.stderr.splitlines()
    assert done.exit_code == 2 and "different text" in done.stdout
    assert line.startswith("blurbstudy: GAD: ") and "differs from the public file" in line
    done = data("check", "--data", tmp_path, "--allow-other-text")
    assert (done.exit_code, done.stderr) == (0, "") and "--allow-other-text" in " ".join(done.stdout.split())


def test_a_check_of_some_datasets_leaves_the_others_alone(tmp_path):
    for name in ("GAD", "HoC", "DDI"):
        (tmp_path / name).mkdir()
    done = data("check", "--data", tmp_path, "--task", "GAD", "--task", "hoc", "--json")
    assert done.exit_code == 2
    assert [one["task"] for one in json.loads(done.stdout)["tasks"]] == ["GAD", "HoC"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "--data", "/none"], "no such folder"),
        (["check", "--data", "mini", "--task", "GLUE"], "unknown"),
        (["download", "--to", "x", "--mirror", "file:///tmp"], "expected an http or https address"),
        (["download", "--to", "x", "--mirror", "http://h:abc"], "expected an http or https address"),
        (["download", "--to", "/dev/null/x", "--task", "GAD"], "not a folder.*--to"),
        (["download", "--to", "x", "--task", "DDI"], "CC BY-NC 4.0.*--accept-terms"),
        (["download", "--to", "x"], "ChemProt: registration.*DDI.*BioASQ: registration"),
    ],
)
def test_what_a_person_can_mend_is_a_study_error(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = data(*words)
    assert isinstance(done.exception, StudyError)
    with pytest.raises(StudyError, match=said):
        raise done.exception
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_check_without_a_folder_says_how_to_name_one(monkeypatch):
    monkeypatch.delenv(paths.DATA_ENV, raising=False)
    assert paths.DATA_ENV in str(data("check").exception)


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A web server with the three files of an invented DDI; (address, its folder)."""
    facts = {"repository": "someone/somewhere", "commit": "0123456789" * 4}
    files = {}
    for split in ("train", "dev", "test"):
        content = f"invented {split}".encode()
        path = tmp_path / "web" / facts["repository"] / facts["commit"] / f"{split}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        files[path.name] = DataFile(name=path.name, size=len(content), sha256=digest, path=path.name, **facts)
    known = {"DDI": DatasetSource(files=files, required_terms="no commercial use")}
    monkeypatch.setattr(download, "load_manifest", lambda: known)
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "web")) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", path.parent
        server.shutdown()
        thread.join()


def test_a_download_says_what_it_did_and_a_second_one_does_nothing(mirror, tmp_path):
    words = ("download", "--to", tmp_path / "blurb", "--task", "DDI", "--accept-terms", "--mirror", mirror[0])
    done = data(*words)
    assert done.exit_code == 0, done.output
    assert done.stdout.count("sha256 verified") == 3
    assert get_task("DDI").terms in done.stdout
    assert (tmp_path / "blurb" / "DDI" / "dev.tsv").read_bytes() == b"invented dev"
    assert "nothing to download" in data(*words).stdout


def test_a_download_that_fails_says_so_on_one_line_and_exits_with_2(mirror, tmp_path):
    (mirror[1] / "dev.tsv").unlink()
    done = data("download", "--to", tmp_path / "blurb", "--task", "DDI", "--accept-terms", "--mirror", mirror[0] + "/")
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("blurbstudy: DDI: ") and "404" in line and "by hand" in line
