"""blurbstudy predict: outputs, messages, resumed runs, and refused options."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tests.inference.lexicon import write_lexicon_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_lexicon_model(tmp_path_factory.mktemp("lexicon") / "model")


@pytest.fixture
def predict(command, model, monkeypatch):
    """Run the command with the model and the given standard input."""

    def run(*words, stdin: bytes = b""):
        monkeypatch.setattr(sys, "stdin", type("Stream", (), {"buffer": io.BytesIO(stdin)}))
        return command("predict", *words, "--model", model)

    return run


def test_standard_input_becomes_json_lines_on_standard_output(predict):
    code, out, err = predict(stdin="Aspirin\u00a0hydrochloride\r\nagainst asthma.".encode())
    (line,) = map(json.loads, out.splitlines())
    assert (code, err) == (0, "")
    assert [line["text"][e["start"] : e["end"]] for e in line["entities"]] == ["Aspirin\u00a0hydrochloride", "asthma"]


def test_the_suffix_of_the_output_decides_its_format(predict):
    Path("texts").mkdir()
    for name in "ab":
        Path(f"texts/{name}.txt").write_text(f"Aspirin, {name}.")
    assert predict("texts", "--to", "page.html") == (0, "", "2 documents, 2 entities written to page.html\n")
    assert Path("page.html").read_text().count('<mark class="entity"') == 2
    assert predict("texts", "--format", "brat", "--to", "brat")[0] == 0
    assert {path.name for path in Path("brat").iterdir()} == {"a.txt", "a.ann", "b.txt", "b.ann"}
    code, out, _ = predict("texts", "--format", "tsv")
    assert (code, out.splitlines()[1].split("\t")[:5]) == (0, ["a", "0", "7", "Drug", "Aspirin"])


def test_predictions_for_conll_files_are_scored_by_score(predict, command):
    Path("test.conll").write_text("Aspirin\tB-Drug\nof\tO\n\nasthma\tB-Disease\n")
    Path("task.yaml").write_text("kind: ner\nfiles: {train: test.conll, dev: test.conll, test: test.conll}\n")
    assert predict("test.conll", "--to", "predicted.conll")[0] == 0
    assert Path("predicted.conll").read_text() == "Aspirin\tB-Drug\nof\tO\n\nasthma\tB-Disease\n\n"
    code, out, err = command("score", "--task", "task.yaml", "--predictions", "predicted.conll", "--json")
    assert (code, json.loads(out)["score"]) == (0, pytest.approx(1.0)), err


def test_unreadable_lines_stop_the_command_or_are_listed(predict):
    Path("a.jsonl").write_text('{"text": "Aspirin"}\n{"text": 3}\n{"text": "asthma"}\n')
    code, out, err = predict("a.jsonl")
    assert (code, len(out.splitlines())) == (2, 1)
    assert err.startswith("blurbstudy: a.jsonl, line 2: found") and "--skip-errors" in err and err.count("\n") == 1
    code, out, err = predict("a.jsonl", "--skip-errors")
    assert (code, len(out.splitlines())) == (0, 2)
    assert "skipped 1 of 3 documents" in err and "a.jsonl, line 2" in err


def test_documents_with_one_id_are_all_predicted_and_that_is_said(predict):
    Path("a.csv").write_text("id,text\nP7,Aspirin.\nP7,asthma.\n,Aspirin again.\n")
    code, out, err = predict("a.csv")
    assert (code, [json.loads(line)["id"] for line in out.splitlines()]) == (0, ["P7", "P7.2", "3"])
    assert (
        err == "read: id = id, text = text\nwarning: 2 documents without an id of their own, numbered in the output\n"
    )
    code, out, err = predict("a.csv", "--columns", "id=")
    assert (code, err, [json.loads(line)["id"] for line in out.splitlines()]) == (
        0,
        "read: text = text\n",
        ["1", "2", "3"],
    )


def test_comments_of_conll_files_are_no_words_and_are_counted(predict):
    Path("a.conll").write_text("# doc 1\nAspirin\tO\nhelps\tO\n\n# doc 2\n#1\tO\nasthma\tO\n")
    code, out, err = predict("a.conll")
    assert (code, [json.loads(line)["text"] for line in out.splitlines()]) == (0, ["Aspirin helps", "#1 asthma"])
    assert err == "read: words = column 1\n2 lines of comments left out\n"


def test_a_file_with_carriage_returns_alone_has_as_many_documents_as_lines(predict):
    Path("a.csv").write_bytes(b"text,note\rAspirin.,x\rasthma.,y\r")
    Path("b.txt").write_bytes(b"Aspirin.\rasthma.\r")
    assert [len(predict(*words)[1].splitlines()) for words in (["a.csv"], ["b.txt", "--input-format", "lines"])] == [
        2,
        2,
    ]


def test_an_interrupted_command_resumes_and_a_complete_output_is_not_overwritten(predict):
    Path("a.jsonl").write_text('{"text": "Aspirin"}\n{\n{"text": "asthma"}\n')
    assert predict("a.jsonl", "--to", "out.jsonl")[0] == 2
    assert not Path("out.jsonl").exists()
    code, _, err = predict("a.jsonl", "--to", "out.jsonl", "--skip-errors")
    assert (code, "out.jsonl: resuming after 1 document\n" in err) == (0, True)
    assert len(Path("out.jsonl").read_text().splitlines()) == 2
    assert predict("a.jsonl", "--to", "out.jsonl")[2].startswith("blurbstudy: out.jsonl: already exists")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.txt"], "none.txt: no such file"),
        (["--format", "xml"], "format='xml' is unknown"),
        (["--input-format", "xml"], "input-format='xml' is unknown"),
        (["--batch-tokens", "1"], "--batch-tokens 1 is out of bounds; use 64 to 1000000"),
        (["--device", "tpu"], "device='tpu' is unknown"),
        (["--format", "brat"], "name a folder for them (--to DIR)"),
        (["--columns", "text"], "--columns: expected ROLE=COLUMN, got 'text'"),
        (["--columns", "text=a"], "--columns works with jsonl, csv, tsv, conll, not with text"),
    ],
)
def test_wrong_options_are_one_line(predict, words, message):
    code, out, err = predict(*words, stdin=b"x")
    assert (code, out) == (2, "")
    assert message in err and err.count("\n") == 1


def test_a_directory_without_a_model_is_one_line(command, tiny_encoder):
    for words in (["--model", tiny_encoder], ["--model", "nowhere"], []):
        code, _, err = command("predict", "x", *words)
        assert code == 2 and err.count("\n") == 1 and "finetune" in err


def test_content_decides_before_the_ending_and_that_is_said(predict):
    Path("notes.txt").write_text('[{"id": "x", "text": "Aspirin."},\n {"id": "y", "text": "None."}]')
    said = "notes.txt: read as jsonl by its content; --input-format text reads it as one text\n"
    said += "read: id = id, text = text\n"
    code, out, err = predict("notes.txt")
    assert (code, [json.loads(line)["id"] for line in out.splitlines()], err) == (0, ["x", "y"], said)
    code, out, err = predict("notes.txt", "--input-format", "text")
    assert (code, json.loads(out)["id"], err) == (0, "notes", "")
    Path("notes.xml").write_text("<article/>")
    assert predict("notes.xml")[0] == 2 and "found XML of <article>" in predict("notes.xml")[2]


def test_files_of_a_folder_that_are_not_read_are_counted(predict):
    Path("texts/sub").mkdir(parents=True)
    for name in ("a.txt", "sub/b.TXT", "a.ann", "visual.conf", "._a.txt"):
        Path("texts", name).write_text("Aspirin.")
    code, out, err = predict("texts")
    assert (code, [json.loads(line)["id"] for line in out.splitlines()]) == (0, ["a", "sub/b"])
    assert err == "texts: 2 other files of the folder passed over (1 .conf, 1 .ann)\n"


def test_what_predict_writes_is_scored_as_it_is(predict, command):
    Path("gold").mkdir()
    for name, text in {"a": "Aspirin\tagainst\nasthma.", "b": "Warfarin syndrome", "c": "None here."}.items():
        Path(f"gold/{name}.txt").write_text(text)
        places = [(kind, text.find(word), word) for kind, word in (("Drug", "Aspirin"), ("Disease", "syndrome"))]
        lines = [
            f"T{i}\t{kind} {at} {at + len(word)}\t{word}\n" for i, (kind, at, word) in enumerate(places) if at >= 0
        ]
        Path(f"gold/{name}.ann").write_text("".join(lines))
    Path("t.yaml").write_text("kind: ner\nfiles: {train: gold, test: gold}\n")
    scores = set()
    for output in ("p.tsv", "p.jsonl", "p_brat"):
        options = ["--format", "brat"] if output == "p_brat" else []
        assert predict("gold", "--to", output, *options)[0] == 0
        code, out, err = command("score", "--task", "t.yaml", "--predictions", output, "--json")
        assert (code, err) == (0, "")
        exact = json.loads(out)["exact"]
        scores.add((exact["true_positives_gold"], exact["gold"], exact["predicted"]))
    assert scores == {(2, 2, 4)}  # the lexicon also tags asthma and Warfarin
