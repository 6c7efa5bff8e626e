"""Which runs are trained together, and training them into the store."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from ..config import JsonMapping, JsonObject, RunConfig
from ..store.run_store import RunStore
from ..store.run_weights import weight_saver
from ..tasks import Task, read_split
from ..tasks.folds import resampled_sizes
from ..tasks.text.words import detect_word_splitter
from ..training.population import population_key
from ..training.profiling import MemoryUsage, profile_memory
from ..training.schedule import total_steps
from ..training.trainer import RecordCallback, StepCallback, train_population
from .inputs import InputReader, PopulationInputs
from .sources.sources import Sources, sources_from_dict, sources_to_dict

SMALL_ENCODER = 3_000_000  # parameters; below this, the overhead of a step matters on a CPU
# Small encoders on one core: 4 members save 6% to 36% of the seconds per run between 0.1 M and 0.6 M parameters, 8 no
# more (their activations no longer fit into the cache); larger encoders are fastest alone.
MAX_CPU_MEMBERS = 4
MAX_CUDA_MEMBERS = 32  # more members do not use more of the GPU

Population = list[RunConfig]


def plan_populations(
    configs: Sequence[RunConfig],
    *,
    sources: Sources,
    device: str,
    workers: int,
    max_members: int | Callable[[RunConfig], int] = 0,
) -> list[Population]:
    """Divide runs into populations of similar length, the longest first.

    Args:
        workers: populations trained side by side; a small sweep is split evenly among them.
        max_members: size of the largest population, or a function of one of its runs; 0: `default_population_size`.
    """

    def limit(config: RunConfig) -> int:
        if callable(max_members):
            return max_members(config)
        return max_members or default_population_size(sources, config, device=device)

    groups: dict[tuple, Population] = {}
    for config in configs:
        key = (config.task, config.data_fingerprint, config.encoder_fingerprint, population_key(config))
        groups.setdefault(key, []).append(config)
    limits = {key: min(map(limit, _one_per_memory_need(group))) for key, group in groups.items()}
    counts = {key: math.ceil(len(group) / limits[key]) for key, group in groups.items()}
    if sum(counts.values()) < 4 * workers:
        # Few populations: split each group among all workers, so that none waits for another's long population.
        counts = {key: min(len(groups[key]), math.ceil(n / workers) * workers) for key, n in counts.items()}
    populations = [part for key, group in groups.items() for part in _split(group, counts[key], sources=sources)]
    return sorted(populations, key=lambda population: -population_steps(population, sources=sources))


def default_population_size(sources: Sources, config: RunConfig, *, device: str) -> int:
    """The largest population that is useful on the device, if memory suffices."""
    architecture = sources.encoder_of(config).architecture
    if architecture.config:
        return 1  # a transformers module trains its members in turn: a larger population would only take memory
    if device != "cpu":
        return MAX_CUDA_MEMBERS
    return MAX_CPU_MEMBERS if architecture.n_parameters < SMALL_ENCODER else 1


def population_steps(population: Sequence[RunConfig], *, sources: Sources) -> int:
    """Optimizer steps summed over the members."""
    return sum(run_steps(config, sources=sources) for config in population)


def run_steps(config: RunConfig, *, sources: Sources) -> int:
    """Optimizer steps of a run."""
    sizes = run_sizes(config, sources=sources)
    return total_steps(config.recipe, sizes["train"] + (sizes["dev"] if config.recipe.train_on_dev else 0))


def run_sizes(config: RunConfig, *, sources: Sources) -> Mapping[str, int]:
    """Split -> examples of a run; of a fold of resampled splits, as expected."""
    sizes = sources.sizes[config.task]
    return resampled_sizes(sizes, config.n_folds) if config.n_folds else sizes


def _one_per_memory_need(group: Population) -> Iterable[RunConfig]:
    """Runs that keep their best weights need more memory than the others of their group."""
    return {config.recipe.checkpoint_selection: config for config in group}.values()


def _split(group: Population, parts: int, *, sources: Sources) -> Iterator[Population]:
    """Parts of equal size, each of runs of similar length."""
    ordered = sorted(group, key=lambda config: -run_steps(config, sources=sources))  # stable: seeds stay in order
    start = 0
    for part in range(parts):
        stop = start + (len(group) - start) // (parts - part)
        yield ordered[start:stop]
        start = stop


class PopulationTrainer:
    """Trains populations one after another.

    Args:
        on_record: receives each record the moment its run ends; None: the store.
        read_inputs: None: `InputReader.read`.
    """

    def __init__(
        self,
        store: RunStore,
        *,
        sources: Sources,
        device: str,
        keep_weights: str = "none",
        on_step: StepCallback | None = None,
        on_record: RecordCallback | None = None,
        read_inputs: Callable[[RunConfig], PopulationInputs] | None = None,
    ) -> None:
        self.store, self.sources, self.device, self.keep_weights = store, sources, device, keep_weights
        self.on_step, self.on_record = on_step, on_record or store.put
        self.read_inputs = read_inputs or InputReader(store, sources).read

    def to_config(self) -> JsonObject:
        """JSON values for `from_config` in another process."""
        return {
            "store": str(self.store.folder.resolve()),
            "sources": sources_to_dict(self.sources),
            "device": self.device,
            "keep_weights": self.keep_weights,
        }

    @classmethod
    def from_config(cls, values: JsonMapping) -> PopulationTrainer:
        """The inverse of `to_config`."""
        return cls(
            RunStore(values["store"]),
            sources=sources_from_dict(values["sources"]),
            device=values["device"],
            keep_weights=values["keep_weights"],
        )

    def train(self, population: Population, *, on_progress: Callable[[int, int], None] | None = None) -> None:
        """Train one population.

        Args:
            on_progress: receives the steps done and the steps of all members, after every step.
        """
        inputs = self.read_inputs(population[0])
        train_population(
            population,
            features=inputs.features,
            task=inputs.task,
            checkpoint=inputs.checkpoint,
            device=self.device,
            gold=inputs.gold,
            train_subset=inputs.train_subset,
            on_progress=on_progress,
            on_record=self.on_record,
            on_step=self.on_step,
            on_weights=weight_saver(
                self.store,
                self.keep_weights,
                task=inputs.task,
                tokenizer=inputs.checkpoint.tokenizer,
                words=lambda: self._word_splitter(inputs.task),
            ),
        )

    def profile_memory(self, population: Population) -> MemoryUsage:
        """Memory that training a population takes; nothing is stored.

        Raises:
            StudyError: as `train`.
            MemoryError, RuntimeError: it does not fit (training.memory.is_out_of_memory).
        """
        inputs = self.read_inputs(population[0])
        return profile_memory(
            population,
            features=inputs.features,
            task=inputs.task,
            checkpoint=inputs.checkpoint,
            device=self.device,
        )

    def _word_splitter(self, task: Task) -> str:
        """The rule by which the words of train are split."""
        if task.has_raw_text:
            return task.form.words
        train = read_split(task, self.sources.data_folder or "", split="train")
        return detect_word_splitter(word for example in train for word in example.texts)
