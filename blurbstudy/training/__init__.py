"""Fine-tuning of populations: optimizer, learning-rate schedule, training loop, evaluation, and run records."""

from .optimizer import MemberHyperparameters, PopulationAdamW
from .population import Population, population_key
from .provenance import pick_device
from .run_record import RunRecord, run_record_from_dict
from .schedule import evaluation_steps, lr_factor, steps_per_epoch, total_steps
from .trainer import check_population, train_population
