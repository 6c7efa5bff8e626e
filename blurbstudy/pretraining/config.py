"""Configuration of a pretraining run: sizes, text and optimizer, read from YAML (configs/*.yaml or your own file)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from ..config import RENAMED_FIELDS, JsonMapping, JsonObject
from ..errors import CheckpointError, ParameterError, check_choice, did_you_mean
from ..models import Architecture

CONFIGS = Path(__file__).resolve().parent / "configs"
OBJECTIVE_NAMES = ("bert", "no-nsp", "single-sequence", "electra")  # a YAML block of that name overrides fields


@dataclass(frozen=True, kw_only=True)
class PretrainingConfig:
    """Settings of one pretraining run. Lengths are in sub-word tokens, special tokens included."""

    vocab_size: int  # maximum; the trained vocabulary can be smaller
    n_layers: int
    width: int
    n_heads: int
    intermediate: int  # width inside the feed-forward block
    max_positions: int  # longest input of the encoder
    max_length: int  # longest training sequence
    batch_size: int  # sequences per optimizer step
    steps: int  # optimizer steps
    learning_rate: float  # peak
    warmup_ratio: float = 0.1  # fraction of steps with a linearly rising learning rate; then linear decay to 0
    dropout: float = 0.0  # probability; 0 suits texts that are seen only a few times
    weight_decay: float = 0.01  # decoupled, multiplied by the learning rate; none on biases and LayerNorm
    adam_beta1: float = 0.9  # Adam: decay of the mean of gradients
    adam_beta2: float = 0.98  # Adam: decay of the mean of squared gradients
    adam_epsilon: float = 1e-6  # Adam: added to the square root
    max_grad_norm: float = 1.0  # largest gradient norm; 0: no clipping
    mask_rate: float = 0.15  # fraction of tokens (of words, if whole_word) to predict
    whole_word: bool = True  # mask all sub-words of a word together, as PubMedBERT does
    held_out: float = 0.02  # fraction of documents never trained on
    held_out_sequences: int = 512  # maximum number evaluated at each point of the curve
    n_evaluations: int = 10  # points of the curve, evenly spaced, the last at the last step
    batch_tokens: int = 0  # approximate tokens per optimizer step; 0: use batch_size
    generator_size: float = 0.25  # ELECTRA: generator width as a fraction of the encoder's; the depth is the same
    discriminator_weight: float = 50.0  # ELECTRA: weight of the discriminator's loss; the generator's has 1
    electra_segments: int = 2  # ELECTRA: 2 contiguous segments, as in the authors' code, or 1

    def __post_init__(self) -> None:
        for name, (low, high) in _BOUNDS.items():
            value = getattr(self, name)
            is_integer = self.__annotations__[name] == "int"
            if isinstance(value, bool) or not isinstance(value, int if is_integer else (int, float)):
                kind = "an integer" if is_integer else "a number"
                raise ParameterError(f"{name}={value!r} must be {kind} from {low:g} to {high:g}")
            if not low <= value <= high:
                raise ParameterError(f"{name}={value!r} is out of bounds; use {low:g} to {high:g}")
        if not isinstance(self.whole_word, bool):
            raise ParameterError(f"whole_word={self.whole_word!r} must be true or false")
        if self.max_length > self.max_positions:
            raise ParameterError(f"max_length={self.max_length} exceeds max_positions={self.max_positions}; lower it")
        if self.batch_tokens and self.batch_tokens < self.max_length:
            raise ParameterError(
                f"batch_tokens={self.batch_tokens} is less than max_length={self.max_length}; raise it, or use 0"
            )
        if self.width % self.n_heads:
            raise ParameterError(f"width={self.width} must be a multiple of n_heads={self.n_heads}")

    def architecture(self, family: str, vocab_size: int, *, pad_id: int = 0) -> Architecture:
        sizes = {name: getattr(self, name) for name in _SIZES}
        try:
            return Architecture(family=family, vocab_size=vocab_size, pad_id=pad_id, **sizes)
        except CheckpointError as error:
            raise ParameterError(str(error)) from None

    def to_dict(self) -> JsonObject:
        return dataclasses.asdict(self)


_SIZES = ("n_layers", "width", "n_heads", "intermediate", "max_positions")
_BOUNDS = {
    "vocab_size": (32, 1_000_000),
    "n_layers": (1, 128),
    "width": (8, 65536),
    "n_heads": (1, 1024),
    "intermediate": (8, 1_000_000),
    "max_positions": (16, 65536),
    "max_length": (16, 65536),
    "batch_size": (1, 65536),
    "steps": (1, 100_000_000),
    "learning_rate": (0.0, 1.0),
    "warmup_ratio": (0.0, 1.0),
    "dropout": (0.0, 0.9),
    "weight_decay": (0.0, 1.0),
    "adam_beta1": (0.0, 0.9999),
    "adam_beta2": (0.0, 0.99999),
    "adam_epsilon": (1e-12, 1.0),
    "max_grad_norm": (0.0, 1e6),
    "mask_rate": (0.01, 0.9),
    "held_out": (0.0, 0.5),
    "held_out_sequences": (1, 1_000_000),
    "n_evaluations": (1, 10000),
    "batch_tokens": (0, 100_000_000),
    "generator_size": (0.01, 1.0),
    "discriminator_weight": (0.0, 10000.0),
    "electra_segments": (1, 2),
}


def pretraining_config(name_or_file: str | Path | JsonMapping, objective: str | None = None) -> PretrainingConfig:
    """Load a configuration by the name of a file in configs/, by the path of a YAML file, or from plain values.
    `objective`: apply the overrides in this objective's block, such as `electra: {generator_size: 0.33}`; None: apply
    none.
    Raises ParameterError: unknown configuration or objective, unknown or missing field, or a value out of bounds.
    """
    if objective is not None:
        check_choice("objective", objective, OBJECTIVE_NAMES)
    if isinstance(name_or_file, Mapping):
        return _from_values(name_or_file, objective, "the configuration")
    known = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
    path = CONFIGS / f"{name_or_file}.yaml" if str(name_or_file) in known else Path(name_or_file)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise ParameterError(
            f"config={str(name_or_file)!r} is neither a known configuration nor a readable file; "
            f"{did_you_mean(str(name_or_file), known)}"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path}: invalid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(values, dict):
        raise ParameterError(f"{path}: expected lines of `field: value`, got a {type(values).__name__}")
    return _from_values(values, objective, str(path))


def _from_values(values: JsonMapping, objective: str | None, source: str) -> PretrainingConfig:
    shared = {name: value for name, value in values.items() if name not in OBJECTIVE_NAMES}
    blocks = {name: values[name] for name in OBJECTIVE_NAMES if name in values}
    for name, block in blocks.items():
        if not isinstance(block, Mapping):
            raise ParameterError(f"{source}: {name} must be a block; write `{name}: {{field: value}}`")
        _config(shared | dict(block), f"{source}, {name}")  # check every block, whatever the objective
    overrides = blocks.get(objective, {}) if objective else {}
    return _config(shared | dict(overrides), source)


def _config(values: JsonMapping, source: str) -> PretrainingConfig:
    fields = dataclasses.fields(PretrainingConfig)
    unknown = sorted(set(values) - {field.name for field in fields}, key=str)
    if unknown and (name := RENAMED_FIELDS.get(unknown[0])):
        raise ParameterError(f"{source}: field {unknown[0]!r} is now {name!r}; rename it")
    if unknown:
        raise ParameterError(
            f"{source}: unknown field {unknown[0]!r}; "
            f"{did_you_mean(str(unknown[0]), [*(field.name for field in fields), *OBJECTIVE_NAMES])}"
        )
    missing = [f.name for f in fields if f.default is dataclasses.MISSING and f.name not in values]
    if missing:
        raise ParameterError(f"{source}: missing {', '.join(missing)}; add a value for each")
    return PretrainingConfig(**values)
