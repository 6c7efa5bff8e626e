"""Retrained models: published configuration, determinism, cache."""

import configparser
import itertools
import json
import os
import subprocess
import sys

import pytest

from blurbstudy.baselines import ensure_model
from blurbstudy.baselines.training import BATCHES, CONFIG_FILE, packed_sentences, total_steps
from blurbstudy.errors import DataError, Interrupted
from blurbstudy.tasks import data_fingerprint, get_task

PUBLISHED = {  # Neumann et al. 2019, configuration of the specialized entity models
    ("components.ner.model", "@architectures"): '"spacy.TransitionBasedParser.v2"',
    ("components.ner.model", "hidden_width"): "128",
    ("components.ner.model", "maxout_pieces"): "3",
    ("components.ner.model.tok2vec.embed", "@architectures"): '"spacy.MultiHashEmbed.v2"',
    ("components.ner.model.tok2vec.embed", "width"): "96",
    ("components.ner.model.tok2vec.embed", "rows"): "[5000, 2500, 2500, 2500, 100]",
    ("components.ner.model.tok2vec.encode", "@architectures"): '"spacy.MaxoutWindowEncoder.v2"',
    ("components.ner.model.tok2vec.encode", "width"): "96",
    ("components.ner.model.tok2vec.encode", "depth"): "4",
    ("components.ner.model.tok2vec.encode", "window_size"): "1",
    ("components.ner.model.tok2vec.encode", "maxout_pieces"): "3",
    ("training", "dropout"): "0.1",
    ("training", "max_epochs"): "7",
    ("training", "patience"): "0",
    ("training.batcher", "@batchers"): '"spacy.batch_by_sequence.v1"',
    ("training.batcher.size", "start"): "1",
    ("training.batcher.size", "stop"): "32",
    ("training.batcher.size", "compound"): "1.001",
    ("training.optimizer", "learn_rate"): "0.001",
    ("training.optimizer", "L2"): "0.01",
    ("training.optimizer", "grad_clip"): "1.0",
    ("training.optimizer", "use_averages"): "false",
}


def test_the_configuration_is_the_published_one():
    config = configparser.ConfigParser(interpolation=None)
    config.optionxform = str
    config.read(CONFIG_FILE)
    assert {key: config.get(*key) for key in PUBLISHED} == PUBLISHED


def test_the_number_of_steps_equals_that_of_spacys_batcher():
    from spacy.training.batchers import configure_minibatch
    from thinc.schedules import compounding

    first, largest, growth = BATCHES
    for sentences, epochs in ((1, 1), (300, 7), (4560, 3)):
        batcher = configure_minibatch(compounding(first, largest, growth))
        made = sum(1 for _ in range(epochs) for _ in batcher(iter(range(sentences))))
        assert total_steps(sentences, epochs) == made


def test_spacy_keeps_our_tokens(tmp_path):
    from spacy.lang.en import English
    from spacy.training import Corpus

    words, tags = ("p53-dependent", "(", "5 '", "IL-2", ")"), ["B-X", "I-X", "O", "B-X", "O"]
    packed_sentences([(words, tags)]).to_disk(tmp_path / "one.spacy")
    (example,) = Corpus(tmp_path / "one.spacy")(English())
    assert [token.text for token in example.predicted] == [token.text for token in example.reference] == list(words)
    assert [(entity.start, entity.end) for entity in example.reference.ents] == [(0, 2), (3, 4)]
    assert example.get_aligned_ner() == ["B-X", "L-X", "O", "U-X", "O"]


PROGRAM = """
import hashlib, json, sys
from pathlib import Path
from blurbstudy.baselines import BaselineSpec, ensure_model

folder = ensure_model(BaselineSpec(**json.loads(sys.argv[1])))
print(hashlib.sha256((folder / "ner" / "model").read_bytes()).hexdigest())
"""


@pytest.fixture
def small_data(mini_data, tmp_path):
    """The first sentences of BC5CDR's two files alone."""
    for task in ("BC5-chem", "BC5-disease"):
        folder = tmp_path / "data" / get_task(task).folder
        folder.mkdir(parents=True)
        for file in get_task(task).files.values():
            sentences = (mini_data / folder.name / file).read_text(encoding="utf-8").split("\n\n")
            (folder / file).write_text("\n\n".join(sentences[:40]) + "\n", encoding="utf-8")
    return tmp_path / "data"


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits_in_another_process(small_data, tmp_path):
    """Each process has its own hash seed and cache."""
    digests = []
    fingerprints = {task: data_fingerprint(get_task(task), small_data) for task in ("BC5-chem", "BC5-disease")}
    for index, seed in enumerate((0, 0, 1)):
        values = json.dumps(
            {"name": "bc5cdr", "data_folder": str(small_data), "fingerprints": fingerprints, "epochs": 1, "seed": seed}
        )
        environment = os.environ | {"BLURBSTUDY_CACHE": str(tmp_path / str(index)), "PYTHONHASHSEED": str(index)}
        command = [sys.executable, "-c", PROGRAM, values]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        digests.append(done.stdout.split()[-1])
    assert digests[0] == digests[1] != digests[2]


def test_a_cached_model_is_not_trained_again(chemical_model, make_spec):
    assert ensure_model(make_spec("bc5cdr"), on_progress=lambda *_: pytest.fail("trained again")) == chemical_model
    others = [make_spec("bc5cdr", **change).folder() for change in ({"seed": 1}, {"epochs": 9})]
    assert len({chemical_model, make_spec("jnlpba").folder(), *others}) == 4


def test_a_stopped_training_leaves_nothing(make_spec, tmp_path, monkeypatch):
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path))
    spec, calls, count = make_spec("bc5cdr"), [], itertools.count()
    with pytest.raises(Interrupted):
        ensure_model(spec, on_progress=lambda *steps: calls.append(steps), stop=lambda: next(count) == 2)
    assert calls == [(step, total_steps(300, spec.epochs)) for step in (1, 2, 3)]
    assert not spec.folder().exists() and not list(spec.folder().parent.glob(".unfinished*"))


def test_data_with_another_fingerprint_are_an_error(make_spec, tmp_path, monkeypatch):
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path))
    spec = make_spec("jnlpba", fingerprints={"JNLPBA": "0" * 20})
    with pytest.raises(DataError, match="the files of JNLPBA have changed"):
        ensure_model(spec)
    assert not spec.folder().exists()
