"""A baseline model trained on mini-BLURB, once for all tests of a session."""

import pytest

from blurbstudy.baselines import WantedModel, get_model, make_model
from blurbstudy.tasks import data_fingerprint, get_task

EPOCHS = 3  # the fewest with which both models are looked at on dev after 500 steps


@pytest.fixture(scope="session")
def wanted_model(mini_data):
    """What is to be trained on mini-BLURB."""

    def make(name, **changes):
        fingerprints = {task: data_fingerprint(get_task(task), mini_data) for task in get_model(name).types}
        values = {"data_folder": str(mini_data), "fingerprints": fingerprints, "epochs": EPOCHS}
        return WantedModel(name=name, **(values | changes))

    return make


@pytest.fixture(scope="session")
def chemical_model(wanted_model):
    """The folder of the model of chemicals and diseases."""
    return make_model(wanted_model("bc5cdr"))
