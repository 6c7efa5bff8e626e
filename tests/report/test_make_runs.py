"""Runs of several notebooks: made in one sweep, isolated from each other's failures, or listed for another machine."""

import json

import pytest

from blurbstudy.engine.engine import LocalEngine
from blurbstudy.engine.train_plan import train_plan
from blurbstudy.errors import ParameterError
from blurbstudy.report import make_runs
from blurbstudy.report.make_runs import make_all_runs, make_studies, plan_runs
from blurbstudy.sections import layer_adaptation, optimization_ablation
from blurbstudy.study.parameters import NOTEBOOK_METADATA, scale_parameters

OPTIMIZATION, LAYERS = optimization_ablation.NOTEBOOK, layer_adaptation.NOTEBOOK


@pytest.fixture
def plan(tmp_path, tiny_encoder):
    """Tables 3 and 4 on BIOSSES, tiny; their baseline is the same run."""
    common = {"encoders": {"BERT": str(tiny_encoder)}, "tasks": ["BIOSSES"], "seeds": 1, "workers": 1}
    common |= {"store": str(tmp_path / "store"), "freeze": 1, "reinit_layers": 1, "biosses_max_length": 48}
    common |= {"max_length": 48, "epochs_long": 1, "epochs_standard": 0.5, "biosses_epochs": 1, "compare_heads": False}
    return {
        section.NOTEBOOK: {
            **scale_parameters("mini", section.NOTEBOOK),
            **{name: value for name, value in common.items() if name in section.Parameters.model_fields},
        }
        for section in (optimization_ablation, layer_adaptation)
    }


def test_notebooks_share_one_sweep_in_which_each_run_is_trained_once(plan, monkeypatch):
    sweeps = []
    run_missing = make_runs.run_missing
    monkeypatch.setattr(
        make_runs,
        "run_missing",
        lambda configs, *_, **__: sweeps.append(len(configs)) or run_missing(configs, *_, **__),
    )
    made = make_all_runs(make_studies(plan))
    assert sweeps == [4 + 4 - 1]
    assert (made.trained, made.reused, made.failures, made.sweep_failures) == (7, 0, {}, [])
    again = make_all_runs(make_studies(plan))
    assert (again.trained, again.reused) == (0, 7)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"freeze": 14}, "freeze=14 exceeds the encoder's 2 layers"),
        ({"biosses_max_length": 512}, "128"),  # positions of the encoder
        ({"encoders": {"BERT": "no/such/folder"}}, "no/such/folder"),
    ],
)
def test_a_notebook_that_cannot_run_does_not_stop_the_others(plan, changes, message):
    plan[LAYERS] |= changes
    made = make_all_runs(make_studies(plan))
    assert set(made.failures) == {LAYERS} and message in made.failures[LAYERS] and made.sweep_failures == []
    assert made.trained == 4


def test_an_error_in_one_section_is_named_and_the_others_run(plan, monkeypatch):
    monkeypatch.setattr(layer_adaptation, "grids", lambda study: {}["absent"])
    made = make_all_runs(make_studies(plan))
    assert made.failures == {LAYERS: "KeyError: 'absent'"} and made.trained == 4


def test_a_listed_plan_trains_the_same_runs_as_the_command(plan):
    studies = make_studies(plan)
    assert plan_runs(studies) == 7 and len(studies[0].store) == 0
    assert studies[0].store.all_metadata(NOTEBOOK_METADATA).keys() == {OPTIMIZATION, LAYERS}  # for a report
    result = train_plan(studies[0].store, LocalEngine(workers=1), progress="silent")
    assert result.trained == 7
    made = make_all_runs(make_studies(plan))
    assert (made.trained, made.reused) == (0, 7)


@pytest.mark.parametrize("content", ["", "[]", json.dumps({"store": "x"})])
def test_a_file_that_is_no_plan_is_one_line(store, content):
    store.folder.mkdir()
    (store.folder / "plan.json").write_text(content)
    with pytest.raises(ParameterError, match="plan.json: not a plan of `blurbstudy run --plan-only`") as raised:
        train_plan(store, LocalEngine())
    assert "\n" not in str(raised.value)
