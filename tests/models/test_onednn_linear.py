"""A dense layer gives what torch's own gives, values and gradients, whichever library multiplies."""

import pytest
import torch
import torch.nn.functional as F

from blurbstudy.models import onednn_linear as module
from blurbstudy.models.onednn_linear import onednn_linear, onednn_linear_gelu


def like_in_double(x, weight, bias, upstream):
    """torch's own layer in double precision: output and three gradients."""
    arguments = [tensor.double().detach().requires_grad_() for tensor in (x, weight, bias)]
    out = F.linear(*arguments)
    out.backward(upstream.double())
    return [out, *(tensor.grad for tensor in arguments)]


@pytest.mark.parametrize(
    "rows, inputs, outputs", [(1, 3, 5), (33, 64, 64), (100, 48, 200), (100, 200, 48), (257, 7, 1)]
)
@pytest.mark.parametrize("strided", [False, True])
def test_values_and_gradients_are_those_of_torch(rows, inputs, outputs, strided):
    torch.manual_seed(0)
    x = torch.randn(inputs, rows).t() if strided else torch.randn(rows, inputs)
    weight = torch.randn(3, outputs, inputs)[1] if strided else torch.randn(outputs, inputs)
    bias, upstream = torch.randn(outputs), torch.randn(rows, outputs)
    arguments = [tensor.detach().requires_grad_() for tensor in (x, weight, bias)]
    out = onednn_linear(*arguments)
    out.backward(upstream)
    for actual, expected in zip(
        [out, *(t.grad for t in arguments)], like_in_double(x, weight, bias, upstream), strict=True
    ):
        torch.testing.assert_close(actual.double(), expected, rtol=1e-5, atol=1e-4)


def test_what_needs_no_gradient_gets_none():
    x, weight, bias = torch.randn(4, 3), torch.randn(5, 3), torch.randn(5, requires_grad=True)
    onednn_linear(x, weight, bias).sum().backward()
    assert x.grad is None and weight.grad is None
    assert torch.equal(bias.grad, torch.full((5,), 4.0))


def test_no_rows_give_no_rows():
    assert onednn_linear(torch.empty(0, 3), torch.randn(5, 3), torch.randn(5)).shape == (0, 5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions_stay_what_they_are(dtype):
    x, weight, bias = (torch.randn(shape, dtype=dtype) for shape in ((4, 3), (5, 3), (5,)))
    assert torch.equal(onednn_linear(x, weight, bias), F.linear(x, weight, bias))


def test_autocast_is_obeyed():
    x, weight, bias = torch.randn(4, 3), torch.randn(5, 3), torch.randn(5)
    with torch.autocast("cpu", torch.bfloat16):
        assert onednn_linear(x, weight, bias).dtype == torch.bfloat16


def test_without_onednn_torchs_own_is_used(monkeypatch):
    monkeypatch.setattr(module, "_has_onednn", lambda: False)
    x, weight, bias = torch.randn(4, 3), torch.randn(5, 3), torch.randn(5)
    assert torch.equal(onednn_linear(x, weight, bias), F.linear(x, weight, bias))


@pytest.mark.parametrize("rows", [0, 1, 300])
def test_gelu_on_the_way_is_gelu_behind(rows):
    torch.manual_seed(0)
    x, weight, bias = torch.randn(rows, 64) * 2, torch.randn(200, 64), torch.randn(200)
    expected = F.gelu(F.linear(x.double(), weight.double(), bias.double()))
    with torch.inference_mode():
        torch.testing.assert_close(onednn_linear_gelu(x, weight, bias).double(), expected, rtol=1e-5, atol=1e-4)


def test_outside_of_inference_mode_gelu_comes_behind_to_the_bit():
    """Evaluation in training: what runs have recorded stays the same."""
    x, weight, bias = torch.randn(300, 64), torch.randn(200, 64), torch.randn(200)
    with torch.no_grad():
        assert torch.equal(onednn_linear_gelu(x, weight, bias), F.gelu(onednn_linear(x, weight, bias)))
