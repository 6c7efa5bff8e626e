"""The space of a hyperparameter search: values of recipe fields and of layer-wise techniques, freely combined.

BLURB's own space (Gu et al. 2021) is a few learning rates, batch sizes and epochs; techniques and segment ids are ours.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..config import OPTIONAL, Recipe
from ..errors import ParameterError, did_you_mean
from ..stabilizers import Freeze, LayerwiseDecay, Reinitialize, Stabilizer, check_recipe, stabilize

Value = str | int | float | bool

# Dimension -> its technique, and the choice that leaves it out. All else are fields of a recipe.
TECHNIQUES: Mapping[str, tuple[Callable[..., Stabilizer], Value]] = {
    "freeze": (Freeze, 0),
    "decay": (LayerwiseDecay, 1.0),
    "reinit_layers": (Reinitialize, 0),  # the pooler with them
}
RECIPE_FIELDS = tuple(
    field.name
    for field in dataclasses.fields(Recipe)
    if field.name not in ("stabilizers", "train_on_dev", "n_evaluations", *OPTIONAL)
)


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """Dimensions by name, each with its values; the first is the standard recipe's."""

    standard: Recipe  # without techniques
    choices: Mapping[str, tuple[Value, ...]]

    @property
    def size(self) -> int:
        return math.prod(map(len, self.choices.values()))

    @property
    def default(self) -> dict[str, Value]:
        return {name: values[0] for name, values in self.choices.items()}

    def recipe(self, params: Mapping[str, Value]) -> Recipe:
        fields = {name: value for name, value in params.items() if name not in TECHNIQUES}
        chosen = [make(params[name]) for name, (make, none) in TECHNIQUES.items() if params.get(name, none) != none]
        return stabilize(self.standard.replace(**fields), *chosen)

    def params_at(self, index: int) -> dict[str, Value]:
        """The parameters at an index of the list of all, from 0."""
        params = {}
        for name, values in self.choices.items():
            index, digit = divmod(index, len(values))
            params[name] = values[digit]
        return params

    def iterate_from(self, start: int) -> Iterator[dict[str, Value]]:
        """All parameters once, from an index on, cyclically."""
        return (self.params_at((start + step) % self.size) for step in range(self.size))

    def check(self, n_layers: int) -> None:
        """Check that every combination fits an encoder of `n_layers` layers.
        Raises ParameterError: names one that does not.
        """
        narrow = {name: self.choices.get(name, (none,)) for name, (_, none) in TECHNIQUES.items()}
        for params in SearchSpace(standard=self.standard, choices=narrow).iterate_from(0):
            try:
                check_recipe(self.recipe(params), n_layers)
            except ParameterError as error:
                chosen = ", ".join(f"{name} {value}" for name, value in params.items())
                raise ParameterError(f"search_space: {chosen} cannot be combined: {error}") from None

    def to_dict(self) -> dict[str, list[Value]]:
        return {name: list(values) for name, values in self.choices.items()}


def search_space(standard: Recipe, choices: Mapping[str, Sequence[Value]], *, segments: int) -> SearchSpace:
    """The space around a standard recipe, which it always contains.

    Args:
        choices: dimension -> values.
        segments: number of segments of an example; with one, segment ids are no dimension.
    """
    check_choices(choices)
    dimensions = {}
    for name, values in choices.items():
        if name == "segment_ids" and segments < 2:
            continue
        default = TECHNIQUES[name][1] if name in TECHNIQUES else getattr(standard, name)
        dimensions[name] = tuple(dict.fromkeys((default, *values)))
    return SearchSpace(standard=standard, choices=dict(sorted(dimensions.items())))


def check_choices(choices: Mapping[str, Sequence[Value]]) -> None:
    """Check the dimensions and values of a space, independent of encoder and task.
    Raises ParameterError: names the dimension or value.
    """
    unknown = sorted(set(choices) - set(TECHNIQUES) - set(RECIPE_FIELDS))
    if unknown:
        raise ParameterError(
            f"search_space: unknown dimension {unknown[0]!r}; {did_you_mean(unknown[0], (*TECHNIQUES, *RECIPE_FIELDS))}"
        )
    for name, values in choices.items():
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise ParameterError(f"search_space: {name}={values!r} must be a list of values, such as [1, 2]")
        for value in values:
            _check_value(name, value)


def _check_value(name: str, value: Value) -> None:
    if name in TECHNIQUES:
        TECHNIQUES[name][0](value)
    else:
        dataclasses.replace(Recipe(), **{name: value})
