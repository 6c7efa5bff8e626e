"""Checking a data folder: every damage is told, known differences are no damage, generated data are not compared."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from types import MappingProxyType

import pytest

from blurbstudy import paths
from blurbstudy.errors import DataError
from blurbstudy.tasks import TASKS, get_task
from blurbstudy.tasks.download.manifest import DataFile, DatasetSource
from blurbstudy.tasks.download.verify import check_data, is_generated

BIOSSES = replace(get_task("BIOSSES"), sizes={"train": 3, "dev": 2, "test": 2})
NER = replace(get_task("NCBI-disease"), sizes={"train": 2, "dev": 1, "test": 1})
HEADER = "pair_id\tsent1\tsent2\tscore\n"


def pairs(*ids):
    return HEADER + "".join(f"{name}\tZorvane blocks it.\tIt is blocked.\t2.5\n" for name in ids)


FILES = {
    "BIOSSES/train.tsv": pairs("a", "b", "c"),
    "BIOSSES/dev.tsv": pairs("d", "e"),
    "BIOSSES/test.tsv": pairs("f", "g"),
    "NCBI-disease/train.tsv": "Gorvitis\tB\nhurts\tO\n\nBad\tB\nmulpia\tI\n",
    "NCBI-disease/dev.tsv": "Gorvitis\tB\n",
    "NCBI-disease/test.tsv": "No\tO\nmulpia\tB\n",
}


def sources(files=FILES, *, examples=MappingProxyType({})):
    def file(path, text):
        name, digest = path.split("/")[1], hashlib.sha256(text.encode()).hexdigest()
        facts = {"repository": "a/b", "commit": "0" * 40, "path": name, "examples": examples.get(path)}
        return DataFile(name=name, size=len(text), sha256=digest, **facts)

    return {
        task.name: DatasetSource(
            files={p.split("/")[1]: file(p, t) for p, t in files.items() if p.startswith(task.folder)}
        )
        for task in (BIOSSES, NER)
    }


@pytest.fixture
def folder(tmp_path):
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, newline="")
    return tmp_path


def check(folder, *tasks):
    return check_data(folder, tasks or (BIOSSES, NER), sources=sources())


def test_a_whole_folder_is_in_order_and_counted_in_the_units_of_each_task(folder):
    found = check(folder)
    assert found.problems == []
    assert [[split.size for split in one.splits] for one in found.tasks] == [[3, 2, 2], [2, 1, 1]]
    assert {(one.status, one.bytes) for one in found.tasks} == {("ok", "exact")}


def test_a_known_difference_is_flagged_and_said_but_no_damage(folder):
    task = replace(
        NER, sizes={"train": 9, "dev": 1, "test": 1}, known_sizes={"train": 2}, known_differences={"train": "misprint"}
    )
    found = check(folder, task)
    assert found.problems == []
    assert (found.tasks[0].status, found.tasks[0].differences) == ("known difference", ("train: misprint",))
    assert found.to_frame().loc["NCBI-disease", "train"] == "2 (9)"


@pytest.mark.parametrize(
    "convert",
    [
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data + b"\n",
        lambda data: data.rstrip(b"\n"),
    ],
)
def test_what_reads_the_same_is_a_remark(folder, convert):
    path = folder / "NCBI-disease" / "train.tsv"
    path.write_bytes(convert(path.read_bytes()))
    one = check(folder, NER).tasks[0]
    assert (one.status, one.bytes, one.problems) == ("ok", "different bytes", ())
    assert "line ends" in one.notes[0]


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("NCBI-disease/train.tsv", "hurts", "heals"),
        ("NCBI-disease/train.tsv", "mulpia\tI", "mulpia\tO"),
        ("BIOSSES/test.tsv", "2.5", "0.5"),
        ("BIOSSES/test.tsv", "Zorvane", "Zorvane "),
    ],
)
def test_another_text_that_counts_the_same_is_a_problem_unless_it_is_allowed(folder, path, old, new):
    text = (folder / path).read_text()
    (folder / path).write_text(text.replace(old, new, 1))
    found = check(folder)
    (problem,) = found.problems
    task = path.split("/")[0]
    for part in (f"{task}: {folder / path}: its text differs from the public file", "--allow-other-text"):
        assert part in problem
    assert f"download --task '{task}'" in problem and "\n" not in problem
    assert {one.status for one in found.tasks if one.task == task} == {"different text"}
    allowed = check_data(folder, (BIOSSES, NER), sources=sources(), allow_other_text=True)
    (one,) = (one for one in allowed.tasks if one.task == task)
    assert (one.status, one.bytes, one.problems, allowed.problems) == ("different text", "different bytes", (), [])
    assert "not comparable" in one.notes[0]


@pytest.mark.parametrize("allowed", [False, True])
def test_sentences_without_mentions_that_are_dropped_are_damage(folder, allowed):
    path = folder / "NCBI-disease" / "train.tsv"
    whole = path.read_text() + "\nNothing\tO\nhurts\tO\n"
    files = FILES | {"NCBI-disease/train.tsv": whole}
    known = sources(files, examples={"NCBI-disease/train.tsv": 3})
    one = check_data(folder, [NER], sources=known, allow_other_text=allowed).tasks[0]
    (problem,) = one.problems
    assert one.status == "DAMAGED" and "train.tsv: found 2 sentences; expected the 3 of the public file" in problem
    path.write_text(whole)
    assert check_data(folder, [NER], sources=known).problems == []


def test_a_size_that_is_wrong_is_told_once_and_not_allowed_as_another_text(folder):
    (folder / "NCBI-disease" / "dev.tsv").write_text("Gorvitis\tB\n\nmulpia\tB\n")
    (problem,) = check_data(folder, [NER], sources=sources(), allow_other_text=True).problems
    assert "found 2 mentions; expected 1" in problem


def test_a_text_with_nul_bytes_is_damage_even_where_no_sum_is_known(folder):
    path = folder / "BIOSSES" / "train.tsv"
    path.write_text(path.read_text().replace("is blocked", "is\0blocked", 1))
    (problem,) = check_data(folder, [BIOSSES], sources={}).problems
    assert "train.tsv, line 2: found a NUL byte" in problem


def test_json_nested_too_deep_to_be_compared_is_another_text(tmp_path):
    task = replace(get_task("PubMedQA"), sizes=dict.fromkeys(("train", "dev", "test"), 1))
    (tmp_path / "PubMedQA").mkdir()
    for i, name in enumerate(task.files.values()):
        deep = "[" * 600 + "]" * 600
        record = f'{{"QUESTION": "q", "CONTEXTS": ["c"], "final_decision": "yes", "more": {deep}}}'
        (tmp_path / "PubMedQA" / name).write_text(f'{{"{i}": {record}}}')
    facts = {"size": 1, "sha256": "0" * 64, "repository": "a/b", "commit": "0" * 40, "path": "x"}
    files = {name: DataFile(name=name, **facts) for name in task.files.values()}
    one = check_data(tmp_path, [task], sources={"PubMedQA": DatasetSource(files=files)}).tasks[0]
    assert (one.status, len(one.problems)) == ("different text", 3)


def test_the_size_of_a_substitute_is_not_that_of_the_file_it_stands_for(folder):
    sizes = {"sizes": {"train": 9, "dev": 1, "test": 1}, "known_sizes": {"train": 2}}
    task = replace(NER, fallback_files={"train": "part.tsv"}, **sizes)
    whole = folder / "NCBI-disease" / "train.tsv"
    (problem,) = check_data(folder, [task], sources={}).problems
    assert "train.tsv: found 2 mentions; expected 9 (published); the file is" in problem
    whole.rename(folder / "NCBI-disease" / "part.tsv")
    assert check_data(folder, [task], sources={}).problems == []


def test_json_laid_out_otherwise_reads_the_same(tmp_path):
    records = {"1": {"QUESTION": "Does Zorvane help?", "CONTEXTS": ["Zorvane hélps."], "final_decision": "yes"}}
    task = replace(get_task("PubMedQA"), sizes=dict.fromkeys(("train", "dev", "test"), 1))
    (tmp_path / "PubMedQA").mkdir()
    files = {}
    for i, name in enumerate(task.files.values()):
        mine = {str(i): records["1"]}
        digest = hashlib.sha256(json.dumps(mine, indent=4).encode()).hexdigest()
        files[name] = DataFile(name=name, size=1, sha256=digest, repository="a/b", commit="0" * 40, path=name)
        (tmp_path / "PubMedQA" / name).write_text(json.dumps(mine, ensure_ascii=False), encoding="utf-8")
    one = check_data(tmp_path, [task], sources={"PubMedQA": DatasetSource(files=files)}).tasks[0]
    assert (one.status, one.bytes, one.problems) == ("ok", "different bytes", ())


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("BIOSSES/train.tsv", None, "no such file"),
        ("BIOSSES/train.tsv", HEADER, "no examples"),
        ("BIOSSES/train.tsv", "", "train.tsv"),
        ("BIOSSES/train.tsv", pairs("a", "b") + "c\tone column\n", "line 4"),
        ("BIOSSES/train.tsv", pairs("a", "b"), "found 2 pairs; expected 3"),
        ("BIOSSES/train.tsv", pairs("a", "b", "f"), "train and test share 1 id ('f')"),
        ("NCBI-disease/dev.tsv", "Gorvitis\tB\nmulpia\tB\n", "found 2 mentions; expected 1"),
        ("NCBI-disease/dev.tsv", "Gorvitis\tB\tB\n", "line 1"),
    ],
)
def test_damage_of_a_file_is_told_and_spares_the_other_dataset(folder, path, text, said):
    (folder / path).unlink()
    if text is not None:
        (folder / path).write_text(text)
    found = check(folder)
    problem, *other = found.problems  # a wrong size is told alone, an id that is shared beside the different text
    assert said in problem and "\n" not in problem
    assert all("differs from the public file" in one for one in other) and len(other) == ("share" in said)
    flags = {one.task: one.status for one in found.tasks}
    hurt = "BIOSSES" if path.startswith("BIOSSES") else "NCBI-disease"
    assert flags.pop(hurt) == "DAMAGED"
    assert set(flags.values()) == {"ok"}


def test_a_missing_file_is_a_problem_and_missing_datasets_are_named_in_one_line_at_the_end(folder):
    shutil.rmtree(folder / "BIOSSES")
    (folder / "NCBI-disease" / "test.tsv").unlink()
    problems = check(folder).problems
    assert [problem.split(":")[0] for problem in problems] == ["NCBI-disease", f"not in {folder}"]
    assert problems[1].startswith(f"not in {folder}: BIOSSES; get them (blurbstudy data download")
    assert json.loads(json.dumps(check(folder).to_dict()))["problems"] == problems


def test_a_document_in_two_splits_is_a_remark(folder):
    for split, text in (("train", "Gorvitis\tB\n\nmulpia\tB\n"), ("test", "mulpia\tB\n")):
        (folder / "NCBI-disease" / f"{split}.tsv").write_text(f"-DOCSTART- (77)\n\n{text}")
    one = check_data(folder, [NER], sources={}).tasks[0]
    assert one.problems == ()
    assert "train and test share 1 document ('77')" in one.notes


def test_documents_without_ids_of_their_own_are_not_taken_for_the_same(folder):
    for split in ("train", "test"):
        path = folder / "NCBI-disease" / f"{split}.tsv"
        path.write_text(f"-DOCSTART- -X- O O\n\nNo\tO\n\n{path.read_text()}")
    assert check_data(folder, [NER], sources={}).tasks[0].notes == ()


def test_a_file_without_a_known_sum_is_counted_and_that_is_said(folder):
    known = sources({path: text for path, text in FILES.items() if path != "BIOSSES/train.tsv"})
    one = check_data(folder, [BIOSSES], sources=known).tasks[0]
    assert (one.status, one.bytes) == ("ok", "not compared")
    assert "no checksum" in one.notes[0]


def test_a_quoted_id_is_short(folder):
    long = "a sentence that stands where an id should be, " * 3
    for split, n in (("train", 3), ("dev", 2)):
        (folder / "BIOSSES" / f"{split}.tsv").write_text(pairs(long, *(f"{split}{i}" for i in range(n - 1))))
    (problem,) = check_data(folder, [BIOSSES], sources={}).problems
    assert long not in problem and "a sentence that stands where" in problem


def test_no_folder_at_all_is_an_error(tmp_path):
    with pytest.raises(DataError, match="--data"):
        check_data(tmp_path / "none")


def test_generated_data_are_counted_and_not_compared(mini_data):
    assert is_generated(mini_data)
    found = check_data(mini_data)
    assert found.generated and found.problems == []
    assert {(one.status, one.bytes) for one in found.tasks} == {("generated", "not compared")}
    assert all(split.size > 0 for one in found.tasks for split in one.splits)


def test_damage_of_generated_data_is_told_too(mini_data, tmp_path):
    for name in ("README.md", "BIOSSES"):
        copy = shutil.copytree if (mini_data / name).is_dir() else shutil.copy
        copy(mini_data / name, tmp_path / name)
    path = tmp_path / "BIOSSES" / "train.tsv"
    path.write_bytes(path.read_bytes()[:-30])
    (problem,) = check_data(tmp_path, [get_task("BIOSSES")]).problems
    assert "train.tsv, line" in problem


@pytest.mark.data
@pytest.mark.skipif(paths.data_folder() is None, reason=f"{paths.DATA_ENV} names no folder of BLURB's files")
def test_the_real_folder_differs_where_it_is_known_to_and_nowhere_else():
    found = check_data(paths.data_folder())
    assert found.problems == []
    different = {
        (one.task, split.split): split.size
        for one in found.tasks
        for split in one.splits
        if split.size != split.published
    }
    known = {(task.name, split): size for task in TASKS for split, size in task.known_sizes.items()}
    assert different.items() <= known.items()
    assert {one.task for one in found.tasks if one.status != "ok"} == {name for name, _ in different}
