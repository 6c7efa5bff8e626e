"""From a YAML file, or from files alone, to a task: what is said, what is found, and on what a run's id depends."""

import contextlib
import json

import pytest
import yaml

from blurbstudy.errors import DataError, ParameterError, StudyError
from blurbstudy.tasks import custom_task, data_fingerprint, load_custom_task, read_task, task_from_dict, task_to_dict
from blurbstudy.tasks.custom.definition import ALLOWED_KEYS
from tests.tasks.custom.conftest import table

YAML = """
kind: relation
files: {train: a.tsv, test: b.tsv}
columns: {text: text, label: label}
labels: [no, yes, 01]
metric: micro_f1
dev_share: 0.25
terms: ours
"""


def test_a_yaml_file_says_words_as_they_are_written_and_files_beside_it(tmp_path, monkeypatch):
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "my task.yaml").write_text(YAML)
    (folder / "a.tsv").write_text(table())
    (folder / "b.tsv").write_text(table(n=5))
    monkeypatch.chdir(tmp_path)
    task = load_custom_task("there/my task.yaml")
    assert (task.name, task.task_type, task.labels, task.terms) == ("my task", "relation", ("no", "yes", "01"), "ours")
    assert (task.metric, task.positive_labels) == ("micro_f1", ("yes", "01"))  # no is YAML's false, and here a label
    assert task.splits == ("train", "dev", "test")
    assert {split: len(examples) for split, examples in read_task(task).items()} == {"train": 30, "dev": 10, "test": 5}


def test_a_directory_is_a_task(write, tmp_path):
    write(train__tsv=table(), devel__tsv=table(n=10), notes__md="not data")
    task = custom_task(kind="classification", files=tmp_path)
    assert task.splits == ("train", "dev") and task.name == tmp_path.name[:60]
    write(val__csv="text,label\nx,yes\n")
    with pytest.raises(DataError, match=r"devel.tsv, val.csv match the dev split; name the files under files:"):
        custom_task(kind="classification", files=tmp_path)


@pytest.mark.parametrize(
    ("kind", "labels", "metric", "positives"),
    [
        ("classification", "no yes", "accuracy", ()),
        ("relation", "no yes", "micro_f1", ("yes",)),
        ("relation", "treats causes", "accuracy", ()),
        ("relation", "treats causes none", "micro_f1", ("causes", "treats")),
        ("relation", "none false treats", "accuracy", ()),  # which of the two says that there is none?
        ("pairs", "yes no maybe", "accuracy", ()),
    ],
)
def test_the_metric_of_a_kind_and_the_label_that_says_none(write, kind, labels, metric, positives):
    write(a__tsv=table(label=labels))
    task = custom_task(kind=kind, files={"train": "a.tsv"})
    assert (task.metric, task.positive_labels) == (metric, positives)


def test_labels_do_not_depend_on_the_order_of_lines_and_those_of_dev_alone_come_last(write):
    lines = table(label="b c").splitlines()
    write(a__tsv="\n".join(lines), b__tsv="\n".join([lines[0], *reversed(lines[1:])]), d__tsv=table(label="a c"))
    for name in ("a.tsv", "b.tsv"):
        assert custom_task(kind="classification", files={"train": name, "dev": "d.tsv"}).labels == ("b", "c", "a")


def test_no_value_of_a_key_is_a_traceback(write, tmp_path):
    write(a__tsv=table())
    base = {"kind": "classification", "files": {"train": "a.tsv"}}
    for key in ALLOWED_KEYS:
        for value in (None, [], ["a"], {}, {"a": 1}, [None], {"a": None}, [["a"]], 0, -1, 1.5, float("nan"), "", True):
            (tmp_path / "my.yaml").write_text(yaml.safe_dump(base | {key: value}))
            with contextlib.suppress(StudyError):
                load_custom_task(tmp_path / "my.yaml")


def test_names_of_the_study_s_tasks_are_taken(write, tmp_path):
    write(a__tsv=table(), BC2GM__tsv=table())
    assert custom_task(kind="classification", files={"train": "a.tsv"}).name == "a"
    assert custom_task(kind="classification", files={"train": "BC2GM.tsv"}).name == "own BC2GM"
    with pytest.raises(ParameterError, match="name='bc5_chem' is a task of BLURB; choose another name"):
        custom_task(kind="classification", files={"train": "a.tsv"}, name="bc5_chem")


def test_a_task_goes_to_another_process_and_back(write):
    write(a__tsv="sentence1\tsentence2\tscore\n" + "".join(f"a{i}\tb\t{i}\n" for i in range(5)))
    task = custom_task(kind="sts", files={"train": "a.tsv"})
    assert task_from_dict(json.loads(json.dumps(task_to_dict(task)))) == task


def test_a_fingerprint_covers_what_is_read_and_scored_and_no_names(write, tmp_path):
    write(a__tsv=table(), b__tsv=table(), c__tsv=table(n=41))

    def fingerprint(file="a.tsv", *, kind="classification", **said):
        return data_fingerprint(custom_task(kind=kind, files={"train": file}, **said))

    base = fingerprint()
    assert base == fingerprint("b.tsv", name="other", terms="others") == fingerprint(labels=["no", "yes"])
    others = [
        fingerprint("c.tsv"),
        fingerprint(kind="pairs"),
        fingerprint(labels=["yes", "no"]),
        fingerprint(metric="micro_f1"),
        fingerprint(split_seed=2),
        fingerprint(dev_share=0.3),
        fingerprint(metric="micro_f1", negative="yes"),
    ]
    assert len({base, *others}) == 1 + len(others)


def test_another_rule_of_division_is_other_data_where_dev_is_split_off(write, monkeypatch):
    write(a__tsv=table(), b__tsv=table(n=30))
    given = ({"train": "a.tsv"}, {"train": "a.tsv", "dev": "b.tsv"})
    tasks = [custom_task(kind="classification", files=files) for files in given]
    before = [data_fingerprint(task) for task in tasks]
    monkeypatch.setattr("blurbstudy.tasks.serialization.SPLIT_REVISION", 0)
    assert [data_fingerprint(task) == own for task, own in zip(tasks, before, strict=True)] == [False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: [ner", "my.yaml: invalid YAML (while parsing a flow sequence"),
        ("just words", "my.yaml: not a mapping; write lines such as `kind: ner` and `files: DIR`"),
        ("kind: ner", "my.yaml: lacks files; write lines such as `kind: ner` and `files: DIR`"),
        (
            "kind: ner\nfiles: .\nkolumns: {}",
            "my.yaml: unknown key 'kolumns'; did you mean 'columns'",
        ),
        ("kind: novel\nfiles: .", "my.yaml: kind='novel' is unknown; use ner, classification, relation, pairs"),
        ("kind: ner\nfiles: nowhere", "nowhere: no such folder; name a folder with train.*, dev.* and test.*"),
        (
            "kind: ner\nfiles: {dev: a.tsv}",
            "my.yaml: files: no train file; name it (--train FILE, or train: FILE under",
        ),
        ("kind: ner\nfiles: {train: a.tsv, tset: a.tsv}", "my.yaml: files: 'tset' is not a split; did you mean 'test'"),
        ("kind: ner\nfiles: {train: b.tsv}", "b.tsv: no such file; check the path of the train split"),
        (
            "kind: sts\nfiles: {train: a.tsv}\nbounds: [5, 0]",
            "my.yaml: bounds=['5', '0'] must be the lowest and the highest score",
        ),
        (
            "kind: classification\nfiles: {train: a.tsv}\nlabels: yes",
            "my.yaml: labels='yes' is not a list; write labels: [",
        ),
        ("kind: classification\nfiles: {train: a.tsv}\nlabels: [a, a]", "my.yaml: labels: 'a' occurs twice; name"),
        (
            "kind: classification\nfiles: {train: a.tsv}\ndev_share: most",
            "my.yaml: dev_share='most' is out of bounds; use",
        ),
        (
            "kind: classification\nfiles: {train: a.tsv}\ncolumns: text",
            "my.yaml: columns: expected role: NAME, got 'text'; roles are text,",
        ),
        ("!!python/object/apply:os.system [touch x]", "my.yaml: not a mapping"),
    ],
)
def test_a_wrong_definition_is_one_line_that_says_what_to_write(write, tmp_path, text, message):
    write(my__yaml=text, a__tsv=table())
    with pytest.raises((ParameterError, DataError)) as caught:
        load_custom_task("my.yaml")
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)
    assert not (tmp_path / "x").exists()
