"""Executions by hand with other parameters are kept apart and change no page of the study."""

import pytest

from blurbstudy.report.make_runs import make_all_runs, make_studies
from blurbstudy.sections import layer_adaptation
from blurbstudy.store.run_store import RunStore
from blurbstudy.study.by_hand import adopt_runs, runs_by_hand, save_by_hand
from blurbstudy.study.parameters import BY_HAND_METADATA, NOTEBOOK_METADATA, scale_parameters
from blurbstudy.study.study import Study

STEM = layer_adaptation.NOTEBOOK


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "store")


@pytest.fixture
def values(store):
    """The parameters files' values."""
    return scale_parameters("mini", STEM) | {"store": str(store.folder)}


def by_hand(values, **changes):
    """As in a notebook, from its globals."""
    return Study(layer_adaptation, values | changes)


def by_command(values, **changes):
    """As by `blurbstudy run -p`."""
    return make_studies({STEM: values | changes})[0]


def page(store):
    return store.metadata(NOTEBOOK_METADATA, STEM)


def test_an_execution_by_hand_as_the_files_say_makes_the_page_and_another_does_not(store, values):
    by_hand(values, seeds=3, freeze=2).save_parameters()
    assert page(store) is None
    by_hand(values, workers=1).save_parameters()
    assert page(store) == by_command(values, workers=1).stored_values


@pytest.mark.parametrize("changes", [{}, {"seeds": 4}])
def test_a_page_is_changed_by_the_command_alone(store, values, changes):
    by_command(values, **changes).save_parameters()
    before = page(store)
    for played in ({"seeds": 3, "freeze": 2}, {"seeds": 3}, {"data": "elsewhere"}, {"workers": 1}, {}):
        by_hand(values, **played).save_parameters()
        assert page(store) == before
    by_command(values, seeds=5).save_parameters()
    assert page(store)["seeds"] == 5


def test_parameters_by_hand_are_kept_under_what_was_changed(store, values):
    by_hand(values, seeds=3, freeze=2).save_parameters()
    by_hand(values, show_paper=True).save_parameters()  # of which the files say something else
    kept = store.all_metadata(BY_HAND_METADATA)
    assert set(kept) == {f"{STEM}@seeds 3; freeze 2", f"{STEM}@show_paper on"}
    assert all(entry["runs"] == [] for entry in kept.values())
    assert kept[f"{STEM}@seeds 3; freeze 2"]["parameters"]["freeze"] == 2


def test_a_parameter_of_few_examples_counts_whether_or_not_it_is_given(values):
    del values["low_resource"]
    few = {"BC5-chem": {"max_train_examples": 64, "epochs": 1.0, "learning_rate": 1e-3, "max_length": 48}}
    assert by_hand(values, low_resource=few).label_by_hand and not by_hand(values).label_by_hand


def test_runs_by_hand_are_listed_until_the_study_needs_them(store):
    save_by_hand(store, STEM, "seeds 3", parameters={}, run_ids=["a", "b"])
    save_by_hand(store, STEM, "seeds 3", parameters={}, run_ids=["c"])
    save_by_hand(store, STEM, "live", parameters={}, run_ids=["d"])
    assert runs_by_hand(store) == {"a", "b", "c", "d"}
    adopt_runs(store, ["b", "d", "x"])
    assert runs_by_hand(store) == {"a", "c"}


@pytest.mark.slow
def test_a_run_made_by_hand_is_the_studys_own_once_the_command_needs_it(store, values, tiny_encoder):
    tiny = {"encoders": {"BERT": str(tiny_encoder)}, "tasks": ["BIOSSES"], "seeds": [7], "workers": 1}
    tiny |= {"biosses_epochs": 0.5, "biosses_max_length": 48}
    played = by_hand(values | tiny)
    made = set(played.results(played.section.grids(played)["table4"]).records)
    assert made and runs_by_hand(store) == made
    assert make_all_runs([by_command(values | tiny)]).reused == len(made)
    assert runs_by_hand(store) == set()
