"""What transformers' own module of an encoder is made of, for encoders that ours (encoder.py) is not: where its layers,
its word table and what follows the layers lie.

Nothing is told by the names of parameters. A small twin (few layers, few words) is built and run, and what depends on
what is read off its gradients. Code of a checkpoint's own (auto_map, trust_remote_code) is never run.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import CheckpointError

TWIN_LAYERS, TWIN_WORDS = 3, 64
# Kept out of a configuration: names of code, of precision, of attention kernels, and what heads need.
LEFT_OUT = (
    "auto_map", "architectures", "attn_implementation", "dtype", "gradient_checkpointing", "id2label", "label2id",
    "output_attentions", "output_hidden_states", "problem_type", "quantization_config", "reference_compile",
    "return_dict", "torch_dtype", "torchscript", "transformers_version", "use_cache",
)  # fmt: skip
BY_LAYER = ("attention_window", "layer_types", "mlp_layer_types")  # settings that are lists with an entry per layer
# A value that no configuration has: where it turns up in a module, dropout has a rate.
MARKED = 0.27182817459
WORDS = "embeddings.words"  # the word table by our name, whatever transformers calls it


@dataclass(frozen=True)
class Anatomy:
    """The parts of a module. Depth: see classifier.py."""

    words: str  # parameter: the word table
    lists: tuple[str, ...]  # module lists with an entry per layer (XLM has several)
    last: frozenset[str]  # parameters that follow the layers: a final normalization
    takes_segments: bool
    padding_positions: int  # rows of the position table before a text's first token (RoBERTa's habit)

    def depth(self, name: str, n_layers: int) -> int:
        """The depth at which a parameter stands. What layers share (embeddings, relative positions) is at 0."""
        for own in self.lists:
            if name.startswith(f"{own}."):
                return int(name[len(own) + 1 :].split(".", 1)[0]) + 1
        return n_layers + 1 if name in self.last else 0


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
        settings[_key(config, "num_hidden_layers")] = n_layers
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
            None, config=made, state_dict=state, output_loading_info=True, dtype=torch.float32
        )
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


@functools.lru_cache(maxsize=32)
def anatomy(config: str) -> Anatomy:
    """The parts of the module of a configuration.

    Raises:
        CheckpointError: it is none that can be fine-tuned by depth.
    """
    n_layers = min(TWIN_LAYERS, configuration(config).num_hidden_layers)
    changes = {_key(config, "vocab_size"): TWIN_WORDS} | dict.fromkeys(_large_token_ids(config), 0)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        body = build(config, n_layers=n_layers, changes=changes, fresh=True).eval()
        lists = _layer_lists(body, n_layers)
        if not lists:
            raise CheckpointError(
                f"transformers' {body.config.model_type} module has no list of its {n_layers} layers or more (ALBERT's "
                "layers share their weights): there is nothing to freeze or decay by depth; use another encoder"
            )
        words = _word_table(body)
        if sum(1 for _ in body.named_parameters(remove_duplicate=False)) != sum(1 for _ in body.parameters()):
            raise CheckpointError("parts of the encoder share weights; use an encoder whose parts have their own")
        last = _follow_the_layers(body, lists)
        _check_padding(body)
    signature = inspect.signature(body.forward).parameters
    return Anatomy(
        words=words,
        lists=tuple(lists),
        last=frozenset(last),
        takes_segments="token_type_ids" in signature and getattr(body.config, "type_vocab_size", 0) > 1,
        padding_positions=_padding_positions(body, configuration(config).pad_token_id),
    )


def auto_config(config: str, n_layers: int) -> dict[str, Any]:
    """The contents of config.json, at this depth."""
    told = configuration(config, n_layers=n_layers).to_dict()
    told = {name: value for name, value in told.items() if name not in LEFT_OUT and not name.startswith("_")}
    return json.loads(json.dumps(told, default=str))


def _key(config: str, name: str) -> str:
    """What a family calls one of transformers' common settings (DistilBERT: n_layers)."""
    from transformers import CONFIG_MAPPING

    return CONFIG_MAPPING[json.loads(config)["model_type"]].attribute_map.get(name, name)


def _large_token_ids(config: str) -> set[str]:
    """Settings that name an entry which the twin's few words have not, given or by default."""
    told = configuration(config).to_dict()
    return {k for k, v in told.items() if k.endswith("token_id") and isinstance(v, int) and v >= TWIN_WORDS - 16}


def _layer_lists(body: nn.Module, n_layers: int) -> list[str]:
    """The outermost module lists of that length."""
    found: list[str] = []
    for name, module in body.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == n_layers:
            found += [name] if not any(name.startswith(f"{outer}.") for outer in found) else []
    return found


def _word_table(body: nn.Module) -> str:
    table = body.get_input_embeddings()
    names = [name for name, module in body.named_modules() if module is table]
    if not isinstance(table, nn.Embedding) or table.num_embeddings != TWIN_WORDS or not names:
        raise CheckpointError("the encoder has no table of words; use one that reads a tokenizer's sub-words")
    return f"{names[0]}.weight"


def _twin_ids(*lengths: int) -> tuple[Tensor, Tensor]:
    """(ids, attention mask) of texts of these lengths, padded, and other words in each."""
    longest = max(lengths)
    mask = torch.tensor([[int(place < own) for place in range(longest)] for own in lengths])
    ids = TWIN_WORDS - 1 - torch.arange(len(lengths) * longest).view(-1, longest) % 16
    return ids, mask


def _read(body: nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
    try:
        hidden = body(input_ids=ids, attention_mask=mask)[0]
    except Exception as error:  # whatever an architecture asks for that a text has not
        raise CheckpointError(
            f"transformers' {body.config.model_type} cannot read a text ({first_line(error)})"
        ) from None
    if hidden.shape != (*ids.shape, body.config.hidden_size):
        raise CheckpointError(f"gives {tuple(hidden.shape)} for {tuple(ids.shape)} sub-words; use a plain encoder")
    return hidden


def _follow_the_layers(body: nn.Module, lists: list[str]) -> list[str]:
    """Parameters in no layer that the last layer's output does not depend on, but the module's does."""
    outputs: list[Tensor] = []

    def keep(_module: nn.Module, _given: Any, output: Any) -> None:
        outputs.append(output if isinstance(output, Tensor) else output[0])

    hooks = [body.get_submodule(own)[-1].register_forward_hook(keep) for own in lists]
    hidden = _read(body, *_twin_ids(5))
    for hook in hooks:
        hook.remove()
    trained = {name: p for name, p in body.named_parameters() if p.requires_grad}
    reached = torch.autograd.grad(hidden.sum(), list(trained.values()), allow_unused=True, retain_graph=True)
    idle = [name for name, gradient in zip(trained, reached, strict=True) if gradient is None]
    if idle:
        raise CheckpointError(f"no output depends on its parameter {idle[0]!r}; use a plain encoder")
    below = torch.autograd.grad(outputs[-1].sum(), list(trained.values()), allow_unused=True)
    after = [name for name, gradient in zip(trained, below, strict=True) if gradient is None]
    return [name for name in after if not any(name.startswith(f"{own}.") for own in lists)]


def _check_padding(body: nn.Module) -> None:
    """A text's states must not depend on what it was padded with."""
    ids, mask = _twin_ids(5, 3)
    with torch.no_grad():
        beside, alone = _read(body, ids, mask)[1, :3], _read(body, ids[1:, :3], mask[1:, :3])[0]
    if not torch.allclose(beside, alone, rtol=1e-3, atol=1e-4 * float(alone.abs().max())):
        raise CheckpointError(
            f"transformers' {body.config.model_type} reads its padding: a text would change with those beside it"
        )


def _padding_positions(body: nn.Module, pad_id: int | None) -> int:
    """RoBERTa's family counts positions from the row after that of padding."""
    most = body.config.max_position_embeddings
    for module in body.modules():
        if isinstance(module, nn.Embedding) and module.num_embeddings == most and module.padding_idx is not None:
            return (pad_id if body.config.pad_token_id == module.padding_idx else module.padding_idx) + 1
    return 0


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
