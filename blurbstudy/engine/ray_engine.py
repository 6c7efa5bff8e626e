"""The engine of a Ray cluster: populations are Ray tasks, and only this process, the driver, writes the store.

Workers receive an encoder's files and tokenized features through Ray's object store, each once, and no text; they send
a record the moment its run ends. A node or a worker that dies loses the runs that it was training: they are submitted
again, without those that had ended.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import DEVICES, RunConfig
from ..errors import ParameterError, StudyError, check_choice
from ..store.run_store import RunStore
from ..training.population import population_key
from ..training.run_record import run_record_from_dict
from ..training.trainer import StepCallback
from .deadline import Deadline
from .leases import claim_runs
from .populations import PopulationTrainer, plan_populations
from .sources.sources import Sources
from .sweep_state import FailedPopulation, OnProgress, SweepState
from .workers.messages import Failed, Finished, Message, StepsDone, Stopped, decode

if TYPE_CHECKING:
    pass

MAX_CRASHES = 3  # of the worker that trains a population; lost nodes do not count
WAIT_SECONDS = 1.0  # for a message, until the deadline and Ctrl-C are looked at
AHEAD = 2  # populations submitted for every one that the cluster can train at once


@dataclass(frozen=True, kw_only=True)
class RayEngine:
    """Trains runs on a Ray cluster."""

    address: str = (
        "auto"  # of the cluster; auto: that of RAY_ADDRESS, or one that runs here, or a new one on this machine
    )
    device: str = "auto"  # auto (CUDA if the cluster has GPUs) | cpu | cuda
    population: int = 0  # largest population; 0: as many as suit the device
    deadline: Deadline = field(default_factory=Deadline)
    task_module: str = f"{__package__}.workers.ray_task"  # its `train` trains a population on a worker

    def __post_init__(self) -> None:
        check_choice("device", self.device, DEVICES)

    def run(
        self,
        configs: Sequence[RunConfig],
        store: RunStore,
        *,
        sources: Sources,
        on_progress: OnProgress | None = None,
        on_step: StepCallback | None = None,
    ) -> list[FailedPopulation]:
        """See `Engine.run`; `on_step` is not called."""
        if self.deadline.passed():
            ids = tuple(config.id for config in configs)
            return [FailedPopulation(run_ids=ids, cause="the deadline passed", skipped=True)]
        connect(self.address)
        device, slots = cluster_slots(self.device)
        trainer = PopulationTrainer(store, sources=sources, device=device)
        populations = plan_populations(
            configs, sources=sources, device=device, workers=slots, max_members=self.population
        )
        state = SweepState(populations, trainer, on_progress=on_progress)
        _Sweep(state, trainer, task_module=self.task_module, deadline=self.deadline).run(ahead=AHEAD * slots)
        return state.failures


def connect(address: str) -> None:
    """Connect to a Ray cluster, or start one on this machine.

    Raises:
        ParameterError: Ray is not installed, or there is no cluster at that address.
    """
    try:
        import ray
    except ImportError:
        raise ParameterError("engine='ray' needs Ray; install it: pip install 'blurbstudy[cluster]'") from None
    if ray.is_initialized():
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    named = address if address != "auto" else os.environ.get("RAY_ADDRESS")
    try:
        with contextlib.suppress(ConnectionError if named is None else ()):
            ray.init(address=named or "auto", **options)
            return
        ray.init(include_dashboard=False, **options)
    except Exception as error:  # Ray raises many kinds
        text = " ".join(str(error).split())
        raise ParameterError(f"no Ray cluster ({named or 'started on this machine'}): {text[:300]}") from None


def cluster_slots(device: str) -> tuple[str, int]:
    """(cpu or cuda, how many populations the cluster can train at once).

    Raises:
        ParameterError: CUDA is requested of a cluster without GPUs.
    """
    import ray

    resources = ray.cluster_resources()
    gpus, cpus = int(resources.get("GPU", 0)), int(resources.get("CPU", 0))
    if device == "cuda" and not gpus:
        raise ParameterError("device='cuda': the Ray cluster has no GPU; use auto or cpu")
    on_gpu = gpus > 0 and device != "cpu"
    return ("cuda", gpus) if on_gpu else ("cpu", max(1, cpus))


class _Sweep:
    """Submits the populations of a sweep, and puts the records that arrive into the store."""

    def __init__(self, state: SweepState, trainer: PopulationTrainer, *, task_module: str, deadline: Deadline) -> None:
        import ray

        self.ray, self.state, self.trainer, self.deadline = ray, state, trainer, deadline
        resources = {"num_gpus": 1, "num_cpus": 1} if trainer.device == "cuda" else {"num_cpus": 1}
        self.train = ray.remote(num_returns="streaming", max_retries=0, **resources)(_train)
        self.task_module = task_module
        self.waiting = deque(range(len(state.populations)))
        self.running: dict[Any, int] = {}  # generator of messages -> population
        self.claims: dict[int, contextlib.ExitStack] = {}
        self.last: dict[int, Message] = {}  # population -> its failure
        self.crashes: Counter[int] = Counter()
        self._objects: dict[tuple, Any] = {}  # content -> reference to the object

    def run(self, *, ahead: int) -> None:
        """Until every population is finished, has failed, or was skipped."""
        try:
            while self.waiting or self.running:
                self._submit(ahead)
                if not self.running:  # other commands train what waits
                    continue
                ready, _ = self.ray.wait(list(self.running), num_returns=1, timeout=WAIT_SECONDS, fetch_local=False)
                for generator in ready:
                    self._receive(generator)
        finally:
            for generator in self.running:
                self.ray.cancel(generator, force=True)
            for claim in self.claims.values():
                claim.close()

    def _submit(self, ahead: int) -> None:
        for _ in range(len(self.waiting)):
            if len(self.running) >= ahead:
                return
            index = self.waiting.popleft()
            if self.deadline.passed():
                self.state.on_message(index, Stopped())
                continue
            stack = contextlib.ExitStack()
            claimed = stack.enter_context(claim_runs(self.state.populations[index], self.trainer.store))
            if claimed:
                self.claims[index] = stack
                self.running[self._start(claimed)] = index
                continue
            stack.close()
            if claimed is None:  # another command is training one of these runs
                self.waiting.append(index)
            else:
                self.state.on_message(index, Finished())
        if self.waiting and not self.running:
            self.deadline.sleep(WAIT_SECONDS)

    def _start(self, population: list[RunConfig]) -> Any:
        first = population[0]
        inputs = self.trainer.inputs(population)
        key = (first.task, first.data_fingerprint, population_key(first), first.n_folds, first.fold, first.repeat)
        features = self._object(("features", *key), lambda: inputs.features)
        encoder = self._object(("encoder", first.encoder_fingerprint), lambda: self._encoder_files(first))
        configs = [config.to_dict() for config in population]
        without_features = replace(inputs, features={})
        return self.train.remote(self.task_module, configs, without_features, features, encoder, self.trainer.device)

    def _object(self, key: tuple, make: Any) -> Any:
        if key not in self._objects:
            self._objects[key] = self.ray.put(make())
        return self._objects[key]

    def _encoder_files(self, config: RunConfig) -> dict[str, bytes]:
        source = self.trainer.sources.encoder_of(config)
        if source.path is None:
            raise StudyError(f"the encoder {source.name!r} is not pretrained yet; pretrain it before its runs")
        return {path.name: path.read_bytes() for path in sorted(Path(source.path).iterdir()) if path.is_file()}

    def _receive(self, generator: Any) -> None:
        index = self.running[generator]
        try:
            content = self.ray.get(next(generator))
        except StopIteration:
            self._end(generator, self.last.pop(index, Finished()))
        except Exception as error:
            self._lost(generator, error)
        else:
            values = json.loads(content)
            if "kind" not in values:
                self.trainer.store.put(run_record_from_dict(values | {"id": values["id"]}))
            elif isinstance(message := decode(content), StepsDone):
                self.state.on_message(index, message)
            else:
                self.last[index] = message

    def _lost(self, generator: Any, error: Exception) -> None:
        """A worker or a node died."""
        errors = self.ray.exceptions
        index, text = self.running[generator], " ".join(str(error).split())[:300]
        if isinstance(error, errors.OutOfMemoryError):
            self._end(generator, Failed(error=text, out_of_memory=True, died=True))
            return
        if isinstance(error, errors.RayTaskError):  # raised by the task itself
            self._end(generator, Failed(error=text))
            return
        self.crashes[index] += not isinstance(error, errors.NodeDiedError | errors.ObjectLostError)
        if self.crashes[index] >= MAX_CRASHES:
            self._end(generator, Failed(error=f"its worker died {MAX_CRASHES} times: {text}", died=True))
            return
        self._release(generator)
        self.waiting.append(index)

    def _end(self, generator: Any, message: Message) -> None:
        index = self._release(generator)
        population = self.state.populations[index]
        retries = self.state.on_message(index, message)
        if retries:
            self.waiting = deque(
                part for job in self.waiting for part in (self.state.split_similar(job, failed=population) or [job])
            )
            self.waiting += retries

    def _release(self, generator: Any) -> int:
        index = self.running.pop(generator)
        self.claims.pop(index).close()
        return index


def _train(
    module: str, configs: list, inputs: Any, features: Any, encoder: Any, device: str
) -> Iterator[bytes]:  # on a worker
    import dataclasses
    import importlib

    complete = dataclasses.replace(inputs, features=features)
    yield from importlib.import_module(module).train(configs, complete, encoder, device=device)
