"""transformers' own module of an encoder: built from a configuration, its weights read as transformers reads them.

Code of a checkpoint's own (auto_map, trust_remote_code) is never run, and no file but those that we read is looked for.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import CheckpointError

# Kept out of a configuration: names of code, of precision, of attention kernels, and what heads need.
LEFT_OUT = (
    "auto_map", "architectures", "attn_implementation", "dtype", "gradient_checkpointing", "id2label", "label2id",
    "output_attentions", "output_hidden_states", "problem_type", "quantization_config", "reference_compile",
    "return_dict", "torch_dtype", "torchscript", "transformers_version", "use_cache",
)  # fmt: skip
BY_LAYER = ("attention_window", "layer_types", "mlp_layer_types")  # settings that are lists with an entry per layer
# A value that no configuration has: where it turns up in a module, dropout has a rate.
MARKED = 0.27182817459


def check_family(config: Mapping[str, Any]) -> None:
    """Only encoders that transformers itself has, and that read a text in both directions."""
    from transformers import CONFIG_MAPPING
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    family = config.get("model_type")
    if not isinstance(family, str) or family not in CONFIG_MAPPING_NAMES:
        own = "; its own code (auto_map) is never run" if config.get("auto_map") else ""
        raise CheckpointError(f"model_type {family!r} is not supported, transformers has none of it{own}")
    decodes = config.get("is_decoder") or config.get("is_encoder_decoder")
    sees = bool(CONFIG_MAPPING[family].sub_configs)  # pictures or sound, by an encoder of their own
    if decodes or sees or family not in MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        raise CheckpointError(
            f"model_type {family!r} is not supported, it is no encoder that reads a text in both directions; "
            "use one that was pretrained on masked words, as BERT, ELECTRA, RoBERTa, DeBERTa or ModernBERT"
        )


def configuration(config: str, *, n_layers: int | None = None, changes: Mapping[str, Any] | None = None) -> Any:
    """transformers' configuration object."""
    from transformers import AutoConfig

    settings = json.loads(config) | dict(changes or {})
    family = settings.pop("model_type")
    if n_layers is not None:
        settings[setting_name(config, "num_hidden_layers")] = n_layers
        settings |= {name: settings[name][:n_layers] for name in BY_LAYER if isinstance(settings.get(name), list)}
    try:
        made = AutoConfig.for_model(family, **settings)
    except Exception as error:  # transformers raises many kinds
        raise CheckpointError(f"config.json is none of a {family} ({first_line(error)})") from None
    if made.is_encoder_decoder:
        raise CheckpointError(f"model_type {family!r} is not supported, it is an encoder with a decoder")
    for name in ("num_hidden_layers", "hidden_size", "vocab_size", "num_attention_heads", "max_position_embeddings"):
        value = getattr(made, name, None)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise CheckpointError(f"{name}={value!r} is no size; use a whole number from 1")
    return made


def build(config: str, *, n_layers: int, changes: Mapping[str, Any] | None = None, fresh: bool = False) -> nn.Module:
    """transformers' module, without a pooler, float32, its weights not set (or, `fresh`, as transformers draws them).

    Raises:
        CheckpointError: transformers cannot build it.
    """
    from transformers import AutoModel
    from transformers.initialization import no_init_weights

    made = configuration(config, n_layers=n_layers, changes=changes)
    for name, value in made.to_dict().items():
        if "dropout" in name and isinstance(value, (int, float)) and not isinstance(value, bool):
            setattr(made, name, MARKED)
    try:
        with _quiet(), nullcontext() if fresh else no_init_weights():
            body = AutoModel.from_config(made, trust_remote_code=False, dtype=torch.float32)
    except Exception as error:  # transformers raises many kinds
        raise CheckpointError(f"transformers cannot build its {made.model_type} module ({first_line(error)})") from None
    if getattr(body, "pooler", None) is not None:  # ours is a member's own, at the depth of the head
        optional = "add_pooling_layer" in inspect.signature(type(body).__init__).parameters
        body.pooler = None if optional else nn.Identity()
    return body


def read_state(config: str, state: dict[str, Tensor], *, n_layers: int) -> tuple[dict[str, Tensor], set[str]]:
    """The tensors of a checkpoint by the names of transformers' module, as transformers itself reads them (older and
    foreign spellings among them), float32; and the names that it lacks.

    Raises:
        RuntimeError: a tensor does not fit.
    """
    from transformers import MODEL_MAPPING

    made = configuration(config, n_layers=n_layers)
    with _quiet():
        # No file is named, so none is looked for, and no code.
        model, told = MODEL_MAPPING[type(made)].from_pretrained(
            None,
            config=made,
            state_dict=state,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            dtype=torch.float32,
        )
    for name, found, wanted in sorted(told["mismatched_keys"]):
        raise RuntimeError(f"{name} has shape {tuple(found)}, not {tuple(wanted)}")
    return dict(model.state_dict()), set(told["missing_keys"])


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bars and reports: what is amiss is told by us."""
    from transformers.utils import logging

    level, shown = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()


@functools.lru_cache(maxsize=8)
def shapes(config: str, n_layers: int) -> dict[str, torch.Size]:
    """Shape of every weight of a module of so many layers, by transformers' names; nothing is allocated."""
    with torch.device("meta"):
        body = build(config, n_layers=n_layers)
    return {name: tensor.shape for name, tensor in weights_in(body)}


def weights_in(body: nn.Module) -> list[tuple[str, Tensor]]:
    """What a checkpoint holds of a module: parameters and tables that are not trained."""
    kept = set(body.state_dict())
    tables = [(n, b) for n, b in body.named_buffers() if n in kept and b.is_floating_point()]
    return [*body.named_parameters(), *tables]


def auto_config(config: str, n_layers: int) -> dict[str, Any]:
    """The contents of config.json, at this depth."""
    told = configuration(config, n_layers=n_layers).to_dict()
    told = {name: value for name, value in told.items() if name not in LEFT_OUT and not name.startswith("_")}
    return json.loads(json.dumps(told, default=str))


def setting_name(config: str, name: str) -> str:
    """What a family calls one of transformers' common settings (DistilBERT: n_layers)."""
    from transformers import CONFIG_MAPPING

    return CONFIG_MAPPING[json.loads(config)["model_type"]].attribute_map.get(name, name)


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
