"""Introspection of transformers' encoder modules: where the layers, the word embeddings and the final norm are.

Nothing depends on the names of parameters: a small probe model (few layers, few words) is built and run, and its
gradients show what depends on what.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ...errors import CheckpointError, one_line
from .module import build, config_key, configuration

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PROBE_LAYERS, PROBE_WORDS = 3, 64
WORD_EMBEDDINGS = "embeddings.word_embeddings"  # our parameter name, whatever transformers calls it


@dataclass(frozen=True)
class ModuleLayout:
    """The parts of a module. Depth: see classifier.py."""

    word_embeddings: str  # parameter name
    layer_lists: tuple[str, ...]  # module lists with one entry per layer (XLM has several)
    after_layers: frozenset[str]  # parameters after the last layer: a final normalization
    takes_segments: bool
    padding_positions: int  # rows of the position table before a text's first token (RoBERTa)

    def depth(self, name: str, n_layers: int) -> int:
        """The depth of a parameter. Parameters that layers share (embeddings, relative positions) are at depth 0."""
        for layers in self.layer_lists:
            if name.startswith(f"{layers}."):
                return int(name[len(layers) + 1 :].split(".", 1)[0]) + 1
        return n_layers + 1 if name in self.after_layers else 0


@functools.lru_cache(maxsize=32)
def module_layout(config: str) -> ModuleLayout:
    """The layout of the module of a configuration (JSON). Raises CheckpointError: it cannot be fine-tuned by depth."""
    n_layers = min(PROBE_LAYERS, configuration(config).num_hidden_layers)
    changes = {config_key(config, "vocab_size"): PROBE_WORDS} | dict.fromkeys(_out_of_range_token_ids(config), 0)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        body = build(config, n_layers=n_layers, changes=changes, fresh=True).eval()
        layer_lists = _layer_lists(body, n_layers)
        if not layer_lists:
            raise CheckpointError(
                f"transformers' {body.config.model_type} module has no list of layers (ALBERT's layers share their "
                "weights), so nothing can be frozen or decayed by depth; use another encoder"
            )
        word_embeddings = _word_embeddings(body)
        if sum(1 for _ in body.named_parameters(remove_duplicate=False)) != sum(1 for _ in body.parameters()):
            raise CheckpointError("parts of the encoder share weights; use an encoder without shared weights")
        after_layers = _params_after_layers(body, layer_lists)
        _check_padding(body)
    signature = inspect.signature(body.forward).parameters
    return ModuleLayout(
        word_embeddings=word_embeddings,
        layer_lists=tuple(layer_lists),
        after_layers=frozenset(after_layers),
        takes_segments="token_type_ids" in signature and getattr(body.config, "type_vocab_size", 0) > 1,
        padding_positions=_padding_positions(body, configuration(config).pad_token_id),
    )


def _out_of_range_token_ids(config: str) -> set[str]:
    """Configuration keys that name a token id beyond the probe's vocabulary, set or by default."""
    values = configuration(config).to_dict()
    return {k for k, v in values.items() if k.endswith("token_id") and isinstance(v, int) and v >= PROBE_WORDS - 16}


def _layer_lists(body: nn.Module, n_layers: int) -> list[str]:
    """The outermost module lists of that length."""
    names: list[str] = []
    for name, module in body.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == n_layers:
            names += [name] if not any(name.startswith(f"{outer}.") for outer in names) else []
    return names


def _word_embeddings(body: PreTrainedModel) -> str:
    table = body.get_input_embeddings()
    names = [name for name, module in body.named_modules() if module is table]
    if not isinstance(table, nn.Embedding) or table.num_embeddings != PROBE_WORDS or not names:
        raise CheckpointError("the encoder has no word embeddings; use one that reads a tokenizer's sub-word tokens")
    return f"{names[0]}.weight"


def _probe_inputs(*lengths: int) -> tuple[Tensor, Tensor]:
    """(ids, attention mask) of padded texts of these lengths; each has other words."""
    longest = max(lengths)
    mask = torch.tensor([[int(position < length) for position in range(longest)] for length in lengths])
    ids = PROBE_WORDS - 1 - torch.arange(len(lengths) * longest).view(-1, longest) % 16
    return ids, mask


def _hidden_states(body: PreTrainedModel, ids: Tensor, mask: Tensor) -> Tensor:
    try:
        hidden = body(input_ids=ids, attention_mask=mask)[0]
    except Exception as error:  # whatever inputs an architecture needs besides text
        raise CheckpointError(
            f"transformers' {body.config.model_type} cannot read a text ({one_line(error)})"
        ) from None
    if hidden.shape != (*ids.shape, body.config.hidden_size):
        raise CheckpointError(f"gives {tuple(hidden.shape)} for {tuple(ids.shape)} tokens; use a plain encoder")
    return hidden


def _params_after_layers(body: PreTrainedModel, layer_lists: list[str]) -> list[str]:
    """Parameters outside the layers that the module's output depends on, but the last layer's output does not."""
    outputs: list[Tensor] = []

    def save_output(_module: nn.Module, _inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
        outputs.append(output if isinstance(output, Tensor) else output[0])

    hooks = [body.get_submodule(name)[-1].register_forward_hook(save_output) for name in layer_lists]  # type: ignore
    hidden = _hidden_states(body, *_probe_inputs(5))
    for hook in hooks:
        hook.remove()
    trained = {name: p for name, p in body.named_parameters() if p.requires_grad}
    gradients = torch.autograd.grad(hidden.sum(), list(trained.values()), allow_unused=True, retain_graph=True)
    unused = [name for name, gradient in zip(trained, gradients, strict=True) if gradient is None]
    if unused:
        raise CheckpointError(f"no output depends on its parameter {unused[0]!r}; use a plain encoder")
    gradients = torch.autograd.grad(outputs[-1].sum(), list(trained.values()), allow_unused=True)
    after = [name for name, gradient in zip(trained, gradients, strict=True) if gradient is None]
    return [name for name in after if not any(name.startswith(f"{layers}.") for layers in layer_lists)]


def _check_padding(body: PreTrainedModel) -> None:
    """Checks that a text's hidden states do not depend on its padding."""
    ids, mask = _probe_inputs(5, 3)
    with torch.no_grad():
        padded = _hidden_states(body, ids, mask)[1, :3]
        alone = _hidden_states(body, ids[1:, :3], mask[1:, :3])[0]
    if not torch.allclose(padded, alone, rtol=1e-3, atol=1e-4 * float(alone.abs().max())):
        raise CheckpointError(
            f"transformers' {body.config.model_type} reads its padding: a text's output would depend on its batch"
        )


def _padding_positions(body: PreTrainedModel, pad_id: int | None) -> int:
    """Position rows that only padding uses: RoBERTa's family counts positions from the row after padding."""
    n_positions = body.config.max_position_embeddings
    for module in body.modules():
        if isinstance(module, nn.Embedding) and module.num_embeddings == n_positions and module.padding_idx is not None:
            if pad_id is not None and body.config.pad_token_id == module.padding_idx:
                return pad_id + 1
            return module.padding_idx + 1
    return 0
