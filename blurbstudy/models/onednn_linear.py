"""A dense layer on a CPU, computed by oneDNN where PyTorch has it.

PyTorch computes float32 products on a CPU with MKL, which leaves half of the vector width unused on processors that are
not Intel's; oneDNN, which also ships with PyTorch, does not. Measured on an AMD EPYC with AVX-512, one thread, billion
operations per second: forward 110 (MKL) and 250 (oneDNN), gradient of the weight 110 and 215. Not measured on Intel.
Both compute in float32 and differ only in the order of sums; the choice is fixed rather than timed, so that the same
machine gives the same bits.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import BackwardCFunction


def onednn_linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """(rows, inputs), (outputs, inputs), (outputs,) -> (rows, outputs)."""
    if _is_supported(x, weight, bias) and len(x):
        return _OneDnnLinear.apply(x, weight, bias)  # pyright: ignore[reportReturnType]
    return F.linear(x, weight, bias)


def onednn_linear_gelu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """GELU of the product. In inference mode oneDNN applies GELU to each part of the product while it is in the cache;
    otherwise, evaluation during training included, in a second step, so that recorded runs stay the same to the bit.
    """
    if torch.is_inference_mode_enabled() and _is_supported(x, weight, bias) and len(x):
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "gelu", [], "none")
    return F.gelu(onednn_linear(x, weight, bias))


def _is_supported(*tensors: Tensor) -> bool:
    """Whether oneDNN can compute with these tensors: float32 on a CPU, no autocast."""
    return (
        all(tensor.device.type == "cpu" and tensor.dtype == torch.float32 for tensor in tensors)
        and not torch.is_autocast_enabled("cpu")
        and _has_onednn()
    )


@functools.cache
def _has_onednn() -> bool:
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ weight.T + bias; any strides."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


class _Context(BackwardCFunction):
    saved_tensors: tuple[Tensor, Tensor]
    needs_input_grad: tuple[bool, bool, bool]


class _OneDnnLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _Context, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: _Context, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        return (
            _product(grad, weight.t()) if needs_x else None,
            _weight_gradient(x, grad) if needs_weight else None,
            grad.sum(0) if needs_bias else None,
        )


def _weight_gradient(x: Tensor, grad: Tensor) -> Tensor:
    """grad.T @ x: (outputs, inputs); with the longer axis as columns, which is faster."""
    if grad.shape[1] > x.shape[1]:
        return _product(x.t(), grad.t()).t()
    return _product(grad.t(), x.t())
