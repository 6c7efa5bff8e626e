"""The same examples, however they are written down."""

import csv
import json

import pytest

from blurbstudy.tasks import custom_task, read_split, read_task, to_datasets

CLASSES = [
    ("t1", "d1", 'A "quoted" word; and, commas', "yes"),
    ("t2", "d1", "Grüße aus Zürich \u2028 μ", "no"),
    ("t3", "d2", "plain", "yes"),
]
TAGGED = [
    (["Aspirin", "helps", "lung", "fibrosis"], ["B-Drug", "O", "B-Disease", "I-Disease"]),
    (["μ-opioid", "C", "G"], ["O", "B-Drug", "B-Drug"]),
]


def write_tsv(path):
    path.write_text("".join("\t".join(row) + "\n" for row in [("id", "doc", "text", "label"), *CLASSES]))


def write_headless(path):
    path.write_text("".join("\t".join(row) + "\n" for row in CLASSES))


def write_csv(path, delimiter=","):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows([("id", "doc", "text", "label"), *CLASSES])


def write_jsonl(path):
    rows = [dict(zip(("id", "doc", "text", "label"), row, strict=True)) for row in CLASSES]
    path.write_text("".join(json.dumps(row) + "\n\n" for row in rows))


def read(path, kind="classification", **said):
    task = custom_task(kind=kind, files={"train": path, "dev": path}, **said)
    return task, read_split(task, split="train")


def test_tables_and_json_lines_hold_the_same_examples(tmp_path):
    numbered = {"columns": {"id": 1, "document": 2, "text": 3, "label": 4}}
    written = {
        "a.tsv": (write_tsv, {}),
        "b.tsv": (write_headless, numbered),
        "c.csv": (write_csv, {}),
        "d.csv": (lambda path: write_csv(path, ";"), {}),
        "e.jsonl": (write_jsonl, {}),
    }
    for name, (write, said) in written.items():
        write(tmp_path / name)
        task, examples = read(tmp_path / name, **said)
        assert task.labels == ("no", "yes"), name
        assert [(e.id, e.unit, e.texts[0], e.label) for e in examples] == CLASSES, name


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_a_byte_order_mark_change_nothing(tmp_path, end, mark):
    for name, write in (("a.tsv", write_tsv), ("a.csv", write_csv), ("a.jsonl", write_jsonl)):
        write(tmp_path / name)
        text = (tmp_path / name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", end.encode())
        (tmp_path / name).write_bytes(mark + text)
        assert [e.texts[0] for e in read(tmp_path / name)[1]] == [row[2] for row in CLASSES], name


def test_lines_of_two_hundred_thousand_characters_are_read_whole(tmp_path):
    long = "word " * 40_000
    (tmp_path / "a.tsv").write_text(f"text\tlabel\n{long}\tyes\nshort\tno\n")
    (tmp_path / "a.csv").write_text(f'text,label\n"{long}",yes\nshort,no\n')
    (tmp_path / "a.jsonl").write_text(
        json.dumps({"text": long, "label": "yes"}) + '\n{"text": "short", "label": "no"}\n'
    )
    limit = csv.field_size_limit()
    for name in ("a.tsv", "a.csv", "a.jsonl"):
        assert len(read(tmp_path / name)[1][0].texts[0]) == 200_000
    assert csv.field_size_limit() == limit  # the module's setting is everybody's


def test_a_csv_field_may_hold_line_breaks_and_later_lines_keep_their_numbers(tmp_path):
    (tmp_path / "a.csv").write_text('text,label\n"two\nlines",yes\nx,no\nbroken\n')
    with pytest.raises(ValueError, match=r"a\.csv, line 5: found 1 column in 'broken'; expected 2 \(text, label\)"):
        read(tmp_path / "a.csv")


def test_numbers_and_truth_values_of_json_are_labels_as_words(tmp_path):
    lines = ['{"text": "x", "label": 1}', '{"text": "y", "label": 0}', '{"text": ["z", "z"], "label": true}']
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    task, examples = read(tmp_path / "a.jsonl")
    assert task.labels == ("0", "1", "true")
    assert [(e.id, e.texts, e.label) for e in examples] == [
        ("1", ("x",), "1"),
        ("2", ("y",), "0"),
        ("3", ("z z",), "true"),
    ]


def test_sets_of_labels_are_read_in_one_order_from_tables_and_lists(tmp_path):
    (tmp_path / "a.tsv").write_text("text\tlabels\nx\tb; a\ny\t\nz\tb\n")
    lines = ['{"text": "x", "labels": ["b", "a"]}', '{"text": "y", "labels": []}', '{"text": "z", "labels": ["b"]}']
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    for name, said in (("a.tsv", {"separator": ";"}), ("a.jsonl", {})):
        task, examples = read(tmp_path / name, "multi-label", **said)
        assert (task.task_type, task.labels, task.metric) == ("document", ("a", "b"), "document_f1")
        assert [e.label for e in examples] == ["a,b", "", "b"]


def test_pairs_and_scores_are_read(tmp_path):
    (tmp_path / "a.csv").write_text("sentence1,sentence2,score\na,b,1\nc,d,2.5\n")
    task, examples = read(tmp_path / "a.csv", "similarity")
    assert (task.metric, task.labels, task.bounds) == ("pearson", (), (1.0, 2.5))
    assert [(e.texts, e.label) for e in examples] == [(("a", "b"), 1.0), (("c", "d"), 2.5)]
    (tmp_path / "b.csv").write_text("question,context,answer\na,b,yes\nc,d,no\n")
    task, examples = read(tmp_path / "b.csv", "pairs")
    assert (task.task_type, task.metric, task.text_columns) == ("question", "accuracy", ("question", "context"))
    assert [(e.texts, e.label) for e in examples] == [(("a", "b"), "yes"), (("c", "d"), "no")]


def write_conll(path, scheme, separator):
    """The tagged sentences in a scheme, with a column between."""
    tags = {
        "iob1": [["I-Drug", "O", "I-Disease", "I-Disease"], ["O", "I-Drug", "B-Drug"]],
        "iob2": [own for _, own in TAGGED],
        "iobes": [["S-Drug", "O", "B-Disease", "E-Disease"], ["O", "S-Drug", "S-Drug"]],
    }[scheme]
    lines = []
    for (words, _), own in zip(TAGGED, tags, strict=True):
        lines += [separator.join((word, "NN", tag)) for word, tag in zip(words, own, strict=True)] + [""]
    path.write_text("\n".join(lines))


@pytest.mark.parametrize("scheme", ["iob1", "iob2", "iobes"])
@pytest.mark.parametrize("separator", ["\t", " ", "   "])
def test_tagged_sentences_are_the_same_in_every_scheme(tmp_path, scheme, separator):
    write_conll(tmp_path / "a.conll", scheme, separator)
    task, examples = read(tmp_path / "a.conll", "ner")
    assert task.labels == ("O", "B-Disease", "I-Disease", "B-Drug", "I-Drug")
    assert [(list(e.texts), e.label.split()) for e in examples] == TAGGED


def test_lists_of_words_and_tags_are_tagged_sentences_too(tmp_path):
    rows = [json.dumps({"tokens": words, "ner_tags": tags, "pmid": "7"}) for words, tags in TAGGED]
    (tmp_path / "a.jsonl").write_text("\n".join(rows))
    task, examples = read(tmp_path / "a.jsonl", "ner")
    assert task.columns == ("tokens", "ner_tags")
    assert [(e.unit, list(e.texts), e.label.split()) for e in examples] == [("7", *pair) for pair in TAGGED]


def test_documents_of_conll_files_are_units(tmp_path):
    (tmp_path / "a.conll").write_text("-DOCSTART- -X- O O\n\na B\n\nb O\n\n-DOCSTART- (77)\n\nc B\n\n")
    task, examples = read(tmp_path / "a.conll", "ner")
    assert task.labels == ("O", "B", "I") and [e.unit for e in examples] == ["d1", "d1", "77"]


def test_one_file_or_one_document_id_is_one_unit(tmp_path):
    """Of brat the file, of a table its document: a dev set of one cannot bound a score."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("Aspirin helps. It hurts.\nAspirin again.")
    (tmp_path / "notes" / "a.ann").write_text("T1\tDrug 0 7\tAspirin\n")
    (tmp_path / "a.csv").write_text("pmid,text,label\n7,x,yes\n7,y,no\n7,z,yes\n")
    for path, kind, n in ((tmp_path / "notes", "ner", 3), (tmp_path / "a.csv", "classification", 3)):
        _, examples = read(path, kind)
        assert len(examples) == n and len({example.unit for example in examples}) == 1


def test_pico_tags_are_classes_of_words(tmp_path):
    (tmp_path / "a.conll").write_text("old B-PAR\nmen I-PAR\ntook O\npills B-INT\n\n")
    task, examples = read(tmp_path / "a.conll", "pico")
    assert (task.labels, task.positive_labels) == (("O", "I-INT", "I-PAR"), ("I-INT", "I-PAR"))
    assert examples[0].label == "I-PAR I-PAR O I-INT"


def test_an_own_task_is_a_dataset_like_any_other(tmp_path):
    write_conll(tmp_path / "a.conll", "iobes", "\t")
    task, _ = read(tmp_path / "a.conll", "ner")
    data = to_datasets(task)
    assert list(data) == list(read_task(task)) == ["train", "dev"]
    names = data["train"].features["tags"].feature.names
    assert [names[i] for i in data["train"][0]["tags"]] == TAGGED[0][1] and data["train"][0]["words"] == TAGGED[0][0]


def test_labels_may_have_a_column_each(tmp_path):
    (tmp_path / "a.csv").write_text("id,text,growth,death,spread\nt1,x,1,0,0\nt2,y,0,0,0\nt3,z,1,1,0\n")
    rows = [{"id": "a", "text": "x", "growth": True, "death": False}, {"id": "b", "text": "y", "growth": 0, "death": 0}]
    lines = map(json.dumps, rows)
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    task, examples = read(tmp_path / "a.csv", "multi-label")
    assert task.labels == ("death", "growth", "spread")  # a label is one too where no line has it
    assert [(e.id, e.label) for e in examples] == [("t1", "growth"), ("t2", ""), ("t3", "death,growth")]
    task, examples = read(tmp_path / "a.jsonl", "multi-label")
    assert (task.labels, [e.label for e in examples]) == (("death", "growth"), ["growth", ""])
    for named in (["growth", "spread"], "growth+spread"):
        task, examples = read(tmp_path / "a.csv", "multi-label", columns={"label": named})
        assert (task.labels, [e.label for e in examples]) == (("growth", "spread"), ["growth", "", "growth"])


def test_a_mark_that_is_neither_1_nor_0_is_refused_with_its_line(tmp_path):
    (tmp_path / "a.csv").write_text("text,growth,death\nx,1,0\ny,2,0\n")
    with pytest.raises(ValueError, match=r"a\.csv, line 3: found growth '2'; expected 1 or 0; correct the mark"):
        read(tmp_path / "a.csv", "multi-label", columns={"label": ["growth", "death"]})
