"""Tables as programs write them: separators, line ends and quotes are recognized, or the row is an error."""

import csv
import io
import random

import pytest

from blurbstudy.errors import DataError
from blurbstudy.inference.inputs.documents import Document
from blurbstudy.inference.inputs.readers import read_documents
from blurbstudy.tasks import custom_task, read_split
from blurbstudy.tasks.formats.lines import decode_lines
from blurbstudy.tasks.formats.spreadsheets import table_rows

ROWS = [["text", "label"], ["one dose, twice", "a"], ["none; stopped", "b"], ["", "c"]]


def read(data: bytes | str, form: str = "csv"):
    data = data.encode() if isinstance(data, str) else data
    rows = list(table_rows(decode_lines(io.BytesIO(data)), form))
    assert rows[-1].bytes_read == len(data)
    return [row.fields for row in rows if not row.error], [(row.number, row.error[0]) for row in rows if row.error]


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        ("note,grade\rsleeps well,1\rwakes,2\r", [["note", "grade"], ["sleeps well", "1"], ["wakes", "2"]]),
        ("note;grade\rsleeps well;1\r", [["note", "grade"], ["sleeps well", "1"]]),
        ("note\tgrade\r\nno, none\t1\r\na; b\t2\r\n", [["note", "grade"], ["no, none", "1"], ["a; b", "2"]]),
        ("note|grade\nno pain|1\n", [["note", "grade"], ["no pain", "1"]]),
        ("sep=;\r\nnote;grade\r\n3,5 mg;1\r\n", [["note", "grade"], ["3,5 mg", "1"]]),
        ("\ufeffsep=\t\nnote, long\tgrade\na, b\t1\n", [["note, long", "grade"], ["a, b", "1"]]),
        ("SEP=,\nnote;x;y,grade\na;b;c,1\n", [["note;x;y", "grade"], ["a;b;c", "1"]]),
        ("\ufeffnote,grade\na,1\n", [["note", "grade"], ["a", "1"]]),
        (
            'note, grade\nthe first, "1"\nthe other, "2, 3"\n',
            [["note", "grade"], ["the first", "1"], ["the other", "2, 3"]],
        ),
        ("note, grade\nthe first, 1\n", [["note", " grade"], ["the first", " 1"]]),  # blanks are part of a text
        ('note,"grade; 1 is best; 3 worst"\na,1\n', [["note", "grade; 1 is best; 3 worst"], ["a", "1"]]),
        ('"grade, 1 to 3";"note, in full; free"\n1;a\n', [["grade, 1 to 3", "note, in full; free"], ["1", "a"]]),
        (
            "first;second;score\na;b;0,5\nc;d;1,5\n",
            [["first", "second", "score"], ["a", "b", "0,5"], ["c", "d", "1,5"]],
        ),
        ('note,grade\n"two\nlines; of it",1\n', [["note", "grade"], ["two\nlines; of it", "1"]]),
        ("note\na\n\n   \nb\n", [["note"], ["a"], ["b"]]),
        ("note,grade,\na,1,\n", [["note", "grade", ""], ["a", "1", ""]]),
    ],
)
def test_separators_line_ends_and_quotes_are_recognized(data, rows):
    assert read(data) == (rows, [])


@pytest.mark.parametrize(
    ("data", "errors"),
    [
        ('note,grade\n"open,1\n', [(2, "broken quoting (unexpected end of data)")]),
        ('note,grade\n"a"b,1\nc,2\n', [(2, """broken quoting (',' expected after '"')""")]),
        (b"note,grade\ncaf\xe9,1\nb,2\n", [(2, "byte 0xE9, which is not UTF-8")]),
        (b"note,grade\na\0,1\n", [(2, "a NUL byte")]),
    ],
)
def test_a_row_that_cannot_be_read_is_an_error_and_the_next_is_read(data, errors):
    rows, found = read(data)
    assert found == errors and rows[0] == ["note", "grade"]


def test_quotes_are_text_in_tsv():
    assert read('a\t"b"\n"c\td\n', "tsv") == ([["a", '"b"'], ['"c', "d"]], [])


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_what_python_s_writer_writes_is_read_back(separator, end, quoting):
    rng = random.Random(f"{separator}{end}{quoting}")
    for _ in range(40):
        texts = [
            "".join(rng.choices("ab ,;|\t\"'", k=rng.randint(1, 12))).strip() or "x" for _ in range(rng.randint(1, 30))
        ]
        rows = [["id", "text", "label"], *([str(i), text, "y"] for i, text in enumerate(texts))]
        file = io.StringIO()
        csv.writer(file, delimiter=separator, lineterminator=end, quoting=quoting).writerows(rows)
        assert read(file.getvalue()) == (rows, [])


DIALECTS = {  # how a program writes a table -> arguments of csv.writer
    "csv": {},
    "semicolons": {"delimiter": ";"},
    "tabs": {"delimiter": "\t"},
    "bars": {"delimiter": "|"},
    "carriage returns": {"lineterminator": "\r"},
    "all quoted": {"quoting": csv.QUOTE_ALL, "delimiter": ";"},
}


@pytest.mark.parametrize("before", ["", "\ufeff", "hint"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_training_and_prediction_read_the_same_texts(tmp_path, dialect, before):
    texts = ["plain", 'with "quotes"', "a; b; c", "x, y | z", " blanks around ", "not a nan", "two\nlines"]
    if dialect == "carriage returns":
        texts.pop()
    file = io.StringIO()
    writer = csv.writer(file, **{"lineterminator": "\n"} | DIALECTS[dialect])
    writer.writerows([("text", "label"), *((text, "ab"[i % 2]) for i, text in enumerate(texts))])
    end = "\r" if dialect == "carriage returns" else "\n"
    hint = f"sep={DIALECTS[dialect].get('delimiter', ',')}{end}" if before == "hint" else before
    path = tmp_path / "a.csv"
    path.write_bytes((hint + file.getvalue()).encode())
    task = custom_task(kind="classification", files={"train": path, "dev": path})
    predicted = [item.content for item in read_documents(path, task)]
    assert all(isinstance(document, Document) for document in predicted)
    assert [document.texts for document in predicted] == [e.texts for e in read_split(task, split="train")]
    assert [document.texts[0] for document in predicted] == texts


@pytest.mark.parametrize("suffix", ["tsv", "csv"])
@pytest.mark.parametrize("head", ["", "sentence\tlabel\n", "Premise\tScore\n"])
def test_training_and_prediction_see_the_same_header_where_columns_are_numbers(tmp_path, suffix, head):
    path = tmp_path / f"a.{suffix}"
    path.write_text(head + "a b\t1\nc d\t0\ne f\t1\n")
    task = custom_task(kind="classification", files={"train": path, "dev": path}, columns={"text": 1, "label": 2})
    predicted = [item.content.texts for item in read_documents(path, task, columns={"text": "1"})]
    assert predicted == [e.texts for e in read_split(task, split="train")] == [("a b",), ("c d",), ("e f",)]


@pytest.mark.parametrize("head", ["note\tgrade", "note\tlabel", "1\tcategory"])
def test_an_unusual_header_is_no_example_where_columns_are_numbers(tmp_path, head):
    path = tmp_path / "a.tsv"
    path.write_text(f"{head}\na b\t1\nc d\t0\ne f\t1\n")
    with pytest.raises(DataError, match=r"line 1: found label '\w+'; expected a label as in other rows; remove a line"):
        custom_task(kind="classification", files={"train": path, "dev": path}, columns={"text": 1, "label": 2})
