"""Parameters of notebook 06."""

from __future__ import annotations

from pydantic import Field

from ...study.parameter_types import Columns, Database, EpochChoices, Names, SearchSpace, Seeds, TaskNames
from ...study.parameters import TaskTypeParameters

NOTEBOOK = "06_state_of_the_art"


class Parameters(TaskTypeParameters):
    """Parameters of notebook 06."""

    base_columns: Columns = Field(description="Table 8: the paper's column: the encoder that stands for it, or None")
    large_columns: Columns = Field(description="Table 9, likewise")
    large_tasks: TaskNames = Field(description="tasks of Table 9 that are run")
    search_tasks: Names = Field(description="tasks with a search; the others keep the default recipe")
    search_space: SearchSpace = Field(
        description="dimension (field of a recipe, freeze, decay, reinit_layers): values that are tried"
    )
    search_epochs: EpochChoices = Field(description="epochs that are tried, by task type")
    search_seeds: Seeds = Field(description="seeds of the runs of a trial; none of them is among `seeds`")
    search_trials: int = Field(ge=1, le=100_000, description="recipes that each search tries, the default one included")
    search_per_ask: int = Field(
        ge=1, le=4096, description="trials of each search that are proposed and trained at once"
    )
    search_database: Database = Field(
        description="URL of the trials' database; None: BLURBSTUDY_SEARCH_DATABASE, or SQLite in the store"
    )
    train_on_dev: Names = Field(description="tasks that are trained on train and dev once the recipe is chosen")
