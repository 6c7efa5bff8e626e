"""A baseline model trained on mini-BLURB, once for all tests of a session."""

import pytest

from blurbstudy.baselines import BaselineSpec, ensure_model, get_model
from blurbstudy.tasks import data_fingerprint, get_task

EPOCHS = 3  # enough for both models to reach the evaluation after 500 steps


@pytest.fixture(scope="session")
def make_spec(mini_data):
    """A function that makes the BaselineSpec of a model trained on mini-BLURB."""

    def make(name, **changes):
        fingerprints = {task: data_fingerprint(get_task(task), mini_data) for task in get_model(name).types}
        values = {"data_folder": str(mini_data), "fingerprints": fingerprints, "epochs": EPOCHS}
        return BaselineSpec(name=name, **(values | changes))

    return make


@pytest.fixture(scope="session")
def chemical_model(make_spec):
    """The folder of the model of chemicals and diseases."""
    return ensure_model(make_spec("bc5cdr"))
