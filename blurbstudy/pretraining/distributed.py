"""The processes that pretrain one encoder together: those that torchrun started (PyTorch's distributed data parallel,
Li et al. 2020), or this one alone.
"""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..training.provenance import pick_device


@dataclass(frozen=True)
class Processes:
    """This process among its fellows."""

    rank: int = 0
    count: int = 1
    local_rank: int = 0  # on this machine

    @property
    def first(self) -> bool:
        """Whether this one writes and speaks for all."""
        return self.rank == 0

    def device(self, asked: str) -> torch.device:
        """The device asked for; of several GPUs, each process on a machine takes its own."""
        device = pick_device(asked)
        if device.type == "cuda" and self.count > 1:
            device = torch.device("cuda", self.local_rank)
            torch.cuda.set_device(device)
        return device

    def summed(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.count > 1:
            torch.distributed.all_reduce(values)
        return values

    def shared(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The model, whose gradients are then means over all processes."""
        if self.count == 1:
            return model
        places = [device.index] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=places)

    def wait(self) -> None:
        """Until all are here."""
        if self.count > 1:
            torch.distributed.barrier()


@contextlib.contextmanager
def joined(device: str = "auto") -> Iterator[Processes]:
    """Joins the processes that torchrun started (it sets WORLD_SIZE, RANK and LOCAL_RANK)."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1 or torch.distributed.is_initialized():
        yield Processes()
        return
    mine = Processes(int(os.environ["RANK"]), count, int(os.environ.get("LOCAL_RANK", "0")))
    on_gpu = mine.device(device).type == "cuda"
    torch.distributed.init_process_group("nccl" if on_gpu else "gloo")
    yield mine
    # Not after a failure: the others may be waiting for this one, and torchrun ends them when it is gone.
    gc.collect()  # a model that still holds the group would leave its threads to an interpreter that ends: SIGABRT
    torch.distributed.destroy_process_group()
