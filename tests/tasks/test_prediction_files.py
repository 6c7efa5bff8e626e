"""Files of predictions: what is read, that reading is the inverse of writing, and the first problem with its count."""

from __future__ import annotations

import dataclasses
import errno
import tracemalloc

import pytest

from blurbstudy.errors import DataError, DiskError, ParameterError
from blurbstudy.tasks import Example, get_task
from blurbstudy.tasks.formats.lines import read_lines
from blurbstudy.tasks.prediction_files import read_predictions, write_predictions

NCBI, BIOASQ, BIOSSES, HOC = (get_task(name) for name in ("NCBI-disease", "BioASQ", "BIOSSES", "HoC"))
SENTENCES = [
    Example("1", "1", ("No", "lung", "tumour"), "O B I"),
    Example("2", "2", ("Fever", '"', "."), "B O O"),
    Example("3", "3", ("Chills",), "B"),
]
QUESTIONS = [Example(f"q{i}", f"q{i}", ("Is it?", "It is."), "yes") for i in range(20)]
PAIRS = [Example(str(i), str(i), ("A b.", "C d."), float(i % 5)) for i in range(1, 21)]
DOCUMENTS = [Example(str(i), str(i), ("Cells grow .",), "") for i in range(3)]
FIRST, SECOND = HOC.labels[:2]


@pytest.mark.parametrize(
    ("task", "examples", "predictions"),
    [
        (NCBI, SENTENCES, ["O B I", "I O B", "O"]),
        (get_task("EBM PICO"), SENTENCES, ["O I-PAR I-INT", "I-OUT O O", "O"]),
        (BIOASQ, QUESTIONS, ["yes", "no"] * 10),
        (BIOSSES, PAIRS, [i / 3 - 1e-17 for i in range(20)]),
        (HOC, DOCUMENTS, ["", f"{FIRST},{SECOND}", SECOND]),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_what_is_written_is_read_again(tmp_path, task, examples, predictions):
    path = tmp_path / "preds.tsv"
    write_predictions(path, task, examples, predictions)
    assert read_predictions(path, task, examples) == predictions


def read(tmp_path, task, examples, text):
    path = tmp_path / "preds.tsv"
    path.write_bytes(text.encode())
    return read_predictions(path, task, examples, split="test")


def refusal(tmp_path, task, examples, text):
    with pytest.raises(DataError) as caught:
        read(tmp_path, task, examples, text)
    message = str(caught.value)
    assert "\n" not in message and message.startswith(str(tmp_path / "preds.tsv"))
    return message.removeprefix(f"{tmp_path}/")


def lines(values):
    return "".join(f"{name}\t{value}\n" for name, value in values.items())


def test_lines_may_stand_in_any_order_under_a_header_or_none(tmp_path):
    answers = {f"q{i}": "no" if i % 3 else "yes" for i in reversed(range(20))}
    expected = [answers[f"q{i}"] for i in range(20)]
    assert read(tmp_path, BIOASQ, QUESTIONS, lines(answers)) == expected
    assert read(tmp_path, BIOASQ, QUESTIONS, "\ufeffid\tprediction\r\n" + lines(answers)) == expected


def test_a_csv_is_read_by_its_header(tmp_path):
    answers = {f"q{i}": "no" if i % 3 else "yes" for i in reversed(range(20))}
    rows = "".join(f'"a text, quoted",{answer},{name}\r\n' for name, answer in answers.items())
    assert read(tmp_path, BIOASQ, QUESTIONS, "text,label,id\r\n" + rows) == [answers[f"q{i}"] for i in range(20)]
    sets = f'id;prediction\n0;\n1;"{FIRST}"\n2;{SECOND},{FIRST}\n'
    assert read(tmp_path, HOC, DOCUMENTS, sets) == ["", FIRST, f"{FIRST},{SECOND}"]
    missing = refusal(tmp_path, BIOASQ, QUESTIONS, "id,answer\nq1,yes\n")
    assert missing == "preds.tsv: columns id, answer, expected id and label; name the columns so"
    assert "line 3: found 1 column in 'q2'" in refusal(tmp_path, BIOASQ, QUESTIONS, "id,label\nq1,yes\nq2\n")
    assert "write a tab between them, or a header" in refusal(tmp_path, BIOASQ, QUESTIONS, "q1,yes\n")


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("id,label,prediction\n", "{},yes,{}\n"),
        ("id\tlabel\tprediction\n", "{}\tyes\t{}\n"),
        ("", '{{"id": "{}", "label": "yes", "prediction": "{}"}}\n'),
    ],
)
def test_predictions_are_read_and_not_the_gold_labels_beside_them(header, row, tmp_path):
    answers = {f"q{i}": "no" if i % 3 else "yes" for i in range(20)}
    text = header + "".join(row.format(*answer) for answer in answers.items())
    assert read(tmp_path, BIOASQ, QUESTIONS, text) == list(answers.values())


def test_labels_of_a_document_come_in_the_order_of_the_task(tmp_path):
    given = lines({"2": f"{SECOND}, {FIRST}", "0": "", "1": FIRST})
    assert read(tmp_path, HOC, DOCUMENTS, given) == ["", FIRST, f"{FIRST},{SECOND}"]


def test_tags_may_stand_behind_gold_tags_between_document_lines_and_be_ill_formed(tmp_path):
    two = '-DOCSTART- 5\n\nNo\tO\nlung\tI\ntumour\tB\n\nFever\tI\n"\tI\n.\tO\n\n\n-DOCSTART- 6\nChills\tB'
    three = 'No\tO\tO\nlung\tB\tI\ntumour\tI\tB\n\nFever\tB\tI\n"\tO\tI\n.\tO\tO\n\nChills\tB\tB\n'
    for text in (two, three):
        assert read(tmp_path, NCBI, SENTENCES, text) == ["O I B", "I I O", "B"]


RIGHT = {f"q{i}": "yes" for i in range(20)}
SCORES = {str(i): "1.5" for i in range(1, 21)}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            lambda d: {k: v for k, v in d.items() if k not in ("q5", "q9", "q19")},
            "preds.tsv: 3 of 20 predictions are missing, the first for id 'q5'; "
            "give one line per example of BioASQ test",
        ),
        (
            lambda d: {k: v for k, v in d.items() if k != "q5"},
            "preds.tsv: 1 of 20 predictions are missing, the first for id 'q5'",
        ),
        (
            lambda d: d | {"x": "yes", "y": "no"},
            "preds.tsv, line 21: found unknown id 'x'; expected the ids of BioASQ test",
        ),
        (lambda d: d | {"q2 ": "yes"}, "preds.tsv, line 21: found id 'q2' a second time"),
        (
            lambda d: d | {"q3": "maybe", "q4": "", "q7": "Yes"},
            "preds.tsv, line 4: found prediction 'maybe'; expected yes or no; correct the line "
            "(2 more invalid lines: 5 (prediction ''), 8 (prediction 'Yes'))",
        ),
        (
            lambda d: d | {"q3": ""},
            "preds.tsv, line 4: found prediction ''; expected yes or no; correct the line, or predict without --min",
        ),
        (
            lambda d: d | {"q3": "yes\tno", "q4": "perhaps"},
            "preds.tsv, line 4: found 3 columns in 'q3\\tyes\\tno'; expected id<TAB>",
        ),
        (lambda d: {}, "preds.tsv: 20 of 20 predictions are missing"),
    ],
)
def test_the_first_problem_is_named_with_how_often_it_occurs(tmp_path, changed, message):
    assert message in refusal(tmp_path, BIOASQ, QUESTIONS, lines(changed(RIGHT)))


@pytest.mark.parametrize("value", ["nan", "inf", "-Infinity", "", "high", "3,2"])
def test_a_number_must_be_finite(tmp_path, value):
    message = refusal(tmp_path, BIOSSES, PAIRS, lines(SCORES | {"7": value, "9": "nan"}))
    other = "" if value == "nan" else " (prediction 'nan')"
    further = f"(1 more invalid line: 9{other})"
    assert f"line 7: found prediction {value!r}; expected a finite number; correct the line {further}" in message


def test_numbers_beyond_the_scale_are_predictions(tmp_path):
    assert read(tmp_path, BIOSSES, PAIRS, lines(SCORES | {"1": "-3e2"}))[0] == -300.0


@pytest.mark.parametrize("value", ["1_0", "\uff11", "\u0661.\u0665"])
def test_python_s_other_numbers_are_none(tmp_path, value):
    assert float(value) > 0
    assert "line 7: found prediction" in refusal(tmp_path, BIOSSES, PAIRS, lines(SCORES | {"7": value}))


def test_a_document_s_id_alone_means_no_label(tmp_path):
    assert read(tmp_path, HOC, DOCUMENTS, f"id\tprediction\n0\n1\t{FIRST}\n2\n") == ["", FIRST, ""]
    message = refusal(tmp_path, HOC, DOCUMENTS, f"0\n1 {FIRST}\n2\n")
    assert f"line 2: found 1 column in '1 {FIRST}'" in message
    assert "line 2: found id '0' a second time" in refusal(tmp_path, HOC, DOCUMENTS, "0\n0\n1\n")
    assert "line 3: found 1 column" in refusal(tmp_path, BIOASQ, QUESTIONS, lines(RIGHT).replace("q2\tyes", "q2"))


@pytest.mark.parametrize("value", [f"{FIRST},", f",{FIRST}", f"{FIRST}, ,{SECOND}", ","])
def test_a_comma_too_many_is_named(tmp_path, value):
    message = refusal(tmp_path, HOC, DOCUMENTS, lines({"0": "", "1": value, "2": ""}))
    assert "line 2: found prediction" in message
    assert "expected a label on both sides of each comma; remove the extra comma or add the missing label" in message


def test_a_large_file_of_unknown_ids_costs_little_beside_its_lines(tmp_path):
    path = tmp_path / "preds.tsv"
    path.write_text("".join(f"unknown{i}\tyes\n" for i in range(100_000)))
    tracemalloc.start()
    with pytest.raises(DataError, match="line 1: found unknown id 'unknown0'.*99999 more invalid lines"):
        read_predictions(path, BIOASQ, QUESTIONS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    held = tracemalloc.get_traced_memory()[0]
    kept = read_lines(path)
    of_lines = tracemalloc.get_traced_memory()[1] - held
    tracemalloc.stop()
    assert len(kept) == 100_000 and peak < 1.2 * of_lines


def test_an_unknown_label_of_a_document_is_named(tmp_path):
    message = refusal(tmp_path, HOC, DOCUMENTS, lines({"0": "", "1": f"{FIRST},growth", "2": ""}))
    assert (
        "line 2: found prediction" in message and f"expected nothing, or labels separated by commas: {FIRST}" in message
    )


GOOD = 'No\tO\nlung\tB\ntumour\tI\n\nFever\tO\n"\tO\n.\tO\n\nChills\tB\n'
OTHER_NUMBER = (
    "found 2 sentences; expected 3 as in NCBI-disease test, each followed by an empty line; the first difference is in"
)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "lung",
            "Lung",
            "line 2: found token 'Lung'; expected 'lung' as in NCBI-disease",
        ),
        ("\tO", "\tN", "line 1: found tag 'N'; expected O or B or I; correct the tag (3 more invalid lines: 5, 6, 7)"),
        (
            "\tB",
            "\tB-Disease",
            "line 2: found tag 'B-Disease'; expected O or B or I; strip the types, such as B for 'B-Disease'",
        ),
        ("\tB", "\tS-Disease", "line 2: found tag 'S-Disease'; expected O or B or I"),
        ("lung\tB", "lung B", "line 2: found 1 column in 'lung B'; expected token<"),
        ("lung\tB", "lung\tB\tI", "line 2: found 3 columns"),
        (
            "lung\tB\n",
            "",
            "line 1: found sentence 1 with 2 words; expected 3",
        ),
        (".\tO\n\n", ".\tO\n", f"{OTHER_NUMBER} sentence 2 (line 5)"),
        ("Chills\tB\n", "", f"{OTHER_NUMBER} sentence 3"),
        (GOOD, "", "found 0 sentences"),
    ],
)
def test_tagged_files_are_held_against_the_words(tmp_path, old, new, message):
    assert message in refusal(tmp_path, NCBI, SENTENCES, GOOD.replace(old, new))


def test_a_missing_file_and_latin_1_are_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_predictions(tmp_path / "none.tsv", NCBI, SENTENCES)
    (tmp_path / "preds.tsv").write_bytes(GOOD.replace("Fever", "Fi\xe8vre").encode("latin-1"))
    with pytest.raises(DataError, match="line 5: found byte 0xE8, which is not UTF-8"):
        read_predictions(tmp_path / "preds.tsv", NCBI, SENTENCES)


def test_writing_refuses_another_number_of_predictions_or_tags(tmp_path):
    with pytest.raises(ParameterError, match="2 predictions for 3 examples"):
        write_predictions(tmp_path / "p.tsv", NCBI, SENTENCES, ["O O O", "O"])
    with pytest.raises(ParameterError, match="sentence 2: 2 tags for 3 words"):
        write_predictions(tmp_path / "p.tsv", NCBI, SENTENCES, ["O O O", "O O", "O"])
    assert not (tmp_path / "p.tsv").exists()


def test_no_file_is_overwritten_and_none_is_left_half(tmp_path, monkeypatch):
    path = tmp_path / "p.tsv"
    path.write_text("mine")
    with pytest.raises(ParameterError, match="p.tsv: exists; name another file"):
        write_predictions(path, BIOASQ, QUESTIONS[:1], ["yes"])
    assert path.read_text() == "mine"
    with pytest.raises(DiskError, match="cannot be written: a file exists where a folder is needed"):
        write_predictions(path / "q.tsv", BIOASQ, QUESTIONS[:1], ["yes"])

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    other = tmp_path / "q.tsv"
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskError, match="cannot be written: no space is left on the disk"):
        write_predictions(other, BIOASQ, QUESTIONS[:1], ["yes"])
    assert [file.name for file in tmp_path.iterdir()] == ["p.tsv"]


def predicted_lines(format_name, task, predictions):
    from blurbstudy.inference.inputs.documents import Document
    from blurbstudy.inference.outputs.formats import OUTPUT_FORMATS
    from blurbstudy.inference.predictor import Prediction

    def prediction(name, value):
        document = Document(name, ("x",))
        if task.output == "score":
            return Prediction(document, score=value)
        shares = dict.fromkeys(task.labels, 0.25)
        if task.output == "multi_label":
            return Prediction(document, labels=tuple(value.split(",") if value else ()), probabilities=shares)
        return Prediction(document, label=value, probabilities=shares)

    output = OUTPUT_FORMATS[format_name]
    return output.begin(task) + "".join(output.document(prediction(*one), task) for one in predictions.items())


ODD = dataclasses.replace(BIOASQ, labels=("a\\b", "c\\\\n", "1"))


@pytest.mark.parametrize("format_name", ["tsv", "jsonl"])
@pytest.mark.parametrize(
    ("task", "examples", "predictions"),
    [
        (BIOASQ, QUESTIONS, ["yes", "no"] * 10),
        (ODD, QUESTIONS, [ODD.labels[i % 3] for i in range(20)]),
        (BIOSSES, PAIRS, [round(i / 3, 4) for i in range(20)]),
        (HOC, DOCUMENTS, ["", f"{FIRST},{SECOND}", SECOND]),
    ],
    ids=("classes", "backslashes", "scores", "several labels"),
)
def test_what_predict_writes_is_read(tmp_path, format_name, task, examples, predictions):
    ids = [example.id for example in examples]
    content = predicted_lines(format_name, task, dict(zip(ids, predictions, strict=True)))
    assert read(tmp_path, task, examples, content) == predictions
    assert "missing" in refusal(tmp_path, task, examples, content.rsplit("\n", 2)[0] + "\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"id": "q0"}\n', "preds.tsv, line 1: found keys id; expected id and label; restore the line"),
        ('{"id": "q0", "label": "maybe"}\n', "preds.tsv, line 1: found prediction 'maybe'; expected yes or no"),
        ('{"id": "q0", "label": ["yes", "no"]}\n', "preds.tsv, line 1: found prediction 'yes,no'; expected yes or no"),
        ("id\tlabel\tprobability\nq0\tyes\n", "preds.tsv, line 2: found 2 columns in 'q0\\tyes'; expected 3 as in"),
        ("id\tmood\tprobability\nq0\tyes\t1\n", "preds.tsv, line 1: found 3 columns"),
    ],
    ids=range(5),
)
def test_what_is_not_as_predict_writes_it_is_refused(tmp_path, content, message):
    assert refusal(tmp_path, BIOASQ, QUESTIONS, content).startswith(message)
