"""Mini-BLURB as a whole: same seed, same bytes; read by the readers of the real data; generated once."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import blurbstudy
from blurbstudy.errors import DiskError
from blurbstudy.tasks import TASKS, read_task
from blurbstudy.tasks.mini_blurb import CORPUS, VERSION, generate_mini_blurb, mini_blurb_folder

# Of seed 0, by folder or file. Where a change of the generator is meant, raise VERSION and put the new ones here.
BYTES = {
    "README.md": "51a52f86bd27",
    "corpus.jsonl": "081a45007fbc",
    "BIOSSES": "965818c8b6d0",
    "PubMedQA": "bbbfa1c1c18b",
    "BioASQ": "bc24c553380d",
    "BC2GM": "f849d54c264d",
    "BC5CDR-chem": "38ba7c1c9815",
    "BC5CDR-disease": "bce85247351d",
    "ChemProt": "27b4dfb09d74",
    "DDI": "fd783924804d",
    "EBM-PICO": "a43f5f6196fd",
    "GAD": "5dd1e4c45af6",
    "HoC": "9d24fefe5d0a",
    "JNLPBA": "f3d8630f248d",
    "NCBI-disease": "380b38ab21e2",
}


def sha256(folder):
    digest = hashlib.sha256()
    for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def short_hash(path):
    """12 hexadecimal digits over a file's bytes, or over a folder's names and bytes."""
    return (sha256(path) if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest())[:12]


def in_other_processes(code, *arguments, hash_seeds):
    """Runs the code in one process per hash seed, at equal texts time."""
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


@pytest.fixture(scope="module")
def examples(mini):
    """Task name -> split -> examples."""
    return {task.name: read_task(task, mini) for task in TASKS}


def test_the_bytes_of_this_version_are_known(mini):
    assert {path.name: short_hash(path) for path in mini.iterdir()} == BYTES


def test_every_dataset_of_blurb_is_there(mini):
    assert {path.name for path in mini.iterdir()} == {task.folder for task in TASKS} | {CORPUS, "README.md"}


def test_the_same_seed_gives_the_same_bytes_in_any_process(mini, tmp_path):
    code = "import sys; from blurbstudy.tasks.mini_blurb import *; generate_mini_blurb(sys.argv[1], seed=0)"
    in_other_processes(code, str(tmp_path / "{}"), hash_seeds=("1", "2"))
    assert sha256(tmp_path / "1") == sha256(tmp_path / "2") == sha256(mini)


def test_another_seed_gives_another_world_of_the_same_sizes(examples, tmp_path):
    generate_mini_blurb(tmp_path, seed=7)
    for task in TASKS:
        here, there = examples[task.name], read_task(task, tmp_path)
        assert {s: len(v) for s, v in here.items()} == {s: len(v) for s, v in there.items()}
        texts = {e.texts for v in here.values() for e in v}
        # Sentences without names, or with both of them masked, may be equal texts.
        assert len(texts & {e.texts for v in there.values() for e in v}) < 0.05 * len(texts)


def test_the_readers_of_the_real_data_read_it(examples):
    sizes = {name: tuple(len(found) for found in splits.values()) for name, splits in examples.items()}
    assert sizes == {
        "BC5-chem": (300, 150, 250),
        "BC5-disease": (300, 150, 250),
        "NCBI-disease": (360, 80, 150),
        "BC2GM": (600, 120, 240),
        "JNLPBA": (630, 90, 198),
        "EBM PICO": (680, 170, 170),
        "ChemProt": (700, 200, 300),
        "DDI": (800, 150, 300),
        "GAD": (500, 80, 150),
        "BIOSSES": (64, 150, 300),
        "HoC": (180, 40, 80),
        "PubMedQA": (120, 150, 250),
        "BioASQ": (130, 150, 300),
    }


def test_units_are_documents_where_the_files_tell_them(examples):
    units = {name: [len({e.unit for e in found}) for found in splits.values()] for name, splits in examples.items()}
    assert units["JNLPBA"] == [105, 15, 33] and units["EBM PICO"] == [80, 20, 20]
    for name in ("ChemProt", "DDI"):
        assert all(2 * n < len(found) for n, found in zip(units[name], examples[name].values(), strict=True))


def test_no_text_stands_twice_in_a_dataset(examples):
    for splits in examples.values():
        texts = [e.texts for found in splits.values() for e in found]
        assert len(set(texts)) == len(texts)


def test_documents_and_questions_are_in_one_split_only(examples):
    for task in TASKS:
        if task.unit in ("document", "question", "pair"):
            units = [{e.unit for e in found} for found in examples[task.name].values()]
            assert len(set.union(*units)) == sum(map(len, units))


def test_no_sentence_of_the_corpus_is_asked_about(mini, examples):
    def bare(text):
        return re.sub(r"\s", "", text)

    abstracts = [json.loads(line) for line in (mini / CORPUS).read_text(encoding="utf-8").splitlines()]
    corpus = {bare(sentence) for abstract in abstracts for sentence in abstract["sentences"]}
    for task in TASKS:
        if task.output == "token_labels":
            asked = [" ".join(e.texts) for found in examples[task.name].values() for e in found]
            assert not corpus.intersection(map(bare, asked))
    rows = [line.split("\t") for line in (mini / "HoC" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    assert not corpus.intersection(bare(text) for _, text, _ in rows)


def test_texts_fit_into_a_tiny_encoder(examples):
    for name, splits in examples.items():
        lengths = [len(" ".join(e.texts).split()) for found in splits.values() for e in found]
        assert max(lengths) <= (100 if name in ("HoC", "PubMedQA", "BioASQ") else 40)


def test_answers_are_as_frequent_as_in_pubmedqa_and_more_even_than_in_bioasq(examples):
    labels = {name: Counter(e.label for e in examples[name]["test"]) for name in ("PubMedQA", "BioASQ")}
    assert labels == {"PubMedQA": {"yes": 137, "no": 85, "maybe": 28}, "BioASQ": {"yes": 180, "no": 120}}


def test_mentions_are_as_frequent_as_in_blurb_within_a_factor(examples):
    # Tenths of the words that begin a mention in BLURB's train splits; the sentences here are half as long.
    real = {"BC5-chem": 0.44, "BC5-disease": 0.35, "NCBI-disease": 0.38, "BC2GM": 0.43, "JNLPBA": 1.05}
    for name, tenths in real.items():
        tags = [tag for splits in examples[name].values() for e in splits for tag in e.label.split()]
        assert 1 < 10 * tags.count("B") / len(tags) / tenths < 2.2


def test_the_corpus_holds_abstracts_with_titles_and_sentences(mini):
    abstracts = [json.loads(line) for line in (mini / CORPUS).read_text(encoding="utf-8").splitlines()]
    assert 1500 <= len(abstracts) <= 3000 and len({a["id"] for a in abstracts}) == len(abstracts)
    assert all(set(a) == {"id", "title", "sentences"} and 5 <= len(a["sentences"]) <= 8 for a in abstracts)


def test_every_question_names_what_the_corpus_speaks_of(mini, examples):
    words = set((mini / CORPUS).read_text(encoding="utf-8").lower().replace(".", " ").replace(",", " ").split())
    asked = [e.texts[0] for name in ("PubMedQA", "BioASQ") for e in examples[name]["test"]]
    for question in asked:
        names = [w for w in question.lower().strip("?.").split() if w.endswith(("tinib", "mab", "itis", "emia"))]
        assert words.issuperset(names)


def test_it_is_generated_once_into_the_cache(mini, cache):
    folder = mini_blurb_folder()
    assert folder == cache / f"mini-blurb-v{VERSION}-seed0" and sha256(folder) == sha256(mini)
    before = folder.stat().st_mtime_ns
    assert mini_blurb_folder() == folder and folder.stat().st_mtime_ns == before
    assert mini_blurb_folder(3) != folder
    folders = sorted(path.name for path in cache.iterdir() if path.is_dir())
    assert folders == [f"mini-blurb-v{VERSION}-seed{seed}" for seed in (0, 3)]


def test_processes_that_race_for_the_cache_leave_one_whole_folder(mini, cache):
    in_other_processes("from blurbstudy.tasks.mini_blurb import *; mini_blurb_folder()", hash_seeds=("1", "2", "3"))
    assert [path.name for path in cache.iterdir() if path.is_dir()] == [f"mini-blurb-v{VERSION}-seed0"]
    assert sha256(mini_blurb_folder()) == sha256(mini)


def test_a_generation_that_fails_leaves_nothing_and_says_where(cache, monkeypatch):
    cache.write_text("a file in the folder's place")
    with pytest.raises(DiskError, match=r"mini-blurb-v\d+-seed0: cannot be written: .*BLURBSTUDY_CACHE"):
        mini_blurb_folder()
    cache.unlink()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("blurbstudy.tasks.mini_blurb.make_pairs", full)
    with pytest.raises(DiskError, match="no space is left on the disk"):
        mini_blurb_folder()
    assert [path.suffix for path in cache.iterdir()] == [".lock"]
