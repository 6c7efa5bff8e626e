"""Data-parallel pretraining with torch.distributed (Li et al. 2020): the processes that torchrun started."""

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
class ProcessGroup:
    """This process's rank among the processes that pretrain one encoder."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0  # on this machine

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0

    def device(self, name: str) -> torch.device:
        """Pick the device of that name; with several GPUs, each process of a machine uses a different one."""
        device = pick_device(name)
        if device.type == "cuda" and self.world_size > 1:
            device = torch.device("cuda", self.local_rank)
            torch.cuda.set_device(device)
        return device

    def all_reduce_sum(self, values: Tensor) -> Tensor:
        if self.world_size > 1:
            torch.distributed.all_reduce(values)
        return values

    def wrap_ddp(self, model: nn.Module, device: torch.device) -> nn.Module:
        """Wrap the model so that gradients are averaged over all processes."""
        if self.world_size == 1:
            return model
        device_ids = [device.index] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=device_ids)

    def barrier(self) -> None:
        if self.world_size > 1:
            torch.distributed.barrier()


@contextlib.contextmanager
def process_group(device: str = "auto") -> Iterator[ProcessGroup]:
    """Join the processes that torchrun started (it sets WORLD_SIZE, RANK and LOCAL_RANK), if any."""
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1 or torch.distributed.is_initialized():
        yield ProcessGroup()
        return
    group = ProcessGroup(int(os.environ["RANK"]), world_size, int(os.environ.get("LOCAL_RANK", "0")))
    on_gpu = group.device(device).type == "cuda"
    torch.distributed.init_process_group("nccl" if on_gpu else "gloo")
    yield group
    # Skipped after an exception: the others may be waiting for this process, and torchrun ends them when it exits.
    gc.collect()  # a model that still references the group keeps its threads alive until exit, which aborts
    torch.distributed.destroy_process_group()
