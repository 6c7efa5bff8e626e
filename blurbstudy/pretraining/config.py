"""How one pretraining goes: sizes, text and optimizer, read from YAML (configs/*.yaml, or a file of your own)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..errors import CheckpointError, ParameterError
from ..models import Architecture

CONFIGS = Path(__file__).resolve().parent / "configs"
OBJECTIVE_NAMES = ("bert", "no-nsp", "single-sequence", "electra")  # a block of that name overrides fields for it


@dataclass(frozen=True, kw_only=True)
class PretrainingConfig:
    """One pretraining. Lengths in tokens (sub-words), special tokens included."""

    vocab_size: int  # entries of the vocabulary at most
    n_layers: int
    width: int
    n_heads: int
    intermediate: int  # width inside the feed-forward block
    max_positions: int  # longest sequence that the encoder can read
    max_length: int  # of a training sequence
    batch_size: int  # sequences per optimizer step
    steps: int  # optimizer steps
    learning_rate: float  # peak rate
    warmup: float = 0.1  # fraction of steps with a linearly rising rate; then linear decay to 0
    dropout: float = 0.0  # probability; none, where the text is not seen often enough to be learned by heart
    weight_decay: float = 0.01  # per unit of learning rate; none on biases and LayerNorm
    beta1: float = 0.9  # Adam: decay of the mean of gradients
    beta2: float = 0.98  # Adam: decay of the mean of squared gradients
    eps: float = 1e-6  # Adam: added to the root
    clip: float = 1.0  # largest gradient norm; 0: no clipping
    mask_rate: float = 0.15  # share of tokens (of words, if whole_word) asked for
    whole_word: bool = True  # all sub-words of a word are asked for together, as PubMedBERT
    held_out: float = 0.02  # share of documents never trained on
    held_out_sequences: int = 512  # scored at each point of the curve, at most
    evaluations: int = 10  # points of the curve, evenly spaced, the last at the last step
    batch_tokens: int = 0  # tokens per optimizer step, as nearly as whole sequences allow; 0: batch_size sequences
    generator_size: float = 0.25  # ELECTRA: its generator's width as a share of the encoder's; the same depth
    discriminator_weight: float = 50.0  # ELECTRA: of the discriminator's loss beside the generator's
    electra_segments: int = 2  # ELECTRA: two contiguous segments, as in its authors' code, or 1

    def __post_init__(self) -> None:
        for name, (low, high) in _BOUNDS.items():
            value = getattr(self, name)
            whole = self.__annotations__[name] == "int"
            if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
                raise ParameterError(f"{name}={value!r} is no {'whole ' * whole}number; use {low:g} to {high:g}")
            if not low <= value <= high:
                raise ParameterError(f"{name}={value!r} is out of bounds; use {low:g} to {high:g}")
        if not isinstance(self.whole_word, bool):
            raise ParameterError(f"whole_word={self.whole_word!r} is no switch; use true or false")
        if self.max_length > self.max_positions:
            raise ParameterError(
                f"max_length={self.max_length} exceeds max_positions={self.max_positions}; use at most that"
            )
        if self.batch_tokens and self.batch_tokens < self.max_length:
            raise ParameterError(
                f"batch_tokens={self.batch_tokens} is less than max_length={self.max_length}; use at least that, or 0"
            )
        if self.width % self.n_heads:
            raise ParameterError(f"width={self.width} is no multiple of n_heads={self.n_heads}; choose one")

    def architecture(self, family: str, vocab_size: int, *, pad_id: int = 0) -> Architecture:
        """The encoder to pretrain, of a vocabulary as it came out."""
        sizes = {name: getattr(self, name) for name in _SIZES}
        try:
            return Architecture(family=family, vocab_size=vocab_size, pad_id=pad_id, **sizes)
        except CheckpointError as error:
            raise ParameterError(str(error)) from None

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return dataclasses.asdict(self)


_SIZES = ("n_layers", "width", "n_heads", "intermediate", "max_positions")
_BOUNDS = {
    "vocab_size": (32, 1_000_000), "n_layers": (1, 128), "width": (8, 65536), "n_heads": (1, 1024),
    "intermediate": (8, 1_000_000), "max_positions": (16, 65536), "max_length": (16, 65536), "batch_size": (1, 65536),
    "steps": (1, 100_000_000), "learning_rate": (0.0, 1.0), "warmup": (0.0, 1.0), "dropout": (0.0, 0.9),
    "weight_decay": (0.0, 1.0), "beta1": (0.0, 0.9999), "beta2": (0.0, 0.99999), "eps": (1e-12, 1.0),
    "clip": (0.0, 1e6), "mask_rate": (0.01, 0.9), "held_out": (0.0, 0.5),
    "held_out_sequences": (1, 1_000_000), "evaluations": (1, 10000),
    "batch_tokens": (0, 100_000_000), "generator_size": (0.01, 1.0), "discriminator_weight": (0.0, 10000.0),
    "electra_segments": (1, 2),
}  # fmt: skip


def pretraining_config(name_or_file: str | Path | Mapping[str, Any], objective: str | None = None) -> PretrainingConfig:
    """A configuration by the name of a file in configs/, by the path of a YAML file, or from plain values.

    Args:
        objective: whose own values (a block under its name, such as `electra: {generator_size: 0.33}`) apply; None:
            the shared values alone.

    Raises:
        ParameterError: no such configuration or objective, an unknown or missing field, a value out of bounds.
    """
    if objective is not None and objective not in OBJECTIVE_NAMES:
        raise ParameterError(f"objective={objective!r} is unknown; use {' or '.join(OBJECTIVE_NAMES)}")
    if isinstance(name_or_file, Mapping):
        return _from_values(name_or_file, objective, "the configuration")
    known = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
    path = CONFIGS / f"{name_or_file}.yaml" if str(name_or_file) in known else Path(name_or_file)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise ParameterError(
            f"config={str(name_or_file)!r} is neither known nor a file that can be read; known: {', '.join(known)}"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path}: is not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(values, dict):
        raise ParameterError(f"{path}: holds no mapping; write lines of `field: value`")
    return _from_values(values, objective, str(path))


def _from_values(values: Mapping[str, Any], objective: str | None, where: str) -> PretrainingConfig:
    shared = {name: value for name, value in values.items() if name not in OBJECTIVE_NAMES}
    own = {name: values[name] for name in OBJECTIVE_NAMES if name in values}
    for name, block in own.items():
        if not isinstance(block, Mapping):
            raise ParameterError(f"{where}: {name} is no block; write it as `{name}: {{field: value}}`")
        _config(shared | dict(block), f"{where}, {name}")  # a wrong value is told whatever objective is asked for
    return _config(shared | dict(own.get(objective, {})), where)


def _config(values: Mapping[str, Any], where: str) -> PretrainingConfig:
    fields = dataclasses.fields(PretrainingConfig)
    unknown = sorted(set(values) - {field.name for field in fields}, key=str)
    if unknown:
        raise ParameterError(
            f"{where}: unknown field {unknown[0]!r}; known: {', '.join(f.name for f in fields)}, "
            f"and blocks for {', '.join(OBJECTIVE_NAMES)}"
        )
    missing = [f.name for f in fields if f.default is dataclasses.MISSING and f.name not in values]
    if missing:
        raise ParameterError(f"{where}: lacks {', '.join(missing)}; give each a value")
    return PretrainingConfig(**values)
