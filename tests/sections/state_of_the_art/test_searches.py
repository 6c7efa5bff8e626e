"""A notebook's searches: refused before anything runs where they cannot be, bounded in a plan, found in a report."""

import json

import pytest

from blurbstudy.engine.deadline import DEADLINE_ENV
from blurbstudy.errors import ParameterError
from blurbstudy.report.plan import divided
from blurbstudy.sections.state_of_the_art.searches import DEV_APART, search, searches_of
from blurbstudy.sections.state_of_the_art.tables8_9 import OPTIMAL, STANDARD, optimal_grid
from blurbstudy.study.dry_run import planned_study
from blurbstudy.study.parameter_schema import KINDS, check_values
from blurbstudy.study.parameters import declared_parameters
from blurbstudy.study.parts import kind_recipes
from blurbstudy.study.study import PLAN_ONLY, REPORT_ONLY, Study

STEM = "06_state_of_the_art"


@pytest.fixture
def values(tiny_encoder, tmp_path):
    """The notebook's parameters, tiny: BIOSSES and BioASQ, searched on the former."""
    given = {name: entry.default for name, entry in declared_parameters(STEM).items()}
    given |= {"encoders": {"BERT": str(tiny_encoder), "ELECTRA": None}, "tasks": ["BIOSSES", "BioASQ"]}
    given |= {"epochs": dict.fromkeys(KINDS, 1), "max_lengths": dict.fromkeys(KINDS, 48)}
    given |= {"search_tasks": ["BIOSSES"], "search_epochs": {"similarity": [1, 2]}, "search_trials": 5}
    given |= {"search_seeds": [101], "search_per_ask": 3, "workers": 1, "store": str(tmp_path / "store")}
    return given | {"base_columns": {"PubMedBERT": "BERT", "PubMedELECTRA": "ELECTRA"}}


def asked(study, values, **changed):
    shared = {name: values[name] for name in ("learning_rate", "batch_size", "evaluations")}
    bases = kind_recipes(study, epochs=values["epochs"], max_lengths=values["max_lengths"], shared=shared)
    given = {"space": values["search_space"], "epochs": values["search_epochs"], "seeds": values["search_seeds"]}
    encoders = values["base_columns"].values()
    return bases, searches_of(study, bases, encoders=encoders, tasks=values["search_tasks"], **(given | changed))


def found_by(study, values):
    bases, searches = asked(study, values)
    found = search(study, searches, trials=values["search_trials"], per_ask=values["search_per_ask"])
    return bases, found


def test_a_search_shares_no_seed_with_test(values):
    with pytest.raises(ParameterError, match="search_seeds: 2 is one of seeds as well"):
        asked(Study(STEM, values), values, seeds="2-3")


def test_encoders_that_are_not_there_and_tasks_of_no_interest_have_no_search(values):
    _, searches = asked(Study(STEM, values), values)
    assert [(one.encoder, one.task) for one in searches] == [("BERT", "BIOSSES")]


def test_segment_ids_are_searched_where_the_encoder_has_two(values, tiny_roberta):
    given = values | {"encoders": values["encoders"] | {"ELECTRA": str(tiny_roberta)}}
    _, searches = asked(Study(STEM, given), given, space={"segment_ids": ["single"], "freeze": [1]})
    assert {one.encoder: "segment_ids" in one.space.choices for one in searches} == {"BERT": True, "ELECTRA": False}


def test_a_choice_that_does_not_fit_the_encoder_is_refused(values):
    with pytest.raises(ParameterError, match="freeze 3.*exceeds the encoder's 2 layers"):
        asked(Study(STEM, values), values, space={"freeze": [3]})


def test_a_search_its_plan_and_its_report_are_of_the_same_runs(values, monkeypatch):
    plan = planned_study(STEM, values)
    # 2 asks of 3 and 2 trials with one seed; 2 tasks x 2 seeds, and on BIOSSES 2 more by the chosen recipe with dev and
    # 2 without.
    assert [len(configs) for configs in plan.planned] == [3, 2, 4 + 2 + 2, 0]
    assert sum(len(configs) for share in divided([plan]) for configs in share.sweeps) == 13

    study = Study(STEM, values)
    bases, found = found_by(study, values)
    results = study.run(optimal_grid(study, found, bases, columns=values["base_columns"], join_dev=["BIOSSES"]))
    one = found["BERT", "BIOSSES"]
    assert one.is_finished and len(one.trials) == 5
    (key,) = (key for key in results.grid.cells if (key.setting, key.part) == (OPTIMAL, "BIOSSES"))
    (standard,) = (k for k in results.grid.cells if (k.setting, k.part) == (STANDARD, "BIOSSES"))
    assert all(config.recipe.join_dev for config in results.grid.cells[key])
    assert not set(results.grid.cells[key]) & set(results.grid.cells[standard])
    apart = results.grid.cells[key._replace(setting=DEV_APART)]
    assert [config.recipe.replace(join_dev=True, select="last") for config in apart] == [
        config.recipe for config in results.grid.cells[key]
    ]
    assert [config.seed for config in apart] == [config.seed for config in results.grid.cells[key]]
    assert len(results.cell(key)) == len(results.cell(standard)) == 2
    assert len(study.store) == 11 + len(set(apart) - set(results.grid.cells[standard]))

    again = planned_study(STEM, values)
    assert {c.id for configs in again.planned for c in configs} == set(study.store)

    monkeypatch.setenv(REPORT_ONLY, "1")
    (study.store.folder / "searches.sqlite3").unlink()
    report = Study(STEM, values)
    _, told = found_by(report, values)
    assert told["BERT", "BIOSSES"].trials == one.trials and told["BERT", "BIOSSES"].best == one.best


def test_a_report_of_a_search_that_was_never_made_says_so(values, monkeypatch):
    study = Study(STEM, values)
    _ = study.sources  # its facts are in the store
    monkeypatch.setenv(REPORT_ONLY, "1")
    report = Study(STEM, values)
    bases, found = found_by(report, values)
    assert found["BERT", "BIOSSES"].best is None
    grid = optimal_grid(report, found, bases, columns=values["base_columns"], join_dev=[])
    assert {(k.setting, k.part) for k in grid.cells if k.part == "BIOSSES"} == {(STANDARD, "BIOSSES")}  # nor dev apart
    assert grid.encoders == {"PubMedBERT": "", "PubMedELECTRA": "no path given"}


def test_a_search_that_the_clock_ends_says_how_many_runs_are_left_and_goes_on(values, monkeypatch, tmp_path):
    clock = tmp_path / "clock"
    clock.write_text('{"deadline": 0}\n')
    monkeypatch.setenv(DEADLINE_ENV, str(clock))
    _, found = found_by(Study(STEM, values), values)
    assert found["BERT", "BIOSSES"].values == [] and found["BERT", "BIOSSES"].best is None
    noted = {run for line in clock.read_text().splitlines()[1:] for run in json.loads(line)["runs"]}
    assert len(noted) >= values["search_trials"]
    monkeypatch.delenv(DEADLINE_ENV)
    _, found = found_by(Study(STEM, values), values)
    assert found["BERT", "BIOSSES"].is_finished


def test_a_plan_needs_no_database_and_writes_nothing(values, monkeypatch, tmp_path):
    monkeypatch.setenv(PLAN_ONLY, "1")
    study = Study(STEM, values)
    found_by(study, values)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("search_database", "searches.sqlite3", "is no URL of a database"),
        ("search_database", "postgresql://me:secret@there/db", "holds a password"),
        ("search_space", {"momentum": [1]}, "unknown dimension 'momentum'"),
        ("search_space", ["freeze"], "is no search space"),
        ("search_epochs", {"nonsense": [1]}, "kinds: ner"),
        ("search_epochs", {"ner": [0]}, "epochs=0 is out of bounds"),
        ("search_trials", 0, "search_trials=0 is out of bounds"),
        ("base_columns", {}, "is no set of columns"),
        ("large_columns", {"PubMedBERT": 1}, "an encoder is given by its name"),
    ],
)
def test_parameters_of_a_search_are_checked(name, value, message):
    with pytest.raises(ParameterError, match=message) as raised:
        check_values({name: value})
    assert "secret" not in str(raised.value)
