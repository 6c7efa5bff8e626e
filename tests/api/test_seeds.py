"""Fine-tuning with several seeds: what it says of them, and a learning curve in one call."""

import json

import pytest
from typer.testing import CliRunner

from blurbstudy.api.finetune import fine_tune
from blurbstudy.api.notebook import finetune
from blurbstudy.cli.app import app
from blurbstudy.config import Recipe
from blurbstudy.errors import ParameterError

RECIPE = Recipe(epochs=4, batch_size=16, learning_rate=1e-3, max_length=48, n_evaluations=1, head="cosine")


def tune(tmp_path, encoder, **options):
    return fine_tune(
        "BIOSSES",
        str(encoder),
        data="mini",
        store=tmp_path / "store",
        recipe=RECIPE,
        device="cpu",
        progress="silent",
        export_model=False,
        **options,
    )


def test_a_learning_curve_in_one_call(tmp_path, tiny_encoder):
    found = tune(tmp_path, tiny_encoder, seeds=[1, 2, 3, 4, 5], learning_curve=True)
    assert found.curve is not None and [point.share for point in found.curve.points] == [0.125, 0.25, 0.5, 1.0]
    whole = found.curve.points[-1]
    assert whole.summary.run_ids == tuple(found.sweep) and whole.n_train == 64
    assert [point.n_train for point in found.curve.points] == pytest.approx([8, 16, 32, 64], abs=1.0)
    text = found.text()
    assert "learning curve, scores on test" in text and "\nagreement of 5 seeds: " in text
    values = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert [size["share"] for size in values["learning_curve"]["sizes"]] == [0.125, 0.25, 0.5, 1.0]
    assert values["seeds"]["agreement"]["measure"] == "ICC(A,1)"
    assert "Learning curve" in found._repr_html_()
    again = tune(tmp_path, tiny_encoder, seeds=[1, 2, 3, 4, 5], learning_curve=True)
    assert again.sweep.trained == 0 and again.curve == found.curve


def test_too_few_draws_are_refused_before_training(tmp_path, tiny_encoder):
    with pytest.raises(ParameterError, match="a learning curve needs 5 seeds or more"):
        tune(tmp_path, tiny_encoder, seeds=[1, 2], learning_curve=True)
    assert not list((tmp_path / "store").glob("runs/**/*.json"))


def test_a_curve_of_resampled_splits_is_refused(tiny_encoder):
    with pytest.raises(ParameterError, match="learning_curve and splits are mutually exclusive"):
        finetune("BIOSSES", tiny_encoder, data="mini", learning_curve=True, splits="2x1")
    command = ["finetune", "--task", "BIOSSES", "--data", "mini", "--encoder", str(tiny_encoder), "--splits", "2x1"]
    found = CliRunner().invoke(app, [*command, "--learning-curve"])
    assert found.exit_code != 0 and "--learning-curve and --splits are mutually exclusive" in str(found.exception)


def test_two_seeds_say_nothing_of_agreement(tmp_path, tiny_encoder):
    found = tune(tmp_path, tiny_encoder, seeds=[1, 2])
    assert found.seeds is None and found.curve is None and found.to_dict()["learning_curve"] is None
