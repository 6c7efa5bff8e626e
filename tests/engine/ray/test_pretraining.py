"""Encoders pretrained on a Ray cluster of two machines: the same as on this one, whatever dies."""

import json
import os
import shutil
import tempfile
import threading
import time

import pytest

pytest.importorskip("ray", reason="the extra `cluster` is not installed")
import yaml
from ray.util import placement_group, remove_placement_group

from blurbstudy.engine.deadline import Deadline
from blurbstudy.engine.ray import pretraining
from blurbstudy.engine.ray.pretraining import SCRATCH, scratch_folder
from blurbstudy.engine.sources.encoders import ensure_encoders
from blurbstudy.errors import StudyError
from blurbstudy.pretraining.encoder_cache import EncoderRequest
from tests.engine.ray.cluster import wait_until, workers
from tests.engine.sources.test_encoders import CONFIG

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]
QUIET = {"progress": "silent"}


@pytest.fixture
def encoders(tmp_path, monkeypatch):
    """Encoders to be pretrained by so many tokens, into a cache of their own; text and configuration are files."""
    corpus, config = tmp_path / "corpus.jsonl", tmp_path / "tiny.yaml"
    lines = [{"sentences": [f"drug{i % 7} binds gene{i % 5}.", f"gene{i % 5} is moved by {i}."]} for i in range(60)]
    corpus.write_text("".join(json.dumps(line) + "\n" for line in lines))
    config.write_text(yaml.safe_dump(CONFIG))

    def make(*objectives, engine="ray", **more):
        monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path / engine))
        return {
            name: EncoderRequest(objective=name, corpus=(str(corpus),), config=str(config), engine=engine, **more)
            for name in objectives
        }

    return make


def test_encoders_pretrained_on_the_cluster_are_those_of_this_machine_even_if_a_worker_is_killed(cluster, encoders):
    local = ensure_encoders(encoders("bert", "electra", engine="local"), **QUIET)
    made = {}
    thread = threading.Thread(target=lambda: made.update(ensure_encoders(encoders("bert", "electra"), **QUIET)))
    thread.start()
    wait_until(workers, thread)
    workers()[0].kill()
    thread.join(timeout=300)
    assert made.keys() == local.keys()
    for name, folder in local.items():
        assert made[name].name == folder.name and made[name].parent != folder.parent
        assert {file.name for file in made[name].iterdir()} == {file.name for file in folder.iterdir()}
        assert (made[name] / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


def test_a_pretraining_that_fails_on_the_cluster_is_told(cluster, encoders):
    with pytest.raises(StudyError, match="pretraining bert failed: steps="):
        ensure_encoders(encoders("bert", tokens=10**14), **QUIET)  # more steps than a configuration allows


def test_pretraining_on_the_cluster_stops_at_the_deadline(cluster, encoders):
    deadline = Deadline(at=time.time() + 15)
    assert ensure_encoders(encoders("bert", tokens=20_000_000), deadline=deadline, **QUIET) == {}
    assert deadline.skipped_encoders == ["bert"] and not workers()


def test_a_stopped_worker_that_pretrains_is_replaced(cluster, encoders, monkeypatch):
    monkeypatch.setattr(pretraining, "HANG_SECONDS", 4.0)
    fractions, made = [], {}
    update = pretraining.ParallelProgress.update
    monkeypatch.setattr(
        pretraining.ParallelProgress, "update", lambda *args: fractions.append(args[-1]) or update(*args)
    )
    thread = threading.Thread(target=lambda: made.update(ensure_encoders(encoders("bert", tokens=400_000), **QUIET)))
    thread.start()
    wait_until(lambda: fractions, thread)
    (stopped,) = workers()
    stopped.suspend()
    thread.join(timeout=300)
    assert made["bert"].is_dir() and not stopped.is_running()


def test_pretraining_that_no_machine_is_free_for_ends_at_the_deadline(cluster, encoders):
    everything = placement_group([{"CPU": 1}, {"CPU": 1}])
    assert everything.wait(30)
    try:
        deadline = Deadline(at=time.time() + 3)
        assert ensure_encoders(encoders("bert"), deadline=deadline, **QUIET) == {}
    finally:
        remove_placement_group(everything)
    assert deadline.skipped_encoders == ["bert"]


def test_text_that_a_killed_worker_left_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch_folder() as used:
        left = shutil.copytree(used, tmp_path / f"{SCRATCH}left")
        for folder in (used, left):
            os.utime(folder / "lock", (0, 0))
        with scratch_folder() as other:
            assert set(tmp_path.iterdir()) == {used, other}
    assert not list(tmp_path.iterdir())
