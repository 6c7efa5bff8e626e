"""Written predictions read back unchanged, and text from data never becomes markup."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from blurbstudy.errors import ParameterError
from blurbstudy.inference.inputs.documents import Document
from blurbstudy.inference.inputs.records import document_of_words
from blurbstudy.inference.model_directory.directory import read_model_directory
from blurbstudy.inference.outputs.formats import OUTPUT_FORMATS, brat_files, brat_name, check_fits, output_format
from blurbstudy.inference.outputs.html import COLOURS, html_begin, html_document, html_end
from blurbstudy.inference.predictor import Prediction, Predictor
from blurbstudy.tasks import get_task
from blurbstudy.tasks.formats.standoff import read_brat
from blurbstudy.tasks.prediction_files import read_predictions
from blurbstudy.tasks.task import Example
from tests.inference.lexicon import typed_task, write_lexicon_model

TASK = typed_task()
TEXTS = {
    "plain": "Aspirin hydrochloride against asthma, warfarin not.",
    "odd/id <b>": "𝔸 Naltrexone\u00a0hydrochloride\r\n\r\nand\tataxia \t telangiectasia"
    " & <script>alert('x')</script> cáncer",
    "..": "Nothing here.",
    "empty": "",
}


@pytest.fixture(scope="module")
def predictions(tmp_path_factory):
    folder = write_lexicon_model(tmp_path_factory.mktemp("lexicon") / "model")
    predictor = Predictor(read_model_directory(folder))
    predictions = predictor.predict([Document(name, (text,)) for name, text in TEXTS.items()])
    assert [len(prediction.entities) for prediction in predictions] == [3, 3, 0, 0]
    return predictions


def spans(prediction: Prediction) -> list[tuple[int, int, str]]:
    return [(entity.start, entity.end, entity.type) for entity in prediction.entities]


def rendered(format_name: str, predictions, task=TASK) -> str:
    output = OUTPUT_FORMATS[format_name]
    return output.begin(task) + "".join(output.document(one, task) for one in predictions) + output.end(task)


def test_json_lines_read_back(predictions):
    lines = [json.loads(line) for line in rendered("jsonl", predictions).splitlines()]
    assert [line["id"] for line in lines] == list(TEXTS)
    for line, prediction in zip(lines, predictions, strict=True):
        assert line["text"] == TEXTS[line["id"]]
        assert [(e["start"], e["end"], e["type"]) for e in line["entities"]] == spans(prediction)
        assert all(line["text"][e["start"] : e["end"]] == e["text"] for e in line["entities"])
        assert all(0.99 < e["probability"] <= 1 for e in line["entities"])


def test_tsv_reads_back(predictions):
    head, *rows = rendered("tsv", predictions).removesuffix("\n").split("\n")
    assert head.split("\t") == ["id", "start", "end", "type", "text", "probability"]
    cells = [row.split("\t") for row in rows]
    assert [(c[0], int(c[1]), int(c[2]), c[3]) for c in cells] == [
        (p.id, *span) for p in predictions for span in spans(p)
    ]
    unescaped = [c[4].replace("\\t", "\t").replace("\\r", "\r").replace("\\n", "\n") for c in cells]
    assert unescaped == [TEXTS[c[0]][int(c[1]) : int(c[2])] for c in cells]
    assert "ataxia \\t telangiectasia" in rendered("tsv", predictions)


def test_brat_files_are_read_as_brat_reads_them(predictions, tmp_path):
    for prediction in predictions:
        for name, text in brat_files(prediction).items():
            assert Path(name).name == name
            (tmp_path / name).write_bytes(text.encode())
    documents = {document.id: document for document in read_brat(tmp_path)}
    assert len(documents) == len(TEXTS)
    for prediction in predictions:
        document = documents[brat_name(prediction.id)]
        assert document.text == prediction.text
        assert [(e.start, e.end, e.type) for e in document.entities] == spans(prediction)


def test_an_entity_across_a_line_break_is_discontinuous_in_brat():
    from blurbstudy.inference.predictor import Entity

    text = "ataxia\r\ntelangiectasia"
    entity = Entity(0, len(text), "some type", text, 0.9)
    files = brat_files(Prediction(Document("a", (text,)), (entity,)))
    assert files["a.ann"] == "T1\tsome_type 0 6;8 22\tataxia telangiectasia\n"


def test_names_of_brat_files_differ_where_ids_do():
    names = ["a/b", "a b", "a%20b", "A", "..", ".", "ä", "a\nb", "a:b"]
    names += [letter * count for letter in ("x", "日", "/", "😀") for count in (200, 201, 5000)]
    assert len({brat_name(name) for name in names}) == len(names)
    assert not any(set(brat_name(name)) & set("/\\:\n ") or brat_name(name).startswith(".") for name in names)
    assert max(len(f"{brat_name(name)}.ann".encode()) for name in names) <= 255


def test_conll_reads_back_as_the_predictions_of_a_task(predictions, tmp_path):
    path = tmp_path / "a.conll"
    path.write_text(rendered("conll", predictions))
    sentences = [(p.id, sentence) for p in predictions for sentence in p.sentences]
    examples = [
        Example(str(i), name, tuple(TEXTS[name][a:b] for a, b in sentence.words), " ".join(["O"] * len(sentence.words)))
        for i, (name, sentence) in enumerate(sentences)
    ]
    assert read_predictions(path, TASK, examples) == [" ".join(sentence.tags) for _, sentence in sentences]
    assert "-DOCSTART- (plain)\n" in path.read_text()


def test_conll_without_documents_stays_without(predictions, tmp_path):
    document = document_of_words("1", [["IL-2", "x"]], marked=False)
    (prediction,) = Predictor(read_model_directory(write_lexicon_model(tmp_path / "model"))).predict([document])
    assert rendered("conll", [prediction]) == "IL-2\tO\nx\tO\n\n"


class Page(HTMLParser):
    """Tags, marked texts and the text of the documents."""

    def __init__(self) -> None:
        super().__init__()
        self.tags, self.marks, self.text, self.inside = [], [], "", []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in ("br", "meta"):
            self.inside.append(tag)
        if tag == "mark":
            self.marks.append("")

    def handle_endtag(self, tag):
        assert self.inside.pop() == tag

    def handle_data(self, data):
        if self.inside[-1:] == ["mark"]:
            self.marks[-1] += data


def test_a_page_marks_the_entities_and_escapes_everything(predictions):
    text = rendered("html", predictions)
    page = Page()
    page.feed(text)
    assert page.inside == []
    assert "script" not in page.tags and "b" not in page.tags
    assert "&lt;script&gt;alert(" in text and "odd/id &lt;b&gt;" in text
    legend, marked = page.marks[:2], page.marks[2:]
    assert legend == ["Disease", "Drug"]
    assert marked == [entity.text for p in predictions for entity in p.entities]
    assert "http" not in text.replace("http-equiv", "")


def test_types_from_data_are_escaped_too():
    import dataclasses

    from blurbstudy.inference.predictor import Entity

    task = dataclasses.replace(TASK, name="<i>", labels=("O", "B-<img src=x>", "I-<img src=x>"))
    prediction = Prediction(Document("a", ("x",)), (Entity(0, 1, "<img src=x>", "x", 0.5),))
    page = Page()
    page.feed(html_begin(task) + html_document(prediction, task) + html_end(task))
    assert "img" not in page.tags and "i" not in page.tags and page.marks == ["<img src=x>", "x"]


def luminance(colour: str) -> float:
    parts = [
        int(part * (2 if len(colour) == 4 else 1), 16) / 255
        for part in re.findall("." * (len(colour) // 3), colour[1:])
    ]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_colours_are_legible_on_light_and_on_dark():
    for light, dark in COLOURS:
        for ground, ink in ((light, "#1a1a1a"), (dark, "#f0f0f0")):
            low, high = sorted((luminance(ground), luminance(ink)))
            assert (high + 0.05) / (low + 0.05) >= 7, (ground, ink)


def test_labels_scores_and_label_sets_in_every_format_that_supports_them():
    label = Prediction(Document("a\tb", ("<p>",)), label="1", probabilities={"0": 0.25, "1": 0.75})
    task = get_task("GAD")
    assert json.loads(rendered("jsonl", [label], task)) == {
        "id": "a\tb",
        "label": "1",
        "probabilities": {"0": 0.25, "1": 0.75},
    }
    assert rendered("tsv", [label], task) == "id\tlabel\tprobability\t0\t1\na\\tb\t1\t0.7500\t0.2500\t0.7500\n"
    page = Page()
    page.feed(rendered("html", [label], task))
    assert page.inside == [] and "p" in page.tags and page.tags.count("meter") == 2
    assert "&lt;p&gt;" in rendered("html", [label], task)
    label_set = Prediction(Document("a", ("x",)), labels=("b", "c"), probabilities={"a": 0.1, "b": 0.6, "c": 0.7})
    assert json.loads(rendered("jsonl", [label_set], get_task("HoC")))["labels"] == ["b", "c"]
    assert rendered("tsv", [label_set], get_task("HoC")).splitlines()[1] == "a\tb,c\t0.1000\t0.6000\t0.7000"
    score = Prediction(Document("a", ("x", "y")), score=-0.00001)
    assert rendered("jsonl", [score], get_task("BIOSSES")) == '{"id": "a", "score": 0.0}\n'
    assert rendered("tsv", [score], get_task("BIOSSES")) == "id\tscore\na\t0.0000\n"
    for name in ("brat", "conll"):
        with pytest.raises(ParameterError, match=f"--format {name} is for entities, and BIOSSES has none; use jsonl"):
            check_fits(name, get_task("BIOSSES"))


def test_the_format_is_named_or_follows_from_the_suffix():
    assert [output_format(None, to) for to in (None, "a.tsv", "a.HTML", "a.out", "a")] == [
        "jsonl",
        "tsv",
        "html",
        "jsonl",
        "jsonl",
    ]
    assert output_format("brat", "a.tsv") == "brat"
    with pytest.raises(ParameterError, match=r"--to a\.csv: no predictions are written as \.csv; use \.jsonl, "):
        output_format(None, "a.csv")
    with pytest.raises(ParameterError, match="'xml' is unknown; use jsonl, tsv, conll, html or brat"):
        output_format("xml", None)
