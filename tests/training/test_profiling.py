"""A rehearsal measures what training then takes."""

import json
import subprocess
import sys

import numpy as np
import pytest

from blurbstudy.tasks import get_task
from blurbstudy.training.profiling import companions, rehearse_time

# A process each, since a peak of memory is a process's; argv: members, whether to train or to rehearse.
MEASURE = """
import json, sys
import numpy as np, torch
from blurbstudy.config import Recipe, RunConfig
from blurbstudy.models import Architecture, random_checkpoint
from blurbstudy.tasks import get_task
from blurbstudy.tasks.features import Features
from blurbstudy.training import train_population
from blurbstudy.training.profiling import companions, rehearse_memory
from blurbstudy.training.memory import MemoryGrowth

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
config = RunConfig(task="BIOSSES", data="d", encoder="e", seed=1, recipe=Recipe(epochs=4, max_length=128))
members = companions(config, int(sys.argv[1]))
if sys.argv[2] == "rehearse":
    peak = rehearse_memory(members, **given)
    print(json.dumps(peak.most - peak.before))
else:
    growth = MemoryGrowth(torch.device("cpu"))
    train_population(members, **given)
    print(json.dumps(growth.peak() - growth.before))
"""


def grown(members, what):
    command = [sys.executable, "-c", MEASURE, str(members), what]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is reset by /proc/self/clear_refs")
def test_a_rehearsals_peak_bounds_that_of_training_and_members_add_up():
    one, two, four = (grown(n, "rehearse") for n in (1, 2, 4))
    foreseen = one + 3 * (two - one)
    assert 0.75 * foreseen < four < 1.1 * foreseen
    assert 0.75 * foreseen < grown(4, "train") < 1.02 * foreseen


@pytest.mark.parametrize("name", ["similarity", "tagged"])
def test_a_rehearsal_times_every_part_and_counts_the_tokens_of_a_step(request, make_config, checkpoint, name):
    features = request.getfixturevalue(name)
    task = {"similarity": "BIOSSES", "tagged": "BC5-chem"}[name]
    config = make_config(task=task)
    times = rehearse_time(
        companions(config, 2), features=features, task=get_task(task), checkpoint=checkpoint, device="cpu"
    )
    assert set(times.evaluation) == {"dev", "test"} and min(times.evaluation.values()) > 0
    assert times.build > 0 and 0 < times.step < 5
    assert times.tokens == pytest.approx(np.mean(features["train"].lengths) * config.recipe.batch_size)


def test_companions_differ_in_their_seeds_alone(make_config):
    first, *others = companions(make_config(seed=5), 3)
    assert first == make_config(seed=5) and [other.seed for other in others] == [6, 7]
    assert {other.recipe for other in others} == {first.recipe}
