"""Types of notebook parameters: what a value may be, checked by pydantic before anything runs."""

from __future__ import annotations

import reprlib
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ..errors import ParameterError, check_choice
from ..search.database import check_url
from ..search.space import check_choices
from ..tasks.folds import OFFICIAL, RESAMPLED_TASKS, ResampledSplits, parse_splits

MAX_SEEDS = 10_000

Scale = Literal["mini", "small", "paper"]
Device = Literal["auto", "cpu", "cuda"]
EngineName = Literal["local", "ray", "worker"]
Precision = Literal["float32", "bfloat16"]
Head = Literal["pooler", "gelu", "cosine"]
TaskType = Literal["ner", "pico", "relation", "similarity", "document", "question"]

Epochs = Annotated[float, Field(ge=0.01, le=1000)]
LearningRate = Annotated[float, Field(ge=0, le=1)]
BatchSize = Annotated[int, Field(ge=1, le=4096)]
MaxLength = Annotated[int, Field(ge=8, le=8192)]
Evaluations = Annotated[int, Field(ge=1, le=10_000)]
Decay = Annotated[float, Field(ge=0.01, le=1)]
LayerCount = Annotated[int, Field(ge=0, le=1000)]
FrozenLayers = LayerCount | Literal["embeddings"]
Margin = Annotated[float, Field(ge=0, le=100)]
EpochsByType = Annotated[dict[TaskType, Epochs], Field(min_length=1)]
MaxLengthByType = Annotated[dict[TaskType, MaxLength], Field(min_length=1)]
Encoders = Annotated[dict[str, str | None], Field(min_length=1)]
Columns = Annotated[dict[str, str | None], Field(min_length=1)]


def read_seeds(value: object) -> tuple[int, ...]:
    """Seeds from a number n (1 to n), a list, or text such as '5' (1 to 5), '1-5', '1,3,7' or '7-7' (7 alone).
    Raises ParameterError: not one of these, empty, repeated, or out of bounds.
    """
    wrong = ParameterError(
        f"seeds={reprlib.repr(value)}: expected a number such as 5, a list, '1-5' or '1,3,7', of at most "
        f"{MAX_SEEDS:,} distinct seeds from 0 up"
    )
    if isinstance(value, bool):
        raise wrong
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        value = int(value)
    if isinstance(value, int):
        seeds = list(range(1, value + 1)) if 1 <= value <= MAX_SEEDS else []
    elif isinstance(value, str):
        try:
            spans = [[int(end) for end in part.split("-")] for part in value.split(",")]
        except ValueError:
            raise wrong from None
        lengths = [span[-1] - span[0] + 1 for span in spans]
        if max(map(len, spans)) > 2 or min(lengths) < 1 or sum(lengths) > MAX_SEEDS:
            raise wrong  # before the list is built
        seeds = [seed for span in spans for seed in range(span[0], span[-1] + 1)]
    elif isinstance(value, (list, tuple)):
        seeds = list(value)
    else:
        raise wrong
    valid = all(isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 2**31 for seed in seeds)
    if not 1 <= len(seeds) <= MAX_SEEDS or not valid or len(set(seeds)) != len(seeds):
        raise wrong
    return tuple(seeds)


def read_splits(value: str | dict[str, str], task: str) -> ResampledSplits | None:
    """The resampled splits of a task, from `official`, `KxR` or such values by task; None: the official split alone.
    Raises ParameterError: none of these.
    """
    if isinstance(value, str):
        return parse_splits(value) if task in RESAMPLED_TASKS else None
    return parse_splits(value.get(task, OFFICIAL))


def _check_splits(value: str | dict[str, str]) -> str | dict[str, str]:
    named = value if isinstance(value, dict) else {RESAMPLED_TASKS[0]: value}
    for task, text in named.items():
        check_choice("splits", task, RESAMPLED_TASKS)
        parse_splits(text)
    return value


def _check_seeds(value: object) -> object:
    read_seeds(value)
    return value


def _check_distinct(names: list[str]) -> list[str]:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"must list {twice!r} only once")
    return names


def _check_space(space: dict[str, list[Any]]) -> dict[str, list[Any]]:
    check_choices(space)
    return space


def _check_database(url: str | None) -> str | None:
    if url is not None:
        check_url("search_database", url)
    return url


def _check_epoch_choices(choices: dict[str, list[float]]) -> dict[str, list[float]]:
    for numbers in choices.values():
        check_choices({"epochs": numbers})
    return choices


Seeds = Annotated[object, BeforeValidator(_check_seeds)]
Names = Annotated[list[str], AfterValidator(_check_distinct)]  # may be empty
TaskNames = Annotated[list[str], Field(min_length=1), AfterValidator(_check_distinct)]
SearchSpace = Annotated[dict[str, list[Any]], AfterValidator(_check_space)]
EpochChoices = Annotated[dict[TaskType, list[float]], AfterValidator(_check_epoch_choices)]
Splits = Annotated[str | dict[str, str], AfterValidator(_check_splits)]  # official, KxR, or {task: KxR}
Database = Annotated[str | None, AfterValidator(_check_database)]
