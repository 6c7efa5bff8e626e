"""The Python interface does what the commands do."""

import html
import json
import subprocess
import sys

import pandas
import pytest

import blurbstudy
from blurbstudy import Recipe, Task, audit, evaluate, finetune, predict, recommend
from blurbstudy.errors import DataError, ParameterError, StudyError
from blurbstudy.tasks import get_task, read_split
from blurbstudy.tasks.prediction_files import write_predictions

RECIPE = {"epochs": 3, "learning_rate": 3e-3, "max_length": 48, "n_evaluations": 1}
DRUGS, DISEASES = ("aspirin", "naltrexone", "heparin"), ("flu", "lung cancer")


def write_spans(path, n, *, start=0):
    rows = []
    for i in range(start, start + n):
        disease, drug = DISEASES[i % 2], DRUGS[i % 3]
        text = f"Case {i} of {disease} got {drug}."
        at = [text.index(disease), text.index(drug)]
        spans = [[at[0], at[0] + len(disease), "Disease"], [at[1], at[1] + len(drug), "Drug"]]
        rows.append(json.dumps({"text": text, "entities": spans}))
    path.write_text("\n".join(rows))


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_encoder):
    """A folder with data files, the task, and the result of `finetune`."""
    folder = tmp_path_factory.mktemp("in-python")
    write_spans(folder / "train.jsonl", 100)
    write_spans(folder / "test.jsonl", 40, start=500)
    task = Task.from_files("ner", train=folder / "train.jsonl", test=folder / "test.jsonl")
    result = finetune(
        task, tiny_encoder, seeds=2, recipe=RECIPE, store=folder / "store", device="cpu", progress="silent"
    )
    return folder, task, result


def test_the_package_alone_is_light():
    code = "import sys, blurbstudy; print({'torch', 'numpy', 'transformers', 'typer'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
    assert set(blurbstudy.__all__) <= set(dir(blurbstudy))
    with pytest.raises(AttributeError, match="has no attribute 'train'"):
        blurbstudy.train  # noqa: B018


def test_a_result_is_a_table_with_a_model_and_is_not_repeated(trained, tiny_encoder):
    folder, task, result = trained
    assert result.sweep.trained == 2 and (result.model / "config.json").is_file()
    markup = result._repr_html_()
    assert repr(result) == result.text()
    assert all(part in markup for part in ('<th scope="row">1</th>', "the best on dev", "caveat: test has 40"))
    again = finetune(
        task,
        tiny_encoder,
        seeds="1-2",
        recipe=Recipe(**RECIPE),
        store=folder / "store",
        device="cpu",
        export_model=False,
    )
    assert (again.sweep.trained, again.sweep.reused, again.model) == (0, 2, None)
    with pytest.raises(ParameterError, match=r"no model of in-python.* was exported"):
        evaluate(again, task)


def test_a_model_scores_as_its_run(trained):
    folder, task, result = trained
    best = result.best.record
    scored = evaluate(result, task)
    assert scored.score == pytest.approx(best.scores["test"]) and scored.trivial == 0 and scored.interval
    assert evaluate(result.model, task, split="dev").score == pytest.approx(best.scores["dev"])
    markup = scored._repr_html_()
    assert repr(scored) == scored.text()
    assert all(
        part in markup
        for part in ("Scores by class on test", "Confusion matrix on test", "trivial baseline: no entities")
    )


def test_a_file_of_predictions_is_scored(trained, tmp_path):
    _, task, result = trained
    best = result.best.record
    write_predictions(tmp_path / "p.conll", task, read_split(task, split="test"), best.predictions["test"])
    assert evaluate(tmp_path / "p.conll", task).score == pytest.approx(best.scores["test"])


def test_predictions_are_a_sequence_a_frame_and_marked_text(trained, tmp_path):
    _, _, result = trained
    texts = ["<b>Case</b> 9 of lung cancer got aspirin 🧬.", "Case 8 of flu got heparin."]
    predictions = predict(result, texts)
    assert len(predictions) == 2 and predictions[:1].to_dicts() == predictions.to_dicts()[:1]
    for text, prediction in zip(texts, predictions, strict=True):
        assert prediction.text == text and all(text[e.start : e.end] == e.text for e in prediction.entities)
    assert [json.loads(line) for line in repr(predictions).splitlines()] == predictions.to_dicts()
    assert len(predictions.to_frame()) == sum(len(prediction.entities) for prediction in predictions) > 0
    markup = html.unescape(predictions._repr_html_())
    assert "&lt;b&gt;" in markup and "<b>" not in markup and "<mark" in markup
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"note": text}) for text in texts))
    from_file = predict(result.model, tmp_path / "a.jsonl", columns={"text": "note"})
    assert [prediction.entities for prediction in from_file] == [prediction.entities for prediction in predictions]
    assert predict(result, texts[0])[0].entities == predictions[0].entities
    for table in (pandas.DataFrame({"note": texts}), [{"note": text} for text in texts], {"note": texts}):
        of_table = predict(result, table, columns={"text": "note"})
        assert [prediction.entities for prediction in of_table] == [prediction.entities for prediction in predictions]
    with pytest.raises(DataError, match="DataFrame: which column is the text"):
        predict(result, pandas.DataFrame({"note": texts}))


def test_a_minimum_of_confidence_is_that_of_the_command(trained, command, tmp_path):
    _, _, result = trained
    (tmp_path / "a.csv").write_text("id,note\nx,Case 9 of lung cancer got aspirin.\ny,Case 8 of flu got heparin.\n")
    table = pandas.read_csv(tmp_path / "a.csv")
    every = sorted(e.probability for one in predict(result, table, columns={"text": "note"}) for e in one.entities)
    least = (every[0] + every[1]) / 2
    predictions = predict(result, table, columns={"text": "note"}, min_confidence=least)
    options = ("--columns", "text=note", "--min-confidence", str(least))
    code, out, err = command("predict", tmp_path / "a.csv", "--model", result.model, *options)
    assert (code, [*map(json.loads, out.splitlines())]) == (0, predictions.to_dicts())
    assert predictions.coverage.text(predictions.task) in err and "read: text = note, id = id\n" in err
    assert predictions.columns == {"id": "id", "text": "note"} and "1 left out" in predictions._repr_html_()
    assert list(predictions.to_frame()["type"]).count("") == 1
    with pytest.raises(ParameterError, match=r"min_confidence 2 is out of bounds; use 0 to 1"):
        predict(result, table, min_confidence=2)


def test_an_audit_is_a_table_with_warnings(trained, tiny_encoder):
    folder, task, _ = trained
    table = audit(task, tiny_encoder)
    rows = dict(table.rows)
    assert rows["train"].startswith("80 sentences, 160 mentions") and rows["labels of train"] == "Disease 80, Drug 80"
    assert "warning: test has 40 examples: its scores have wide intervals" in table.notes
    assert "limit 128" in rows["sub-words"]
    lines = repr(table).splitlines()
    assert lines[0] == table.title and f"train  {rows['train']}" in lines and lines[-1] == table.notes[-1]


def test_a_recommendation_is_a_table_and_a_recipe(trained, tiny_encoder):
    folder, task, _ = trained
    recommendation = recommend(task, tiny_encoder, store=folder / "store", device="cpu")
    assert isinstance(recommendation.recipe, Recipe)
    assert recommendation.recipe.epochs == recommendation.to_dict()["recipe"]["epochs"]
    markup, text = recommendation._repr_html_(), recommendation.text()
    assert repr(recommendation) == text
    assert all(decision.why[:40] in html.unescape(markup) for decision in recommendation.decisions)
    for part in ("Expected scores (your own task may differ", "Collapsed runs: ", "Cost: about"):
        assert part in markup and f"# {part}" in text
    assert "<td>epochs</td>" in markup or ">epochs</th>" in markup


def test_wrong_use_is_one_line(trained, tmp_path):
    _, task, result = trained
    (tmp_path / "a.txt").write_text("Aspirin.")
    wrong = [
        (lambda: predict(result, str(tmp_path / "a.txt")), "is the name of a file; pass Path"),
        (lambda: predict(result, f"{tmp_path}/"), "is the name of a file; pass Path"),
        (
            lambda: predict(result, 5),
            "expected a text, a list of texts, a data frame, or the Path of a file, got a int",
        ),
        (lambda: predict(result, ["a", 5]), "text 2: in-python.* expects a text, got 5"),
        (lambda: predict(result, ["a\0"]), "text 1 has a NUL character"),
        (lambda: predict(result, ["a", "\ud800"]), "text 2 has a NUL character or a lone surrogate"),
        (lambda: predict(result, [("a", "b")]), "text 1: in-python.* expects a text, got"),
        (lambda: predict(result, ["a"], columns={"text": "a"}), "columns need a file or a table"),
        (lambda: predict(tmp_path, ["a"]), "not a model directory"),
        (lambda: evaluate(result, get_task("GAD"), data=tmp_path), "GAD"),
        (lambda: audit("BIOSSES", "x"), "BIOSSES is a BLURB task"),
        (lambda: finetune("BIOSSES", "x"), "no data: name the folder"),
        (lambda: Task.from_files("ner", train=tmp_path / "none.conll"), "no such file"),
        (lambda: evaluate(result, task, split="all"), "split"),
    ]
    for call, message in wrong:
        with pytest.raises(StudyError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_model_of_other_labels_is_refused(trained, tmp_path):
    _, _, result = trained
    (tmp_path / "a.conll").write_text("word B-Cell\n\n")
    other = Task.from_files("ner", train=tmp_path / "a.conll", test=tmp_path / "a.conll")
    with pytest.raises(ParameterError, match="model and task share no label"):
        evaluate(result, other)
    with pytest.raises(DataError, match="b.conll: no such file"):
        Task.from_files("ner", train=tmp_path / "b.conll")
