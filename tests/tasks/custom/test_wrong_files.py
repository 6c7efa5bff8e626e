"""Files that are not what they should be: each one line, with file, line and remedy."""

import pytest

from blurbstudy.errors import DataError, ParameterError
from blurbstudy.tasks import custom_task
from blurbstudy.tasks.custom.audit import check_learnable
from tests.tasks.custom.conftest import table

ROWS = table()
SCORES = "sentence1\tsentence2\tscore\n"
RESTORE = "restore the line; no text may hold a tab or line break"
ASK = "say so (--columns {0}=NAME, or {0}: NAME under columns: in the YAML)"
SCHEME = "correct the tag, or name the scheme (scheme: iob1, iob2, iobes or io) if it was taken for another"
CHECK = "nothing can be learned from that: check the column and the files"
TOO_FEW = "add some, name a dev file, or raise dev_share (what is of one document or text stays together)"
NUL = "found a NUL byte; expected text in UTF-8; get the file again: it is damaged, or in another encoding"

# kind, file, content, what else is said, message
WRONG = [
    ("classification", "a.tsv", table(n=2), {},
     f"a.tsv: found 2 examples, of which 0 could be split off as a dev set; expected at least 8 in train and 4 in dev; "
     f"{TOO_FEW}"),
    ("classification", "a.tsv", table(label="yes"), {},
     f"a.tsv: found the label 'yes' in all of train; expected two labels or more; {CHECK}"),
    ("classification", "a.tsv", ROWS.replace("text 3", "te\0xt"), {}, f"a.tsv, line 5: {NUL}"),
    ("classification", "a.tsv", ROWS.encode("utf-16"), {},
     "a.tsv: found text in UTF-16; expected text in UTF-8; convert the file, e.g. iconv -f utf-16 -t utf-8"),
    ("classification", "a.tsv", ROWS.encode("utf-16-le"), {}, f"a.tsv, line 1: {NUL}"),
    ("classification", "a.tsv", ROWS.replace("text 3", "café").encode("latin1"), {},
     "a.tsv, line 5: found byte 0xE9, which is not UTF-8; expected UTF-8; convert the file, e.g. iconv -f latin1 -t "
     "utf-8"),
    ("classification", "a.tsv", ROWS + "one column\n\nthree\tof\tthem\n", {},
     f"a.tsv, line 42: found 1 column in 'one column'; expected 2 (text, label); {RESTORE} (1 more broken line: 44)"),
    ("classification", "a.tsv", ROWS + "  \tyes\n", {},
     "a.tsv, line 42: found an empty text; expected text; restore it or remove the line"),
    ("classification", "a.tsv", ROWS + "word\t \n", {},
     "a.tsv, line 42: found label ' '; expected one label; correct the label"),
    ("classification", "a.tsv", "", {}, "a.tsv: found no examples; expected a line for each; check that it is the "
     "file you mean"),
    ("classification", "a.tsv", "text\tlabel\n", {},
     "a.tsv: found no examples; expected a line for each; check that it is the file you mean"),
    ("classification", "a.tsv", ROWS.replace("label", "mood"), {},
     f"a.tsv: which column is the label? It has text, mood; {ASK.format('label')}"),
    ("similarity", "a.tsv", ROWS, {}, f"a.tsv: which column is the text2? It has text, label; {ASK.format('text2')}"),
    ("classification", "a.tsv", "text\tlabel\ttext\n", {"columns": {"text": "text", "label": "label"}},
     "a.tsv, line 1: found column 'text' twice; expected every name once; rename one of the two"),
    ("classification", "a.tsv", ROWS, {"columns": {"text": "body"}}, "a.tsv: has no column 'body'; it has text, label"),
    ("classification", "a.tsv", ROWS, {"columns": {"body": "text"}},
     "columns: 'body' is no role; use text, text2, label, id, document"),
    ("classification", "a.tsv", ROWS, {"labels": ["yes"]},
     "a.tsv, line 3: found label 'no'; expected yes; correct the label (19 more broken lines: 5, 7, 9, 11, 13, ...)"),
    ("classification", "a.tsv", ROWS, {"metric": "pearson"},
     "metric='pearson' does not fit kind classification; use accuracy or micro_f1"),
    ("classification", "a.tsv", ROWS, {"negative": "maybe"}, "negative='maybe' is no label; use no or yes"),
    ("classification", "a.tsv", "id" + ROWS, {"columns": {"text": "label", "label": "label", "id": "label"}},
     "a.tsv, line 4: found label 'yes' a second time, after line 2; expected unique ids; remove or rename one, or name "
     "no id column (37 more broken lines: 5, 6, 7, 8, 9, ...)"),
    ("classification", "a.tsv", ROWS.replace("\t", "\t77\t").replace("77", "pmid", 1), {},
     f"a.tsv: found 40 examples, of which 0 could be split off as a dev set; expected at least 8 in train and 4 in "
     f"dev; {TOO_FEW}"),
    ("classification", "a.csv", 'text,label\nfine,no\n"never closed,yes\n', {},
     'a.csv, line 3: found broken quoting (unexpected end of data); expected CSV with fields quoted by "; close every '
     "quote, and double a quote inside one"),
    ("classification", "a.jsonl", '{"text": "x", "label": "yes"}\n{"text": "x", \n[1]\n', {},
     "a.jsonl, line 2: found invalid JSON (Expecting property name enclosed in double quotes); expected one JSON "
     "object a line; restore the line (1 more broken line: 3)"),
    ("classification", "a.jsonl", '[{"text": "x", "label": "yes"}]', {},
     "a.jsonl, line 1: found a JSON list; expected one JSON object a line; write each example as an object on a line "
     "of its own"),
    ("classification", "a.jsonl", '{"text": "x", "label": "yes"}\n{"text": "x"}', {},
     "a.jsonl, line 2: found no label; expected an object with text, label; restore the line"),
    ("classification", "a.jsonl", r'{"text": "x\u0000", "label": "yes"}', {},
     "a.jsonl, line 1: found a NUL character in text; expected text; restore it or remove the line"),
    ("classification", "a.jsonl", r'{"text": "x\ud800", "label": "yes"}', {},
     "a.jsonl, line 1: found half a Unicode character in text; expected text; restore it or remove the line"),
    ("classification", "a.xlsx", b"PK\x03\x04", {},
     "a.xlsx: its ending tells none of the formats tsv, csv, jsonl; save it as one, or name it"),
    ("similarity", "a.tsv", SCORES + "a\tb\thigh\n", {},
     "a.tsv, line 2: found score 'high'; expected a finite number; correct the label"),
    ("similarity", "a.tsv", SCORES + "a\tb\tnan\n", {},
     "a.tsv, line 2: found score 'nan'; expected a finite number; correct the label"),
    ("similarity", "a.tsv", SCORES + "a\tb\t6\n", {"bounds": [0, 5]},
     "a.tsv, line 2: found score '6'; expected a number from 0 to 5; correct the label"),
    ("similarity", "a.tsv", SCORES + "".join(f"a{i}\tb\t3\n" for i in range(20)), {},
     f"a.tsv: found the score 3 in all of train; expected scores that differ; {CHECK}"),
    ("multi-label", "a.tsv", "text\tlabels\n" + "".join(f"text {i}\t\n" for i in range(20)), {},
     f"a.tsv: found no label at all in train; expected documents with labels; {CHECK}"),
    ("ner", "a.conll", "Aspirin\tB-Drug\nhelps\tO\nflu\tI-Disease\n", {},
     f"a.conll, line 3: found tag 'I-Disease' where no Disease has begun; expected B at a mention's first word; "
     f"{SCHEME}"),
    ("ner", "a.conll", "Aspirin\tS-Drug\nlung\tB-Disease\nhelps\tO\n", {},
     f"a.conll, line 3: found tag 'O' where a mention is not ended; expected I-Disease or E-Disease; {SCHEME}"),
    ("ner", "a.conll", "Aspirin\tB-Drug\nhelps\n", {},
     "a.conll, line 2: found 1 column in 'helps'; expected 2, or an empty line after a sentence; restore the line; no "
     "word may hold a tab or space"),
    ("ner", "a.conll", "Aspirin\n", {},
     "a.conll, line 1: found 1 column in 'Aspirin'; expected column 2 too, of words and tags; separate them by a "
     "tab, or say which they are"),
    ("ner", "a.conll", "".join(f"w{i}\tO\n\n" for i in range(20)), {},
     f"a.conll: found no mention in train; expected words with other tags than O; {CHECK}"),
    ("ner", "a.conll", "Aspirin\tB-Drug\n", {"labels": ["Disease"]},
     "a.conll, line 1: found tag 'B-Drug'; expected O, or a tag of Disease; correct the tag"),
    ("ner", "a.jsonl", '{"words": ["a", "b"], "tags": ["O"]}', {},
     "a.jsonl, line 1: found 1 tags for 2 words; expected one each, of at least one; restore the line"),
    ("ner", "a.jsonl", '{"words": ["a"], "tags": [1]}', {},
     'a.jsonl, line 1: found words and tags that are no two lists of strings; expected {"words": ["..."], "tags": '
     '["O"]}; '
     "write words and tags' names"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "content", "said", "message"), WRONG, ids=range(len(WRONG)))
def test_wrong_files_are_refused_in_one_line(write, kind, name, content, said, message):
    write(**{name.replace(".", "__"): content})
    with pytest.raises((DataError, ParameterError)) as caught:
        check_learnable(custom_task(kind=kind, files={"train": name}, **said))
    assert str(caught.value) == message


def test_no_line_is_forgotten_silently(write):
    """A file with one broken line is refused, not read without it."""
    write(a__tsv=table() + "broken\n")
    with pytest.raises(DataError, match="line 42"):
        custom_task(kind="classification", files={"train": "a.tsv"})
