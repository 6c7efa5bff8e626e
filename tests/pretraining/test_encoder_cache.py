"""An encoder is pretrained once per corpus, configuration, objective and seed; never half."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from blurbstudy.errors import DataError, StudyError
from blurbstudy.models import load_checkpoint
from blurbstudy.pretraining import encoder_cache as cached
from blurbstudy.pretraining.encoder_cache import EncoderRequest, make_encoder

from .conftest import TINY


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A configuration file of two steps, and an empty cache."""
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(TINY | {"steps": 2, "n_evaluations": 1}))
    return path


def pretrained_encoder(config: Path, folder: Path, *, seed: int = 0, **callbacks) -> Path:
    request = EncoderRequest(objective="bert", corpus=(f"{folder}/corpus.jsonl",), config=str(config), seed=seed)
    return make_encoder(request, **callbacks)


def test_the_second_call_trains_nothing(config, tiny_corpus, monkeypatch):
    first = pretrained_encoder(config, tiny_corpus)
    assert load_checkpoint(first).architecture.width == TINY["width"]
    monkeypatch.setattr(cached, "pretrain", lambda *_, **__: pytest.fail("pretrained again"))
    assert pretrained_encoder(config, tiny_corpus) == first


def test_seed_configuration_and_corpus_are_part_of_the_cache_key(config, tiny_corpus, tmp_path):
    folders = [pretrained_encoder(config, tiny_corpus, seed=seed) for seed in (0, 1)]
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump(TINY | {"steps": 3, "n_evaluations": 1}))
    folders.append(pretrained_encoder(other, tiny_corpus))
    shutil.copytree(tiny_corpus, tmp_path / "more")
    with (tmp_path / "more" / "corpus.jsonl").open("a") as stream:
        stream.write('{"title": "One more", "sentences": ["Pelomycin binds qrx1.", "It binds."]}\n')
    folders.append(pretrained_encoder(config, tmp_path / "more"))
    assert len(set(folders)) == 4


def test_an_interrupted_pretraining_leaves_no_encoder(config, tiny_corpus, tmp_path):
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrained_encoder(config, tiny_corpus, on_progress=stop)
    left = [path for path in (tmp_path / "cache" / "encoders").iterdir() if not path.name.startswith(".begun")]
    assert [path.suffix for path in left] == [".lock"]
    assert pretrained_encoder(config, tiny_corpus).is_dir()


def test_a_folder_without_a_corpus_and_a_cache_that_is_a_file_are_errors(config, tiny_corpus, tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"corpus\.jsonl: cannot be read \(No such file"):
        pretrained_encoder(config, tmp_path)
    monkeypatch.setenv("BLURBSTUDY_CACHE", str(config))
    with pytest.raises(
        StudyError, match="cannot be written: .*; move that file or name another cache folder by BLURBSTUDY_CACHE"
    ):
        pretrained_encoder(config, tiny_corpus)
