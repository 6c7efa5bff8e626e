"""The connection to a Ray cluster, and how many populations its machines train side by side."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

from ...config import JsonObject
from ...errors import ParameterError, flat_message
from ...lazy_imports import optional_module
from ..workers.process import available_cpus, worker_environment
from .task import kill_process

if TYPE_CHECKING:
    from ray import ObjectRef

ADDRESS_ENV = "RAY_ADDRESS"  # Ray's own variable for the address of a cluster
CONNECT_SECONDS = 10.0
OBJECTS: dict[tuple, ObjectRef[Any]] = {}  # what this process has put into the object store, by content
REMEDY = "start it (ray start --head), or name another (--address); if it asks for a token, set RAY_AUTH_MODE=token"


def connect(address: str | None = None) -> None:
    """Join a Ray cluster unless this process has; the connection lasts until the process ends.

    Raises:
        ParameterError: Ray is not installed, or the cluster cannot be reached.
    """
    ray = optional_module("ray", extra="cluster")
    if ray.is_initialized():
        return
    address = address or os.environ.get(ADDRESS_ENV) or "local"
    _check_address(address)
    options: JsonObject = {}
    if address == "local":
        environment = worker_environment()
        os.environ |= {name: environment[name] for name in ("PYTHONPATH", "TOKENIZERS_PARALLELISM")}
        options = {"num_cpus": available_cpus(), "include_dashboard": False}
    OBJECTS.clear()
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except Exception as error:  # Ray raises many kinds
        raise ParameterError(f"no Ray cluster at {address!r}: {flat_message(error)}; {REMEDY}") from None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)  # Ray's own prints a stack trace


def _check_address(address: str) -> None:
    """Raise a ParameterError about what Ray would wait for two minutes, or misunderstand."""
    if "://" in address:
        raise ParameterError(
            f"--address {address}: Ray's clients and other protocols are not supported; run the command on a machine "
            "of the cluster with --address auto or HOST:PORT, or through `ray job submit`"
        )
    host, _, port = address.rpartition(":")
    if address in ("auto", "local"):
        return
    if not host or not port.isdecimal():
        raise ParameterError(f"--address {address}: use auto or HOST:PORT, as of `ray start --head`")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ParameterError(f"no Ray cluster at {address!r}: {flat_message(error)}; {REMEDY}") from None


def cluster_slots(device: str = "auto") -> tuple[str, int]:
    """The device that the cluster's machines train on, and how many populations they train side by side now.

    Raises:
        ParameterError: CUDA is requested, but the cluster has no GPU.
    """
    gpus = _count("GPU")
    if device == "cuda" and not gpus:
        raise ParameterError("device='cuda': the Ray cluster has no GPU; use auto or cpu")
    device = "cuda" if gpus and device != "cpu" else "cpu"
    return device, slots_of(device)


def slots_of(device: str) -> int:
    """How many populations may train side by side now; at least one, since lost machines may be replaced."""
    return max(1, _count("CPU" if device == "cpu" else "GPU"))


def kill_worker(node_id: str, pid: int) -> None:
    """Kill a process of a machine. Ray's cancellation asks the process itself, which may be stopped."""
    ray: Any = optional_module("ray", extra="cluster")
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node_id, soft=False)
    ray.remote(num_cpus=0, scheduling_strategy=there)(kill_process).remote(pid)


def _count(resource: str) -> int:
    import ray

    return int(ray.cluster_resources().get(resource, 0))
