"""Readers: what they accept, and that every refusal names file, line, value, expectation and remedy in one line."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from blurbstudy.errors import DataError
from blurbstudy.tasks import READERS, get_task
from blurbstudy.tasks.custom.formats import FOLDERS
from blurbstudy.tasks.formats import blurb_files as readers
from blurbstudy.tasks.task import CustomForm

BIOSSES, PUBMEDQA, BIOASQ = get_task("BIOSSES"), get_task("PubMedQA"), get_task("BioASQ")
HEADER = "pair_id\tsent1\tsent2\tscore\n"
PAIRS = [f"{i}\tThe first text {i}.\tThe second text {i}.\t{i % 5}.0\n" for i in range(1, 9)]
RECORD = {
    "QUESTION": "Does it help?",
    "CONTEXTS": ["They tried it.", "It helped."],
    "LABELS": ["METHODS", "RESULTS"],
    "LONG_ANSWER": "The giveaway sentence.",
    "final_decision": "yes",
}


def read(task, path, content):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return READERS[task.reader](path, task)


def refusal(task, path, content):
    """The message of the DataError, after what must be true of every one."""
    with pytest.raises(DataError) as caught:
        read(task, path, content)
    message = str(caught.value)
    assert "\n" not in message and len(message) - len(str(path)) < 300
    assert str(path) in message and "found" in message and "expected" in message
    return message


def task_of(reader):
    """A task that fits the reader: of tagged files of one's own, which columns hold word and tag."""
    columns = {"own_conll": ("1", "2"), "own_tagged_jsonl": ("words", "tags")}.get(reader, BIOSSES.columns)
    return replace(BIOSSES, reader=reader, columns=columns, custom=CustomForm() if reader.startswith("own_") else None)


def records(**changes):
    return json.dumps({"11": RECORD, "12": RECORD | changes}, indent=1)


def test_pairs_are_read_in_file_order(tmp_path):
    examples = read(BIOSSES, tmp_path / "train.tsv", HEADER + "".join(PAIRS))
    assert [e.id for e in examples] == [str(i) for i in range(1, 9)]
    assert examples[0].unit == "1"
    assert examples[0].texts == ("The first text 1.", "The second text 1.")
    assert [e.label for e in examples[:5]] == [1.0, 2.0, 3.0, 4.0, 0.0]


def test_a_table_without_header_gives_its_first_line_as_example(tmp_path):
    (example,) = read(BIOASQ, tmp_path / "train.tsv", "5a\tIs it?\tIt is.\tyes\n")
    assert (example.id, example.texts, example.label) == ("5a", ("Is it?", "It is."), "yes")


def test_contexts_are_joined_by_spaces_and_the_long_answer_is_never_read(tmp_path):
    examples = read(PUBMEDQA, tmp_path / "test_set.json", records())
    assert [e.id for e in examples] == ["11", "12"]
    assert examples[0].texts == ("Does it help?", "They tried it. It helped.")
    assert "giveaway" not in repr(examples)


@pytest.mark.parametrize(
    "text", ['an "unclosed quote', '"quoted"', "it's", '""', "a\u2028b", "a\x0bb", "a\x85b", "5–10 µg"]
)
def test_quotes_and_rare_line_separators_are_text(tmp_path, text):
    (example,) = read(BIOASQ, tmp_path / "train.tsv", f"1\tIs it?\t{text}\tno\n")
    assert example.texts[1] == text


def test_byte_order_mark_and_crlf_and_a_missing_last_newline_change_nothing(tmp_path):
    plain = HEADER + "".join(PAIRS)
    expected = read(BIOSSES, tmp_path / "train.tsv", plain)
    for variant in ("\ufeff" + plain, plain.replace("\n", "\r\n"), plain.removesuffix("\n"), plain + "\n \n"):
        assert read(BIOSSES, tmp_path / "train.tsv", variant) == expected
    plain = records()
    expected = read(PUBMEDQA, tmp_path / "test_set.json", plain)
    assert read(PUBMEDQA, tmp_path / "test_set.json", "\ufeff" + plain.replace("\n", "\r\n")) == expected


def test_a_biosses_file_with_a_broken_line_7_is_named_with_that_line(tmp_path):
    lines = [HEADER, *PAIRS]
    lines[6] = lines[6].replace("\t", " ", 1)
    message = refusal(BIOSSES, tmp_path / "train.tsv", "".join(lines))
    assert "train.tsv, line 7: found 3 columns" in message
    assert "expected 4 separated by tabs (pair_id, sent1, sent2, score)" in message


@pytest.mark.parametrize("score", ["4.1", "-0.2", "nan", "inf", "3,2", "", "high"])
def test_a_score_out_of_bounds_is_refused_with_its_line(tmp_path, score):
    message = refusal(BIOSSES, tmp_path / "dev.tsv", HEADER + PAIRS[0] + f"9\ta b\tc d\t{score}\n")
    assert f"line 3: found score {score!r}; expected a number from 0 to 4" in message


def test_an_unknown_label_is_refused_with_its_line(tmp_path):
    message = refusal(BIOASQ, tmp_path / "dev.tsv", "1\tq\tc\tyes\n2\tq\tc\tperhaps\n")
    assert "line 2: found answer 'perhaps'; expected yes or no" in message


@pytest.mark.parametrize("line", ["2\tq\ta\tb\tyes\n", "2\tq\tyes\n", "\n3\tq\tc\tyes\n"])
def test_a_wrong_number_of_columns_is_refused_with_its_line(tmp_path, line):
    assert "line 2: found" in refusal(BIOASQ, tmp_path / "dev.tsv", "1\tq\tc\tyes\n" + line)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("1\tq\tc\tno\n", "id '1' a second time"),
        ("\tq\tc\tno\n", "an empty id"),
        ("2\t \tc\tno\n", "an empty question"),
    ],
)
def test_doubled_ids_and_empty_fields_are_refused_with_their_line(tmp_path, line, found):
    assert f"line 2: found {found}" in refusal(BIOASQ, tmp_path / "dev.tsv", "1\tq\tc\tyes\n" + line)


def test_latin_1_bytes_are_refused_with_line_and_remedy(tmp_path):
    message = refusal(BIOASQ, tmp_path / "dev.tsv", "1\tq\tc\tyes\n2\tq\tna\u00efve\tno\n".encode("latin-1"))
    assert "line 2: found byte 0xEF, which is not UTF-8" in message and "iconv" in message


@pytest.mark.parametrize("content", ["", "\n", "\ufeff"])
def test_an_empty_split_is_refused(tmp_path, content):
    assert "found no examples" in refusal(BIOASQ, tmp_path / "dev.tsv", content)


def test_a_header_alone_and_a_header_with_other_columns_are_refused(tmp_path):
    assert "found no examples" in refusal(BIOSSES, tmp_path / "dev.tsv", HEADER)
    assert "line 1: found header" in refusal(BIOSSES, tmp_path / "dev.tsv", "".join(PAIRS))


def test_messages_quote_at_most_40_characters_of_a_text(tmp_path):
    secret = "word " * 50
    message = refusal(BIOASQ, tmp_path / "dev.tsv", f"1\t{secret}\n")
    assert message.count("word") <= 8


def test_invalid_json_is_refused_with_its_line(tmp_path):
    broken = records().replace('"final_decision": "yes"\n }\n}', '"final_decision": "yes"\n }\n')
    message = refusal(PUBMEDQA, tmp_path / "test_set.json", broken)
    assert f"line {broken.count(chr(10)) + 1}: found invalid JSON" in message


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("[1, 2]", "line 1: found a JSON list"),
        ("{}", "found no examples"),
        ("[" * 100_000, "found unreadable JSON"),
        ('{"11":\n 5}', "line 1, PMID '11': found a JSON int"),
        (records(final_decision="perhaps"), "PMID '12': found final_decision 'perhaps'; expected yes or no or maybe"),
        (records(CONTEXTS=[]), "PMID '12': found an empty CONTEXTS"),
        (records(CONTEXTS=[1]), "PMID '12': found CONTEXTS '[1]'"),
        (records(QUESTION=None), "PMID '12': found QUESTION 'null'"),
        (records(QUESTION="half \ud83d"), "PMID '12': found QUESTION with '\\ud83d'"),
        (json.dumps({"11": {"QUESTION": "q", "CONTEXTS": []}}), "PMID '11': found no key final_decision"),
        (records().replace('"12"', '"11"'), "PMID '11': found PMID '11' a second time"),
        (records().replace('"LABELS"', '"QUESTION"'), "PMID '11': found a duplicate key"),
    ],
)
def test_malformed_records_are_refused_with_their_key(tmp_path, content, found):
    assert found in refusal(PUBMEDQA, tmp_path / "test_set.json", content)


def test_the_line_of_a_json_record_is_that_of_its_key(tmp_path):
    content = records(final_decision="perhaps")
    line = content[: content.index('"12"')].count("\n") + 1
    assert f"test_set.json, line {line}, PMID '12'" in refusal(PUBMEDQA, tmp_path / "test_set.json", content)
    doubled = records().replace('"12"', '"11"')
    assert f"line {line}, PMID '11'" in refusal(PUBMEDQA, tmp_path / "test_set.json", doubled)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    for name, reader in READERS.items():
        with pytest.raises(DataError, match="no .txt file" if name in FOLDERS else "cannot be read"):
            reader(tmp_path, task_of(name))  # a folder


def test_after_a_json_key_with_needless_escapes_no_line_is_looked_for(tmp_path, monkeypatch):
    looked = []
    after_key = readers._after_key
    monkeypatch.setattr(readers, "_after_key", lambda *where: looked.append(where[1]) or after_key(*where))
    names = ["é", "1", *map(str, range(2, 50))]
    content = json.dumps({name: RECORD for name in names} | {"50": RECORD | {"final_decision": "perhaps"}})
    content = content.replace("\\u00e9", "é").replace('"1"', '"\\u0031"')
    message = refusal(PUBMEDQA, tmp_path / "test_set.json", content)
    assert looked == ["é", "1"]
    assert "test_set.json, PMID '50': found final_decision 'perhaps'" in message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such pipes there")
@pytest.mark.parametrize("reader", sorted(set(READERS) - set(FOLDERS)))
def test_a_pipe_or_device_is_refused_unread(tmp_path, reader):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(DataError, match="a device, pipe or socket; expected a regular file"):
            READERS[reader](path, task_of(reader))


def test_a_file_beyond_all_bounds_is_refused_unread(tmp_path):
    with (tmp_path / "huge.tsv").open("wb") as file:
        file.truncate(5 * 10**12)  # of holes: no disk holds it
    with pytest.raises(DataError, match=r"found a file of 5000\.0 GB; expected at most 1 GB"):
        READERS["tsv"](tmp_path / "huge.tsv", BIOSSES)


@pytest.mark.parametrize("path, name", [("test_set.json", "PubMedQA"), ("train.tsv", "BIOSSES"), ("a.tsv", "GAD")])
def test_nul_bytes_are_refused_with_their_line(tmp_path, path, name):
    assert "line 2: found a NUL byte" in refusal(get_task(name), tmp_path / path, b"{\n\x00}")
