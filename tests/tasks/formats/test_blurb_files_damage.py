"""Every file format against every kind of damage: read as it was, or refused in one line that names file and line."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from blurbstudy.errors import DataError
from blurbstudy.tasks import READERS, get_task

HOC_HEADER = "labels\tsentence\tindex\n"


def hallmarks(*positions):
    return ",".join(f"{i}_{int(i in positions)}" for i in range(10))


@dataclass(frozen=True)
class Format:
    """A valid file of a task; one of its lines holds what is damaged."""

    task: str
    text: str  # {word}, {label}, {tab} and {id} stand on the line that is damaged
    line: int
    label: str
    id: str = ""
    other: str = ""  # id of another record

    def made(self, **changes):
        return self.text.format(**({"word": "aspirin", "label": self.label, "tab": "\t", "id": self.id} | changes))


HOC = f"{HOC_HEADER}{hallmarks(3)}\tOne .\t7_s0\n{{label}}\tThe {{word}} works .{{tab}}{{id}}\n"
RECORD = '{{"QUESTION": "Does {word} help?", "CONTEXTS": ["It did."], "final_decision": "{label}"}}'
RECORDS = '{{"11": ' + RECORD.replace("{word}", "it").replace("{label}", "yes") + ',\n"{id}": ' + RECORD + "}}\n"
GAD = "index\tsentence\tlabel\n0\t@GENE$ it is.\t1\n{id}\tNo {word}.{tab}{label}\n"
BIOSSES = "pair_id\tsent1\tsent2\tscore\n1\tA b.\tC d.\t1.5\n{id}\tE f.\tG {word}{tab}{label}\n"
CHEMPROT = "7.T1.T2\tOne @GENE$.\tfalse\n{id}\tThe {word} binds.{tab}{label}\n"
JNLPBA = "-DOCSTART- 7\n\nDoes\tO\n{word}{tab}{label}\n\n-DOCSTART- 8\n\nYes\tO\n"
PICO = "-DOCSTART- (7)\n\nIn\tO\n{word}{tab}{label}\n.\tO\n\nYes\tI-OUT\n"
FORMATS = {
    "conll": Format("NCBI-disease", "Does\tO\n{word}{tab}{label}\nhelp\tI\n\nYes\tO\n", 2, "B"),
    "conll with documents": Format("JNLPBA", JNLPBA, 4, "O"),
    "conll of PICO": Format("EBM PICO", PICO, 4, "I-INT"),
    "tsv": Format("ChemProt", CHEMPROT, 2, "CPR:3", "7.T1.T3", "7.T1.T2"),
    "tsv of two texts": Format(
        "BioASQ", "5a\tIs it?\tIt is.\tyes\n{id}\tDoes {word}?{tab}It does.\t{label}\n", 2, "no", "5b", "5a"
    ),
    "tsv with header": Format("GAD", GAD, 3, "0", "1", "0"),
    "tsv of scores": Format("BIOSSES", BIOSSES, 3, "4.0", "2", "1"),
    "labelled sentences": Format("HoC", HOC, 3, hallmarks(1, 9), "7_s1", "7_s0"),
    "json": Format("PubMedQA", RECORDS, 2, "maybe", "12", "11"),
}


def found_in(tmp_path, form, content):
    task = get_task(form.task)
    path = tmp_path / "train.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        return READERS[task.reader](path, task)
    except DataError as error:
        message = str(error)
        assert "\n" not in message and len(message) - len(str(path)) < 400
        assert message.startswith(str(path)) and "; expected " in message
        return message.removeprefix(str(path))


REFUSED = {  # damage -> (what is written instead, what every message says after the line)
    "a lost column": (lambda form: form.made(tab=" "), "found"),
    "a tab in a text": (lambda form: form.made(word="asp\tirin"), "found"),
    "an unknown label": (lambda form: form.made(label="perhaps"), "'perhaps'; expected"),
    "an empty label": (lambda form: form.made(label=""), "''; expected"),
    "a Latin-1 byte": (
        lambda form: form.made(word="na\xefve").encode("latin-1"),
        "found byte 0xEF, which is not UTF-8",
    ),
}


@pytest.mark.parametrize(
    ("name", "damage"),
    [(name, damage) for name in FORMATS for damage in REFUSED if (name, damage) != ("json", "a lost column")],
)
def test_a_damaged_line_is_refused_with_its_number(tmp_path, name, damage):
    form = FORMATS[name]
    damaged, said = REFUSED[damage]
    if name == "json" and damage == "a tab in a text":
        said = "found invalid JSON"  # which wants it escaped
    message = found_in(tmp_path, form, damaged(form))
    assert isinstance(message, str), f"{damage} was read"
    assert message.startswith(f", line {form.line}") and said in message


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.id])
def test_a_doubled_id_is_refused_with_its_line(tmp_path, name):
    form = FORMATS[name]
    message = found_in(tmp_path, form, form.made(id=form.other))
    assert message.startswith(f", line {form.line}") and "a second time" in message


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_cut_off_in_the_damaged_line_is_refused(tmp_path, name):
    form = FORMATS[name]
    whole = form.made()
    message = found_in(tmp_path, form, whole[: whole.index("aspirin") + 3])
    assert isinstance(message, str) and message.startswith(f", line {form.line}")


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", "\r\n"])
@pytest.mark.parametrize("name", FORMATS)
def test_a_split_without_examples_is_refused(tmp_path, name, content):
    message = found_in(tmp_path, FORMATS[name], content)
    assert isinstance(message, str) and ("found no" in message or "found invalid JSON" in message)


@pytest.mark.parametrize(
    "changed",
    [lambda s: "\ufeff" + s, lambda s: s.replace("\n", "\r\n"), lambda s: s.rstrip("\n"), lambda s: s + "\n\n"],
    ids=["byte-order mark", "CRLF", "no last newline", "empty lines at the end"],
)
@pytest.mark.parametrize("name", FORMATS)
def test_marks_and_line_ends_change_nothing(tmp_path, name, changed):
    form = FORMATS[name]
    expected = found_in(tmp_path, form, form.made())
    assert isinstance(expected, list) and found_in(tmp_path, form, changed(form.made())) == expected


@pytest.mark.parametrize("word", ['"aspirin', "'tis", '""', "“x”", "a\u2028b", "a\x85b", "µ–é", "B", "-", "#", "O'"])
@pytest.mark.parametrize("name", FORMATS)
def test_quotes_and_rare_characters_are_text(tmp_path, name, word):
    form = FORMATS[name]
    written = json.dumps(word, ensure_ascii=False)[1:-1] if name == "json" else word
    plain, changed = (found_in(tmp_path, form, form.made(word=w)) for w in ("aspirin", written))
    assert len(changed) == len(plain)
    assert any(word in text for example in changed for text in example.texts)
    assert [e.label for e in changed] == [e.label for e in plain]
