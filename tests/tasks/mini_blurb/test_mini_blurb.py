"""Mini-BLURB as a whole: same seed, same bytes; read by the readers of the real data; generated once."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import blurbstudy
from blurbstudy.errors import DataError
from blurbstudy.tasks import TASKS, get_task, read_task
from blurbstudy.tasks.mini_blurb import CORPUS, VERSION, generate_mini_blurb, mini_blurb_folder

# Of seed 0. Where a change of the generator is meant, raise VERSION and put the new hash here.
BYTES = "df4fa0f96f4db42f62d93abd32cbd7aea4f770a219f57329e7bb59e77352c076"


def sha256(folder):
    digest = hashlib.sha256()
    for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def in_other_processes(code, *arguments, hash_seeds):
    """Runs the code in one process per hash seed, at the same time."""
    root = str(Path(blurbstudy.__path__[0]).parent)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, *(argument.format(seed) for argument in arguments)],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": root},
        )
        for seed in hash_seeds
    ]
    assert [process.wait(timeout=120) for process in processes] == [0] * len(processes)


@pytest.fixture(scope="module")
def mini(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mini")
    generate_mini_blurb(folder, seed=0)
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_bytes_of_this_version_are_known(mini):
    assert sha256(mini) == BYTES


def test_the_same_seed_gives_the_same_bytes_in_any_process(mini, tmp_path):
    code = "import sys; from blurbstudy.tasks.mini_blurb import *; generate_mini_blurb(sys.argv[1], seed=0)"
    in_other_processes(code, str(tmp_path / "{}"), hash_seeds=("1", "2"))
    assert sha256(tmp_path / "1") == sha256(tmp_path / "2") == sha256(mini)


def test_another_seed_gives_another_world_of_the_same_sizes(mini, tmp_path):
    generate_mini_blurb(tmp_path, seed=7)
    for task in TASKS:
        here, there = read_task(task, mini), read_task(task, tmp_path)
        assert {s: len(v) for s, v in here.items()} == {s: len(v) for s, v in there.items()}
        assert not {e.texts for v in here.values() for e in v} & {e.texts for v in there.values() for e in v}


def test_the_readers_of_the_real_data_read_it(mini):
    sizes = {task.name: [len(examples) for examples in read_task(task, mini).values()] for task in TASKS}
    assert sizes == {"BIOSSES": [64, 16, 20], "PubMedQA": [120, 30, 100], "BioASQ": [130, 20, 60]}


def test_ids_and_texts_of_one_split_are_in_no_other(mini):
    for task in TASKS:
        examples = [e for split in read_task(task, mini).values() for e in split]
        assert len({e.id for e in examples}) == len({e.texts for e in examples}) == len(examples)


def test_labels_are_as_frequent_as_in_blurb(mini):
    labels = {
        name: Counter(e.label for e in read_task(get_task(name), mini)["test"]) for name in ("PubMedQA", "BioASQ")
    }
    assert labels == {"PubMedQA": {"yes": 55, "no": 34, "maybe": 11}, "BioASQ": {"yes": 48, "no": 12}}


def test_the_corpus_holds_abstracts_with_titles_and_sentences(mini):
    abstracts = [json.loads(line) for line in (mini / CORPUS).read_text(encoding="utf-8").splitlines()]
    assert 1500 <= len(abstracts) <= 3000 and len({a["id"] for a in abstracts}) == len(abstracts)
    assert all(set(a) == {"id", "title", "sentences"} and 5 <= len(a["sentences"]) <= 8 for a in abstracts)


def test_every_question_names_what_the_corpus_speaks_of(mini):
    words = set((mini / CORPUS).read_text(encoding="utf-8").lower().replace(".", " ").replace(",", " ").split())
    for task in TASKS:
        for e in read_task(task, mini)["test"]:
            names = [w for w in e.texts[0].lower().strip("?.").split() if w.endswith(("tinib", "mab", "itis", "emia"))]
            assert words.issuperset(names)


def test_it_is_generated_once_into_the_cache(cache):
    folder = mini_blurb_folder()
    assert folder == cache / f"mini-blurb-v{VERSION}-seed0" and sha256(folder) == BYTES
    before = folder.stat().st_mtime_ns
    assert mini_blurb_folder() == folder and folder.stat().st_mtime_ns == before
    assert mini_blurb_folder(3) != folder
    assert sorted(path.name for path in cache.iterdir()) == [f"mini-blurb-v{VERSION}-seed{seed}" for seed in (0, 3)]


def test_processes_that_race_for_the_cache_leave_one_whole_folder(cache):
    in_other_processes(
        "from blurbstudy.tasks.mini_blurb import *; mini_blurb_folder()", hash_seeds=("1", "2", "3")
    )  # fmt: skip
    assert [path.name for path in cache.iterdir()] == [f"mini-blurb-v{VERSION}-seed0"]
    assert sha256(mini_blurb_folder()) == BYTES


def test_a_generation_that_fails_leaves_nothing_and_says_where(cache, monkeypatch):
    cache.write_text("a file in the folder's place")
    with pytest.raises(DataError, match=r"mini-blurb-v\d+-seed0: mini-BLURB cannot be written .*BLURBSTUDY_CACHE"):
        mini_blurb_folder()
    cache.unlink()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("blurbstudy.tasks.mini_blurb.make_pairs", full)
    with pytest.raises(DataError, match="No space left on device"):
        mini_blurb_folder()
    assert not list(cache.iterdir())
