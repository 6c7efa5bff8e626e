"""What a hyperparameter search chooses from: values of recipe fields, and of techniques by depth, that combine freely.

BLURB's own space (Gu et al. 2021) is a few learning rates, batch sizes and epochs; techniques and segment ids are ours.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..config import Recipe
from ..errors import ParameterError
from ..stabilizers import Freeze, LayerwiseDecay, Reinitialize, Stabilizer, check_recipe, stabilize

Choice = str | int | float | bool

# Dimension -> its technique, and the choice that leaves it out. All else are fields of a recipe.
TECHNIQUES: Mapping[str, tuple[Callable[[Any], Stabilizer], Choice]] = {
    "freeze": (Freeze, 0),
    "decay": (LayerwiseDecay, 1.0),
    "reinit_layers": (Reinitialize, 0),  # the pooler with them
}
FIELDS = tuple(
    field.name for field in dataclasses.fields(Recipe) if field.name not in ("stabilizers", "join_dev", "evaluations")
)


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """Dimensions by name, each with its choices, of which the first is the standard recipe's."""

    standard: Recipe  # without techniques
    choices: Mapping[str, tuple[Choice, ...]]

    @property
    def size(self) -> int:
        """How many recipes there are."""
        return math.prod(map(len, self.choices.values()))

    @property
    def first(self) -> dict[str, Choice]:
        """The parameters of the standard recipe."""
        return {name: values[0] for name, values in self.choices.items()}

    def recipe(self, params: Mapping[str, Choice]) -> Recipe:
        """The recipe of some parameters."""
        fields = {name: value for name, value in params.items() if name not in TECHNIQUES}
        chosen = [
            make(params[name]) for name, (make, none) in TECHNIQUES.items() if params.get(name, none) != none
        ]  # fmt: skip
        return stabilize(self.standard.replace(**fields), *chosen)

    def at(self, place: int) -> dict[str, Choice]:
        """The parameters at a place of the list of all, from 0."""
        params = {}
        for name, values in self.choices.items():
            place, digit = divmod(place, len(values))
            params[name] = values[digit]
        return params

    def all_from(self, place: int) -> Iterator[dict[str, Choice]]:
        """All parameters once, from a place on and around."""
        return (self.at((place + step) % self.size) for step in range(self.size))

    def check(self, n_layers: int) -> None:
        """Raises ParameterError where a combination does not fit an encoder of `n_layers` layers."""
        narrow = {name: self.choices.get(name, (none,)) for name, (_, none) in TECHNIQUES.items()}
        for params in SearchSpace(standard=self.standard, choices=narrow).all_from(0):
            try:
                check_recipe(self.recipe(params), n_layers)
            except ParameterError as error:
                chosen = ", ".join(f"{name} {value}" for name, value in params.items())
                raise ParameterError(f"search_space: {chosen} do not go together: {error}") from None

    def to_dict(self) -> dict[str, list[Choice]]:
        """Plain values only."""
        return {name: list(values) for name, values in self.choices.items()}


def search_space(standard: Recipe, choices: Mapping[str, Sequence[Choice]], *, segments: int) -> SearchSpace:
    """The space around a standard recipe, which is in it whether it is named or not.

    Args:
        choices: dimension -> values.
        segments: that an example of the task can have with the encoder; their ids are no choice where there is one.

    Raises:
        ParameterError: an unknown dimension, or a value out of bounds.
    """
    check_choices(choices)
    found = {}
    for name, values in choices.items():
        if name == "segment_ids" and segments < 2:
            continue
        own = TECHNIQUES[name][1] if name in TECHNIQUES else getattr(standard, name)
        found[name] = tuple(dict.fromkeys((own, *values)))
    return SearchSpace(standard=standard, choices=dict(sorted(found.items())))


def check_choices(choices: Mapping[str, Sequence[Choice]]) -> None:
    """Refuse what is no space, whatever the encoder and the task.

    Raises:
        ParameterError: names the dimension or value.
    """
    unknown = sorted(set(choices) - set(TECHNIQUES) - set(FIELDS))
    if unknown:
        raise ParameterError(
            f"search_space: unknown dimension {unknown[0]!r}; known: {', '.join((*TECHNIQUES, *FIELDS))}"
        )
    for name, values in choices.items():
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise ParameterError(f"search_space: {name}={values!r} expected a list of values such as [1, 2]")
        for value in values:
            _check_value(name, value)


def _check_value(name: str, value: Choice) -> None:
    if name in TECHNIQUES:
        TECHNIQUES[name][0](value)
    else:
        Recipe(**{name: value})
