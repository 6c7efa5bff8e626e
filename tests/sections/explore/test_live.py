"""A live fine-tuning in words and lines, and what it is asked to be."""

import pytest

from blurbstudy.config import Recipe
from blurbstudy.engine.live_run import FAILED, FINISHED, STOPPED, Sight
from blurbstudy.errors import ParameterError
from blurbstudy.sections.explore.depth import Techniques
from blurbstudy.sections.explore.live import live_encoders, live_job, live_picture, live_words
from blurbstudy.store.run_store import RunStore
from blurbstudy.study import study as module
from blurbstudy.study.study import Study


@pytest.fixture
def study(tmp_path, tiny_encoder, monkeypatch):
    monkeypatch.setattr(module, "_MADE", set())
    encoders = {"BERT": str(tiny_encoder), "ELECTRA": None}
    return Study("90_explore", {"store": str(tmp_path / "store"), "encoders": encoders})


def test_the_job_is_the_recipe_with_the_techniques_in_it(study, tiny_encoder):
    recipe = Recipe(epochs=3)
    job = live_job(study, Techniques(freeze=1), encoder="BERT", task="BIOSSES", recipe=recipe, seed=7)
    assert job.recipe == recipe.but(stabilizers={"freeze": {"layers": 1}})
    assert (job.spec, job.data, job.seed) == (str(tiny_encoder), "mini", 7)


def test_an_encoder_without_a_path_is_not_offered_and_is_refused(study):
    assert live_encoders(study) == ["BERT"]
    with pytest.raises(ParameterError, match="encoder 'ELECTRA': no path given"):
        live_job(study, Techniques(), encoder="ELECTRA", task="BIOSSES", recipe=Recipe())


@pytest.mark.parametrize(
    ("sight", "said"),
    [
        (Sight(doing="loading data and encoder"), "Loading data and encoder …"),
        (Sight(doing="training", step=3, total=1200), "Training, step 3 of 1,200 …"),
        (Sight(state=STOPPED, step=3, total=80), "Stopped at step 3 of 80; nothing of it is in the store."),
        (Sight(state=STOPPED), "Stopped before its first step; the store is as it was."),
        (
            Sight(state=FAILED, cause="no memory"),
            "Failed before its first step: no memory. Nothing of it is in the store.",
        ),
    ],
)
def test_how_it_stands_is_a_sentence(tmp_path, sight, said):
    assert live_words(sight, RunStore(tmp_path)) == said


def test_a_finished_run_is_told_with_its_scores_and_its_id(make_explored):
    (setting,) = (explored := make_explored({"Baseline": [90]})).settings
    run_id = setting.runs[1].id
    said = live_words(Sight(state=FINISHED, run_id=run_id, step=1, total=1), explored.store)
    assert said == f"Finished: dev 90.00, test 90.00 (times 100), one seed; kept in the store as run {run_id}."
    again = live_words(Sight(state=FINISHED, run_id=run_id, made=False), explored.store)
    assert "the store had it already" in again


def test_the_picture_moves_with_the_run():
    points = {"step": [5], "train_loss": [2.0], "dev_score": [0.1]}
    early = Sight(step=6, total=80, steps=(1, 6), losses=(3.0, 1.0), curve=points)
    later = Sight(step=9, total=80, steps=(1, 6, 9), losses=(3.0, 1.0, 0.5), curve=points)
    assert live_picture(early, title="t").svg != live_picture(later, title="t").svg
