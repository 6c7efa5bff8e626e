"""Fine-tuning populations of runs: optimizer, schedule, the loop, evaluation, and the record of a run."""

from .optimizer import MemberSettings, PopulationAdamW
from .population import Population, population_key
from .provenance import pick_device
from .run_record import RunRecord, run_record_from_dict
from .schedule import evaluation_steps, rate_factor, steps_per_epoch, total_steps
from .trainer import check_population, train_population

__all__ = [
    "MemberSettings", "Population", "PopulationAdamW", "RunRecord", "check_population", "evaluation_steps",
    "pick_device", "population_key", "rate_factor", "run_record_from_dict", "steps_per_epoch", "total_steps",
    "train_population",
]  # fmt: skip
