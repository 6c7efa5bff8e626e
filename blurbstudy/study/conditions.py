"""Conditions that several sections share: layer-specific techniques, BLURB's task columns, recipes by task type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypedDict

from ..config import Recipe
from ..errors import ParameterError, any_of
from ..stabilizers import Freeze, LayerwiseDecay, Reinitialize, Stabilizer, check_recipe, stabilize
from ..tasks import TASKS
from ..tasks.folds import resampled_sizes
from .grid import DEFAULT_RECIPE, ENCODERS_BY_TECHNIQUE, Axes, Condition, Grid, TaskColumn
from .parameter_types import read_seeds, read_splits
from .parameters import CommonParameters, LayerParameters, LowResourceParameters, QuestionParameters, TaskTypeParameters
from .study import Study

BLURB = "BLURB score"
LOW_RESOURCE_TYPES = ("ner", "pico", "relation", "document")  # similarity and questions have few examples anyway


def layer_techniques(parameters: LayerParameters, *, combinations: bool = False) -> dict[str, list[Stabilizer]]:
    """Level -> techniques of Table 4: the default recipe, each technique, and on request their combinations."""
    freeze, decay = Freeze(parameters.freeze), LayerwiseDecay(parameters.decay)
    reinit = Reinitialize(parameters.reinit_layers, pooler=parameters.reinit_pooler)
    single: dict[str, list[Stabilizer]] = {
        DEFAULT_RECIPE: [],
        "Layer freeze": [freeze],
        "Layerwise decay": [decay],
        "Layer reinit": [reinit],
    }
    combined: dict[str, list[Stabilizer]] = {
        "Freeze and reinit": [freeze, reinit],
        "Decay and reinit": [decay, reinit],
        "Freeze and decay": [freeze, decay],
    }
    return single | combined if combinations else single


def technique_grid(
    study: Study[CommonParameters],
    techniques: Mapping[str, Sequence[Stabilizer]],
    *,
    bases: Mapping[str, Recipe],
    columns: Sequence[TaskColumn],
    seeds: Sequence[int] = (),
    encoders: Sequence[str] = (),
    axes: Axes = ENCODERS_BY_TECHNIQUE,
    overrides: Mapping[str, Mapping[str, object]] | None = None,
) -> Grid:
    """Every encoder at every level on every task column.

    Args:
        techniques: level -> techniques on top of the base recipe.
        bases: task -> base recipe.
        seeds: some of the study's; none: all.
        encoders: likewise, by display name.
        overrides: level -> fields of the base recipe that it changes.

    Raises:
        ParameterError: a technique does not fit an encoder (checked before anything runs).
    """
    recipes = {
        (level, task): stabilize(bases[task].replace(**(overrides or {}).get(level, {})), *stabilizers)
        for level, stabilizers in techniques.items()
        for column in columns
        for task in column.tasks
    }
    reasons = {name: why for name, why in study.encoders.items() if not encoders or name in encoders}
    available = [name for name in reasons if name in study.sources.encoders]
    layers = {name: study.sources.encoders[name].architecture.n_layers for name in available}
    for recipe in recipes.values():
        for n_layers in layers.values():
            check_recipe(recipe, n_layers)
    cells = {
        Condition(name, level, column.label): tuple(
            config
            for task in column.tasks
            for encoder in study.pretrained_variants(name)
            for config in study.run_configs(
                task, encoder, recipe=recipes[level, task], splits=column.splits, seeds=seeds or study.seeds
            )
        )
        for name in available
        for level in techniques
        for column in columns
    }
    return Grid(
        groups=tuple(reasons),
        levels=tuple(techniques),
        columns=tuple(columns),
        axes=axes,
        recipes=recipes,
        seeds=study.seeds,
        cells=cells,
        missing_reasons={name: why for name, why in reasons.items() if why},
        notes=study.encoder_notes,
        layers=layers,
        techniques={level: tuple(stabilizers) for level, stabilizers in techniques.items()},
        pretraining_seeds=study.pretraining_seeds,
    )


def join_grids(*parts: Grid) -> Grid:
    """One grid with the columns of all, those of official splits first; they have the same levels."""
    columns = [column for part in parts for column in part.columns]
    return replace(
        parts[0],
        groups=tuple(dict.fromkeys(group for part in parts for group in part.groups)),
        columns=tuple(sorted(columns, key=lambda column: column.splits is not None)),
        seeds=tuple(dict.fromkeys(seed for part in parts for seed in part.seeds)),
        recipes={key: recipe for part in parts for key, recipe in part.recipes.items()},
        cells={key: runs for part in parts for key, runs in part.cells.items()},
        missing_reasons={name: why for part in parts for name, why in part.missing_reasons.items()},
        layers={name: n for part in parts for name, n in part.layers.items()},
    )


class Choice(TypedDict):
    """Some of a study's encoders and seeds; none: all."""

    encoders: Sequence[str]
    seeds: Sequence[int]


def question_choice(study: Study[QuestionParameters]) -> Choice:
    """The encoders and seeds on question answering. Raises ParameterError: qa_encoders names an unknown encoder."""
    chosen = study.parameters
    if chosen.qa_encoders == []:
        raise ParameterError("qa_encoders=[] names no encoder; use null for all, or leave the questions out")
    unknown = [name for name in chosen.qa_encoders or () if name not in study.encoders]
    if unknown:
        raise ParameterError(f"qa_encoders: {unknown[0]!r} is not an encoder; use {any_of(list(study.encoders))}")
    seeds = () if chosen.qa_seeds is None else read_seeds(chosen.qa_seeds)
    return Choice(encoders=chosen.qa_encoders or (), seeds=seeds)


def low_resource_grids(
    study: Study[LowResourceParameters],
    techniques: Callable[[float], Mapping[str, Sequence[Stabilizer]]],
    *,
    axes: Axes = ENCODERS_BY_TECHNIQUE,
) -> list[Grid]:
    """A grid per task of `low_resource`: every encoder at every level, trained on few examples.
    `techniques`: number of epochs -> level -> techniques.
    Raises ParameterError: it names sentence similarity or question answering, which are trained on all they have.
    """
    parts = []
    chosen = study.parameters
    for task in study.named_tasks("low_resource", chosen.low_resource, task_types=LOW_RESOURCE_TYPES):
        setting = chosen.low_resource[task.name]
        fields = setting.model_dump(exclude={"max_train_examples"})
        recipe = study.recipe(**chosen.shared_fields | fields)
        n_train = study.sources.sizes[task.name]["train"]
        n = int(n_train * study.train_share(task.name))
        note = f"trained on {n:,} of {n_train:,} examples; the paper has no such column"
        column = TaskColumn(label=f"{task.name}, {n:,} examples", tasks=(task.name,), in_paper=False, note=note)
        parts.append(
            technique_grid(study, techniques(setting.epochs), bases={task.name: recipe}, columns=(column,), axes=axes)
        )
    return parts


LABEL_SHIFT = {
    "BioASQ": "in BLURB, 82% of the questions of train and dev are answered yes, but 67% of test, so pooled questions "
    "ask for something else than the official test set"
}


def resampled_columns(
    study: Study[CommonParameters], tasks: Sequence[str], *, splits: str | dict[str, str]
) -> tuple[TaskColumn, ...]:
    """A column per task that is resampled as well: beside its official one, and never compared with the paper.
    `splits`: as the parameter of that name.
    """
    columns = []
    for task in tasks:
        chosen = read_splits(splits, task)
        if chosen is not None:
            sizes = study.sources.sizes[task]
            note = (
                f"{chosen.n_folds} test folds in {chosen.n_repeats} repeats of all examples, train, dev and test of "
                f"{'/'.join(f'{n:,}' for n in resampled_sizes(sizes, chosen.n_folds).values())}; n counts repeats, a "
                "seed per run; not comparable with the paper, whose numbers are of the official split"
            )
            columns.append(
                TaskColumn(
                    label=f"{task}, all {sum(sizes.values()):,} resampled",
                    tasks=(task,),
                    splits=chosen,
                    note="; ".join([note, *([LABEL_SHIFT[task]] if task in LABEL_SHIFT else [])]),
                )
            )
    return tuple(columns)


def blurb_columns(study: Study[CommonParameters]) -> tuple[TaskColumn, ...]:
    """A column per task, and for all of BLURB's tasks the BLURB score: the mean over groups of the mean within each."""
    columns = [TaskColumn(label=task.name, tasks=(task.name,), paper=task.name) for task in study.tasks]
    if {task.name for task in study.tasks} == {task.name for task in TASKS}:
        sizes = Counter(task.group for task in study.tasks)
        weights = {task.name: 1 / (len(sizes) * sizes[task.group]) for task in study.tasks}
        columns.append(TaskColumn(label=BLURB, tasks=tuple(weights), paper=BLURB, weights=weights))
    return tuple(columns)


def recipes_by_type(study: Study[TaskTypeParameters]) -> dict[str, Recipe]:
    """Task -> recipe, with the epochs and sequence length of its type (`TaskTypeParameters`).
    Raises ParameterError: epochs or max_lengths lack the type of a task.
    """
    chosen = study.parameters
    for name in ("epochs", "max_lengths"):
        lacking = sorted({task.task_type for task in study.tasks} - set(getattr(chosen, name)))
        if lacking:
            raise ParameterError(f"{name}: has no value for {lacking[0]} tasks; add {lacking[0]}: NUMBER")
    epochs: Mapping[str, float] = {**chosen.epochs}
    max_lengths: Mapping[str, int] = {**chosen.max_lengths}
    return {
        task.name: study.recipe(
            epochs=epochs[task.task_type],
            max_length=max_lengths[task.task_type],
            **chosen.shared_fields,
            **chosen.head_of(task.task_type),
        )
        for task in study.tasks
    }
