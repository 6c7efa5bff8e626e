"""The shape of an encoder, as its Hugging Face config.json states it: BERT's, ELECTRA's and RoBERTa's families, which
encoder.py is, and any other that transformers has a module for (anatomy.py).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import CheckpointError
from .auto.introspection import anatomy
from .auto.module import LEFT_OUT, auto_config, check_family, configuration, first_line, shapes

FAMILIES = {"bert": "BERT", "electra": "ELECTRA", "roberta": "RoBERTa", "xlm-roberta": "XLM-RoBERTa"}
CLASSES = {"bert": "BertModel", "electra": "ElectraModel", "roberta": "RobertaModel", "xlm-roberta": "XLMRobertaModel"}
TITLES = FAMILIES | {
    "camembert": "CamemBERT", "deberta": "DeBERTa", "deberta-v2": "DeBERTa", "distilbert": "DistilBERT",
    "modernbert": "ModernBERT", "mpnet": "MPNet",
}  # fmt: skip
# Their position tables begin with rows for padding: a sequence's first token reads row pad_id + 1 (fairseq's habit).
PADDED_POSITIONS = ("roberta", "xlm-roberta")
ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu")


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Sizes of an encoder. Units: counts; widths in numbers of features."""

    family: str  # bert | electra | roberta | xlm-roberta (one architecture); with `config` any model_type
    vocab_size: int
    n_layers: int
    width: int
    n_heads: int
    intermediate: int  # width inside the feed-forward block
    max_positions: int = 512  # tokens of a sequence at most; RoBERTa's table has `padding_positions` rows more
    n_segments: int = 2  # 1, as RoBERTa's: every token has the one segment, whatever a recipe's segment_ids say
    embedding_width: int = 0  # 0: as wide as the layers; else projected up (ELECTRA)
    activation: str = "gelu"
    norm_eps: float = 1e-12
    pad_id: int = 0
    config: str = ""  # JSON that transformers' own module is built from; '': our encoder is used
    counts: tuple[int, ...] = ()  # of that module: numbers by depth, 0 to n_layers + 1 before any layer was removed

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", tuple(self.counts))
        if not self.embedding_width:
            object.__setattr__(self, "embedding_width", self.width)
        if isinstance(self.embedding_width, bool) or not isinstance(self.embedding_width, int):
            raise CheckpointError(f"embedding_width={self.embedding_width!r} is no size; use a whole number from 1")
        if self.family not in FAMILIES and not self.config:
            raise CheckpointError(f"family {self.family!r} is not supported; supported: {', '.join(FAMILIES)}")
        for name in ("vocab_size", "n_layers", "width", "n_heads", "intermediate", "max_positions", "n_segments"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise CheckpointError(f"{name}={value!r} is no size; use a whole number from 1")
        if not isinstance(self.norm_eps, float) or not 0 < self.norm_eps < 1:
            raise CheckpointError(f"norm_eps={self.norm_eps!r} is out of bounds; use a number between 0 and 1")
        if isinstance(self.pad_id, bool) or not isinstance(self.pad_id, int) or self.pad_id < 0:
            raise CheckpointError(f"pad_id={self.pad_id!r} is no entry of a vocabulary; use a whole number from 0")
        if self.config:
            return  # transformers has seen to the rest
        if self.width % self.n_heads:
            raise CheckpointError(f"width {self.width} is no multiple of {self.n_heads} attention heads")
        if self.activation not in ACTIVATIONS:
            raise CheckpointError(f"activation {self.activation!r} is not supported; use {', '.join(ACTIVATIONS)}")
        if self.family != "electra" and self.embedding_width != self.width:
            raise CheckpointError(
                f"a {self.title} encoder has no embedding projection; embedding_width must equal width"
            )

    @property
    def title(self) -> str:
        """The family as people write it."""
        return TITLES.get(self.family, self.family)

    @property
    def padding_positions(self) -> int:
        """Rows of a checkpoint's position table before the first token's: padding alone reads them."""
        return self.pad_id + 1 if self.family in PADDED_POSITIONS else 0

    @property
    def head_width(self) -> int:
        """Features per attention head."""
        return self.width // self.n_heads

    @property
    def n_parameters(self) -> int:
        """Trainable numbers in embeddings and layers (no pooler, no head)."""
        if self.config:
            return sum(self.counts[: self.n_layers + 1]) + self.counts[-1]
        w, e, f = self.width, self.embedding_width, self.intermediate
        embeddings = (self.vocab_size + self.max_positions + self.n_segments + 2) * e + (e * w + w) * (e != w)
        return embeddings + self.n_layers * (4 * w * w + 2 * w * f + 9 * w + f)

    def with_layers(self, n_layers: int) -> Architecture:
        """The same encoder cut to its lowest `n_layers` layers."""
        return dataclasses.replace(self, n_layers=n_layers)

    def to_dict(self) -> dict[str, Any]:
        """Plain values only; what transformers' own module needs is told of that alone."""
        own = {"config": self.config, "counts": list(self.counts)} if self.config else {}
        return {k: v for k, v in dataclasses.asdict(self).items() if k not in ("config", "counts")} | own

    def to_config(self) -> dict[str, Any]:
        """The contents of a Hugging Face config.json."""
        if self.config:
            return auto_config(self.config, self.n_layers)
        config = {
            "model_type": self.family,
            "architectures": [CLASSES[self.family]],
            "vocab_size": self.vocab_size,
            "num_hidden_layers": self.n_layers,
            "hidden_size": self.width,
            "num_attention_heads": self.n_heads,
            "intermediate_size": self.intermediate,
            "max_position_embeddings": self.max_positions + self.padding_positions,
            "type_vocab_size": self.n_segments,
            "hidden_act": self.activation,
            "layer_norm_eps": self.norm_eps,
            "pad_token_id": self.pad_id,
        }
        return config | ({"embedding_size": self.embedding_width} if self.family == "electra" else {})


def architecture_from_config(config: Mapping[str, Any], where: str) -> Architecture:
    """The architecture that a config.json describes; `where` names it in errors.

    Raises:
        CheckpointError: no encoder of transformers, or a feature of BERT's and its like that our encoder has not.
    """
    family = config.get("model_type", _family_unsaid(config))
    if not isinstance(family, str) or family not in FAMILIES:
        return auto_architecture(config, where)
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise CheckpointError(f"{where}: only absolute position embeddings are supported")
    padded = family in PADDED_POSITIONS
    pad_id = config.get("pad_token_id", 1 if padded else 0) or 0
    positions = config.get("max_position_embeddings", 512)
    if padded and isinstance(positions, int) and isinstance(pad_id, int):  # else refused below, as it was written
        positions -= pad_id + 1
    try:
        return Architecture(
            family=family,
            vocab_size=config["vocab_size"],
            n_layers=config["num_hidden_layers"],
            width=config["hidden_size"],
            n_heads=config["num_attention_heads"],
            intermediate=config["intermediate_size"],
            max_positions=positions,
            n_segments=config.get("type_vocab_size", 2),
            embedding_width=config.get("embedding_size", 128) if family == "electra" else 0,
            activation=config.get("hidden_act", "gelu"),
            norm_eps=config.get("layer_norm_eps", 1e-12),
            pad_id=pad_id,
        )
    except KeyError as error:
        raise CheckpointError(f"{where}: config.json lacks {error.args[0]!r}; name a complete checkpoint") from None
    except (TypeError, CheckpointError) as error:
        raise CheckpointError(f"{where}: {error}") from None


def auto_architecture(config: Mapping[str, Any], where: str) -> Architecture:
    """The architecture of any encoder that transformers has a module for; `where` names it in errors.

    Raises:
        CheckpointError: transformers has no such encoder, or it is one whose layers cannot be told apart, that reads
            its padding, or that has no words.
    """
    text = json.dumps({k: v for k, v in config.items() if k not in LEFT_OUT and not k.startswith("_")}, sort_keys=True)
    try:
        check_family(config)
        made, found = configuration(text), anatomy(text)
        n_layers = made.num_hidden_layers
        counts = [0] * (n_layers + 2)
        for name, shape in shapes(text, n_layers).items():
            counts[found.depth(name, n_layers)] += shape.numel()
        return Architecture(
            family=made.model_type,
            vocab_size=made.vocab_size,
            n_layers=n_layers,
            width=made.hidden_size,
            n_heads=made.num_attention_heads,
            intermediate=_size(made, "intermediate_size", "hidden_dim") or 4 * made.hidden_size,
            max_positions=made.max_position_embeddings - found.padding_positions,
            n_segments=made.type_vocab_size if found.takes_segments else 1,
            embedding_width=_size(made, "embedding_size"),
            pad_id=made.pad_token_id or 0,
            config=text,
            counts=tuple(counts),
        )
    except TypeError as error:
        raise CheckpointError(f"{where}: config.json cannot be read ({first_line(error)})") from None
    except CheckpointError as error:
        raise CheckpointError(f"{where}: {error}") from None


def _size(made: Any, *names: str) -> int:
    return next((getattr(made, name) for name in names if isinstance(getattr(made, name, None), int)), 0)


def _family_unsaid(config: Mapping[str, Any]) -> str | None:
    """The family of a config.json older than `model_type`, as BERT's authors' own: BERT, where its sizes are there."""
    sizes = {"vocab_size", "num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size"}
    alone = sizes | {"type_vocab_size"} <= set(config) and "embedding_size" not in config
    return "bert" if alone else None
