"""transformers' own module of an encoder: built from a configuration, with weights loaded as transformers loads them.

A checkpoint's custom code (auto_map, trust_remote_code) is never run, and no other files are looked for.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...config import JsonMapping, JsonObject
from ...errors import CheckpointError, one_line

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

# Left out of a configuration: custom code, precision, attention kernels, and options of heads.
IGNORED_CONFIG_KEYS = (
    "auto_map",
    "architectures",
    "attn_implementation",
    "dtype",
    "gradient_checkpointing",
    "id2label",
    "label2id",
    "output_attentions",
    "output_hidden_states",
    "problem_type",
    "quantization_config",
    "reference_compile",
    "return_dict",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "use_cache",
)
PER_LAYER_KEYS = ("attention_window", "layer_types", "mlp_layer_types")  # lists with one entry per layer
# A dropout rate that no configuration has: attributes of a module with this value are its dropout rates.
SENTINEL = 0.27182817459


def check_family(config: JsonMapping) -> None:
    """Checks that transformers has the architecture, and that it is a bidirectional text encoder.
    Raises CheckpointError: it is not.
    """
    from transformers.models.auto import configuration_auto, modeling_auto

    family = config.get("model_type")
    known = configuration_auto.CONFIG_MAPPING_NAMES  # pyright: ignore[reportPrivateImportUsage]
    if not isinstance(family, str) or family not in known:
        code = "; custom code (auto_map) is never run" if config.get("auto_map") else ""
        raise CheckpointError(f"model_type {family!r} is not supported, transformers does not have it{code}")
    is_decoder = config.get("is_decoder") or config.get("is_encoder_decoder")
    is_multimodal = bool(
        configuration_auto.CONFIG_MAPPING[family].sub_configs
    )  # images or sound, with separate encoders
    if is_decoder or is_multimodal or family not in modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        raise CheckpointError(
            f"model_type {family!r} is not supported, it is not a bidirectional text encoder; "
            "use one pretrained by masked language modeling, such as BERT, ELECTRA, RoBERTa, DeBERTa or ModernBERT"
        )


def configuration(config: str, *, n_layers: int | None = None, changes: JsonMapping | None = None) -> PreTrainedConfig:
    """transformers' configuration object, which is dynamically typed.

    Args:
        config: JSON.
        n_layers: None: as configured.
        changes: values to set, by the family's own keys.
    """
    from transformers import AutoConfig

    settings = json.loads(config) | dict(changes or {})
    family = settings.pop("model_type")
    if n_layers is not None:
        settings[config_key(config, "num_hidden_layers")] = n_layers
        settings |= {k: settings[k][:n_layers] for k in PER_LAYER_KEYS if isinstance(settings.get(k), list)}
    try:
        loaded = AutoConfig.for_model(family, **settings)
    except Exception as error:  # transformers raises many kinds
        raise CheckpointError(f"config.json is not a valid {family} configuration ({one_line(error)})") from None
    if loaded.is_encoder_decoder:
        raise CheckpointError(f"model_type {family!r} is not supported, it is an encoder with a decoder")
    for name in ("num_hidden_layers", "hidden_size", "vocab_size", "num_attention_heads", "max_position_embeddings"):
        value = getattr(loaded, name, None)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise CheckpointError(f"{name}={value!r} is not a size; use a whole number from 1")
    return loaded


def build(config: str, *, n_layers: int, changes: JsonMapping | None = None, fresh: bool = False) -> PreTrainedModel:
    """transformers' module, without a pooler, float32; weights uninitialized (`fresh`: as transformers draws them).
    Raises CheckpointError: transformers cannot build it.
    """
    from transformers import AutoModel, initialization

    settings = configuration(config, n_layers=n_layers, changes=changes)
    for name, value in settings.to_dict().items():
        if "dropout" in name and isinstance(value, (int, float)) and not isinstance(value, bool):
            setattr(settings, name, SENTINEL)
    try:
        with _silence_transformers(), nullcontext() if fresh else initialization.no_init_weights():
            body = AutoModel.from_config(settings, trust_remote_code=False, dtype=torch.float32)
    except Exception as error:  # transformers raises many kinds
        raise CheckpointError(
            f"transformers cannot build its {settings.model_type} module ({one_line(error)})"
        ) from None
    if getattr(body, "pooler", None) is not None:  # the classifier has its own, at the depth of the head
        optional = "add_pooling_layer" in inspect.signature(type(body).__init__).parameters
        body.pooler = None if optional else nn.Identity()
    return body


def read_state(config: str, state: dict[str, Tensor], *, n_layers: int) -> tuple[dict[str, Tensor], set[str]]:
    """A checkpoint's tensors by the names of transformers' module, loaded by transformers itself (which knows older and
    other spellings), float32; and the names that it lacks.
    Raises RuntimeError: a tensor does not fit.
    """
    from transformers import MODEL_MAPPING

    settings = configuration(config, n_layers=n_layers)
    with _silence_transformers():
        # Without a path, no files and no code are looked for.
        module_class: Any = MODEL_MAPPING[type(settings)]
        model, report = module_class.from_pretrained(
            None,
            config=settings,
            state_dict=state,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            dtype=torch.float32,
        )
    for name, shape, expected in sorted(report["mismatched_keys"]):
        raise RuntimeError(f"{name} has shape {tuple(shape)}, not {tuple(expected)}")
    return dict(model.state_dict()), set(report["missing_keys"])


@contextmanager
def _silence_transformers() -> Iterator[None]:
    """Without transformers' progress bars and reports."""
    from transformers.utils import logging

    level, bar_enabled = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar_enabled:
            logging.enable_progress_bar()


@functools.lru_cache(maxsize=8)
def shapes(config: str, n_layers: int) -> dict[str, torch.Size]:
    """Shape of every weight of a module of `n_layers` layers, by transformers' names; nothing is allocated."""
    with torch.device("meta"):
        body = build(config, n_layers=n_layers)
    return {name: tensor.shape for name, tensor in weights_in(body)}


def weights_in(body: nn.Module) -> list[tuple[str, Tensor]]:
    """What a checkpoint holds of a module: parameters, and constant tables."""
    saved = set(body.state_dict())
    tables = [(name, b) for name, b in body.named_buffers() if name in saved and b.is_floating_point()]
    return [*body.named_parameters(), *tables]


def auto_config(config: str, n_layers: int) -> JsonObject:
    """The contents of config.json, at this depth."""
    values = configuration(config, n_layers=n_layers).to_dict()
    values = {k: v for k, v in values.items() if k not in IGNORED_CONFIG_KEYS and not k.startswith("_")}
    return json.loads(json.dumps(values, default=str))


def config_key(config: str, name: str) -> str:
    """A family's own key of one of transformers' common settings (DistilBERT: n_layers)."""
    from transformers import CONFIG_MAPPING

    return CONFIG_MAPPING[json.loads(config)["model_type"]].attribute_map.get(name, name)
