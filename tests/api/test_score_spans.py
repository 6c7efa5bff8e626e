"""Spans scored against gold spans: equal to counting them by hand, from whatever file they are read."""

import json
import random
from collections import Counter

import pytest

from blurbstudy.api.score import score_file
from blurbstudy.api.score_spans import score_spans
from blurbstudy.errors import DataError
from blurbstudy.inference.inputs.documents import Document
from blurbstudy.inference.inputs.readers import read_documents
from blurbstudy.inference.outputs.formats import OUTPUT_FORMATS, brat_files
from blurbstudy.inference.predictor import Entity, Prediction
from blurbstudy.metrics import Mention
from blurbstudy.tasks import custom_task
from tests.inference.lexicon import typed_task

WORDS = ("serum", "naïve", "IL-6", "β-blocker", "🧬", "tab\there", "back\\slash", "of")
TYPES = ("Drug", "Gene")


def document(draw, n_words=14):
    """A text and the places of its words."""
    text, places = "", []
    for _ in range(n_words):
        word = draw.choice(WORDS)
        places.append((len(text), len(text) + len(word)))
        text += word + draw.choice((" ", " ", "\n"))
    return text + "end.", places


def spans(draw, places):
    """Spans of one to three words; some overlap."""
    chosen = set()
    for i, (start, _) in enumerate(places):
        if draw.random() < 0.3:
            end = places[min(len(places) - 1, i + draw.randrange(3))][1]
            chosen.add((start, end, draw.choice(TYPES)))
    return sorted(chosen)


def corpus(seed, n=12):
    """Texts, gold spans, and predicted spans, some of which are gold, shifted, or of another type."""
    draw = random.Random(seed)
    texts, gold, predicted = {}, {}, {}
    for i in range(n):
        name = f"doc {i}/{draw.choice('äb')}"
        texts[name], places = document(draw)
        gold[name] = spans(draw, places)
        kept = [one for one in gold[name] if draw.random() < 0.6]
        predicted[name] = sorted({*kept, *(one for one in spans(draw, places) if draw.random() < 0.5)})
    return texts, gold, predicted


def by_hand(gold, predicted, *, kind=None):
    """Matching -> (found, gold, right, predicted), by comparing every pair."""
    counts = {"exact": Counter(), "overlap": Counter()}
    for name in gold:
        g, p = ([s for s in side[name] if kind in (None, s[2])] for side in (gold, predicted))
        for match, meets in {
            "exact": lambda a, b: a == b,
            "overlap": lambda a, b: a[2] == b[2] and set(range(*a[:2])) & set(range(*b[:2])),
        }.items():
            counts[match].update(
                found=sum(any(meets(a, b) for b in p) for a in g),
                gold=len(g),
                right=sum(any(meets(a, b) for a in g) for b in p),
                predicted=len(p),
            )
    return counts


def expected_scores(counts):
    precision = counts["right"] / counts["predicted"] if counts["predicted"] else 0
    recall = counts["found"] / counts["gold"] if counts["gold"] else 0
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0


def check(scored, gold, predicted):
    for kind, scores in {None: scored.scores, **scored.types}.items():
        for match, counts in by_hand(gold, predicted, kind=kind).items():
            one = scores[match]
            assert (one.true_positives_gold, one.gold, one.true_positives_predicted, one.predicted) == tuple(
                counts[name] for name in ("found", "gold", "right", "predicted")
            )
            assert (one.precision, one.recall, one.f1) == pytest.approx(expected_scores(counts))
    for kind, (interval, method) in scored.type_intervals.items():
        f1 = scored.types[kind]["exact"].f1
        assert (interval is None) == method.startswith("none") and (
            interval is None or interval[0] <= f1 <= interval[1]
        )


def records(texts, entities):
    return [
        {"id": name, "text": texts[name], "entities": [{"start": a, "end": b, "type": t} for a, b, t in entities[name]]}
        for name in texts
    ]


def predictions(texts, entities):
    return [
        Prediction(Document(name, (texts[name],)), tuple(Entity(a, b, t, texts[name][a:b], 0.5) for a, b, t in spans))
        for name, spans in entities.items()
    ]


def write_predict(path, texts, entities):
    output, task = OUTPUT_FORMATS[path.suffix[1:]], typed_task()
    body = "".join(output.document(one, task) for one in predictions(texts, entities))
    path.write_text(output.begin(task) + body, newline="")


def write_brat(path, texts, entities, *, with_texts=True):
    path.mkdir()
    for one in predictions(texts, entities):
        for name, content in brat_files(one).items():
            if with_texts or name.endswith(".ann"):
                (path / name).write_bytes(content.encode())


def write_bioc(path, texts, entities):
    documents = [
        {
            "id": name,
            "passages": [
                {
                    "offset": 0,
                    "text": texts[name],
                    "annotations": [
                        {"infons": {"type": t}, "text": texts[name][a:b], "locations": [{"offset": a, "length": b - a}]}
                        for a, b, t in spans
                    ],
                }
            ],
        }
        for name, spans in entities.items()
    ]
    path.write_text(json.dumps({"documents": documents}))


def write_lines(path, texts, entities):
    path.write_text("\n".join(map(json.dumps, records(texts, entities))))


WRITERS = {
    "predicted.tsv": write_predict,
    "predicted.jsonl": write_predict,
    "brat": write_brat,
    "brat_without_texts": lambda *args: write_brat(*args, with_texts=False),
    "bioc.json": write_bioc,
    "lines.txt": write_lines,
}


def gold_task(tmp_path, texts, gold):
    (tmp_path / "gold.jsonl").write_text("\n".join(map(json.dumps, records(texts, gold))))
    return custom_task(kind="ner", files=dict.fromkeys(("train", "test"), tmp_path / "gold.jsonl"))


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("seed", range(3))
def test_spans_of_every_format_are_scored_as_by_hand(tmp_path, name, seed):
    texts, gold, predicted = corpus(seed)
    task = gold_task(tmp_path, texts, gold)
    WRITERS[name](tmp_path / name, texts, predicted)
    scored = score_file(tmp_path / name, task, tmp_path)
    check(scored, gold, predicted)
    assert scored.documents == len(texts) and scored.to_dict()["exact"]["gold"] == sum(map(len, gold.values()))
    low, high = scored.interval
    assert low <= scored.score <= high
    WRITERS[name](tmp_path / f"gold_{name}", texts, gold)
    assert score_file(tmp_path / f"gold_{name}", task, tmp_path).score == 1


def test_the_report_has_counts_of_every_type_and_what_is_left_out(tmp_path):
    texts = {"a": "aspirin and IL-6 and naloxone", "b": "none here"}
    gold = {"a": [(0, 7, "Drug"), (12, 16, "Gene")], "b": []}
    task = gold_task(tmp_path, texts, gold)
    predicted = {"a": [(0, 7, "Drug"), (0, 7, "Drug"), (12, 16, "Drug"), (21, 29, "Chem")], "b": []}
    write_predict(tmp_path / "p.tsv", texts, predicted)
    scored = score_file(tmp_path / "p.tsv", task, tmp_path)
    rows = [line.split() for line in scored.text().splitlines()]
    assert ["all", "types,", "exact", "33.33", "50.00", "40.00", "1", "2", "1", "3"] in rows
    assert ["Drug,", "exact", "50.00", "100.00", "66.67", "1", "1", "1", "2"] in rows
    assert ["Gene,", "overlap", "0.00", "0.00", "0.00", "0", "1", "0", "0"] in rows
    assert scored.notes == (
        "1 of 2 documents have no predicted entity",
        "predictions: 1 span given twice, counted once",
        "predictions: types that gold does not have, all of them wrong: Chem (1)",
    )
    assert scored.interval is None and "none: only 1 document with spans" in scored.text()


def test_texts_without_ids_are_matched_by_their_number(tmp_path):
    texts, gold, predicted = corpus(4)
    rows = [{key: row[key] for key in ("text", "entities")} for row in records(texts, gold)]
    (tmp_path / "gold.jsonl").write_text("\n".join(map(json.dumps, rows)))
    task = custom_task(kind="ner", files=dict.fromkeys(("train", "test"), tmp_path / "gold.jsonl"))
    ids = [item.content.id for item in read_documents(tmp_path / "gold.jsonl", typed_task())]
    numbered = dict(zip(ids, texts.values(), strict=True))
    for name in ("p.tsv", "p.jsonl"):
        write_predict(tmp_path / name, numbered, dict(zip(ids, predicted.values(), strict=True)))
        check(score_file(tmp_path / name, task, tmp_path), gold, predicted)


CONLL = "-DOCSTART- (x)\n\nLow\tO\nIL-6\tB-Gene\n.\tO\n\nNo\tO\naspirin\tB-Drug\n\n-DOCSTART- (y)\n\nIL-6\tB-Gene\n"


def test_spans_are_scored_against_tagged_words_at_the_offsets_of_predict(tmp_path):
    (tmp_path / "gold.conll").write_text(CONLL)
    task = custom_task(kind="ner", files=dict.fromkeys(("train", "test"), tmp_path / "gold.conll"))
    documents = [item.content for item in read_documents(tmp_path / "gold.conll", typed_task())]
    assert [(one.id, one.texts[0]) for one in documents] == [("x", "Low IL-6 .\nNo aspirin"), ("y", "IL-6")]
    texts = {one.id: one.texts[0] for one in documents}
    gold = {"x": [(4, 8, "Gene"), (14, 21, "Drug")], "y": [(0, 4, "Gene")]}
    for predicted, score in ((gold, 1), ({"x": gold["x"][:1], "y": [(0, 4, "Drug")]}, 0.4)):
        for name in ("p.tsv", "p.jsonl"):
            write_predict(tmp_path / name, texts, predicted)
            scored = score_file(tmp_path / name, task, tmp_path)
            check(scored, gold, predicted)
            assert scored.score == pytest.approx(score)


@pytest.mark.parametrize("rows", [CONLL, CONLL.replace("\t", " "), CONLL.replace("\t", "   ")])
def test_tokens_and_tags_may_be_separated_by_spaces(tmp_path, rows):
    (tmp_path / "gold.conll").write_text(CONLL)
    task = custom_task(kind="ner", files=dict.fromkeys(("train", "test"), tmp_path / "gold.conll"))
    (tmp_path / "p.txt").write_text(rows.replace("B-Drug", "O"))
    assert score_file(tmp_path / "p.txt", task, tmp_path).score == pytest.approx(0.8)


TEXTS = {"a": "aspirin and IL-6", "b": "none here"}
GOLD = {"a": [(0, 7, "Drug")], "b": []}
HEAD = "id\tstart\tend\ttype\ttext\tprobability\n"
ROWS = records(TEXTS, GOLD)
# file, its content, message
WRONG = [
    ("p.tsv", f"{HEAD}c\t0\t7\tDrug\taspirin\t0.9\n", r"line 2: found unknown id 'c'; expected the ids of .* test"),
    ("p.tsv", f"{HEAD}a\t0\t7\tDrug\n", r"line 2: found 4 columns"),
    ("p.tsv", f"{HEAD}a\t0\tx\tDrug\taspirin\t0.9\n", r"line 2: found .*; expected start and end as integers"),
    ("p.tsv", f"{HEAD}a\t1\t8\tDrug\taspirin\t0.9\n", r"line 2: found 'spirin ' .*counted from 1; count the document"),
    ("p.tsv", f"{HEAD}a\t0\t99\tDrug\taspirin\t0.9\n", r"line 2: found characters 0 to 99 of a text of 16"),
    ("p.json", json.dumps(ROWS[:1]), r"1 of 2 documents are missing, the first 'b'"),
    ("p.json", json.dumps([*ROWS, {**ROWS[0], "id": "c"}]), r"document 'c' is not in .* test \(2 documents"),
    ("p.json", json.dumps([*ROWS, ROWS[0]]), r"record 3: found id 'a' a second time|document 'd1' is not in"),
    ("p.json", json.dumps([{**ROWS[0], "text": "aspirin and IL-8"}, ROWS[1]]), r"differs .* from character 15 on"),
    ("p.json", json.dumps([{"id": "a", "entities": []}]), r"found records without text"),
    ("p.json", json.dumps([{"id": "a", "tokens": ["x"], "tags": ["O"]}]), r"found tags in JSON; expected spans"),
    ("p.ann", "T1\tDrug 0 7\taspirin\n", r"found one \.ann file; expected the folder"),
    (
        "p.json",
        json.dumps([{**row, "entities": [[0, 4, "Chem"]]} for row in ROWS]),
        r"has the types Chem, none",
    ),
]


@pytest.mark.parametrize(("name", "content", "message"), WRONG, ids=range(len(WRONG)))
def test_predictions_that_do_not_fit_are_refused(tmp_path, name, content, message):
    task = gold_task(tmp_path, TEXTS, GOLD)
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        score_file(tmp_path / name, task, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("n", [0, 1, 30])
def test_scores_without_spans_or_without_errors_have_sound_intervals(n):
    gold = [[Mention(0, 4, "Gene")] for _ in range(n)] or [[]]
    task = typed_task()
    right = score_spans(gold, gold, task, split="test", origin="x")
    assert right.score == (n > 0) and (right.interval is None) == (n == 0)
    none = score_spans(gold, [[] for _ in gold], task, split="test", origin="x")
    assert none.score == 0 and (none.interval is None or none.interval[0] == 0)
    if n:
        assert right.interval[1] == 1 and right.interval[0] == pytest.approx(1 - none.interval[1])


def test_discontinuous_gold_spans_count_as_missed_and_predicted_ones_as_wrong(tmp_path):
    for folder in ("gold", "same"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text("lung and skin cancer, aspirin")
        lines = ["T1\tDisease 0 4;14 20\tlung cancer", "T2\tDisease 9 20\tskin cancer", "T3\tDrug 22 29\taspirin"]
        (tmp_path / folder / "a.ann").write_text("\n".join(lines))
    files = dict.fromkeys(("train", "test"), tmp_path / "gold")
    task = custom_task(kind="ner", files=files, discontinuous="skip")
    scored = score_file(tmp_path / "same", task, tmp_path)
    exact = scored.scores["exact"]
    assert (exact.true_positives_gold, exact.gold, exact.predicted) == (2, 3, 3)
    assert scored.notes == (
        "gold: 1 discontinuous entity counted as missed",
        "predictions: 1 discontinuous entity counted as wrong",
    )
