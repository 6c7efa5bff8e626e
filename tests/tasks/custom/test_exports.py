"""Annotation tools' exports: the same invented documents, whatever wraps them, are the same examples."""

import csv
import io
import json
import random
from xml.sax.saxutils import escape

import pytest

from blurbstudy.errors import DataError, ParameterError
from blurbstudy.inference.inputs.readers import read_documents
from blurbstudy.tasks import custom_task, read_split
from blurbstudy.tasks.custom.audit import check_trainable
from blurbstudy.tasks.custom.spans import span_documents, span_notes
from tests.inference.lexicon import typed_task

WORDS = ("serum", "naïve", "IL-6", "β-blocker", "🧬", "dose", "low", "of", "und", "“x”")


def invented(seed, n=5):
    """Documents as (text, entities), each entity (start, end, type) and disjoint."""
    draw = random.Random(seed)
    documents = []
    for _ in range(n):
        text, entities = "", []
        for _ in range(draw.randint(3, 12)):
            word = draw.choice(WORDS)
            start = len(text)
            text += word + draw.choice((" ", " ", "  ", ". "))
            if draw.random() < 0.3:
                entities.append((start, start + len(word), draw.choice(("Drug", "Gene"))))
        documents.append((text + "end", entities))
    return documents


def label_studio(text, entities):
    return [{"start": a, "end": b, "text": text[a:b], "labels": [kind]} for a, b, kind in entities]


def task_of_label_studio(number, text, entities):
    results = [
        {"id": f"r{i}", "from_name": "ner", "to_name": "note", "type": "labels", "value": value}
        for i, value in enumerate(label_studio(text, entities))
    ]
    return {"id": number, "data": {"text": text}, "annotations": [{"id": number, "result": results}], "predictions": []}


def label_studio_csv(documents):
    file = io.StringIO()
    rows = [(number, json.dumps(label_studio(*document)), document[0]) for number, document in enumerate(documents, 1)]
    csv.writer(file).writerows([("id", "label", "text"), *rows])
    return file.getvalue()


def bioc(number, text, entities, offset=0):
    """A document of two passages that share a line break, as PubTator's titles and abstracts do."""
    annotations = [
        {
            "id": str(i),
            "infons": {"type": kind, "identifier": "-"},
            "text": text[a:b],
            "locations": [{"offset": offset + a, "length": b - a}],
        }
        for i, (a, b, kind) in enumerate(entities)
    ]
    return {
        "id": str(number),
        "infons": {},
        "passages": [{"offset": offset, "infons": {}, "text": text, "annotations": annotations, "relations": []}],
    }


def bioc_xml(documents):
    parts = []
    for number, (text, entities) in enumerate(documents, 1):
        annotations = "".join(
            f'<annotation id="{i}"><infon key="type">{kind}</infon><location offset="{a}" length="{b - a}"/>'
            f"<text>{escape(text[a:b])}</text></annotation>"
            for i, (a, b, kind) in enumerate(entities)
        )
        parts.append(
            f"<document><id>{number}</id><passage><offset>0</offset><text>{escape(text)}</text>{annotations}</passage>"
            "</document>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE collection SYSTEM "BioC.dtd">\n<collection>'
        f"<source>x</source><date>2020</date><key>k</key>{''.join(parts)}</collection>"
    )


def rows(documents, entity=lambda text, a, b, kind: [a, b, kind], **more):
    return [
        {"id": str(number), "text": text, "entities": [entity(text, *one) for one in entities], **more}
        for number, (text, entities) in enumerate(documents, 1)
    ]


def lines(values):
    return "\n".join(json.dumps(value, ensure_ascii=False) for value in values) + "\n"


def pairs(documents):
    return [[text, {"entities": [list(one) for one in entities]}] for text, entities in documents]


def tasks(documents):
    return [task_of_label_studio(number, *document) for number, document in enumerate(documents, 1)]


def bioc_documents(documents):
    return [bioc(number, *document) for number, document in enumerate(documents, 1)]


EXPORTS = {  # name of the file -> its content
    "label_studio.json": lambda docs: json.dumps(tasks(docs)),
    "label_studio_indented.json": lambda docs: json.dumps(tasks(docs), indent=2),
    "label_studio_old.json": lambda docs: json.dumps(tasks(docs)).replace('"annotations"', '"completions"'),
    "label_studio_min.json": lambda docs: json.dumps(
        [{"id": i, "text": t, "label": label_studio(t, e), "annotator": 1} for i, (t, e) in enumerate(docs, 1)]
    ),
    "label_studio.csv": label_studio_csv,
    "array.json": lambda docs: json.dumps(rows(docs)),
    "array_indented.json": lambda docs: json.dumps(rows(docs), indent=1),
    "array_by_line.json": lambda docs: "[\n" + ",\n".join(json.dumps(row) for row in rows(docs)) + "\n]\n",
    "array_under_another_ending.txt": lambda docs: json.dumps(rows(docs)),
    "lines_in_json.json": lambda docs: lines(rows(docs)),
    "lines.txt": lambda docs: lines(rows(docs)),
    "lines.data": lambda docs: "\ufeff\n" + lines(rows(docs)),
    "lines.tsv": lambda docs: lines(rows(docs)).replace("\n", "\r\n"),
    "doccano.jsonl": lambda docs: lines(
        rows(docs, lambda t, a, b, k: {"id": a, "label": k, "start_offset": a, "end_offset": b}, relations=[])
    ),
    "spacy2.json": lambda docs: json.dumps(pairs(docs)),
    "spacy2_indented.json": lambda docs: json.dumps(pairs(docs), indent=4),
    "spacy3_doc_to_json.jsonl": lambda docs: lines(
        [
            {
                "id": i,
                "text": t,
                "ents": [{"start": a, "end": b, "label": kind} for a, b, kind in e],
                "tokens": [{"id": 0}],
            }
            for i, (t, e) in enumerate(docs, 1)
        ]
    ),
    "spacy2.jsonl": lambda docs: lines(pairs(docs)),
    "bioc.xml": bioc_xml,
    "bioc_under_another_ending.txt": bioc_xml,
    "bioc.json": lambda docs: json.dumps({"source": "x", "documents": bioc_documents(docs)}),
    "bioc_indented.json": lambda docs: json.dumps({"documents": bioc_documents(docs)}, indent=2),
    "bioc_of_pmc.json": lambda docs: json.dumps([{"documents": [document]} for document in bioc_documents(docs)]),
    "bioc_lines.json": lambda docs: lines(bioc_documents(docs)),
    "bioc_of_pubtator.json": lambda docs: json.dumps({"PubTator3": bioc_documents(docs)}),
}


def task(kind, path, **options):
    return custom_task(kind=kind, files={"train": path}, **options)


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("seed", range(3))
def test_every_export_holds_the_documents_that_were_written(tmp_path, name, seed):
    documents = invented(seed)
    path = tmp_path / name
    path.write_text(EXPORTS[name](documents), encoding="utf-8")
    own = task("ner", path)
    read, counts = span_documents(path, own)
    assert [(d.text, [(e.start, e.end, e.type) for e in d.entities]) for d in read] == documents
    assert list(counts.sentences()) == []
    if "spacy" not in name:  # has no ids
        assert [d.id for d in read] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("name", EXPORTS)
def test_predict_reads_the_same_texts_from_every_export(tmp_path, name):
    documents = invented(7)
    path = tmp_path / name
    path.write_text(EXPORTS[name](documents), encoding="utf-8")
    options = {"format_name": "jsonl"} if path.suffix == ".data" else {}
    items = list(read_documents(path, typed_task(), **options))
    assert [item.content.texts for item in items] == [(text,) for text, _ in documents]
    assert [item.content.id for item in items] == ["1", "2", "3", "4", "5"]


def test_words_and_tags_of_hugging_face_are_read_from_lines_and_arrays(tmp_path):
    records = [{"id": str(i), "tokens": ["no", "IL-6", "β"], "ner_tags": ["O", "B-Gene", "I-Gene"]} for i in range(4)]
    contents = {"a.json": lines(records), "b.json": json.dumps(records), "c.txt": json.dumps(records, indent=2)}
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
        examples = read_split(task("ner", tmp_path / name), ".", split="train")
        assert {(example.texts, example.label) for example in examples} == {(("no", "IL-6", "β"), "O B-Gene I-Gene")}


def choice(number, name, values):
    result = [{"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": values}}]
    return {"id": number, "data": {"text": f"note {number}"}, "annotations": [{"result": result}]}


def test_choices_of_label_studio_are_labels(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([choice(i, "mood", [("bad", "good")[i % 2]]) for i in range(12)]))
    one = task("classification", path, columns={"label": "mood"}, dev_share=0.3)
    assert {(e.texts[0], e.label) for s in one.splits for e in read_split(one, ".", split=s)} == {
        (f"note {i}", ("bad", "good")[i % 2]) for i in range(12)
    }
    path.write_text(json.dumps([choice(i, "mood", ["a", "b"] if i % 2 else ["b"]) for i in range(12)]))
    several = task("multi-label", path, columns={"label": "mood"})
    assert several.labels == ("a", "b")
    assert {e.label for e in read_split(several, ".", split="train")} == {"b", "a,b"}
    path.write_text(json.dumps([{"text": f"n {i}", "mood": {"choices": ["a", "b"][: i % 2 + 1]}} for i in range(12)]))
    assert {e.label for e in read_split(task("multi-label", path, columns={"label": "mood"}), ".", split="train")} == {
        "a",
        "a,b",
    }


def test_tasks_without_annotation_are_left_out_and_counted(tmp_path):
    path = tmp_path / "a.json"
    done = tasks(invented(1, n=9))
    new = [{"id": 20, "data": {"text": "not seen"}, "annotations": []}, {"id": 21, "data": {"text": "nor this"}}]
    skipped = {"id": 22, "data": {"text": "unclear"}, "annotations": [{"was_cancelled": True, "result": []}]}
    path.write_text(json.dumps([*done, *new, skipped]))
    own = task("ner", path)
    assert len(span_documents(path, own)[0]) == 9
    assert list(span_notes(path, own))[:2] == [
        "1 text skipped by the annotator left out",
        "2 texts without annotation left out",
    ]
    assert len(list(read_documents(path, typed_task()))) == 12  # all are texts to predict for


def test_texts_without_a_list_of_entities_are_counted(tmp_path):
    path = tmp_path / "a.json"
    texts = [{"text": "IL-6 rises", "entities": [[0, 4, "Gene"]]}, {"text": "no key"}, {"text": "no", "entities": None}]
    path.write_text(json.dumps(texts))
    assert "2 texts without a list of entities, read as without entities" in list(span_notes(path, task("ner", path)))


def test_passages_stand_at_their_offsets_and_sentences_count_once(tmp_path):
    title, abstract = "Low IL-6.", "Naïve cells 🧬. IL-6 rose."
    start = len(title) + 1
    sentence = {"offset": start, "text": abstract[:14]}
    at = start + abstract.index("IL-6")
    annotation = {"infons": {"type": "Gene"}, "text": "IL-6", "locations": [{"offset": at, "length": 4}]}
    passages = [
        {"offset": start, "text": abstract, "sentences": [sentence], "annotations": [annotation]},
        {"offset": 0, "text": title},
        {"offset": 99, "infons": {"type": "figure"}},
    ]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"documents": [{"id": "7", "passages": passages}]}))
    ((document,), _) = span_documents(path, task("ner", path))
    assert document.text == f"{title}\n{abstract}"
    assert [(document.text[e.start : e.end], e.start) for e in document.entities] == [("IL-6", at)]


def test_bioc_in_several_pieces_is_refused_or_left_out(tmp_path):
    locations = [{"offset": 0, "length": 3}, {"offset": 8, "length": 4}]
    annotation = {"infons": {"type": "D"}, "text": "low dose", "locations": locations}
    whole = {"infons": {"type": "D"}, "text": "dose", "locations": [{"offset": 8, "length": 4}]}
    passage = {"offset": 0, "text": "low and dose", "annotations": [annotation, whole]}
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"documents": [{"id": "7", "passages": [passage]}]}))
    with pytest.raises(DataError, match=r"a\.json, record 1: found an entity in 2 fragments; .*discontinuous: skip"):
        task("ner", path)
    own = task("ner", path, discontinuous="skip")
    ((document,), _) = span_documents(path, own)
    assert [(e.start, e.end, e.pieces) for e in document.entities] == [(0, 12, ((0, 3), (8, 12))), (8, 12, ())]


def damaged(content, draw):
    """The content with a part left out, repeated or replaced."""
    a, b = sorted(draw.randrange(len(content)) for _ in range(2))
    b = min(b, a + draw.choice((1, 3, 30, len(content))))
    middle = draw.choice(("", content[a:b] * 2, "0", '"', "null", "[]", "{}", "-1", "\ud800"))
    return content[:a] + middle + content[b:]


@pytest.mark.parametrize("name", EXPORTS)
def test_damaged_exports_are_refused_in_one_line_or_read_as_text(tmp_path, name):
    draw, outcomes = random.Random(name), set()
    whole = EXPORTS[name](invented(5, n=3))
    path = tmp_path / name
    for _ in range(40):
        path.write_text(damaged(whole, draw), encoding="utf-8", errors="surrogatepass")
        try:
            own = task("ner", path)
            if own.reader == "own_conll":  # its first brackets are lost: one word, and nothing to learn from
                check_trainable(own)
            documents = span_documents(path, own)[0]
            assert all(0 <= e.start < e.end <= len(d.text) for d in documents for e in d.entities)
            outcomes.add("read")
        except (DataError, ParameterError) as error:
            assert len(str(error).split("\n")[0]) < 700
            outcomes.add("refused")
    assert "refused" in outcomes
