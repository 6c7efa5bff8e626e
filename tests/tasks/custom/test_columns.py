"""Columns by split, ids that are not unique, and messages that never print a file."""

import random
from pathlib import Path

import pytest

from blurbstudy.errors import DataError, ParameterError
from blurbstudy.tasks import custom_task, data_fingerprint, read_split, task_from_dict, task_to_dict
from blurbstudy.tasks.custom.audit import audit_custom_task
from blurbstudy.tasks.custom.audit_labels import left_out

ROWS = [("wound is red", "bad"), ("wound is clean", "good"), ("no fever", "good"), ("pus at night", "bad")]


def lines(order, head="", end="\n"):
    """The rows with columns in this order: i is a number, u the patient, t the text, l the label."""
    values = [{"i": str(i), "u": f"P{i // 2}", "t": text, "l": label} for i, (text, label) in enumerate(ROWS)]
    return head + "".join("\t".join(value[key] for key in order) + end for value in values)


def read(split="train", kind="classification", *, files, **options):
    task = custom_task(kind=kind, files=files, **options)
    return [(e.texts[0], e.label) for e in read_split(task, split=split)]


HEADS = {  # columns of a test file -> head, what --columns says of them
    "tl": ("", {"text": 1, "label": 2}),
    "itl": ("", {"text": 2, "label": 3}),
    "lt": ("class\tsentence\n", {"text": "sentence", "label": "class"}),
    "ltu": ("Label\tText\tnote\n", {"text": 2, "label": 1}),
    "til": ("report\tindex\tgrade\n", {"text": "report", "label": "grade"}),
}


@pytest.mark.parametrize("order", HEADS)
@pytest.mark.parametrize("dotted", [True, False])
def test_columns_are_named_by_split_whether_or_not_there_is_a_header(write, order, dotted):
    head, named = HEADS[order]
    write(a__tsv=lines("tl"), b__tsv=lines(order, head))
    own = {f"test.{role}": column for role, column in named.items()} if dotted else {"test": named}
    options = {"files": {"train": "a.tsv", "dev": "a.tsv", "test": "b.tsv"}, "columns": {"text": 1, "label": 2} | own}
    assert read("test", **options) == read("dev", **options) == ROWS
    task = custom_task(kind="classification", **options)
    assert task_from_dict(task_to_dict(task)) == task


@pytest.mark.parametrize(
    ("order", "head", "message"),
    [
        ("itl", "index\tsentence\tlabel\n", "b.tsv: column 1 is to be the text, but its header is 'index'; name the"),
        (
            "lt",
            "label\ttext\n",
            "b.tsv: column 1 is to be the text, but its header is 'label'; name the column of this",
        ),
        (
            "t",
            "text\n",
            "b.tsv: has no column '2'; it has 1; name the column of this file (--columns test.label=NAME)",
        ),
        ("itl", "", "label 'pus at night' of test"),
    ],
)
def test_numbers_that_do_not_fit_another_split_are_refused(write, tokenizer, order, head, message):
    write(a__tsv=lines("tl") * 5, b__tsv=lines(order, head))
    options = {"files": {"train": "a.tsv", "dev": "a.tsv", "test": "b.tsv"}, "columns": {"text": 1, "label": 2}}
    try:
        task = custom_task(kind="classification", **options)
    except DataError as error:
        assert str(error).startswith(message)
    else:  # without a header nothing contradicts the numbers, but the labels are unknown to train
        assert any(one.startswith(message) for one in audit_custom_task(task, tokenizer, max_length=8).warnings)


def test_pairs_and_single_texts_are_not_mixed(write):
    write(a__tsv="text\tlabel\na\tx\nb\ty\n", b__tsv="text\ttext2\tlabel\na\tb\tx\n")
    with pytest.raises(DataError, match="b.tsv: has the texts text, text2, but train has text; name its columns"):
        custom_task(kind="classification", files={"train": "a.tsv", "test": "b.tsv"})
    assert read("test", files={"train": "a.tsv", "dev": "a.tsv", "test": "b.tsv"}, columns={"test.text2": ""}) == [
        ("a", "x")
    ]


@pytest.mark.parametrize("columns", [{"tset.text": 1}, {"tset": {"text": 1}}, {"test": {"body": 1}}, {"test.body": 1}])
def test_unknown_splits_and_roles_are_refused(write, columns):
    write(a__tsv=lines("tl", "text\tlabel\n"))
    with pytest.raises(ParameterError, match="columns: .* is not a role; "):
        custom_task(kind="classification", files={"train": "a.tsv", "test": "a.tsv"}, columns=columns)


IDS = {  # ids of the rows -> ids and documents that examples get
    "A B C D": ("A B C D", "A B C D"),
    "A A B B": ("1 2 3 4", "A A B B"),
    "A A A A": ("1 2 3 4", "A A A A"),
    "A B C A": ("1 2 3 4", "A B C A"),
    "A  B C": ("1 2 3 4", "1 2 3 4"),  # one is missing
}


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("column", ["id", "Index", "example_id"])
def test_an_id_that_is_not_unique_numbers_the_rows_and_is_their_document(write, tokenizer, ids, column):
    rows = zip(ids.split(" "), ROWS, strict=True)
    write(a__tsv=f"{column}\ttext\tlabel\n" + "".join(f"{own}\t{text}\t{label}\n" for own, (text, label) in rows))
    files = {"train": "a.tsv", "dev": "a.tsv"}
    task = custom_task(kind="classification", files=files)
    examples = read_split(task, split="train")
    expected = tuple(part.split(" ") for part in IDS[ids])
    assert ([e.id for e in examples], [e.unit for e in examples]) == expected
    facts = audit_custom_task(task, tokenizer, max_length=8).facts
    is_said = (
        f"train: column {column!r} is not unique, so rows are numbered and it names their document (off: --columns id=)"
    )
    assert (is_said in facts) == (expected[1] == ids.split(" ") and expected[0] != expected[1])
    for off in ("", None):
        without = custom_task(kind="classification", files=files, columns={"id": off})
        assert [e.unit for e in read_split(without, split="train")] == ["1", "2", "3", "4"]
        assert (data_fingerprint(without) == data_fingerprint(task)) == (expected[1] == ["1", "2", "3", "4"])
    if expected[0] == ["1", "2", "3", "4"]:
        with pytest.raises(DataError, match=f"a second time|an empty {column}"):
            custom_task(kind="classification", files=files, columns={"id": column})


def test_a_document_that_is_named_stays_and_may_be_switched_off(write):
    write(
        a__tsv="id\tdocument\ttext\tlabel\n"
        + "".join(f"A\tD{i}\t{text}\t{label}\n" for i, (text, label) in enumerate(ROWS))
    )
    files = {"train": "a.tsv", "dev": "a.tsv"}
    for columns, units in (({}, ["D0", "D1", "D2", "D3"]), ({"document": ""}, ["1", "2", "3", "4"])):
        task = custom_task(kind="classification", files=files, columns=columns)
        assert [e.unit for e in read_split(task, split="train")] == units


@pytest.mark.parametrize("column", ["Patient ID", "patient-id", "PatientID", "SUBJECT_ID", "pmid"])
def test_rows_of_a_patient_stay_together_however_a_spreadsheet_spells_the_column(write, column):
    rows = "".join(f"{i},P{i // 4},note {i},{'yes' if i % 2 else 'no'}\n" for i in range(40))
    write(a__csv=f"Doc ID,{column},Text,Gold Label\n{rows}" if column != "pmid" else f"n,{column},text,label\n{rows}")
    task = custom_task(kind="classification", files={"train": "a.csv"})
    train, dev = (read_split(task, split=split) for split in ("train", "dev"))
    assert {e.unit for e in train} | {e.unit for e in dev} == {f"P{i}" for i in range(10)}
    assert not {e.unit for e in train} & {e.unit for e in dev}


def test_ids_that_are_not_unique_and_not_read_are_named(write):
    write(
        a__csv="Visit ID,text,label\n" + "".join(f"V{i // 4},note {i},{'yes' if i % 2 else 'no'}\n" for i in range(40))
    )
    for columns, named in (({}, True), ({"document": "Visit ID"}, False)):
        task = custom_task(kind="classification", files={"train": "a.csv"}, columns=columns)
        left = left_out(Path("a.csv"), task)
        assert any("column 'Visit ID' has equal ids" in sentence for sentence in left) == named


def test_texts_with_entities_keep_their_ids_if_these_are_unique(write):
    text = '{{"id": "{}", "text": "IL-2 binds.", "entities": [[0, 4, "Gene"]]}}\n'
    write(a__jsonl="".join(map(text.format, "AABC")), b__jsonl="".join(map(text.format, "ABCD")))
    files = {"train": "a.jsonl", "dev": "b.jsonl"}
    task = custom_task(kind="ner", files=files)
    assert [e.unit for e in read_split(task, split="train")] == list("AABC")
    assert [e.id for e in read_split(task, split="dev")] == list("ABCD")


@pytest.mark.parametrize("column", ["year", "text_len", "n_words", "num"])
def test_numbers_of_a_text_beside_marks_are_no_variables(write, column):
    write(a__csv=f"text,pain,fever,{column}\na,1,0,2019\nb,0,1,2019\nc,1,1,2020\n")
    task = custom_task(kind="multi-label", files={"train": "a.csv", "dev": "a.csv"})
    assert [e.label for e in read_split(task, split="train")] == ["pain", "fever", "fever,pain"]


def test_a_class_beside_scores_with_decimals_is_the_label(write):
    write(a__csv="text,score,class\na,0.5,1\nb,1,0\n", b__csv="text,score,class\na,5,1\nb,1,0\n")
    assert read(files={"train": "a.csv", "dev": "a.csv"}) == [("a", "1"), ("b", "0")]
    with pytest.raises(DataError, match="class, score may each be the label; say which .--columns label=class."):
        read(files={"train": "b.csv", "dev": "b.csv"})


def test_messages_are_one_short_line_whatever_is_in_the_file(write):
    """Random damage to files with long lines: never a traceback, never more than a part of the file."""
    rng = random.Random(11)
    for trial in range(150):
        rows = [
            [rng.choice(["x " * 3000, "y", "", "nan", "[1, 0]", '"', "a\tb", "-1"]) for _ in range(2)]
            for _ in range(40)
        ]
        separator = rng.choice(["\t", ",", ";", "\r"])
        text = f"text{separator}label\n" + "".join(
            separator.join(row) + rng.choice(["\n", "\n", "\r", " "]) for row in rows
        )
        kind, columns = (
            rng.choice(["classification", "multi-label", "ner", "pairs"]),
            rng.choice([None, {"text": 1, "label": 2}]),
        )
        name = rng.choice(["a.tsv", "a.csv", "a.conll", "a.jsonl"])
        write(**{name.replace(".", "__"): text})
        try:
            task = custom_task(kind=kind, files={"train": name}, columns=columns, drop_unlabelled=kind != "ner")
            assert read_split(task, split="train"), trial
        except (DataError, ParameterError) as error:
            assert len(str(error)) < 1400 and "\n" not in str(error) and "\r" not in str(error), (trial, str(error))


def test_at_most_ten_faults_are_shown_and_all_are_counted(write):
    for n in (1, 2, 10, 11, 5000):
        write(a__tsv="text\tlabel\n" + "".join(f"good\tyes\nbad {i}\n" for i in range(n)))
        with pytest.raises(DataError) as caught:
            custom_task(kind="classification", files={"train": "a.tsv"})
        message = str(caught.value)
        numbers = ", ".join(str(3 + 2 * i) for i in range(1, min(n, 10)))
        assert message.count("1 column in 'bad") == 1 and message.endswith(", ...)") == (n > 10)
        assert n == 1 or f"({n - 1} more invalid line{'s' * (n > 2)}: {numbers}" in message


@pytest.mark.parametrize("column", ["patient_id", "PatientID", "subject_id", "pmid"])
def test_rows_of_a_patient_or_article_stay_together(write, column):
    rows = "".join(f"P{i // 4}\ttext {i}\t{'xy'[i % 2]}\n" for i in range(60))
    write(a__tsv=f"{column}\ttext\tlabel\n{rows}")
    task = custom_task(kind="classification", files={"train": "a.tsv"})
    train, dev = ({example.unit for example in read_split(task, split=split)} for split in ("train", "dev"))
    assert train | dev == {f"P{i}" for i in range(15)} and not train & dev
