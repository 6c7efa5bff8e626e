"""Tagged sentences: words, tags, documents, and what is refused."""

from __future__ import annotations

import pytest

from blurbstudy.errors import DataError
from blurbstudy.tasks import READERS, example_size, get_task

NCBI, PICO, JNLPBA = get_task("NCBI-disease"), get_task("EBM PICO"), get_task("JNLPBA")


def read(tmp_path, text, task=NCBI):
    path = tmp_path / "train.tsv"
    path.write_text(text, encoding="utf-8")
    return READERS[task.reader](path, task)


def refusal(tmp_path, text, task=NCBI):
    with pytest.raises(DataError) as caught:
        read(tmp_path, text, task)
    return str(caught.value)


def test_sentences_are_counted_from_1_and_stand_alone_without_document_lines(tmp_path):
    first, second = read(tmp_path, "No\tO\nlung\tB\ntumour\tI\n\nFever\tB\nchills\tB\n\n")
    assert (first.id, first.unit, first.texts, first.label) == ("1", "1", ("No", "lung", "tumour"), "O B I")
    assert (second.id, second.unit, second.texts, second.label) == ("2", "2", ("Fever", "chills"), "B B")
    assert [example_size(NCBI, e.label) for e in (first, second)] == [1, 2]


def test_document_lines_name_the_units_with_and_without_parentheses(tmp_path):
    text = "-DOCSTART- 91\n\nA\tO\n\nB\tB\n\n-DOCSTART- (92)\n\nC\tO\n\n-DOCSTART- 91\n\nD\tO\n"
    examples = read(tmp_path, text, JNLPBA)
    assert [(e.id, e.unit) for e in examples] == [("1", "91"), ("2", "91"), ("3", "92"), ("4", "91")]


@pytest.mark.parametrize("line", ["-DOCSTART-", "-DOCSTART- -X- O O", "-DOCSTART- -X- -X- O", "-DOCSTART-\tO"])
def test_document_lines_without_ids_are_counted(tmp_path, line):
    examples = read(tmp_path, f"{line}\n\nA\tO\n\nB\tB\n\n{line}\n\nC\tO\n\n{line} \nD\tO\n", JNLPBA)
    assert [(e.id, e.unit) for e in examples] == [("1", "d1"), ("2", "d1"), ("3", "d2"), ("4", "d3")]


def test_document_lines_with_and_without_ids_stay_apart(tmp_path):
    text = "-DOCSTART-\nA\tO\n-DOCSTART- 7\nB\tO\n-DOCSTART-\nC\tO\n-DOCSTART- 7\nD\tO\n"
    assert [e.unit for e in read(tmp_path, text, JNLPBA)] == ["d1", "7", "d2", "7"]


def test_a_document_line_ends_a_sentence_and_empty_documents_add_nothing(tmp_path):
    examples = read(tmp_path, "-DOCSTART- 1\nA\tO\n-DOCSTART- 2\n-DOCSTART- 3\nB\tO\n  \n\n\nC\tO\n", JNLPBA)
    assert [(e.unit, e.texts) for e in examples] == [("1", ("A",)), ("3", ("B",)), ("3", ("C",))]


def test_pico_tags_need_no_beginning(tmp_path):
    (example,) = read(tmp_path, "Adults\tI-PAR\ntook\tO\npills\tI-INT\n", PICO)
    assert example.label == "I-PAR O I-INT" and example_size(PICO, example.label) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A\tO\nB\tI\n", "line 2: found tag 'I' outside a mention; expected B at the first word of a mention"),
        ("A\tB\n\nB\tI\n", "line 3: found tag 'I' outside a mention"),
        ("A\tO\nB\tB-Disease\n", "line 2: found tag 'B-Disease'; expected O or B or I"),
        ("A\tO\n\n\tO\n", "line 3: found an empty token; expected a word"),
        ("A\tO\n\u00a0\tO\n", "line 2: found an empty token"),
        ("A\tO\n\t\nB\tO\n", "line 2: found an empty token"),
        ("A\tO\nB O\n", "line 2: found 1 column in 'B O'; expected 2 separated by a tab (token, tag)"),
        ("A\tO\tO\n", "line 1: found 3 columns"),
        ("-DOCSTART- 7\n\n-DOCSTART- (8)\n", "found no sentences; expected some of NCBI-disease"),
        ("A\tO\n\n-DOCSTART- 7\nB\tO\n", "line 3: found the first -DOCSTART-; expected it before the first sentence"),
        ("A\tO\n-DOCSTART- 7\nB\tO\n", "line 2: found the first -DOCSTART-"),
        ("-DOCSTART-\nB\tO\n-DOCSTART- d1\nA\tO\n", "line 3: found the id 'd1'; expected an id other than d1, d2, ..."),
        ("-DOCSTART- ()\nB\tO\n", "line 1: found '-DOCSTART- ()'"),
        ("-DOCSTART- 7\tO\nB\tO\n", "line 1: found '-DOCSTART- 7\\tO'"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_line(tmp_path, text, message):
    assert f"{tmp_path / 'train.tsv'}" in (said := refusal(tmp_path, text)) and message in said


def test_a_sentence_is_not_quoted_in_a_message(tmp_path):
    said = refusal(tmp_path, "A\tO\n" + "word " * 50 + "\n")
    assert said.count("word") <= 9
