"""A notebook's searches: refused before anything runs where they cannot be, bounded in a plan, found in a report."""

import math
from typing import get_args

import pytest

from blurbstudy.engine.deadline import Deadline
from blurbstudy.errors import ParameterError
from blurbstudy.report.plan import planned_configs, planned_study
from blurbstudy.sections import state_of_the_art
from blurbstudy.sections.state_of_the_art.grids import DEFAULT_RECIPE, SEARCHED_RECIPE
from blurbstudy.sections.state_of_the_art.searches import SEARCHED_WITHOUT_DEV, search_results, searches_of
from blurbstudy.study.parameter_types import TaskType
from blurbstudy.study.parameters import scale_parameters
from blurbstudy.study.study import Study

NOTEBOOK = state_of_the_art.NOTEBOOK


@pytest.fixture
def values(tiny_encoder, tmp_path):
    """The notebook's parameters, tiny: BIOSSES and BioASQ, searched on the former."""
    given = scale_parameters("mini", NOTEBOOK)
    given |= {"encoders": {"BERT": str(tiny_encoder), "ELECTRA": None}, "tasks": ["BIOSSES", "BioASQ"]}
    given |= {"epochs": dict.fromkeys(get_args(TaskType), 1), "max_lengths": dict.fromkeys(get_args(TaskType), 48)}
    given |= {"search_tasks": ["BIOSSES"], "search_epochs": {"similarity": [1, 2]}, "search_trials": 5}
    given |= {"search_seeds": [101], "search_per_ask": 3, "workers": 1, "store": str(tmp_path / "store")}
    return given | {"base_columns": {"PubMedBERT": "BERT", "PubMedELECTRA": "ELECTRA"}, "seeds": 2}


def make_study(values, **changes):
    return Study(state_of_the_art, values | changes)


def test_a_search_shares_no_seed_with_test(values):
    with pytest.raises(ParameterError, match="search_seeds: 2 is also one of seeds"):
        searches_of(make_study(values, search_seeds="2-3"))


def test_encoders_and_tasks_that_are_not_available_have_no_search(values):
    assert [(one.encoder, one.task) for one in searches_of(make_study(values))] == [("BERT", "BIOSSES")]


def test_segment_ids_are_searched_where_the_encoder_has_two(values, tiny_roberta):
    encoders = values["encoders"] | {"ELECTRA": str(tiny_roberta)}
    study = make_study(values, encoders=encoders, search_space={"segment_ids": ["single"], "freeze": [1]})
    choices = {one.encoder: "segment_ids" in one.space.choices for one in searches_of(study)}
    assert choices == {"BERT": True, "ELECTRA": False}


def test_a_choice_that_does_not_fit_the_encoder_is_refused(values):
    with pytest.raises(ParameterError, match="freeze 3.*exceeds the encoder's 2 layers"):
        searches_of(make_study(values, search_space={"freeze": [3]}))


def test_a_search_its_plan_and_its_report_are_of_the_same_runs(values):
    plan, _ = planned_study(NOTEBOOK, values)
    # 5 trials with one seed; 2 tasks x 2 seeds, and on BIOSSES 2 more by the chosen recipe with dev and 2 without.
    assert len(planned_configs(plan)) == 5 + 4 + 2 + 2
    assert not plan.store.folder.exists()

    study = make_study(values)
    searched = search_results(study)
    results = study.results(state_of_the_art.grids(study, searched)["table8"])
    one = searched["BERT", "BIOSSES"]
    assert one.is_finished and len(one.trials) == 5
    (key,) = (key for key in results.grid.cells if (key.level, key.column) == (SEARCHED_RECIPE, "BIOSSES"))
    (standard,) = (k for k in results.grid.cells if (k.level, k.column) == (DEFAULT_RECIPE, "BIOSSES"))
    assert all(config.recipe.train_on_dev for config in results.grid.cells[key])
    assert not set(results.grid.cells[key]) & set(results.grid.cells[standard])
    apart = results.grid.cells[key._replace(level=SEARCHED_WITHOUT_DEV)]
    assert [config.recipe.replace(train_on_dev=True, checkpoint_selection="last") for config in apart] == [
        config.recipe for config in results.grid.cells[key]
    ]
    assert [config.seed for config in apart] == [config.seed for config in results.grid.cells[key]]
    assert len(results.cell(key)) == len(results.cell(standard)) == 2
    assert len(study.store) == 11 + len(set(apart) - set(results.grid.cells[standard]))

    again, _ = planned_study(NOTEBOOK, values)
    assert set(planned_configs(again)) == set(study.store)

    (study.store.folder / "searches.sqlite3").unlink()
    rebuilt = search_results(make_study(values, train_missing=False))
    assert rebuilt["BERT", "BIOSSES"].trials == one.trials and rebuilt["BERT", "BIOSSES"].best == one.best


def test_a_report_of_a_search_that_was_never_made_says_so(values):
    study = make_study(values)
    _ = study.sources  # their metadata are in the store
    report = make_study(values, train_missing=False, train_on_dev=[])
    searched = search_results(report)
    assert searched["BERT", "BIOSSES"].best is None
    grid = state_of_the_art.grids(report, searched)["table8"]
    assert {(k.level, k.column) for k in grid.cells if k.column == "BIOSSES"} == {
        (DEFAULT_RECIPE, "BIOSSES")
    }  # nor dev apart
    assert grid.groups == ("PubMedBERT", "PubMedELECTRA")
    assert grid.missing_reasons == {"PubMedELECTRA": "no path given"}


def test_a_search_that_the_deadline_ends_counts_the_runs_that_are_left_and_resumes(values):
    study = make_study(values)
    study.deadline = Deadline(at=-math.inf)
    result = search_results(study)["BERT", "BIOSSES"]
    assert result.values == [] and result.best is None
    assert len(study.deadline.skipped_runs) >= values["search_trials"]
    assert search_results(make_study(values))["BERT", "BIOSSES"].is_finished


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("search_database", "searches.sqlite3", "search_database='searches.sqlite3'"),
        ("search_database", "postgresql://me:secret@there/db", "holds a password"),
        ("search_space", {"momentum": [1]}, "unknown dimension 'momentum'"),
        ("search_space", ["freeze"], "must be a mapping"),
        ("search_epochs", {"nonsense": [1]}, "must be 'ner', 'pico'"),
        ("search_epochs", {"ner": [0]}, "epochs=0.0 is out of bounds"),
        ("search_trials", 0, "search_trials=0: must be greater than or equal to 1"),
        ("base_columns", {}, "base_columns={}"),
        ("large_columns", {"PubMedBERT": 1}, "large_columns.PubMedBERT=1: must be a valid string"),
    ],
)
def test_parameters_of_a_search_are_checked(name, value, message):
    with pytest.raises(ParameterError, match=message) as raised:
        state_of_the_art.Parameters.parse(scale_parameters("mini", NOTEBOOK) | {name: value})
    assert "secret" not in str(raised.value)
