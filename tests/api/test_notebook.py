"""Five lines in Python do what the commands do."""

import html
import json
import subprocess
import sys

import pytest

import blurbstudy
from blurbstudy import Recipe, Task, audit, evaluate, finetune, predict, recommend
from blurbstudy.errors import DataError, ParameterError, StudyError
from blurbstudy.tasks import get_task, read_split
from blurbstudy.tasks.prediction_files import write_predictions

RECIPE = {"epochs": 3, "learning_rate": 3e-3, "max_length": 48, "evaluations": 1}
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
    """A folder with files, the task, and what `finetune` gave."""
    folder = tmp_path_factory.mktemp("in-python")
    write_spans(folder / "train.jsonl", 100)
    write_spans(folder / "test.jsonl", 40, start=500)
    task = Task.from_files("ner", train=folder / "train.jsonl", test=folder / "test.jsonl")
    found = finetune(
        task, tiny_encoder, seeds=2, recipe=RECIPE, store=folder / "store", device="cpu", progress="silent"
    )
    return folder, task, found


def test_the_package_alone_is_light():
    code = "import sys, blurbstudy; print({'torch', 'numpy', 'transformers', 'typer'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
    assert set(blurbstudy.__all__) <= set(dir(blurbstudy))
    with pytest.raises(AttributeError, match="has no attribute 'train'"):
        blurbstudy.train  # noqa: B018


def test_a_fine_tuning_is_a_table_and_a_model_and_is_made_once(trained, tiny_encoder):
    folder, task, found = trained
    assert found.sweep.trained == 2 and (found.model / "config.json").is_file()
    shown = found._repr_html_()
    assert all(part in shown for part in ('<th scope="row">1</th>', "the best by dev", "warning: test has 40"))
    again = finetune(
        task, tiny_encoder, seeds="1-2", recipe=Recipe(**RECIPE), store=folder / "store", device="cpu", keep_model=False
    )
    assert (again.sweep.trained, again.sweep.reused, again.model) == (0, 2, None)
    with pytest.raises(ParameterError, match=r"no model of in-python.* was kept"):
        evaluate(again, task)


def test_a_model_scores_what_its_run_scored(trained):
    folder, task, found = trained
    best = max(found.sweep.values(), key=lambda record: record.scores["dev"])
    scored = evaluate(found, task)
    assert scored.score == pytest.approx(best.scores["test"]) and scored.trivial == 0 and scored.interval
    assert evaluate(found.model, task, split="dev").score == pytest.approx(best.scores["dev"])
    shown = scored._repr_html_()
    assert all(part in shown for part in ("F1 of Disease", "F1 of Drug", "trivial: nothing tagged"))


def test_a_file_of_predictions_scores_as_the_command_scores_it(trained, tmp_path):
    _, task, found = trained
    best = max(found.sweep.values(), key=lambda record: record.scores["dev"])
    write_predictions(tmp_path / "p.conll", task, read_split(task, split="test"), best.predictions["test"])
    assert evaluate(tmp_path / "p.conll", task).score == pytest.approx(best.scores["test"])


def test_predictions_are_a_sequence_a_frame_and_marked_text(trained, tmp_path):
    _, _, found = trained
    texts = ["<b>Case</b> 9 of lung cancer got aspirin 🧬.", "Case 8 of flu got heparin."]
    predictions = predict(found, texts)
    assert len(predictions) == 2 and predictions[:1].to_dicts() == predictions.to_dicts()[:1]
    for text, one in zip(texts, predictions, strict=True):
        assert one.text == text and all(text[e.start : e.end] == e.text for e in one.entities)
    assert len(predictions.to_frame()) == sum(len(one.entities) for one in predictions) > 0
    shown = html.unescape(predictions._repr_html_())
    assert "&lt;b&gt;" in shown and "<b>" not in shown and "<mark" in shown
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"note": text}) for text in texts))
    from_file = predict(found.model, tmp_path / "a.jsonl", columns={"text": "note"})
    assert [one.entities for one in from_file] == [one.entities for one in predictions]
    assert predict(found, texts[0])[0].entities == predictions[0].entities


def test_an_audit_is_a_table_with_its_warnings(trained, tiny_encoder):
    folder, task, _ = trained
    table = audit(task, tiny_encoder)
    rows = dict(table.rows)
    assert rows["train"].startswith("80 sentences, 160 mentions") and rows["labels of train"] == "Disease 80, Drug 80"
    assert "warning: test has 40 examples: its scores have wide intervals" in table.notes
    assert "limit 128" in rows["sub-words"]


def test_a_recommendation_is_the_commands_as_a_table_and_a_recipe_to_take(trained, tiny_encoder):
    folder, task, _ = trained
    found = recommend(task, tiny_encoder, store=folder / "store", device="cpu")
    assert isinstance(found.recipe, Recipe) and found.recipe.epochs == found.to_dict()["recipe"]["epochs"]
    shown, said = found._repr_html_(), found.text()
    assert all(html.escape(own.why, quote=False)[:40] in html.unescape(shown) for own in found.choices)
    for part in ("Expected (a task of your own can differ", "Failure: ", "Cost: about"):
        assert part in shown and f"# {part}" in said
    assert "<td>epochs</td>" in shown or ">epochs</th>" in shown


def test_wrong_use_is_one_line(trained, tmp_path):
    _, task, found = trained
    (tmp_path / "a.txt").write_text("Aspirin.")
    wrong = [
        (lambda: predict(found, str(tmp_path / "a.txt")), "is a text, and the name of a file; give Path"),
        (lambda: predict(found, f"{tmp_path}/"), "is a text, and the name of a file; give Path"),
        (lambda: predict(found, 5), "5 is no text; give a text, a list of texts"),
        (lambda: predict(found, ["a", 5]), "text 2 is no text"),
        (lambda: predict(found, ["a\0"]), "text 1 holds a NUL character"),
        (lambda: predict(found, ["a", "\ud800"]), "text 2 holds a NUL character or half of a surrogate pair"),
        (lambda: predict(found, [("a", "b")]), "text 1 is no text"),
        (lambda: predict(found, ["a"], columns={"text": "a"}), "columns belong to a file"),
        (lambda: predict(tmp_path, ["a"]), "holds no model"),
        (lambda: evaluate(found, get_task("GAD"), data=tmp_path), "GAD"),
        (lambda: audit("BIOSSES", "x"), "BIOSSES is BLURB's"),
        (lambda: finetune("BIOSSES", "x"), "no data: name the folder"),
        (lambda: Task.from_files("ner", train=tmp_path / "none.conll"), "no such file"),
        (lambda: evaluate(found, task, split="all"), "split"),
    ]
    for call, said in wrong:
        with pytest.raises(StudyError, match=said) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_model_of_other_labels_is_refused(trained, tmp_path):
    _, _, found = trained
    (tmp_path / "a.conll").write_text("word B-Cell\n\n")
    other = Task.from_files("ner", train=tmp_path / "a.conll", test=tmp_path / "a.conll")
    with pytest.raises(ParameterError, match="the model has no label of the task"):
        evaluate(found, other)
    with pytest.raises(DataError, match="b.conll: no such file"):
        Task.from_files("ner", train=tmp_path / "b.conll")
