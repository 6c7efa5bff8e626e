"""`score` reads what `predict` writes for a task's own file, whatever ids the file has."""

from __future__ import annotations

import json
import sys

import pytest

from blurbstudy.api.score import score_file
from blurbstudy.api.span_files import gold_documents
from blurbstudy.errors import DataError
from blurbstudy.inference.abstention import Coverage
from blurbstudy.inference.inputs.readers import read_documents
from blurbstudy.inference.outputs.formats import OUTPUT_FORMATS, brat_files
from blurbstudy.inference.outputs.resumable import open_output
from blurbstudy.inference.predictor import Entity, Prediction, TaggedSentence, split_words
from blurbstudy.tasks import Task, read_split

N = 24


def rows(ids, **more):
    return [{**ids(i), "text": f"Text {i} of it.", **{k: v(i) for k, v in more.items()}} for i in range(N)]


def jsonl(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def csv(path, records):
    lines = [",".join(records[0]), *(",".join(map(str, record.values())) for record in records)]
    path.write_text("\n".join(lines))
    return path


IDS = {
    "no ids": lambda i: {},
    "unique ids": lambda i: {"id": f"x{i}"},
    "repeated ids": lambda i: {"id": f"P{i // 3}"},
    "repeated numbers": lambda i: {"id": str(i // 2 + 1)},
    "repeated ids beside documents": lambda i: {"id": f"P{i // 2}", "pmid": f"D{i // 4}"},
    "ids such as those of repeated ones": lambda i: {"id": ("P", "P.2", "P")[i % 3] if i < 3 else f"Q{i}"},
}
LABELS = {
    "classification": {"label": lambda i: ("no", "yes", "unclear")[i * 7 % 3]},
    "multi-label": {"labels": lambda i: ("a", "b", "a;b", "")[i * 7 % 4]},
    "similarity": {"text2": lambda i: f"Other {i}.", "score": lambda i: float(i * 7 % 5)},
}


def predicted_as_gold(task, path, split):
    """A prediction for each document of a file: its gold label, with most of the probability."""
    by_text = {example.texts: example.label for example in read_split(task, split=split)}
    for item in read_documents(path, task):
        document = item.content
        gold = by_text.get(document.texts, task.labels[0] if task.labels else 0.0)
        if task.output == "score":
            yield Prediction(document, score=float(gold))
        elif task.output == "multi_label":
            labels = tuple(filter(None, gold.split(",")))
            yield Prediction(document, labels=labels, probabilities={n: 0.1 + 0.8 * (n in labels) for n in task.labels})
        else:
            yield Prediction(document, label=gold, probabilities={n: 0.1 + 0.7 * (n == gold) for n in task.labels})


def write_predictions(path, task, predictions):
    output = OUTPUT_FORMATS[path.suffix[1:]]
    path.write_text(output.begin(task) + "".join(output.document(one, task) for one in predictions), newline="")
    return path


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("kind", LABELS)
def test_labels_and_their_probabilities_are_scored_in_every_format(tmp_path, kind, ids):
    records = rows(IDS[ids], **LABELS[kind])
    for write, name in ((jsonl, "a.jsonl"), (csv, "a.csv")):
        file = write(tmp_path / name, records)
        options = {"separator": ";"} if kind == "multi-label" else {}
        task = Task.from_files(kind, train=file, test=file, **options)
        for suffix in (".jsonl", ".tsv"):
            predictions = predicted_as_gold(task, file, "test")
            scored = score_file(write_predictions(tmp_path / f"p{suffix}", task, predictions), task, tmp_path)
            assert scored.score == 1.0 and scored.n == N
            ranking = scored.by_class.ranking
            assert (ranking is None) == (kind == "similarity")
            assert ranking is None or set(ranking.scores.values()) == {1.0}


def test_rows_left_out_and_a_part_of_train_are_scored_too(tmp_path):
    records = rows(IDS["repeated ids"], label=lambda i: "" if i % 5 == 0 else ("no", "yes")[i % 2])
    file = csv(tmp_path / "a.csv", records)
    task = Task.from_files("classification", train=file, drop_unlabelled=True, dev_share=0.3)
    predictions = list(predicted_as_gold(task, file, "dev"))
    assert len(predictions) == N
    for suffix in (".jsonl", ".tsv"):
        path = write_predictions(tmp_path / f"p{suffix}", task, predictions)
        scored = score_file(path, task, tmp_path, split="dev")
        assert scored.score == 1.0 and scored.n == len(read_split(task, split="dev")) < N


def test_probabilities_out_of_bounds_are_refused_and_without_them_there_is_no_ranking(tmp_path):
    file = jsonl(tmp_path / "a.jsonl", rows(IDS["unique ids"], **LABELS["classification"]))
    task = Task.from_files("classification", train=file, test=file)
    path = write_predictions(tmp_path / "p.jsonl", task, predicted_as_gold(task, file, "test"))
    path.write_text(path.read_text().replace("0.8", "1.8", 1))
    with pytest.raises(
        DataError, match="p.jsonl, line 1: found probabilities .*; expected a number from 0 to 1 per label"
    ):
        score_file(path, task, tmp_path)
    path.write_text("".join(json.dumps({"id": f"x{i}", "label": "no"}) + "\n" for i in range(N)))
    assert score_file(path, task, tmp_path).by_class.ranking is None


@pytest.mark.parametrize("suffix", [".jsonl", ".tsv"])
def test_labels_of_sets_that_predict_withheld_are_counted_beside_the_score(tmp_path, suffix):
    file = csv(tmp_path / "a.csv", rows(IDS["unique ids"], **LABELS["multi-label"]))
    task = Task.from_files("multi-label", train=file, test=file, separator=";")
    coverage = Coverage(0.95)
    predictions = [coverage.withhold(one) for one in predicted_as_gold(task, file, "test")]
    with open_output(tmp_path / f"p{suffix}", sys.stdout, task, suffix[1:], settings={}, withholds=True) as output:
        output.write(predictions)
    scored = score_file(tmp_path / f"p{suffix}", task, tmp_path)
    caveat = scored.to_dict()["caveats"][0]
    assert (caveat["kind"], caveat["count"], caveat["total"]) == ("withheld", N, N) and scored.by_class.ranking
    assert (
        f"caveat: {N} of {N} predictions for test are left out, since predict had a --min-confidence" in scored.text()
    )


@pytest.mark.parametrize("file_format", ["jsonl", "tsv", "conll", "brat"])
def test_entities_that_predict_withheld_are_counted_beside_the_score(tmp_path, file_format):
    file = tagged_files(tmp_path)["CoNLL"]
    task = Task.from_files("ner", train=file, test=file)
    predictions = []
    for item in read_documents(file, task):
        (sentence,) = item.content.sentences
        entities = tuple(Entity(*sentence[k], "Drug", words(0)[k], p) for k, p in ((2, 0.9), (3, 0.6)))
        tagged = TaggedSentence(sentence, ("O", "O", "B-Drug", "B-Drug"))
        predictions.append(Coverage(0.7).withhold(Prediction(item.content, entities, (tagged,))))
    path = tmp_path / "p"
    with open_output(path, sys.stdout, task, file_format, settings={}, withholds=True) as output:
        output.write(predictions)
    scored = score_file(path, task, tmp_path)
    caveat = scored.to_dict()["caveats"][0]
    assert scored.score == 1 and (caveat["kind"], caveat["count"], caveat["total"]) == ("withheld", N, 2 * N)


def words(i):
    return [f"Case{i}", "took", "aspirin", "daily"]


TAGS = ["O", "O", "B-Drug", "O"]


def tagged_files(folder):
    """Name -> a file of entities."""
    spans = [
        {
            "id": f"P{i // 2}",
            "text": " ".join(words(i)),
            "entities": [[len(f"Case{i} took "), len(f"Case{i} took ") + 7, "Drug"]],
        }
        for i in range(N)
    ]
    blocks = ["".join(f"{w}\t{t}\n" for w, t in zip(words(i), TAGS, strict=True)) for i in range(N)]
    (folder / "plain.conll").write_text("\n".join(blocks))
    (folder / "marked.conll").write_text(
        "".join(f"-DOCSTART- (P{i})\n\n{b}\n" if i % 2 == 0 else f"{b}\n" for i, b in enumerate(blocks))
    )
    mentions = [
        {"id": r["id"], "text": r["text"], "start": r["entities"][0][0], "end": r["entities"][0][1], "type": "Drug"}
        for r in spans
    ]
    pubtator = [
        f"{i}|t|{r['text']}\n{i}\t{r['entities'][0][0]}\t{r['entities'][0][1]}\taspirin\tDrug\n\n"
        for i, r in enumerate(spans)
    ]
    (folder / "a.pubtator").write_text("".join(pubtator))
    return {
        "words with repeated ids": jsonl(
            folder / "words.jsonl", [{"id": f"P{i // 2}", "tokens": words(i), "ner_tags": TAGS} for i in range(N)]
        ),
        "words without ids": jsonl(folder / "more.jsonl", [{"tokens": words(i), "ner_tags": TAGS} for i in range(N)]),
        "spans with unique ids": jsonl(folder / "unique.jsonl", [row | {"id": f"x{i}"} for i, row in enumerate(spans)]),
        "spans with repeated ids": jsonl(folder / "spans.jsonl", spans),
        "spans without ids": jsonl(
            folder / "none.jsonl", [{k: v for k, v in row.items() if k != "id"} for row in spans]
        ),
        "CoNLL": folder / "plain.conll",
        "CoNLL with documents": folder / "marked.conll",
        "PubTator": folder / "a.pubtator",
        "a row per mention": csv(folder / "mentions.csv", [row | {"id": i} for i, row in enumerate(mentions)]),
    }


@pytest.mark.parametrize(
    "name",
    [
        "words with repeated ids",
        "words without ids",
        "spans with unique ids",
        "spans with repeated ids",
        "spans without ids",
        "CoNLL",
        "CoNLL with documents",
        "PubTator",
        "a row per mention",
    ],
)
def test_entities_are_scored_in_every_format(tmp_path, name):
    file = tagged_files(tmp_path)[name]
    task = Task.from_files("ner", train=file, test=file)
    gold = {document.text: document.entities for document in gold_documents(task, tmp_path, "test")[0]}
    predictions = []
    for item in read_documents(file, task):
        document, (text,) = item.content, item.content.texts
        entities = tuple(Entity(e.start, e.end, e.type, text[e.start : e.end], 0.9) for e in gold[text])
        sentences = tuple(
            TaggedSentence(s, tuple("B-Drug" if any(e.start == a for e in entities) else "O" for a, _ in s))
            for s in split_words(document, task.form.words)
        )
        predictions.append(Prediction(document, entities, sentences))
    (tmp_path / "brat").mkdir()
    for one in predictions:
        for file_name, text in brat_files(one).items():
            (tmp_path / "brat" / file_name).write_text(text)
    written = [write_predictions(tmp_path / f"p{suffix}", task, predictions) for suffix in (".jsonl", ".tsv", ".conll")]
    for path in (*written, tmp_path / "brat"):
        assert score_file(path, task, tmp_path).score == 1.0, path.name
