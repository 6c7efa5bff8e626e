"""What a file is, told by its content: JSON, BioC and PubTator under any ending, and nothing else taken for them."""

import pytest

from blurbstudy.tasks.formats.records import detect_content, first_record, record_unit

# name, content, what it is, what numbers its records
FILES = [
    ("a.txt", '{"text": "x"}\n{"text": "y"}\n', "json", "line"),
    ("a.tsv", '\ufeff\n\n{"text": "x"}\n', "json", "line"),
    ("a.conll", '["x y", {"entities": []}]\n["z", {"entities": []}]\n', "json", "line"),
    ("a", '[{"text": "x"},\n {"text": "y"}]', "json", "record"),
    ("a.csv", '[\n  {\n    "text": "x"\n  }\n]', "json", "record"),
    ("a.txt", '{\n  "documents": [{"id": "1", "passages": [{"offset": 0, "text": "x"}]}]\n}', "json", "record"),
    ("a.json", '{"text": "x"}', "json", "line"),
    ("a.json", '{"text": "x"', "json", "line"),  # is meant to be JSON; its reader reports the line
    ("a.txt", "<?xml version='1.0'?><collection><document></document></collection>", "json", "record"),
    ("a.xml", "<article/>", "json", "line"),
    ("12.txt", "12|t|A title\n12|a|An abstract\n", "pubtator", "line"),
    ("a", "PMC_1|t|A title", "pubtator", "line"),
    ("a.txt", '{"text": "x"\n{"text": "y"}\n', "json", "line"),  # its first line is damaged
    ("a.txt", '"text": "x"}\n{"text": "y"}\n', "json", "line"),
    ("a.txt", '[{"text": "x"}, {"text"', "json", "line"),
    # a text, not what its first character may suggest
    ("a.txt", "[1] Smith et al. report a case.\n", "", "line"),
    ("a.txt", "[1]\n[2]\n", "", "line"),
    ("a.txt", "{see below} aspirin was given.\n", "", "line"),
    ("a.txt", '{"text" is a key}\n', "", "line"),
    ("a.tsv", '{"a": 1}\tyes\n', "", "line"),
    ("a.txt", "<p>aspirin was given</p>\n", "", "line"),
    ("a.txt", "<?xml version='1.0'?><article>x</article>", "", "line"),
    ("a.txt", "sodium|t|potassium ratio was low", "pubtator", "line"),
    ("a.txt", "ratio of sodium |t| potassium", "", "line"),
    ("a.txt", "", "", "line"),
    ("a.txt", b"caf\xe9 {", "", "line"),
    ("a.csv", "text,label\n", "", "line"),
]


@pytest.mark.parametrize(("name", "content", "expected", "unit"), FILES, ids=range(len(FILES)))
def test_content_tells_what_a_file_is(tmp_path, name, content, expected, unit):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert (detect_content(path), record_unit(path)) == (expected, unit)


def test_a_pipe_is_not_read_to_learn_what_it_is(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.jsonl")
    assert detect_content(tmp_path / "pipe.jsonl") == ""


@pytest.mark.parametrize("depth", [100, 100_000])
def test_deeply_nested_lists_are_refused_without_a_traceback(tmp_path, depth):
    from blurbstudy.errors import DataError

    (tmp_path / "a.json").write_text("[" * depth + "]" * depth)
    with pytest.raises(DataError, match="invalid JSON|no examples"):
        first_record(tmp_path / "a.json")
