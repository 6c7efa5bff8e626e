"""The Ray cluster that this process is connected to."""

from __future__ import annotations

import logging
import os
import signal
import threading

from ...config import JsonObject
from ...errors import ParameterError, flat_message
from ...lazy_imports import optional_module
from ..workers.process import available_cpus, worker_environment

ADDRESS_ENV = "RAY_ADDRESS"  # Ray's own variable for the address of a cluster


def connect(address: str | None = None) -> None:
    """Join a Ray cluster unless this process has; the connection lasts until the process ends.

    Raises:
        ParameterError: Ray is not installed, or the cluster cannot be reached.
    """
    ray = optional_module("ray", extra="cluster")
    if ray.is_initialized():
        return
    address = address or os.environ.get(ADDRESS_ENV) or "local"
    options: JsonObject = {}
    if address == "local":
        environment = worker_environment()
        os.environ |= {name: environment[name] for name in ("PYTHONPATH", "TOKENIZERS_PARALLELISM")}
        options = {"num_cpus": available_cpus(), "include_dashboard": False}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except Exception as error:  # Ray raises many kinds
        remedy = "start it (ray start --head), or name another (--address)"
        raise ParameterError(f"no Ray cluster at {address!r}: {flat_message(error)}; {remedy}") from None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)  # Ray's own prints a stack trace


def cluster_slots(device: str = "auto") -> tuple[str, int]:
    """The device that the cluster's machines train on, and how many populations they train side by side now.

    Raises:
        ParameterError: CUDA is requested, but the cluster has no GPU.
    """
    import ray

    resources = ray.cluster_resources()
    gpus = int(resources.get("GPU", 0))
    if device == "cuda" and not gpus:
        raise ParameterError("device='cuda': the Ray cluster has no GPU; use auto or cpu")
    if device == "cuda" or device == "auto" and gpus:
        return "cuda", gpus
    return "cpu", max(1, int(resources.get("CPU", 1)))
