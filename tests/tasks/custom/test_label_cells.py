"""Labels as files have them: sets are read where only one reading fits, everything else is refused and counted."""

import ast
import csv
import itertools
import json
import random

import numpy as np
import pytest

from blurbstudy.errors import DataError, ParameterError
from blurbstudy.tasks import custom_task, load_custom_task, read_split, read_task
from blurbstudy.tasks.custom.audit import audit_custom_task
from blurbstudy.tasks.custom.tabular import count_unlabelled

NAMES = ["dry cough", "asthma", "wheeze"]
SETS = [{"asthma"}, {"dry cough", "wheeze"}, set(), set(NAMES), {"wheeze"}]


def write(path, cells, column="labels"):
    """A table or JSON lines with these cells as labels."""
    texts = [f"note {i} of the ward" for i in range(len(cells))]
    if path.suffix == ".jsonl":
        lines = [json.dumps({"text": text, column: cell}) for text, cell in zip(texts, cells, strict=True)]
        path.write_text("\n".join(lines))
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", column), *zip(texts, cells, strict=True)])


def read(path, kind="multi-label", **options):
    task = custom_task(kind=kind, files={"train": path, "dev": path}, **options)
    return task, [set(e.label.split(",")) - {""} for e in read_split(task, split="train")]


def inner(label_set):
    return [name for name in NAMES if name in label_set]


FORMS = {  # how a set of labels is written -> (suffix, the cell)
    "list in JSON": ("jsonl", inner),
    "nested list in JSON": ("jsonl", lambda s: [[name] for name in inner(s)]),
    "flags in JSON": ("jsonl", lambda s: {name: float(name in s) for name in NAMES}),
    "truth values in JSON": ("jsonl", lambda s: {name: name in s for name in NAMES}),
    "only true flags": ("jsonl", lambda s: dict.fromkeys(inner(s), 1)),
    "printed list": ("csv", lambda s: str(inner(s))),
    "printed JSON list": ("csv", lambda s: json.dumps(inner(s))),
    "printed tuple": ("csv", lambda s: str(tuple(inner(s)))),
    "printed flags": ("csv", lambda s: str({name: int(name in s) for name in NAMES})),
    "lines of a cell": ("csv", lambda s: "\n".join(inner(s))),
    "commas": ("csv", lambda s: ", ".join(inner(s))),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_certain_form_gives_the_same_sets(tmp_path, form):
    suffix, cell = FORMS[form]
    path = tmp_path / f"a.{suffix}"
    write(path, [cell(s) for s in SETS])
    task, sets = read(path)
    assert (sets, task.labels) == (SETS, tuple(sorted(NAMES)))


def hot(label_set):
    return [int(name in label_set) for name in NAMES]


MARKS = {  # how marks are written -> (suffix, the cell)
    "list in JSON": ("jsonl", hot),
    "decimals in JSON": ("jsonl", lambda s: [float(mark) for mark in hot(s)]),
    "truth values in JSON": ("jsonl", lambda s: [bool(mark) for mark in hot(s)]),
    "printed list": ("csv", lambda s: str(hot(s))),
    "printed decimals": ("csv", lambda s: str([float(mark) for mark in hot(s)])),
    "numpy's list": ("csv", lambda s: str(np.array(hot(s)))),
    "numpy's decimals": ("csv", lambda s: str(np.array(hot(s), dtype=float))),
    "commas": ("csv", lambda s: ",".join(map(str, hot(s)))),
    "blanks": ("csv", lambda s: " ".join(map(str, hot(s)))),
}


@pytest.mark.parametrize("form", MARKS)
def test_marks_are_named_by_the_user_by_the_header_or_by_position(tmp_path, form):
    suffix, cell = MARKS[form]
    path = tmp_path / f"a.{suffix}"
    cells = [cell(s) for s in SETS]
    write(path, cells)
    assert read(path, labels=NAMES)[1] == SETS
    task, by_position = read(path)
    assert task.labels == ("position 1", "position 2", "position 3")
    renamed = {f"position {i}": name for i, name in enumerate(NAMES, 1)}
    assert [{renamed[label] for label in own} for own in by_position] == SETS
    column = "dry cough|asthma|wheeze"
    write(path, cells, column=column)
    task, by_header = read(path, columns={"label": column})
    assert (task.labels, by_header) == (tuple(NAMES), SETS)
    with pytest.raises(ParameterError, match="labels: 2 names for 3 marks; name each in their order"):
        read(path, columns={"label": column}, labels=NAMES[:2])


def test_an_empty_mark_is_0_only_where_its_column_has_no_0(tmp_path):
    path = tmp_path / "a.csv"
    for zero, third in (("", "1,"), ("0", "1,0")):
        path.write_text(f"text,fever,pain\na,{zero},1\nb,1,{zero}\nc,{third}\n")
        task = custom_task(kind="multi-label", files={"train": path, "dev": path})
        assert [e.label for e in read_split(task, split="train")] == ["pain", "fever", "fever"]
    path.write_text("text,fever,pain\na,0,1\nb,1,0\nc,1,\nd,0,0\n")
    options = {"kind": "multi-label", "files": {"train": path, "dev": path}, "columns": {"label": "fever+pain"}}
    with pytest.raises(DataError, match=r"line 4: found an empty pain, which has 0 in other rows; expected 1 or 0"):
        read_split(custom_task(**options), split="train")
    task = custom_task(**options, drop_unlabelled=True)
    assert [e.label for e in read_split(task, split="train")] == ["pain", "fever", ""]
    assert count_unlabelled(path, task) == 1


def test_random_numbers_are_marks_or_ids_and_never_both(tmp_path):
    """Marks if all rows have one length of two or more; ids if lengths differ and none repeats; otherwise refused."""
    rng = random.Random(5)
    seen = set()
    for trial in range(60):
        n = rng.randint(1, 3)
        rows = [[rng.randint(0, 1) for _ in range(n if rng.random() < 0.9 else rng.randint(1, 3))] for _ in range(6)]
        path = tmp_path / f"{trial}.jsonl"
        write(path, rows)
        lengths = {len(row) for row in rows}
        repeats = any(len(set(row)) < len(row) for row in rows)
        if len(lengths) == 1 and n > 1:
            expected, outcome = [{f"position {i + 1}" for i, mark in enumerate(row) if mark} for row in rows], "marks"
        elif not repeats:
            expected, outcome = [set(map(str, row)) for row in rows], "ids"
        else:
            expected, outcome = None, "refused"
        seen.add(outcome)
        if expected is None:
            with pytest.raises(DataError, match="marks of 1 or 0, as in other rows"):
                read(path)
        elif any(expected):
            assert read(path)[1] == expected, rows
    assert seen == {"marks", "ids", "refused"}


@pytest.mark.parametrize(
    ("suffix", "cells", "message"),
    [
        (
            "csv",
            ["['asthma' 'wheeze']", "['wheeze']"],
            "line 2: found labels \"['asthma' 'wheeze']\"; expected",
        ),
        ("csv", ["[asthma, wheeze]", "[]"], "line 2: found labels '[asthma, wheeze]'; expected labels by a separator"),
        ("csv", ["array(['asthma', 'wheeze'])", "x"], "line 2: found labels"),
        ("csv", ["asthma, mild\nwheeze", "wheeze"], "line 2: found labels 'asthma, mild\\nwheeze'; expected labels by"),
        ("csv", ["size (cm, mm)", "wheeze"], "line 2: found labels 'size (cm, mm)'; expected labels by"),
        ("csv", ["{'asthma': 0.7, 'wheeze': 0.3}", "wheeze"], "line 2: found labels"),
        ("csv", ["[1, 0, 2]", "[1, 1, 0]"], "line 3: found labels '[1, 1, 0]'; expected different labels, or marks"),
        ("csv", ["[1, 0, 1]", "[1, 0]"], "line 3: found labels '[1, 0]'; expected 3 marks of 1 or 0, as in other rows"),
        ("jsonl", [["asthma", None], ["wheeze"]], "line 1: found labels \"['asthma', None]\"; expected labels by"),
        ("jsonl", [["asthma", float("nan")], ["wheeze"]], "line 1: found labels"),
        ("jsonl", [[["asthma", "x"]], ["wheeze"]], "line 1: found labels"),
        ("jsonl", [{"asthma": 0.5}, {"asthma": 1}], "line 1: found labels \"{'asthma': 0.5}\"; expected labels by"),
        ("jsonl", [["a, b"], ["wheeze"]], "line 1: found labels \"['a, b']\"; expected labels without commas"),
    ],
)
def test_cells_with_two_readings_are_refused(tmp_path, suffix, cells, message):
    path = tmp_path / f"a.{suffix}"
    write(path, cells)
    with pytest.raises(DataError) as caught:
        read(path)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("cell", ["[1, 0]", '{"asthma": 1, "rash": 1}', "(1, 2)", '["a", "b"]'])
def test_one_class_is_no_set(tmp_path, cell):
    for suffix, value in (("csv", cell), ("jsonl", list(ast.literal_eval(cell)))):
        path = tmp_path / f"a.{suffix}"
        write(path, [value, "none", "none"])
        with pytest.raises(DataError, match="expected one label .of a set of labels: --task multi-label"):
            read(path, "classification")


@pytest.mark.parametrize("cell", ["['asthma']", '{"asthma": 1, "rash": 0}', '["asthma"]', "('asthma',)"])
def test_a_list_of_one_class_is_that_class(tmp_path, cell):
    write(tmp_path / "a.csv", [cell, "none", "none"])
    assert read(tmp_path / "a.csv", "classification")[1] == [{"asthma"}, {"none"}, {"none"}]


@pytest.mark.parametrize("cell", ["[CLS", "(none)", "T-cell", "1/2", "a [b] c", "p<0.05 {n}"])
def test_classes_with_brackets_stay_classes(tmp_path, cell):
    write(tmp_path / "a.csv", [cell, "other"])
    assert read(tmp_path / "a.csv", "classification")[0].labels == tuple(sorted([cell, "other"]))


MISSING = [  # suffix, what is in place of a label, what is said of two of these
    ("csv", "", "(empty 2)"),
    ("csv", "-", "('-' 2)"),
    ("csv", "-1", "('-1' 2)"),
    ("csv", "  ", "(empty 2)"),
    ("jsonl", None, "(empty 2)"),
    ("jsonl", -1, "('-1' 2)"),
    ("jsonl", float("nan"), "('nan' 2)"),
]


@pytest.mark.parametrize(("suffix", "missing", "said"), MISSING)
def test_missing_labels_are_counted_and_left_out_on_request(tmp_path, tokenizer, suffix, missing, said):
    path = tmp_path / f"a.{suffix}"
    write(path, ["yes", missing, "no", missing] + ["yes", "no"] * 5, column="label")
    with pytest.raises(DataError) as caught:
        read(path, "classification")
    rows = "3, 5" if suffix == "csv" else "2, 4"
    said = f"{said[:-1]}; lines {rows})"
    assert f"found 2 rows without label {said}; expected one in each row; add it, or leave such rows out" in str(
        caught.value
    )
    task, labels = read(path, "classification", drop_unlabelled=True)
    assert (task.labels, len(labels)) == (("no", "yes"), 12)
    facts = audit_custom_task(task, tokenizer, max_length=16).facts
    assert "train: 2 rows without a label left out (--drop-unlabelled)" in facts
    assert custom_task(kind="classification", files={"train": path, "dev": path}, drop_unlabelled="true") == task


def test_all_kinds_of_missing_labels_are_counted_together_with_other_faults(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\na,-\nb,yes\nc,\nd\ne,-1\nf,-\n")
    with pytest.raises(DataError) as caught:
        read(tmp_path / "a.csv", "classification")
    assert str(caught.value).endswith(
        "a.csv, line 2: found 4 rows without label ('-' 2, empty 1, '-1' 1; lines 2, 4, 6, 7); expected one in each "
        "row; add it, or leave such rows out (--drop-unlabelled); or name all labels (labels: in a YAML file) if '-' "
        "or '-1' is one (1 more invalid line: 5 (1 column in 'd'))"
    )


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_an_empty_list_is_no_class(tmp_path, suffix):
    """As doccano and Prodigy write texts without annotation."""
    path = tmp_path / f"a.{suffix}"
    write(path, [[], ["asthma"], ["wheeze"]] if suffix == "jsonl" else ["[]", "['asthma']", "['wheeze']"])
    with pytest.raises(DataError, match=r"found 1 row without labels \('\[\]' 1\).* \(--drop-unlabelled\)"):
        read(path, "classification")
    assert read(path, "classification", drop_unlabelled=True)[1] == [{"asthma"}, {"wheeze"}]
    assert read(path)[1] == [set(), {"asthma"}, {"wheeze"}]


def test_a_class_that_the_user_names_is_not_missing(tmp_path):
    write(tmp_path / "a.csv", ["-1", "0", "1"])
    task, _ = read(tmp_path / "a.csv", "classification", labels=["-1", "0", "1"])
    assert [e.label for e in read_task(task)["train"]] == ["-1", "0", "1"]
    (tmp_path / "a.yaml").write_text("kind: classification\nfiles: {train: a.csv, dev: a.csv}\nlabels: [-1, 0, 1]\n")
    assert load_custom_task(tmp_path / "a.yaml").labels == ("-1", "0", "1")


def test_scores_may_be_minus_one_and_an_empty_set_is_a_set(tmp_path):
    (tmp_path / "a.csv").write_text("sentence1,sentence2,score\na,b,-1\nc,d,1\ne,f,-0.5\ng,h,\n")
    with pytest.raises(DataError, match=r"line 5: found 1 row without score \(empty 1\)"):
        custom_task(kind="similarity", files={"train": tmp_path / "a.csv"})
    task = custom_task(
        kind="similarity", files=dict.fromkeys(("train", "dev"), tmp_path / "a.csv"), drop_unlabelled=True
    )
    assert [e.label for e in read_split(task, split="train")] == [-1.0, 1.0, -0.5]
    write(tmp_path / "b.csv", ["asthma", "", "wheeze"])
    assert read(tmp_path / "b.csv", drop_unlabelled=True)[1] == [{"asthma"}, set(), {"wheeze"}]
    write(tmp_path / "b.csv", ["asthma", "-", "wheeze"])
    with pytest.raises(DataError, match=r"line 3: found 1 row without labels \('-' 1\)"):
        read(tmp_path / "b.csv")


def test_tasks_without_labels_of_rows_have_none_to_leave_out(tmp_path):
    (tmp_path / "a.conll").write_text("Aspirin\tB-Drug\n")
    with pytest.raises(ParameterError, match="drop_unlabelled: tasks that tag words have no rows without a label"):
        custom_task(kind="ner", files={"train": tmp_path / "a.conll"}, drop_unlabelled=True)
    with pytest.raises(ParameterError, match="drop_unlabelled='perhaps' is neither true nor false"):
        custom_task(kind="ner", files={"train": tmp_path / "a.conll"}, drop_unlabelled="perhaps")


@pytest.mark.parametrize(
    ("labels", "warning"),
    [
        (
            ["nan", "0", "1"],
            "label 'nan' (8 times) is what programs write for a missing value; leave these rows out (nan, null: --drop",
        ),
        (["NaN", "a", "b"], "label 'NaN' (8 times) is what programs write for a missing value"),
        (["1", "1.0", "0"], "labels '1' (8) and '1.0' (8) are read as different labels; write them alike"),
        (["02", "2", "3"], "labels '02' (8) and '2' (8) are read as different labels"),
        (["1", "true", "0"], "labels '1' (8) and 'true' (8) are read as different labels"),
        (["yes", "n\u043e", "no"], "labels 'no' (8) and 'n\u043e' (8) are read as different labels"),  # Cyrillic
        (["Yes", "yes", "no"], "labels 'Yes' (8) and 'yes' (8) are read as different labels"),
        (["'a'", "'b'", "c"], "label 'a' (8 times) has quote characters in it, which are read as part of it"),
        (['"0"', '"1"', '"2"'], 'label "0" (8 times) has quote characters in it'),
    ],
)
def test_labels_that_may_not_be_meant_are_warned_of(tmp_path, tokenizer, labels, warning):
    write(tmp_path / "a.csv", list(itertools.islice(itertools.cycle(labels), 12)), column="label")
    task, _ = read(tmp_path / "a.csv", "classification")
    warnings = audit_custom_task(task, tokenizer, max_length=16).warnings
    assert any(one.startswith(warning) for one in warnings), warnings


def test_splits_that_write_labels_otherwise_are_read_alike_or_refused(tmp_path):
    write(tmp_path / "marks.csv", [str(hot(s)) for s in SETS])
    write(tmp_path / "marks.jsonl", [hot(s) for s in SETS])
    write(tmp_path / "names.jsonl", [inner(s) for s in SETS])
    files = {"train": tmp_path / "marks.csv", "dev": tmp_path / "marks.jsonl"}
    task = custom_task(kind="multi-label", files=files, labels=NAMES)
    assert [e.label for e in read_split(task, split="dev")] == [e.label for e in read_split(task, split="train")]
    with pytest.raises(DataError, match=r"names\.jsonl: has no marks such as \[1, 0\] in a row, but train has 3 marks"):
        custom_task(kind="multi-label", files=files | {"dev": tmp_path / "names.jsonl"})
