"""Readers keep texts unchanged in every input format and report unreadable parts with their line."""

from __future__ import annotations

import dataclasses
import io
import json
import sys

import pytest

from blurbstudy.errors import DataError, ParameterError
from blurbstudy.inference.inputs.documents import Document, ReadError
from blurbstudy.inference.inputs.readers import FORMATS, input_format, input_size, read_documents
from blurbstudy.tasks import get_task
from tests.inference.lexicon import typed_task

ENTITIES, PAIRS, CLASSES, SEVERAL = typed_task(), get_task("BIOSSES"), get_task("GAD"), get_task("HoC")
ODD = "tab\there, astral 𝔸, e\u0301, NBSP\u00a0, zero\u200bwidth, line\u2028separator"


def read(path, task=ENTITIES, **options):
    """The documents as (id, texts), and the error messages."""
    items = list(read_documents(path, task, **options))
    documents = [(item.content.id, item.content.texts) for item in items if isinstance(item.content, Document)]
    return documents, [item.content.message for item in items if isinstance(item.content, ReadError)]


def written(tmp_path, name: str, content: str | bytes):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_text_file_is_one_unchanged_document(tmp_path):
    text = f"{ODD}\r\nsecond line\r\n\r\n"
    assert read(written(tmp_path, "a.txt", text)) == ([("a", (text,))], [])
    assert read(written(tmp_path, "a.txt", "\ufeff" + text)) == ([("a", (text,))], [])


def test_a_folder_holds_a_document_in_every_text_file(tmp_path):
    for name in ("b.txt", "a.txt", "a.ann", "c.md"):
        written(tmp_path, name, name)
    written(tmp_path, "broken.txt", b"caf\xe9")
    documents, errors = read(tmp_path)
    assert documents == [("a", ("a.txt",)), ("b", ("b.txt",))]
    assert len(errors) == 1 and "broken.txt, line 1" in errors[0] and "0xE9" in errors[0]
    assert [item.bytes_read for item in read_documents(tmp_path, ENTITIES)][-1] == input_size(tmp_path) == 14


def test_lines_are_documents_and_end_at_line_breaks_alone(tmp_path):
    path = written(tmp_path, "a.txt", f"{ODD}\r\n\nthird\rstill\nlast")
    expected = [("1", (ODD,)), ("2", ("",)), ("3", ("third\rstill",)), ("4", ("last",))]
    assert read(path, format_name="lines") == (expected, [])
    assert "line 2: found an empty line" in read(path, CLASSES, format_name="lines")[1][0]


def test_standard_input_is_one_text_unless_another_format_is_named(monkeypatch):
    def set_stdin(data: bytes):
        monkeypatch.setattr(sys, "stdin", type("Stream", (), {"buffer": io.BytesIO(data)}))

    set_stdin(b"a\r\nb")
    assert read("-") == ([("stdin", ("a\r\nb",))], [])
    set_stdin(b"a\nb")
    assert read("-", format_name="lines") == ([("1", ("a",)), ("2", ("b",))], [])
    assert input_size("-") is None


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.tsv"])
def test_records_are_read_by_the_columns_that_the_task_has_or_that_are_usual(tmp_path, name):
    def record(**fields):
        if name.endswith("jsonl"):
            return json.dumps(fields) + "\n"
        separator = "," if name.endswith("csv") else "\t"
        return separator.join(fields) + "\n" + separator.join(fields.values()) + "\n"

    assert read(written(tmp_path, name, record(label="x", pmid="7", Text="A."))) == ([("1", ("A.",))], [])
    path = written(tmp_path, name, record(id="i", sent2="B", sent1="A"))
    assert read(path, PAIRS) == ([("i", ("A", "B"))], [])
    path = written(tmp_path, name, record(PMID="9", CONTEXTS="C", QUESTION="Q", final_decision="yes"))
    assert read(path, get_task("PubMedQA")) == ([("9", ("Q", "C"))], [])
    path = written(tmp_path, name, record(first="A", second="B", key="k", id="n"))
    roles = {"text": "first", "text2": "second", "id": "key"}
    assert read(path, PAIRS, columns=roles) == ([("k", ("A", "B"))], [])
    with pytest.raises(DataError, match="which column is the text2.*--columns text2=NAME"):
        read(written(tmp_path, name, record(id="i", text="A")), PAIRS)
    with pytest.raises(DataError, match="no column 'abstract'; it has 'id', 'text'"):
        read(written(tmp_path, name, record(id="i", text="A")), columns={"text": "abstract"})


def test_a_text_is_read_only_where_one_column_can_be_it(tmp_path):
    path = written(tmp_path, "a.csv", "pmid,title,abstract\n1,T,A\n")
    for task in (ENTITIES, CLASSES):
        with pytest.raises(DataError, match="title, abstract may each be the text; pass --columns text=NAME, or join"):
            read(path, task)
        (item,) = read_documents(path, task, columns={"text": "abstract"})
        assert item.content.texts == ("A",) and item.columns == {"text": "abstract"}
    trained = dataclasses.replace(CLASSES, columns=("pmid", "abstract", "label"))
    (item,) = read_documents(path, trained)
    assert item.columns == {"id": "pmid", "text": "abstract"}
    (item,) = read_documents(written(tmp_path, "b.csv", "title,text\nT,A\n"), CLASSES)
    assert item.columns == {"text": "text"}


def test_texts_of_json_keep_every_character_and_lists_are_joined(tmp_path):
    lines = [json.dumps({"id": 1, "text": f"{ODD}\r\n"}), json.dumps({"id": "b", "text": ["One.", "Two."]}), "", " "]
    path = written(tmp_path, "a.jsonl", "\n".join(lines) + "\n")
    assert read(path) == ([("1", (f"{ODD}\r\n",)), ("b", ("One. Two.",))], [])


def test_words_of_json_are_not_split_again(tmp_path):
    path = written(tmp_path, "a.jsonl", json.dumps({"id": "a", "tokens": ["IL-2", "(", "x y"]}) + "\n")
    (item,) = read_documents(path, ENTITIES)
    assert item.content == Document("a", ("IL-2 ( x y",), (((0, 4), (5, 6), (7, 10)),))
    path.write_text(json.dumps({"tokens": ["a", ""]}) + "\n" + json.dumps({"tokens": "ab"}) + "\n")
    assert ["not a list of words" in error for error in read(path)[1]] == [True, True]


def test_csv_fields_hold_line_breaks_and_separators(tmp_path):
    path = written(tmp_path, "a.csv", 'id;text\r\n1;"a; ""b""\r\nc"\r\n\r\n2;d\r\n')
    assert read(path) == ([("1", ('a; "b"\r\nc',)), ("2", ("d",))], [])
    assert read(written(tmp_path, "b.tsv", 'x\t"a\n'), format_name="tsv", columns={"text": "2", "id": "1"}) == (
        [("x", ('"a',))],
        [],
    )


def test_tagged_tsv_is_conll_and_tsv_with_a_text_column_is_not(tmp_path):
    assert input_format(written(tmp_path, "a.tsv", "Aspirin\tB\n"), ENTITIES) == "conll"
    assert input_format(written(tmp_path, "a.tsv", "id\ttext\n1\tA\n"), ENTITIES) == "tsv"
    assert input_format(written(tmp_path, "a.tsv", "1\tA\n"), CLASSES) == "tsv"


def test_conll_documents_are_marked_or_else_sentences(tmp_path):
    path = written(tmp_path, "a.conll", "IL-2\tO\n.\tO\n\n\nB\tO\n")
    (first, second) = (item.content for item in read_documents(path, ENTITIES))
    assert first == Document("1", ("IL-2 .",), (((0, 4), (5, 6)),), marked=False)
    assert (second.id, second.texts) == ("2", ("B",))
    path.write_text("-DOCSTART- (x)\n\na O\nb O\n\nc O\n\n-DOCSTART- -X- O O\nd O\n-DOCSTART- -X-\ne\n")
    documents = [item.content for item in read_documents(path, ENTITIES)]
    assert [(one.id, one.texts, one.marked) for one in documents] == [
        ("x", ("a b\nc",), True),
        ("d1", ("d",), True),
        ("d2", ("e",), True),
    ]
    path.write_text("1\tAspirin\tO\n")
    assert read(path, columns={"words": "2"}) == ([("1", ("Aspirin",))], [])


def test_pubtator_text_is_title_and_abstract(tmp_path):
    first = "1|t|A title.\n1|a|The | text.\n1\t0\t1\tA\tDrug\tD1\n\n2|t|Only a title\n\n"
    content = first + "3|a|no title\n\n4|t|T\n5|a|x\n6|t|U\n6|a|V\n"
    documents, errors = read(written(tmp_path, "a.pubtator", content))
    assert documents == [("1", ("A title.\nThe | text.",)), ("2", ("Only a title",)), ("6", ("U\nV",))]
    assert "line 7: found '3|a|no title'; expected ID|t|TITLE" in errors[0]
    assert "line 10: found '5|a|x'; expected 4|a|ABSTRACT" in errors[1]


BAD = {
    "invalid JSON": b"{oops\n",
    "a JSON list": b"[1]\n",
    "no text": b'{"id": "x"}\n',
    "byte 0xE9, which is not UTF-8": b'{"id": "x", "text": "caf\xe9"}\n',
    "a NUL byte": b'{"id": "x", "text": "a\x00"}\n',
    "a NUL character in": b'{"id": "x", "text": "a\\u0000"}\n',
    "half a Unicode character in": b'{"id": "x", "text": "a\\ud800"}\n',
    "a JSON dict as": b'{"id": "x", "text": {}}\n',
}


@pytest.mark.parametrize("message", BAD)
def test_an_invalid_line_is_reported_and_reading_continues(tmp_path, message):
    content = b'{"id": "1", "text": "a"}\n' + BAD[message] + b'{"id": "3", "text": "c"}\n'
    documents, errors = read(written(tmp_path, "a.jsonl", content))
    assert [name for name, _ in documents] == ["1", "3"]
    assert len(errors) == 1 and message in errors[0] and "line 2" in errors[0]
    assert "\n" not in errors[0] and len(errors[0]) < 300


def test_no_document_is_lost_for_its_id(tmp_path):
    lines = ['{"id": "P", "text": "a"}', '{"id": "P.2", "text": "b"}', '{"id": "P", "text": "c"}']
    lines += ['{"id": "P", "text": "d"}', '{"id": " ", "text": "e"}', '{"text": "f"}', '{"id": "\\u0000", "text": "g"}']
    path = written(tmp_path, "a.jsonl", "\n".join(lines))
    items = list(read_documents(path, CLASSES))
    documents = [item.content for item in items]
    assert [(one.id, one.texts[0]) for one in documents] == [
        ("P", "a"),
        ("P.2", "b"),
        ("P.3", "c"),
        ("P.4", "d"),
        ("5", "e"),
        ("6", "f"),
        ("7", "g"),
    ]
    assert [item.renamed for item in items] == [False, False, True, True, True, True, True]
    zero = written(tmp_path, "zero.jsonl", "".join(f'{{"id": {i}, "text": "a"}}\n' for i in range(3)))
    assert [name for name, _ in read(zero, CLASSES)[0]] == ["0", "1", "2"]
    documents, _ = read(path, CLASSES, columns={"id": ""})
    assert [name for name, _ in documents] == ["1", "2", "3", "4", "5", "6", "7"]


def test_an_empty_text_is_tagged_but_not_classified(tmp_path):
    path = written(tmp_path, "a.jsonl", '{"text": ""}\n{"text": " \\n"}\n{"text": []}\n')
    assert [texts for _, texts in read(path)[0]] == [("",), (" \n",), ("",)]
    assert ["an empty text" in error for error in read(path, CLASSES)[1]] == [True] * 3
    for name in ("folder/a.txt", "a.pubtator"):
        (tmp_path / "folder").mkdir(exist_ok=True)
        path = written(tmp_path, name, " \n" if name.endswith("txt") else "7|t|\n7|a| \n")
        for where in {path, path.parent if name.startswith("folder") else path}:
            assert len(read(where)[0]) == 1
            (error,) = read(where, CLASSES)[1]
            assert "found an empty text; expected a text to predict for" in error


def test_rows_of_another_width_and_broken_quotes_are_errors(tmp_path):
    path = written(tmp_path, "a.csv", 'id,text\n1,a\n2\n3,"b"c\n4,d\n5,\xff\n'.encode("latin-1"))
    documents, errors = read(path)
    assert [name for name, _ in documents] == ["1", "4"]
    assert ["line 3" in errors[0], "line 4" in errors[1], "line 6" in errors[2]] == [True] * 3
    assert "broken quoting" in errors[1] and "0xFF" in errors[2]


def test_a_sentence_of_conll_with_a_broken_line_is_an_error(tmp_path):
    documents, errors = read(written(tmp_path, "a.conll", b"a\tO\n\nb\xff\tO\n\n \tO\n\nc\tO\n"))
    assert documents == [("1", ("a",)), ("4", ("c",))]
    assert "line 3" in errors[0] and "line 5" in errors[1]


def test_a_line_of_100000_characters_is_a_document(tmp_path):
    long = "word " * 20_000
    for name, content in (("a.jsonl", json.dumps({"text": long})), ("a.csv", f"text\n{long}"), ("a.txt", long)):
        assert read(written(tmp_path, name, content)) == ([(name[0] if "txt" in name else "1", (long,))], [])


def test_unreadable_inputs_are_refused(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read(tmp_path / "none.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no .txt files"):
        read(tmp_path / "empty")
    with pytest.raises(ParameterError, match="not a known format; pass --input-format"):
        read(written(tmp_path, "a.bin", b"PK"))
    with pytest.raises(ParameterError, match="'xml' is unknown; use auto, text"):
        read(written(tmp_path, "a.txt", "a"), format_name="xml")
    with pytest.raises(ParameterError, match="reads pairs of texts"):
        read(written(tmp_path, "a.txt", "a"), PAIRS)
    with pytest.raises(ParameterError, match="does not tag words"):
        read(written(tmp_path, "a.conll", "a\tO"), SEVERAL)
    with pytest.raises(ParameterError, match="unknown role 'label'; use text, text2, id or words"):
        read(written(tmp_path, "a.csv", "a\n1\n"), columns={"label": "a"})
    with pytest.raises(ParameterError, match="works with jsonl, csv, tsv, conll, not with text"):
        read(written(tmp_path, "a.txt", "a"), columns={"text": "a"})


def test_memory_does_not_grow_with_the_file(tmp_path, monkeypatch):
    """Readers yield each document before they read the next: the first ten of an endless stream arrive."""

    class Endless(io.RawIOBase):
        def __init__(self, line: bytes):
            self.line, self.count = line, 0

        def readline(self, size: int = -1) -> bytes:
            self.count += 1
            return self.line % self.count if b"%d" in self.line else self.line

    lines = {
        "lines": b"a text %d\n",
        "jsonl": b'{"text": "a %d"}\n',
        "csv": b"text %d\n",
        "tsv": b"text %d\n",
        "pubtator": b"%d|t|T\n\n",
        "conll": b"word%d\tO\n\n",
    }
    assert set(lines) == set(FORMATS) - {"text"}
    for name, line in lines.items():
        stream = Endless(line)
        if name in ("pubtator", "conll"):
            stream.line = line.removesuffix(b"\n")
            stream.readline = lambda size=-1, stream=stream: _turns(stream)
        monkeypatch.setattr(sys, "stdin", type("Stream", (), {"buffer": stream}))
        columns = {"text": "1"} if name in ("csv", "tsv") else None
        items = read_documents("-", ENTITIES, format_name=name, columns=columns)
        assert len([next(items) for _ in range(10)]) == 10
        assert stream.count < 30


def _turns(stream) -> bytes:
    """A line, then an empty one."""
    stream.count += 1
    return b"\n" if stream.count % 2 == 0 else stream.line % stream.count
