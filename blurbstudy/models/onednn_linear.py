"""One dense product on a CPU, by oneDNN where PyTorch has it.

PyTorch hands float32 products on a CPU to MKL, which on processors that are not Intel's leaves half of their vector
width unused; oneDNN, which PyTorch brings along too, does not. Measured on an AMD EPYC with AVX-512, one thread: 110
against 250 billion operations a second forward, 110 against 215 for the gradient of the weight. On Intel's own it was
not measured. Both are float32 throughout and differ in the order of sums alone; the choice is fixed rather than timed,
so that the same machine gives the same bits.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor


def dense(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """(rows, inputs), (outputs, inputs), (outputs,) -> (rows, outputs)."""
    if _is_plain(x, weight, bias) and len(x):
        return _Dense.apply(x, weight, bias)
    return F.linear(x, weight, bias)


def dense_gelu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """GELU of the product. In inference mode oneDNN applies it to each part of the product that the cache still holds;
    elsewhere, evaluation in training too, the two are apart, so that what was recorded stays the same to the bit.
    """
    if torch.is_inference_mode_enabled() and _is_plain(x, weight, bias) and len(x):
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "gelu", [], "none")
    return F.gelu(dense(x, weight, bias))


def _is_plain(*tensors: Tensor) -> bool:
    """Whether oneDNN can take these: float32 on a CPU, nothing cast on the way."""
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


class _Dense(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:  # noqa: ANN001
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:  # noqa: ANN001
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias = ctx.needs_input_grad
        return (
            _product(grad, weight.t()) if of_x else None,
            _weight_gradient(x, grad) if of_weight else None,
            grad.sum(0) if of_bias else None,
        )


def _weight_gradient(x: Tensor, grad: Tensor) -> Tensor:
    """grad.T @ x: (outputs, inputs); the longer side as columns, which is the faster."""
    if grad.shape[1] > x.shape[1]:
        return _product(x.t(), grad.t()).t()
    return _product(grad.t(), x.t())
