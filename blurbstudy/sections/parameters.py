"""The parameters of each notebook, apart from the sections, so that checking them needs no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..errors import ParameterError, any_of
from ..study import parameter_types as types
from ..study.parameters import (
    CommonParameters,
    LayerParameters,
    LowResourceParameters,
    QuestionParameters,
    ResampledParameters,
    SimilarityParameters,
    TaskTypeParameters,
    TrainingParameters,
    TrainSizeParameters,
)


class OverviewParameters(LayerParameters):
    """Notebook 00."""

    general_vocabulary: str | None = Field(
        description='to compare with: directory, Hub id, hub:NAME, "trained" on the spot, or None'
    )
    scoring_task: str = Field(min_length=1, description="entity task whose one run is scored by every convention")
    scoring_epochs: types.Epochs = Field(description="passes over the training split, of that run")
    scoring_learning_rate: types.LearningRate = Field(description="peak learning rate, of that run")
    scoring_batch_size: types.BatchSize = Field(description="sentences per optimizer step, of that run")
    scoring_max_length: types.MaxLength = Field(
        description="sub-words per sequence, special tokens included, of that run"
    )
    scoring_evaluations: types.Evaluations = Field(description="dev evaluations, of that run")


class PretrainingAblationParameters(TaskTypeParameters):
    """Notebook 01."""

    pretraining_seeds: int = Field(
        ge=1, le=100, description="how often each objective given as pretrain:... is pretrained (seeds 0 to n - 1)"
    )
    segment_ids: bool = Field(
        description="whether to cross segment ids (two or one) with the objectives on the tasks of two texts"
    )
    brief_tokens: int = Field(
        ge=0, description="tokens of a BERT that is pretrained on the spot to show how, and not fine-tuned; 0: none"
    )

    @property
    def encoder_specs(self) -> dict[str, str | None]:
        """The encoders that are compared, and the one that is pretrained on the spot."""
        brief = {self.brief_encoder: f"pretrain:bert?tokens={self.brief_tokens}@0"} if self.brief_encoder else {}
        return {**self.encoders, **brief}

    @property
    def brief_encoder(self) -> str:
        """Display name of the encoder that is pretrained on the spot; '': none."""
        return f"BERT, {self.brief_tokens:,} tokens, on the spot" if self.brief_tokens else ""


class OptimizationAblationParameters(
    LowResourceParameters, SimilarityParameters, QuestionParameters, ResampledParameters
):
    """Notebook 02."""

    epochs_long: types.Epochs = Field(description="passes over the training split, longer training")
    epochs_standard: types.Epochs = Field(
        description="passes over the training split, the customary few (at most 5 in the paper)"
    )
    max_length: types.MaxLength = Field(description="sub-words per sequence, special tokens included")
    qa_tasks: types.Names = Field(description="question-answering tasks of Table 3; the paper has none")
    qa_epochs_long: types.Epochs = Field(description="epochs_long, for question answering")
    qa_max_length: types.MaxLength = Field(description="max_length, for question answering")
    compare_heads: bool = Field(description="whether to compare the pair head of sentence similarity with a cosine")


class LayerAdaptationParameters(
    LowResourceParameters, SimilarityParameters, QuestionParameters, LayerParameters, ResampledParameters
):
    """Notebook 03."""

    biosses_epochs: types.Epochs = Field(description="passes over the training split, sentence similarity")
    qa_epochs: types.Epochs = Field(description="passes over the training split, question answering")
    biosses_max_length: types.MaxLength = Field(description="sub-words per sequence, sentence similarity")
    qa_max_length: types.MaxLength = Field(description="sub-words per sequence, question answering")
    combinations: bool = Field(description="whether to run the combinations of two techniques as well")


class LargeModelsParameters(TaskTypeParameters, LayerParameters):
    """Notebook 04."""

    large_encoders: types.Encoders = Field(
        description="the paper's rows: directory, Hub id, hub:NAME, pretrain:OBJECTIVE?config=NAME&corpus=FILE, or None"
    )
    base_encoders: dict[str, str | None] = Field(description="BASE encoders besides those of `encoders`")
    base_counterparts: dict[str, str] = Field(description="LARGE encoder: the BASE encoder that it is compared with")
    on_all_tasks: types.Names | None = Field(
        description="LARGE encoders that are run on all tasks, not SS and QA alone; None: all"
    )
    seeds_otherwise: int = Field(
        ge=1, le=types.MAX_SEEDS, description="number of seeds on the tasks other than SS and QA"
    )
    base_freeze: types.FrozenLayers = Field(description="freeze, for the BASE counterparts")
    base_decay: types.Decay = Field(description="decay, for the BASE counterparts")

    @property
    def encoder_specs(self) -> dict[str, str | None]:
        """The LARGE encoders and their BASE counterparts."""
        known = self._known_base_encoders
        return dict(self.large_encoders) | {name: known[name] for name in dict.fromkeys(self.counterparts.values())}

    @property
    def counterparts(self) -> dict[str, str]:
        """LARGE encoder that is given -> its BASE counterpart, where that is named and known."""
        available = [name for name, spec in self.large_encoders.items() if spec is not None]
        return {
            name: self.base_counterparts[name]
            for name in available
            if self.base_counterparts.get(name) in self._known_base_encoders
        }

    @property
    def _known_base_encoders(self) -> dict[str, str | None]:
        return {**self.encoders, **self.base_encoders}


class PruningParameters(TaskTypeParameters):
    """Notebook 05."""

    pruned: str | None = Field(description="display name of the encoder that is pruned; None: the first that is given")
    removed: Annotated[list[types.LayerCount], Field(min_length=1)] = Field(
        description="top layers removed from a 12-layer encoder; in proportion from another one"
    )
    margin: types.Margin = Field(
        description='points; between the paper\'s BC2GM (2.47, "barely impacts") and DDI (3.06, "substantially")'
    )

    @property
    def encoder_specs(self) -> dict[str, str | None]:
        """The encoder that is pruned. Raises ParameterError: it is not among the encoders."""
        name = self.pruned
        if name is None:
            available = (name for name, spec in self.encoders.items() if spec is not None)
            name = next(available, next(iter(self.encoders)))
        if name not in self.encoders:
            raise ParameterError(f"pruned={name!r} is not an encoder; use {any_of(list(self.encoders))}")
        return {name: self.encoders[name]}


class StateOfTheArtParameters(TaskTypeParameters):
    """Notebook 06."""

    base_columns: types.Columns = Field(
        description="Table 8: the paper's column: the encoder that stands for it, or None"
    )
    large_columns: types.Columns = Field(description="Table 9, likewise")
    large_tasks: types.TaskNames = Field(description="tasks of Table 9 that are run")
    search_tasks: types.Names = Field(description="tasks with a search; the others keep the default recipe")
    search_space: types.SearchSpace = Field(
        description="dimension (field of a recipe, freeze, decay, reinit_layers): values that are tried"
    )
    search_epochs: types.EpochChoices = Field(description="epochs that are tried, by task type")
    search_seeds: types.Seeds = Field(description="seeds of the runs of a trial; none of them is among `seeds`")
    search_trials: int = Field(ge=1, le=100_000, description="recipes that each search tries, the default one included")
    search_per_ask: int = Field(
        ge=1, le=4096, description="trials of each search that are proposed and trained at once"
    )
    search_database: types.Database = Field(
        description="URL of the trials' database; None: BLURBSTUDY_SEARCH_DATABASE, or SQLite in the store"
    )
    train_on_dev: types.Names = Field(description="tasks that are trained on train and dev once the recipe is chosen")


class ScispacyParameters(TrainingParameters, TrainSizeParameters):
    """Notebook 07."""

    scispacy_source: Literal["auto", "retrained"] = Field(
        description="auto: the released models where installed, else retrained; retrained: always retrained"
    )
    spacy_epochs: int = Field(
        ge=1, le=1000, description="passes over the training split, of a retrained model (7 as published)"
    )
    spacy_seed: int = Field(ge=0, le=2**31 - 1, description="random seed of a retrained model")
    ner_tasks: types.TaskNames | None = Field(
        description="entity sets that encoders are fine-tuned on; None: all of `tasks`"
    )
    ner_epochs: types.Epochs = Field(description="passes over the training split, of an encoder")
    ner_max_length: types.MaxLength = Field(description="sub-words per sequence, of an encoder")


class ClaimsParameters(CommonParameters):
    """Notebook 08."""

    margin: types.Margin = Field(
        description="points (score times 100): a difference within it is negligible, beyond it large"
    )

    @property
    def encoder_specs(self) -> dict[str, str | None]:
        """None: runs are read from the store."""
        return {}


class ExploreParameters(CommonParameters):
    """Notebook 90: initial values of its controls."""

    decay: types.Decay = Field(description="initial factor on the learning rate from one depth to the next lower one")
    reinit_layers: types.LayerCount = Field(description="initial number of top layers that are re-initialized")
    reinit_pooler: bool = Field(description="whether the pooler is re-initialized with them at first")
    live_task: str = Field(min_length=1, description="initial dataset of the depth picture and of the live fine-tuning")
    live_epochs: types.Epochs = Field(description="passes over the training split, of the live fine-tuning")
    live_learning_rate: types.LearningRate = Field(description="peak learning rate, of the live fine-tuning")
    live_batch_size: types.BatchSize = Field(description="sequences per optimizer step, of the live fine-tuning")
    live_max_length: types.MaxLength = Field(description="sub-words per sequence, of the live fine-tuning")
    live_evaluations: types.Evaluations = Field(
        description="dev evaluations of the live fine-tuning: points of its curve"
    )

    @property
    def encoder_specs(self) -> dict[str, str | None]:
        """Empty: runs are read from the store."""
        return {}


PARAMETERS = {
    "00_overview": OverviewParameters,
    "01_pretraining_ablation": PretrainingAblationParameters,
    "02_optimization_ablation": OptimizationAblationParameters,
    "03_layer_adaptation": LayerAdaptationParameters,
    "04_large_models": LargeModelsParameters,
    "05_pruning": PruningParameters,
    "06_state_of_the_art": StateOfTheArtParameters,
    "07_scispacy": ScispacyParameters,
    "08_claims": ClaimsParameters,
    "90_explore": ExploreParameters,
}
