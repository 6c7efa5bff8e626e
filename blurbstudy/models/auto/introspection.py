"""What transformers' own module of an encoder is made of, for encoders that ours (encoder.py) is not: where its layers,
its word table and what follows the layers lie.

Nothing is told by the names of parameters: a small twin (few layers, few words) is built and run, and its gradients say
what depends on what.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import CheckpointError
from .module import build, configuration, first_line, setting_name

TWIN_LAYERS, TWIN_WORDS = 3, 64
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


@functools.lru_cache(maxsize=32)
def anatomy(config: str) -> Anatomy:
    """The parts of the module of a configuration.

    Raises:
        CheckpointError: it is none that can be fine-tuned by depth.
    """
    n_layers = min(TWIN_LAYERS, configuration(config).num_hidden_layers)
    changes = {setting_name(config, "vocab_size"): TWIN_WORDS} | dict.fromkeys(_large_token_ids(config), 0)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        body = build(config, n_layers=n_layers, changes=changes, fresh=True).eval()
        lists = _layer_lists(body, n_layers)
        if not lists:
            raise CheckpointError(
                f"transformers' {body.config.model_type} module has no list of its layers (ALBERT's "
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
