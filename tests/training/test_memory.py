"""Memory that is freed goes back to the operating system; a refused allocation is told from other errors."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from blurbstudy.errors import CheckpointError
from blurbstudy.tasks import get_task
from blurbstudy.training.memory import free_memory, is_out_of_memory, mentions_out_of_memory
from blurbstudy.training.trainer import train_population

MEASURE = """
import torch
from blurbstudy.training.memory import release_freed_memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20

kept, holes = [], []
for _ in range(2000):  # small blocks, every other one freed: the allocator keeps the holes
    holes.append(torch.ones(12_000))
    kept.append(torch.ones(500))
before = resident()
holes.clear()
held = resident()
release_freed_memory()
print(before, held, resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/statm")
def test_freed_blocks_between_living_ones_are_returned():
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    before, allocated, after = map(float, done.stdout.split())
    assert after < before - 60  # of 92 MiB freed
    assert after <= allocated


def test_a_refused_allocation_is_told_from_other_errors():
    with pytest.raises(RuntimeError) as refused:
        torch.empty(2**60)
    with pytest.raises(MemoryError) as refused_by_numpy:
        np.empty(2**60, np.uint8)
    with pytest.raises(RuntimeError) as other:
        torch.ones(2) @ torch.ones(3)
    assert is_out_of_memory(refused.value) and is_out_of_memory(refused_by_numpy.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory")) and not is_out_of_memory(other.value)
    assert is_out_of_memory(CheckpointError("model.safetensors: cannot be read (Cannot allocate memory (12))"))
    assert not is_out_of_memory(CheckpointError("model.safetensors: cannot be read (torn)"))
    assert not is_out_of_memory(ValueError("out of memory")) and mentions_out_of_memory("CUBLAS_STATUS_ALLOC_FAILED")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets a process's earlier peak")
def test_a_populations_record_tells_its_own_peak_and_not_that_of_what_was_before(
    make_config, similarity, checkpoint, device
):
    def peak_of(**recipe):
        arguments = {"features": similarity, "task": get_task("BIOSSES"), "checkpoint": checkpoint, "device": device}
        (record,) = train_population([make_config(epochs=1, **recipe)], **arguments)
        return record.peak_bytes

    first = peak_of()
    allocated = torch.ones(2**26, device=device)  # 256 MiB
    beside = peak_of()
    del allocated
    free_memory()
    assert beside > first + 200 * 2**20 and 0 < peak_of() < beside - 200 * 2**20
