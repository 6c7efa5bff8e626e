"""A disk that refuses is told in words: what it means and what to do."""

from __future__ import annotations

import errno
import os

import pytest
import torch
from safetensors.torch import save_file

from blurbstudy.filesystem import cause_and_remedy, is_of_the_disk


@pytest.mark.parametrize(
    ("number", "cause", "remedy"),
    [
        (errno.ENOSPC, "no space is left on the disk", "free some or name it, then start over"),
        (errno.EDQUOT, "the disk quota is used up", "free some or name it, then start over"),
        (errno.EROFS, "the file system is read-only", "mount it writable or name it"),
        (errno.EACCES, "permission is denied", "make the folder writable or name it"),
        (errno.ELOOP, f"the disk refused ({os.strerror(errno.ELOOP)})", "name it"),
    ],
)
def test_cause_and_remedy_are_told(number, cause, remedy):
    error = OSError(number, os.strerror(number))
    assert is_of_the_disk(error)
    assert cause_and_remedy(error, another="name it", again="start over") == (cause, remedy)


def test_what_safetensors_says_of_the_disk_is_understood(tmp_path):
    """Its error is no OSError; a folder that is not there has a number of its own, a full disk the other."""
    with pytest.raises(Exception) as caught:  # noqa: PT011
        save_file({"a": torch.zeros(2)}, tmp_path / "none" / "a.safetensors")
    assert is_of_the_disk(caught.value)
    full = type(caught.value)("Error while serializing: I/O error: No space left on device (os error 28)")
    assert is_of_the_disk(full) and cause_and_remedy(full, another="")[0] == "no space is left on the disk"


def test_another_error_is_not_of_the_disk():
    assert not is_of_the_disk(ValueError("28"))
