"""A folder is made once, by one maker at a time, and is whole or not there."""

from __future__ import annotations

import threading
import time

import pytest

from blurbstudy.errors import StudyError
from blurbstudy.pretraining.keeping import made_once


def test_of_several_at_once_one_makes_and_the_others_wait_for_it(tmp_path):
    makers, seen = [], []

    def make(unfinished):
        makers.append(unfinished)
        time.sleep(0.1)
        (unfinished / "whole").touch()

    def use():
        seen.append((made_once(tmp_path / "kept", make) / "whole").exists())

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(makers) == 1 and seen == [True] * 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "kept.lock"]


def test_a_maker_that_fails_leaves_what_was_there(tmp_path):
    def fail(unfinished):
        (unfinished / "half").touch()
        raise ValueError("no")

    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "old").touch()
    with pytest.raises(ValueError, match="no"):
        made_once(tmp_path / "kept", fail, whole=lambda folder: False)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["old"]
    assert not list(tmp_path.glob(".unfinished*"))


def test_a_place_that_cannot_be_written_is_named_with_its_remedy(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        StudyError,
        match="file/kept: cannot be written .*; move that file or name another cache folder by BLURBSTUDY_CA",
    ):
        made_once(tmp_path / "file" / "kept", lambda unfinished: None)
