"""The architecture of an encoder, as its Hugging Face config.json describes it: BERT's, ELECTRA's and RoBERTa's
families (encoder.py), and any other bidirectional encoder of transformers (auto/).
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from ..config import JsonMapping, JsonObject
from ..errors import CheckpointError, one_line

FAMILIES = {"bert": "BERT", "electra": "ELECTRA", "roberta": "RoBERTa", "xlm-roberta": "XLM-RoBERTa"}
CLASSES = {"bert": "BertModel", "electra": "ElectraModel", "roberta": "RobertaModel", "xlm-roberta": "XLMRobertaModel"}
TITLES = FAMILIES | {
    "camembert": "CamemBERT",
    "deberta": "DeBERTa",
    "deberta-v2": "DeBERTa",
    "distilbert": "DistilBERT",
    "modernbert": "ModernBERT",
    "mpnet": "MPNet",
}
# Families whose position embeddings start with rows for padding: a sequence's first token reads row pad_id + 1.
PADDED_POSITIONS = ("roberta", "xlm-roberta")
ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu")
SIZES = ("vocab_size", "n_layers", "width", "n_heads", "intermediate", "max_positions", "n_segments", "embedding_width")


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Sizes of an encoder. Units: counts; widths in numbers of features."""

    family: str  # bert | electra | roberta | xlm-roberta; with `config` any model_type
    vocab_size: int
    n_layers: int
    width: int
    n_heads: int
    intermediate: int  # width inside the feed-forward block
    max_positions: int = 512  # most tokens of a sequence; RoBERTa's table has `padding_positions` more rows
    n_segments: int = 2  # 1 (RoBERTa): all tokens have the same segment, whatever a recipe's segment_ids say
    embedding_width: int = 0  # 0: as wide as the layers; otherwise projected to their width (ELECTRA)
    activation: str = "gelu"
    norm_eps: float = 1e-12
    pad_id: int = 0
    config: str = ""  # JSON from which transformers' own module is built; '': encoder.py is used
    counts: tuple[int, ...] = ()  # of that module: weights by depth, 0 to n_layers + 1, before layer removal

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", tuple(self.counts))
        if not self.embedding_width:
            object.__setattr__(self, "embedding_width", self.width)
        for name in SIZES:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise CheckpointError(f"{name}={value!r} is not a size; use a whole number from 1")
        if self.family not in FAMILIES and not self.config:
            raise CheckpointError(f"family {self.family!r} is not supported; supported: {', '.join(FAMILIES)}")
        if not isinstance(self.norm_eps, float) or not 0 < self.norm_eps < 1:
            raise CheckpointError(f"norm_eps={self.norm_eps!r} is out of bounds; use a number between 0 and 1")
        if isinstance(self.pad_id, bool) or not isinstance(self.pad_id, int) or self.pad_id < 0:
            raise CheckpointError(f"pad_id={self.pad_id!r} is not a token id; use a whole number from 0")
        if self.config:
            return  # transformers has checked the rest
        if self.width % self.n_heads:
            raise CheckpointError(f"width {self.width} is not a multiple of {self.n_heads} attention heads")
        if self.activation not in ACTIVATIONS:
            raise CheckpointError(f"activation {self.activation!r} is not supported; use {', '.join(ACTIVATIONS)}")
        if self.family != "electra" and self.embedding_width != self.width:
            raise CheckpointError(f"{self.title} has no embedding projection; embedding_width must equal width")

    @property
    def title(self) -> str:
        """The family's name as papers write it."""
        return TITLES.get(self.family, self.family)

    @property
    def padding_positions(self) -> int:
        """Rows of a checkpoint's position embeddings before the first token's; only padding reads them."""
        return self.pad_id + 1 if self.family in PADDED_POSITIONS else 0

    @property
    def n_parameters(self) -> int:
        """Weights of embeddings and layers (without pooler and head)."""
        if self.config:
            return sum(self.counts[: self.n_layers + 1]) + self.counts[-1]
        w, e, f = self.width, self.embedding_width, self.intermediate
        embeddings = (self.vocab_size + self.max_positions + self.n_segments + 2) * e + (e * w + w) * (e != w)
        return embeddings + self.n_layers * (4 * w * w + 2 * w * f + 9 * w + f)

    def with_layers(self, n_layers: int) -> Architecture:
        return dataclasses.replace(self, n_layers=n_layers)

    def to_dict(self) -> JsonObject:
        """Plain values for JSON; `config` and `counts` only if they are set."""
        auto = {"config": self.config, "counts": list(self.counts)} if self.config else {}
        return {k: v for k, v in dataclasses.asdict(self).items() if k not in ("config", "counts")} | auto

    def to_config(self) -> JsonObject:
        """The contents of a Hugging Face config.json."""
        if self.config:
            from .auto.module import auto_config  # with torch

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


def architecture_from_config(config: JsonMapping, where: str) -> Architecture:
    """The architecture that a config.json describes; `where` names it in errors.
    Raises CheckpointError: transformers has no such encoder, or it has a feature that encoder.py does not support.
    """
    family = config.get("model_type", _family_by_sizes(config))
    if not isinstance(family, str) or family not in FAMILIES:
        return auto_architecture(config, where)
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise CheckpointError(f"{where}: only absolute position embeddings are supported")
    padded = family in PADDED_POSITIONS
    pad_id = config.get("pad_token_id", 1 if padded else 0) or 0
    positions = config.get("max_position_embeddings", 512)
    if padded and isinstance(positions, int) and isinstance(pad_id, int):  # otherwise rejected below
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


def auto_architecture(config: JsonMapping, where: str) -> Architecture:
    """The architecture of any other encoder of transformers; `where` names it in errors.
    Raises CheckpointError: transformers has no such encoder; or its layers cannot be separated, its output depends on
    padding, or it has no word embeddings.
    """
    from .auto.introspection import module_layout  # with torch
    from .auto.module import IGNORED_CONFIG_KEYS, check_family, configuration, shapes

    settings = {k: v for k, v in config.items() if k not in IGNORED_CONFIG_KEYS and not k.startswith("_")}
    text = json.dumps(settings, sort_keys=True)
    try:
        check_family(config)
        loaded, layout = configuration(text), module_layout(text)
        n_layers = loaded.num_hidden_layers
        counts = [0] * (n_layers + 2)
        for name, shape in shapes(text, n_layers).items():
            counts[layout.depth(name, n_layers)] += shape.numel()
        return Architecture(
            family=loaded.model_type,
            vocab_size=loaded.vocab_size,
            n_layers=n_layers,
            width=loaded.hidden_size,
            n_heads=loaded.num_attention_heads,
            intermediate=_size(loaded, "intermediate_size", "hidden_dim") or 4 * loaded.hidden_size,
            max_positions=loaded.max_position_embeddings - layout.padding_positions,
            n_segments=loaded.type_vocab_size if layout.takes_segments else 1,
            embedding_width=_size(loaded, "embedding_size"),
            pad_id=loaded.pad_token_id or 0,
            config=text,
            counts=tuple(counts),
        )
    except TypeError as error:
        raise CheckpointError(f"{where}: config.json cannot be read ({one_line(error)})") from None
    except CheckpointError as error:
        raise CheckpointError(f"{where}: {error}") from None


def _size(config: object, *names: str) -> int:
    return next((getattr(config, name) for name in names if isinstance(getattr(config, name, None), int)), 0)


def _family_by_sizes(config: JsonMapping) -> str | None:
    """The family of a config.json older than `model_type`, as in BERT's own release: BERT, if it has BERT's sizes."""
    sizes = {"vocab_size", "num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size"}
    is_bert = sizes | {"type_vocab_size"} <= set(config) and "embedding_size" not in config
    return "bert" if is_bert else None
