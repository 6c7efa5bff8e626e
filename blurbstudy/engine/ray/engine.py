"""The engine of a Ray cluster: a population is a Ray task, and the driver alone writes the run store."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...config import DEVICES, JsonObject, RunConfig, fold_of
from ...errors import StoreError, check_choice, flat_message
from ...store.run_store import RunStore
from ...training.run_record import RunRecord
from ...training.trainer import StepCallback
from ..deadline import Deadline
from ..inputs import InputReader
from ..leases import claim_runs
from ..populations import Population, PopulationTrainer, plan_populations
from ..run_worker import HANG_SECONDS
from ..sources.sources import Sources, sources_to_dict
from ..sweep_state import FailedPopulation, OnProgress, SweepState
from ..workers.messages import Failed, Finished, StepsDone, Stopped
from . import task
from .cluster import OBJECTS, cluster_slots, connect, kill_worker, slots_of

if TYPE_CHECKING:
    from ray import ObjectRef
    from ray._raylet import ObjectRefGenerator  # type: ignore[attr-defined]

POLL_SECONDS = 0.5
LEASED_SECONDS = 5.0  # until populations are looked at again that another command is training
IDLE = -1  # in place of the index of a population
MAX_PENDING = 2  # tasks submitted for each that runs


@dataclass(frozen=True, kw_only=True)
class RayEngine:
    """Trains runs on the machines of a Ray cluster, or on this one where none is named.

    Every record reaches the driver the moment its run ends. Of a task that is lost with its worker or machine, the runs
    that it had not finished are submitted again.
    """

    address: str | None = None  # auto, HOST:PORT; None: RAY_ADDRESS, else a cluster of this machine alone
    device: str = "auto"  # auto: cuda if the cluster has GPUs
    population: int = 0  # largest population; 0: as `default_population_size`
    max_losses: int = 3  # workers that a population may take down; 10 times as many machines
    hang_seconds: float = HANG_SECONDS  # without a message, after which a worker is killed
    trainer: str = f"{task.__name__}:{task.train.__name__}"  # what runs in the workers
    deadline: Deadline = field(default_factory=Deadline)

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
        """See `Engine.run`; `on_step` is not called.

        Raises:
            ParameterError: Ray is not installed, the cluster cannot be reached, or has no such device.
        """
        connect(self.address)
        device, slots = cluster_slots(self.device)
        populations = plan_populations(
            configs, sources=sources, device=device, workers=slots, max_members=self.population
        )
        trainer = PopulationTrainer(store, sources=sources, device=device)
        return _Sweep(self, SweepState(populations, trainer, on_progress=on_progress)).run()


@dataclass
class _Running:
    """A submitted task."""

    index: int  # of its population
    runs: dict[str, RunConfig]
    lease: contextlib.ExitStack
    heard: float | None = None  # when its last message came; None: it waits for a worker
    process: tuple[str, int] | None = None  # node id and process id
    cause: str = ""  # why the driver killed it


class _Sweep:
    """One sweep: submits tasks, receives their messages, submits again what was lost."""

    def __init__(self, engine: RayEngine, state: SweepState) -> None:
        import ray

        self.ray, self.engine, self.state = ray, engine, state
        self.store, self.device = state.trainer.store, state.trainer.device
        self.reader = InputReader(self.store, state.trainer.sources)
        sources = sources_to_dict(state.trainer.sources)
        encoders = {name: encoder | {"path": None} for name, encoder in sources["encoders"].items()}
        self.sources = ray.put(sources | {"encoders": encoders, "data": "", "data_folder": None})
        self.waiting = deque(range(len(state.populations)))
        self.leased_elsewhere: list[int] = []
        self.running: dict[ObjectRefGenerator, _Running] = {}
        self.losses: Counter[int] = Counter()  # by population: workers that died with it
        self.lost_machines: Counter[int] = Counter()
        gpus = 0 if self.device == "cpu" else 1
        # Ray's own retries would train finished runs again.
        remote = ray.remote(num_cpus=1 - gpus, num_gpus=gpus, max_retries=0, num_returns="streaming")
        self.remote = remote(task.run_task)

    def run(self) -> list[FailedPopulation]:
        """Until every population is trained, failed or skipped."""
        looked = time.monotonic()
        try:
            while self.waiting or self.running or self.leased_elsewhere:
                if self.engine.deadline.passed():
                    self._skip_waiting()
                if time.monotonic() - looked > LEASED_SECONDS:
                    looked = time.monotonic()
                    self.waiting += self.leased_elsewhere
                    self.leased_elsewhere = []
                self._submit()
                self._receive()
                self._say_why_idle()
                self._kill_hanging()
        finally:
            for generator, running in self.running.items():
                self.ray.cancel(generator, force=True)
                running.lease.close()
        return self.state.failures

    def _submit(self) -> None:
        most = MAX_PENDING * slots_of(self.device)
        while self.waiting and len(self.running) < most:
            index = self.waiting.popleft()
            lease = contextlib.ExitStack()
            population = lease.enter_context(claim_runs(self.state.populations[index], self.store))
            if population is None:  # another command is training one of these runs
                self.leased_elsewhere.append(index)
            elif not population:  # all of it is in the store by now
                self.state.on_message(index, Finished())
            else:
                try:
                    self._start(index, population, lease)
                except StoreError:
                    raise
                except Exception as error:  # its inputs cannot be read
                    lease.close()
                    self.state.on_message(index, Failed(error=flat_message(error)))

    def _start(self, index: int, population: Population, lease: contextlib.ExitStack) -> None:
        first = population[0]
        request = task.TaskRequest(
            configs=[config.to_dict() for config in population],
            device=self.device,
            train_subset=self.reader.train_subset(first),
            divide=not self.engine.population,
        )
        generator = self.remote.remote(self.engine.trainer, request, *self._inputs_of(first))
        self.running[generator] = _Running(index, {config.id: config for config in population}, lease)

    def _inputs_of(self, config: RunConfig) -> Sequence[ObjectRef[Any]]:
        """The sources, the run's encoder, and its features and gold labels; each is put into the object store once."""
        recipe, encoder = config.recipe, (config.encoder_fingerprint,)
        data = (config.task, config.data_fingerprint, *encoder, recipe.max_length, recipe.layout, *fold_of(config))
        if data not in OBJECTS:
            inputs = self.reader.read(config)
            if encoder not in OBJECTS:
                OBJECTS[encoder] = self.ray.put(dataclasses.replace(inputs.checkpoint, path=None))
            OBJECTS[data] = self.ray.put((inputs.task, inputs.features, inputs.gold))
        return self.sources, OBJECTS[encoder], OBJECTS[data]

    def _receive(self) -> None:
        if not self.running:
            time.sleep(POLL_SECONDS if self.leased_elsewhere else 0)
            return
        generators = list(self.running)
        ready, _ = self.ray.wait(generators, num_returns=len(generators), timeout=0)
        if not ready:
            ready, _ = self.ray.wait(generators, num_returns=1, timeout=POLL_SECONDS)
        for generator in ready:
            try:
                message = self.ray.get(next(generator))
            except StopIteration:  # without a last message: its thread died
                self._on_lost(generator, "the worker ended without a message")
            except self.ray.exceptions.OutOfMemoryError as error:
                if len(self.running[generator].runs) > 1:
                    self._end(generator, Failed(error=task.first_line(error), out_of_memory=True))
                else:  # other tasks of the machine may have taken the memory
                    self._on_lost(generator, task.first_line(error))
            except self.ray.exceptions.RayTaskError as error:
                self._end(generator, Failed(error=flat_message(error.cause)))
            except self.ray.exceptions.RayError as error:
                exceptions = self.ray.exceptions  # a message is lost with the machine that holds it
                machine = isinstance(error, (exceptions.NodeDiedError, exceptions.ObjectLostError))
                crashed = isinstance(error, self.ray.exceptions.WorkerCrashedError)
                cause = "its worker process was killed or crashed" if crashed else task.first_line(error)
                self._on_lost(generator, self.running[generator].cause or cause, machine=machine)
            else:
                self._on_message(generator, message)

    def _on_message(self, generator: ObjectRefGenerator, message: JsonObject) -> None:
        running = self.running[generator]
        running.heard = time.monotonic()
        match message["kind"]:
            case "started":
                running.process = message["node_id"], message["pid"]
            case "steps":
                self.state.on_message(running.index, StepsDone(done=message["done"], total=message["total"]))
            case "record":
                self._put(message["record"], running)
            case "finished":
                self._end(generator, Finished())
            case "failed":
                self._end(generator, Failed(error=message["error"], out_of_memory=message["out_of_memory"]))

    def _put(self, record: RunRecord, running: _Running) -> None:
        environment = {**record.environment, "engine": "ray"}
        if record.id not in running.runs:
            raise StoreError(
                f"the machine {environment.get('machine')} sent run {record.id}, which was not asked for: it has "
                "another version of blurbstudy; install the same one on all machines"
            )
        self.store.put(dataclasses.replace(record, environment=environment))

    def _end(self, generator: ObjectRefGenerator, message: Finished | Failed | Stopped) -> None:
        running = self.running.pop(generator)
        running.lease.close()
        retries = self.state.on_message(running.index, message)
        for index in retries:  # one more loss may be that of another population
            self.losses[index] = min(self.losses[running.index], self.engine.max_losses - 2)
        self.waiting += retries

    def _on_lost(self, generator: ObjectRefGenerator, cause: str, *, machine: bool = False) -> None:
        """Submit again what a task had not finished. A population that took down too many workers is halved, so that
        the run to blame is left alone in the end, and fails.
        """
        index = self.running[generator].index
        counter, most = (self.losses, self.engine.max_losses)
        if machine:
            counter, most = self.lost_machines, 10 * most
        counter[index] += 1
        if counter[index] < most:
            self.running.pop(generator).lease.close()
            self.state.running.pop(index, None)
            self.waiting.append(index)
            return
        missing = [run_id for run_id in self.running[generator].runs if run_id not in self.store]
        self._end(generator, Failed(error=f"{cause}, {counter[index]} times", out_of_memory=len(missing) > 1))

    def _say_why_idle(self) -> None:
        """In the progress, while no population trains."""
        self.state.running.pop(IDLE, None)
        trains = any(running.heard for running in self.running.values())
        if not trains and (self.running or self.leased_elsewhere):
            awaited = "a worker of the cluster" if self.running else "runs that another command trains"
            self.state.running[IDLE] = f"waiting for {awaited}"
        self.state.report()

    def _kill_hanging(self) -> None:
        """Kill workers without a message for too long; of one that never sent any, the process is not known."""
        limit = self.engine.hang_seconds
        for running in self.running.values():
            if running.process and not running.cause and time.monotonic() - (running.heard or 0) > limit:
                running.cause = f"no progress for {limit:.0f} s"
                kill_worker(*running.process)

    def _skip_waiting(self) -> None:
        """Skip all populations that did not start."""
        for generator in [generator for generator, running in self.running.items() if running.heard is None]:
            self.ray.cancel(generator)
            running = self.running.pop(generator)
            running.lease.close()
            self.waiting.append(running.index)
        for index in (*self.waiting, *self.leased_elsewhere):
            self.state.on_message(index, Stopped())
        self.waiting.clear()
        self.leased_elsewhere = []
