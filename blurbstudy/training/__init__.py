"""Fine-tuning of populations: optimizer, learning-rate schedule, training loop, evaluation, and run records."""

from .optimizer import MemberHyperparameters, PopulationAdamW
from .population import Population, population_key
from .provenance import pick_device
from .run_record import RunRecord, run_record_from_dict
from .schedule import evaluation_steps, lr_factor, steps_per_epoch, total_steps
from .trainer import check_population, train_population

__all__ = [
    "MemberHyperparameters",
    "Population",
    "PopulationAdamW",
    "RunRecord",
    "check_population",
    "evaluation_steps",
    "lr_factor",
    "pick_device",
    "population_key",
    "run_record_from_dict",
    "steps_per_epoch",
    "total_steps",
    "train_population",
]
