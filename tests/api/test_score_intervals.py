"""The interval of scored predictions: what is resampled, and where there is none."""

from __future__ import annotations

import json

import pytest

from blurbstudy.api.score import score_file
from blurbstudy.tasks import get_task, read_split
from tests.fixtures.invented_files import invented, scored, write


def without_documents(folder, task):
    """The same files with no document marked."""
    for name in task.files.values():
        path = folder / task.folder / name
        path.write_text("".join(part for part in path.read_text().splitlines(True) if not part.startswith("-DOC")))


def test_the_caption_names_what_the_files_let_the_bootstrap_draw(tmp_path):
    task = get_task("JNLPBA")
    folder = invented(tmp_path, task)
    found, *_ = scored(folder, tmp_path / "preds.tsv", task)
    assert (found.unit, found.units, found.method) == ("document", 15, "bootstrap over documents")
    assert "(bootstrap over documents), n = 60, 15 documents\n" in found.text()
    without_documents(folder, task)
    found, *_ = scored(folder, tmp_path / "preds.tsv", task)
    assert (found.unit, found.units, found.method) == ("sentence", 60, "bootstrap over sentences")
    assert "(bootstrap over sentences), n = 60\n" in found.text() and found.to_dict()["unit"] == "sentence"
    entities = get_task("NCBI-disease")
    sentences = "".join(f"-DOCSTART- {i // 5}\n\nw{i}\tB\n\n" for i in range(60))
    (tmp_path / entities.folder).mkdir()
    (tmp_path / entities.folder / "test.tsv").write_text(sentences)
    assert scored(folder, tmp_path / "preds.tsv", entities)[0].method == "bootstrap over documents"


def test_below_ten_documents_there_is_no_interval(tmp_path):
    task = get_task("JNLPBA")
    for n, said in ((4, "1 document"), (36, "9 documents")):
        (tmp_path / str(n)).mkdir()
        found, *_ = scored(invented(tmp_path / str(n), task, n=n), tmp_path / "preds.tsv", task)
        assert found.interval is None and found.to_dict()["interval"] is None
        assert f", 95% CI none: only {said}, n = {n}, {said}\n" in found.text()
    (tmp_path / "more").mkdir()
    found, *_ = scored(invented(tmp_path / "more", task, n=40), tmp_path / "preds.tsv", task)
    assert found.interval[0] < found.interval[1] and found.method == "bootstrap over documents"


def test_a_perfect_score_is_as_sure_as_the_sentences_that_hold_a_mention(tmp_path):
    task = get_task("BC2GM")
    (tmp_path / task.folder).mkdir()
    gold = "".join(f"w{i}\t{'B' if i < 15 else 'O'}\n\n" for i in range(300))
    (tmp_path / task.folder / task.files["test"]).write_text(gold)
    (tmp_path / "p.tsv").write_text(gold)
    found = score_file(tmp_path / "p.tsv", task, tmp_path)
    assert found.interval == pytest.approx((0.7961, 1.0), abs=1e-4)  # Wilson, 15 of 15; of 300: 0.9873
    assert found.method == "Wilson over sentences, all of which are right"
    (tmp_path / "p.tsv").write_text(gold.replace("\tB", "\tO"))
    found = score_file(tmp_path / "p.tsv", task, tmp_path)
    assert found.interval == pytest.approx((0.0, 1 - 0.7961), abs=1e-4)
    assert found.method == "Wilson over sentences, none of which is right"
    alike = "".join(f"w{i}\tB\nv\tO\n\n" for i in range(30))  # one right and one wrong mention in every sentence
    (tmp_path / task.folder / task.files["test"]).write_text(alike)
    (tmp_path / "p.tsv").write_text(alike.replace("\tO", "\tB"))
    found = score_file(tmp_path / "p.tsv", task, tmp_path)
    assert (found.interval, found.method) == (None, "none: every sentence is scored alike")
    few = "".join(f"w{i}\t{'B' if i < 5 else 'O'}\n\n" for i in range(300))
    (tmp_path / task.folder / task.files["test"]).write_text(few)
    (tmp_path / "p.tsv").write_text(few.replace("w0\tB", "w0\tO"))
    found = score_file(tmp_path / "p.tsv", task, tmp_path)
    assert (found.interval, found.method) == (None, "none: only 5 sentences that can be right or wrong")


def test_an_undefined_correlation_has_no_interval(tmp_path):
    task = get_task("BIOSSES")
    folder = invented(tmp_path, task)
    examples = read_split(task, folder, split="test")
    write(tmp_path / "p.tsv", task, examples, [2.5] * len(examples))
    found = score_file(tmp_path / "p.tsv", task, folder)
    assert found.score == 0.0 and json.loads(json.dumps(found.to_dict()))["interval"] is None
    assert "95% CI none: r is undefined if all predictions are equal, n = 60\n" in found.text()
