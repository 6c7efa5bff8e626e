"""People's own files that are malformed or ambiguous, in one table: each is refused in one line that says what, where
and what to do, or read as exactly these examples.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from blurbstudy.errors import DataError, ParameterError
from blurbstudy.inference.inputs.documents import Document, ReadError
from blurbstudy.inference.inputs.readers import read_documents
from blurbstudy.tasks import custom_task, read_split
from blurbstudy.tasks.custom.audit import check_trainable
from blurbstudy.tasks.custom.files import passed_over
from blurbstudy.tasks.custom.spans import span_notes
from blurbstudy.tasks.custom.tabular import skipped_records

MAX_MESSAGE, MAX_PLACES = 1400, 11  # characters of a message's line; lines of places after it


def table(n: int = 40, *, labels: str = "yes no", separator: str = "\t", head: str = "text label") -> str:
    """A table of n texts whose labels take turns."""
    kinds = labels.split()
    rows = (f"text {i}{separator}{kinds[i % len(kinds)]}\n" for i in range(n))
    return head.replace(" ", separator) + "\n" + "".join(rows)


def record(**values: object) -> str:
    return json.dumps(values, ensure_ascii=False) + "\n"


def shifted(convention: str, *, n: int = 8) -> str:
    """Texts with an entity each, "mumps", whose offsets count otherwise than characters from 0."""
    lines = []
    for i in range(n):
        before = f"é{i}🧬\r\n seen " if convention in ("bytes", "utf-16", "crlf") else f"case {i} with "
        start = len(before)
        if convention == "bytes":
            start = len(before.encode())
        elif convention == "utf-16":
            start = len(before.encode("utf-16-le")) // 2
        elif convention == "crlf":
            start -= 1
        end = start + len("mumps")
        start, end = start + convention.startswith("1-based"), end + (convention == "1-based")
        end -= convention == "inclusive"
        lines.append(record(text=f"{before}mumps ended soon", entities=[[start, end, "Disease"]]))
    return "".join(lines)


def label_studio(results: list[dict], **data: str) -> str:
    return json.dumps([{"id": 4, "data": data, "annotations": [{"result": results}]}])


def bioc(*passages: dict) -> str:
    return json.dumps({"documents": [{"id": "1", "passages": list(passages)}]})


def result(field: str, start: int, end: int) -> dict:
    return {
        "type": "labels",
        "from_name": "ner",
        "to_name": field,
        "value": {"start": start, "end": end, "labels": ["D"]},
    }


CLASSES, SET, NER, PAIR, SCORE = "classification", "multi-label", "ner", "pairs", "similarity"
ROWS, SCORES = table(), "sentence1\tsentence2\tscore\n"
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
TWO = [("good sleep", "yes"), ("bad sleep", "no")]
TWO_ROWS = "good sleep\tyes\nbad sleep\tno\n"
TAGGED = [("Mumps came", "B-D O")]
A, B = '{"text": "good sleep", "label": "yes"', '{"text": "bad sleep", "label": "no"'
ANSWERS = f'{A}, "answer": "accept"}}\n{{"text": "odd", "label": "yes", "answer": "reject"}}\n{B}, "answer": ""}}\n'
HOT = "text,pain,fever{0}\na,1,0{1}\nb,0,1{2}\nc,1,1{1}\n"

# name of the situation, kind, file or files, content, what the message has or the examples, other arguments
# fmt: off
TABLE: list[tuple[Any, ...]] = [
    # --- what a file is
    ("UTF-16", CLASSES, "a.tsv", ROWS.encode("utf-16"), "a.tsv: found text in UTF-16; expected text in UTF-8; convert"),
    ("UTF-16 without mark", CLASSES, "a.tsv", ROWS.encode("utf-16-le"), "a.tsv, line 1: found a NUL byte"),
    ("latin-1", CLASSES, "a.tsv", ROWS.replace("text 3", "café").encode("latin1"), "line 5: found byte 0xE9, which is"),
    ("NUL", CLASSES, "a.tsv", ROWS.replace("text 3", "te\0xt"),
     "line 5: found a NUL byte; expected text in UTF-8; get"),
    ("NUL in JSON", CLASSES, "a.jsonl", r'{"text": "x\u0000", "label": "yes"}',
     "line 1: found a NUL character in text"),
    ("half a character", CLASSES, "a.jsonl", r'{"text": "x\ud800", "label": "yes"}',
     "half a Unicode character in text"),
    ("LFS table", CLASSES, "a.csv", LFS, "a.csv: found a Git LFS pointer, not the data; expected text in UTF-8; fetch"),
    ("LFS CoNLL", NER, "a.conll", LFS, "a.conll: found a Git LFS pointer"),
    ("LFS JSON lines", NER, "a.jsonl", LFS, "a.jsonl: found a Git LFS pointer"),
    ("LFS to predict", "predict", "a.csv", LFS, "a.csv: found a Git LFS pointer"),
    ("spreadsheet", CLASSES, "a.xlsx", b"PK\x03\x04", "a.xlsx: found a spreadsheet; expected a format of"),
    ("spreadsheet to predict", "predict", "a.xlsx", b"PK\x03\x04", "or by pandas.read_excel"),
    ("packed to predict", "predict", "a.csv.gz", b"\x1f\x8b", "a.csv.gz: found a file packed by gzip; expected"),
    ("a row per word", NER, "a.csv", "Sentence #,Word,Tag\n1,Aspirin,B\n", "ffill().groupby('Sentence #', sort"),
    ("a row per word, to predict", "predict words", "a.csv", "s,word\n1,Aspirin\n", "a row per word (word); expected"),
    ("records in data", CLASSES, "a.json", '{"version": 1, "data": [{"text": "a", "label": "yes"}]}', [("a", "yes")]),
    ("records under data beside a text", CLASSES, "a.json", '{"text": "a", "data": [{"label": "yes"}]}', "the label"),
    ("unknown", CLASSES, "a.bin", "\x7fbinary", "a.bin: unknown suffix; use one of the formats tsv, csv, json, jsonl"),
    ("spaCy", NER, "a.spacy", "\x00",
     "a.spacy: found spaCy's binary data; expected a format of docs/own-data.md; write"),
    ("Parquet", CLASSES, "a.parquet", "PAR1", "a.parquet: found a Parquet file; expected a format of docs/own-data.md"),
    ("WebAnno", NER, "a.tsv", "#FORMAT=WebAnno TSV 3.3\n\n", "a.tsv: found a TSV of WebAnno or INCEpTION"),
    ("empty", CLASSES, "a.tsv", "", "a.tsv: found no examples; expected one example per line; check the path"),
    ("header alone", CLASSES, "a.tsv", "text\tlabel\n", "a.tsv: found no examples"),
    # --- line ends
    ("mixed ends, TSV", CLASSES, "a.tsv", "text\tlabel\r\na\tyes\rb\tno\r\n",
     "line 2: found a carriage return inside a"),
    ("mixed ends, CSV", CLASSES, "a.csv", "text,label\na,yes\rb,no\nc,yes\n",
     "line 2: found a carriage return inside a"),
    ("mixed ends, CoNLL", NER, "a.conll", "Mumps B-D\rcame O\nsoon O\n",
     "line 1: found a carriage return inside a line"),
    ("mixed ends, to predict", "predict", "a.tsv", "text\tlabel\na\tyes\rb\tno\n", "line 2: found a carriage return"),
    ("mixed ends, words to predict", "predict words", "a.conll", "Mumps O\rcame O\n",
     "line 1: found a carriage return"),
    ("CR alone", CLASSES, "a.tsv", f"text\tlabel\n{TWO_ROWS}".replace("\n", "\r"), TWO),
    ("LF and CRLF", CLASSES, "a.tsv", f"text\tlabel\r\n{TWO_ROWS}", TWO),
    # --- quotes
    ("open to the end", CLASSES, "a.csv", 'text,label\nfine,no\n"open,yes\n',
     "line 3: found broken quoting (unexpected e"),
    ("open over tabbed rows", CLASSES, "a.csv",
     'text\tlabel\nfine\tno\n"foo bar\tyes\nother\tno\nas said"\tyes\nlast\tno\n',
     "line 3: found a quote in line 3 that opens a cell of several lines, which may be rows"),
    ("a quotation over two rows", CLASSES, "a.csv", 'text,label\n"It works.,yes\nIt is safe.",no\nfine,yes\n',
     "line 4: found a quote in line 2 that opens a cell of several lines"),
    ("a quotation over two rows, label first", CLASSES, "a.csv",
     'label,text\nno,fine\nyes,"It works.\nno,It is safe."\nyes,good\n',
     "line 3: found a quote in line 3 that opens a cell of several lines"),
    ("quotes as text elsewhere", CLASSES, "a.csv", 'text,label\n"one\ntwo",yes\na 5" tube,no\n',
     "line 4: found a quote in line 2 that opens a cell of several lines"),
    ("quotes to predict", "predict", "a.csv", 'id,text\n1,"a\nb"\n2,5" tube\n', "line 4: found a quote in line 2 that"),
    ("a cell of several lines", CLASSES, "a.csv", 'text,label\n"Fever, chills\nno pain",yes\nwell,no\n',
     [("Fever, chills\nno pain", "yes"), ("well", "no")]),
    ("quotes in TSV", CLASSES, "a.tsv", 'text\tlabel\n"a\tyes\nb"\tno\n', [('"a', "yes"), ('b"', "no")]),
    # --- rows
    ("columns", CLASSES, "a.tsv", f"{ROWS}one column\n\nthree\tof\tthem\n",
     "a.tsv, line 42: found 1 column in 'one column'; expected 2 (text, label); restore the line; texts "
     "may not contain tabs or line breaks (if quoted: --format csv) (1 more invalid line: 44 (3 columns in 'three'))"),
    ("no text", CLASSES, "a.tsv", f"{ROWS}  \tyes\n", "a.tsv, line 42: found an empty text; expected text; restore it"),
    ("a header twice", CLASSES, "a.tsv", f"{ROWS}text\tlabel\n", "line 42: found the header again; expected a row"),
    ("a column twice", CLASSES, "a.tsv", "text\tlabel\ttext\n", "line 1: found column 'text' twice",
     {"columns": {"text": "text"}}),
    ("a label twice", CLASSES, "a.tsv", "text\tlabel\tlabel\na\tx\ty\n", "line 1: found column 'label' twice"),
    ("key twice", CLASSES, "a.jsonl", f'{A}, "label": "no"}}\n{B}}}\n',
     "line 1: found the key 'label' twice in an object"),
    ("key twice, array", CLASSES, "a.json", f'[\n{A}, "text": "x"}}]',
     "line 1: found the key 'text' twice in an object"),
    ("key twice, entity", NER, "a.jsonl", '{"text": "a", "entities": [{"start": 0, "start": 1}]}',
     "the key 'start' twice"),
    ("key twice, predict", "predict", "a.jsonl", '{"text": "a", "text": "b"}\n', "line 1: found the key 'text' twice"),
    ("broken JSON", CLASSES, "a.jsonl", f'{A}}}\n{{"text": "x", \n[1]\n',
     "line 2: found invalid JSON (Expecting property"),
    ("broken array", NER, "a.json", '[{"text": "x"},\n{"text": ]',
     "a.json, line 2: found invalid JSON (Expecting value)"),
    ("a list", CLASSES, "a.jsonl", '["x", "yes"]',
     "line 1: found a JSON list; expected one JSON object per line; write"),
    ("no records", NER, "a.json", "[]", "a.json: found no examples"),
    ("a number", NER, "a.json", '[{"text": "x", "entities": []}, 3]', "a.json, record 2: found a JSON int in a list"),
    ("a table by columns", CLASSES, "a.json", '{"text": {"0": "a"}, "label": {"0": "x"}}',
     "objects inside an object, as"),
    ("no key", CLASSES, "a.jsonl", f'{A}}}\n{{"text": "x"}}',
     "line 2: found no label; expected an object with text, label"),
    ("equal faults of many rows", CLASSES, "a.tsv",
     "text\tlabel\n" + "".join(f"a{i}\tyes\nbad {i}\nb{i}\tno\n" for i in range(60)),
     "line 3: found 1 column in 'bad 0'; expected 2 (text, label); restore the line; texts may not contain tabs "
     "or line breaks (if quoted: --format csv) (59 more invalid lines: 6, 9, 12, 15, 18, 21, 24, 27, 30, ...)"),
    ("equal faults of two kinds", CLASSES, "a.tsv", "text\tlabel\n" + "".join(f"bad {i}\n\tyes\n" for i in range(30)),
     "14, 16, 18, 20, ..., 3, 5, 7, 9, 11, 13, 15, 17, 19, ... (an empty text))"),
    ("an id twice", CLASSES, "a.tsv", f"id{ROWS}",
     "a.tsv, line 4: found label 'yes' a second time, after line 2; expected unique ids; remove or rename "
     "one, or use no id column (--columns id=) (37 more invalid lines: 6, 8, 10, 12, 14, 16, 18, 20, 22, "
     "..., 5, 7, 9, 11, 13, 15, 17, 19, 21, ... (label 'no' a second time, after line 3))",
     {"columns": {"text": "label", "label": "label", "id": "label"}}),
    # --- columns
    ("no label column", CLASSES, "a.tsv", ROWS.replace("label", "mood"),
     "cannot identify the column of the label among"),
    ("no second text", SCORE, "a.tsv", ROWS, "cannot identify the column of the text2 among text, label; name it"),
    ("a column that is not there", CLASSES, "a.tsv", ROWS, "a.tsv: has no column 'body'; it has text",
     {"columns": {"text": "body"}}),
    ("a role that is none", CLASSES, "a.tsv", ROWS, "columns: 'body' is not a role; use",
     {"columns": {"body": "text"}}),
    ("two label columns", CLASSES, "a.tsv", "text\tscore\tcategory\na\t1\tyes\nb\t2\tno\n",
     "a.tsv: score, category may each be the label; say which (--columns label=score)"),
    ("two label columns in test", CLASSES, {"train.tsv": ROWS, "test.tsv": "text\tclass\tgold\na\tyes\tno\n"}, "",
     "--columns test.label=class"),
    ("label and score", CLASSES, "a.tsv", "text\tscore\tlabel\ngood sleep\t.9\tyes\nbad sleep\t.8\tno\n", TWO),
    ("two text columns", CLASSES, "a.tsv", "sentence\tabstract\tlabel\na\tb\tyes\n",
     "sentence, abstract may each be the text"),
    ("text and abstract", CLASSES, "a.tsv", "abstract\ttext\tlabel\nx\tgood sleep\tyes\ny\tbad sleep\tno\n", TWO),
    ("Text and text", CLASSES, "a.tsv", "Text\ttext\tlabel\na\tb\tyes\n", "Text, text may each be the text; say which"),
    ("text beside a pair", PAIR, "a.tsv",
     "text\tsentence1\tsentence2\tlabel\nx\tgood\tsleep\tyes\ny\tbad\tsleep\tno\n",
     [("good | sleep", "yes"), ("bad | sleep", "no")]),
    ("text, question and context", PAIR, "a.tsv", "text\tquestion\tcontext\tlabel\na\tb\tc\tyes\n",
     "text, question may each"),
    ("two second texts", PAIR, "a.tsv", "question\tcontext\tpassage\tlabel\na\tb\tc\tyes\n",
     "may each be the text2; say"),
    ("two text columns to predict", "predict", "a.csv", "question,abstract\na,b\n",
     "question, abstract may each be the text; pass"),
    ("two starts", NER, "a.csv", "text,start,start_char,end,type\na b,0,0,1,D\n",
     "start, start_char may each be the start"),
    ("two lists of entities", NER, "a.jsonl", record(text="a", entities=[], spans=[]),
     "entities, spans may each be the label"),
    ("tags and ner_tags", NER, "a.jsonl", record(tokens=["a"], tags=["NN"], ner_tags=["O"]),
     "tags, ner_tags may each be"),
    # --- Prodigy
    ("rejected", CLASSES, "a.jsonl", ANSWERS, TWO,
     {"skipped": {"that were not accepted (answer: reject or ignore)": 1}}),
    ("rejected in CSV", CLASSES, "a.tsv",
     "text\tlabel\tanswer\ngood sleep\tyes\taccept\nx\tno\tignore\nbad sleep\tno\taccept\n", TWO),
    ("rejected words", NER, "a.jsonl",
     record(tokens=["Mumps", "came"], tags=["B-D", "O"], answer="accept")
     + record(tokens=["odd"], tags=["B-D"], answer="reject"),
     TAGGED),
    ("category beside an answer", CLASSES, "a.jsonl",
     '{"text": "good sleep", "category": "yes", "answer": "accept"}\n'
     '{"text": "x", "category": "no", "answer": "ignore"}\n'
     '{"text": "bad sleep", "category": "no", "answer": "accept"}\n',
     TWO),
    ("an answer that is the label", CLASSES, "a.jsonl",
     record(text="a", answer="accept") + record(text="b", answer="reject"), [("a", "accept"), ("b", "reject")]),
    ("choices of Prodigy", CLASSES, "a.jsonl", record(text="a", options=[], accept=["yes"], answer="accept"),
     [("a", "yes")]),
    ("several choices of Prodigy", CLASSES, "a.jsonl", record(text="a", options=[], accept=["yes", "no"]),
     "expected one label (of a set"),
    ("flags of spaCy", CLASSES, "a.json", '[["a", {"cats": {"yes": 1.0, "no": 0.0}}]]', [("a", "yes")]),
    ("flags of two", CLASSES, "a.json", '[["a", {"cats": {"yes": 1, "no": 1}}]]', "expected one label (of a set of"),
    ("tags of a pipeline", NER, "a.jsonl", record(text="a b", entities=[{"entity": "B-D", "start": 0, "end": 1}]),
     "found the tag 'B-D' as a type; expected types of entire entities; join them"),
    ("CAS", NER, "a.json", '{"%TYPES": {}, "%FEATURE_STRUCTURES": []}',
     "found UIMA's CAS in JSON; expected a format of"),
    ("fastText", CLASSES, "a.txt", "__label__yes a b\n",
     "found fastText's lines; expected columns; where each line has"),
    ("WebAnno to predict", "predict words", "a.tsv", "#FORMAT=WebAnno TSV 3.3\n\n", "a.tsv: found a TSV of WebAnno"),
    ("missing text", CLASSES, "a.csv", "text,label\na,yes\nNaN,no\n", "line 3: found 'NaN', as programs write a"),
    ("missing text to predict", "predict", "a.csv", "text\na\nnan\n",
     "line 3: found 'nan', as programs write a missing"),
    ("no text to predict", "predict", "a.csv", "text\n", "a.csv: found no texts; expected at least one"),
    ("lists in a cell", NER, "a.csv", "tokens,ner_tags\n\"['a', 'b']\",x\n",
     "found lists as text (tokens); expected lists"),
    ("without annotation alone", NER, "a.json", '[{"id": 1, "data": {"text": "a"}, "annotations": []}]',
     "found no examples (1 text without annotation left out)"),
    ("choices of Prodigy named", SET, "a.jsonl",
     record(text="a", accept=["yes"], answer="accept") + record(text="b", accept=["no"], answer="reject"),
     [("a", "yes")], {"columns": {"label": "accept"}}),
    ("two labels, one an answer", CLASSES, "a.tsv", "text\tanswer\tcategory\na\tyes\tb\n",
     "category, answer may each be the label"),
    # --- labels
    ("one class", CLASSES, "a.tsv", table(labels="yes"),
     "found the label 'yes' in all of train; expected at least two"),
    ("two examples", CLASSES, "a.tsv", table(2),
     "found 2 examples, of which 0 can be split off as dev; expected at least 8"),
    ("one document", CLASSES, "a.tsv", ROWS.replace("\t", "\t77\t").replace("77", "pmid", 1),
     "of which 0 can be split off"),
    ("label not named", CLASSES, "a.tsv", ROWS,
     "line 3: found label 'no'; expected yes; correct the label (19 more invalid lines: 5, 7, 9, 11",
     {"labels": ["yes"]}),
    ("negative is none", CLASSES, "a.tsv", ROWS, "negative='maybe' is not a label; use no or yes",
     {"negative": "maybe"}),
    ("metric", CLASSES, "a.tsv", ROWS, "metric='pearson' does not fit kind classification; use", {"metric": "pearson"}),
    ("no label", CLASSES, "a.tsv", f"{ROWS}word\t \n",
     "line 42: found 1 row without label (empty 1); expected one in each"),
    ("no label in many rows", CLASSES, "a.tsv", table(labels="yes -"),
     "found 20 rows without label ('-' 20; lines 3, 5, 7, 9, 11, 13, 15, 17, 19, ...)"),
    ("no key, left out", CLASSES, "a.jsonl", f'{A}}}\n{{"text": "x"}}\n{B}}}\n', TWO, {"drop_unlabelled": True}),
    ("no key at first, left out", CLASSES, "a.jsonl", f'{{"text": "x"}}\n{A}}}\n{B}}}\n', TWO,
     {"drop_unlabelled": True}),
    ("no set", SET, "a.tsv", "text\tlabels\n" + "".join(f"text {i}\t\n" for i in range(20)), "found no label in train"),
    ("blanks between labels", SET, "a.csv", "text,labels\na,pain\nb,rash\nc,pain rash\n",
     "found 'pain rash' as one label, though its parts are in other labels; expected"),
    ("blanks named", SET, "a.csv", "text,labels\na,pain\nb,rash\nc,pain rash\n",
     [("a", "pain"), ("b", "rash"), ("c", "pain,rash")], {"separator": " "}),
    ("blanks inside labels", SET, "a.jsonl",
     record(text="a", labels=["pain", "rash"]) + record(text="b", labels=["pain rash"]),
     [("a", "pain,rash"), ("b", "pain rash")]),
    ("slashes between labels", SET, "a.csv", "text,labels\na,pain/rash\nb,pain/cough\n", "'pain/cough' as one label"),
    ("slashes named", SET, "a.csv", "text,labels\na,pain/rash\nb,pain/cough\n",
     [("a", "pain,rash"), ("b", "pain,cough")], {"separator": "/", "labels": ["pain", "rash", "cough"]}),
    ("slashes inside labels", SET, "a.csv", "text,labels\na,and/or\nb,no\n", [("a", "and/or"), ("b", "no")]),
    ("semicolons between labels", SET, "a.csv", "text,labels\na,pain;rash\nb,pain;cough\n",
     "found 'pain;cough' as one label"),
    ("a column per label", SET, "a.csv", HOT.format("", "", ""), [("a", "pain"), ("b", "fever"), ("c", "fever,pain")]),
    ("a flag among labels", SET, "a.csv", HOT.format(",is_train", ",1", ",0"),
     "as is_train; expected labels only; name those that are labels (--columns label=pain+fever)"),
    ("reviewed among labels", SET, "a.csv", HOT.format(",reviewed", ",1", ",1"), "that may be no labels, as reviewed"),
    ("always 1", SET, "a.csv", HOT.format(",adult", ",1", ",1"), "that may be no labels, as adult"),
    ("labels beside another variable", SET, "a.csv", HOT.format(",year", ",old", ",old"), "no labels, beside year"),
    ("labels beside a variable", SET, "a.csv", HOT.format(",age", ",40", ",50"), "that may be no labels, beside age"),
    ("labels beside ids that repeat", SET, "a.csv", HOT.format(",visit_id", ",V1", ",V1"),
     [("a", "pain"), ("b", "fever"), ("c", "fever,pain")]),
    ("labels apart", SET, "a.csv", "male,text,pain,fever\n1,a,1,0\n0,b,0,1\n",
     "(male, pain, fever) that may be no labels, since they stand apart"),
    ("labels named", SET, "a.csv", HOT.format(",is_train", ",1", ",0"),
     [("a", "pain"), ("b", "fever"), ("c", "fever,pain")], {"columns": {"label": "pain+fever"}}),
    ("score as a word", SCORE, "a.tsv", f"{SCORES}a\tb\thigh\n",
     "line 2: found score 'high'; expected a finite number"),
    ("score nan", SCORE, "a.tsv", f"{SCORES}a\tb\tnan\n", "line 2: found score 'nan'; expected a finite number"),
    ("score beyond", SCORE, "a.tsv", f"{SCORES}a\tb\t6\n", "line 2: found score '6'; expected a number from 0 to 5",
     {"bounds": [0, 5]}),
    ("one score", SCORE, "a.tsv", SCORES + "".join(f"a{i}\tb\t3\n" for i in range(20)), "the score 3 in all of train"),
    # --- tags
    ("I at first", NER, "a.conll", "A\tB-D\nhelps\tO\nflu\tI-E\n",
     "line 3: found tag 'I-E' outside a E; expected B at the"),
    ("S and O in a mention", NER, "a.conll", "A\tS-D\nlung\tB-E\nhelps\tO\n", "line 3: found tag 'O' inside a mention"),
    ("a column less", NER, "a.conll", "A\tB-D\nhelps\n",
     "line 2: found 1 column in 'helps'; expected 2, or an empty line"),
    ("words alone", NER, "a.conll", "A\n", "line 1: found 1 column in 'A'; expected column 2 too, of words and tags"),
    ("no mention", NER, "a.conll", "".join(f"w{i}\tO\n\n" for i in range(20)),
     "found no mention in train; expected tags"),
    ("type not named", NER, "a.conll", "A\tB-D\n", "line 1: found tag 'B-D'; expected O, or a tag of E",
     {"labels": ["E"]}),
    ("fewer tags", NER, "a.jsonl", '{"words": ["a", "b"], "tags": ["O"]}',
     "line 1: found 1 tag for 2 words; expected one"),
    ("numbers as tags", NER, "a.jsonl", '{"words": ["a"], "tags": [1]}',
     "line 1: found numbers as tags; expected tags by"),
    ("numbers as ner_tags", NER, "a.json", '[{"tokens": ["a"], "ner_tags": [0]}]',
     "record 1: found numbers as ner_tags"),
    ("header of three", NER, "a.conll", "doc token tag\nd1 Mumps B-D\nd1 came O\n\nd2 He O\nd2 came O\n",
     [*TAGGED, ("He came", "O O")]),
    ("header of three, to predict", "predict words", "a.conll", "doc token tag\nd1 Mumps O\nd1 came O\n",
     [("Mumps came", "")]),
    ("header with other names", NER, "a.tsv", "file\ttoken\ttag\nf1\tMumps\tB-D\nf1\tcame\tO\n", TAGGED),
    ("IOBES in test alone", NER,
     {"train.conll": "Mumps B-D\ncame O\n", "dev.conll": "Mumps B-D\ncame O\n",
      "test.conll": "Flu S-D\nlung B-D\npain E-D\n"},
     "", [("Flu lung pain", "B-D B-D I-D")], {"split": "test"}),
    # --- entities
    *(
        (
            f"offsets: {how}",
            NER,
            "a.jsonl",
            shifted(how),
            f"that begin or end inside a word; expected offsets of whole words; they fit words {said}",
        )
        for how, said in {
            "1-based": "counted from 1",
            "1-based, inclusive": "counted from 1 with an inclusive end",
            "inclusive": "with an inclusive end",
            "bytes": "in bytes of UTF-8",
            "utf-16": "in units of UTF-16",
            "crlf": "with CRLF as one character",
        }.items()
    ),
    ("offsets from 0", NER, "a.jsonl", shifted("characters", n=2),
     [("case 0 with mumps ended soon", "O O O B-Disease O O"),
      ("case 1 with mumps ended soon", "O O O B-Disease O O")]),
    ("blanks around spans", NER, "a.jsonl", record(text="a new drug now", entities=[[1, 6, "D"]]) * 12,
     [("a new drug now", "O B-D O O")] * 12),
    ("offsets of nothing", NER, "a.jsonl",
     "".join(record(text=f"a longer text {i}", entities=[[3, 6, "D"]]) for i in range(12)),
     "12 of 12 entities without their text that begin or end inside a word; e"),
    ("outside", NER, "a.jsonl", record(text="IL-2", entities=[[0, 5, "Gene"]]), "characters 0 to 5 of a text of 4"),
    ("another text", NER, "a.jsonl",
     record(text="IL-2", entities=[{"start": 0, "end": 4, "type": "G", "text": "IL-6"}]),
     "line 1: found 'IL-2' at characters 0 to 4, but 'IL-6' as their text"),
    ("another order", NER, "a.jsonl", record(text="IL-2", entities=[["Gene", 0, 4]]),
     """line 1: found the entity '["Gene", 0, 4]'; expected [{"start": 0"""),
    ("offset as text", NER, "a.json", '[["a b", {"entities": [[0, "1", "D"]]}]]',
     """record 1: found the entity '[0, "1", "D"]'"""),
    ("no list", NER, "a.jsonl", record(text="IL-2", entities="Gene"), "line 1: found entities 'Gene'; expected [{"),
    ("no text of entities", NER, "a.jsonl", record(text=" ", entities=[]), "line 1: found an empty text"),
    ("code in a cell", NER, "a.csv", "text,spans\nIL-2,__import__('os')\n", "line 2: found spans \"__import__('os')\""),
    ("no end", NER, "a.csv", "text,start,end,type\nIL-2,0,,Gene\n", "line 2: found start '0', end '', type 'Gene'"),
    ("outside, in a table", NER, "a.csv", "text,start,end,type\nIL-2,0,5,Gene\n",
     "line 2: found characters 0 to 5 of a text"),
    ("type alone", NER, "a.csv", "text,type\nIL-2,Gene\n", "cannot identify the column of the label among text, type"),
    ("start alone", NER, "a.csv", "text,start,type\nIL-2,0,G\n",
     "cannot identify the column of the label among text, start"),
    ("equal faults of entities", NER, "a.jsonl",
     "".join(record(text="IL-2", entities=[[0, 5 + i, "G"]]) for i in range(30)),
     "30 of 30 entities do not fit the text; correct text or offsets\n  line 1: char"),
    ("labels of two texts", NER, "a.json",
     label_studio([result("title", 0, 1), result("body", 0, 1)], title="a", text="b"),
     "record 1: found labels of 2 texts (title, body) of task 4; expected labels of one text"),
    ("a tag named as the data", CLASSES, "a.json",
     label_studio([{"type": "choices", "from_name": "mood", "value": {"choices": ["a"]}}], text="x", mood="bad"),
     "record 1: found 'mood' twice, as a tag and in the data", {"columns": {"label": "mood"}}),
    ("HTML", NER, "a.json", label_studio([{"type": "hypertextlabels"}], text="x"),
     "record 1: found annotations of type hypertextlabels"),
    ("two annotations", NER, "a.json",
     json.dumps([{"id": 4, "data": {"text": "x"}, "annotations": [{"result": []}] * 2}]),
     "record 1: found 2 annotations of task 4; expected one"),
    ("no XML", NER, "a.xml", "<collection><document>", "a.xml, line 1: found invalid XML"),
    ("other XML", NER, "a.xml", "<article><p>x</p></article>",
     "a.xml, line 1: found XML of <article>; expected BioC's"),
    ("BioC, no offset", NER, "a.xml",
     "<collection><document><id>1</id><passage><text>x</text></passage></document></collection>",
     "a.xml, record 1: found document '1' of another structure; expected BioC's passages with offset"),
    ("BioC, no key", NER, "a.json", bioc({"text": "x"}), "record 1: found document '1' without offset; exp"),
    ("BioC, passages", NER, "a.json", bioc({"offset": 0, "text": "ab"}, {"offset": 1, "text": "cd"}),
     "found a passage at 1 of document '1', after 2 characters"),
    ("BioC, no type", NER, "a.json",
     bioc({"offset": 0, "text": "ab", "annotations": [{"infons": {}, "locations": [{"offset": 0, "length": 1}]}]}),
     "record 1: found document '1' with annotation None without infon type"),
    ("brat's other lines", NER,
     {"b/1.txt": "Mumps came", "b/1.ann": "T1\tD 0 5\tMumps\nA1\tNegated T1\nR1\tIs Arg1:T1 Arg2:T1\n#1\tNote T1\tx\n"},
     "b", TAGGED, {"notes": "annotations other than entities are not read (1 attributes, 1 notes, 1 relations)"}),
    ("PubTator's relations", NER, "a.pubtator", "1|t|Mumps came\n1\t0\t5\tMumps\tD\n1\tCID\tD1\tD2\n", TAGGED,
     {"notes": "annotations other than entities are not read (1 relations)"}),
    ("doccano's relations", NER, "a.jsonl",
     record(text="Mumps came", entities=[[0, 5, "D"]], relations=[{"from_id": 1}]), TAGGED,
     {"notes": "annotations other than entities are not read (1 relations)"}),
    ("brat, cut line", NER, {"b/1.txt": "Mumps", "b/1.ann": "T1\tD 0\tMumps\n"}, "b",
     "1.ann, line 1: found 'T1\\tD 0\\tMumps'"),
    ("PubTator, other id", NER, "a.pubtator", "1|t|Mumps\n2\t0\t5\tMumps\tD\n",
     "line 2: found '2\\t0\\t5\\tMumps\\tD'; expected"),
    # --- folders
    ("another split's format", CLASSES, {"d/train.tsv": ROWS, "d/test.xlsx": b"PK\x03\x04"}, "d",
     "d: test.xlsx (test) has a format that is not read"),
    ("two files of a split", CLASSES, {"d/train.tsv": ROWS, "d/train.csv": ROWS}, "d",
     "d: train.csv, train.tsv match the train split"),
    ("other files", CLASSES, {"d/train.tsv": f"text\tlabel\n{TWO_ROWS}", "d/dev.tsv": ROWS, "d/more.tsv": ROWS}, "d",
     TWO, {"passed over": "other files of the folder are not read (not named as train, dev or test: more.tsv)"}),
]
# fmt: on


def write(folder: Path, files: Any, content: Any) -> Any:
    """Write the files of a row, and return what names them as a task's files."""
    contents = files if isinstance(files, dict) else {files: content}
    for name, text in contents.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    if isinstance(files, str):
        return {"train": files}
    return content if content else {Path(name).stem: name for name in files}


def read(kind: str, files: Any, expects_error: bool, options: dict[str, Any]) -> list[tuple[str, str]]:
    """The examples of a split as (texts, label), or the texts to predict for."""
    if kind.startswith("predict"):
        if kind.endswith("words"):
            Path("task.conll").write_text("Mumps B-D\ncame O\n")
            task = custom_task(kind=NER, files={"train": "task.conll"})
        else:
            Path("task.tsv").write_text(ROWS)
            task = custom_task(kind=CLASSES, files={"train": "task.tsv"})
        items = [item.content for item in read_documents(files["train"], task)]
        if errors := [item for item in items if isinstance(item, ReadError)]:
            raise DataError(errors[0].message)
        return [(" | ".join(item.texts), "") for item in items if isinstance(item, Document)]
    split, checked = options.get("split", "train"), ("split", "notes", "skipped", "passed over")
    if isinstance(files, str) and files == "b":
        files = {"train": files}
    if not expects_error and isinstance(files, dict) and "dev" not in files:
        files = files | {"dev": files["train"]}
    task = custom_task(
        kind=kind, files=files, **{name: value for name, value in options.items() if name not in checked}
    )
    if expects_error:
        check_trainable(task)
    path, part = Path(task.files[split]), task.of_split(split)
    if "notes" in options:
        assert options["notes"] in list(span_notes(path, part))
    if "skipped" in options:
        assert skipped_records(path, part) == options["skipped"]
    if "passed over" in options:
        assert passed_over(task.files) == options["passed over"]
    separator = " " if kind == NER else " | "
    return [(separator.join(e.texts), str(e.label).split(" | ")[0]) for e in read_split(task, split=split)]


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_malformed_and_ambiguous_files_are_refused_in_one_line_or_read_exactly(tmp_path, monkeypatch, row):
    monkeypatch.chdir(tmp_path)
    kind, files, content, expected, *rest = row[1:]
    options: dict[str, Any] = rest[0] if rest else {}
    named = write(tmp_path, files, content)
    if isinstance(expected, list):
        assert read(kind, named, False, options) == expected
        return
    with pytest.raises((DataError, ParameterError)) as caught:
        read(kind, named, True, options)
    message = str(caught.value)
    head, *places = message.split("\n")
    assert expected in message and len(head) <= MAX_MESSAGE and not re.search(r"Traceback|Error\b", head), message
    assert (
        all(line.startswith("  ") for line in places) and len(places) <= MAX_PLACES and len(message) <= 2 * MAX_MESSAGE
    )


def test_the_table_has_every_format_and_many_situations():
    suffixes = {Path(name).suffix for row in TABLE for name in (row[2] if isinstance(row[2], dict) else [row[2]])}
    assert suffixes >= {".tsv", ".csv", ".json", ".jsonl", ".conll", ".ann", ".pubtator", ".xml"}
    assert len({row[0] for row in TABLE}) == len(TABLE) >= 40
