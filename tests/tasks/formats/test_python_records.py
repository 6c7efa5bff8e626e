"""Tables in Python are read as files of the same rows are."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from blurbstudy import Task
from blurbstudy.errors import DataError, ParameterError, StudyError
from blurbstudy.inference.inputs.documents import ReadError
from blurbstudy.inference.inputs.readers import read_documents, read_python_records
from blurbstudy.tasks import get_task, read_split
from blurbstudy.tasks.formats.python_records import is_records, json_lines

ROWS = [{"text": f"A text, no. {i}", "label": ("pain", "rash")[i % 2], "pmid": str(i // 3)} for i in range(12)]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path / "cache"))


def dataset(rows=ROWS):
    import datasets

    features = {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["rash", "pain"])}
    return datasets.Dataset.from_list(rows, features=datasets.Features(features | {"pmid": datasets.Value("string")}))


TABLES = {
    "frame": lambda: pd.DataFrame(ROWS),
    "frame of categories": lambda: pd.DataFrame(ROWS).astype({"label": "category", "pmid": "string"}),
    "dataset": dataset,
    "records": lambda: ROWS,
    "columns": lambda: {name: [row[name] for row in ROWS] for name in ROWS[0]},
    "arrays": lambda: {name: np.array([row[name] for row in ROWS]) for name in ROWS[0]},
    "series": lambda: dict(pd.DataFrame(ROWS).items()),
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_task_from_a_table_has_the_examples_of_a_file(tmp_path, kind):
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    of_file = Task.from_files("classification", train=tmp_path / "a.jsonl", test=tmp_path / "a.jsonl")
    table = TABLES[kind]()
    assert is_records(table)
    task = Task.from_files("classification", train=table, test=table)
    assert task.labels == ("pain", "rash") and task.name.startswith("classification ")
    assert read_split(task, split="test") == read_split(of_file, split="test")
    assert {example.unit for example in read_split(task, split="test")} == {"0", "1", "2", "3"}
    again = Task.from_files("classification", train=TABLES[kind](), test=tmp_path / "a.jsonl", name="mine")
    assert again.name == "mine" and read_split(again, split="test") == read_split(of_file, split="test")


@pytest.mark.parametrize("kind", TABLES)
def test_documents_of_a_table_are_those_of_a_file(tmp_path, kind):
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(row | {"id": row["pmid"]}) for row in ROWS))
    task, columns = get_task("GAD"), {"text": "text", "id": "pmid"}
    expected = [item.content for item in read_documents(tmp_path / "a.jsonl", task)]
    found = [item.content for item in read_python_records(TABLES[kind](), task, columns)]
    assert found == expected and found[1].id == "0.2"


def test_lists_of_words_spans_and_rows_per_mention_are_tagged_text(tmp_path):
    import datasets

    tags = datasets.Sequence(datasets.ClassLabel(names=["O", "B-Drug", "I-Drug"]))
    features = datasets.Features({"tokens": datasets.Sequence(datasets.Value("string")), "ner_tags": tags})
    words = {"tokens": [["Aspirin", "helps"]] * 3, "ner_tags": [[1, 0]] * 3}
    task = Task.from_files("ner", train=datasets.Dataset.from_dict(words, features=features))
    assert task.labels == ("O", "B-Drug", "I-Drug") and read_split(task, split="train")[0].label == "B-Drug O"
    spans = [{"text": f"Aspirin helps {i}", "entities": [[0, 7, "Drug"]]} for i in range(3)]
    rows = [{"pmid": i, "text": one["text"], "start": 0, "end": 7, "type": "Drug"} for i, one in enumerate(spans)]
    for table in (spans, pd.DataFrame(spans), pd.DataFrame(rows)):
        task = Task.from_files("ner", train=table)
        assert [e.label for e in read_split(task, split="train")] == ["B-Drug O O"] * 2


def test_missing_values_are_missing():
    frame = pd.DataFrame({"text": ["a", None], "n": [1.0, float("nan")], "when": [pd.Timestamp("2020-01-02"), pd.NaT]})
    frame["whole"] = pd.array([3, None], dtype="Int64")
    assert [json.loads(line) for line in json_lines(frame).splitlines()] == [
        {"text": "a", "n": 1.0, "when": "2020-01-02T00:00:00", "whole": 3},
        {"text": None, "n": None, "when": None, "whole": None},
    ]
    (first, second) = (item.content for item in read_python_records(frame, get_task("GAD")))
    assert first.texts == ("a",) and isinstance(second, ReadError)
    assert second.message.startswith("DataFrame, line 2: found no text")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"note": "x"}, "dict: which column is the text?.*'note'; pass --columns text=NAME"),
        (pd.DataFrame({"note": ["x"]}), "DataFrame: which column is the text?"),
        (pd.DataFrame([["a", "b"]], columns=["text", "text"]), "DataFrame: two columns are named 'text'; rename one"),
        ({"text": ["a", "b"], "id": ["1"]}, r"dict: columns differ in length \(text 2, id 1\)"),
        ([{"text": "a"}, "b"], "list, record 2: 'b' is no mapping"),
        ([{"text": b"a"}], "list, record 1: 'text' is a bytes; give text, a number or a list"),
    ],
    ids=range(6),
)
def test_what_is_no_table_of_texts_is_one_line(value, message):
    with pytest.raises(StudyError, match=message) as caught:
        list(read_python_records(value, get_task("GAD")))
    assert "\n" not in str(caught.value)


def test_a_task_checks_a_table_as_a_file():
    import datasets

    with pytest.raises(DataError, match="cannot identify the column of the text among label"):
        Task.from_files("classification", train=pd.DataFrame({"label": ["a", "b"]}))
    with pytest.raises(DataError, match=r"train \(a DataFrame\), record 2: found 1 row without label \(empty 1\)"):
        Task.from_files("classification", train=pd.DataFrame({"text": ["a", "b"], "label": ["x", None]}))
    with pytest.raises(ParameterError, match="DatasetDict: has the tables train, test; name one of them"):
        Task.from_files("classification", train=datasets.DatasetDict({"train": dataset(), "test": dataset()}))
    for wrong, name in (
        (pd.Series(["a"]), "Series"),
        ([("a", "x")], "list"),
        (pd.DataFrame({"text": ["a"]}).values, "ndarray"),
    ):
        with pytest.raises(ParameterError, match=f"dev: found a {name}; expected a path, a pandas data frame"):
            Task.from_files("classification", train=pd.DataFrame({"text": ["a"], "label": ["x"]}), dev=wrong)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*ROWS, {"text": "", "label": "pain", "pmid": "9"}], "train (a list), record 13: found an empty text;"),
        ([*ROWS, {"text": "a", "label": None, "pmid": "9"}], "add it, or leave such rows out (drop_unlabelled)"),
        (pd.DataFrame({"a": ["b"], "c": ["d"]}), "train (a DataFrame): cannot identify the column of the text"),
    ],
)
def test_errors_name_the_table_and_arguments_of_python(rows, message, tmp_path):
    with pytest.raises(DataError) as caught:
        Task.from_files("classification", train=rows)
    assert message in str(caught.value) and "--" not in str(caught.value) and str(tmp_path) not in str(caught.value)


def test_dashes_in_the_name_of_a_file_are_no_option(tmp_path):
    file = tmp_path / "my--new-data.tsv"
    with pytest.raises(DataError, match="my--new-data.tsv: no such file"):
        Task.from_files("classification", train=file)
