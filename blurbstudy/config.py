"""The recipe of a fine-tuning (Recipe) and the configuration of a run (RunConfig): frozen, validated, hashed to an id.

Sources: BLURB's fine-tuning protocol (Gu et al. 2021), Tinn et al. 2021 sections 2.4 and 3.2.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .errors import ParameterError, check_choice, did_you_mean

# Raise it with any change of code, or of a recipe's default, that alters the outcome of a run (checked by
# tests/test_golden_run.py).
TRAINER_REVISION = 4
MAX_FOLDS = 1000  # and repeats
FOLD_FIELDS = ("n_folds", "fold", "repeat")  # of a run
TRAIN_SHARES = tuple(0.5**halvings for halvings in range(7))  # of train: all, half, ... 1/64
RECIPE_PRESETS = ("recommended", "default")  # what stands for a recipe
SCALES = ("mini", "small", "paper")
DEVICES = ("auto", "cpu", "cuda")  # auto: cuda if there is one
PRECISIONS = ("float32", "bfloat16")

Scalar = str | int | float | bool
JsonObject = dict[str, Any]  # values of JSON or YAML by name
JsonMapping = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The hyperparameters of one fine-tuning. Layer-wise techniques are in `stabilizers`, by name."""

    epochs: float = 20  # passes over the training split
    learning_rate: float = 2e-5  # peak, at the end of warm-up
    batch_size: int = 16  # sequences per optimizer step
    warmup_ratio: float = 0.1  # fraction of optimizer steps with a linearly rising learning rate; then it decays to 0
    dropout: float = 0.1  # probability, for hidden states, attention and the head
    weight_decay: float = 0.01  # per unit of learning rate; none on biases and LayerNorm
    adam_beta1: float = 0.9  # Adam: decay of the mean of gradients
    adam_beta2: float = 0.999  # Adam: decay of the mean of squared gradients
    adam_epsilon: float = 1e-6  # Adam: added to the root (BERT: 1e-6; Hugging Face: 1e-8)
    max_grad_norm: float = 1.0  # largest norm of a member's gradient; 0: no clipping
    bias_correction: bool = True  # Adam's correction of its zero-initialized moments (Table 3)
    max_length: int = 512  # sub-word tokens per sequence, special tokens included
    tag_scheme: str = "bio"  # tags of entity tasks: bio | io
    segment_ids: str = "pair"  # pair: 0 for the first text, 1 for the second; single (RoBERTa: always): 0 throughout
    # pooler: dense, tanh, linear (BERT); gelu: dense, GELU, linear (ELECTRA in transformers); cosine (similarity tasks
    # only): the cosine of the mean tokens of two separately encoded texts (Sentence-BERT)
    head: str = "pooler"
    center_scores: bool = False  # similarity with pooler or gelu: outputs start at the mean score of train, not at 0
    stabilizers: Mapping[str, Mapping[str, Scalar]] = field(default_factory=dict)  # name -> options
    checkpoint_selection: str = "last"  # weights that are scored: of the last step, or of the best_dev evaluation
    n_evaluations: int = 10  # dev evaluations per run, evenly spaced, the last at the last step
    train_on_dev: bool = False  # train on dev as well (needs checkpoint_selection: last; the dev score is null)
    class_weights: str | Mapping[str, float] = "none"  # of the loss: none, balanced, or {label: weight}, others 1
    focal_gamma: float = 0.0  # exponent of the focal loss; 0: cross-entropy
    threshold: str = "fixed"  # of label sets: a probability of 1/2 (fixed), or the one with the best score on dev
    early_stopping: int = 0  # dev evaluations in a row without a new best after which a run stops; 0: it never does

    def __post_init__(self) -> None:
        for name, (low, high) in _BOUNDS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
                raise ParameterError(f"{name}={value!r} is out of bounds; use {low:g} to {high:g}")
        for name in _INTEGERS:
            if getattr(self, name) != int(getattr(self, name)):
                raise ParameterError(f"{name}={getattr(self, name)!r} must be a whole number")
            object.__setattr__(self, name, int(getattr(self, name)))
        for name in _FLOATS:
            object.__setattr__(self, name, float(getattr(self, name)))
        for name in _BOOLEANS:
            if not isinstance(getattr(self, name), bool):
                raise ParameterError(f"{name}={getattr(self, name)!r} must be true or false")
        for name, choices in _CHOICES.items():
            check_choice(name, getattr(self, name), choices)
        for name, off in (("checkpoint_selection", "last"), ("threshold", "fixed")):
            if self.train_on_dev and (value := getattr(self, name)) != off:
                raise ParameterError(f"{name}={value!r} needs a dev split, but train_on_dev is on; use {name}={off}")
        if self.early_stopping and self.checkpoint_selection != "best_dev":
            raise ParameterError("early_stopping keeps the best weights on dev; set checkpoint_selection=best_dev")
        if self.early_stopping and self.early_stopping + 2 > self.n_evaluations:
            few = f"n_evaluations={self.n_evaluations} are too few for early_stopping={self.early_stopping}"
            raise ParameterError(f"{few} to stop a run; use at least {self.early_stopping + 2}")
        object.__setattr__(self, "class_weights", _class_weights(self.class_weights))
        if not isinstance(self.stabilizers, Mapping):
            raise ParameterError(f"stabilizers={self.stabilizers!r} must be a mapping of name: {{option: value}}")
        for name, options in self.stabilizers.items():
            if not isinstance(options, Mapping):
                raise ParameterError(f"stabilizer {name!r}: expected {name}: {{option: value}}, got {options!r}")
            for option, value in options.items():
                if not isinstance(option, str) or not isinstance(value, (str, int, float, bool)):
                    raise ParameterError(f"{name}: {option!r} is {value!r}; use a number, true, false or a string")
        ordered = {name: dict(sorted(options.items())) for name, options in sorted(self.stabilizers.items())}
        object.__setattr__(self, "stabilizers", ordered)

    def __hash__(self) -> int:
        return hash(canonical_json(self.to_dict()))

    @property
    def layout(self) -> str:
        """How two texts enter the encoder: pair | single (segment ids of one sequence), or bi_encoder (separately)."""
        return "bi_encoder" if self.head == "cosine" else self.segment_ids

    def to_dict(self) -> JsonObject:
        """Plain values for YAML, JSON and hashing; without what is off by default (OPTIONAL), where it is off."""
        return {k: v for k, v in dataclasses.asdict(self).items() if k not in OPTIONAL or v != _DEFAULTS[k]}

    def replace(self, **changes: Any) -> Recipe:
        """The same recipe with some fields changed.

        Raises:
            ParameterError: a name is unknown or a value out of bounds.
        """
        return recipe_from_dict(self.to_dict() | changes)


_BOUNDS = {
    "epochs": (0.01, 1000),
    "learning_rate": (0.0, 1.0),
    "batch_size": (1, 4096),
    "warmup_ratio": (0.0, 1.0),
    "dropout": (0.0, 0.9),
    "weight_decay": (0.0, 1.0),
    "adam_beta1": (0.0, 0.9999),
    "adam_beta2": (0.0, 0.99999),
    "adam_epsilon": (1e-12, 1.0),
    "max_grad_norm": (0.0, 1e6),
    "max_length": (8, 8192),
    "n_evaluations": (1, 10000),
    "focal_gamma": (0.0, 10.0),
    "early_stopping": (0, 10000),
}
_INTEGERS = ("batch_size", "max_length", "n_evaluations", "early_stopping")
_FLOATS = tuple(name for name in _BOUNDS if name not in _INTEGERS)
_BOOLEANS = ("bias_correction", "center_scores", "train_on_dev")
_CHOICES = {
    "tag_scheme": ("bio", "io"),
    "segment_ids": ("pair", "single"),
    "head": ("pooler", "gelu", "cosine"),
    "checkpoint_selection": ("last", "best_dev"),
    "threshold": ("fixed", "dev"),
}
OPTIONAL = ("class_weights", "focal_gamma", "threshold", "early_stopping")  # fields of few recipes, off by default
_DEFAULTS: JsonObject = {f.name: f.default for f in dataclasses.fields(Recipe)} | {"stabilizers": {}}
# Former name -> name, for the error that a file written for an earlier version meets.
RENAMED_FIELDS = {
    "warmup": "warmup_ratio",
    "beta1": "adam_beta1",
    "beta2": "adam_beta2",
    "eps": "adam_epsilon",
    "clip": "max_grad_norm",
    "tagging": "tag_scheme",
    "select": "checkpoint_selection",
    "evaluations": "n_evaluations",
    "join_dev": "train_on_dev",
}


def recipe_from_dict(values: JsonMapping) -> Recipe:
    """The inverse of Recipe.to_dict; missing fields have their defaults.

    Raises:
        ParameterError: a name is unknown or a value out of bounds.
    """
    known = {f.name for f in dataclasses.fields(Recipe)}
    unknown = sorted(set(map(str, values)) - known)
    if unknown and unknown[0] in RENAMED_FIELDS:
        raise ParameterError(f"recipe field {unknown[0]!r} is now {RENAMED_FIELDS[unknown[0]]!r}; rename it")
    if unknown:
        raise ParameterError(f"unknown recipe field {unknown[0]!r}; {did_you_mean(unknown[0], sorted(known))}")
    # YAML 1.1 reads 5e-5 (without a decimal point) as a string.
    numbers = {name: _number(value) if name in _BOUNDS else value for name, value in values.items()}
    return Recipe(**numbers)


def _class_weights(given: object) -> str | dict[str, float]:
    if not isinstance(given, Mapping):
        check_choice("class_weights", given, ("none", "balanced"))
        return str(given)
    weights: dict[str, float] = {}
    for label, value in given.items():
        if not isinstance(label, str | int) or isinstance(label, bool):
            raise ParameterError(f"class_weights: {label!r} is no label; write it in quotes, such as 'yes': 2")
        weight = _number(value)
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 1e-6 <= weight <= 1e6:
            raise ParameterError(f"class_weights: the weight {value!r} of {label!r} is out of bounds; use 1e-6 to 1e6")
        weights[str(label)] = float(weight)
    return dict(sorted(weights.items())) or "none"


def _number(value: object) -> Any:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def load_recipe(path: Path | str) -> Recipe:
    """A Recipe from a YAML file of `field: value` lines.

    Raises:
        ParameterError: the file cannot be read, a field is unknown or a value out of bounds.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    except OSError as error:
        advice = did_you_mean(str(path), RECIPE_PRESETS, otherwise="name a YAML file of recipe fields")
        raise ParameterError(f"{path}: cannot be read ({error.strerror}); {advice}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path}: is not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(values, dict):
        raise ParameterError(f"{path}: expected lines of `field: value`")
    return recipe_from_dict(values)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One run: task, encoder, recipe, seed and precision. Its id is a hash of all that determines its outcome."""

    task: str  # name of a Task
    data_fingerprint: str  # fingerprint of the task's files
    encoder_fingerprint: str  # fingerprint of the encoder's weights, configuration and tokenizer
    recipe: Recipe
    seed: int  # of the head, re-initialized layers, data order and dropout
    precision: str = "float32"  # float32 | bfloat16 (float32 master weights)
    encoder_name: str = ""  # for display; not part of the id
    n_folds: int = 0  # test folds of the pooled examples (see tasks.folds); 0: the official split
    fold: int = 0  # which of them this run tests on, from 0
    repeat: int = 0  # which division into folds, from 0
    train_share: float = 1.0  # one of TRAIN_SHARES; the seed draws the subset (tasks.subsets), steps are those of all

    def __post_init__(self) -> None:
        for name in FOLD_FIELDS:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_FOLDS:
                raise ParameterError(f"{name}={value!r} is out of bounds; use a whole number from 0 to {MAX_FOLDS:,}")
        if self.n_folds == 1 or self.fold >= max(1, self.n_folds) or (self.repeat and not self.n_folds):
            raise ParameterError(
                f"fold={self.fold}, repeat={self.repeat} of n_folds={self.n_folds}: use 2 folds or more, numbered "
                "from 0; the official split (n_folds=0) has none"
            )
        if self.train_share not in TRAIN_SHARES:
            raise ParameterError(f"train_share={self.train_share!r} is out of bounds; use 1, 0.5, 0.25, ... or 1/64")
        if self.train_share < 1 and (self.n_folds or self.recipe.train_on_dev):
            raise ParameterError(
                f"train_share={self.train_share:g} is of the official train split alone; use n_folds=0 and "
                "train_on_dev=false, or all of train"
            )
        check_choice("precision", self.precision, PRECISIONS)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**31:
            raise ParameterError(f"seed={self.seed!r} is out of bounds; use a whole number from 0 to 2147483647")

    @property
    def id(self) -> str:
        """20 hexadecimal digits of a SHA-256 over the canonical JSON of all fields but `encoder_name`.

        A field counts only where it differs from its default: a new field leaves existing ids as they are.
        """
        recipe = {name: value for name, value in self.recipe.to_dict().items() if value != _DEFAULTS[name]}
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if getattr(self, f.name) != f.default}
        values |= {"recipe": recipe, "trainer_revision": TRAINER_REVISION}
        values.pop("encoder_name", None)
        return fingerprint(values)

    def on_official_split(self) -> RunConfig:
        """The same run on the whole official split, which takes as much memory."""
        return dataclasses.replace(self, n_folds=0, fold=0, repeat=0, train_share=1.0)

    def to_dict(self) -> JsonObject:
        """Plain values for JSON and hashing; without the fold or the share of train of a run that has none."""
        values = dataclasses.asdict(self) | {"recipe": self.recipe.to_dict()}
        left_out = (*(() if self.n_folds else FOLD_FIELDS), *(() if self.train_share < 1 else ("train_share",)))
        return {name: value for name, value in values.items() if name not in left_out}


def check_device(name: str) -> None:
    """Check the name of a device, such as cuda or cuda:1; whether the machine has it, torch knows.

    Raises:
        ParameterError: it is unknown.
    """
    check_choice("device", name.partition(":")[0], DEVICES)


def fold_of(config: RunConfig) -> tuple[int, int, int]:
    """Number of folds, fold and repeat of a run."""
    return config.n_folds, config.fold, config.repeat


def run_config_from_dict(values: JsonMapping) -> RunConfig:
    """The inverse of RunConfig.to_dict.

    Raises:
        ParameterError: a field is unknown, as in a run of a later version, or a value out of bounds.
    """
    values = dict(values)
    if unknown := sorted(values.keys() - {f.name for f in dataclasses.fields(RunConfig)}):
        raise ParameterError(f"unknown field {unknown[0]!r} of a run")
    return RunConfig(recipe=recipe_from_dict(values.pop("recipe")), **values)


def canonical_json(values: object) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(values: object) -> str:
    """20 hexadecimal digits of a SHA-256 over bytes, a string (UTF-8), or the canonical JSON of other values."""
    if not isinstance(values, bytes):
        values = (values if isinstance(values, str) else canonical_json(values)).encode()
    return hashlib.sha256(values).hexdigest()[:20]
