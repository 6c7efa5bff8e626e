"""A memory profile bounds what training takes."""

import json
import subprocess
import sys

import pytest

from blurbstudy.training.profiling import clones

# A process each, since a peak of memory is a process's; argv: members, whether to train or to profile.
MEASURE = """
import json, sys
import numpy as np, torch
from blurbstudy.config import Recipe, RunConfig
from blurbstudy.models import Architecture, random_checkpoint
from blurbstudy.tasks import get_task
from blurbstudy.tasks.features import Features
from blurbstudy.training.trainer import train_population
from blurbstudy.training.profiling import clones, profile_memory
from blurbstudy.training.memory import PeakMemory

torch.set_num_threads(1)
rng = np.random.default_rng(0)

def split(n):
    lengths = rng.integers(20, 100, n)
    return Features(ids=rng.integers(5, 200, lengths.sum()).astype(np.int32),
                    segments=np.zeros(lengths.sum(), np.uint8), offsets=np.cumsum([0, *lengths]),
                    targets=rng.random(n).astype(np.float32))

shape = Architecture(family="bert", vocab_size=200, n_layers=4, width=192, n_heads=4, intermediate=768,
                     max_positions=128)
given = {"features": {"train": split(40), "dev": split(16), "test": split(16)}, "task": get_task("BIOSSES"),
         "checkpoint": random_checkpoint(shape), "device": "cpu"}
recipe = Recipe(epochs=4, max_length=128)
config = RunConfig(task="BIOSSES", data_fingerprint="d", encoder_fingerprint="e", seed=1, recipe=recipe)
members = clones(config, int(sys.argv[1]))
if sys.argv[2] == "profile":
    usage = profile_memory(members, **given)
    print(json.dumps(usage.peak - usage.before))
else:
    growth = PeakMemory(torch.device("cpu"))
    train_population(members, **given)
    print(json.dumps(growth.peak() - growth.before))
"""


def grown(members, what):
    command = [sys.executable, "-c", MEASURE, str(members), what]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is reset by /proc/self/clear_refs")
def test_a_profile_bounds_the_peak_of_training_and_members_add_up():
    each, two, four = (grown(n, "profile") for n in (1, 2, 4))
    expected = each + 3 * (two - each)
    assert 0.75 * expected < four < 1.1 * expected
    assert 0.75 * expected < grown(4, "train") < 1.02 * expected


def test_clones_differ_in_their_seeds_alone(make_config):
    first, *others = clones(make_config(seed=5), 3)
    assert first == make_config(seed=5) and [other.seed for other in others] == [6, 7]
    assert {other.recipe for other in others} == {first.recipe}
