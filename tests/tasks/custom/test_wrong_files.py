"""Files that are not what they should be: each one line, with file, line and remedy."""

import pytest

from blurbstudy.errors import DataError, ParameterError
from blurbstudy.tasks import custom_task
from blurbstudy.tasks.custom.audit import check_trainable
from tests.tasks.custom.conftest import table

ROWS = table()
SCORES = "sentence1\tsentence2\tscore\n"
RESTORE = "restore the line; texts may not contain tabs or line breaks"
ASK = "say so (--columns {0}=NAME, or {0}: NAME under columns: in the YAML)"
SCHEME = "correct the tag, or name the scheme (scheme: iob1, iob2, iobes or io) if it was detected wrongly"
CHECK = "check the column and the files"
TOO_FEW = "add more, name a dev file, or raise dev_share (examples of one document or text stay together)"
NUL = "found a NUL byte; expected text in UTF-8; get the file again; it is damaged or has another encoding"

# kind, file, content, what else is said, message
WRONG = [
    (
        "classification",
        "a.tsv",
        table(n=2),
        {},
        f"a.tsv: found 2 examples, of which 0 can be split off as dev; expected at least 8 in train and 4 in dev; "
        f"{TOO_FEW}",
    ),
    (
        "classification",
        "a.tsv",
        table(label="yes"),
        {},
        f"a.tsv: found the label 'yes' in all of train; expected at least two labels; {CHECK}",
    ),
    ("classification", "a.tsv", ROWS.replace("text 3", "te\0xt"), {}, f"a.tsv, line 5: {NUL}"),
    (
        "classification",
        "a.tsv",
        ROWS.encode("utf-16"),
        {},
        "a.tsv: found text in UTF-16; expected text in UTF-8; convert the file, e.g. iconv -f utf-16 -t utf-8",
    ),
    ("classification", "a.tsv", ROWS.encode("utf-16-le"), {}, f"a.tsv, line 1: {NUL}"),
    (
        "classification",
        "a.tsv",
        ROWS.replace("text 3", "café").encode("latin1"),
        {},
        "a.tsv, line 5: found byte 0xE9, which is not UTF-8; expected UTF-8; convert the file, e.g. iconv -f latin1 -t "
        "utf-8",
    ),
    (
        "classification",
        "a.tsv",
        ROWS + "one column\n\nthree\tof\tthem\n",
        {},
        "a.tsv, line 42: found 1 column in 'one column'; expected 2 (text, label); restore the line; texts "
        "may not contain tabs or line breaks (1 more invalid line: 44 (3 columns in 'three'))",
    ),
    (
        "classification",
        "a.tsv",
        ROWS + "  \tyes\n",
        {},
        "a.tsv, line 42: found an empty text; expected text; restore it or remove the line",
    ),
    (
        "classification",
        "a.tsv",
        ROWS + "word\t \n",
        {},
        "a.tsv, line 42: found 1 row without label (empty 1); expected one in each row; add it, or leave such rows out "
        "(--drop-unlabelled)",
    ),
    ("classification", "a.tsv", "", {}, "a.tsv: found no examples; expected one example per line; check the path"),
    (
        "classification",
        "a.tsv",
        "text\tlabel\n",
        {},
        "a.tsv: found no examples; expected one example per line; check the path",
    ),
    (
        "classification",
        "a.tsv",
        ROWS.replace("label", "mood"),
        {},
        "a.tsv: cannot identify the column of the label among text, mood; name it (--columns label=NAME, or "
        "label: NAME under columns: in the YAML), or by number if there is no header",
    ),
    (
        "similarity",
        "a.tsv",
        ROWS,
        {},
        "a.tsv: cannot identify the column of the text2 among text, label; name it (--columns text2=NAME, "
        "or text2: NAME under columns: in the YAML), or by number if there is no header",
    ),
    (
        "classification",
        "a.tsv",
        "text\tlabel\ttext\n",
        {"columns": {"text": "text", "label": "label"}},
        "a.tsv, line 1: found column 'text' twice; expected unique names; rename one of them",
    ),
    ("classification", "a.tsv", ROWS, {"columns": {"text": "body"}}, "a.tsv: has no column 'body'; it has text, label"),
    (
        "classification",
        "a.tsv",
        ROWS,
        {"columns": {"body": "text"}},
        "columns: 'body' is not a role; use text, text2, label, id or document",
    ),
    (
        "classification",
        "a.tsv",
        ROWS,
        {"labels": ["yes"]},
        "a.tsv, line 3: found label 'no'; expected yes; correct the label (19 more invalid lines: 5, 7, 9, "
        "11, 13, 15, 17, 19, 21, ...)",
    ),
    (
        "classification",
        "a.tsv",
        ROWS,
        {"metric": "pearson"},
        "metric='pearson' does not fit kind classification; use accuracy, micro_f1, macro_f1, balanced_accuracy, mcc "
        "or kappa",
    ),
    ("classification", "a.tsv", ROWS, {"negative": "maybe"}, "negative='maybe' is not a label; use no or yes"),
    (
        "classification",
        "a.tsv",
        "id" + ROWS,
        {"columns": {"text": "label", "label": "label", "id": "label"}},
        "a.tsv, line 4: found label 'yes' a second time, after line 2; expected unique ids; remove or rename "
        "one, or use no id column (--columns id=) (37 more invalid lines: "
        + "".join(
            f"{i} (label '{'no' if i % 2 else 'yes'}' a second time, after line {3 - (i + 1) % 2}), "
            for i in range(5, 14)
        )
        + "...)",
    ),
    (
        "classification",
        "a.tsv",
        ROWS.replace("\t", "\t77\t").replace("77", "pmid", 1),
        {},
        f"a.tsv: found 40 examples, of which 0 can be split off as dev; expected at least 8 in train and 4 in "
        f"dev; {TOO_FEW}",
    ),
    (
        "classification",
        "a.csv",
        'text,label\nfine,no\n"never closed,yes\n',
        {},
        'a.csv, line 3: found broken quoting (unexpected end of data); expected CSV fields quoted by "; '
        "close every quote, and double a quote inside one",
    ),
    (
        "classification",
        "a.jsonl",
        '{"text": "x", "label": "yes"}\n{"text": "x", \n[1]\n',
        {},
        "a.jsonl, line 2: found invalid JSON (Expecting property name enclosed in double quotes); expected "
        "one JSON object per line; restore the line (1 more invalid line: 3 (a JSON list))",
    ),
    (
        "classification",
        "a.jsonl",
        '["x", "yes"]',
        {},
        "a.jsonl, line 1: found a JSON list; expected one JSON object per line; write each example as one "
        "object on one line",
    ),
    (
        "classification",
        "a.jsonl",
        '{"text": "x", "label": "yes"}\n{"text": "x"}',
        {},
        "a.jsonl, line 2: found no label; expected an object with text, label; restore the line",
    ),
    (
        "classification",
        "a.jsonl",
        r'{"text": "x\u0000", "label": "yes"}',
        {},
        "a.jsonl, line 1: found a NUL character in text; expected text; restore it or remove the line",
    ),
    (
        "classification",
        "a.jsonl",
        r'{"text": "x\ud800", "label": "yes"}',
        {},
        "a.jsonl, line 1: found half a Unicode character in text; expected text; restore it or remove the line",
    ),
    (
        "classification",
        "a.xlsx",
        b"PK\x03\x04",
        {},
        "a.xlsx: unknown suffix; use one of the formats tsv, csv, json, jsonl and name it with --format",
    ),
    (
        "similarity",
        "a.tsv",
        SCORES + "a\tb\thigh\n",
        {},
        "a.tsv, line 2: found score 'high'; expected a finite number; correct the label",
    ),
    (
        "similarity",
        "a.tsv",
        SCORES + "a\tb\tnan\n",
        {},
        "a.tsv, line 2: found score 'nan'; expected a finite number; correct the label",
    ),
    (
        "similarity",
        "a.tsv",
        SCORES + "a\tb\t6\n",
        {"bounds": [0, 5]},
        "a.tsv, line 2: found score '6'; expected a number from 0 to 5; correct the label",
    ),
    (
        "similarity",
        "a.tsv",
        SCORES + "".join(f"a{i}\tb\t3\n" for i in range(20)),
        {},
        f"a.tsv: found the score 3 in all of train; expected different scores; {CHECK}",
    ),
    (
        "multi-label",
        "a.tsv",
        "text\tlabels\n" + "".join(f"text {i}\t\n" for i in range(20)),
        {},
        f"a.tsv: found no label in train; expected documents with labels; {CHECK}",
    ),
    (
        "ner",
        "a.conll",
        "Aspirin\tB-Drug\nhelps\tO\nflu\tI-Disease\n",
        {},
        "a.conll, line 3: found tag 'I-Disease' outside a Disease; expected B at the first word of a "
        "mention; correct the tag, or name the scheme (scheme: iob1, iob2, iobes or io) if it was detected "
        "wrongly",
    ),
    (
        "ner",
        "a.conll",
        "Aspirin\tS-Drug\nlung\tB-Disease\nhelps\tO\n",
        {},
        f"a.conll, line 3: found tag 'O' inside a mention; expected I-Disease or E-Disease; {SCHEME}",
    ),
    (
        "ner",
        "a.conll",
        "Aspirin\tB-Drug\nhelps\n",
        {},
        "a.conll, line 2: found 1 column in 'helps'; expected 2, or an empty line after a sentence; restore "
        "the line; words may not contain tabs or spaces",
    ),
    (
        "ner",
        "a.conll",
        "Aspirin\n",
        {},
        "a.conll, line 1: found 1 column in 'Aspirin'; expected column 2 too, of words and tags; separate "
        "them by tabs, or name the columns",
    ),
    (
        "ner",
        "a.conll",
        "".join(f"w{i}\tO\n\n" for i in range(20)),
        {},
        f"a.conll: found no mention in train; expected tags other than O; {CHECK}",
    ),
    (
        "ner",
        "a.conll",
        "Aspirin\tB-Drug\n",
        {"labels": ["Disease"]},
        "a.conll, line 1: found tag 'B-Drug'; expected O, or a tag of Disease; correct the tag",
    ),
    (
        "ner",
        "a.jsonl",
        '{"words": ["a", "b"], "tags": ["O"]}',
        {},
        "a.jsonl, line 1: found 1 tags for 2 words; expected one tag per word and at least one word; restore the line",
    ),
    (
        "ner",
        "a.jsonl",
        '{"words": ["a"], "tags": [1]}',
        {},
        "a.jsonl, line 1: found numbers as tags; expected tags by name, such as B-Drug; write the names: in datasets, "
        "dataset.features[...].feature.int2str gives them",
    ),
]


@pytest.mark.parametrize(("kind", "name", "content", "said", "message"), WRONG, ids=range(len(WRONG)))
def test_wrong_files_are_refused_in_one_line(write, kind, name, content, said, message):
    write(**{name.replace(".", "__"): content})
    with pytest.raises((DataError, ParameterError)) as caught:
        check_trainable(custom_task(kind=kind, files={"train": name}, **said))
    assert str(caught.value) == message


def test_no_line_is_forgotten_silently(write):
    """A file with one broken line is refused, not read without it."""
    write(a__tsv=table() + "broken\n")
    with pytest.raises(DataError, match="line 42"):
        custom_task(kind="classification", files={"train": "a.tsv"})
