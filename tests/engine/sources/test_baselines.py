"""What baseline models find, kept in the store: made once, no text in it, found again without spaCy or data."""

from __future__ import annotations

import json
import shutil
import sys
import time

import pytest

from blurbstudy.baselines import RELEASED, RETRAINED, BaselineSpec, ensure_model, get_model, load_model, predicted_tags
from blurbstudy.engine.deadline import Deadline
from blurbstudy.engine.sources import baselines as module
from blurbstudy.engine.sources.baselines import (
    MODEL_METADATA,
    RELEASED_OR_RETRAINED,
    TAGS_METADATA,
    BaselineRequest,
    ensure_baselines,
    find_baseline,
)
from blurbstudy.engine.sources.resolve import resolve_sources
from blurbstudy.errors import StudyError
from blurbstudy.store.run_store import RunStore
from blurbstudy.tasks import get_task, read_task

TASKS = ("BC5-chem", "BC5-disease", "NCBI-disease")
EPOCHS = 3  # as tests/baselines: the model is in the cache then


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "store")


@pytest.fixture
def ask(store, mini_data):
    """What a study asks of a model on three entity sets of mini-BLURB."""
    sources = resolve_sources(store, tasks=[*TASKS, "JNLPBA"], encoders={}, data=str(mini_data))

    def make(name="bc5cdr", *, source=RELEASED_OR_RETRAINED, tasks=TASKS, **changes):
        learned = {task: sources.fingerprints[task] for task in get_model(name).types}
        values = {"data_folder": str(mini_data), "fingerprints": learned, "epochs": EPOCHS}
        wanted = BaselineSpec(name=name, **(values | changes))
        return BaselineRequest(spec=wanted, source=source, tasks={task: sources.fingerprints[task] for task in tasks})

    return make


def test_the_store_has_the_tags_that_the_model_gives_and_no_text(store, ask, mini_data):
    found = ensure_baselines(store, [ask()], progress="silent")["bc5cdr"]
    assert found.model.origin == RETRAINED and found.model.types == ["CHEMICAL", "DISEASE"]
    assert found.model.fingerprint == ask().spec.fingerprint and found.model.epochs == EPOCHS
    nlp = load_model(ensure_model(ask().spec))
    for task in TASKS:
        test = read_task(get_task(task), mini_data)["test"]
        assert list(found.tags[task]) == list(predicted_tags(nlp, [one.texts for one in test]))
    kept = json.dumps([store.all_metadata(MODEL_METADATA), store.all_metadata(TAGS_METADATA)])
    words = {word for one in read_task(get_task("BC5-chem"), mini_data)["test"] for word in one.texts if len(word) > 6}
    assert len(words) > 100 and not [word for word in words if word in kept]


def test_what_the_store_has_is_not_made_again_and_is_found_without_data(store, ask, tmp_path, monkeypatch):
    made = ensure_baselines(store, [ask()], progress="silent")
    monkeypatch.setattr(module, "run_in_subprocesses", lambda *_, **__: pytest.fail("the store has it"))
    assert ensure_baselines(store, [ask()], progress="silent") == made
    shutil.copytree(store.folder, tmp_path / "alone")
    assert find_baseline(RunStore(tmp_path / "alone"), ask(data_folder="")) == made["bc5cdr"]
    assert find_baseline(store, ask(seed=5)) is None


def test_another_test_set_is_read_without_training_again(store, ask, monkeypatch):
    ensure_baselines(store, [ask(tasks=TASKS[:1])], progress="silent")
    steps = module._job(store, ask())["steps"]
    assert steps == len(TASKS)  # to read; none to train
    assert set(ensure_baselines(store, [ask()], progress="silent")["bc5cdr"].tags) == set(TASKS)


def test_a_released_model_is_used_where_it_is_installed_and_said_to_be(store, ask, tmp_path, monkeypatch):
    """A spaCy package as `spacy package` lays it out, of a model that was trained here."""
    install(ensure_model(ask().spec), tmp_path / "site", package="en_ner_bc5cdr_md", version="0.5.4")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    released = ensure_baselines(store, [ask()], progress="silent")["bc5cdr"]
    assert released.model.origin == RELEASED and released.model.package == "en_ner_bc5cdr_md 0.5.4"
    assert released.model.epochs is None
    retrained = ensure_baselines(store, [ask(source=RETRAINED)], progress="silent")["bc5cdr"]
    assert retrained.model.origin == RETRAINED
    assert retrained.model.fingerprint != released.model.fingerprint and retrained.tags == released.tags


def test_once_it_is_installed_a_released_model_takes_the_place_of_a_retrained_one(store, ask, tmp_path, monkeypatch):
    ensure_baselines(store, [ask(tasks=TASKS[:1])], progress="silent")
    install(ensure_model(ask().spec), tmp_path / "site", package="en_ner_bc5cdr_md", version="0.5.4")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    assert ensure_baselines(store, [ask(tasks=TASKS[:1])], progress="silent")["bc5cdr"].model.origin == RELEASED


def test_a_failure_is_told_with_the_model_that_it_is_of(store, ask, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(StudyError, match="tagging with scispaCy bc5cdr failed: .*BC5"):
        ensure_baselines(store, [ask(seed=7, data_folder=str(empty))], progress="silent")
    assert find_baseline(store, ask(seed=7)) is None


def test_after_the_deadline_nothing_starts(store, ask):
    deadline = Deadline(at=time.time() - 1)
    assert ensure_baselines(store, [ask(seed=8), ask("jnlpba", seed=8)], progress="silent", deadline=deadline) == {}
    assert deadline.skipped_baselines == ["scispaCy bc5cdr", "scispaCy jnlpba"]
    assert not ask(seed=8).spec.folder().exists()


def test_the_process_of_the_notebook_needs_no_spacy(store, ask, monkeypatch):
    monkeypatch.setitem(sys.modules, "spacy", None)  # importing it would be an error
    assert ensure_baselines(store, [ask(tasks=TASKS[:1])], progress="silent")["bc5cdr"].tags


def install(model, site, *, package, version):
    """Lay a model's folder out as an installed spaCy package."""
    inner = site / package / f"{package}-{version}"
    shutil.copytree(model, inner)
    meta = json.loads((inner / "meta.json").read_text()) | {"name": package.removeprefix("en_"), "version": version}
    for file in (inner / "meta.json", site / package / "meta.json"):
        file.write_text(json.dumps(meta))
    (site / package / "__init__.py").write_text(
        "from pathlib import Path\nfrom spacy.util import load_model_from_init_py\n\n\n"
        "def load(**overrides):\n    return load_model_from_init_py(__file__, **overrides)\n"
    )
    about = site / f"{package}-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
